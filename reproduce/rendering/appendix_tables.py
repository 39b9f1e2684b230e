"""The appendix's tables: what stands behind Tables I–III, and what the paper leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from reproduce.analysis import failures, latent, measures, pareto, statistics, summaries
from reproduce.names import BASELINE, SLUGS
from reproduce.rendering import numbers
from reproduce.rendering.columns import ModelColumn, entry, flags, per_model, plain, printed_mean, rank_text
from reproduce.rendering.material import ALL_METRICS, RECONSTRUCTION, Material, label
from reproduce.rendering.numbers import DASH, METRICS, SPACE
from reproduce.rendering.table import Column, Row, Table


def whole_test_set(material: Material) -> Table:
    """The metrics on every test image and on many pairs: sampled codes, mean codes, raw path."""
    paths = {"": "sampled", "_mean": "mean code", "_raw": "raw path"}
    columns = [
        plain(material, f"whole_{metric}{suffix}", METRICS[metric].head, head)
        for metric in RECONSTRUCTION
        for suffix, head in paths.items()
    ]
    heads, blocks = per_model(material, material.ours, columns, references=True)
    return Table(
        name="whole-test-set",
        title=f"Reconstruction of the whole test set, {numbers.integer(material.profile.test)} images.",
        remarks="Three codes: a draw from the posterior as in Table I; the posterior mean; and the "
        "raw path, which "
        "skips quantiser, flow and normalisation.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        size="scriptsize",
    )


def many_pairs(material: Material) -> Table:
    """The interpolation metrics on many pairs."""
    names = ("piq", "iss", "i_ssim", "uniformity", "end_distance", "piq_over_floor")
    columns = [plain(material, f"whole_{name}") for name in names]
    heads, blocks = per_model(material, material.ours, columns, references=True)
    return Table(
        name="many-pairs",
        title=f"Interpolation of {numbers.integer(material.profile.whole_pairs)} pairs.",
        remarks="The columns of Table II and of the table on the floor of PIQ, on more pairs of the "
        "same test set.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
    )


def windows(material: Material) -> Table:
    """SSIM by window, over the paper's images: the definition moves the number."""
    images = material.records.images
    images = images[(images["variant"] == "") & (images["path"] == "sampled")]
    means = images.groupby("architecture")[["ssim", "ssim_uniform11", "ssim_uniform7"]].mean()

    def column(metric: str, head: str) -> ModelColumn:
        return Column(head, "SSIM"), lambda slug: numbers.value("ssim", entry(means, slug, metric))

    heads, blocks = per_model(
        material,
        material.ours,
        [
            column("ssim", "Gaussian 11×11"),
            column("ssim_uniform11", "uniform 11×11"),
            column("ssim_uniform7", "uniform 7×7"),
            (Column("as printed", "SSIM"), lambda slug: printed_mean(slug, "ssim")),
        ],
        references=True,
    )
    return Table(
        name="ssim-windows",
        title="SSIM by its window.",
        remarks="The same reconstructions of 100 test images; Table I uses the first.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        layout="column",
    )


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
    heads, blocks = per_model(material, material.ours, columns)
    return Table(
        name="seed-spread",
        title="Spread over seeds and 95% intervals of the mean.",
        remarks="SD here is over the means of the seeds, unlike in Tables I and II. The paper's interval "
        "takes the normal quantile, which for three seeds covers far less than 95%; Student's t covers 95%.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        size="scriptsize",
    )


def smoothness(material: Material) -> Table:
    """PIQ beside what it costs: its floor, and the evenness of the steps."""
    floors = measures.ranks(material.healthy, "piq_over_floor")
    by_piq = measures.ranks(material.healthy, "piq")
    even = measures.ranks(material.healthy, "uniformity")
    columns = [
        plain(material, "piq"),
        plain(material, "end_distance"),
        plain(material, "piq_over_floor"),
        plain(material, "uniformity"),
        plain(material, "sharpness"),
        (Column("PIQ", "Rank by"), lambda slug: rank_text(by_piq, slug)),
        (Column("over floor", "Rank by"), lambda slug: rank_text(floors, slug)),
        (Column("SD/mean", "Rank by"), lambda slug: rank_text(even, slug)),
    ]
    heads, blocks = per_model(material, material.ours, columns, references=True)
    return Table(
        name="piq-floor",
        title="How much of a small PIQ is owed to end frames that lie close together.",
        remarks="End-frame distance is ‖f₁ − f₁₀‖² per pixel; nine steps between two frames cannot "
        "have a PIQ below 1/81 of "
        "it, and PIQ over that floor is 1 for the straightest, most even way. SD/mean of the steps "
        "does not scale "
        "with their size. Sharpness is the mean gradient magnitude.",
        columns=heads,
        blocks=blocks,
        notes=(
            *flags(material, material.ours.index),
            *((f"{DASH} Undefined: the end frames are the same image.",) if len(material.collapsed) else ()),
        ),
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
    heads, blocks = per_model(material, others, columns)
    return Table(
        name="tests",
        title=f"Paired t-tests against the {label(BASELINE)}, in both units that the paper's text allows.",
        remarks=f"An asterisk marks p < 0.05/{len(SLUGS)}, the printed threshold. Over seeds (the literal "
        "reading) three pairs leave hardly any power; over images and pairs each value is averaged over the "
        "seeds first. Effect size: mean difference over the SD of the differences. PIQ differences × 10³.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, others.index),
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
    heads, blocks = per_model(material, material.ours, columns)
    return Table(
        name="costs",
        title="Parameters, training time, inference time and memory.",
        remarks="Means over seeds, measured on the machine named in the provenance table; “other” "
        "holds codebooks, "
        "flows, pseudo-inputs, inner levels and discriminators.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
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
    heads, blocks = per_model(material, material.ours, columns)
    return Table(
        name="diagnostics",
        title="Codes and convergence.",
        remarks="Means over seeds. A unit is active if the variance of its posterior mean over test "
        "images exceeds "
        "0.01; KL is a dash where the objective has none.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        layout="column",
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


def by_digit(material: Material) -> Table:
    """MSE on the whole test set by digit, and how often a reconstruction changes its digit."""
    errors = failures.error_by_digit(material.records)
    changed = failures.changed_share(material.records)
    digits = list(errors.columns)

    def error(digit: int) -> Callable[[str], str]:
        return lambda slug: numbers.value("mse", entry(errors, slug, digit))

    columns = [(Column(str(digit), "MSE (×10³) by digit"), error(digit)) for digit in digits]
    columns.append((Column("Changed digit"), lambda slug: numbers.percent(changed.get(slug), 1)))
    heads, blocks = per_model(material, material.ours, columns)
    return Table(
        name="by-digit",
        title="Failures by digit on the whole test set.",
        remarks="Changed digit: the share of test images whose reconstruction the five nearest "
        "training images "
        "call another digit than the original.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
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
    names, blocks = per_model(material, material.ours, columns)
    return Table(
        name="codes",
        title="Geometry of 1,000 test codes.",
        remarks="Silhouette: how far digits form islands. Nearest-neighbour accuracy: how often the "
        "closest other code has "
        "the same digit. Axis alignment: how far the directions between digits run along single axes "
        "(1: a grid).",
        columns=names,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        layout="column",
    )


def readings(material: Material) -> Table | None:
    """Other variants beside the described reading and the paper; None if no variant was run."""
    variants = [variant for variant in sorted(material.records.runs["variant"].unique()) if variant]
    rows = []
    for variant in variants:
        models = summaries.summarise(material.records, variant)
        for slug in models.index[models["n_seeds"] > 0]:
            cells = [f"{label(slug)}@{variant}"]
            for metric in ("ssim", "mse", "piq"):
                cells += [
                    numbers.value(metric, entry(models, slug, metric)),
                    numbers.value(metric, entry(material.ours, slug, metric)),
                    printed_mean(slug, metric),
                ]
            rows.append((*cells, numbers.integer(entry(models, slug, "n_seeds"))))
    if not rows:
        return None
    columns = [Column("Run", align="l")]
    for metric in ("ssim", "mse", "piq"):
        columns += [Column(head, METRICS[metric].head) for head in ("variant", "described", "paper")]
    return Table(
        name="readings",
        title="Other readings and sensitivity runs.",
        remarks="Each beside the described reading and the printed value. Runs named pythae are that "
        "library's own class, "
        "defects included, with the settings that the paper states.",
        columns=(*columns, Column("Seeds")),
        blocks=(tuple(rows),),
        size="scriptsize",
    )
