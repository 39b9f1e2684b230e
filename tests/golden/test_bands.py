"""Bands are measured: from the spread of one campaign run in several ways."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reproduce import files, golden
from reproduce.errors import ReproduceError
from reproduce.golden import INITIAL, Band, CannotCompare, Spread
from reproduce.golden.bands import (
    BASE,
    LEAST,
    LENDERS,
    MARGIN,
    OVER_WORST,
    SMALL,
    bands_for,
    has_spread,
    same_class,
    set_apart,
)
from reproduce.golden.model import COMPARED, KEY, POOLED, band_of
from reproduce.golden.recording import by_name
from tests import faults
from tests.synthetic import make_records

HERE: Mapping[str, Any] = {name: name for name in golden.MACHINE} | {"environment": {}}
ELSEWHERE = {**HERE, "instruction_set": "DEFAULT"}
OLDER = {**HERE, "environment": {"ONEDNN_MAX_CPU_ISA": "SSE41"}}


@pytest.fixture(scope="module")
def base() -> Spread:
    return Spread.of(BASE, make_records("smoke", (42,)), HERE)


def moved(base: Spread, name: str, provenance: Mapping[str, Any], **factors: float) -> Spread:
    """The base's runs with some metrics multiplied."""
    return Spread(name, base.runs.assign(**{m: base.runs[m] * f for m, f in factors.items()}), provenance)


def measured(*spreads: Spread) -> dict[str, Band]:
    """Metric → pooled band."""
    return {metric: band for (metric, slug), band in every_band(*spreads).items() if slug == POOLED}


def every_band(*spreads: Spread) -> dict[tuple[str, str], Band]:
    return by_name(golden.measured_bands(spreads))


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
    assert "over 22 pooled runs (again)" in band.reason
    assert "over 22 pooled runs (avx)" in band.reason


@pytest.mark.parametrize("kind", ["same", "other"])
def test_a_chaotic_architecture_gets_a_band_of_its_own_and_does_not_widen_the_others(
    base: Spread, kind: str
) -> None:
    def way(provenance: Mapping[str, Any], chaos: float) -> Spread:
        runs = moved(base, provenance["instruction_set"], provenance, ssim=1.002).runs
        runs.loc[runs["architecture"] == "vae", "ssim"] *= 1 + chaos
        return Spread(provenance["instruction_set"], runs, provenance)

    calm = every_band(base, way(HERE, 0.0), way(ELSEWHERE, 0.0))
    provenance = (HERE, ELSEWHERE)
    wild = every_band(base, *(way(it, 0.1 if (it is HERE) == (kind == "same") else 0.0) for it in provenance))
    assert ("ssim", "vae") not in calm
    assert [slug for metric, slug in wild if metric == "ssim"] == [POOLED, "vae"]
    pooled, own = wild["ssim", POOLED], wild["ssim", "vae"]
    width = f"{kind}_relative"
    assert getattr(pooled, width) == pytest.approx(getattr(calm["ssim", POOLED], width), rel=0.01)
    assert getattr(own, width) > 20 * getattr(pooled, width)
    there = "other_relative" if kind == "same" else "same_relative"
    assert getattr(own, there) == getattr(pooled, there), "where it is not set apart, it has the others'"
    assert "over 1 runs of vae (" in own.reason
    assert "over 22 pooled runs (" in own.reason
    assert "over 21 pooled runs (" in pooled.reason


def spreads_of(**sizes: float) -> pd.Series:
    return pd.Series(sizes)


def test_several_chaotic_ones_do_not_hide_each_other_and_half_at_most_are_set_apart() -> None:
    rest = {f"calm-{n}": 0.001 for n in range(5)}
    assert set_apart(spreads_of(**rest, a=-0.1, b=0.09, c=0.08), 0.0) == {"a", "b", "c"}
    assert set_apart(spreads_of(**rest, a=-0.1, b=0.09, c=0.08), 0.085) == set(), (
        "the least is too near for c"
    )
    assert set_apart(spreads_of(**rest, a=0.003), 0.0) == set()
    assert set_apart(spreads_of(a=1.0, b=1.0, c=1.0, d=0.001), 0.0) == set()
    assert set_apart(spreads_of(**rest), 0.0) == set()


def test_a_band_is_never_narrower_than_what_it_was_measured_from(base: Spread) -> None:
    runs = base.runs.copy()
    runs.loc[0, "mse"] *= 1.5
    bands = every_band(base, moved(base, "again", HERE), Spread("avx", runs, ELSEWHERE))
    band = band_of(bands, "mse", base.runs.loc[0, "architecture"])
    before, after = base.runs.loc[0, "mse"], runs.loc[0, "mse"]
    assert OVER_WORST * abs(after - before) <= 1.001 * band.allowance(before, same_machine=False)


def test_no_spread_leaves_the_least_bands(base: Spread) -> None:
    band = measured(base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE))["piq"]
    assert (band.same_relative, band.other_relative) == (LEAST["same"], LEAST["other"])


def test_another_python_is_the_same_class_and_another_instruction_set_is_not(base: Spread) -> None:
    found = measured(base, moved(base, "python", HERE, iss=1.01), moved(base, "sse41", OLDER, iss=1.1))["iss"]
    assert 0.01 < found.same_relative < 0.1 < found.other_relative


def test_a_nearly_vanishing_value_does_not_make_a_band(base: Spread) -> None:
    collapsed = base.runs.assign(piq=base.runs["piq"].where(base.runs["architecture"] != "ae", 1e-12))
    doubled = collapsed.assign(piq=collapsed["piq"].where(collapsed["architecture"] != "ae", 2e-12))
    start = replace(base, runs=collapsed)
    band = measured(start, moved(start, "again", HERE), Spread("avx", doubled, ELSEWHERE))["piq"]
    assert band.other_relative == LEAST["other"]
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


def test_runs_and_provenance_behind_the_bands_are_kept_and_give_them_again(
    base: Spread, tmp_path: Path
) -> None:
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01, iss=0.9)]
    golden.write_spread(ways, tmp_path / "smoke" / "spread")
    kept, origin = bands_for("smoke", tmp_path)
    assert kept == golden.measured_bands(ways)
    assert origin.endswith("smoke/spread")


def test_a_profile_without_a_spread_borrows_from_the_longest_that_has_one_and_says_so(
    base: Spread, tmp_path: Path
) -> None:
    with pytest.raises(CannotCompare, match="measure them with `make tolerances`"):
        bands_for("paper", tmp_path)
    golden.write_bands([Band("ssim", 1e-6, 0.0, 0.02, 0.0, "why")], tmp_path / "smoke")
    (again,), origin = bands_for("smoke", tmp_path)
    assert (again.reason, origin) == ("why", "as they were")
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01)]
    for lender in ("smoke", "quick"):
        golden.record_bands(ways, lender, tmp_path)
        bands, origin = bands_for("paper", tmp_path)
        assert bands[0].reason.startswith(f"measured for profile {lender}: ")
        assert "make tolerances PROFILE=paper" in origin


def test_another_machines_runs_alone_are_no_spread_of_its_own(base: Spread, tmp_path: Path) -> None:
    """It waits for `make tolerances`, and recording the lender does not stop at it."""
    golden.write_spread([moved(base, "another-machine", ELSEWHERE)], tmp_path / "desk" / "spread")
    golden.write_bands([Band("ssim", 1e-6, 0.0, 0.02, 0.0, "why")], tmp_path / "desk")
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE)]
    assert len(golden.record_bands(ways, "smoke", tmp_path)) == 2
    assert golden.read_bands(tmp_path / "desk")["ssim", POOLED].reason.startswith(
        "measured for profile smoke"
    )


def test_a_metric_that_is_zero_throughout_makes_no_bands(base: Spread) -> None:
    nothing = replace(base, runs=base.runs.assign(piq=0.0))
    with pytest.raises(CannotCompare, match="a value of piq that is not zero throughout"):
        measured(nothing, moved(nothing, "again", HERE), moved(nothing, "avx", ELSEWHERE))


def test_rows_that_lie_farther_apart_than_their_means_allow_are_refused(base: Spread) -> None:
    records = make_records("smoke", (42,))
    bands = golden.measured_bands(
        [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01)]
    )
    elsewhere = moved(base, "avx", ELSEWHERE)
    assert golden.farthest_rows(bands, (base, records), (elsewhere, records)).deviation == 0
    images = records.images.assign(ssim=-records.images["ssim"])
    with pytest.raises(
        CannotCompare, match=r"'avx' is \d+\.\d bands off in .*/seed-42 ssim by image: its rows lie"
    ):
        golden.farthest_rows(bands, (base, records), (elsewhere, replace(records, images=images)))


def test_recording_replaces_an_earlier_spread_and_renews_what_other_profiles_borrow(
    base: Spread, tmp_path: Path
) -> None:
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01)]
    golden.record_bands([*ways, moved(base, "earlier", ELSEWHERE, ssim=3.0)], "smoke", tmp_path)
    golden.write_bands([Band("ssim", 1e-6, 0.0, 0.02, 0.0, "why")], tmp_path / "quick")
    golden.record_bands(ways, "desk", tmp_path)
    assert golden.read_bands(tmp_path / "quick")["ssim", POOLED].reason == "why"
    written = golden.record_bands(ways, "smoke", tmp_path)
    assert [path.parent.name for path in written] == ["smoke", "quick"]
    now = golden.measured_bands(ways)
    assert list(golden.read_bands(tmp_path / "smoke").values()) == now
    assert list(golden.read_bands(tmp_path / "quick").values()) == golden.borrowed(
        golden.read_bands(tmp_path / "smoke"), "smoke"
    )
    assert list(golden.read_bands(tmp_path / "desk").values()) == now, "its own"


def test_measurements_that_cannot_be_had_again_outlive_a_full_disk(
    base: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever file-system call the disk is full: every way of before can be read, or the recording was over."""
    ways = [base, moved(base, "again", HERE), moved(base, "another-machine", ELSEWHERE, ssim=1.01)]
    golden.record_bands([*ways, moved(base, "earlier", ELSEWHERE, ssim=3.0)], "smoke", tmp_path)
    folder, now = tmp_path / "smoke" / "spread", [*ways, moved(base, "new", ELSEWHERE)]
    names = {way.name for way in now}
    for n in itertools.count(1):
        monkeypatch.setattr(files, "observer", faults.full_at(n))
        try:
            golden.record_bands(now, "smoke", tmp_path)
        except ReproduceError:
            found = {way.name for way in golden.read_spread(folder)}
            assert found >= {way.name for way in ways}
            assert found <= {*names, "earlier"}
            assert "earlier" in found or found == names, "the earlier goes after the new has come"
        else:
            break
    monkeypatch.setattr(files, "observer", None)
    assert n > 40
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{end}" for name in names for end in ("csv", "json")
    }


def test_a_spread_that_makes_no_bands_replaces_nothing(base: Spread, tmp_path: Path) -> None:
    ways = [base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE)]
    golden.record_bands(ways, "smoke", tmp_path)
    with pytest.raises(CannotCompare):
        golden.record_bands(ways[:1], "smoke", tmp_path)
    assert [way.name for way in golden.read_spread(tmp_path / "smoke" / "spread")] == [
        "again",
        "as-is",
        "avx",
    ]


RECORDED = sorted(path.parent for path in golden.FOLDER.glob("*/bands.csv"))


@pytest.mark.parametrize("lender", LENDERS)
def test_the_lenders_were_measured_themselves(lender: str) -> None:
    assert has_spread(golden.FOLDER / lender), (
        f"run `make tolerances PROFILE={lender}` and commit golden/{lender}"
    )


@pytest.mark.parametrize("folder", RECORDED, ids=lambda path: path.name)
def test_recorded_bands_are_those_of_the_spread_kept_beside_them_or_borrowed(folder: Path) -> None:
    found, _ = bands_for(folder.name)
    assert list(golden.read_bands(folder).values()) == found, (
        f"record them: make golden PROFILE={folder.name}"
    )


@pytest.mark.parametrize("folder", RECORDED, ids=lambda path: path.name)
def test_recorded_bands_admit_every_run_that_they_were_measured_from(folder: Path) -> None:
    spreads = golden.read_spread(folder / "spread")
    assert len(spreads) > 2 or folder.name not in LENDERS
    assert outside(golden.read_bands(folder), spreads) == []


def outside(bands: Mapping[tuple[str, str], Band], spreads: Sequence[Spread]) -> list[str]:
    """Numbers that lie outside the band around the base's."""
    base = next((spread for spread in spreads if spread.name == BASE), None)
    found = []
    for way in spreads if base else ():
        ours = way.runs.set_index(KEY)
        for row in base.runs.to_dict("records"):
            key = (row["architecture"], row["seed"])
            for metric in COMPARED:
                allowed = band_of(bands, metric, key[0]).allowance(row[metric], same_class(base, way))
                if not abs(ours.loc[key, metric] - row[metric]) <= allowed:
                    found.append(f"{way.name}: {key} {metric}")
    return found


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(st.integers(0, 10**6), st.floats(-9, 0), st.floats(-9, 0))
def test_bands_admit_every_run_that_they_are_measured_from(
    base: Spread, seed: int, here: float, there: float
) -> None:
    """However far and however unevenly the ways lie from each other: most runs hardly, some by a million times more."""
    draw = np.random.default_rng(seed)

    def drifted(name: str, provenance: Mapping[str, Any], size: float) -> Spread:
        factors = 1 + size * draw.normal(size=(len(base.runs), len(COMPARED))) ** 9 / 1e3
        return Spread(name, base.runs.assign(**(base.runs[list(COMPARED)] * factors)), provenance)

    ways = [
        base,
        *(drifted(name, HERE, 10**here) for name in ("again", "python")),
        *(drifted(name, ELSEWHERE, 10**there) for name in ("avx2", "sse41")),
    ]
    assert outside(every_band(*ways), ways) == []


def test_a_damaged_spread_is_named(base: Spread, tmp_path: Path) -> None:
    golden.write_spread([base], tmp_path)
    pd.concat([base.runs, base.runs.iloc[:1]]).to_csv(tmp_path / "as-is.csv", index=False)
    with pytest.raises(CannotCompare, match=r"as-is.csv is damaged \(it has a row twice"):
        golden.read_spread(tmp_path)


def test_what_another_machine_measured_stays_while_its_keys_are_todays(base: Spread, tmp_path: Path) -> None:
    base = Spread(base.name, base.runs, {**HERE, "keys": {"ae/seed-42": "a"}})
    elsewhere = {**ELSEWHERE, "keys": {"ae/seed-42": "a"}}
    kept = [
        Spread("another-machine", base.runs, elsewhere),
        Spread("of-older-keys", base.runs, {**elsewhere, "keys": {"ae/seed-42": "b"}}),
        Spread("avx2", base.runs, elsewhere),
        Spread("same-class", base.runs, base.provenance),
    ]
    golden.write_spread(kept, tmp_path / "smoke" / "spread")
    now = [base, Spread("avx2", base.runs, elsewhere)]
    found = golden.from_other_machines("smoke", now, tmp_path)
    assert [spread.name for spread in found] == ["another-machine"]
    assert golden.from_other_machines("quick", now, tmp_path) == []
