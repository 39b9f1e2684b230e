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
from tests.tiny import RUNS, VAE, assembled


def rewrite(store: Store, run: RunId, name: str, change: Callable[[bytes], bytes]) -> None:
    """Another content of one file, with a manifest that vouches for it."""
    folder = store.path(run)
    content = change((folder / name).read_bytes())
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    del manifest["checksum"]
    manifest["files"][name] = {"sha256": files.sha256(content), "bytes": len(content)}
    if name == WEIGHTS:
        manifest["evaluation"]["key"] = runs.evaluation_key(store.protocol, files.sha256(content))
    checksum = files.sha256(runs.canonical(manifest))
    (folder / MANIFEST).write_bytes(runs.canonical(manifest | {"checksum": checksum}))


def rewrite_table(store: Store, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    rewrite(store, VAE, name, lambda content: files.csv_bytes(change(pd.read_csv(io.BytesIO(content)))))


def rewrite_scalars(store: Store, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rewrite(store, VAE, "scalars.json", lambda content: runs.canonical(change(json.loads(content))))


def test_records_have_one_row_a_run_and_its_measurements(finished: Store) -> None:
    records = assembled(finished, RUNS)
    assert records.profile == "tiny"
    keys = records.runs[["architecture", "seed", "variant"]].itertuples(index=False, name=None)
    assert list(keys) == [(run.architecture, run.seed, "") for run in RUNS]
    assert len(records.curves) == 2 * 3
    assert not set(REFERENCES) & set(records.curves["architecture"])
    assert len(records.milestones) == 2 * 3 * 125
    assert len(records.frames) == 250 * len(RUNS)
    for frame, path, rows in ((records.images, "sampled", 100), (records.pairs, "main", 25)):
        counts = frame[frame["path"] == path].groupby("architecture").size()
        assert counts.to_dict() == {run.architecture: rows for run in RUNS}
    row = records.runs.set_index("architecture").loc["vae"]
    assert (row["epochs"], row["collapsed"] in (True, False)) == (2, True)
    assert min(row["training_seconds"], row["inference_microseconds"]) > 0


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
    arrays, originals = records.samples("vae", 1), records.samples("originals", 0)
    for name, shape in {
        "reconstructions": (100, 28, 28),
        "frames": (25, 10, 28, 28),
        "codes": (120, 16),
        "worst_reconstructions": (8, 28, 28),
    }.items():
        assert arrays[name].shape == shape
    assert originals["images"].shape == (100, 28, 28)
    assert originals["pair_originals"].shape == (25, 2, 28, 28)
    with pytest.raises(ReproduceError, match="iwae/seed-1 is not among the finished runs"):
        records.samples("iwae", 1)


def test_nothing_finished_says_what_to_run(tmp_path: Path, finished: Store) -> None:
    with pytest.raises(ReproduceError, match=r"no finished runs of profile 'tiny'.*--profile tiny` first"):
        assembled(Store(tmp_path, finished.protocol), RUNS)
    with pytest.raises(ReproduceError, match="no finished runs"):
        assembled(finished, RUNS[:2])


def test_a_failed_run_is_a_row_with_its_reason_and_if_all_failed_the_yardsticks_are_left(
    store: Store,
) -> None:
    trained = [run for run in RUNS if not run.is_reference]
    for run in trained:
        store.publish(run, Outcome({}, {}, {"epoch": 2, "reason": "training_loss is inf"}))
    records = assembled(store, RUNS)
    row = records.runs.set_index("architecture").loc["vae"]
    assert (row["status"], row["reason"]) == ("failed", "epoch 2: training_loss is inf")
    assert np.isnan(row["ssim"])
    assert dict(records.runs["status"].value_counts()) == {"failed": len(trained), "fresh": len(REFERENCES)}
    assert set(records.images["architecture"]) == set(REFERENCES)
    assert (len(records.curves), "validation_loss" in records.curves) == (0, True)


def test_a_value_that_is_not_finite_is_refused_with_file_and_column(store: Store) -> None:
    for value in (np.nan, np.inf, "text"):
        rewrite_table(store, "images.csv", lambda table, value=value: table.assign(ssim=value))
        with pytest.raises(
            ReproduceError, match=r"images.csv: the column ssim has a value that is not a fin"
        ):
            assembled(store, RUNS)


def test_a_scalar_without_a_value_is_refused_unless_it_may_be_undefined(store: Store) -> None:
    rewrite_scalars(store, lambda scalars: scalars | {"kl": None})
    assert np.isnan(assembled(store, RUNS).runs.set_index("architecture").loc["vae", "kl"])
    rewrite_scalars(store, lambda scalars: scalars | {"psnr": None})
    with pytest.raises(ReproduceError, match=r"scalars.json: 'psnr' is not a finite number"):
        assembled(store, RUNS)


def test_two_runs_with_equal_metrics_are_refused(store: Store) -> None:
    twin = json.loads((store.path(RunId("ae", 1)) / "scalars.json").read_bytes())
    rewrite_scalars(store, lambda _: twin)
    with pytest.raises(ReproduceError, match="runs with equal metrics: ae/seed-1, vae/seed-1"):
        assembled(store, RUNS)


def test_two_runs_with_equal_weights_are_refused(store: Store) -> None:
    """Whatever was measured of them: only the manifests are compared, so it holds without the weights at hand."""
    weights = (store.path(RunId("ae", 1)) / WEIGHTS).read_bytes()
    rewrite(store, VAE, WEIGHTS, lambda content: weights)
    assert store.status(VAE).state == "fresh"
    with pytest.raises(ReproduceError, match="runs with equal weights: ae/seed-1, vae/seed-1: one of them"):
        assembled(store, RUNS)


@pytest.mark.parametrize("column", ["first_label", "uniformity", "piq_over_floor"])
def test_a_column_that_is_read_later_must_be_there_from_the_start(store: Store, column: str) -> None:
    rewrite_table(store, "pairs.csv", lambda table: table.drop(columns=column))
    with pytest.raises(ReproduceError, match=rf"pairs.csv lacks the column {column}$"):
        assembled(store, RUNS)


def test_what_nothing_that_moves_has_may_be_missing_but_is_a_number(store: Store) -> None:
    rewrite_table(store, "pairs.csv", lambda table: table.assign(uniformity=np.nan))
    pairs = assembled(store, RUNS).pairs
    assert pairs.loc[pairs["architecture"] == "vae", "uniformity"].isna().all()
    rewrite_table(store, "pairs.csv", lambda table: table.assign(uniformity="text"))
    with pytest.raises(ReproduceError, match=r"the column uniformity has a value that is not a number"):
        assembled(store, RUNS)


@pytest.mark.parametrize("name", ["uniformity", "piq_over_floor", "parameters_encoder", "peak_memory_mib"])
def test_a_scalar_that_is_summarised_later_must_be_there_from_the_start(store: Store, name: str) -> None:
    rewrite_scalars(store, lambda scalars: {key: value for key, value in scalars.items() if key != name})
    with pytest.raises(ReproduceError, match=rf"scalars.json lacks {name}$"):
        assembled(store, RUNS)
