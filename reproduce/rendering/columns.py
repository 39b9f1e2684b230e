"""What several tables share: footnotes, the paper's cells as printed, and columns over models."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from reproduce import paper
from reproduce.analysis import causes as analysis
from reproduce.analysis import notes
from reproduce.names import IMAGE_METRICS, SLUGS
from reproduce.protocol import COLLAPSED, CONVERGED, CONVERGENCE_EPOCHS
from reproduce.rendering import numbers, wording
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH, METRICS, SPACE
from reproduce.rendering.table import Blocks, Column, Row, Table

ModelColumn = tuple[Column, Callable[[str], str]]
"""A column over models: its head, and slug → cell."""


def flags(material: Material, slugs: Iterable[str]) -> tuple[str, ...]:
    """Footnotes on †, ‡ and dashes, as far as rows of the table need them."""
    shown = list(slugs)
    notes = []
    if any(slug in material.collapsed for slug in shown):
        notes.append(
            f"† Collapsed by our criterion (MSE above {numbers.percent(COLLAPSED)} of the mean image's on the whole "
            "test set, or no active unit): kept here, never ranked or recommended."
        )
    if any(slug in material.unconverged for slug in shown):
        notes.append(
            f"‡ Not converged: the validation loss still fell by more than {numbers.percent(CONVERGED)} over the last "
            f"{numbers.in_words(CONVERGENCE_EPOCHS)} epochs of a run."
        )
    broken = [(slug, seed, why) for (slug, seed), why in material.failures.items() if slug in shown]
    for slug, why in dict.fromkeys((slug, why) for slug, _, why in broken):
        seeds = wording.seeds(seed for other, seed, reason in broken if (other, reason) == (slug, why))
        notes.append(f"Failed: {label(slug)}, {seeds}: {why}.")
    never = [
        slug for slug in shown if slug in material.absent and not any(slug == other for other, _, _ in broken)
    ]
    if never:
        notes.append(f"{DASH} No run yet: {numbers.listing(material.labels(never))}.")
    short = [
        slug
        for slug in shown
        if slug in material.ours.index and material.ours.at[slug, "n_seeds"] < len(material.seeds)
    ]
    if short:
        counts = material.ours.loc[short, "n_seeds"].astype(int)
        most = int(counts.max())
        every = len(short) == sum(slug in material.ours.index for slug in shown)
        who = "All values" if every else numbers.listing(material.labels(short))
        of = f"{numbers.in_words(len(material.seeds))} seeds"
        note = f"{who}: {'one' if most == 1 else f'at most {numbers.in_words(most)}'} of {of}"
        single = [slug for slug in short if counts[slug] == 1]
        fewer = f"; one only: {numbers.listing(material.labels(single))}" if single and most > 1 else ""
        notes.append(f"{note}{fewer}.")
    return tuple(notes)


def causes(material: Material) -> tuple[str, ...]:
    """A footnote that names, for every row that does not beat the mean image clearly, the cause and its evidence; and
    how fast the rows that are not converged were still improving."""
    notes = []
    if len(material.causes):
        told = (f"{label(str(slug))}: {_cause(row)}" for slug, row in material.causes.iterrows())
        limit = numbers.percent(1 - analysis.WEAK)
        notes.append(
            f"Less than {limit} below the mean image's MSE on the whole test set, and why: {'; '.join(told)}."
        )
    if material.unconverged:
        pace = analysis.falling(material.records)
        told = (f"{label(slug)} {numbers.percent(pace.get(slug), 2)}" for slug in material.unconverged)
        last = numbers.in_words(CONVERGENCE_EPOCHS)
        notes.append(
            f"Still falling over the last {last} epochs (after {material.profile.epochs} epochs at most the profile "
            f"ends training; of several seeds the one that fell most): {', '.join(told)}."
        )
    return tuple(notes)


_NOTES: Mapping[str, Callable[[Mapping[str, float]], str]] = {
    "stuck": lambda v: (
        f"{numbers.counted(round(v['pixels']), 'pixel')} stuck at black or white over the whole test set, saturated in "
        "training; they enter every metric"
    ),
    "negative-correlation": lambda v: (
        f"total correlation of {numbers.fixed(v['nats'], 1)} nats in training: a divergence cannot be negative, the "
        "estimate from batches of 64 is"
    ),
    "outgrown": lambda v: (
        f"codes of SD {numbers.fixed(v['sd'], 1)} (AE {numbers.fixed(v['ae'], 1)}) outgrow the gradient penalty"
    ),
    "hardly-penalised": lambda v: (
        f"the penalty is {numbers.percent(v['share'], 2)} of the loss: an AE by another name"
    ),
    "hardly-matched": lambda v: (
        f"the discrepancy from the prior is {numbers.percent(v['share'], 2)} of the loss at weight "
        f"{numbers.significant(v['weight'])}"
    ),
    "pushed": lambda v: (
        f"pushed to a KL of {numbers.integer(v['target'])} nats, where the VAE takes {numbers.fixed(v['vae'], 1)}"
    ),
    "chosen-without-adversary": lambda v: "the kept weights are chosen on reconstruction alone",
}
"""Kind of note → the words for its numbers. What follows is about the row that is named before it."""
assert tuple(_NOTES) == tuple(notes.KINDS)


def remarks(
    material: Material, slugs: Iterable[str], kinds: Iterable[str] = tuple(notes.KINDS)
) -> tuple[str, ...]:
    """A footnote on each row of the table that misleads without one, by what was measured."""
    shown, wanted = set(slugs), set(kinds)
    told: dict[str, list[str]] = {}
    for note in material.notes:
        if note.architecture in shown and note.kind in wanted:
            told.setdefault(note.architecture, []).append(_NOTES[note.kind](note.values))
    return tuple(f"{label(slug)}: {'; '.join(sentences)}." for slug, sentences in told.items())


def still(material: Material, column: str) -> tuple[str, ...]:
    """A footnote on PIQ over its floor where it is undefined: the models of which some pair does not move.

    column: still_pairs (the paper's pairs) or test_still_pairs (all).
    """
    if column not in material.ours:
        return ()
    counts = material.ours[column]
    if not (counts > 0).any():
        return ()
    total = numbers.integer(material.profile.whole_pairs if column.startswith("test_") else material.n_pairs)
    told = (
        f"{label(str(slug))} {numbers.fixed(n, 0 if n == round(n) else 1)}"
        for slug, n in counts[counts > 0].items()
    )
    return (
        f"{DASH} PIQ over its floor and SD/mean are undefined where the end frames of a pair are the same "
        "image. Pairs of "
        f"{total} that do not move, mean over seeds: {', '.join(told)}.",
    )


def _cause(row: pd.Series) -> str:
    units = numbers.value("active_units", row["active_units"])
    kl = "" if numbers.missing(row["kl"]) else f", KL {numbers.value('kl', row['kl'])} nats"
    share = numbers.value("mse_ratio", row["mse_ratio"])
    signs = {
        analysis.IGNORED: f"no unit is active{kl}",
        analysis.DRAWS: f"mean codes give {numbers.value('mse_ratio', row['mean_ratio'])} of that MSE, draws {share}",
        analysis.UNFINISHED: f"{share} of that MSE with {units} active units{kl}; the validation loss still fell by "
        f"{numbers.percent(row['falling'], 2)} over {numbers.in_words(CONVERGENCE_EPOCHS)} epochs",
        analysis.OUTWEIGHED: f"{share} of that MSE with {units} active units{kl} when the validation loss stood still",
    }
    return f"{signs[row['cause']]}: {wording.CAUSES[row['cause']]}"


def entry(models: pd.DataFrame, slug: str, column: Hashable) -> float | None:
    if slug not in models.index or column not in models.columns:
        return None
    found = models.at[slug, column]
    return None if pd.isna(found) else float(found)


def marked(material: Material, slug: str) -> str:
    return label(slug) + material.mark(slug)


def _cell(slug: str, metric: str, part: str) -> paper.Cell:
    return paper.Cell(1 if metric in IMAGE_METRICS else 2, slug, metric, part)


def printed(slug: str, metric: str) -> str:
    """The paper's cell as printed: "0.908 ± 0.048"."""
    cells = paper.tables().cells
    mean, spread = cells[_cell(slug, metric, "mean")], cells.get(_cell(slug, metric, "sd"))
    return f"{mean}{SPACE}±{SPACE}{spread}" if spread else mean


def printed_mean(slug: str, metric: str) -> str:
    """The same without its ±; nothing for a row that the paper does not have."""
    return paper.tables().cells[_cell(slug, metric, "mean")] if slug in paper.PAPER_SLUGS else ""


def rank_text(ranks: pd.Series, slug: str) -> str:
    return numbers.integer(ranks.get(slug))


def per_model(
    material: Material,
    models: pd.DataFrame,
    columns: Sequence[ModelColumn],
    *,
    references: bool = False,
) -> tuple[tuple[Column, ...], Blocks]:
    """A row a model of `models` in Table I's order: name, then what each column says of it."""
    heads = (Column("Model", align="l"), *(column for column, _ in columns))

    def block(slugs: Iterable[str]) -> tuple[Row, ...]:
        return tuple((marked(material, slug), *(cell(slug) for _, cell in columns)) for slug in slugs)

    blocks = [block(slug for slug in SLUGS if slug in models.index)]
    if references and len(material.references):
        blocks.append(block(material.references.index))
    return heads, tuple(blocks)


def model_table(
    material: Material,
    columns: Sequence[ModelColumn],
    *,
    models: pd.DataFrame | None = None,
    references: bool = False,
    notes: Sequence[str] = (),
    **table: Any,
) -> Table:
    """A table with a row a model (ours, unless others are given) and the footnotes that their marks need.

    table: name, title, remarks and what else a `Table` takes.
    """
    models = material.ours if models is None else models
    heads, blocks = per_model(material, models, columns, references=references)
    notes = (*flags(material, models.index), *notes)
    return Table(columns=heads, blocks=blocks, notes=notes, **table)


def plain(material: Material, name: str, group: str = "", head: str | None = None) -> ModelColumn:
    """A column of plain values of the models frame (references included)."""
    everything = pd.concat([material.ours, material.references])
    return (
        Column(METRICS[name.removeprefix("test_")].head if head is None else head, group),
        lambda slug: numbers.value(name, entry(everything, slug, name)),
    )
