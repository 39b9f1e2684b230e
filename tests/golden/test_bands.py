"""Bands are measured: from the spread of one campaign run in several ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproduce import golden
from reproduce.golden import INITIAL, Band, CannotCompare, Spread
from reproduce.golden.bands import BASE, LEAST_OTHER, LEAST_SAME, MARGIN, OVER_WORST, SMALL, bands_for
from reproduce.golden.model import COMPARED
from tests.synthetic import make_records

HERE: Mapping[str, Any] = {name: name for name in golden.MACHINE} | {"environment": {}}
ELSEWHERE = {**HERE, "instruction_set": "DEFAULT"}
OLDER = {**HERE, "environment": {"ONEDNN_MAX_CPU_ISA": "SSE41"}}


@pytest.fixture(scope="module")
def base() -> Spread:
    return Spread.of(BASE, make_records("smoke", (42,)), HERE)


def moved(base: Spread, name: str, stamp: Mapping[str, Any], **factors: float) -> Spread:
    """The base's runs with some metrics multiplied."""
    return Spread(name, base.runs.assign(**{m: base.runs[m] * f for m, f in factors.items()}), stamp)


def measured(*spreads: Spread) -> dict[str, Band]:
    return {band.metric: band for band in golden.measured_bands(spreads)}


def test_every_metric_gets_a_band_and_the_initial_losses_one_of_1e_8(base: Spread) -> None:
    found = measured(base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01))
    assert tuple(found) == (*COMPARED, INITIAL)
    assert found[INITIAL].other_relative == found[INITIAL].same_relative == 1e-8


def test_the_wide_band_is_four_times_the_pooled_spread_and_names_the_runs(base: Spread) -> None:
    band = measured(base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01))["ssim"]
    small = SMALL * base.runs["ssim"].median()
    pooled = np.sqrt(((0.01 * base.runs["ssim"] / (base.runs["ssim"] + small)) ** 2).mean())
    assert band.other_relative == pytest.approx(MARGIN * pooled, rel=1e-3)
    assert band.other_absolute == pytest.approx(band.other_relative * small, rel=1e-3)
    assert "over 22 runs (again)" in band.reason
    assert "over 22 runs (avx)" in band.reason


def test_a_band_is_never_narrower_than_what_it_was_measured_from(base: Spread) -> None:
    runs = base.runs.copy()
    runs.loc[0, "mse"] *= 1.5
    band = measured(base, moved(base, "again", HERE), Spread("avx", runs, ELSEWHERE))["mse"]
    before, after = base.runs.loc[0, "mse"], runs.loc[0, "mse"]
    assert OVER_WORST * abs(after - before) <= 1.001 * band.allowance(before, same_machine=False)


def test_no_spread_leaves_the_least_bands(base: Spread) -> None:
    band = measured(base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE))["piq"]
    assert (band.same_relative, band.other_relative) == (LEAST_SAME, LEAST_OTHER)


def test_another_python_is_the_same_class_and_another_instruction_set_is_not(base: Spread) -> None:
    found = measured(base, moved(base, "python", HERE, iss=1.01), moved(base, "sse41", OLDER, iss=1.1))["iss"]
    assert 0.01 < found.same_relative < 0.1 < found.other_relative


def test_a_nearly_vanishing_value_does_not_make_a_band(base: Spread) -> None:
    collapsed = base.runs.assign(piq=base.runs["piq"].where(base.runs["architecture"] != "ae", 1e-12))
    doubled = collapsed.assign(piq=collapsed["piq"].where(collapsed["architecture"] != "ae", 2e-12))
    start = replace(base, runs=collapsed)
    band = measured(start, moved(start, "again", HERE), Spread("avx", doubled, ELSEWHERE))["piq"]
    assert band.other_relative == LEAST_OTHER
    assert band.allowance(1e-12, same_machine=False) > 1e-12


@pytest.mark.parametrize(
    ("left_out", "message"), [(BASE, "bands need the runs 'as-is'"), ("again", "same"), ("avx", "other")]
)
def test_a_kind_of_runs_that_is_missing_is_named(base: Spread, left_out: str, message: str) -> None:
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE)]
    with pytest.raises(CannotCompare, match=message):
        measured(*[way for way in ways if way.name != left_out])


def test_campaigns_without_a_common_run_measure_nothing(base: Spread) -> None:
    other = Spread("avx", base.runs.assign(seed=7), ELSEWHERE)
    with pytest.raises(CannotCompare, match="bands need runs that both campaigns have"):
        measured(base, moved(base, "again", HERE), other)


def test_runs_and_stamps_behind_the_bands_are_kept_and_give_them_again(base: Spread, tmp_path: Path) -> None:
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01, iss=0.9)]
    golden.write_spread(ways, tmp_path / "smoke" / "spread")
    kept, origin = bands_for("smoke", tmp_path)
    assert kept == golden.measured_bands(ways)
    assert origin.endswith("smoke/spread")


def test_a_profile_without_a_spread_takes_smokes_bands_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotCompare, match="measure them with `make tolerances`"):
        bands_for("paper", tmp_path)
    golden.write_bands([Band("ssim", 1e-6, 0.0, 0.02, 0.0, "why")], tmp_path / "smoke")
    (band,), origin = bands_for("paper", tmp_path)
    assert (band.other_relative, band.reason) == (0.02, "measured for profile smoke: why")
    assert "make tolerances PROFILE=paper" in origin
    (again,), origin = bands_for("smoke", tmp_path)
    assert (again.reason, origin) == ("why", "as they were")


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in golden.FOLDER.glob("*/spread/")), ids=lambda path: path.name
)
def test_recorded_bands_are_those_of_the_spread_kept_beside_them(folder: Path) -> None:
    measured = golden.measured_bands(golden.read_spread(folder / "spread"))
    assert list(golden.read_bands(folder).values()) == measured


def test_a_damaged_spread_is_named(base: Spread, tmp_path: Path) -> None:
    golden.write_spread([base], tmp_path)
    pd.concat([base.runs, base.runs.iloc[:1]]).to_csv(tmp_path / "as-is.csv", index=False)
    with pytest.raises(CannotCompare, match=r"as-is.csv is damaged \(it has a row twice"):
        golden.read_spread(tmp_path)
