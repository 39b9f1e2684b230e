"""An analysis of the headline: what causes the correlation of reconstruction quality and interpolation smoothness?

The paper's central number is Pearson's r of SSIM and PIQ over 22 models. Two questions are asked: which models cause it
(subsets), and is it about smoothness at all? The second one arises because nine steps between end frames with a squared
distance D cannot have a mean square below D/81: a model that decodes everything to similar blurs is "smooth" for free.
So every row is repeated with PIQ divided by that floor, which does not shrink with D, and with D itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from reproduce import paper
from reproduce.analysis.measures import usable
from reproduce.analysis.statistics import ALPHA, Correlation, correlate, pearson
from reproduce.architectures.names import SLUGS

SMOOTHNESS = ("piq", "piq_over_floor", "end_distance")
"""Measures of (un)smoothness. The paper's tables have only the first; blur alone does not lower the second; the last
one is the mechanism."""
RECONSTRUCTION_OPTIMISED: tuple[str, ...] = ("ae", "wae", "vq-vae")
DETERMINISTIC: tuple[str, ...] = ("ae", "wae", "vq-vae", "rae-gp", "rae-l2")
KL_REGULARISED: tuple[str, ...] = tuple(
    slug for slug in SLUGS if slug not in (*DETERMINISTIC, "adversarial-ae")
)
"""Models with a KL divergence from a prior in the loss, whatever its weight."""
AE_SSIM, AE_MSE = 0.02, 0.10
"""A row counts as AE-like if its SSIM lies within 0.02, and its MSE within 10 %, of the AE's."""


def ae_like(models: pd.DataFrame) -> tuple[str, ...]:
    """The AE and the rows that reconstruct as it does, by the rule above; empty without an AE.

    The margins are twice the equivalence margins of the claims: models that differ from the AE by name only.
    """
    if "ae" not in models.index:
        return ()
    near = (models["ssim"] - models.at["ae", "ssim"]).abs() <= AE_SSIM
    near &= (models["mse"] / models.at["ae", "mse"] - 1).abs() <= AE_MSE
    return tuple(models.index[near])


@cache
def _printed_units() -> pd.Series:
    """Column of Tables I and II → one unit of its last printed place."""
    return (2 * paper.tables().half_units().dropna(axis="columns")).min()


def copies(models: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """The rows in groups of equal ones: equal in all of Tables I and II, means and ±, at printed precision."""
    units = _printed_units()
    printed = (models[units.index] / units).round()
    groups = printed.groupby(list(printed), sort=False, dropna=False).groups.values()
    return tuple(tuple(str(slug) for slug in group) for group in groups)


def distinct(models: pd.DataFrame) -> pd.DataFrame:
    """One row of each group in `copies`."""
    return models.loc[[group[0] for group in copies(models)]]


COLLAPSED_TOO = "with collapsed rows"
SUBSETS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "all models": lambda models: models,
    COLLAPSED_TOO: lambda models: models,
    "without AE, WAE, VQ-VAE": lambda models: models[~models.index.isin(RECONSTRUCTION_OPTIMISED)],
    "distinct rows": distinct,
    "deterministic": lambda models: models[models.index.isin(DETERMINISTIC)],
    "KL-regularised": lambda models: models[models.index.isin(KL_REGULARISED)],
    "without the AE-like cluster": lambda models: models.drop(index=list(ae_like(models))),
    "without VQ-VAE": lambda models: models.drop(index="vq-vae", errors="ignore"),
}
"""Subset → which of the usable rows it keeps; `COLLAPSED_TOO` keeps all rows, usable or not."""


def headline(ours: pd.DataFrame) -> pd.DataFrame:
    """Every correlation of SSIM with a smoothness metric, in the paper's tables and in our models frame: Pearson's n,
    r, p, low and high. The index has the source ("paper", "ours"), the metric and the subset."""
    rows = {}
    for source, models in {"paper": paper.models(), "ours": ours}.items():
        for metric, (subset, keep) in product(SMOOTHNESS, SUBSETS.items()):
            if metric in models:
                kept = keep(models if subset == COLLAPSED_TOO else usable(models))
                rows[source, metric, subset] = asdict(pearson(kept["ssim"], kept[metric]))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["source", "smoothness_metric", "subset"])


def leave_one_out(models: pd.DataFrame, metric: str = "piq") -> pd.Series:
    """Pearson's r of SSIM and a metric without each model in turn. Index: the model left out; NaN if fewer than three
    are left, or if one side is constant."""
    x, y = models[["ssim", metric]].to_numpy(dtype=float).T
    n = len(models)
    found = pd.Series(np.nan, models.index, dtype=float)
    if n >= 4:
        others = ~np.eye(n, dtype=bool)
        a, b = (np.broadcast_to(side, (n, n))[others].reshape(n, n - 1) for side in (x, y))
        varies = (np.ptp(a, axis=1) > 0) & (np.ptp(b, axis=1) > 0)
        found[varies] = correlate(a[varies], b[varies])
    return found


def removal_path(models: pd.DataFrame, metric: str = "piq", steps: int = 6) -> pd.DataFrame:
    """How much a few points matter: remove, one after the other, the model whose removal lowers r most.

    Columns removed ("" first), n, r, p, low, high.
    """
    rows = usable(models)[["ssim", metric]].dropna()
    path = [{"removed": "", **asdict(pearson(rows["ssim"], rows[metric]))}]
    for _ in range(min(steps, len(rows) - 4)):
        removed = str(leave_one_out(rows, metric).idxmin())
        rows = rows.drop(removed)
        path.append({"removed": removed, **asdict(pearson(rows["ssim"], rows[metric]))})
    return pd.DataFrame(path)[["removed", "n", "r", "p", "low", "high"]]


@dataclass(frozen=True)
class Mechanism:
    """What the squared distance D of the end frames explains: PIQ ≥ D/81 by construction, and D follows contrast.

    distance:  r of SSIM and D.
    partial:   partial r of SSIM and PIQ given D, with Fisher's interval for n − 1.
    residual:  r of D and PIQ/(D/81), which still depends on it.
    merged:    r of SSIM and PIQ with the AE and its near-copies (`ae_like`) merged into one row.
    cluster:   those copies.
    """

    distance: Correlation
    partial: Correlation
    residual: Correlation
    merged: Correlation
    cluster: tuple[str, ...]


SMALLEST_MECHANISM = 6
"""With fewer models there is no `Mechanism`."""


def mechanism(models: pd.DataFrame) -> Mechanism | None:
    """The trade-off and the distance of the end frames over the given models; None for too few of them."""
    rows = models[["ssim", "mse", "piq", "end_distance", "piq_over_floor"]].dropna()
    if len(rows) < SMALLEST_MECHANISM:
        return None
    cluster = ae_like(rows)
    merged = rows.drop(index=list(cluster))
    if cluster:
        merged.loc["merged"] = rows.loc[list(cluster)].mean()
    return Mechanism(
        distance=pearson(rows["ssim"], rows["end_distance"]),
        partial=partial(rows["ssim"], rows["piq"], rows["end_distance"]),
        residual=pearson(rows["piq_over_floor"], rows["end_distance"]),
        merged=pearson(merged["ssim"], merged["piq"]),
        cluster=cluster,
    )


def partial(x: pd.Series, y: pd.Series, given: pd.Series) -> Correlation:
    """Partial correlation of x and y given a third variable (Fisher 1924): r of the residuals of both after a linear
    regression on it, with one degree of freedom less."""
    left = [values - np.polyval(np.polyfit(given, values, 1), given) for values in (x, y)]
    r = float(np.corrcoef(*left)[0, 1])
    n = len(x)
    half = stats.norm.isf(ALPHA / 2) / np.sqrt(n - 4)
    low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    t = r * np.sqrt((n - 3) / (1 - r**2))
    return Correlation(r, float(2 * stats.t.sf(abs(t), n - 3)), n, float(low), float(high))
