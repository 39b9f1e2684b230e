"""Which reading of an architecture lies nearer to the paper, by the stated rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import readings
from reproduce.analysis.summaries import summarise
from reproduce.architectures import registry
from reproduce.storage.records import Records
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def both() -> Records:
    """Both readings of all 14, exactly as printed."""
    return make_records("desk", (42,), variants={"pythae": list(registry.PYTHAE)}, seed_spread=0.0)


def test_distance_is_the_root_mean_square_in_standard_deviations_of_the_printed_columns() -> None:
    models = paper.models()
    assert readings.distances(models).abs().max() == 0
    models["ssim"] += 3 * models["ssim"].std(ddof=1)
    assert readings.distances(models).to_numpy() == pytest.approx(3 / np.sqrt(3))


@pytest.mark.parametrize(
    ("moved", "by", "nearest"),
    [
        ("", 1.0, "pythae"),
        ("pythae", 1.0, "described"),
        ("pythae", 0.15, "tie"),
        ("pythae", 0.2, "described"),
    ],
)
def test_the_reading_that_was_not_moved_away_is_nearer(
    both: Records, moved: str, by: float, nearest: str
) -> None:
    """MSE moved by so many SDs of the printed column, which count 1/√3 as one metric of three; 0.1 is a tie."""
    runs = both.runs.copy()
    chosen = (runs["variant"] == moved) & (runs["architecture"] == "hvae")
    runs.loc[chosen, "mse"] += by * paper.models()["mse"].std(ddof=1)
    assert readings.nearest(replace(both, runs=runs)).at["hvae", "nearest"] == nearest


def test_variants_leave_the_models_frame_alone(both: Records) -> None:
    pd.testing.assert_frame_equal(summarise(both), summarise(make_records("desk", (42,), seed_spread=0.0)))
