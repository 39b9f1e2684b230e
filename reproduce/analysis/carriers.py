"""Whether a few models carry the correlation of SSIM and PIQ.

One model after the other is left out, always the one whose absence lowers r most, until Fisher's interval holds zero.
That ends for any correlation, and nothing of what is then left can be tested: the order was chosen by the result. So
the number of models left out is set beside what normal clouds of exactly the same r and n need.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from reproduce.analysis.headline import each_left_out
from reproduce.analysis.measures import usable
from reproduce.analysis.statistics import ALPHA

CLOUDS = 400
RANDOM_STATE = 0
MIDDLE = 0.90
"""The share of clouds between `Carriers.low` and `Carriers.high`."""
SMALLEST = 5
"""Points below which no interval is taken."""


@dataclass(frozen=True)
class Carriers:
    """slugs: the models left out, first the one that carries most; low, high: how many the middle 90% of normal clouds
    of the same r and n need."""

    slugs: tuple[str, ...]
    low: int
    high: int

    @property
    def few(self) -> bool:
        """Whether fewer models carry the correlation than in a cloud without groups or outliers."""
        return len(self.slugs) < self.low


def carriers(models: pd.DataFrame) -> Carriers | None:
    """Of SSIM and PIQ over the models that can be ranked; None where r is not clearly positive to begin with, or stays
    so to the last points."""
    rows = usable(models)[["ssim", "piq"]].dropna().astype(float)
    x, y = rows.to_numpy().T
    removed = removals(x, y)
    if not removed:
        return None
    counts = [
        count for cloud in clouds(float(np.corrcoef(x, y)[0, 1]), len(x)) if (count := len(removals(*cloud)))
    ]
    low, high = np.quantile(counts, ((1 - MIDDLE) / 2, (1 + MIDDLE) / 2))
    return Carriers(tuple(str(rows.index[at]) for at in removed), int(low), int(high))


def removals(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Which points (n,) are left out, in order; empty where the lower end of r's interval is not above zero, or is so
    down to `SMALLEST` points."""
    kept = np.arange(len(x))
    removed: list[int] = []
    while len(kept) >= SMALLEST:
        if not _lower_end(float(np.corrcoef(x[kept], y[kept])[0, 1]), len(kept)) > 0:
            return removed
        at = int(np.argmin(each_left_out(x[kept], y[kept])))
        removed.append(int(kept[at]))
        kept = np.delete(kept, at)
    return []


def clouds(r: float, n: int) -> np.ndarray:
    """`CLOUDS` samples of n bivariate normal points whose Pearson coefficient is r exactly: (CLOUDS, 2, n)."""
    x, noise = np.random.default_rng(RANDOM_STATE).standard_normal((2, CLOUDS, n))
    x = x - x.mean(axis=1, keepdims=True)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    noise -= noise.mean(axis=1, keepdims=True)
    noise -= (noise * x).sum(axis=1, keepdims=True) * x
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return np.stack([x, r * x + np.sqrt(1 - r**2) * noise], axis=1)


def _lower_end(r: float, n: int) -> float:
    """Of Fisher's interval, on his scale."""
    return float(np.arctanh(r) - stats.norm.ppf(1 - ALPHA / 2) / np.sqrt(n - 3))
