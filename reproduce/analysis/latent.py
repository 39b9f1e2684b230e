"""The geometry of the codes (V-H): numbers for "fragmented", "continuous" and "grid-like"."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import silhouette_samples
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from reproduce.analysis import summaries
from reproduce.storage.records import Records

Statistic = Callable[[np.ndarray, np.ndarray], float]
"""(n, d) codes and their (n,) digits → a number."""
RANDOM_STATE = 0
NEIGHBOURS = 5
"""When islands are counted, each code is connected with this many nearest others."""
ISLAND = 0.01
"""An island has at least this share of all codes; smaller components are outliers."""
ROTATIONS = 199
"""Random rotations that axis alignment is compared with: the smallest possible p is then 0.005."""
ACTIVE = 0.01
"""Axes with less than this share of the largest variance are left out of that test: unused axes are always aligned."""


def silhouettes(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Silhouette of each of (n, d) points grouped by digit, (n,) in [−1, 1]; NaN if the points do not vary."""
    return silhouette_samples(points, labels) if _varies(points) else np.full(len(points), np.nan)


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of (n, d) points grouped by digit, in [−1, 1]: high where digits form separate
    islands."""
    return float(silhouettes(points, labels).mean())


def neighbour_accuracy(points: np.ndarray, labels: np.ndarray) -> float:
    """Share of points whose nearest other point has the same digit, in [0, 1]: low where digits overlap."""
    if not _varies(points):
        return float("nan")
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points).kneighbors(return_distance=False)
    return float((labels[nearest[:, 0]] == labels).mean())


def axis_alignment(points: np.ndarray, labels: np.ndarray) -> float:
    """How well the directions that separate the digits agree with single axes, in [0, 1].

    It is the share of the squared entries of the scatter matrix of the ten digits' mean codes that lies on the
    diagonal: 1 if the digits spread along the axes independently (a grid), and small if the same scatter is rotated.
    """
    scatter = _scatter(points, labels)
    total = float((scatter**2).sum())
    return float((np.diag(scatter) ** 2).sum() / total) if total > 0 else float("nan")


def alignment_p(points: np.ndarray, labels: np.ndarray) -> float:
    """p of "the digits spread along the axes", compared with random rotations of the same codes.

    Unlike axis alignment itself, which falls as dimensions are added, it compares models of any dimension.
    """
    variance = points.var(axis=0)
    used = points[:, variance >= ACTIVE * variance.max()]
    own, scatter = axis_alignment(used, labels), _scatter(used, labels)
    if not np.isfinite(own):
        return float("nan")
    if len(scatter) == 1:
        return 1.0
    turns = _rotations(len(scatter))
    diagonals = np.einsum("rij,ik,rkj->rj", turns, scatter, turns, optimize=True)
    rotated = (diagonals**2).sum(axis=1) / (scatter**2).sum()
    return float((1 + (rotated >= own).sum()) / (1 + ROTATIONS))


@cache
def _rotations(dimension: int) -> np.ndarray:
    return np.asarray(stats.ortho_group.rvs(dimension, size=ROTATIONS, random_state=RANDOM_STATE))


def islands(points: np.ndarray, labels: np.ndarray | None = None) -> float:
    """How many separate clouds the codes form, whatever their digits: components, with at least one code in a hundred,
    of the graph that joins each code with its five nearest others. NaN if the codes do not vary."""
    if not _varies(points):
        return float("nan")
    graph = kneighbors_graph(points, min(NEIGHBOURS, len(points) - 1))
    _, component = connected_components(graph, directed=False)
    return float((np.bincount(component) >= ISLAND * len(points)).sum() or np.nan)


def _scatter(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Covariance of the digits' mean codes, zero where the codes do not vary."""
    if not _varies(points):
        return np.zeros((1, 1))
    means = np.stack([points[labels == digit].mean(axis=0) for digit in np.unique(labels)])
    return np.atleast_2d(np.cov(means, rowvar=False))


Codes = dict[int, tuple[np.ndarray, np.ndarray]]
"""Seed → (n, d) codes and their digits."""


def codes_by_seed(records: Records, slug: str) -> Codes:
    """Seed → codes and digits of every finished run of one model; empty without any. Raises ReproduceError for codes
    that cannot be read: a verdict on fewer seeds would be another verdict."""
    found = {}
    for seed in summaries.finished_seeds(records, slug):
        sample = records.samples(slug, seed)
        codes = np.asarray(sample["codes"], dtype=float)
        found[seed] = codes.reshape(len(codes), -1), np.asarray(sample["code_labels"])
    return found


def _varies(points: np.ndarray) -> bool:
    return bool(np.isfinite(points).all() and np.ptp(points) > 1e-6)
