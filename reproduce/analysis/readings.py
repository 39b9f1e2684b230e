"""Two readings of one architecture beside the paper, and runs retrained with another setting.

Which reading did a printed number come from? The distance of a reading from the paper is the root mean square, over
SSIM, MSE and PIQ, of its difference from the printed value in units of that column's standard deviation over the 22
printed rows. The nearer reading is named unless both distances lie within `TIE` of each other. Units, metrics and
margin were fixed before the first run of a second reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import statistics, summaries
from reproduce.architectures import registry
from reproduce.names import SLUGS
from reproduce.records import Records

METRICS = ("ssim", "mse", "piq")
TIE = 0.1
"""Distances closer than this, a tenth of a standard deviation, are not told apart."""
DESCRIBED, PYTHAE, NEITHER, MISSING = "described", "pythae", "tie", "missing"
BERNOULLI = "bce"


def distances(models: pd.DataFrame, metrics: Sequence[str] = METRICS) -> pd.Series:
    """Distance of each row of a models frame from the paper's, in standard deviations over the 22 printed rows.

    Index slug; NaN where a value is missing.
    """
    printed = paper.models()
    spread = printed[list(metrics)].std(ddof=1)
    apart = (models[list(metrics)] - printed[list(metrics)].reindex(models.index)) / spread
    return np.sqrt(apart.astype(float).pow(2).mean(axis=1, skipna=False))


def yardstick() -> pd.Series:
    """How far each printed row lies from a row of the columns' means: what knowing the print but not the model gives.
    Index slug."""
    printed = paper.models()
    means = pd.DataFrame({metric: printed[metric].mean() for metric in METRICS}, index=printed.index)
    return distances(means)


def nearest(records: Records) -> pd.DataFrame:
    """One row for each architecture that has a pythae reading, in Table I's order.

    Columns: described, pythae (distances, NaN without a finished run), nearest ("described", "pythae", "tie" or
    "missing").
    """
    slugs = [slug for slug in SLUGS if slug in registry.PYTHAE]
    found = pd.DataFrame(
        {
            DESCRIBED: distances(summaries.summarise(records)).reindex(slugs),
            PYTHAE: distances(summaries.summarise(records, registry.PYTHAE_VARIANT)).reindex(slugs),
        }
    )
    gap = found[PYTHAE] - found[DESCRIBED]
    words = np.select([gap.isna(), gap.abs() <= TIE, gap > 0], [MISSING, NEITHER, DESCRIBED], default=PYTHAE)
    return found.assign(nearest=words)


def counts(table: pd.DataFrame) -> dict[str, int]:
    """How often each word stands in `nearest`."""
    return {word: int((table["nearest"] == word).sum()) for word in (DESCRIBED, PYTHAE, NEITHER, MISSING)}


def retrained(records: Records) -> tuple[tuple[str, str], ...]:
    """(slug, variant) of the finished runs with another setting, by variant, Table I's order within it."""
    done = summaries.finished(records, None)
    done = done[~done["variant"].isin(["", registry.PYTHAE_VARIANT])]
    present = set(zip(done["architecture"], done["variant"], strict=True))
    return tuple(
        (slug, variant) for variant in registry.all_variants() for slug in SLUGS if (slug, variant) in present
    )


@dataclass(frozen=True)
class TwoLikelihoods:
    """Pearson's r of SSIM and PIQ over the same architectures under both likelihoods.

    collapsed: those that collapsed under either, whether they take part or not.
    """

    slugs: tuple[str, ...]
    collapsed: tuple[str, ...]
    gaussian: statistics.Correlation
    bernoulli: statistics.Correlation


def two_likelihoods(records: Records, *, collapsed: bool = True) -> TwoLikelihoods:
    """r(SSIM, PIQ) over the architectures that were trained under both likelihoods.

    collapsed: whether those that collapsed under either take part.
    """
    frames = [summaries.summarise(records, variant) for variant in ("", BERNOULLI)]
    both = tuple(
        slug
        for slug in SLUGS
        if all(slug in models.index and models.at[slug, "n_seeds"] > 0 for models in frames)
    )
    dead = tuple(slug for slug in both if any(models.at[slug, "collapsed"] for models in frames))
    kept = both if collapsed else tuple(slug for slug in both if slug not in dead)
    rows = [models.loc[list(kept)] for models in frames]
    return TwoLikelihoods(kept, dead, *(statistics.pearson(chosen["ssim"], chosen["piq"]) for chosen in rows))


def exchanged(records: Records, variant: str = registry.PYTHAE_VARIANT) -> pd.DataFrame:
    """The models frame with every architecture that has runs of a variant replaced by them."""
    described, other = summaries.summarise(records), summaries.summarise(records, variant)
    other = other[other["n_seeds"] > 0]
    kept = described.drop(index=other.index, errors="ignore")
    return pd.concat([kept, other]).reindex(described.index.union(other.index, sort=False))


def path_means(frame: pd.DataFrame, columns: Sequence[str], variant: str = "") -> pd.DataFrame:
    """Means of `Records.images` or `Records.pairs` by architecture and path: index (architecture, path)."""
    chosen = frame[frame["variant"] == variant]
    return chosen.groupby(["architecture", "path"])[list(columns)].mean(skipna=False)
