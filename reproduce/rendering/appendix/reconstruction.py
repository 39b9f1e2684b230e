"""Reconstruction beyond Table I: the whole test set, the windows of SSIM, digits."""

from __future__ import annotations

from collections.abc import Callable

from reproduce.analysis import failures, readings, statistics
from reproduce.names import IMAGE_METRICS, SSIMS
from reproduce.rendering import numbers
from reproduce.rendering.appendix.statistics import meanings
from reproduce.rendering.columns import (
    ModelColumn,
    entry,
    model_table,
    plain,
    printed_mean,
)
from reproduce.rendering.material import Material
from reproduce.rendering.numbers import METRICS
from reproduce.rendering.table import Column, Table


def whole_test_set(material: Material) -> Table:
    """The metrics on every test image and on many pairs: sampled codes, mean codes, raw path."""
    paths = {"": "sampled", "_mean_code": "mean code", "_raw_code": "raw path"}
    columns = [
        plain(material, f"test_{metric}{suffix}", METRICS[metric].head, head)
        for metric in IMAGE_METRICS
        for suffix, head in paths.items()
    ]
    effects = statistics.whole_set_effects(material.records, "ssim")
    group = "SSIM against the VAE"
    columns += [
        (Column("difference", group), lambda slug: numbers.value("ssim", entry(effects, slug, "difference"))),
        (Column("effect size", group), lambda slug: numbers.fixed(entry(effects, slug, "effect_size"), 2)),
    ]
    return model_table(
        material,
        columns,
        references=True,
        name="whole-test-set",
        title=f"Reconstruction of the whole test set, {numbers.integer(material.profile.test)} images.",
        remarks="Three codes: a draw from the posterior as in Table I; the posterior mean; and the "
        "raw path, which "
        "skips quantiser, flow and normalisation. Effect size: the difference of sampled codes from the VAE in SDs of "
        f"one image's difference, as {numbers.integer(material.n_images)} images estimate it.",
        notes=meanings(material, "effect size"),
        size="scriptsize",
    )


def windows(material: Material) -> Table:
    """SSIM by window, over the paper's images: the definition moves the number."""
    means = readings.path_means(material.records.images, SSIMS)
    means = means.xs("sampled", level="path")

    def column(metric: str, head: str) -> ModelColumn:
        return Column(head, "SSIM"), lambda slug: numbers.value("ssim", entry(means, slug, metric))

    columns = [
        column("ssim", "Gaussian 11×11"),
        column("ssim_uniform11", "uniform 11×11"),
        column("ssim_uniform7", "uniform 7×7"),
        column("ssim_uniform7_range2", "uniform 7×7, range 2"),
        column("ssim_zero_padded", "Gaussian, zeros around"),
        (Column("as printed", "SSIM"), lambda slug: printed_mean(slug, "ssim")),
    ]
    return model_table(
        material,
        columns,
        references=True,
        name="ssim-windows",
        title="SSIM by its window.",
        remarks=f"The same reconstructions of {numbers.integer(material.n_images)} test images; Table I "
        "uses the first.",
        layout="column",
    )


def by_digit(material: Material) -> Table:
    """MSE on the whole test set by digit, and how often a reconstruction changes its digit."""
    errors = failures.error_by_digit(material.records)
    changed = failures.changed_share(material.records)
    digits = list(errors.columns)

    def error(digit: int) -> Callable[[str], str]:
        return lambda slug: numbers.value("mse", entry(errors, slug, digit))

    columns = [(Column(str(digit), "MSE (×10³) by digit"), error(digit)) for digit in digits]
    columns.append((Column("Changed digit"), lambda slug: numbers.percent(changed.get(slug), 1)))
    return model_table(
        material,
        columns,
        name="by-digit",
        title="Failures by digit on the whole test set.",
        remarks="Changed digit: the share of test images whose reconstruction the five nearest "
        "training images "
        "call another digit than the original.",
    )
