"""Least squares over models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm


def ssim_residuals(models: pd.DataFrame, on: tuple[str, ...]) -> pd.Series:
    """Residuals of SSIM in the least-squares regression on other columns, rescaled to unit SD first.

    NaN where a row is not finite, and everywhere if the rows do not outnumber the coefficients by two.
    """
    rows = models[["ssim", *on]].dropna().astype(float)
    if len(rows) < len(on) + 3 or (rows[list(on)].std() == 0).any():
        return pd.Series(np.nan, index=models.index)
    scaled = (rows[list(on)] - rows[list(on)].mean()) / rows[list(on)].std()
    return sm.OLS(rows["ssim"], sm.add_constant(scaled)).fit().resid.reindex(models.index)
