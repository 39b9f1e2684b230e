"""Shared parts of tables: footnotes, the paper's cells as printed, and columns over models."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from reproduce import paper
from reproduce.analysis import notes, summaries
from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import IMAGE_METRICS, SLUGS
from reproduce.protocol import COLLAPSED
from reproduce.report import numbers
from reproduce.report.context import Context, label
from reproduce.report.numbers import DASH, SPACE
from reproduce.report.table import Blocks, Column, Row, Table
from reproduce.storage.records import Records
from reproduce.verdicts import judge

ModelColumn = tuple[Column, Callable[[str], str]]
"""A column over models: its head, and slug → cell."""


def seed_names(known: Iterable[int]) -> str:
    """ "seed 42", or "seeds 42, 123 and 456"."""
    names = [str(seed) for seed in known]
    return f"seed{'s' * (len(names) > 1)} {numbers.listing(names)}"


def flags(context: Context, slugs: Iterable[str]) -> tuple[str, ...]:
    """Footnotes on †, ‡ and dashes, as far as the table's rows need them."""
    shown = list(slugs)
    notes = []
    if any(slug in context.collapsed for slug in shown):
        notes.append(
            f"† Collapsed by our criterion (MSE above {numbers.percent(COLLAPSED)} of the mean image's on the whole "
            "test set, or no active unit): kept here, never ranked or recommended."
        )
    if moved := [slug for slug in shown if slug in context.drifting.index]:
        ends = context.drifting.loc[moved]
        midway = numbers.integer(judge.MIDWAY.get(context.profile.name))
        few = len(context.drifting) <= len(context.ours) / 2
        who = "‡" if few else f"{numbers.counted(len(moved), 'row')}:"
        notes.append(
            f"{who} SSIM or PIQ moved by more than its margin between epoch {midway} and the last: SSIM by "
            f"{numbers.fixed(ends['ssim'].min(), 3)} to {numbers.fixed(ends['ssim'].max(), 3)}, PIQ by "
            f"{numbers.percent(ends['piq'].min())} to {numbers.percent(ends['piq'].max())}."
        )
    broken = [(slug, seed, why) for (slug, seed), why in context.failures.items() if slug in shown]
    for slug, why in dict.fromkeys((slug, why) for slug, _, why in broken):
        seeds = seed_names(seed for other, seed, reason in broken if (other, reason) == (slug, why))
        notes.append(f"Failed: {label(slug)}, {seeds}: {why}.")
    never = [
        slug for slug in shown if slug in context.absent and not any(slug == other for other, _, _ in broken)
    ]
    if never:
        notes.append(f"{DASH} No run yet: {numbers.listing(context.labels(never))}.")
    return (*notes, *few_seeds(context, shown))


def few_seeds(context: Context, slugs: Iterable[str]) -> tuple[str, ...]:
    """A footnote where models lack a seed: "Of three seeds: two of AE and VAE; one of all others"."""
    present = [slug for slug in slugs if slug in context.ours.index]
    counts = context.ours.loc[present, "n_seeds"].astype(int)
    if not (counts < len(context.seeds)).any():
        return ()
    groups = sorted(counts.groupby(counts), key=lambda group: len(group[1]))
    told = [
        f"{numbers.in_words(n)} of {numbers.listing(context.labels(own.index))}" for n, own in groups[:-1]
    ]
    told.append(f"{numbers.in_words(groups[-1][0])} of all{' others' * bool(told)}")
    return (f"Of {numbers.in_words(len(context.seeds))} seeds: {'; '.join(told)}.",)


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
"""Kind of note → the words for its numbers. They follow the name of the row."""
assert tuple(_NOTES) == tuple(notes.KINDS)


def remarks(
    context: Context, slugs: Iterable[str], kinds: Iterable[str] = tuple(notes.KINDS)
) -> tuple[str, ...]:
    """A footnote on each row of the table that would mislead without one (see `analysis.notes`)."""
    shown, wanted = set(slugs), set(kinds)
    told: dict[str, list[str]] = {}
    for note in context.notes:
        if note.architecture in shown and note.kind in wanted:
            told.setdefault(note.architecture, []).append(_NOTES[note.kind](note.values))
    return tuple(f"{label(slug)}: {'; '.join(sentences)}." for slug, sentences in told.items())


def unhealthy(of: str, records: Records, variant: str = "") -> tuple[str, ...]:
    """A footnote on the collapsed models and those with stuck pixels among runs whose rows bear no marks. of: what runs
    they are."""
    runs = summaries.finished(records, variant).groupby("architecture")
    collapsed, stuck = runs["collapsed"].any(), runs["stuck_pixels"].max()
    dead = [label(slug) for slug in SLUGS if collapsed.get(slug)]
    spoilt = [f"{label(slug)} ({numbers.integer(stuck[slug])})" for slug in SLUGS if stuck.get(slug, 0) > 0]
    told = [f"collapsed: {numbers.listing(dead)}"] * bool(dead)
    told += [f"pixels stuck at black or white: {numbers.listing(spoilt)}"] * bool(spoilt)
    return (f"{of}: {'; '.join(told)}.",) if told else ()


def still(context: Context, column: str) -> tuple[str, ...]:
    """A footnote on the models whose PIQ over its floor is undefined for some pairs, because these do not move.

    column: still_pairs (the paper's pairs) or test_still_pairs (all).
    """
    if column not in context.ours:
        return ()
    counts = context.ours[column]
    if not (counts > 0).any():
        return ()
    total = numbers.integer(context.profile.whole_pairs if column.startswith("test_") else context.n_pairs)
    told = (
        f"{label(str(slug))} {numbers.fixed(n, 0 if n == round(n) else 1)}"
        for slug, n in counts[counts > 0].items()
    )
    return (
        f"{DASH} PIQ over its floor and SD/mean are undefined where the end frames of a pair are the same "
        "image. Pairs of "
        f"{total} that do not move, mean over seeds: {', '.join(told)}.",
    )


def entry(models: pd.DataFrame, slug: str, column: Hashable) -> float | None:
    if slug not in models.index or column not in models.columns:
        return None
    found = models.at[slug, column]
    return None if pd.isna(found) else float(found)


def marked(context: Context, slug: str) -> str:
    return label(slug) + context.mark(slug)


def _cell(slug: str, metric: str, part: str) -> paper.Cell:
    return paper.Cell(1 if metric in IMAGE_METRICS else 2, slug, metric, part)


def printed(slug: str, metric: str) -> str:
    """The paper's cell as printed: "0.908 ± 0.048"."""
    cells = paper.tables().cells
    mean, spread = cells[_cell(slug, metric, "mean")], cells.get(_cell(slug, metric, "sd"))
    return f"{mean}{SPACE}±{SPACE}{spread}" if spread else mean


def printed_mean(slug: str, metric: str) -> str:
    """The same without its ±; "" for a row that the paper does not have."""
    return paper.tables().cells[_cell(slug, metric, "mean")] if slug in paper.PAPER_SLUGS else ""


def rank_text(ranks: pd.Series, slug: str) -> str:
    return numbers.integer(ranks.get(slug))


def per_model(
    context: Context,
    models: pd.DataFrame,
    columns: Sequence[ModelColumn],
    *,
    references: bool = False,
) -> tuple[tuple[Column, ...], Blocks]:
    """One row per model of `models`, in Table I's order: its name, then its cell of each column."""
    heads = (Column("Model", align="l"), *(column for column, _ in columns))

    def block(slugs: Iterable[str]) -> tuple[Row, ...]:
        return tuple((marked(context, slug), *(cell(slug) for _, cell in columns)) for slug in slugs)

    blocks = [block(slug for slug in SLUGS if slug in models.index)]
    if references and len(context.references):
        blocks.append(block(context.references.index))
    return heads, tuple(blocks)


def model_table(
    context: Context,
    columns: Sequence[ModelColumn],
    *,
    models: pd.DataFrame | None = None,
    references: bool = False,
    notes: Sequence[str] = (),
    **table: Any,
) -> Table:
    """A table with one row per model (ours, unless others are given) and the footnotes that their marks need.

    table: name, title, remarks and other fields of `Table`.
    """
    models = context.ours if models is None else models
    heads, blocks = per_model(context, models, columns, references=references)
    notes = (*flags(context, models.index), *notes)
    return Table(columns=heads, blocks=blocks, notes=notes, **table)


def plain(context: Context, name: str, group: str = "", head: str | None = None) -> ModelColumn:
    """A column of plain values of the models frame (references included)."""
    everything = pd.concat([context.ours, context.references])
    return (
        Column(MEASURES[name.removeprefix("test_")].head if head is None else head, group),
        lambda slug: numbers.value(name, entry(everything, slug, name)),
    )
