"""The paper's statistics, and beside them the ones that fit three seeds and a hundred images.

Nothing is computed by hand that scipy or statsmodels computes. Where a sample is too small or does not vary,
the answer is NaN and means "not testable", never "no difference".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from reproduce.analysis import summaries
from reproduce.errors import ReproduceError
from reproduce.names import BASELINE, SLUGS
from reproduce.paper import PAPER_SLUGS
from reproduce.records import Records

ALPHA = 0.05
NOISE = 1e-12
"""Differences that spread no more than this differ by rounding of floating-point numbers only."""
NORMAL = 1.96
"""The quantile of the paper's intervals, whatever the number of seeds."""
COMPARISONS = len(PAPER_SLUGS)
"""By how many the paper divides α, whatever is compared here."""
THRESHOLD = ALPHA / COMPARISONS
"""Section III-G's Bonferroni threshold. It divides by 22 although only 21 models meet the baseline."""

Unit = Literal["seeds", "images"]


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient, its two-sided p, the number of points, and a 95 % interval (Fisher z)."""

    r: float
    p: float
    n: int
    low: float
    high: float


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's r of the points where both are finite. NaN if fewer than four are, or one side is
    constant."""
    a, b = _finite_pairs(x, y)
    if not _correlatable(a, b):
        return Correlation(np.nan, np.nan, a.size, np.nan, np.nan)
    found = stats.pearsonr(a, b)
    low, high = found.confidence_interval(1 - ALPHA)
    return Correlation(float(found.statistic), float(found.pvalue), a.size, float(low), float(high))


def spearman(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Spearman's ρ likewise; the interval uses Bonett and Wright's (2000) standard error √((1 + ρ²/2)/(n −
    3))."""
    a, b = _finite_pairs(x, y)
    if not _correlatable(a, b):
        return Correlation(np.nan, np.nan, a.size, np.nan, np.nan)
    found = stats.spearmanr(a, b)
    rho = float(found.statistic)
    half = stats.norm.isf(ALPHA / 2) * np.sqrt((1 + rho**2 / 2) / (a.size - 3))
    z = np.arctanh(np.clip(rho, -1 + 1e-15, 1 - 1e-15))
    return Correlation(rho, float(found.pvalue), a.size, float(np.tanh(z - half)), float(np.tanh(z + half)))


def correlations(models: pd.DataFrame, metrics: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pearson's r among all metrics, and the p values: two square frames."""
    pairs = {(a, b): pearson(models[a], models[b]) for a in metrics for b in metrics}
    r, p = (
        pd.DataFrame(
            [[getattr(pairs[a, b], field) for b in metrics] for a in metrics], index=metrics, columns=metrics
        )
        for field in ("r", "p")
    )
    return r, p


def against_baseline(records: Records, metric: str, unit: Unit, variant: str = "") -> pd.DataFrame:
    """Paired t-tests of every model against the VAE.

    unit: "seeds", the literal reading of III-G (three pairs at most: hardly any power); "images", over the
          paper's
    test images or pairs, each averaged over the seeds.

    Index slug (without the VAE); columns difference (model − VAE), t, p, n, significant (p < 0.05/22), p_holm
    (Holm over all rows that have a p), p_bonferroni (22·p, as printed), effect_size (mean difference ÷ SD of the
    differences).
    """
    table = _by_unit(records, metric, unit, variant)
    if BASELINE not in table:
        empty = pd.DataFrame(
            columns=["difference", "t", "p", "n", "significant", "p_holm", "p_bonferroni", "effect_size"],
            dtype=float,
        )
        return empty.rename_axis("architecture")
    others = [slug for slug in SLUGS if slug in table and slug != BASELINE]
    rows = {slug: _paired(table[slug] - table[BASELINE]) for slug in others}
    tests = pd.DataFrame.from_dict(rows, orient="index", columns=["difference", "t", "p", "n", "effect_size"])
    tests["significant"] = tests["p"] < THRESHOLD
    tests["p_holm"] = holm(tests["p"])
    tests["p_bonferroni"] = (tests["p"] * COMPARISONS).clip(upper=1)
    return tests.rename_axis("architecture")


def methods(seeds: int) -> dict[str, str]:
    """Method → what it means for so many seeds, one line each: printed wherever the paper's way and another stand side
    by side."""
    quantile = float(stats.t.isf(ALPHA / 2, seeds - 1)) if seeds > 1 else np.nan
    printed, student, pairs = (
        (
            f"mean ± {NORMAL}·SD/√{seeds}: the normal quantile, "
            f"{quantile / NORMAL:.1f} times too small for n = {seeds}",
            f"mean ± {quantile:.2f}·SD/√{seeds}: right whatever the models have in common",
            f"{seeds} pairs, able to find only gross differences",
        )
        if seeds > 1
        else (
            f"mean ± {NORMAL}·SD/√n, which one seed leaves without an SD",
            "mean ± t(n − 1)·SD/√n, which one seed leaves without an SD",
            "one pair, which cannot be tested",
        )
    )
    return {
        "printed interval": printed,
        "student interval": student,
        "pooled interval": "Student's, one relative SD for all models: narrow, if seeds shake all alike",
        "t-test over seeds": f"the literal reading of III-G: {pairs}",
        "t-test over images": "paired on images: much power, but silent on what another seed would give",
        "Bonferroni at 0.05/22": "as printed; guards against one false alarm among the comparisons",
        "Holm": "the same guarantee with more power, and over as many comparisons as there are",
        "effect size": "the mean difference in SDs of the paired differences: how large, not how certain",
        "TOST": "tests sameness itself: a difference that is not significant may only be unmeasured",
    }


def holm(p: pd.Series) -> pd.Series:
    """Holm's adjusted p values over those that exist; NaN stays NaN and takes no part."""
    adjusted = pd.Series(np.nan, index=p.index, dtype=float)
    finite = p[np.isfinite(p)]
    if len(finite):
        adjusted[finite.index] = holm_of(finite.to_numpy())
    return adjusted


def holm_of(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p values (1979): (n - rank) times each, made monotone and cut at 1."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def paired(records: Records, first: Sequence[str], second: Sequence[str], metric: str) -> np.ndarray:
    """Differences first − second over the paper's images or pairs, each side averaged over its models and their seeds.

    Empty where a model is missing.
    """
    values = summaries.measurements(records, metric)
    values = values[values["architecture"].isin([*first, *second])]
    table = values.groupby(["unit", "architecture"])["value"].mean(skipna=False).unstack("architecture")
    sides = [table.reindex(columns=list(slugs)).mean(axis=1, skipna=False) for slugs in (first, second)]
    return np.asarray((sides[0] - sides[1]).dropna(), dtype=float)


def p_below(differences: np.ndarray, bound: float) -> float:
    """One-sided p of "the mean difference lies below a bound"; NaN for fewer than two differences."""
    if differences.size < 2:
        return float("nan")
    if _constant(differences):
        return 0.0 if differences[0] < bound else 1.0
    return float(stats.ttest_1samp(differences, bound, alternative="less").pvalue)


def p_different(differences: np.ndarray) -> float:
    """Two-sided p of "the mean difference is not zero"; NaN for fewer than two differences."""
    if differences.size < 2:
        return float("nan")
    if _constant(differences):
        return 0.0 if abs(differences[0]) > NOISE else 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def p_same(differences: np.ndarray, margin: float) -> float:
    """p of two one-sided tests (TOST) of "the mean difference lies within ± margin"."""
    return max(p_below(differences, margin), p_below(-differences, margin))


def sameness(comparisons: Sequence[tuple[np.ndarray, float]], *, one_sided: bool = False) -> pd.DataFrame:
    """One claim's comparisons, each of paired differences and a margin: the rule by which all sameness is judged.

    Columns difference, margin, n; t_p (paired t-test of a difference, the paper's way, which cannot show sameness)
    and t_holm; p (TOST) and p_holm, Holm over these comparisons; beyond (the mean lies beyond the margin); same
    (p_holm ≤ 0.05); different (beyond, and t_holm ≤ 0.05). What is neither is not told. one_sided: only a positive
    difference counts, as where no gain is claimed.
    """
    test = p_below if one_sided else p_same
    table = pd.DataFrame(
        [
            (d.mean() if d.size else np.nan, margin, d.size, p_different(d), test(d, margin))
            for d, margin in comparisons
        ],
        columns=["difference", "margin", "n", "t_p", "p"],
    )
    size = table["difference"] if one_sided else table["difference"].abs()
    table = table.assign(t_holm=holm(table["t_p"]), p_holm=holm(table["p"]), beyond=size > table["margin"])
    return table.assign(same=table["p_holm"] <= ALPHA, different=table["beyond"] & (table["t_holm"] <= ALPHA))


def _constant(differences: np.ndarray) -> bool:
    return bool(np.ptp(differences) <= NOISE * max(1.0, abs(float(differences.mean()))))


def whole_set_effects(records: Records, metric: str) -> pd.DataFrame:
    """How far each model lies from the VAE on the whole test set, and in SDs of a single image's difference.

    Index slug; columns difference (whole test set), effect_size (÷ the SD of the paired differences, which the
    paper's images or pairs estimate).
    """
    tests = against_baseline(records, metric, "images")
    whole = summaries.summarise(records)[f"test_{metric}"]
    difference = (whole - whole.get(BASELINE, np.nan)).reindex(tests.index)
    one_sd = tests["difference"] / tests["effect_size"]
    return pd.DataFrame({"difference": difference, "effect_size": difference / one_sd})


def intervals(records: Records, metric: str, variant: str = "") -> pd.DataFrame:
    """95 % intervals of each model's mean over seeds, in three ways. Index slug.

    student:  mean ± t(n − 1) · SD/√n, which covers 95 % whatever n.
    printed:  mean ± 1.96 · SD/√n, the paper's way; with n = 3 the normal quantile is less than half the right
              one.
    pooled:   Student's with one *relative* SD shared by all architectures that did not collapse: many more
              degrees of freedom (column df), on the assumption that seeds shake all models alike. NaN for
              those that collapsed.
    NaN where one seed leaves no spread.
    """
    table = summaries.seed_means(records, metric, variant)
    table = table.reindex([slug for slug in SLUGS if slug in table.index])
    n, mean, sd = table.count(axis=1), table.mean(axis=1), table.std(axis=1, ddof=1)
    out = pd.DataFrame({"mean": mean, "n": n, "sd": sd}).rename_axis("architecture")
    runs = records.runs[records.runs["variant"] == variant]
    alive = ~table.index.isin(runs.loc[runs["collapsed"].eq(True), "architecture"])
    freedom = (n - 1).clip(lower=0).where(alive, 0)
    df = int(freedom.sum())
    relative = np.sqrt(((sd / mean).pow(2) * freedom).sum() / df) if df else np.nan
    halves = {
        "student": stats.t.isf(ALPHA / 2, (n - 1).where(n > 1)) * sd / np.sqrt(n),
        "printed": NORMAL * sd / np.sqrt(n),
        "pooled": (stats.t.isf(ALPHA / 2, df) if df else np.nan)
        * relative
        * mean.abs().where(alive)
        / np.sqrt(n),
    }
    for name, half in halves.items():
        out[f"{name}_low"], out[f"{name}_high"] = mean - half, mean + half
    return out.assign(df=df)


def smallest_p(difference: float, spread: float, n: int) -> float:
    """The smallest p that a paired t-test on n pairs can give when only both sides' means and SDs are known.

    difference: between the means; spread: between the SDs. That is the least SD of the differences, when the pairs
    correlate perfectly. So p bounds what the printed ± of the tables can support: no choice of the unprinted
    correlation goes below it.
    """
    if n < 2:
        return float("nan")
    if spread == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.t.sf(difference / (spread / np.sqrt(n)), n - 1))


def _by_unit(records: Records, metric: str, unit: Unit, variant: str) -> pd.DataFrame:
    """Rows seeds or images, columns architectures."""
    if unit == "seeds":
        return summaries.seed_means(records, metric, variant).T
    if unit == "images":
        values = summaries.measurements(records, metric, variant)
        return values.groupby(["unit", "architecture"])["value"].mean(skipna=False).unstack("architecture")
    raise ReproduceError(f"unknown unit of a test '{unit}'; choose seeds or images")


def _paired(differences: pd.Series) -> tuple[float, float, float, int, float]:
    """Difference, t, p, n and effect size of a one-sample t-test of the differences against zero."""
    values = differences.dropna().to_numpy(dtype=float)
    mean = float(values.mean()) if values.size else np.nan
    # equal differences have no spread to test against, or one that is rounding noise
    if values.size < 2 or _constant(values):
        return mean, np.nan, np.nan, values.size, np.nan
    found = stats.ttest_1samp(values, 0.0)
    return mean, float(found.statistic), float(found.pvalue), values.size, mean / float(values.std(ddof=1))


def _finite_pairs(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    keep = np.isfinite(a) & np.isfinite(b)
    return a[keep], b[keep]


def _correlatable(*sides: np.ndarray) -> bool:
    return all(side.size >= 4 and np.ptp(side) > 1e-12 * np.abs(side).max() for side in sides)
