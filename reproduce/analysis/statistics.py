"""The paper's statistics, and the ones that are suitable for three seeds and a hundred images.

Nothing is computed by hand that scipy computes. If a sample is too small or does not vary, the
answer is NaN and means "unknown", never "no difference".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from reproduce.analysis import summaries
from reproduce.architectures.names import BASELINE, SLUGS
from reproduce.paper import PAPER_SLUGS
from reproduce.storage.records import Records

ALPHA = 0.05
NOISE = 1e-12
"""Differences with a smaller relative range differ by floating-point rounding only."""
COMPARISONS = len(PAPER_SLUGS)
"""The number by which the paper divides α (III-G), although only 21 models are compared with the baseline."""


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient, its two-sided p, the number of points, and a 95 % interval (Fisher z)."""

    r: float
    p: float
    n: int
    low: float
    high: float


def correlate(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Pearson's r along an axis, for many resamples at once; NaN where a side is constant."""
    a, b = x - x.mean(axis=axis, keepdims=True), y - y.mean(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(axis=axis) / np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis)))


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Pearson's r of the points where both are finite. NaN if fewer than four are, or one side is
    constant."""
    a, b, defined = _finite_pairs(x, y)
    if not defined:
        return Correlation(np.nan, np.nan, a.size, np.nan, np.nan)
    found = stats.pearsonr(a, b)
    low, high = found.confidence_interval(1 - ALPHA)
    return Correlation(float(found.statistic), float(found.pvalue), a.size, float(low), float(high))


def spearman(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Spearman's ρ with the same conditions; the interval uses Bonett and Wright's (2000) standard error
    √((1 + ρ²/2)/(n − 3))."""
    a, b, defined = _finite_pairs(x, y)
    if not defined:
        return Correlation(np.nan, np.nan, a.size, np.nan, np.nan)
    found = stats.spearmanr(a, b)
    rho = float(found.statistic)
    half = stats.norm.isf(ALPHA / 2) * np.sqrt((1 + rho**2 / 2) / (a.size - 3))
    z = np.arctanh(np.clip(rho, -1 + 1e-15, 1 - 1e-15))
    return Correlation(rho, float(found.pvalue), a.size, float(np.tanh(z - half)), float(np.tanh(z + half)))


def correlations(models: pd.DataFrame, metrics: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pearson's r among all metrics, and the p values: two square frames."""
    found = {b: {a: pearson(models[a], models[b]) for a in metrics} for b in metrics}
    r, p = ({b: {a: getattr(c, field) for a, c in own.items()} for b, own in found.items()} for field in "rp")
    return pd.DataFrame(r), pd.DataFrame(p)


def against_baseline(records: Records, metric: str) -> pd.DataFrame:
    """Paired t-tests of every model against the VAE over the paper's test images or pairs, each averaged over the
    seeds.

    Index slug (without the VAE); columns difference (model − VAE), n, p_bonferroni (22·p, as printed), effect_size
    (mean difference ÷ SD of the differences). Empty without the VAE.
    """
    values = summaries.measurements(records, metric)
    table = values.groupby(["unit", "architecture"])["value"].mean(skipna=False).unstack("architecture")
    others = [slug for slug in SLUGS if slug in table and slug != BASELINE] if BASELINE in table else []
    rows = {slug: _paired(table[slug] - table[BASELINE]) for slug in others}
    columns = ["difference", "n", "p_bonferroni", "effect_size"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("architecture")


def holm(p: ArrayLike) -> np.ndarray:
    """Holm's adjusted p values (1979), (n,): each times (n − rank), made monotone and limited to 1. NaN stays NaN and
    is not counted."""
    values = np.asarray(p, dtype=float)
    n = int(np.isfinite(values).sum())
    order = np.argsort(values, kind="stable")[:n]
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(n, 0, -1)), 1.0)
    return adjusted


def p_different(differences: np.ndarray) -> float:
    """Two-sided p of "the mean difference is not zero"; NaN for fewer than two differences."""
    if differences.size < 2:
        return float("nan")
    if _constant(differences):
        return 0.0 if abs(differences[0]) > NOISE else 1.0
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def _constant(differences: np.ndarray) -> bool:
    return bool(np.ptp(differences) <= NOISE * max(1.0, abs(float(differences.mean()))))


def smallest_p(difference: float, spread: float, n: int) -> float:
    """The smallest p that a paired t-test on n pairs can give when only both sides' means and SDs are known.

    difference: between the means; spread: between the SDs. The spread is the smallest possible SD of the differences,
    reached when the pairs correlate perfectly. So no value of the unprinted correlation gives a smaller p, and p bounds
    what the printed ± can support.
    """
    if n < 2:
        return float("nan")
    if spread == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stats.t.sf(difference / (spread / np.sqrt(n)), n - 1))


def _paired(differences: pd.Series) -> tuple[float, int, float, float]:
    """Difference, n, 22·p and effect size of a one-sample t-test of the differences against zero."""
    values = differences.dropna().to_numpy(dtype=float)
    mean = float(values.mean()) if values.size else np.nan
    # equal differences have no spread to test against, or only rounding noise
    if values.size < 2 or _constant(values):
        return mean, values.size, np.nan, np.nan
    p = float(stats.ttest_1samp(values, 0.0).pvalue)
    return mean, values.size, min(COMPARISONS * p, 1.0), mean / float(values.std(ddof=1))


def _finite_pairs(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray, bool]:
    """The points where both are finite, and whether there are four of them and both sides vary."""
    points = np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    a, b = points[:, np.isfinite(points).all(axis=0)]
    return a, b, all(side.size >= 4 and np.ptp(side) > 1e-12 * np.abs(side).max() for side in (a, b))
