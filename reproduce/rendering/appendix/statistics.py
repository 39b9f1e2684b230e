"""Spread, tests and correlations behind the main text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from reproduce.analysis import pareto, statistics
from reproduce.names import BASELINE, SLUGS
from reproduce.rendering import numbers
from reproduce.rendering.columns import (
    ModelColumn,
    entry,
    model_table,
)
from reproduce.rendering.material import ALL_METRICS, Material, label
from reproduce.rendering.numbers import DASH, METRICS, SPACE
from reproduce.rendering.table import Column, Row, Table


def _spread_columns(material: Material, metric: str) -> list[ModelColumn]:
    """Mean ± SD over seeds of one metric, and both intervals."""
    frame = statistics.intervals(material.records, metric)

    def spread(slug: str) -> str:
        return numbers.plus_minus(metric, entry(frame, slug, "mean"), entry(frame, slug, "sd"))

    def interval(kind: str) -> Callable[[str], str]:
        ends = (f"{kind}_low", f"{kind}_high")
        return lambda slug: numbers.metric_interval(metric, *(entry(frame, slug, end) for end in ends))

    head = METRICS[metric].head
    return [
        (Column("mean ± SD", head), spread),
        (Column("Student's t", head), interval("student")),
        (Column("1.96·SD/√n", head), interval("printed")),
    ]


def seed_spread(material: Material) -> Table:
    """The spread over seeds, and Student's interval beside the paper's 1.96 SD/√3."""
    columns = [column for metric in ("ssim", "mse", "piq") for column in _spread_columns(material, metric)]
    return model_table(
        material,
        columns,
        name="seed-spread",
        title="Spread over seeds and 95% intervals of the mean.",
        remarks="SD here is over the means of the seeds, unlike in Tables I and II. The paper's interval "
        "takes the normal quantile, which for three seeds covers far less than 95%; Student's t covers 95%.",
        size="scriptsize",
    )


def _test_columns(material: Material, metric: str) -> list[ModelColumn]:
    """Difference from the VAE, effect size, and p in both units, of one metric."""
    by_image = statistics.against_baseline(material.records, metric, "images")
    by_seed = statistics.against_baseline(material.records, metric, "seeds")
    name, units = METRICS[metric].label, "images" if metric == "ssim" else "pairs"

    def p_of(frame: pd.DataFrame) -> Callable[[str], str]:
        def p(slug: str) -> str:
            starred = slug in frame.index and bool(frame.at[slug, "significant"])
            return numbers.p_value(entry(frame, slug, "p")) + (f"{SPACE}*" if starred else "")

        return p

    return [
        (Column("difference", name), lambda slug: numbers.value(metric, entry(by_image, slug, "difference"))),
        (Column("effect size", name), lambda slug: numbers.fixed(entry(by_image, slug, "effect_size"), 2)),
        (Column(f"p, {units}", name), p_of(by_image)),
        (Column("Holm", name), lambda slug: numbers.p_value(entry(by_image, slug, "p_holm"))),
        (Column("p, seeds", name), p_of(by_seed)),
    ]


def tests(material: Material) -> Table:
    """Paired t-tests against the VAE, in both units."""
    columns = [column for metric in ("ssim", "piq") for column in _test_columns(material, metric)]
    others = material.ours.drop(index=BASELINE, errors="ignore")
    return model_table(
        material,
        columns,
        models=others,
        name="tests",
        title=f"Paired t-tests against the {label(BASELINE)}, in both units that the paper's text allows.",
        remarks=f"An asterisk marks p < 0.05/{len(SLUGS)}, the printed threshold. Over seeds (the literal "
        "reading) three pairs leave hardly any power; over images and pairs each value is averaged over the "
        "seeds first. Effect size: mean difference over the SD of the differences. PIQ differences × 10³.",
        size="scriptsize",
    )


def correlations(material: Material) -> Table:
    """Pearson's r among all metrics: ours above the diagonal, the paper's tables below."""
    ours, _ = statistics.correlations(material.healthy, ALL_METRICS)
    theirs, _ = statistics.correlations(material.paper, ALL_METRICS)
    names = [METRICS[metric].label for metric in ALL_METRICS]
    rows = []
    for i, first in enumerate(ALL_METRICS):
        cells = [
            DASH if i == j else numbers.correlation((ours if j > i else theirs).at[first, second], 2)
            for j, second in enumerate(ALL_METRICS)
        ]
        rows.append((names[i], *cells))
    return Table(
        name="correlations",
        title="Pearson correlations among the metrics over models.",
        remarks=f"Above the diagonal our {len(material.healthy)} models that did not collapse or "
        "fail, below it the "
        "paper's Tables I and II.",
        columns=(Column("", align="l"), *(Column(name) for name in names)),
        blocks=(tuple(rows),),
        layout="column",
    )


def collapse(material: Material) -> Table:
    """Every ranking statement with and without the collapsed and failed rows."""

    def names(slugs: Iterable[str]) -> str:
        return ", ".join(material.labels(slugs)) or DASH

    def r(models: pd.DataFrame, first: str, second: str, how: Callable[..., statistics.Correlation]) -> str:
        found = how(models[first], models[second])
        if not np.isfinite(found.r):
            return DASH
        return f"{numbers.correlation(found.r)} {numbers.interval(found.low, found.high, 2)}"

    sets = (material.ours, material.healthy, material.paper)
    heads = (f"all {len(material.ours)}", f"the {len(material.healthy)} that can be ranked", "paper's tables")
    rows: list[tuple[str, ...]] = [
        ("r(SSIM, PIQ)", *(r(models, "ssim", "piq", statistics.pearson) for models in sets)),
        ("ρ(SSIM, PIQ), ranks", *(r(models, "ssim", "piq", statistics.spearman) for models in sets)),
        ("r(SSIM, MSE)", *(r(models, "ssim", "mse", statistics.pearson) for models in sets)),
        ("Pareto set", *(names(pareto.pareto_set(models)) for models in sets)),
    ]
    for title, rule in (("printed thresholds", pareto.regimes), ("ranks", pareto.regimes_by_rank)):
        found = [rule(models) for models in sets]
        rows += [
            (f"{regime.capitalize()} regime, by {title}", *(names(each[regime]) for each in found))
            for regime in found[0]
        ]
    rows.append(
        ("Best three by combined rank", *(names(pareto.combined_rank(models).index[:3]) for models in sets))
    )
    return Table(
        name="with-and-without",
        title="With and without the collapsed and failed rows.",
        remarks="A model whose decoder ignores the code is as smooth as can be: it would enter every set that PIQ "
        "alone decides.",
        columns=(
            Column("Statement", align="l", width=r"0.16\textwidth"),
            *(Column(head, align="l", width=r"0.25\textwidth") for head in heads),
        ),
        blocks=(tuple(rows),),
        size="scriptsize",
    )


def headline(material: Material) -> Table:
    """The correlation of SSIM and smoothness taken apart, in the paper's tables and in ours."""
    found = material.headline
    sources = list(dict.fromkeys(found.index.get_level_values("source")))

    def row(source: str, metric: str, subset: str) -> Row:
        value = found.loc[(source, metric, subset)]
        left = str(value["loo_model"])
        return (
            source,
            subset,
            numbers.integer(value["n"]),
            numbers.correlation(value["r"], 2),
            numbers.interval(value["low"], value["high"], 2),
            numbers.interval(value["boot_low"], value["boot_high"], 2),
            numbers.p_value(value["p"]),
            numbers.p_value(value["permutation_p"]),
            numbers.interval(value["loo_low"], value["loo_high"], 2) + (f" {label(left)}" if left else ""),
            numbers.correlation(value["rho"], 2),
            numbers.interval(value["rho_low"], value["rho_high"], 2),
        )

    def block(metric: str) -> tuple[Row, ...]:
        rows = []
        for source in sources:
            subsets = (
                found.loc[source].index if metric == "piq" and "seed" not in source else [("", "all models")]
            )
            names = [subset for found_metric, subset in subsets if found_metric in ("", metric)]
            rows += [row(source, metric, name) for name in names if (source, metric, name) in found.index]
        return tuple(rows)

    blocks, heads = [], []
    for metric, head in SMOOTHNESS_HEADS.items():
        rows = block(metric)
        if rows:
            blocks.append(tuple((head if k == 0 else "", *cells) for k, cells in enumerate(rows)))
            heads.append(head)
    columns = (
        Column("SSIM against", align="l"),
        Column("in", align="l"),
        Column("models", align="l"),
        Column("n"),
        Column("r", "Pearson"),
        Column("Fisher", "Pearson"),
        Column("bootstrap", "Pearson"),
        Column("p", "Pearson"),
        Column("permutation p", "Pearson"),
        Column("leaving one out", "Pearson", "l"),
        Column("ρ", "Spearman"),
        Column("95%", "Spearman"),
    )
    return Table(
        name="headline",
        title="The correlation of reconstruction and smoothness, taken apart.",
        remarks="All but “with collapsed rows” leave collapsed and failed models out. AE-like: SSIM "
        "within 0.02 and MSE "
        "within 10% of the AE's. Leaving one out: the extremes of r, and the model that moves it most.",
        columns=columns,
        blocks=tuple(blocks),
        size="scriptsize",
    )


SMOOTHNESS_HEADS = {
    "piq": "PIQ",
    "piq_over_floor": "PIQ over floor",
    "uniformity": "SD/mean of steps",
    "end_distance": "End distance",
}
