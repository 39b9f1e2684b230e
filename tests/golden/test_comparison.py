from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from pytest_regressions.data_regression import DataRegressionFixture

from reproduce import golden, paper
from reproduce.errors import ReproduceError
from reproduce.golden import Golden
from reproduce.golden.comparison import Number, judged
from reproduce.golden.content import (
    BY_ROW,
    COLUMNS,
    COMPARED,
    GPU,
    INITIAL,
    MACHINE,
    OF_RUNS,
    POOLED,
    same_class,
)
from reproduce.machine import devices
from reproduce.paper import PAPER_SLUGS
from reproduce.protocol import PROFILES
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
    [
        (slug, part, 100.0 + n)
        for n, slug in enumerate(PAPER_SLUGS)
        for part in ("loss_autoencoder", "part_kl")
    ],
    columns=["architecture", "part", "value"],
)


def campaign(seeds: tuple[int, ...] = (42,), **options: Any) -> Golden:
    """A campaign of all 22, but for the options."""
    return golden.of_records(make_records("quick", seeds, **options), LOSSES, PROVENANCE, TOLERANCES)


@pytest.fixture(scope="module")
def recorded() -> Golden:
    """A complete campaign, which has variants too."""
    return campaign(variants={"pythae": ["vae"]})


def with_run(fresh: Golden, slug: str, **values: float) -> Golden:
    """The campaign with other values in one run's row."""
    runs = fresh.runs.astype(dict.fromkeys(values, float))
    runs.loc[runs["architecture"] == slug, list(values)] = list(values.values())
    return replace(fresh, runs=runs)


def times(fresh: Golden, slug: str, metric: str, factor: float) -> Golden:
    """The campaign with one run's number multiplied."""
    return with_run(fresh, slug, **{metric: value(fresh, slug, metric) * factor})


def with_rows(fresh: Golden, frame: str, column: str, values: Any) -> Golden:
    """The campaign with other values in the rows of the VAE."""
    table = getattr(fresh, frame).astype({column: float})
    table.loc[table["architecture"] == "vae", column] = values
    return replace(fresh, **{frame: table})


def at(fresh: Golden, **provenance: Any) -> Golden:
    """The campaign with another provenance."""
    return replace(fresh, provenance=PROVENANCE | provenance)


def value(fresh: Golden, slug: str, metric: str) -> float:
    return float(fresh.runs.set_index("architecture").loc[slug, metric])


def off(compared: pd.DataFrame) -> list[tuple[str, str]]:
    return [(item.architecture, item.metric) for item in compared.itertuples() if not item.inside]


# --- what is off --------------------------------------------------------------------------------------


def test_a_campaign_agrees_with_its_own_recording_to_the_bit(recorded: Golden, tmp_path: Path) -> None:
    golden.write(recorded, tmp_path)
    compared = golden.compare(golden.read("quick", tmp_path), recorded, paper.models())
    assert len(compared) == 22 * (len(COMPARED) + 1 + len(BY_ROW)) + len(LOSSES)
    assert compared["inside"].all()
    assert (compared[["difference", "deviation"]] == 0).all(axis=None)
    printed = compared.set_index(["architecture", "metric"])["paper"]
    assert printed["ae", "ssim"] == paper.models().loc["ae", "ssim"]
    assert math.isnan(printed["ae", "code_sd"])
    for name, rows in (("runs", 22), ("images", 22 * 100), ("pairs", 22 * 25)):
        table = pd.read_csv(tmp_path / "quick" / f"{name}.csv")
        assert len(table) == rows
        assert list(dict.fromkeys(table["architecture"])) == list(PAPER_SLUGS)


@pytest.mark.parametrize("metric", ["ssim", "piq"])
def test_a_number_outside_its_tolerance_on_either_side_is_off(recorded: Golden, metric: str) -> None:
    for share, found in ((0.9, []), (-0.9, []), (1.1, [("vae", metric)]), (-1.1, [("vae", metric)])):
        assert off(golden.compare(recorded, times(recorded, "vae", metric, 1 + share * 1e-6))) == found


def test_another_class_of_machine_gets_the_wider_tolerance(recorded: Golden) -> None:
    for name in MACHINE:
        assert not same_class(PROVENANCE, {**PROVENANCE, name: "another"}), name
    moved, far = (times(recorded, "vae", "ssim", factor) for factor in (1.01, 1.05))
    assert off(golden.compare(recorded, at(moved, commit="another"))) == [("vae", "ssim")]
    assert off(golden.compare(recorded, at(moved, machine="another"))) == []
    assert off(golden.compare(recorded, at(far, machine="another"))) == [("vae", "ssim")]


def test_a_provenance_says_what_a_gpu_is_and_nothing_of_one_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "NVIDIA A40")

    def made(**flags: str) -> dict[str, Any]:
        return golden.machine_provenance(PROFILES["quick"], {"flags": flags})

    assert A40.items() <= made(**A40).items()
    assert A40.keys() == {"device", *GPU} <= devices.flags("cuda").keys()
    assert not set(GPU) & made(device="cpu").keys()
    for name in GPU:
        assert not same_class(made(**A40), made(**A40 | {name: "another"}))


def test_the_number_of_parameters_has_no_tolerance_and_an_architectures_own_goes_before_the_pooled_one(
    recorded: Golden,
) -> None:
    more = with_run(recorded, "vae", parameters=value(recorded, "vae", "parameters") + 1)
    assert off(golden.compare(recorded, at(more, machine="other"))) == [("vae", "parameters")]
    moved = times(times(recorded, "ae", "ssim", 1.1), "vae", "ssim", 1.1)
    own = pd.DataFrame([("ssim", "vae", 0.2, 0.0, 0.2, 0.0, "chaotic")], columns=COLUMNS["tolerances"])
    wider = replace(recorded, tolerances=pd.concat([recorded.tolerances, own]))
    assert off(golden.compare(wider, moved)) == [("ae", "ssim")]


@pytest.mark.parametrize(("same", "allowed"), [(True, 0.21), (False, 0.42)])
def test_a_tolerance_is_absolute_plus_relative(same: bool, allowed: float) -> None:
    table = pd.DataFrame([("ssim", POOLED, 0.1, 0.01, 0.2, 0.02, "")], columns=COLUMNS["tolerances"])
    number = Number("vae", "vae/seed-42", "ssim", -2.0, -2.0 - allowed, "ssim", size=-2.0)
    assert judged([number], table, same)["deviation"].tolist() == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("frame", "column"), [("images", "ssim"), ("pairs", "piq"), ("curves", "training_loss")]
)
def test_rows_may_be_off_by_their_metrics_tolerance_times_the_root_of_their_number(
    recorded: Golden, frame: str, column: str
) -> None:
    called, _ = BY_ROW[frame, column]
    table = getattr(recorded, frame)
    values = table.loc[table["architecture"] == "vae", column].to_numpy(float)
    allowed = math.sqrt(len(values)) * 1e-6 * math.sqrt((values**2).mean())
    for share, found in ((0.9, []), (-0.9, []), (1.1, [("vae", called)]), (-1.1, [("vae", called)])):
        moved = with_rows(recorded, frame, column, values + share * allowed)
        assert off(golden.compare(recorded, moved)) == found
    values = values.copy()
    values[-1] = math.nan
    moved = at(with_rows(recorded, frame, column, values), machine="other")
    assert off(golden.compare(recorded, moved)) == [("vae", called)]


def test_a_loss_part_at_initialisation_has_a_tolerance_of_1e_8_on_any_machine(recorded: Golden) -> None:
    chosen = (LOSSES["architecture"] == "vae") & (LOSSES["part"] == "part_kl")
    for change, found in ((1e-9, []), (1e-7, [("vae", "initial part_kl")])):
        losses = LOSSES.assign(value=LOSSES["value"] * (1 + change * chosen))
        assert off(golden.compare(recorded, at(replace(recorded, losses=losses), machine="other"))) == found


# --- what cannot be compared --------------------------------------------------------------------------


def test_a_run_that_only_one_side_has_is_named_and_the_others_are_compared(recorded: Golden) -> None:
    assert golden.not_compared(recorded, recorded) == []
    partial = recorded.only(golden.runs_in(recorded.runs) - {("hvae", 42)})
    for theirs, ours, side in (
        (recorded, campaign(missing=["hvae"]), "the results lack"),
        (partial, with_run(recorded, "vae", ssim=0.5), "golden lacks"),
    ):
        assert golden.not_compared(theirs, ours) == [f"cannot be compared, since {side} them: hvae/seed-42"]
        compared = golden.compare(theirs, ours)
        assert set(compared["run"]) == {
            *PAPER_SLUGS,
            *(f"{slug}/seed-42" for slug in PAPER_SLUGS if slug != "hvae"),
        }
        assert len(compared) == 21 * (len(COMPARED) + 1 + len(BY_ROW)) + len(LOSSES)
    assert off(compared) == [("vae", "ssim")]


def test_an_architecture_that_only_one_side_has_is_left_aside(recorded: Golden) -> None:
    older = recorded.only(golden.runs_in(recorded.runs) - {("hvae", 42)})
    older = replace(older, losses=older.losses[older.losses["architecture"] != "hvae"])
    for theirs, ours in ((older, recorded), (recorded, older)):
        assert "hvae" not in set(golden.compare(theirs, ours)["architecture"])
    damaged = replace(recorded, losses=older.losses)
    with pytest.raises(ReproduceError, match="golden lacks 2 rows of losses, the first"):
        golden.compare(damaged, recorded)


def test_what_cannot_be_compared_is_refused_with_the_reason(recorded: Golden) -> None:
    fewer = replace(recorded, tolerances=recorded.tolerances[recorded.tolerances["metric"] != "piq"])
    for theirs, ours, message in (
        (recorded, at(recorded, data="1" * 64), "different data"),
        (recorded, campaign(seeds=(123,)), "golden and the results have no run in common"),
        (recorded, campaign(failed=["hvae"]), r"the results lack 100 rows of images, the first: \('hvae'"),
        (fewer, recorded, r"no tolerance for piq: measure them with `make tolerances`"),
    ):
        with pytest.raises(ReproduceError, match=message):
            golden.compare(theirs, ours)


# --- recording and reading ----------------------------------------------------------------------------


def test_an_undefined_campaign_is_not_recorded(tmp_path: Path, recorded: Golden) -> None:
    for undefined in (with_run(recorded, "vae", piq=math.nan), campaign(failed=["svae"])):
        with pytest.raises(ReproduceError, match=r"runs of these results: the column .* not a finite number"):
            golden.write(undefined, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_damaged_or_not_there_has_its_remedy(recorded: Golden, tmp_path: Path) -> None:
    spoilt = {"provenance.json": "[]", "losses.csv": "architecture,part,value\n", "images.csv": ""}
    for name, content in spoilt.items():
        (golden.write(recorded, tmp_path) / name).write_text(content)
        with pytest.raises(ReproduceError, match=rf"quick/{name}.* restore it from version control"):
            golden.read("quick", tmp_path)
    with pytest.raises(ReproduceError, match="record them with `make golden PROFILE=desk`"):
        golden.read("desk", tmp_path)


def test_changes_are_listed_before_they_are_recorded(recorded: Golden) -> None:
    heavier = LOSSES.assign(value=LOSSES["value"].where(LOSSES["architecture"] != "ae", 99.0))
    now = with_run(replace(recorded, losses=heavier), "vae", ssim=0.5)
    assert list(golden.changes(recorded, now).itertuples(name=None)) == [
        (("vae/seed-42", "ssim"), value(recorded, "vae", "ssim"), 0.5),
        (("ae", "initial loss_autoencoder"), 100.0, 99.0),
        (("ae", "initial part_kl"), 100.0, 99.0),
    ]


def test_one_seed_can_be_compared_alone() -> None:
    recorded = campaign(seeds=(42, 123))
    alone = recorded.of_seeds((42,))
    for name in OF_RUNS:
        assert set(getattr(alone, name)["seed"]) == {42}
    assert len(alone.runs) == len(PAPER_SLUGS)
    with pytest.raises(ReproduceError, match="has no seed 7; it has 42, 123"):
        recorded.of_seeds((42, 7))


# --- what is shown ------------------------------------------------------------------------------------


def test_the_comparison_is_pinned(recorded: Golden, data_regression: DataRegressionFixture) -> None:
    moved = with_run(recorded, "ae", ssim=0.75, mse=math.nan)
    compared = golden.compare(recorded, moved, paper.models())
    chosen = compared[compared["architecture"] == "ae"]
    data_regression.check({"lines": golden.as_lines(chosen), "off": len(off(compared))})


def test_the_summary_shows_what_is_off_and_the_worst_of_each_metric(recorded: Golden) -> None:
    moved = times(times(recorded, "vae", "ssim", 1.01), "ae", "ssim", 1.02)
    shown = golden.summary(golden.compare(recorded, moved))
    assert off(shown) == [("ae", "ssim"), ("vae", "ssim")]
    # the other metrics, parameters, the metrics by row, the initial losses
    assert len(shown) == 2 + (len(COMPARED) - 1) + 1 + len(BY_ROW) + 1


def test_the_conclusion_counts_and_names_changed_keys_and_what_tolerances_rest_on(recorded: Golden) -> None:
    compared = golden.compare(recorded, recorded)
    counted = f"profile quick: {len(compared)} numbers compared, 0 off; "
    same = golden.conclusion(recorded, recorded, compared)
    assert same == [f"{counted}narrow tolerances (same class of machine)"]
    stated = replace(recorded, tolerances=recorded.tolerances.assign(reason="between seeds"))
    changed = at(recorded, keys={"ae/seed-42": "1"}, machine="other")
    first, second, last = golden.conclusion(stated, changed, compared)
    assert first.startswith("1 runs have other settings or revisions")
    assert second == "tolerances: between seeds"
    assert last == f"{counted}wide tolerances (another class of machine)"
