"""What each model costs, and what its codes look like."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from reproduce.analysis import claims, failures, latent
from reproduce.names import BASELINE, SLUGS
from reproduce.rendering import numbers
from reproduce.rendering.columns import ModelColumn, entry, flags, marked, model_table, plain
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH
from reproduce.rendering.table import Column, Table

PRINTED_MINUTES = ("run-time", "VII-D")
"""Kind and section of the claims that print minutes of training."""


def printed_minutes() -> dict[str, str]:
    """Slug → minutes of training as Section VII-D prints them: "10–15"."""
    return {
        slug: "–".join(claim.printed)
        for claim in claims.load()
        if (claim.kind, claim.section) == PRINTED_MINUTES
        for slug in claim.rests_on()
    }


def costs(material: Material) -> Table:
    """Parameters, times and memory, each beside the VAE's, and the minutes that Section VII-D prints."""
    parts = ("parameters_encoder", "parameters_decoder", "parameters_other")
    runs = material.finished
    counts = runs.groupby("architecture")[[part for part in parts if part in runs.columns]].max()

    def count(part: str) -> Callable[[str], str]:
        return lambda slug: numbers.integer(entry(counts, slug, part))

    epochs = runs.groupby("architecture")["epochs"].agg(["min", "max"])

    def span(slug: str) -> str:
        low, high = (int(epochs.at[slug, end]) for end in ("min", "max"))
        return str(low) if low == high else f"{low}–{high}"

    found, minutes = failures.costs(material.ours), printed_minutes()

    def cost(name: str, decimals: int) -> Callable[[str], str]:
        return lambda slug: numbers.fixed(entry(found, slug, name), decimals)

    def with_ratio(group: str, name: str, head: str, decimals: int) -> list[ModelColumn]:
        return [
            (Column(head, group), cost(name, decimals)),
            (Column(f"÷ {label(BASELINE)}'s", group), cost(f"{name}_over_vae", 2)),
        ]

    columns = [
        *((Column(part.removeprefix("parameters_"), "Parameters"), count(part)) for part in parts),
        plain(material, "parameters", "Parameters", "total"),
        (Column("Epochs"), span),
        *with_ratio("Training", "training_minutes", "minutes", 1),
        (Column("paper, minutes", "Training"), lambda slug: minutes.get(slug, DASH)),
        *with_ratio("Inference", "inference_microseconds", "µs/image", 0),
        *with_ratio("Peak memory", "peak_memory_mib", "MiB", 0),
    ]
    return model_table(
        material,
        columns,
        name="costs",
        title="Parameters, training time, inference time and memory.",
        remarks="Measured on the machine named in the provenance table, runs beside each other sharing it. Times are "
        "the least of all seeds (for training, seconds an epoch), since other work can only add to them; the log has "
        "every run's. “Other” holds flows, pseudo-inputs, inner levels, discriminators and VQ-VAE's two 1×1 "
        "convolutions; its codebook, kept by moving averages, is not counted, nor are the biases before a batch norm, "
        "which it takes away again. The paper's "
        f"minutes (Section {PRINTED_MINUTES[1]}) belong to another machine and other epochs: only orders and ratios "
        f"can be compared. {DASH} No minutes printed for that model.",
        size="scriptsize",
    )


def diagnostics(material: Material) -> Table:
    """What shows a collapse: KL, active units, spread of the codes, and the error beside the mean image's."""
    columns = [plain(material, name) for name in ("kl", "active_units", "code_sd", "mse_ratio")]
    runs = material.finished
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
        remarks="Means over seeds. A unit is active if the variance of its posterior mean over test images exceeds "
        "0.01; KL is to the prior, whether the objective has it or not, and a dash where there is no posterior.",
        layout="column",
        size="scriptsize",
    )


OWN: dict[str, tuple[str, int]] = {
    "posterior_sd": ("Mean σ of the posterior", 3),
    "kl_first": ("KL of level 1 (nats)", 2),
    "kl_second": ("KL of level 2 (nats)", 2),
    "codes_in_use": ("Codes in use", 1),
    "perplexity": ("Perplexity of the codes", 1),
    "concentration": ("Mean κ", 1),
    "penalty_share": ("Gradient penalty's share of the objective", 3),
    "mmd": ("MMD to the prior", 4),
    "density_ratio": ("log density ratio (total correlation, nats)", 3),
    "chance_loss": ("Discriminator's loss by chance", 3),
}
"""An architecture's own diagnostics (`diag_…` in the records): what it is, decimals."""


def own_diagnostics(material: Material) -> Table | None:
    """What only some architectures have: codes in use, penalty, concentration, levels, MMD; None without any."""
    models = material.ours
    present = [name for name in OWN if f"diag_{name}" in models and models[f"diag_{name}"].notna().any()]
    if not present:
        return None

    def cells(slug: str) -> tuple[str, ...]:
        return tuple(
            "" if numbers.missing(entry(models, slug, f"diag_{name}")) else
            numbers.fixed(entry(models, slug, f"diag_{name}"), OWN[name][1])
            for name in present
        )  # fmt: skip

    slugs = [slug for slug in SLUGS if slug in models.index and any(cells(slug))]
    return Table(
        name="own-diagnostics",
        title="Diagnostics of the architectures' own kind.",
        remarks="Means over seeds and over the test set; an empty cell where an architecture has no such "
        "quantity. SD of "
        "the codes as in the table on codes and convergence.",
        columns=(
            Column("Model", align="l"),
            *(Column(OWN[name][0], width=r"0.07\textwidth", align="l") for name in present),
            Column("Code SD"),
        ),
        blocks=(
            tuple(
                (
                    marked(material, slug),
                    *cells(slug),
                    numbers.value("code_sd", entry(models, slug, "code_sd")),
                )
                for slug in slugs
            ),
        ),
        notes=flags(material, slugs),
        size="scriptsize",
    )


def codes(material: Material) -> Table | None:
    """Geometry of the codes, and of the t-SNE maps of some; None where the profile gives no verdicts."""
    if not material.verdicts_allowed:
        return None
    heads = {
        "silhouette": "Silhouette",
        "neighbour_accuracy": "Nearest-neighbour accuracy",
        "axis_alignment": "Axis alignment",
    }
    found = {
        "Codes": latent.geometry(material.records, tuple(material.ours.index)),
        "t-SNE map": material.map_geometry,
    }

    def cell(frame: pd.DataFrame, column: str) -> Callable[[str], str]:
        return lambda slug: numbers.fixed(entry(frame, slug, column), 3)

    columns = [
        (Column(head, group), cell(frame, column))
        for group, frame in found.items()
        for column, head in heads.items()
    ]
    return model_table(
        material,
        columns,
        name="codes",
        title="Geometry of 1,000 test codes, and of their t-SNE maps.",
        remarks="Silhouette: how far digits form islands. Nearest-neighbour accuracy: how often the closest "
        "other code has "
        "the same digit. Axis alignment: how far the directions between digits run along single axes (1: a "
        "grid). On the "
        "map: what an eye reads off the picture, which t-SNE makes more of an archipelago than the codes are; only the "
        "models whose maps are drawn.",
        size="scriptsize",
    )
