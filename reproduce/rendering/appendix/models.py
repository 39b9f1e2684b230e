"""What each model costs, and what its codes look like."""

from __future__ import annotations

from collections.abc import Callable

from reproduce.analysis import latent
from reproduce.rendering import numbers
from reproduce.rendering.columns import (
    entry,
    model_table,
    plain,
)
from reproduce.rendering.material import Material
from reproduce.rendering.table import Column, Table


def costs(material: Material) -> Table:
    """Parameters, times and memory, and what Section VII-D says of them is judged elsewhere."""
    parts = ("parameters_encoder", "parameters_decoder", "parameters_other")
    runs = material.runs[material.runs["status"] == "fresh"]
    counts = runs.groupby("architecture")[[part for part in parts if part in runs.columns]].max()

    def count(part: str) -> Callable[[str], str]:
        return lambda slug: numbers.integer(entry(counts, slug, part))

    epochs = runs.groupby("architecture")["epochs"].agg(["min", "max"])

    def span(slug: str) -> str:
        low, high = (int(epochs.at[slug, end]) for end in ("min", "max"))
        return str(low) if low == high else f"{low}–{high}"

    columns = [
        *((Column(part.removeprefix("parameters_"), "Parameters"), count(part)) for part in parts),
        plain(material, "parameters", "Parameters", "total"),
        (Column("Epochs"), span),
        plain(material, "training_seconds"),
        plain(material, "inference_microseconds"),
        plain(material, "peak_memory_mib"),
    ]
    return model_table(
        material,
        columns,
        name="costs",
        title="Parameters, training time, inference time and memory.",
        remarks="Means over seeds, measured on the machine named in the provenance table; “other” "
        "holds codebooks, "
        "flows, pseudo-inputs, inner levels and discriminators.",
    )


def diagnostics(material: Material) -> Table:
    """What shows a collapse: KL, active units, spread of the codes, and the error beside the mean image's."""
    columns = [plain(material, name) for name in ("kl", "active_units", "code_sd", "mse_ratio")]
    runs = material.runs[material.runs["status"] == "fresh"]
    best = runs.groupby("architecture")[["best_epoch", "epochs"]].mean()
    columns += [
        (Column("Best epoch"), lambda slug: numbers.fixed(entry(best, slug, "best_epoch"), 1)),
        (Column("Epochs"), lambda slug: numbers.fixed(entry(best, slug, "epochs"), 1)),
    ]
    return model_table(
        material,
        columns,
        name="diagnostics",
        title="Codes and convergence.",
        remarks="Means over seeds. A unit is active if the variance of its posterior mean over test "
        "images exceeds "
        "0.01; KL is a dash where the objective has none.",
        layout="column",
        size="scriptsize",
    )


def codes(material: Material) -> Table | None:
    """Geometry of the codes; None where the profile gives no verdicts."""
    if not material.verdicts_allowed:
        return None
    found = latent.geometry(material.records, tuple(material.ours.index))
    heads = {
        "silhouette": "Silhouette",
        "neighbour_accuracy": "Nearest-neighbour accuracy",
        "axis_alignment": "Axis alignment",
    }

    def cell(column: str) -> Callable[[str], str]:
        return lambda slug: numbers.fixed(entry(found, slug, column), 3)

    columns = [(Column(head), cell(column)) for column, head in heads.items()]
    return model_table(
        material,
        columns,
        name="codes",
        title="Geometry of 1,000 test codes.",
        remarks="Silhouette: how far digits form islands. Nearest-neighbour accuracy: how often the "
        "closest other code has "
        "the same digit. Axis alignment: how far the directions between digits run along single axes "
        "(1: a grid).",
        layout="column",
    )
