"""Tolerances are measured: from the spread of one campaign run in several ways, else between seeds."""

from __future__ import annotations

import contextlib
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

from reproduce import golden
from reproduce.errors import ReproduceError
from reproduce.golden.content import COMPARED, INITIAL, KEY, MACHINE, POOLED, same_class
from reproduce.golden.tolerances import (
    BASE,
    LEAST,
    MARGIN,
    OVER_WORST,
    SMALL,
    Spread,
    between_seeds,
    measured_tolerances,
    read_spread,
    record_tolerances,
    set_apart,
    tolerances_for,
    write_spread,
)
from reproduce.storage import files
from tests import faults
from tests.synthetic import make_records

HERE: Mapping[str, Any] = {name: name for name in MACHINE}
ELSEWHERE = {**HERE, "instruction_set": "DEFAULT"}
NO_RUNS = pd.DataFrame(columns=[*KEY, *COMPARED])


@pytest.fixture(scope="module")
def base() -> Spread:
    return Spread(BASE, golden.frames(make_records("smoke", (42,)))["runs"], HERE)


def moved(base: Spread, name: str, provenance: Mapping[str, Any], **factors: float) -> Spread:
    """The base's runs with some metrics multiplied."""
    return Spread(name, base.runs.assign(**{m: base.runs[m] * f for m, f in factors.items()}), provenance)


def every(*spreads: Spread) -> dict[tuple[str, str], Any]:
    """(metric, architecture) → row of the table."""
    return {(row.metric, row.architecture): row for row in measured_tolerances(spreads).itertuples()}


def measured(*spreads: Spread) -> dict[str, Any]:
    """Metric → pooled tolerance."""
    return {metric: row for (metric, slug), row in every(*spreads).items() if slug == POOLED}


def allowance(row: Any, value: float, same: bool) -> float:
    kind = "same" if same else "other"
    return float(getattr(row, f"{kind}_absolute") + getattr(row, f"{kind}_relative") * abs(value))


def test_a_tolerance_is_four_times_the_pooled_spread_and_at_least_the_least(base: Spread) -> None:
    found = measured(base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE, ssim=1.01))
    assert tuple(found) == (*COMPARED, INITIAL)
    assert found[INITIAL].other_relative == found[INITIAL].same_relative == 1e-8
    assert (found["piq"].same_relative, found["piq"].other_relative) == (LEAST["same"], LEAST["other"])
    ssim, small = found["ssim"], SMALL * base.runs["ssim"].median()
    pooled = np.sqrt(((0.01 * base.runs["ssim"] / (base.runs["ssim"] + small)) ** 2).mean())
    assert ssim.other_relative == pytest.approx(MARGIN * pooled, rel=1e-3)
    assert ssim.other_absolute == pytest.approx(ssim.other_relative * small, rel=1e-3)
    assert all(f"over 22 pooled runs ({way})" in ssim.reason for way in ("again", "avx"))
    wild = moved(base, "avx", ELSEWHERE, ssim=1.01)
    wild.runs.loc[wild.runs["architecture"] == "vae", "ssim"] *= 1.5
    chaotic = every(base, moved(base, "again", HERE), wild)
    pooled, own = chaotic["ssim", POOLED], chaotic["ssim", "vae"]
    # a chaotic one widens no other's
    assert pooled.other_relative == pytest.approx(ssim.other_relative, rel=0.01)
    assert own.other_relative > 20 * pooled.other_relative
    assert own.same_relative == pooled.same_relative


@pytest.mark.parametrize(
    ("wild", "calm", "least", "apart"),
    [
        pytest.param({"a": -0.1, "b": 0.09, "c": 0.08}, 5, 0.0, {"a", "b", "c"}, id="they do not hide each other"),
        pytest.param({"a": -0.1, "b": 0.09, "c": 0.08}, 5, 0.085, set(), id="below the least"),
        pytest.param({"a": 0.003}, 5, 0.0, set(), id="hardly more than the rest"),
        pytest.param(dict.fromkeys("abcdef", 1.0), 5, 0.0, set(), id="too many"),
        pytest.param({}, 5, 0.0, set(), id="none"),
        pytest.param({"a": 0.1}, 3, 0.0, {"a"}, id="one of four"),
        pytest.param({"a": 0.1}, 1, 0.0, set(), id="of two none can be told"),
    ],
)  # fmt: skip
def test_the_chaotic_are_set_apart(wild: dict[str, float], calm: int, least: float, apart: set[str]) -> None:
    values = wild | {f"calm-{n}": 0.001 for n in range(calm)}
    assert set_apart(pd.Series(values), least) == apart


def test_a_nearly_vanishing_value_does_not_make_a_tolerance(base: Spread) -> None:
    collapsed = base.runs.assign(piq=base.runs["piq"].where(base.runs["architecture"] != "ae", 1e-12))
    doubled = collapsed.assign(piq=collapsed["piq"].where(collapsed["architecture"] != "ae", 2e-12))
    start = replace(base, runs=collapsed)
    band = measured(start, moved(start, "again", HERE), Spread("avx", doubled, ELSEWHERE))["piq"]
    assert band.other_relative == LEAST["other"]
    assert allowance(band, 1e-12, same=False) > 1e-12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"as-is": None}, "tolerances need the runs 'as-is'"),
        ({"again": None}, "second campaign on the same class"),
        ({"avx": None}, "second campaign on the other class"),
        ({"avx": {"seed": 7}}, "runs that both campaigns have"),
        ({name: {"piq": 0.0} for name in ("as-is", "again", "avx")}, "a piq that is not 0 throughout"),
    ],
)
def test_what_measures_nothing_is_named(base: Spread, change: Mapping[str, Any], message: str) -> None:
    ways = {BASE: base, "again": moved(base, "again", HERE), "avx": moved(base, "avx", ELSEWHERE)}
    for name, values in change.items():
        way = ways.pop(name)
        if values is not None:
            ways[name] = replace(way, runs=way.runs.assign(**values))
    with pytest.raises(ReproduceError, match=message):
        measured(*ways.values())


def test_a_profile_without_a_spread_takes_its_seeds_else_what_is_there(base: Spread, tmp_path: Path) -> None:
    remedies = r"`make tolerances PROFILE=paper`, or run a second seed, or write .*bands"
    with pytest.raises(ReproduceError, match=remedies):
        tolerances_for("paper", base.runs, tmp_path)
    given = measured_tolerances([base, moved(base, "again", HERE), moved(base, "avx", ELSEWHERE)])
    files.write(tmp_path / "paper" / "bands.csv", files.csv_bytes(given.assign(reason="those of desk")))
    found, origin = tolerances_for("paper", base.runs, tmp_path)
    assert (set(found["reason"]), origin) == ({"those of desk"}, "as they were")
    seeds = golden.frames(make_records("paper", (42, 123)))["runs"]
    found, origin = tolerances_for("paper", seeds, tmp_path)
    assert origin == "between the seeds of the results"
    assert found["reason"][0].startswith("between seeds (42, 123) of 22 architectures: ")


def test_tolerances_between_seeds_admit_every_seed_elsewhere_and_rounding_here() -> None:
    runs = golden.frames(make_records("paper", (42, 123, 456), failed=["hvae"]))["runs"]
    for row in between_seeds(runs).itertuples():
        if row.metric != INITIAL and row.architecture == POOLED:
            assert row.same_relative == LEAST["same"]
            values = runs.set_index(KEY)[row.metric].drop("hvae", level="architecture")
            first = values.xs(42, level="seed")
            for seed in (123, 456):
                apart = (values.xs(seed, level="seed") - first).abs()
                assert (apart <= row.other_absolute + row.other_relative * first.abs()).all()


def test_measurements_that_cannot_be_had_again_outlive_a_full_disk(
    base: Spread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever file-system call the disk is full: every way of before can be read, or the recording was over."""
    ways = [base, moved(base, "again", HERE), moved(base, "another-machine", ELSEWHERE, ssim=1.01)]
    record_tolerances([*ways, moved(base, "earlier", HERE, ssim=3.0)], "smoke", tmp_path)
    folder, now = tmp_path / "smoke" / "spread", [*ways, moved(base, "new", ELSEWHERE)]
    with pytest.raises(ReproduceError):
        record_tolerances([base], "smoke", tmp_path)
    assert len(read_spread(folder)) == 4, "what makes no tolerances replaces nothing"
    names = {way.name for way in now}
    for n in itertools.count(1):
        monkeypatch.setattr(files, "observer", faults.full_at(n))
        with contextlib.suppress(ReproduceError):
            record_tolerances(now, "smoke", tmp_path)
            break
        found = {way.name for way in read_spread(folder)}
        assert {way.name for way in ways} <= found <= {*names, "earlier"}
        assert "earlier" in found or found == names, "the earlier goes after the new has come"
    monkeypatch.setattr(files, "observer", None)
    assert n > 40
    both = {f"{name}.{end}" for name in names for end in ("csv", "json")}
    assert {path.name for path in folder.iterdir()} == both


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_recorded_tolerances_are_those_of_the_spread_beside_them_and_admit_it(profile: str) -> None:
    spreads = read_spread(golden.FOLDER / profile / "spread")
    assert len(spreads) > 2
    found, origin = tolerances_for(profile, NO_RUNS)
    assert origin == f"from the runs in golden/{profile}/spread"
    pd.testing.assert_frame_equal(found, golden.read(profile).tolerances, check_exact=True)
    assert outside(spreads) == []


def outside(spreads: Sequence[Spread]) -> list[str]:
    """Numbers that lie outside the tolerance around the base's, or nearer to its edge than they should."""
    base, tolerances = next(spread for spread in spreads if spread.name == BASE), every(*spreads)
    found = []
    for way in spreads:
        ours, same = way.runs.set_index(KEY), same_class(base.provenance, way.provenance)
        for row in base.runs.to_dict("records"):
            key = (row["architecture"], row["seed"])
            for metric in COMPARED:
                its = tolerances.get((metric, key[0])) or tolerances[metric, POOLED]
                apart = OVER_WORST * abs(ours.loc[key, metric] - row[metric])
                if not apart <= 1.001 * allowance(its, row[metric], same):
                    found.append(f"{way.name}: {key} {metric}")
    return found


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(st.integers(0, 10**6), st.floats(-9, 0), st.floats(-9, 0))
def test_tolerances_admit_every_run_that_they_are_measured_from(
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
    assert outside(ways) == []


def test_what_another_machine_measured_stays_while_its_keys_are_todays(base: Spread, tmp_path: Path) -> None:
    base = Spread(base.name, base.runs, {**HERE, "keys": {"ae/seed-42": "a"}})
    elsewhere = {**ELSEWHERE, "keys": {"ae/seed-42": "a"}}
    kept = [
        Spread("another-machine", base.runs, elsewhere),
        Spread("of-older-keys", base.runs, {**elsewhere, "keys": {"ae/seed-42": "b"}}),
        Spread("avx2", base.runs, elsewhere),
        Spread("same-class", base.runs, base.provenance),
    ]
    write_spread(kept, tmp_path / "smoke" / "spread")
    now = [base, Spread("again", base.runs, base.provenance), Spread("avx2", base.runs, elsewhere)]
    record_tolerances(now, "smoke", tmp_path)
    names = [spread.name for spread in read_spread(tmp_path / "smoke" / "spread")]
    assert names == ["again", "another-machine", "as-is", "avx2"]
