"""Why a model is no better than a picture of the average digit, or not done: read off the run's own diagnostics."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reproduce.analysis import summaries
from reproduce.protocol import fell
from reproduce.records import Records

WEAK = 0.9
"""MSE over the mean image's MSE above which a model needs a cause: it does not beat that image by a tenth."""
IGNORED, DRAWS, UNFINISHED, OUTWEIGHED = "code ignored", "draws", "unfinished", "outweighed"
"""Causes, in the order in which they are looked for:

code ignored: no active unit. draws: the posterior's mean decodes well enough, draws from it do not. unfinished: the
validation loss was still falling. outweighed: trained to the end with few active units, so the rest of the objective
outweighs the reconstruction.
"""


def falling(records: Records) -> pd.Series:
    """Share by which the validation loss fell over the last epochs that decide on convergence, in the seed in which it
    fell most, since one such run is enough. Index slug; NaN before so many epochs."""
    curves = records.curves[records.curves["variant"] == ""].sort_values("epoch")

    runs = curves.groupby(["architecture", "seed"])["validation_loss"].agg(lambda losses: fell(list(losses)))
    return runs.groupby("architecture").max().rename("falling")


def causes(records: Records) -> pd.DataFrame:
    """One row for each architecture that collapsed or does not beat the mean image by a tenth.

    Index slug; columns cause, mse_ratio and mean_ratio (MSE of draws and of mean codes over the mean image's),
    active_units, kl (nats, NaN where there is none), falling.
    """
    models = summaries.summarise(records)
    models = models[models["n_seeds"] > 0]
    weak = models[models["collapsed"] | (models["mse_ratio"] > WEAK)]
    mean_ratio = weak["mse_ratio"] * weak["test_mse_mean_code"] / weak["test_mse"]
    found = np.select(
        [weak["active_units"] == 0, mean_ratio <= WEAK, ~weak["converged"].astype(bool)],
        [IGNORED, DRAWS, UNFINISHED],
        default=OUTWEIGHED,
    )
    table = weak[["mse_ratio", "active_units", "kl"]].assign(cause=found, mean_ratio=mean_ratio)
    return table.join(falling(records))
