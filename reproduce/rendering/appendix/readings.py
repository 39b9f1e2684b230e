"""Two readings side by side, and how far the numbers depend on what the paper leaves open."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from reproduce.analysis import readings as analysis
from reproduce.analysis import summaries
from reproduce.rendering import numbers
from reproduce.rendering.columns import ModelColumn, entry, model_table, plain, printed_mean
from reproduce.rendering.material import Material, label
from reproduce.rendering.numbers import DASH, METRICS
from reproduce.rendering.table import Column, Row, Table

SHOWN = ("ssim", "mse", "psnr", "piq", "iss")
"""Metrics of the side-by-side table; `analysis.readings.METRICS` decide which reading is nearer."""
PATHS = {
    "vq-vae": {
        "main": "mixed codes",
        "requantised": "mixed codes, quantised again",
        "raw": "encoder's vectors",
    },
    "svae": {
        "main": "great circle",
        "chord": "chord",
        "projected-chord": "chord, projected on the sphere",
        "raw": "means before normalisation",
    },
}
"""Ways between two codes from the same weights: slug → path of the records → words."""


def _triple(material: Material, variant: pd.DataFrame, slug: str, metric: str) -> tuple[str, str, str]:
    """One metric: described, the variant, paper."""
    return (
        numbers.value(metric, entry(material.ours, slug, metric)),
        numbers.value(metric, entry(variant, slug, metric)),
        printed_mean(slug, metric),
    )


def readings(material: Material) -> Table | None:
    """Described / pythae / paper side by side, and which reading is nearer; None if no second reading was run."""
    models = material.pythae
    if models.empty:
        return None
    found = analysis.nearest(material.records)

    def row(slug: str) -> Row:
        mark = "†" if slug in models.index and bool(models.at[slug, "collapsed"]) else ""
        cells = [cell for metric in SHOWN for cell in _triple(material, models, slug, metric)]
        distances = [numbers.fixed(found.at[slug, name], 2) for name in (analysis.DESCRIBED, analysis.PYTHAE)]
        return (f"{label(slug)}{mark}", *cells, *distances, str(found.at[slug, "nearest"]))

    columns = [Column("Model", align="l")]
    for metric in SHOWN:
        columns += [Column(head, METRICS[metric].head) for head in ("described", "pythae", "paper")]
    columns += [Column(head, "Distance") for head in ("described", "pythae")]
    absent = [slug for slug in found.index if slug not in models.index]
    notes = [f"{DASH} No finished run of the pythae reading: {numbers.listing(material.labels(absent))}."]
    collapsed = ["† The pythae reading is collapsed by our criterion."]
    return Table(
        name="readings",
        title="The described reading and Pythae's own classes beside the paper.",
        remarks="Distance: root mean square, over SSIM, MSE and PIQ, of the difference from the printed value in "
        "standard deviations of that column over the 22 printed rows. The nearer reading is named; a tie is a "
        f"difference of at most {numbers.fixed(analysis.TIE, 1)}. The rule was fixed before any such run.",
        columns=(*columns, Column("Nearer", align="l")),
        blocks=(tuple(row(slug) for slug in found.index),),
        notes=(*(notes if absent else ()), *(collapsed if models["collapsed"].any() else ())),
        size="scriptsize",
    )


def same_weights(material: Material) -> Table:
    """From the same weights: the paper's 100 images and 25 pairs against all, and three codes."""
    n_images, n_pairs = numbers.integer(material.n_images), numbers.integer(material.n_pairs)
    images = analysis.path_means(material.records.images, ("ssim", "mse"))
    pairs = analysis.path_means(material.records.pairs, ("piq",))

    def by_path(frame: pd.DataFrame, metric: str, path: str) -> Callable[[str], str]:
        means = frame.xs(path, level="path")
        return lambda slug: numbers.value(metric, entry(means, slug, metric))

    columns: list[ModelColumn] = []
    for metric in ("ssim", "mse"):
        group = METRICS[metric].head
        columns += [
            (Column(f"{n_images} images", group), by_path(images, metric, "sampled")),
            (Column("mean code", group), by_path(images, metric, "mean")),
            (Column("raw path", group), by_path(images, metric, "raw")),
            plain(material, f"test_{metric}", group, "whole set"),
        ]
    group = METRICS["piq"].head
    columns += [
        (Column(f"{n_pairs} pairs", group), by_path(pairs, "piq", "main")),
        (Column("sampled", group), by_path(pairs, "piq", "sampled")),
        (Column("raw path", group), by_path(pairs, "piq", "raw")),
        plain(material, "test_piq", group, "many pairs"),
    ]
    return model_table(
        material,
        columns,
        references=True,
        name="sensitivity",
        title="The same weights, measured in other ways.",
        remarks=f"The first column of each group is that of Tables I and II: sampled codes on {n_images} "
        "images, mean codes on "
        f"{n_pairs} pairs. Beside it other codes on the same images and pairs (the raw path skips quantiser, flow and "
        "normalisation), and the whole test set.",
        size="scriptsize",
    )


def other_ways(material: Material) -> tuple[str, ...]:
    """Footnotes to Table II: what the PIQ of VQ-VAE and SVAE would be on other ways between the same codes."""
    means = analysis.path_means(material.records.pairs, ("piq",))
    notes = []
    for slug, (measured, *others) in PATHS.items():
        known = [path for path in others if (slug, path) in means.index]
        if (slug, measured) in means.index and known:
            told = (
                f"{PATHS[slug][path]} {numbers.value('piq', means.at[(slug, path), 'piq'])}" for path in known
            )
            notes.append(
                f"{label(slug)}'s way between two codes: {PATHS[slug][measured]}. PIQ on others: {'; '.join(told)}."
            )
    return tuple(notes)


def paths(material: Material) -> Table | None:
    """VQ-VAE's and SVAE's ways between two codes; None if neither was run."""
    columns = ("piq", "iss", "i_ssim", "uniformity", "end_distance", "piq_over_floor")
    means = analysis.path_means(material.records.pairs, columns)
    blocks = []
    for slug, known in PATHS.items():
        rows = [
            (label(slug), words, *(numbers.value(name, means.at[(slug, path), name]) for name in columns))
            for path, words in known.items()
            if (slug, path) in means.index
        ]
        if rows:
            blocks.append(tuple(rows))
    if not blocks:
        return None
    return Table(
        name="paths",
        title="Ways between two codes, from the same weights.",
        remarks="The first row of each model is the way that Table II measures.",
        columns=(
            Column("Model", align="l"),
            Column("Way", align="l"),
            *(Column(METRICS[name].head) for name in columns),
        ),
        blocks=tuple(blocks),
    )


def retrained(material: Material) -> Table | None:
    """Runs trained again with another setting; None if there are none."""
    found = analysis.retrained(material.records)
    if not found:
        return None
    models = {variant: summaries.summarise(material.records, variant) for _, variant in found}
    metrics = ("ssim", "mse", "piq")
    blocks = []
    for variant in dict.fromkeys(variant for _, variant in found):
        rows = []
        for slug in (slug for slug, name in found if name == variant):
            mark = "†" if bool(models[variant].at[slug, "collapsed"]) else ""
            cells = [cell for metric in metrics for cell in _triple(material, models[variant], slug, metric)]
            seeds = numbers.integer(entry(models[variant], slug, "n_seeds"))
            rows.append((f"{label(slug)}@{variant}{mark}", *cells, seeds))
        blocks.append(tuple(rows))
    columns = [Column("Run", align="l")]
    for metric in metrics:
        columns += [Column(head, METRICS[metric].head) for head in ("as decided", "variant", "paper")]
    return Table(
        name="retrained",
        title="Trained again with another setting.",
        remarks="linear-block: the decoder's third block without batch norm and LeakyReLU. bce: binary cross-entropy "
        "instead of half the squared error. The others change the weight that their name says.",
        columns=(*columns, Column("Seeds")),
        blocks=tuple(blocks),
        notes=("† Collapsed by our criterion.",)
        if any(frame["collapsed"].any() for frame in models.values())
        else (),
        size="scriptsize",
    )
