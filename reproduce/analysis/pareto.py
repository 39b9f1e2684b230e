"""Quality against smoothness: the Pareto set, the three regimes, and the combined rank of Fig. 4."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reproduce.analysis.measures import ranks

SSIM_THRESHOLD, PIQ_THRESHOLD = 0.630, 0.00153
"""Section VI-D's printed bounds: the minimum of SSIM and the maximum of PIQ."""
REGIME_SIZE = 6
"""Section VI-D counts six models in each of its two specialised regimes; our verdict on them uses the same number."""


def undominated(ssim: np.ndarray, piq: np.ndarray) -> np.ndarray:
    """Whether no other model beats each: is at least as good in SSIM and PIQ and better in one. (…, models) → the same.

    Weakly dominated models are out; those that tie in both stay together.
    """
    sharper, smoother = ssim[..., :, None] - ssim[..., None, :], piq[..., None, :] - piq[..., :, None]
    beats = (sharper >= 0) & (smoother >= 0) & ((sharper > 0) | (smoother > 0))
    return np.asarray(~beats.any(axis=-2))


def places(values: np.ndarray) -> np.ndarray:
    """Place of each model, 1 for the highest; tied models share the best of their places: (…, models) → the same."""
    return np.asarray(1 + (values[..., None, :] > values[..., :, None]).sum(-1))


def pareto_set(models: pd.DataFrame) -> tuple[str, ...]:
    """The slugs that no other row beats (`undominated`); rows with NaN are left out."""
    points = models[["ssim", "piq"]].dropna()
    return tuple(points.index[undominated(points["ssim"].to_numpy(), points["piq"].to_numpy())])


def combined_rank(models: pd.DataFrame) -> pd.DataFrame:
    """Fig. 4's order, best first: rank_ssim, rank_piq, combined (their sum), minmax_sum.

    minmax_sum adds SSIM and −PIQ, each rescaled to [0, 1] over the rows: unlike ranks it keeps distances.
    Ties are ordered by minmax_sum, then by the frame's order.
    """
    rows = models[["ssim", "piq"]].dropna()
    table = pd.DataFrame({"rank_ssim": ranks(rows, "ssim"), "rank_piq": ranks(rows, "piq")}).astype(int)
    table["combined"] = table["rank_ssim"] + table["rank_piq"]
    table["minmax_sum"] = normalised(rows["ssim"]) + 1 - normalised(rows["piq"])
    order = np.lexsort((-table["minmax_sum"].to_numpy(), table["combined"].to_numpy()))
    return table.iloc[order]


def normalised(values: pd.Series) -> pd.Series:
    """Values rescaled to [0, 1]; one half throughout if they are all equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else values * 0 + 0.5
