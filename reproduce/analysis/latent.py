"""The geometry of the codes (V-H): numbers for "fragmented", "continuous" and "grid-like"; t-SNE for the
picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reproduce.errors import ReproduceError
from reproduce.records import Records

RANDOM_STATE = 0
COLUMNS: tuple[str, ...] = ("silhouette", "neighbour_accuracy", "axis_alignment")


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of (n, d) points grouped by digit, in [−1, 1]: high where digits form separate
    islands."""
    return float(silhouette_score(points, labels)) if _varies(points) else float("nan")


def neighbour_accuracy(points: np.ndarray, labels: np.ndarray) -> float:
    """Share of points whose nearest other point has the same digit, in [0, 1]: low where digits overlap."""
    if not _varies(points):
        return float("nan")
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points).kneighbors(return_distance=False)
    return float((labels[nearest[:, 0]] == labels).mean())


def axis_alignment(points: np.ndarray, labels: np.ndarray) -> float:
    """How far the directions that separate the digits run along single axes, in [0, 1].

    The scatter matrix of the ten digits' mean codes: the share of its squared entries that lies on the
    diagonal. It is 1 where the digits spread along the axes independently (a grid), and small where the same
    scatter is rotated.
    """
    if not _varies(points):
        return float("nan")
    means = np.stack([points[labels == digit].mean(axis=0) for digit in np.unique(labels)])
    scatter = np.atleast_2d(np.cov(means, rowvar=False))
    total = float((scatter**2).sum())
    return float((np.diag(scatter) ** 2).sum() / total) if total > 0 else float("nan")


def embed(codes: np.ndarray) -> np.ndarray:
    """t-SNE of (n, d) codes into (n, 2), perplexity 30, from PCA, fixed random state: the same codes, the
    same map."""
    tsne = TSNE(
        n_components=2, perplexity=min(30, (len(codes) - 1) / 3), init="pca", random_state=RANDOM_STATE
    )
    with threadpool_limits(limits=1):  # one thread: the same map beside other work, and no spinning
        return np.asarray(tsne.fit_transform(np.asarray(codes, dtype=np.float32)))


def geometry(records: Records, architectures: Sequence[str], seed: int | None = None) -> pd.DataFrame:
    """Silhouette, nearest-neighbour accuracy and axis alignment of each model's 1,000 codes. Index slug.

    seed: by default the first that the campaign has. Models without codes get NaN, as do codes that do not
          vary.
    """
    return _table(records, architectures, seed, lambda codes: codes)


def embedded_geometry(
    records: Records, architectures: Sequence[str], seed: int | None = None
) -> pd.DataFrame:
    """The same statistics of the two t-SNE coordinates: what an eye would read off the paper's picture."""
    return _table(records, architectures, seed, embed)


def _table(
    records: Records, architectures: Sequence[str], seed: int | None, view: Callable[[np.ndarray], np.ndarray]
) -> pd.DataFrame:
    with threadpool_limits(limits=1):
        rows = {slug: _statistics(records, slug, seed, view) for slug in architectures}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS), dtype=float)
    return table.rename_axis("architecture")


def _statistics(
    records: Records, slug: str, seed: int | None, view: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, ...]:
    runs = records.runs
    done = runs[(runs["architecture"] == slug) & (runs["variant"] == "") & (runs["status"] == "fresh")][
        "seed"
    ]
    try:
        sample = records.samples(slug, int(done.iloc[0]) if seed is None and len(done) else int(seed or 0))
    except ReproduceError:
        return (np.nan,) * len(COLUMNS)
    codes, labels = np.asarray(sample["codes"], dtype=float), np.asarray(sample["code_labels"])
    points = view(codes.reshape(len(codes), -1)) if _varies(codes) else codes
    return silhouette(points, labels), neighbour_accuracy(points, labels), axis_alignment(points, labels)


def _varies(points: np.ndarray) -> bool:
    return bool(np.isfinite(points).all() and np.ptp(points) > 1e-6)
