"""The duality of reconstruction and smoothness taken apart, and asked again of other measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from reproduce.analysis import claims, pareto, recommendations, statistics
from reproduce.analysis.headline import AE_MSE, AE_SSIM, BLUR_FREE, by_measure
from reproduce.rendering import numbers, wording
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH
from reproduce.rendering.table import Column, Row, Table

MEASURES = {
    "piq": "PIQ",
    "piq_over_floor": "PIQ over floor",
    "uniformity": "SD/mean of steps",
    "end_distance": "End distance",
}
"""What SSIM is held against, as table heads."""
EXPLAINED = (
    "Bootstrap: percentiles over resampled models. Permutation: p, and where 95% of r lie if pairings are "
    "shuffled. Leaving one out: the extremes of r, and the model that moves it most."
)


def correlation_of(row: pd.Series) -> statistics.Correlation:
    """Pearson's r of one row of statistics as a correlation."""
    return statistics.Correlation(row["r"], row["p"], int(row["n"]), row["low"], row["high"])


def _statistics(value: pd.Series) -> Row:
    """The cells of one row of statistics, under `_STATISTICS`."""
    left = str(value["loo_model"])
    return (
        numbers.integer(value["n"]),
        numbers.correlation(value["r"], 2),
        numbers.interval(value["low"], value["high"], 2),
        numbers.interval(value["boot_low"], value["boot_high"], 2),
        numbers.p_value(value["p"]),
        numbers.p_value(value["permutation_p"]),
        numbers.interval(value["null_low"], value["null_high"], 2),
        numbers.interval(value["loo_low"], value["loo_high"], 2) + (f" {label(left)}" if left else ""),
        numbers.correlation(value["rho"], 2),
        numbers.interval(value["rho_low"], value["rho_high"], 2),
    )


_STATISTICS = (
    Column("n"),
    Column("r", "Pearson"),
    Column("Fisher", "Pearson"),
    Column("bootstrap", "Pearson"),
    Column("p", "Pearson"),
    Column("p", "Permutation"),
    Column("95% of r", "Permutation"),
    Column("Leaving one out", align="l"),
    Column("ρ", "Spearman"),
    Column("95%", "Spearman"),
)


def _headline(material: Material, name: str, measures: Sequence[str], which: str) -> Table:
    """The correlation of SSIM and some measures over every subset, in the paper's tables, in ours, and by seed."""

    def rows(metric: str) -> Iterable[Row]:
        chosen = material.headline.xs(metric, level="smoothness_metric")
        for (source, subset), value in chosen.iterrows():
            if "seed" not in source or subset in ("all models", "without AE, WAE, VQ-VAE"):
                yield (source, subset, *_statistics(value))

    return Table(
        name=name,
        title=f"The correlation of reconstruction and {which}, taken apart.",
        remarks="All but “with collapsed rows” leave collapsed and failed models out. AE-like: SSIM within "
        f"{numbers.fixed(AE_SSIM, 2)} and MSE within {numbers.percent(AE_MSE)} of the AE's. {EXPLAINED}",
        columns=(
            Column("SSIM against", align="l"),
            Column("in", align="l"),
            Column("models", align="l"),
            *_STATISTICS,
        ),
        blocks=tuple(
            tuple((MEASURES[metric] if k == 0 else "", *row) for k, row in enumerate(rows(metric)))
            for metric in measures
        ),
        size="scriptsize",
    )


def headline(material: Material) -> Table:
    """By PIQ, as the paper measures smoothness, and by the end frames' distance, which carries it."""
    return _headline(material, "headline", ("piq", "end_distance"), "PIQ")


def blur_free(material: Material) -> Table:
    """By the measures that blur alone does not improve."""
    return _headline(
        material, "headline-blur-free", BLUR_FREE, "smoothness by measures that blur alone does not improve"
    )


def choices(material: Material) -> Table:
    """The same statistics, as far as they fit the body, under every choice that could have been another."""
    shown = [column for column in _STATISTICS if column.group != "Spearman" and column.head != "95% of r"]
    table = material.choices
    blocks = [
        tuple(
            (
                question if k == 0 else "",
                row["answer"],
                *(
                    cell
                    for cell, column in zip(_statistics(row), _STATISTICS, strict=True)
                    if column in shown
                ),
                wording.relation(correlation_of(row)),
            )
            for k, (_, row) in enumerate(rows.iterrows())
        )
        for question, rows in table.groupby("question", sort=False)
    ]
    return Table(
        name="choices",
        title="What would change the conclusion: r of SSIM and smoothness under other choices.",
        remarks="Each row changes one choice of the first. The last column says, by Fisher's interval, how "
        "the measure of "
        "smoothness goes with SSIM. Bootstrap: percentiles over resampled models. Permutation: shuffled "
        "pairings. Leaving "
        "one out: the extremes of r, and the model that moves it most.",
        columns=(
            Column("Choice", align="l"),
            Column("taken as", align="l"),
            *shown,
            Column("Smoothness … SSIM", align="l"),
        ),
        blocks=tuple(blocks),
        size="scriptsize",
    )


# --- statements on smoothness, asked again -----------------------------------------------------------------


def restated(material: Material) -> Table | None:
    """Every claim that compares models by smoothness, judged by PIQ and by two measures that blur does not improve."""
    found = material.restated
    if found is None:
        return None
    metrics = ("piq", *BLUR_FREE)
    rows = tuple(
        (str(name), row["wording"], *(row[metric] for metric in metrics)) for name, row in found.iterrows()
    )
    different = material.restated_different
    stand = claims.IN_RESULTS[claims.Outcome.HOLDS]
    stands = different[list(metrics)] == stand
    totals = tuple(
        (
            f"Of {len(different)} different",
            words,
            *(numbers.integer(mask[metric].sum()) for metric in metrics),
        )
        for words, mask in {
            f"{stand} by this measure": stands,
            f"{stand} by PIQ and by this measure": stands.mul(stands["piq"], axis=0),
        }.items()
    )
    return Table(
        name="restated",
        title="Statements on smoothness, judged by three measures of it.",
        remarks="Ranks, orders, correlations, tests of sameness and of difference, the Pareto set and what follows "
        "from them are found anew with the measure in PIQ's place, each by that measure's margin. Models that were "
        "still improving count as they are. Left out is what is "
        "about PIQ and nothing else: statements that print a size of it (values, extremes, means, ranges, gaps, "
        "ratios, models beyond a printed bound, numbers repeated elsewhere), its equation and its printed ±; and "
        "statements of sameness in several metrics at once.",
        columns=(
            Column("Claim", align="l", width=r"0.2\textwidth"),
            Column("What the paper states", align="l", width=r"0.37\textwidth"),
            *(Column(MEASURES[metric], align="l", width=r"0.12\textwidth") for metric in metrics),
        ),
        blocks=(totals, rows),
        layout="long",
    )


def sets(models: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """What follows from SSIM and smoothness: statement → slugs."""
    by_rank = pareto.regimes_by_rank(models)
    return {
        "Pareto set": pareto.pareto_set(models),
        **{f"{name.capitalize()} regime, by ranks": slugs for name, slugs in by_rank.items()},
        "Best three by combined rank": tuple(pareto.combined_rank(models).index[:3]),
        **{
            f"Recommended, {priority.lower()} first": recommendations.recommended(models, priority)
            for priority in recommendations.PRIORITIES
        },
    }


def side_by_side(material: Material, found: Mapping[str, Mapping[str, tuple[str, ...]]]) -> tuple[Row, ...]:
    """A row a statement, a cell a column of `found` (head → statement → slugs)."""
    first = next(iter(found.values()))
    return tuple(
        (name, *(", ".join(material.labels(column[name])) or DASH for column in found.values()))
        for name in first
    )


def restated_sets(material: Material) -> Table:
    """Frontier, regimes, ranking and recommendations by each measure of smoothness."""
    found = {MEASURES[m]: sets(by_measure(material.healthy, m)) for m in ("piq", *BLUR_FREE)}
    return Table(
        name="restated-sets",
        title="Frontier, regimes, ranking and recommendations by three measures of smoothness.",
        remarks="Over the models that can be ranked, by the same rules; only what stands for smoothness changes.",
        columns=(
            Column("Statement", align="l", width=r"0.16\textwidth"),
            *(Column(head, align="l", width=r"0.25\textwidth") for head in found),
        ),
        blocks=(side_by_side(material, found),),
        size="scriptsize",
    )


def collapse(material: Material) -> Table:
    """Every ranking statement with and without the collapsed and failed rows."""

    def r(models: pd.DataFrame, first: str, second: str, how: Callable[..., statistics.Correlation]) -> str:
        found = how(models[first], models[second])
        if not np.isfinite(found.r):
            return DASH
        return f"{numbers.correlation(found.r)} {numbers.interval(found.low, found.high, 2)}"

    frames = {
        f"all {len(material.ours)}": material.ours,
        f"the {len(material.healthy)} that can be ranked": material.healthy,
        "paper's tables": material.paper,
    }
    correlations = {
        "r(SSIM, PIQ)": ("ssim", "piq", statistics.pearson),
        "ρ(SSIM, PIQ), ranks": ("ssim", "piq", statistics.spearman),
        "r(SSIM, MSE)": ("ssim", "mse", statistics.pearson),
    }
    rows = [
        (name, *(r(models, *sides) for models in frames.values())) for name, sides in correlations.items()
    ]
    found = {
        head: {
            f"{regime.capitalize()} regime, by printed thresholds": slugs
            for regime, slugs in pareto.regimes(models).items()
        }
        | {name: slugs for name, slugs in sets(models).items() if not name.startswith("Recommended")}
        for head, models in frames.items()
    }
    return Table(
        name="with-and-without",
        title="With and without the collapsed and failed rows.",
        remarks="A model whose decoder ignores the code is as smooth as can be: it would enter every set that PIQ "
        "alone decides.",
        columns=(
            Column("Statement", align="l", width=r"0.16\textwidth"),
            *(Column(head, align="l", width=r"0.25\textwidth") for head in frames),
        ),
        blocks=((*rows, *side_by_side(material, found)),),
        size="scriptsize",
    )
