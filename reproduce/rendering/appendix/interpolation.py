"""Interpolation beyond Table II: many pairs, and what a small PIQ is owed to."""

from __future__ import annotations

from reproduce.analysis import headline, measures
from reproduce.rendering import numbers
from reproduce.rendering.columns import entry, model_table, plain, rank_text, still
from reproduce.rendering.material import Material
from reproduce.rendering.table import Column, Table


def many_pairs(material: Material) -> Table:
    """The interpolation metrics on many pairs."""
    names = ("piq", "iss", "i_ssim", "uniformity", "end_distance", "piq_over_floor")
    columns = [plain(material, f"test_{name}") for name in names]
    return model_table(
        material,
        columns,
        references=True,
        name="many-pairs",
        title=f"Interpolation of {numbers.integer(material.profile.whole_pairs)} pairs.",
        remarks="The columns of Table II and of the table on the floor of PIQ, on more pairs of the "
        "same test set.",
        notes=still(material, "test_still_pairs"),
    )


def smoothness(material: Material) -> Table:
    """PIQ beside what it costs: its floor, and the evenness of the steps."""
    floors = measures.ranks(material.healthy, "piq_over_floor")
    by_piq = measures.ranks(material.healthy, "piq")
    even = measures.ranks(material.healthy, "uniformity")
    share = headline.mechanism(material.ours)
    steps = headline.STEPS
    columns = [
        plain(material, "piq"),
        plain(material, "end_distance"),
        (Column("Floor, share of PIQ"), lambda slug: numbers.percent(entry(share, slug, "floor_share"))),
        plain(material, "piq_over_floor"),
        plain(material, "uniformity"),
        plain(material, "sharpness"),
        (Column("PIQ", "Rank by"), lambda slug: rank_text(by_piq, slug)),
        (Column("over floor", "Rank by"), lambda slug: rank_text(floors, slug)),
        (Column("SD/mean", "Rank by"), lambda slug: rank_text(even, slug)),
    ]
    return model_table(
        material,
        columns,
        references=True,
        name="piq-floor",
        title="How much of a small PIQ is owed to end frames that lie close together.",
        remarks=f"End-frame distance is ‖f₁ − f_K‖² per pixel; {numbers.in_words(steps)} steps between two "
        "frames cannot "
        f"have a PIQ below 1/{steps**2} of it, and PIQ over that floor is 1 for the straightest, most even "
        "way. The share divides the means; PIQ over its floor is the mean of the pairs' ratios. SD/mean of the steps "
        "does not scale with their size. Sharpness is the mean gradient magnitude.",
        notes=still(material, "still_pairs"),
    )
