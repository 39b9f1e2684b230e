"""Margins, directions, and which rows may take part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce.analysis.measures import MEASURES, SPREAD, measure, ranks, usable
from reproduce.errors import ReproduceError


def test_the_equivalence_margins_stated_in_advance() -> None:
    assert MEASURES["ssim"].margin(0.9) == 0.01
    assert MEASURES["piq"].margin(0.002) == pytest.approx(0.0001)
    assert measure("piq_sd") is SPREAD
    with pytest.raises(ReproduceError, match=r"'sssim'.*ssim, mse"):
        measure("sssim")


def test_ranks_put_the_best_first_and_share_ties() -> None:
    models = pd.DataFrame({"ssim": [0.9, 0.5, 0.9, np.nan], "piq": [4.0, 1.0, 2.0, 3.0]})
    assert ranks(models, "ssim").tolist()[:3] == [1, 3, 1]
    assert np.isnan(ranks(models, "ssim")[3])
    assert ranks(models, "piq").tolist() == [4, 1, 2, 3]


def test_usable_drops_collapsed_failed_and_nan() -> None:
    flags = {"collapsed": [False, True, False, False], "failed": [False, False, True, False]}
    models = pd.DataFrame({"ssim": [0.9, 0.8, 0.7, np.nan], "piq": 1.0, **flags})
    assert usable(models).index.tolist() == [0]
    assert len(usable(models[["ssim", "piq"]])) == 3
