"""Spread, tests and correlations behind the main text."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from reproduce.analysis import failures, families, statistics
from reproduce.names import ALL_METRICS, BASELINE
from reproduce.rendering import numbers
from reproduce.rendering.columns import ModelColumn, entry, flags, marked, model_table, plain
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH, METRICS, SPACE
from reproduce.rendering.table import Column, Table


def meanings(material: Material, *methods: str) -> tuple[str, ...]:
    """A footnote for each method: what it means beside the others, for as many seeds as any model has."""
    known = statistics.methods(max(material.ours["n_seeds"].astype(int), default=1))
    return tuple(f"{method[:1].upper()}{method[1:]}: {known[method]}." for method in methods)


def _spread_columns(material: Material, metric: str) -> list[ModelColumn]:
    """Mean ± SD over seeds of one metric, and three intervals."""
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
        (Column("pooled", head), interval("pooled")),
        (Column("1.96·SD/√n", head), interval("printed")),
    ]


def seed_spread(material: Material) -> Table:
    """The spread over seeds, and Student's and the pooled interval beside the paper's 1.96 SD/√3."""
    freedom = statistics.intervals(material.records, "ssim")["df"].max()
    columns = [column for metric in ("ssim", "mse", "piq") for column in _spread_columns(material, metric)]
    return model_table(
        material,
        columns,
        name="seed-spread",
        title="Spread over seeds and 95% intervals of the mean.",
        remarks="SD here is over the means of the seeds, unlike in Tables I and II."
        + (f" The pooled interval has {numbers.integer(freedom)} degrees of freedom." if freedom else ""),
        notes=meanings(material, "printed interval", "student interval", "pooled interval"),
        size="scriptsize",
    )


def seed_range(material: Material) -> Table | None:
    """How far apart the seeds' means lie; None for one seed."""
    found = failures.spread_over_seeds(material.records)
    if not (found["n"] > 1).any():
        return None

    def cell(metric: str, what: str) -> Callable[[str], str]:
        return lambda slug: numbers.value(metric, entry(found, slug, f"{metric}_{what}"))

    columns = [
        (Column(head, METRICS[metric].head), cell(metric, what))
        for metric in ("ssim", "mse", "piq")
        for what, head in (("sd", "SD"), ("range", "best to worst"))
    ]
    return model_table(
        material,
        columns,
        name="seed-range",
        title="How far apart the seeds of one model lie.",
        remarks="SD and range of the seeds' means.",
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
        (Column("Bonferroni", name), lambda slug: numbers.p_value(entry(by_image, slug, "p_bonferroni"))),
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
        remarks=f"An asterisk marks p < 0.05/{statistics.COMPARISONS}, the printed threshold; Bonferroni and Holm "
        "adjust the p over "
        "images or pairs. PIQ differences × 10³.",
        notes=meanings(
            material,
            "t-test over seeds",
            "t-test over images",
            "Bonferroni at 0.05/22",
            "Holm",
            "effect size",
        ),
        size="scriptsize",
    )


def sameness(material: Material) -> Table | None:
    """Models that the paper calls the same: the difference and its test, beside a test of sameness."""
    found = material.sameness
    if found.empty:
        return None
    rows = tuple(
        (
            f"{marked(material, row['architecture'])} / {marked(material, row['reference'])}",
            METRICS[row["metric"]].label,
            numbers.value(row["metric"], row["difference"]),
            numbers.value(row["metric"], row["margin"]),
            numbers.p_value(row["t_p"]),
            numbers.p_value(row["p"]),
            numbers.p_value(row["p_holm"]),
            row["verdict"],
            row["claim"],
        )
        for _, row in found.iterrows()
    )
    heads = ("difference", "margin", "p, difference", "p, TOST", "TOST, Holm")
    return Table(
        name="sameness",
        title="Models that the paper calls, or prints, the same.",
        remarks="Over the paper's images or pairs, each averaged over seeds. The paper's way is to find no significant "
        "difference (third column of numbers). The margins were stated before any result. “The same”: TOST after Holm "
        f"at most {numbers.fixed(statistics.ALPHA, 2)}; “different”: beyond the margin, and significant after Holm. "
        "Scales as in Tables I and II.",
        columns=(
            Column("Models", align="l"),
            Column("Metric", align="l"),
            *(Column(head) for head in heads),
            Column("Verdict", align="l"),
            Column("Said by", align="l"),
        ),
        blocks=(rows,),
        notes=(
            *meanings(material, "TOST"),
            *flags(material, dict.fromkeys((*found["architecture"], *found["reference"]))),
        ),
        size="scriptsize",
    )


def _correlations(material: Material, name: str, models: pd.DataFrame, which: str) -> Table:
    """Pearson's r among all metrics: given models above the diagonal, the paper's tables below."""
    ours, _ = statistics.correlations(models, ALL_METRICS)
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
        name=name,
        title=f"Pearson correlations among the metrics over {which}.",
        remarks=f"Above the diagonal our {len(models)} models, below it the paper's Tables I and II.",
        columns=(Column("", align="l"), *(Column(name) for name in names)),
        blocks=(tuple(rows),),
        layout="column",
    )


def correlations(material: Material) -> Table:
    """Over the models that did not collapse or fail."""
    return _correlations(material, "correlations", material.healthy, "models that can be ranked")


def all_correlations(material: Material) -> Table | None:
    """Over all models; None if none collapsed."""
    if not material.collapsed:
        return None
    return _correlations(
        material, "correlations-all", material.ours, "all models, those that collapsed included"
    )


FAMILY_METRICS = ("ssim", "piq", "piq_over_floor")


def family_means(material: Material) -> Table:
    """Means over the paper's families, in each of its three groupings."""

    def means(models: pd.DataFrame, metric: str, grouping: str) -> pd.Series | None:
        return families.family_means(models, metric, grouping) if metric in models else None

    blocks = []
    for grouping, members in families.FAMILIES.items():
        found = {
            (metric, source): means(frame, metric, grouping)
            for metric in FAMILY_METRICS
            for source, frame in (("ours", material.healthy), ("paper", material.paper))
        }
        blocks.append(
            tuple(
                (
                    grouping if k == 0 else "",
                    family,
                    ", ".join(material.labels(slugs, marks=True)),
                    *(numbers.value(key[0], each[family]) for key, each in found.items() if each is not None),
                )
                for k, (family, slugs) in enumerate(members.items())
            )
        )
    columns = [
        Column(source, METRICS[metric].head)
        for metric in FAMILY_METRICS
        for source in ("ours", "paper")
        if source == "ours" or metric in material.paper
    ]
    return Table(
        name="families",
        title="Means over families, by each of the paper's groupings.",
        remarks="Sections IV-E, V-G and VI-A group the models differently; a dash where a member has no result "
        "or cannot be ranked.",
        columns=(
            Column("Section", align="l"),
            Column("Family", align="l"),
            Column("Models", align="l", width=r"0.36\textwidth"),
            *columns,
        ),
        blocks=tuple(blocks),
        notes=flags(material, ()),
        size="scriptsize",
    )


def residuals(material: Material) -> Table:
    """What SSIM sees that MSE does not: residuals over models, ours and those of the paper's tables."""
    models = material.healthy
    found, printed = failures.residuals(models), failures.residuals(material.paper)

    def cell(frame: pd.DataFrame, column: str) -> Callable[[str], str]:
        return lambda slug: numbers.value("ssim", entry(frame, slug, column))

    return model_table(
        material,
        [
            plain(material, "ssim"),
            plain(material, "mse"),
            plain(material, "sharpness"),
            (Column("on MSE", "Residual of SSIM"), cell(found, "on_mse")),
            (Column("on MSE and sharpness", "Residual of SSIM"), cell(found, "on_mse_and_sharpness")),
            (Column("on MSE, paper's tables", "Residual of SSIM"), cell(printed, "on_mse")),
        ],
        models=models,
        name="residuals",
        title="What SSIM sees that MSE does not.",
        remarks="Residuals of the least-squares regression of SSIM over the models that can be ranked: "
        "positive where a "
        "model is more similar than its error predicts.",
    )
