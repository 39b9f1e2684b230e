"""How the runs came about, and the profiles beside each other."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.names import SLUGS
from reproduce.protocol import profile
from reproduce.rendering import numbers, wording
from reproduce.rendering.columns import entry, printed_mean
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH, METRICS
from reproduce.rendering.table import Column, Row, Table
from reproduce.runs import RunId

COMPARED = ("ssim", "mse", "psnr", "piq", "iss", "i_ssim")


def log(material: Material) -> Table:
    """Every run with its times, its machine, how often it was interrupted, and what came of it."""
    runs = material.records.runs
    trained = runs[runs["architecture"].isin(SLUGS)]

    def row(run: pd.Series) -> Row:
        return (
            str(RunId(run["architecture"], run["seed"], run["variant"])),
            _moment(run.get("finished")),
            numbers.integer(run.get("epochs")),
            _minutes(run.get("training_seconds")),
            _minutes(run.get("evaluation_seconds")),
            numbers.integer(run.get("resumed")),
            run.get("hardware") or DASH,
            "finished" if run["status"] == "fresh" else f"failed: {run['reason']}",
        )

    order = trained.assign(
        place=trained["architecture"].map(SLUGS.index), finished=trained.get("finished")
    ).sort_values(["variant", "seed", "place"], kind="stable")
    return Table(
        name="log",
        title="The log of the campaign.",
        remarks="Wall time of all epochs, those before an interruption included, and of the evaluation; runs beside "
        "each other share the machine. Resumed: how often a run went on from its checkpoint.",
        columns=(
            Column("Run", align="l"),
            Column("Finished (UTC)", align="l"),
            Column("Epochs"),
            Column("training", "Minutes"),
            Column("evaluation", "Minutes"),
            Column("Resumed"),
            Column("Hardware", align="l", width=r"0.2\textwidth"),
            Column("Outcome", align="l", width=r"0.13\textwidth"),
        ),
        blocks=(tuple(row(run) for _, run in order.iterrows()),),
        layout="long",
    )


def _moment(seconds: float | None) -> str:
    if numbers.missing(seconds):
        return DASH
    assert seconds is not None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _minutes(seconds: float | None) -> str:
    return numbers.fixed(None if numbers.missing(seconds) else seconds / 60, 1)  # type: ignore[operator]


def stand_in(material: Material) -> Table | None:
    """Models that were also trained by the paper's protocol to the letter; None without them, or without others."""
    literal = "paper"
    if literal not in material.profiles or len(material.profiles) < 2:
        return None
    seeds = summaries.common_seeds(material.profiles)
    models = {
        name: summaries.summarise(summaries.only_seeds(records, seeds))
        for name, records in material.profiles.items()
    }
    blocks = []
    for slug in (slug for slug in SLUGS if slug in models[literal].index):
        rows = [
            (
                label(slug),
                name,
                numbers.integer(profile(name).epochs),
                *(numbers.value(metric, entry(frame, slug, metric)) for metric in COMPARED),
            )
            for name, frame in models.items()
            if slug in frame.index
        ]
        blocks.append((*rows, (label(slug), "as printed", "", *(printed_mean(slug, m) for m in COMPARED))))
    return Table(
        name="stand-in",
        title="How well shorter profiles stand in for the paper's protocol.",
        remarks=f"{wording.sentence(wording.seeds(seeds))}. The last row of each model is the paper's "
        f"({len(paper.tables().rows[1])} models; only those trained by every epoch that the paper allows are shown).",
        columns=(
            Column("Model", align="l"),
            Column("Profile", align="l"),
            Column("Epochs at most"),
            *(Column(METRICS[metric].head) for metric in COMPARED),
        ),
        blocks=tuple(blocks),
    )
