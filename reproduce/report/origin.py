"""How the printed numbers were made: which protocol, length and definition of SSIM each printed row fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import measures
from reproduce.analysis.forensics import CANDIDATE, METRICS, SEED, nearest_epochs
from reproduce.analysis.measures import MEASURES, SSIM_DEFINITIONS
from reproduce.architectures.names import SLUGS, SSIMS
from reproduce.protocol import PROFILES
from reproduce.report import numbers
from reproduce.report.columns import printed_mean, unhealthy
from reproduce.report.context import FEWEST, Context, label
from reproduce.report.numbers import DASH
from reproduce.report.table import Column, Row, Table

WINDOWS = {
    "ssim": "a Gaussian 11×11 window",
    "ssim_uniform11": "a uniform 11×11 window",
    "ssim_uniform7": "a uniform 7×7 window",
    "ssim_uniform7_range2": "a uniform 7×7 window and data range 2 (scikit-image's old default)",
    "ssim_zero_padded": "a Gaussian 11×11 window over zero padding",
}
"""Definition of SSIM → its words in a sentence."""
IMPLEMENTATIONS = {"paper": "the paper's text", "pythae": "Pythae's classes"}
SHARED = (
    " Pythae's classes: runs of these where they compute something else than the text describes; where they compute "
    "the same, our rows."
)
LENGTHS = ("ssim", "mse", "piq")


def when(epoch: int) -> str:
    """The epoch of a candidate; "best" for kept weights that are from different epochs."""
    return numbers.integer(epoch) if epoch else "best"


def candidates(context: Context) -> Table | None:
    """How many printed rows agree with each protocol, length and definition; None without milestones."""
    found = context.forensics
    if found is None:
        return None
    table = found.candidates.reset_index()
    blocks = []
    for _, block in table.groupby(["profile", "implementation"], sort=False):
        rows: list[Row] = []
        for (profile, implementation, epoch, _), by in block.sort_values(
            "epoch", key=lambda epochs: epochs.where(epochs > 0, np.inf), kind="stable"
        ).groupby(CANDIDATE[:-1], sort=False):
            cells = by.set_index("definition")
            shown = (
                f"{cells.at[name, 'agree']} ({numbers.fixed(cells.at[name, 'chance'], 1)})" for name in SSIMS
            )
            head = (str(profile), IMPLEMENTATIONS[str(implementation)], when(int(epoch)))
            rows.append((*head, numbers.integer(by["rows"].iloc[0]), *shown))
        blocks.append(tuple(rows))
    return Table(
        name="forensics",
        title="How many printed rows agree with each protocol, length and definition of SSIM.",
        remarks=f"Seed {SEED}. A row agrees if none of SSIM, MSE, PSNR, PIQ, ISS and I-SSIM lies outside the "
        "simultaneous 95% interval of its difference from the printed value. In brackets: how many rows would agree if "
        "they were assigned to models at random, since many models are alike. Best: the weights that were kept, "
        "if they are from different epochs." + (SHARED if "pythae" in set(table["implementation"]) else ""),
        columns=(
            Column("Profile", align="l"),
            Column("Implements", align="l"),
            Column("Epoch"),
            Column("Rows"),
            *(Column(head, "Agree, by SSIM") for head in SSIM_DEFINITIONS.values()),
        ),
        blocks=tuple(blocks),
        size="scriptsize",
    )


def rows(context: Context) -> Table | None:
    """Each model beside its printed row, by the candidate with which most rows agree; None without milestones."""
    found = context.forensics
    if found is None:
        return None
    winner = found.winner
    ours = found.of(tuple(winner[CANDIDATE]))
    printed = paper.models()

    def cell(slug: str, metric: str) -> str:
        return f"{numbers.value(metric, ours.at[slug, metric])} / {numbers.value(metric, printed.at[slug, metric])}"

    def row(slug: str) -> Row:
        own = ours.loc[slug]
        agrees = "yes" if own["agrees"] else f"no: {MEASURES[own['worst']].head}"
        cells = (cell(slug, metric) for metric in METRICS)
        return (label(slug), *cells, numbers.fixed(own["distance"], 2), agrees)

    ordered = ours.sort_values("distance", kind="stable").index
    return Table(
        name="forensics-rows",
        title="Each printed row beside the protocol that most rows agree with.",
        remarks=f"Ours / printed: {described(winner)}. Distance: root mean square in standard deviations of the "
        "printed columns. Agrees: if not, the metric farthest off.",
        columns=(
            Column("Model", align="l"),
            *(Column(MEASURES[metric].head, "Ours / printed") for metric in METRICS),
            Column("Distance"),
            Column("Agrees", align="l"),
        ),
        blocks=(tuple(row(str(slug)) for slug in ordered),),
        size="scriptsize",
    )


SETTINGS: Mapping[str, Callable[[pd.Series], str]] = {
    "implementation": lambda candidate: f"implemented from {IMPLEMENTATIONS[candidate['implementation']]}",
    "definition": lambda candidate: f"with SSIM by {WINDOWS[candidate['definition']]}",
}
"""Column of a candidate → its words in a sentence."""


def described(candidate: pd.Series, settings: Iterable[str] = tuple(SETTINGS)) -> str:
    """A candidate's training in words, and those settings."""
    profile = PROFILES[candidate["profile"]]
    epoch = int(candidate["epoch"])
    length = numbers.counted(epoch or profile.epochs, "epoch")
    length = length if epoch else f"the weights kept of {length}"
    return ", ".join([f"{length} ({profile.name})", *(SETTINGS[name](candidate) for name in settings)])


def leading(candidates: pd.DataFrame) -> str:
    """The best candidate of each profile: "12 agree with two epochs (desk), where chance gives 6.1; 10 agree with …".
    What they have in common is said once, at the end."""
    best = candidates.drop_duplicates("profile")
    common = [name for name in SETTINGS if best[name].nunique() == 1]
    apart = [name for name in SETTINGS if name not in common]
    each = (
        f"{numbers.integer(row['agree'])} agree with {described(row, apart)}, where chance gives "
        f"{numbers.fixed(row['chance'], 1)}"
        for _, row in best.iterrows()
    )
    ending = ", ".join(SETTINGS[name](best.iloc[0]) for name in common)
    who = {1: ", ", 2: "; both "}.get(len(best), "; all ")
    return "; ".join(each) + (f"{who}{ending}" if ending else "")


def lengths(context: Context) -> Table | None:
    """Printed values beside each profile's, and the epoch of the longest profile that is nearest to them."""
    known = {name: records for name, records in context.profiles.items() if len(records.milestones)}
    if len(known) < 2:
        return None
    models = {name: context.models[name] for name in known}
    longest = max(known, key=lambda name: PROFILES[name].epochs)
    best = [] if context.forensics is None else [context.forensics.winner["definition"]]
    near = {name: nearest_epochs(known[longest], name) for name in dict.fromkeys(["ssim", *best])}

    def row(slug: str) -> Row:
        cells: list[str] = []
        for metric in LENGTHS:
            cells.append(printed_mean(slug, metric))
            cells += [
                numbers.value(metric, frame.at[slug, metric]) if slug in frame.index else DASH
                for frame in models.values()
            ]
        epochs = (numbers.integer(found["epoch"].get(slug)) for found in near.values())
        return (label(slug), *cells, *epochs)

    present = [slug for slug in SLUGS if any(slug in frame.index for frame in models.values())]
    others = (name for name in models if name != longest)
    return Table(
        name="lengths",
        title="Printed values beside every profile's.",
        remarks="Means over all finished seeds of each profile, SSIM as the paper states it. Nearest epoch: among the "
        f"milestones of {longest}, the one whose six metrics lie nearest to the printed row; at the head the "
        "definition of SSIM.",
        columns=(
            Column("Model", align="l"),
            *(Column(head, MEASURES[metric].head) for metric in LENGTHS for head in ("printed", *models)),
            *(Column(SSIM_DEFINITIONS[name], "Nearest epoch") for name in near),
        ),
        blocks=(tuple(row(slug) for slug in present),),
        notes=(
            *filter(None, (from_longest(name, models[name], longest, models[longest]) for name in others)),
            *(line for name, records in known.items() for line in unhealthy(name, records)),
        ),
        size="scriptsize",
    )


def from_longest(name: str, models: pd.DataFrame, longest: str, reference: pd.DataFrame) -> str:
    """How far a profile lies from the longest one, over the models of both that did not collapse; "" for too few."""
    ours, theirs = measures.usable(models), measures.usable(reference)
    both = ours.index.intersection(theirs.index)
    if len(both) < FEWEST:
        return ""
    gaps = (ours["ssim"] - theirs["ssim"])[both].abs()
    ratio = (ours["piq"] / theirs["piq"])[both].median()
    return (
        f"{name} against {longest}, over {numbers.counted(len(both), 'model')}: SSIM differs by "
        f"{numbers.fixed(gaps.mean(), 3)} on average and {numbers.fixed(gaps.max(), 3)} at most; PIQ is "
        f"{numbers.fixed(ratio, 2)} times as large (median)."
    )


def told(context: Context) -> dict[str, Any] | None:
    """What the text says about the origin: with which candidates most rows agree, how many agree with the stated
    definition of SSIM, and the rows that no candidate explains; None without milestones of enough models."""
    found = context.forensics
    if found is None or found.candidates["rows"].max() < FEWEST:
        return None
    table = found.full.reset_index()
    stated = table[(table["definition"] == "ssim") & table["best"]]
    apart = ("implementation",) if stated["implementation"].nunique() > 1 else ()
    explained = found.explained
    return {
        "rows": int(table["rows"].iloc[0]),
        "leading": leading(table),
        "stated": numbers.listing(
            [f"{row['agree']} agree with {described(row, apart)}" for _, row in stated.iterrows()]
        ),
        "none": context.labels(map(str, explained.index[~explained["agrees"]])),
        "candidates": len(found.candidates),
        "full": len(table),
    }
