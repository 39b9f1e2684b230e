"""Which reading lies nearer to the paper, by the stated rule; what was trained again; both likelihoods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import readings, statistics
from reproduce.analysis.summaries import summarise
from reproduce.architectures import registry
from reproduce.names import SLUGS
from reproduce.records import Records
from tests.synthetic import make_records


def shifted(records: Records, variant: str, slug: str, metric: str, by: float) -> Records:
    """One run's metric moved by so many standard deviations of the printed column."""
    runs = records.runs.copy()
    chosen = (runs["variant"] == variant) & (runs["architecture"] == slug)
    runs.loc[chosen, metric] += by * paper.models()[metric].std(ddof=1)
    return Records(**{**vars(records), "runs": runs})


@pytest.fixture(scope="module")
def both() -> Records:
    """Both readings of all 14, exactly as printed."""
    return make_records("desk", (42,), variants={"pythae": list(registry.PYTHAE)}, seed_spread=0.0)


def test_the_papers_own_values_are_at_no_distance() -> None:
    assert readings.distances(paper.models()).abs().max() == 0


def test_distance_is_the_root_mean_square_in_standard_deviations_of_the_printed_columns() -> None:
    models = paper.models()
    models["ssim"] += 3 * models["ssim"].std(ddof=1)
    assert readings.distances(models).to_numpy() == pytest.approx(3 / np.sqrt(3))


@pytest.mark.parametrize(("variant", "nearer"), [("", "pythae"), ("pythae", "described")])
def test_the_reading_that_was_not_moved_away_is_nearer(both: Records, variant: str, nearer: str) -> None:
    found = readings.nearest(shifted(both, variant, "miwae", "mse", 1.0))
    assert found.at["miwae", "nearest"] == nearer


@pytest.mark.parametrize(("by", "word"), [(0.15, "tie"), (0.2, "described")])
def test_a_tenth_of_a_standard_deviation_is_a_tie(both: Records, by: float, word: str) -> None:
    """A shift of one metric of three counts 1/√3."""
    found = readings.nearest(shifted(both, "pythae", "hvae", "ssim", by))
    assert found.at["hvae", "nearest"] == word


def test_a_reading_without_a_run_is_missing_and_counted(both: Records) -> None:
    found = readings.nearest(make_records("desk", (42,), variants={"pythae": ["vamp"]}, seed_spread=0.0))
    assert found.at["vamp", "nearest"] == "tie"
    assert readings.counts(found) == {"described": 0, "pythae": 0, "tie": 1, "missing": 13}
    assert list(found.index) == [slug for slug in SLUGS if slug in registry.PYTHAE]
    assert sum(readings.counts(readings.nearest(both)).values()) == 14


def test_retrained_runs_are_those_with_another_setting() -> None:
    records = make_records(
        "desk", (42,), variants={"bce": ["svae", "vae"], "pythae": ["vamp"], "kl-1": ["ms-ssim-vae"]}
    )
    assert readings.retrained(records) == (("vae", "bce"), ("svae", "bce"), ("ms-ssim-vae", "kl-1"))


def test_both_likelihoods_are_compared_over_the_same_architectures() -> None:
    six = ["vae", "beta-tcvae", "factor-vae", "beta-vae", "miwae", "svae"]
    found = readings.two_likelihoods(make_records("desk", (42,), variants={"bce": six}))
    assert found.slugs == tuple(six)
    assert found.gaussian.n == found.bernoulli.n == 6
    assert readings.two_likelihoods(make_records("desk", (42,))).slugs == ()


def test_likelihoods_are_compared_without_what_collapsed_under_either() -> None:
    six = ["vae", "beta-tcvae", "factor-vae", "beta-vae", "miwae", "svae"]
    records = make_records("desk", (42,), variants={"bce": six}, collapsed=["beta-vae"])
    every, alive = (readings.two_likelihoods(records, collapsed=them) for them in (True, False))
    assert every.collapsed == alive.collapsed == ("beta-vae",)
    assert every.slugs == tuple(six)
    assert set(alive.slugs) == set(six) - {"beta-vae"}
    assert alive.gaussian.n == alive.bernoulli.n == 5


def test_variants_leave_the_models_frame_alone(both: Records) -> None:
    pd.testing.assert_frame_equal(summarise(both), summarise(make_records("desk", (42,), seed_spread=0.0)))


def test_a_collapsed_variant_does_not_touch_the_described_readings_intervals() -> None:
    plain = make_records("desk", (42, 123))
    records = make_records("desk", (42, 123), variants={"pythae": ["ms-ssim-vae"]})
    runs = records.runs.assign(collapsed=records.runs["collapsed"] | (records.runs["variant"] == "pythae"))
    beside = Records(**{**vars(records), "runs": runs})
    pd.testing.assert_frame_equal(statistics.intervals(beside, "ssim"), statistics.intervals(plain, "ssim"))
