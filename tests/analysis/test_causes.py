"""The cause beside a dagger comes from the run's diagnostics."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reproduce.analysis import causes
from reproduce.records import Records
from tests.synthetic import make_records


def with_values(records: Records, slug: str, **values: object) -> Records:
    runs = records.runs.copy()
    for name, value in values.items():
        runs.loc[(runs["architecture"] == slug) & (runs["variant"] == ""), name] = value
    return replace(records, runs=runs)


@pytest.fixture(scope="module")
def records() -> Records:
    return make_records("quick", (42,), seed_spread=0.0)


def test_a_campaign_in_order_needs_no_cause(records: Records) -> None:
    assert causes.causes(records).empty


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"active_units": 0}, causes.IGNORED),
        ({"active_units": 7, "test_mse": 0.07, "test_mse_mean_code": 0.035}, causes.DRAWS),
        (
            {"active_units": 2, "test_mse": 0.07, "test_mse_mean_code": 0.069, "converged": False},
            causes.UNFINISHED,
        ),
        ({"active_units": 2, "test_mse": 0.07, "test_mse_mean_code": 0.069}, causes.OUTWEIGHED),
    ],
)
def test_the_diagnostics_decide(records: Records, values: dict[str, object], cause: str) -> None:
    found = causes.causes(with_values(records, "iwae", mse_ratio=1.02, collapsed=True, **values))
    assert list(found.index) == ["iwae"]
    assert found.at["iwae", "cause"] == cause


@pytest.mark.parametrize(("ratio", "listed"), [(0.89, False), (0.91, True)])
def test_whoever_does_not_beat_the_mean_image_by_a_tenth_is_listed(
    records: Records, ratio: float, listed: bool
) -> None:
    assert ("svae" in causes.causes(with_values(records, "svae", mse_ratio=ratio)).index) == listed


def test_falling_is_the_share_of_the_last_two_epochs(records: Records) -> None:
    curves = records.curves[(records.curves["architecture"] == "ae")].tail(3).copy()
    curves["validation_loss"] = [10.0, 9.5, 9.0]
    assert causes.falling(replace(records, curves=curves))["ae"] == pytest.approx(0.1)
    assert causes.falling(replace(records, curves=curves.tail(2))).isna().all()


def test_falling_is_that_of_the_seed_that_decides(records: Records) -> None:
    """One run that is not converged is enough for its model not to be."""
    own = records.curves[records.curves["architecture"] == "ae"].tail(3)
    still = own.assign(seed=1, validation_loss=[10.0, 9.99, 9.99])
    falling = own.assign(seed=2, validation_loss=[10.0, 9.9, 9.8])
    curves = pd.concat([still, falling])
    assert causes.falling(replace(records, curves=curves))["ae"] == pytest.approx(0.02)
