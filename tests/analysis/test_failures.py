"""Errors by digit, changed digits and costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reproduce.analysis import failures
from reproduce.analysis.summaries import summarise
from reproduce.storage.records import Records


def test_errors_by_digit_are_means_over_seeds(paperlike: Records) -> None:
    means, errors = failures.mse_by_digit(paperlike)
    assert means.columns.tolist() == errors.columns.tolist() == list(range(10))
    of_ae = paperlike.digits[(paperlike.digits["architecture"] == "ae") & (paperlike.digits["label"] == 3)]
    assert means.at["ae", 3] == pytest.approx(of_ae["mse"].mean())
    # seeds see the same images, so they make the error over images no smaller
    assert errors.at["ae", 3] == pytest.approx(np.sqrt((of_ae["mse_sd"] ** 2 / of_ae["n"]).mean()))
    assert "pca-16" not in means.index


def test_changed_share_weighs_digits_by_their_number(paperlike: Records) -> None:
    digits = paperlike.digits[paperlike.digits["architecture"] == "ae"].iloc[:10]
    digits = digits.assign(n=[1, 3, *[12] * 8], changed=[1.0, 0.0, *[0.25] * 8])
    found = failures.changed_share(replace(paperlike, digits=digits)).loc["ae"]
    assert found["share"] == 0.25
    assert found["error"] == pytest.approx(np.sqrt(0.25 * 0.75 / 100))


def test_costs_are_measured_against_the_vae(paperlike: Records) -> None:
    costs = failures.costs(summarise(paperlike))
    assert costs.at["vae", "training_minutes_over_vae"] == 1
    assert costs.at["ae", "training_minutes"] * 60 == pytest.approx(
        summarise(paperlike).at["ae", "training_seconds"]
    )
    assert failures.costs(summarise(paperlike).drop("vae"))["training_minutes_over_vae"].isna().all()
    assert np.isfinite(costs).all(axis=None)
