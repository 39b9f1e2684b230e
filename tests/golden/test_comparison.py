from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from pytest_regressions.data_regression import DataRegressionFixture

from reproduce import devices, golden, paper
from reproduce.golden import CannotCompare, Golden
from reproduce.golden.comparison import Number, judged
from reproduce.golden.model import (
    BY_ROW,
    COLUMNS,
    COMPARED,
    GPU,
    INITIAL,
    MACHINE,
    OF_RUNS,
    POOLED,
    ROWS,
    machine_class,
    rekeyed,
)
from reproduce.names import SLUGS
from reproduce.protocol import PROFILES
from reproduce.records import Records
from tests.synthetic import make_records

PROVENANCE = {
    "profile": "quick", "keys": {"ae/seed-42": "0" * 16}, "data": "0" * 64, "device": "cpu", "processor": "P",
    "instruction_set": "AVX2", "machine": "x86_64", "torch": "2", "numpy": "2", "commit": "abc",
}  # fmt: skip
TOLERANCES = pd.DataFrame(
    [(metric, POOLED, 1e-6, 0.0, 0.02, 0.001, f"for {metric}") for metric in COMPARED]
    + [(INITIAL, POOLED, 1e-8, 1e-8, 1e-8, 1e-8, "for the test")],
    columns=COLUMNS["tolerances"],
)
A40 = {
    "device": "cuda", "gpu": "NVIDIA A40", "cuda": "13.0", "cudnn": "92400", "tf32_matmul": "False",
    "tf32_convolution": "False",
}  # fmt: skip
LOSSES = pd.DataFrame(
    [(slug, part, 100.0 + n) for n, slug in enumerate(SLUGS) for part in ("loss_autoencoder", "part_kl")],
    columns=["architecture", "part", "value"],
)


@pytest.fixture(scope="module")
def recorded() -> Records:
    """A complete campaign of all 22."""
    return make_records("quick", (42,))


@pytest.fixture(scope="module")
def folder(recorded: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its golden numbers on disk."""
    root = tmp_path_factory.mktemp("golden")
    golden.write(golden.of_records(recorded, LOSSES, PROVENANCE, TOLERANCES), root)
    return root


@pytest.fixture
def expected(folder: Path) -> Golden:
    return golden.read("quick", folder)


def with_run(records: Records, slug: str, **values: Any) -> Records:
    """The records with other values in one run's row."""
    runs = records.runs.copy()
    for name, value in values.items():
        runs.loc[runs["architecture"] == slug, name] = value
    return replace(records, runs=runs)


def off(compared: pd.DataFrame) -> list[tuple[str, str]]:
    return [(item.architecture, item.metric) for item in compared.itertuples() if not item.inside]


def value(records: Records, slug: str, metric: str) -> float:
    return float(records.runs.set_index("architecture").loc[slug, metric])


# --- equal campaigns ----------------------------------------------------------------------------------


def test_a_campaign_agrees_with_its_own_recording_to_the_bit(expected: Golden, recorded: Records) -> None:
    compared = golden.compare(expected, recorded, LOSSES, PROVENANCE, paper.models())
    assert len(compared) == 22 * (len(COMPARED) + 1 + len(BY_ROW)) + len(LOSSES)
    assert compared["inside"].all()
    assert (compared[["difference", "deviation"]] == 0).all(axis=None)


def test_what_is_written_is_raw_and_in_table_is_order(folder: Path) -> None:
    table = pd.read_csv(folder / "quick" / "runs.csv")
    assert table["architecture"].tolist() == list(SLUGS)
    assert list(table.columns[:9]) == [
        "architecture",
        "seed",
        "ssim",
        "mse",
        "psnr",
        "mae",
        "piq",
        "iss",
        "i_ssim",
    ]
    for name, rows in (("images", 22 * 100), ("pairs", 22 * 25)):
        assert len(pd.read_csv(folder / "quick" / f"{name}.csv")) == rows


def test_the_papers_numbers_stand_beside(expected: Golden, recorded: Records) -> None:
    compared = golden.compare(expected, recorded, LOSSES, PROVENANCE, paper.models())
    printed = compared.set_index(["architecture", "metric"])["paper"]
    assert printed["ae", "ssim"] == paper.models().loc["ae", "ssim"]
    assert math.isnan(printed["ae", "code_sd"])


# --- bands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("metric", COMPARED)
def test_a_number_outside_its_band_on_either_side_is_off(
    expected: Golden, recorded: Records, metric: str, sign: int
) -> None:
    before = value(recorded, "vae", metric)
    inside = with_run(recorded, "vae", **{metric: before + sign * 0.9e-6 * abs(before)})
    assert off(golden.compare(expected, inside, LOSSES, PROVENANCE)) == []
    outside = with_run(recorded, "vae", **{metric: before + sign * 1.1e-6 * abs(before)})
    assert off(golden.compare(expected, outside, LOSSES, PROVENANCE)) == [("vae", metric)]


@pytest.mark.parametrize("name", MACHINE)
def test_another_class_of_machine_gets_the_wider_band(expected: Golden, recorded: Records, name: str) -> None:
    moved = with_run(recorded, "vae", ssim=value(recorded, "vae", "ssim") * 1.01)
    assert off(golden.compare(expected, moved, LOSSES, PROVENANCE)) == [("vae", "ssim")]
    assert off(golden.compare(expected, moved, LOSSES, PROVENANCE | {name: "other"})) == []
    far = with_run(recorded, "vae", ssim=value(recorded, "vae", "ssim") * 1.05)
    assert off(golden.compare(expected, far, LOSSES, PROVENANCE | {name: "other"})) == [("vae", "ssim")]


def test_a_provenance_says_what_a_gpu_is_and_nothing_of_one_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "NVIDIA A40")
    on_gpu, on_cpu = (
        golden.machine_provenance(PROFILES["quick"], {"flags": flags}) for flags in (A40, {"device": "cpu"})
    )
    assert A40.items() <= on_gpu.items()
    assert A40.keys() == {"device", *GPU} <= devices.flags("cuda").keys()
    assert not set(GPU) & on_cpu.keys()


@pytest.mark.parametrize("name", GPU)
def test_another_card_library_or_precision_is_another_class(name: str) -> None:
    here, there = ({"flags": A40 | change} for change in ({}, {name: "another"}))
    classes = [machine_class(golden.machine_provenance(PROFILES["quick"], made)) for made in (here, there)]
    assert classes[0] != classes[1]


def test_another_commit_is_the_same_class_of_machine(expected: Golden, recorded: Records) -> None:
    moved = with_run(recorded, "vae", ssim=value(recorded, "vae", "ssim") * 1.01)
    assert off(golden.compare(expected, moved, LOSSES, PROVENANCE | {"commit": "def"})) == [("vae", "ssim")]


def test_the_number_of_parameters_has_no_band(expected: Golden, recorded: Records) -> None:
    more = with_run(recorded, "vae", parameters=value(recorded, "vae", "parameters") + 1)
    assert off(golden.compare(expected, more, LOSSES, PROVENANCE | {"machine": "other"})) == [
        ("vae", "parameters")
    ]


@pytest.mark.parametrize(("same", "allowed"), [(True, 0.21), (False, 0.42)])
def test_a_tolerance_is_absolute_plus_relative(same: bool, allowed: float) -> None:
    table = pd.DataFrame([("ssim", POOLED, 0.1, 0.01, 0.2, 0.02, "")], columns=COLUMNS["tolerances"])
    number = Number("vae", "vae/seed-42", "ssim", -2.0, -2.0 - allowed, "ssim", size=-2.0)
    assert judged([number], table, same)["deviation"].tolist() == [pytest.approx(1.0)]


def test_an_architectures_own_tolerance_goes_before_the_pooled_one(
    expected: Golden, recorded: Records
) -> None:
    moved = with_run(recorded, "vae", ssim=value(recorded, "vae", "ssim") * 1.1)
    moved = with_run(moved, "ae", ssim=value(recorded, "ae", "ssim") * 1.1)
    own = pd.DataFrame([("ssim", "vae", 0.2, 0.0, 0.2, 0.0, "chaotic")], columns=COLUMNS["tolerances"])
    wider = replace(expected, tolerances=pd.concat([expected.tolerances, own]))
    assert off(golden.compare(wider, moved, LOSSES, PROVENANCE)) == [("ae", "ssim")]


# --- row by row ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("frame", "column"), BY_ROW)
def test_rows_may_be_off_by_their_metrics_band_times_the_root_of_their_number(
    expected: Golden, recorded: Records, frame: str, column: str, sign: int
) -> None:
    called, _ = BY_ROW[frame, column]
    table = getattr(expected, frame)
    values = table.loc[table["architecture"] == "vae", column].to_numpy()
    band = math.sqrt(len(values)) * 1e-6 * math.sqrt((values**2).mean())
    for share, found in ((0.9, []), (1.1, [("vae", called)])):
        moved = with_rows(recorded, frame, column, values + sign * share * band)
        assert off(golden.compare(expected, moved, LOSSES, PROVENANCE)) == found


@pytest.mark.parametrize(("frame", "column"), BY_ROW)
def test_one_row_that_is_not_finite_is_off(
    expected: Golden, recorded: Records, frame: str, column: str
) -> None:
    table = getattr(expected, frame)
    values = table.loc[table["architecture"] == "vae", column].to_numpy().copy()
    values[-1] = math.nan
    moved = with_rows(recorded, frame, column, values)
    compared = golden.compare(expected, moved, LOSSES, PROVENANCE | {"machine": "other"})
    assert off(compared) == [("vae", BY_ROW[frame, column][0])]


def with_rows(records: Records, frame: str, column: str, values: Any) -> Records:
    """The records with other values in the rows of the VAE that golden keeps, in their order."""
    table = getattr(records, frame).copy()
    kept = {"images": ("path", "sampled"), "pairs": ("path", "main"), "curves": ("variant", "")}[frame]
    chosen = table[(table["architecture"] == "vae") & (table[kept[0]] == kept[1]) & (table["variant"] == "")]
    table[column] = table[column].astype(float)
    table.loc[chosen.sort_values(list(ROWS[frame])).index, column] = values
    return replace(records, **{frame: table})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_off_and_infinitely_so(expected: Golden, recorded: Records, bad: float) -> None:
    compared = golden.compare(
        expected, with_run(recorded, "vae", kl=1.0, mse=bad), LOSSES, PROVENANCE | {"machine": "other"}
    )
    assert off(compared) == [("vae", "mse")]
    assert compared["deviation"].max() == math.inf


# --- what cannot be compared --------------------------------------------------------------------------


def test_another_profile_is_refused(expected: Golden, recorded: Records) -> None:
    with pytest.raises(CannotCompare, match="golden is of profile 'quick', the results of 'smoke'"):
        golden.compare(expected, replace(recorded, profile="smoke"), LOSSES, PROVENANCE)


def test_other_data_is_refused(expected: Golden, recorded: Records) -> None:
    with pytest.raises(CannotCompare, match="different data"):
        golden.compare(expected, recorded, LOSSES, PROVENANCE | {"data": "1" * 64})


def test_a_run_that_only_one_side_has_is_named_and_the_others_are_compared(
    expected: Golden, recorded: Records
) -> None:
    assert golden.not_compared(expected, recorded) == []
    whole = golden.compare(expected, recorded, LOSSES, PROVENANCE)
    without = {("hvae", 42)}
    partial = expected.only(golden.runs_in(expected.runs) - without)
    lacking = make_records("quick", (42,), missing=["hvae"])
    for theirs, ours, side in ((expected, lacking, "the results lack"), (partial, recorded, "golden lacks")):
        assert golden.not_compared(theirs, ours) == [f"cannot be compared, since {side} them: hvae/seed-42"]
        compared = golden.compare(theirs, ours, LOSSES, PROVENANCE)
        assert set(whole["run"]) - set(compared["run"]) == {"hvae/seed-42"}
        assert len(compared) == 21 * (len(COMPARED) + 1 + len(BY_ROW)) + len(LOSSES)
        assert off(compared) == []
    moved = with_run(recorded, "vae", ssim=0.5)
    assert off(golden.compare(partial, moved, LOSSES, PROVENANCE)) == [("vae", "ssim")]


def test_a_failed_run_is_refused(expected: Golden) -> None:
    with pytest.raises(CannotCompare, match=r"the results lack 100 rows of images, the first: \('hvae', 42"):
        golden.compare(expected, make_records("quick", (42,), failed=["hvae"]), LOSSES, PROVENANCE)


def test_another_seed_is_refused(expected: Golden) -> None:
    with pytest.raises(CannotCompare, match="golden and the results have no run in common"):
        golden.compare(expected, make_records("quick", (123,)), LOSSES, PROVENANCE)


@pytest.mark.parametrize("frame", ["images", "pairs", "curves"])
def test_a_missing_row_is_refused(expected: Golden, recorded: Records, frame: str) -> None:
    rows = getattr(recorded, frame)
    chosen = rows["architecture"] == "vae"
    if frame != "curves":
        chosen &= rows["path"] == {"images": "sampled", "pairs": "main"}[frame]
    shorter = replace(recorded, **{frame: rows.drop(index=rows[chosen].index[3])})
    with pytest.raises(CannotCompare, match=rf"the results lack 1 rows of {frame}, the first: \('vae', 42"):
        golden.compare(expected, shorter, LOSSES, PROVENANCE)
    table = getattr(expected, frame)
    lacking = replace(expected, **{frame: table.drop(index=table.index[3])})
    with pytest.raises(CannotCompare, match=rf"golden lacks 1 rows of {frame}"):
        golden.compare(lacking, recorded, LOSSES, PROVENANCE)


def test_a_row_twice_is_refused_on_either_side(expected: Golden, recorded: Records) -> None:
    twice = replace(
        recorded, runs=pd.concat([recorded.runs, recorded.runs[recorded.runs["architecture"] == "ae"]])
    )
    with pytest.raises(CannotCompare, match="the results have a row twice in runs"):
        golden.compare(expected, twice, LOSSES, PROVENANCE)
    table = pd.concat([expected.images, expected.images.iloc[:1]])
    with pytest.raises(CannotCompare, match="golden have a row twice in images"):
        golden.compare(replace(expected, images=table), recorded, LOSSES, PROVENANCE)


def test_a_metric_without_a_band_is_refused(expected: Golden, recorded: Records) -> None:
    fewer = replace(expected, tolerances=expected.tolerances[expected.tolerances["metric"] != "piq"])
    with pytest.raises(CannotCompare, match=r"no tolerance for piq: measure them with `make tolerances`"):
        golden.compare(fewer, recorded, LOSSES, PROVENANCE)


def test_a_loss_part_at_initialisation_has_a_band_of_1e_8_on_any_machine(
    expected: Golden, recorded: Records
) -> None:
    for change, found in ((1e-9, []), (1e-7, [("vae", "initial part_kl")])):
        losses = LOSSES.copy()
        chosen = (losses["architecture"] == "vae") & (losses["part"] == "part_kl")
        losses.loc[chosen, "value"] *= 1 + change
        assert off(golden.compare(expected, recorded, losses, PROVENANCE | {"machine": "other"})) == found


def test_a_loss_part_that_only_one_side_has_is_refused(expected: Golden, recorded: Records) -> None:
    with pytest.raises(CannotCompare, match="the results lack 1 rows of losses"):
        golden.compare(expected, recorded, LOSSES.iloc[1:], PROVENANCE)
    with pytest.raises(CannotCompare, match="golden lacks 1 rows of losses"):
        golden.compare(replace(expected, losses=LOSSES.iloc[1:]), recorded, LOSSES, PROVENANCE)


# --- recording and reading ----------------------------------------------------------------------------


def test_an_undefined_campaign_is_not_recorded(tmp_path: Path, recorded: Records) -> None:
    for records, slug in (
        (with_run(recorded, "vae", piq=math.nan), "vae"),
        (make_records("quick", (42,), failed=["svae"]), "svae"),
    ):
        with pytest.raises(CannotCompare, match=f"golden needs finite numbers; not so: {slug}"):
            golden.write(golden.of_records(records, LOSSES, PROVENANCE, TOLERANCES), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_some_of_a_profiles_runs_can_be_recorded(expected: Golden, tmp_path: Path) -> None:
    runs = {("ae", 42), ("vae", 42)}
    golden.write(expected.only(runs), tmp_path)
    again = golden.read("quick", tmp_path)
    assert [golden.runs_in(getattr(again, name)) for name in OF_RUNS] == [runs] * len(OF_RUNS)
    assert set(again.losses["architecture"]) == set(SLUGS)


def test_no_golden_numbers_says_how_to_record_them(tmp_path: Path) -> None:
    with pytest.raises(
        CannotCompare,
        match="no golden numbers for profile 'desk': record them with `make golden PROFILE=desk`",
    ):
        golden.read("desk", tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("provenance.json", "{"),
        ("provenance.json", "[]"),
        ("losses.csv", "architecture,part,value\n"),
        ("losses.csv", "architecture,part,value\nae,loss,nan\n"),
        ("losses.csv", "architecture,part,value\nae,loss,1\nae,loss,1\n"),
        ("losses.csv", "architecture,part,value\n../ae,loss,1\n"),
        ("losses.csv", "architecture,part,value\npooled,loss,1\n"),
        ("bands.csv", "metric\nssim\n"),
        ("images.csv", ""),
        ("pairs.csv", "architecture,seed\n"),
    ],
)
def test_a_damaged_folder_is_named(folder: Path, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "quick").mkdir()
    for path in (folder / "quick").iterdir():
        (tmp_path / "quick" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "quick" / name).write_text(content)
    with pytest.raises(CannotCompare, match=r"quick.* (is damaged|lacks the column|cannot be read as CSV)"):
        golden.read("quick", tmp_path)


def test_changes_are_listed_before_they_are_recorded(expected: Golden, recorded: Records) -> None:
    def changes(records: Records, losses: pd.DataFrame = LOSSES) -> list[tuple[Any, ...]]:
        now = golden.of_records(records, losses, PROVENANCE, TOLERANCES)
        return list(golden.changes(expected, now).itertuples(name=None))

    before = value(recorded, "vae", "ssim")
    assert changes(recorded) == []
    assert changes(with_run(recorded, "vae", ssim=0.5)) == [(("vae/seed-42", "ssim"), before, 0.5)]
    heavier = LOSSES.assign(value=LOSSES["value"].where(LOSSES["architecture"] != "ae", 99.0))
    assert changes(recorded, heavier)[0] == (("ae", "initial loss_autoencoder"), 100.0, 99.0)


def test_changed_settings_are_noticed() -> None:
    assert rekeyed(PROVENANCE, PROVENANCE) == []
    assert rekeyed(PROVENANCE, PROVENANCE | {"keys": {"ae/seed-42": "1" * 16}}) == ["ae/seed-42"]


# --- the one comparison, pinned -----------------------------------------------------------------------


def test_the_comparison_is_pinned(
    expected: Golden, recorded: Records, data_regression: DataRegressionFixture
) -> None:
    moved = with_run(recorded, "ae", ssim=0.75, mse=math.nan)
    compared = golden.compare(expected, moved, LOSSES, PROVENANCE, paper.models())
    chosen = compared[compared["architecture"] == "ae"]
    data_regression.check({"lines": golden.as_lines(chosen), "off": len(off(compared))})


def test_the_summary_shows_what_is_off_and_the_worst_of_each_metric(
    expected: Golden, recorded: Records
) -> None:
    moved = with_run(recorded, "vae", ssim=value(recorded, "vae", "ssim") * 1.01)
    moved = with_run(moved, "ae", ssim=value(recorded, "ae", "ssim") * 1.02)
    shown = golden.summary(golden.compare(expected, moved, LOSSES, PROVENANCE))
    assert off(shown) == [("ae", "ssim"), ("vae", "ssim")]
    # the other metrics, parameters, the metrics by row, the initial losses
    assert len(shown) == 2 + (len(COMPARED) - 1) + 1 + len(BY_ROW) + 1


def test_the_conclusion_counts_and_names_changed_keys_and_what_tolerances_rest_on(
    expected: Golden, recorded: Records
) -> None:
    compared = golden.compare(expected, recorded, LOSSES, PROVENANCE)
    counted = f"profile quick: {len(compared)} numbers compared, 0 off; "
    assert golden.conclusion(expected, PROVENANCE, compared) == [
        f"{counted}narrow tolerances (same class of machine)"
    ]
    changed = PROVENANCE | {"keys": {"ae/seed-42": "1"}, "machine": "other"}
    stated = replace(expected, tolerances=expected.tolerances.assign(reason="between seeds"))
    first, second, last = golden.conclusion(stated, changed, compared)
    assert first.startswith("1 runs have other settings or revisions")
    assert second == "tolerances: between seeds"
    assert last == f"{counted}wide tolerances (another class of machine)"


def test_one_seed_can_be_compared_alone() -> None:
    recorded = golden.read("smoke")
    alone = recorded.of_seeds((42,))
    for frame in (alone.runs, alone.images, alone.pairs, alone.curves):
        assert set(frame["seed"]) == {42}
    assert len(alone.runs) == len(SLUGS)
    with pytest.raises(golden.CannotCompare, match="has no seed 7; it has 42, 123"):
        recorded.of_seeds((42, 7))
