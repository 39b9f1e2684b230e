from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproduce.architectures.names import REFERENCES
from reproduce.errors import ReproduceError
from reproduce.storage import files, runs
from reproduce.storage.runs import RunId
from reproduce.storage.store import MANIFEST, WEIGHTS, Outcome, Store
from tests.tiny import RUNS, assembled

VAE = RunId("vae", 1)


def rewrite(store: Store, run: RunId, name: str, change: Callable[[bytes], bytes]) -> None:
    """Another content of one file, with a manifest that vouches for it."""
    folder = store.path(run)
    content = change((folder / name).read_bytes())
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    del manifest["checksum"]
    manifest["files"][name] = {"sha256": files.sha256(content), "bytes": len(content)}
    checksum = files.sha256(runs.canonical(manifest))
    (folder / MANIFEST).write_bytes(runs.canonical(manifest | {"checksum": checksum}))


def test_records_have_one_row_a_run_and_its_measurements(finished: Store) -> None:
    records = assembled(finished, RUNS)
    assert records.profile == "tiny"
    assert [tuple(row) for row in records.runs[["architecture", "seed"]].to_numpy()] == [
        (run.architecture, run.seed) for run in RUNS
    ]
    assert set(records.runs["variant"]) == {""}
    assert len(records.curves) == 2 * 3
    assert not set(REFERENCES) & set(records.curves["architecture"])
    assert len(records.milestones) == 2 * 3 * 125
    assert len(records.frames) == 250 * len(RUNS)
    for frame, rows in ((records.images, 100), (records.pairs, 25)):
        path = {"images": "sampled", "pairs": "main"}["images" if frame is records.images else "pairs"]
        counts = frame[frame["path"] == path].groupby("architecture").size()
        assert counts.to_dict() == {run.architecture: rows for run in RUNS}


def test_a_runs_means_are_the_means_of_its_records(finished: Store) -> None:
    records = assembled(finished, RUNS)
    row = records.runs.set_index("architecture").loc["vae"]
    images = records.images[(records.images["architecture"] == "vae") & (records.images["path"] == "sampled")]
    pairs = records.pairs[(records.pairs["architecture"] == "vae") & (records.pairs["path"] == "main")]
    for name in ("ssim", "mse", "psnr", "mae"):
        assert row[name] == pytest.approx(images[name].mean(), rel=1e-12)
    for name in ("piq", "iss", "i_ssim"):
        assert row[name] == pytest.approx(pairs[name].mean(), rel=1e-12)


def test_samples_have_the_described_arrays(finished: Store) -> None:
    records = assembled(finished, RUNS)
    arrays = records.samples("vae", 1)
    assert arrays["reconstructions"].shape == (100, 28, 28)
    assert arrays["reconstructions"].dtype == np.uint8
    assert arrays["frames"].shape == (25, 10, 28, 28)
    assert arrays["codes"].shape == (120, 16)
    assert arrays["worst_reconstructions"].shape == (8, 28, 28)
    originals = records.samples("originals", 0)
    assert originals["images"].shape == (100, 28, 28)
    assert originals["pair_originals"].shape == (25, 2, 28, 28)
    assert all(np.bincount(originals["labels"], minlength=10) > 0)


def test_samples_of_what_was_not_run_are_refused(finished: Store) -> None:
    with pytest.raises(ReproduceError, match="iwae/seed-1 is not among the finished runs"):
        assembled(finished, RUNS).samples("iwae", 1)


def test_nothing_finished_says_what_to_run(tmp_path: Path, finished: Store) -> None:
    with pytest.raises(
        ReproduceError, match=r"no finished runs of profile 'tiny'.*run --profile tiny` first"
    ):
        assembled(Store(tmp_path, finished.protocol), RUNS)
    with pytest.raises(ReproduceError, match="no finished runs"):
        assembled(finished, RUNS[:2])


def test_a_failed_run_is_a_row_with_its_reason(store: Store) -> None:
    store.publish(VAE, Outcome({}, {}, {"epoch": 2, "reason": "training_loss is inf"}))
    row = assembled(store, RUNS).runs.set_index("architecture").loc["vae"]
    assert (row["status"], row["reason"]) == ("failed", "epoch 2: training_loss is inf")
    assert np.isnan(row["ssim"])


def test_where_every_run_failed_there_are_rows_with_reasons_and_the_yardsticks(store: Store) -> None:
    trained = [run for run in RUNS if not run.is_reference]
    for run in trained:
        store.publish(run, Outcome({}, {}, {"epoch": 1, "reason": "training_loss is nan"}))
    records = assembled(store, RUNS)
    assert dict(records.runs["status"].value_counts()) == {"failed": len(trained), "fresh": len(REFERENCES)}
    assert set(records.images["architecture"]) == set(REFERENCES)
    assert (len(records.curves), "validation_loss" in records.curves) == (0, True)


@pytest.mark.parametrize("value", ["nan", "inf", "", "text"])
def test_a_value_that_is_not_finite_is_refused_with_file_and_column(store: Store, value: str) -> None:
    def change(content: bytes) -> bytes:
        lines = content.decode().split("\n")
        cells = lines[1].split(",")
        cells[lines[0].split(",").index("ssim")] = value
        return "\n".join([lines[0], ",".join(cells), *lines[2:]]).encode()

    rewrite(store, VAE, "images.csv", change)
    with pytest.raises(
        ReproduceError, match=r"images.csv: the column ssim has a value that is not a finite number"
    ):
        assembled(store, RUNS)


def test_a_scalar_without_a_value_is_refused_unless_it_may_be_undefined(store: Store) -> None:
    def without(name: str) -> Callable[[bytes], bytes]:
        return lambda content: runs.canonical(json.loads(content) | {name: None})

    rewrite(store, VAE, "scalars.json", without("kl"))
    assert np.isnan(assembled(store, RUNS).runs.set_index("architecture").loc["vae", "kl"])
    rewrite(store, VAE, "scalars.json", without("psnr"))
    with pytest.raises(ReproduceError, match=r"scalars.json: 'psnr' is not a finite number"):
        assembled(store, RUNS)


def test_two_runs_with_equal_metrics_are_refused(store: Store) -> None:
    twin: dict[str, Any] = json.loads((store.path(RunId("ae", 1)) / "scalars.json").read_bytes())
    rewrite(store, VAE, "scalars.json", lambda content: runs.canonical(twin))
    with pytest.raises(ReproduceError, match="runs with equal metrics: ae/seed-1, vae/seed-1"):
        assembled(store, RUNS)


def test_two_runs_with_equal_weights_are_refused(store: Store) -> None:
    """Whatever was measured of them: only the manifests are compared, so it holds without the weights at hand."""
    weights = (store.path(RunId("ae", 1)) / WEIGHTS).read_bytes()
    rewrite(store, VAE, WEIGHTS, lambda content: weights)
    manifest = json.loads((store.path(VAE) / MANIFEST).read_bytes())
    del manifest["checksum"]
    manifest["evaluation"]["key"] = runs.evaluation_key(store.protocol, files.sha256(weights))
    checksum = files.sha256(runs.canonical(manifest))
    (store.path(VAE) / MANIFEST).write_bytes(runs.canonical(manifest | {"checksum": checksum}))
    assert store.status(VAE).state == "fresh"
    with pytest.raises(ReproduceError, match="runs with equal weights: ae/seed-1, vae/seed-1: one of them"):
        assembled(store, RUNS)


def test_every_run_of_a_campaign_has_weights_of_its_own(finished: Store) -> None:
    checksums = {
        json.loads((finished.path(run) / MANIFEST).read_bytes())["files"][WEIGHTS]["sha256"] for run in RUNS
    }
    assert len(checksums) == len(RUNS)


def test_a_finished_run_has_its_flags_and_times(finished: Store) -> None:
    row = assembled(finished, RUNS).runs.set_index("architecture").loc["vae"]
    assert row["collapsed"] in (True, False)
    assert row["converged"] in (True, False)
    assert row["epochs"] == 2
    assert row["training_seconds"] > 0
    assert row["inference_microseconds"] > 0


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *(
            ("pairs.csv", column)
            for column in ("first_label", "second_label", "uniformity", "piq_over_floor")
        ),
        ("digits.csv", "n"),
    ],
)
def test_a_column_that_is_read_later_must_be_there_from_the_start(
    store: Store, name: str, column: str
) -> None:
    def without(content: bytes) -> bytes:
        return pd.read_csv(io.BytesIO(content)).drop(columns=column).to_csv(index=False).encode()

    rewrite(store, VAE, name, without)
    with pytest.raises(ReproduceError, match=rf"{name} lacks the column {column}$"):
        assembled(store, RUNS)


@pytest.mark.parametrize("column", ["uniformity", "piq_over_floor"])
def test_what_nothing_that_moves_has_may_be_missing_but_is_a_number(store: Store, column: str) -> None:
    def filled(value: float | str) -> Callable[[bytes], bytes]:
        return lambda content: (
            pd.read_csv(io.BytesIO(content)).assign(**{column: value}).to_csv(index=False).encode()
        )

    rewrite(store, VAE, "pairs.csv", filled(np.nan))
    pairs = assembled(store, RUNS).pairs
    assert pairs.loc[pairs["architecture"] == "vae", column].isna().all()
    rewrite(store, VAE, "pairs.csv", filled("text"))
    with pytest.raises(
        ReproduceError, match=rf"pairs.csv: the column {column} has a value that is not a number"
    ):
        assembled(store, RUNS)


@pytest.mark.parametrize("name", ["uniformity", "piq_over_floor", "parameters_encoder", "peak_memory_mib"])
def test_a_scalar_that_is_summarised_later_must_be_there_from_the_start(store: Store, name: str) -> None:
    def without(content: bytes) -> bytes:
        return runs.canonical({key: value for key, value in json.loads(content).items() if key != name})

    rewrite(store, VAE, "scalars.json", without)
    with pytest.raises(ReproduceError, match=rf"scalars.json lacks {name}$"):
        assembled(store, RUNS)
