"""The headline taken apart: what carries the correlation of reconstruction quality and interpolation
smoothness?

The paper's central number is Pearson's r of SSIM and PIQ over 22 models. Three questions are put to it: how
certain is it (bootstrap, permutation, leave-one-out), who carries it (subsets), and is it about smoothness at
all? The last one because nine steps between end frames a squared distance D apart cannot have a mean square
below D/81: a model that decodes everything to similar blurs is "smooth" for free. So every row is repeated
with PIQ over that floor and with the uniformity SD(d)/mean(d), which do not shrink with D, and with D itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.analysis.measures import usable
from reproduce.analysis.statistics import ALPHA, Correlation, correlate, pearson, spearman
from reproduce.architectures.names import SLUGS
from reproduce.storage.records import Records

SMOOTHNESS: tuple[str, ...] = ("piq", "piq_over_floor", "uniformity", "end_distance")
"""What may stand for (un)smoothness. The paper's tables have only the first, blur alone does not lower the second and
third, and the last one is the mechanism."""
RESAMPLES = 1999
SMALLEST_BOOTSTRAP = 8
"""Fewer points than this give resamples without any spread."""
RANDOM_STATE = 0
RECONSTRUCTION_OPTIMISED: tuple[str, ...] = ("ae", "wae", "vq-vae")
DETERMINISTIC: tuple[str, ...] = ("ae", "wae", "vq-vae", "rae-gp", "rae-l2")
KL_REGULARISED: tuple[str, ...] = tuple(
    slug for slug in SLUGS if slug not in (*DETERMINISTIC, "adversarial-ae")
)
"""A KL term to a prior in the loss, whatever its weight."""
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
    """The rows in groups that are equal in all of Tables I and II, means and ±, at printed precision."""
    units = _printed_units()
    printed = (models[units.index] / units).round()
    groups = printed.groupby(list(printed), sort=False, dropna=False).groups.values()
    return tuple(tuple(str(slug) for slug in group) for group in groups)


def distinct(models: pd.DataFrame) -> pd.DataFrame:
    """One row of each such group."""
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
"""Subset → the rows that it keeps of those that are usable; of all rows, for `COLLAPSED_TOO`."""


def headline(records: Records | None = None) -> pd.DataFrame:
    """Every correlation of SSIM with a smoothness metric: tidy, one row a source, metric and subset.

    source:             "paper", "ours" (means over seeds), "ours, seed 42", …
    n, r, p, low, high: Pearson with its Fisher 95 % interval.
    boot_low, boot_high: percentile bootstrap over models (NaN below 8 models).
    permutation_p, null_low, null_high: two-sided, pairings of models; and where 95 % of their r lie.
    loo_low, loo_high, loo_model: the extremes of r as each model is left out once, and the one that moves r
                                  most.
    rho, rho_p, rho_low, rho_high: Spearman.
    NaN where fewer than four models remain.
    """
    rows: list[dict[str, float | str]] = [
        {
            "source": source,
            "smoothness_metric": metric,
            "subset": subset,
            **association(keep(models if subset == COLLAPSED_TOO else usable(models)), metric),
        }
        for source, models in _sources(records)
        for metric in SMOOTHNESS
        if metric in models
        for subset, keep in SUBSETS.items()
    ]
    return pd.DataFrame(rows)


def association(models: pd.DataFrame, metric: str) -> dict[str, float | str]:
    """The statistics of one row of `headline`: SSIM against one metric over the given models."""
    rows = models[["ssim", metric]].dropna().astype(float)
    x, y = rows["ssim"].to_numpy(), rows[metric].to_numpy()
    linear, ranked = pearson(x, y), spearman(x, y)
    boot_low, boot_high = _bootstrap(x, y)
    permutation_p, null_low, null_high = _permutation(x, y) if np.isfinite(linear.r) else (np.nan,) * 3
    left = leave_one_out(rows, metric)
    return {
        **{name: getattr(linear, name) for name in ("n", "r", "p", "low", "high")},
        **{"boot_low": boot_low, "boot_high": boot_high},
        **{"permutation_p": permutation_p, "null_low": null_low, "null_high": null_high},
        **{"loo_low": float(left.min()), "loo_high": float(left.max())},
        "loo_model": str((left - linear.r).abs().idxmax()) if left.notna().any() else "",
        **{"rho": ranked.r, "rho_p": ranked.p, "rho_low": ranked.low, "rho_high": ranked.high},
    }


def leave_one_out(models: pd.DataFrame, metric: str = "piq") -> pd.Series:
    """Pearson's r of SSIM and a metric without each model in turn. Index: the model left out; NaN where fewer than
    three are left, or one side is constant."""
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
    """How much a few points carry: drop, one after the other, the model whose removal lowers r most.

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
    over_floor: r of SSIM and PIQ/(D/81), which still depends on D:
    residual:  r of that ratio and D.
    merged:    r of SSIM and PIQ with the AE and its near-copies (`ae_like`) merged into one row.
    cluster:   those copies.
    """

    distance: Correlation
    partial: Correlation
    over_floor: Correlation
    residual: Correlation
    merged: Correlation
    cluster: tuple[str, ...]


SMALLEST_MECHANISM = 6
"""Models below which nothing is said of it."""


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
        over_floor=pearson(rows["ssim"], rows["piq_over_floor"]),
        residual=pearson(rows["piq_over_floor"], rows["end_distance"]),
        merged=pearson(merged["ssim"], merged["piq"]),
        cluster=cluster,
    )


def partial(x: pd.Series, y: pd.Series, given: pd.Series) -> Correlation:
    """Partial correlation of x and y given a third variable (Fisher 1924): r of what a line on it leaves of both, with
    one degree of freedom less."""
    left = [values - np.polyval(np.polyfit(given, values, 1), given) for values in (x, y)]
    r = float(np.corrcoef(*left)[0, 1])
    n = len(x)
    half = stats.norm.isf(ALPHA / 2) / np.sqrt(n - 4)
    low, high = np.tanh(np.arctanh(r) + np.array([-half, half]))
    t = r * np.sqrt((n - 3) / (1 - r**2))
    return Correlation(r, float(2 * stats.t.sf(abs(t), n - 3)), n, float(low), float(high))


def _sources(records: Records | None) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "paper", paper.models()
    if records is None:
        return
    yield "ours", summaries.summarise(records)
    for seed in summaries.seeds(records):
        yield f"ours, seed {seed}", summaries.summarise(summaries.only_seeds(records, [seed]))


def _bootstrap(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    if len(x) < SMALLEST_BOOTSTRAP or not np.ptp(x) or not np.ptp(y):
        return float("nan"), float("nan")
    found = stats.bootstrap(
        (x, y),
        correlate,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=1 - ALPHA,
        method="percentile",
        rng=np.random.default_rng(RANDOM_STATE),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _permutation(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """p, and the middle 95 % of r over shuffled pairings."""
    found = stats.permutation_test(
        (x,),
        lambda shuffled, axis=-1: correlate(shuffled, np.broadcast_to(y, shuffled.shape), axis),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(RANDOM_STATE),
    )
    low, high = np.quantile(found.null_distribution, (ALPHA / 2, 1 - ALPHA / 2))
    return float(found.pvalue), float(low), float(high)
