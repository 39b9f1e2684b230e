"""Two readings of one architecture beside the paper, and runs retrained with another setting.

Which reading did a printed number come from? The distance of a reading from the paper is the root mean square, over
SSIM, MSE and PIQ, of its difference from the printed value in units of that column's standard deviation over the 22
printed rows. The nearer reading is named unless both distances lie within `TIE` of each other. Units, metrics and
margin were fixed before the first run of a second reading.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.architectures import registry
from reproduce.architectures.names import SLUGS
from reproduce.storage.records import Records

METRICS = ("ssim", "mse", "piq")
TIE = 0.1
"""Distances closer than this, a tenth of a standard deviation, are not told apart."""
DESCRIBED, PYTHAE, NEITHER, MISSING = "described", "pythae", "tie", "missing"


def distances(models: pd.DataFrame, metrics: Sequence[str] = METRICS) -> pd.Series:
    """Distance of each row of a models frame from the paper's, in standard deviations over the 22 printed rows.

    Index slug; NaN where a value is missing.
    """
    printed = paper.models()
    spread = printed[list(metrics)].std(ddof=1)
    apart = (models[list(metrics)] - printed[list(metrics)].reindex(models.index)) / spread
    return np.sqrt(apart.astype(float).pow(2).mean(axis=1, skipna=False))


def nearest(records: Records) -> pd.DataFrame:
    """One row for each architecture that has an implementation of Pythae's, in Table I's order.

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
