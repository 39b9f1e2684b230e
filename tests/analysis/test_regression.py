"""Residuals of SSIM."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce.analysis.regression import ssim_residuals


def test_residuals_by_hand() -> None:
    models = pd.DataFrame({"ssim": [1.0, 2.0, 3.0, 5.0], "mse": [0.0, 1.0, 2.0, 3.0]}, index=list("abcd"))
    # slope 1.3, intercept 0.8
    assert ssim_residuals(models, ("mse",)).tolist() == pytest.approx([0.2, -0.1, -0.4, 0.3])


def test_a_second_explanation_can_leave_nothing() -> None:
    x, z = np.arange(6.0), np.array([0, 1, 0, 1, 0, 1.0])
    models = pd.DataFrame({"ssim": 2 * x - 3 * z, "mse": x, "sharpness": z})
    assert np.abs(ssim_residuals(models, ("mse",))).max() > 0.5
    assert np.abs(ssim_residuals(models, ("mse", "sharpness"))).max() < 1e-9


def test_a_nan_row_has_no_residual_and_few_rows_have_none() -> None:
    models = pd.DataFrame({"ssim": [1.0, 2, 3, 5, np.nan], "mse": [0.0, 1, 2, 3, 4]})
    assert ssim_residuals(models, ("mse",)).isna().tolist() == [False] * 4 + [True]
    assert ssim_residuals(models.iloc[:3], ("mse",)).isna().all()
