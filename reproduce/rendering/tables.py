"""Tables I–III beside the paper's, and the list of all tables.

Values come from a `Material` and are formatted by `numbers`; nothing here computes a statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from reproduce import paper
from reproduce.analysis import measures, recommendations
from reproduce.analysis.headline import by_measure
from reproduce.names import IMAGE_METRICS, PAIR_METRICS, REFERENCES, SLUGS
from reproduce.protocol import FRAMES
from reproduce.rendering import claim_tables, numbers, wording
from reproduce.rendering.appendix import campaign, duality, forensics, models, readings, register
from reproduce.rendering.appendix import interpolation as more_interpolation
from reproduce.rendering.appendix import reconstruction as more_reconstruction
from reproduce.rendering.appendix import statistics as more_statistics
from reproduce.rendering.columns import causes, entry, flags, marked, printed, rank_text, remarks, still
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH, METRICS
from reproduce.rendering.table import Blocks, Column, Row, Table, to_csv, to_latex, to_markdown


def _results(
    material: Material, order: Sequence[str], metrics: Sequence[str]
) -> tuple[tuple[Column, ...], Blocks]:
    """Name, ours and (where it prints them) the paper's for each metric, both ranks by the first; references below."""
    columns = [Column("Model", align="l")]
    printed_metrics = [metric for metric in metrics if metric in material.paper]
    for metric in metrics:
        head = METRICS[metric].head
        columns += [Column("ours", head), *([Column("paper", head)] if metric in printed_metrics else [])]
    columns += [Column("ours", "Rank"), Column("paper", "Rank")]
    ours, theirs = (measures.ranks(frame, metrics[0]) for frame in (material.healthy, material.paper))

    def row(slug: str, models: pd.DataFrame) -> Row:
        cells = [marked(material, slug)]
        for metric in metrics:
            mean, spread = entry(models, slug, metric), entry(models, slug, f"{metric}_sd")
            cells.append(numbers.plus_minus(metric, mean, spread))
            if metric in printed_metrics:
                cells.append(printed(slug, metric) if slug in paper.PAPER_SLUGS else "")
        ranks = [rank_text(ours, slug), rank_text(theirs, slug)] if slug in SLUGS else ["", ""]
        return (*cells, *ranks)

    blocks = [tuple(row(slug, material.ours) for slug in order)]
    if len(material.references):
        blocks.append(
            tuple(row(slug, material.references) for slug in REFERENCES if slug in material.references.index)
        )
    return tuple(columns), tuple(blocks)


def _row_order(table: int) -> tuple[str, ...]:
    """The paper's rows in its order, then whatever architectures it does not have."""
    printed = paper.tables().rows[table]
    return (*printed, *(slug for slug in SLUGS if slug not in printed))


_SPREAD = "± is the standard deviation over {what}, pooled over seeds."
_RANKED = "Our ranks leave out collapsed and failed models, the paper's are among its 22; ties share the better rank."


def reconstruction(material: Material) -> Table:
    """Table I, with the paper's row order."""
    order = _row_order(1)
    columns, blocks = _results(material, order, IMAGE_METRICS)
    return Table(
        name="table1",
        number="I",
        title=f"Reconstruction on {numbers.integer(material.n_images)} test images, ours beside the paper's.",
        remarks=f"{_SPREAD.format(what='images')} Ranks by SSIM. {_RANKED}",
        columns=columns,
        blocks=blocks,
        notes=(*flags(material, order), *causes(material), *remarks(material, order), *_capacity(material)),
        size="scriptsize",
    )


def _capacity(material: Material) -> tuple[str, ...]:
    """What "identical backbones" leaves different: the size of VQ-VAE's code, and the parameter counts."""
    notes = list(_larger_code(material.ours.index))
    counts = material.ours["parameters"].dropna().sort_values()
    if len(counts) > 1:
        low, high = (f"{numbers.integer(counts.iloc[i])} ({label(counts.index[i])})" for i in (0, -1))
        notes.append(f"Trained parameters range from {low} to {high}; the appendix lists them.")
    return tuple(notes)


def _larger_code(slugs: Iterable[str]) -> tuple[str, ...]:
    """A footnote where VQ-VAE is among the models."""
    note = "VQ-VAE's code holds 144 numbers (nine vectors of 16, 81 bits), the others' 16."
    return (note,) if "vq-vae" in slugs else ()


def interpolation(material: Material) -> Table:
    """Table II, with the paper's row order."""
    order = _row_order(2)
    columns, blocks = _results(material, order, ("piq", "piq_over_floor", *PAIR_METRICS[1:]))
    return Table(
        name="table2",
        number="II",
        title=f"Smoothness of {numbers.integer(material.n_pairs)} interpolations of "
        f"{numbers.in_words(FRAMES)} frames, ours beside "
        "the paper's.",
        remarks=f"{_SPREAD.format(what='pairs')} PIQ is per pixel, ISS is not; its floor is what the end frames alone "
        f"demand. Ranks by PIQ. {_RANKED}",
        columns=columns,
        blocks=blocks,
        notes=(
            *flags(material, order),
            *still(material, "still_pairs"),
            *readings.other_ways(material),
            *remarks(material, order, ("stuck",)),
        ),
        size="scriptsize",
    )


def applications(material: Material) -> Table:
    """Table III: recommendations derived from our results beside the paper's."""
    ours = recommendations.recommend(material.ours)
    theirs = paper.table3()
    kinds = ("recommended", "avoid")
    rows = []
    for (_, own), (_, printed_row) in zip(ours.iterrows(), theirs.iterrows(), strict=True):
        if own["testable"]:
            chosen = [", ".join(material.labels(own[kind], marks=True)) or DASH for kind in kinds]
        else:
            chosen = ["not testable: nothing here measures it", DASH]
        rows.append(
            (own["application"], own["priority"], chosen[0], printed_row["recommended_printed"],
             chosen[1], printed_row["avoid_printed"])
        )  # fmt: skip
    named = dict.fromkeys(chain.from_iterable(ours[list(kinds)].to_numpy().flat))
    columns = (
        Column("Application", align="l"),
        Column("Priority", align="l"),
        Column("ours, best first", "Recommended", "l", r"0.19\textwidth"),
        Column("paper", "Recommended", "l", r"0.17\textwidth"),
        Column("ours, worst first", "Avoid", "l", r"0.18\textwidth"),
        Column("paper", "Avoid", "l", r"0.13\textwidth"),
    )
    return Table(
        name="table3",
        number="III",
        title="Recommendations that follow from our results, beside the paper's.",
        remarks="Ours are derived by rule from SSIM, PIQ and the Pareto set, so applications of one "
        "priority agree.",
        columns=columns,
        blocks=(tuple(rows),),
        notes=(*flags(material, named), *_larger_code(named), *_other_measures(material)),
    )


def _other_measures(material: Material) -> tuple[str, ...]:
    """A footnote: places by PIQ of what Table III recommends for interpolation, and what the same rule recommends by
    measures of smoothness that blur alone does not improve."""
    models, priority = material.healthy, "Interpolation"
    chosen = recommendations.recommended(models, priority)
    if not chosen:
        return ()
    places = measures.ranks(models, "piq")
    own = numbers.listing(f"{label(slug)} {rank_text(places, slug)}" for slug in chosen)
    others = {
        words: numbers.listing(
            material.labels(recommendations.recommended(by_measure(models, metric), priority))
        )
        for metric, words in wording.BLUR_FREE_WORDS.items()
    }
    told = "; ".join(f"by {words} {names}" for words, names in others.items())
    return (f"Places by PIQ of what is recommended for interpolation: {own}. The same rule gives {told}.",)


MAIN: Mapping[str, Callable[[Material], Table | None]] = {
    "table1": reconstruction,
    "table2": interpolation,
    "table3": applications,
    "choices": duality.choices,
    "claims": claim_tables.important_claims,
}
APPENDIX: Mapping[str, Callable[[Material], Table | None]] = {
    "whole-test-set": more_reconstruction.whole_test_set,
    "many-pairs": more_interpolation.many_pairs,
    "ssim-windows": more_reconstruction.windows,
    "seed-spread": more_statistics.seed_spread,
    "seed-range": more_statistics.seed_range,
    "piq-floor": more_interpolation.smoothness,
    "tests": more_statistics.tests,
    "sameness": more_statistics.sameness,
    "correlations": more_statistics.correlations,
    "correlations-all": more_statistics.all_correlations,
    "families": more_statistics.family_means,
    "residuals": more_statistics.residuals,
    "with-and-without": duality.collapse,
    "costs": models.costs,
    "diagnostics": models.diagnostics,
    "own-diagnostics": models.own_diagnostics,
    "headline": duality.headline,
    "headline-blur-free": duality.blur_free,
    "restated-sets": duality.restated_sets,
    "restated": duality.restated,
    "by-digit": more_reconstruction.by_digit,
    "codes": models.codes,
    "readings": readings.readings,
    "sensitivity": readings.same_weights,
    "paths": readings.paths,
    "retrained": readings.retrained,
    "forensics": forensics.candidates,
    "forensics-rows": forensics.rows,
    "lengths": forensics.lengths,
    "stand-in": campaign.stand_in,
    "log": campaign.log,
    "register": register.register,
    "tally": claim_tables.tally,
    "margins": claim_tables.margins,
    "rules": claim_tables.rules,
    "cells-within": claim_tables.cells_within,
    "cells": claim_tables.cells,
    "ledger": claim_tables.ledger,
}


def build(material: Material) -> dict[str, Table]:
    """All tables by file name, in the report's order; tables without data are left out."""
    built = {name: make(material) for name, make in {**MAIN, **APPENDIX}.items()}
    return {name: table for name, table in built.items() if table is not None and table.rows}


def render(material: Material, folder: Path) -> dict[str, Table]:
    """Write every table into `folder` as .tex, .csv and .md."""
    folder.mkdir(parents=True, exist_ok=True)
    built = build(material)
    profile = material.records.profile
    for name, table in built.items():
        (folder / f"{name}.tex").write_text(to_latex(table, profile, here=name in APPENDIX), encoding="utf-8")
        (folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / f"{name}.md").write_text(to_markdown(table, profile), encoding="utf-8")
    return built
