"""Errors by digit, changed digits, costs; and the families that the paper sorts models into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reproduce.analysis import failures
from reproduce.analysis.families import FAMILIES
from reproduce.analysis.summaries import summarise
from reproduce.paper import PAPER_SLUGS
from reproduce.storage.records import Records


def test_errors_by_digit_are_means_over_seeds(paperlike: Records) -> None:
    means, errors = failures.mse_by_digit(paperlike)
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
    models = summarise(paperlike)
    costs = failures.costs(models)
    assert costs.at["vae", "training_minutes_over_vae"] == 1
    assert costs.at["ae", "training_minutes"] * 60 == pytest.approx(models.at["ae", "training_seconds"])
    assert failures.costs(models.drop("vae"))["training_minutes_over_vae"].isna().all()


def test_no_grouping_puts_a_model_into_two_families() -> None:
    for families in FAMILIES.values():
        slugs = [slug for family in families.values() for slug in family]
        assert len(slugs) == len(set(slugs))
        assert set(slugs) < set(PAPER_SLUGS)
