"""Which reading lies nearer to the paper, by the stated rule; what was trained again; both likelihoods."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import readings
from reproduce.analysis.summaries import summarise
from reproduce.architectures import registry
from reproduce.storage.records import Records
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


def test_variants_leave_the_models_frame_alone(both: Records) -> None:
    pd.testing.assert_frame_equal(summarise(both), summarise(make_records("desk", (42,), seed_spread=0.0)))
