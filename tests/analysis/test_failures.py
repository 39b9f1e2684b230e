"""Errors by digit, changed digits and costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reproduce.analysis import failures
from reproduce.analysis.summaries import summarise
from reproduce.records import Records


def test_errors_by_digit_are_means_over_seeds(paperlike: Records) -> None:
    errors = failures.error_by_digit(paperlike)
    assert errors.columns.tolist() == list(range(10))
    of_ae = paperlike.digits[(paperlike.digits["architecture"] == "ae") & (paperlike.digits["label"] == 3)]
    assert errors.at["ae", 3] == pytest.approx(of_ae["mse"].mean())
    assert "pca-16" not in errors.index


def test_changed_share_weighs_digits_by_their_number(paperlike: Records) -> None:
    digits = paperlike.digits[paperlike.digits["architecture"] == "ae"].iloc[:2]
    digits = digits.assign(n=[1, 3], changed=[1.0, 0.0])
    assert failures.changed_share(replace(paperlike, digits=digits))["ae"] == 0.25


def test_costs_are_measured_against_the_vae(paperlike: Records) -> None:
    costs = failures.costs(summarise(paperlike))
    assert costs.at["vae", "training_minutes_over_vae"] == 1
    assert costs.at["ae", "training_minutes"] * 60 == pytest.approx(
        summarise(paperlike).at["ae", "training_seconds"]
    )
    assert failures.costs(summarise(paperlike).drop("vae"))["training_minutes_over_vae"].isna().all()
    assert np.isfinite(costs).all(axis=None)
