from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from reproduce.architectures.names import IMAGE_METRICS, PAIR_METRICS, REFERENCES
from reproduce.errors import ReproduceError
from reproduce.storage import files, runs
from reproduce.storage.store import RECORDS, SAMPLES, WEIGHTS, RunResult, Store
from tests.tiny import AE, RUNS, VAE, assembled


def rewrite(store: Store, name: str, change: Callable[[bytes], bytes]) -> None:
    """Another content of one of the VAE's files, with a manifest that vouches for it."""
    found = {each: store.read(store.path(VAE), each) for each in (WEIGHTS, *RECORDS)}
    store.publish(VAE, RunResult(found | {name: change(found[name])}, store.provenance(VAE)))


def change(store: Store, name: str, without: str = "", **values: Any) -> None:
    """The VAE's record without one of its columns or scalars, and with other values of some."""

    def changed(content: bytes) -> bytes:
        if name == "scalars.json":
            scalars = json.loads(content) | values
            return runs.canonical({key: value for key, value in scalars.items() if key != without})
        table = pd.read_csv(io.BytesIO(content)).assign(**values)
        return files.csv_bytes(table.drop(columns=without or []))

    rewrite(store, name, changed)


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
    assert row["epochs"] == 2
    assert min(row["training_seconds"], row["inference_microseconds"]) > 0


def test_a_runs_means_are_the_means_of_its_records(finished: Store) -> None:
    records = assembled(finished, RUNS)
    row = records.runs.set_index("architecture").loc["vae"]
    images, pairs = (records.images, "sampled", IMAGE_METRICS), (records.pairs, "main", PAIR_METRICS)
    for frame, path, metrics in (images, pairs):
        means = frame[(frame["architecture"] == "vae") & (frame["path"] == path)][list(metrics)].mean()
        assert row[list(metrics)].to_dict() == pytest.approx(means.to_dict(), rel=1e-12)


def test_samples_have_the_described_arrays(finished: Store) -> None:
    records = assembled(finished, RUNS)
    arrays, originals = records.samples("vae", 1), records.samples("originals", 0)
    assert arrays["reconstructions"].shape == (100, 28, 28)
    assert arrays["frames"].shape == (25, 10, 28, 28)
    assert arrays["codes"].shape == (120, 16)
    assert arrays["worst_reconstructions"].shape == (8, 28, 28)
    assert originals["images"].shape == (100, 28, 28)
    assert originals["pair_originals"].shape == (25, 2, 28, 28)
    with pytest.raises(ReproduceError, match="iwae/seed-1 is not among the finished runs"):
        records.samples("iwae", 1)


def test_samples_with_a_value_that_is_not_finite_are_refused(store: Store) -> None:
    def spoilt(content: bytes) -> bytes:
        arrays = safetensors.numpy.load(content)
        arrays["codes"][0, 0] = np.nan
        return safetensors.numpy.save(arrays)

    rewrite(store, SAMPLES, spoilt)
    with pytest.raises(ReproduceError, match="codes has a value that is not finite"):
        assembled(store, RUNS).samples("vae", 1)


def test_nothing_finished_says_what_to_run(tmp_path: Path, finished: Store) -> None:
    with pytest.raises(ReproduceError, match=r"no finished runs of profile 'tiny'.*--profile tiny` first"):
        assembled(Store(tmp_path, finished.protocol), RUNS)
    with pytest.raises(ReproduceError, match="no finished runs"):
        assembled(finished, RUNS[:2])


def test_a_failed_run_is_a_row_with_its_reason_and_if_all_failed_the_baselines_are_left(store: Store) -> None:
    trained = [run for run in RUNS if not run.is_reference]
    for run in trained:
        store.publish(run, RunResult({}, {}, {"epoch": 2, "reason": "training_loss is inf"}))
    records = assembled(store, RUNS)
    row = records.runs.set_index("architecture").loc["vae"]
    assert (row["status"], row["reason"]) == ("failed", "epoch 2: training_loss is inf")
    assert np.isnan(row["ssim"])
    assert dict(records.runs["status"].value_counts()) == {"failed": len(trained), "fresh": len(REFERENCES)}
    assert set(records.images["architecture"]) == set(REFERENCES)
    assert (len(records.curves), "validation_loss" in records.curves) == (0, True)


@pytest.mark.parametrize(
    ("name", "spoilt", "message"),
    [
        *(
            ("images.csv", {"ssim": value}, r": the column ssim has a value that is not a finite number")
            for value in (np.nan, np.inf, "text")
        ),
        ("pairs.csv", {"uniformity": "text"}, ": the column uniformity has a value that is not a number"),
        ("scalars.json", {"psnr": None}, ": 'psnr' is not a finite number"),
        *(
            ("pairs.csv", {"without": column}, rf" lacks the column {column}$")
            for column in ("first_label", "uniformity", "piq_over_floor")
        ),
        *(
            ("scalars.json", {"without": scalar}, rf" lacks {scalar}$")
            for scalar in ("uniformity", "piq_over_floor", "parameters_encoder", "peak_memory_mib")
        ),
    ],
)
def test_a_value_that_is_missing_or_no_finite_number_is_refused_with_file_and_column(
    store: Store, name: str, spoilt: dict[str, Any], message: str
) -> None:
    """Whatever is read later must be there from the start."""
    change(store, name, **spoilt)
    with pytest.raises(ReproduceError, match=name + message):
        assembled(store, RUNS)


def test_what_only_a_posterior_or_a_path_that_moves_has_may_be_undefined(store: Store) -> None:
    change(store, "scalars.json", kl=None)
    change(store, "pairs.csv", uniformity=np.nan)
    records = assembled(store, RUNS)
    assert np.isnan(records.runs.set_index("architecture").loc["vae", "kl"])
    assert records.pairs.loc[records.pairs["architecture"] == "vae", "uniformity"].isna().all()


def test_two_runs_with_equal_metrics_are_refused(store: Store) -> None:
    twin = (store.path(AE) / "scalars.json").read_bytes()
    rewrite(store, "scalars.json", lambda content: twin)
    with pytest.raises(ReproduceError, match="runs with equal metrics: ae/seed-1, vae/seed-1"):
        assembled(store, RUNS)


def test_two_runs_with_equal_weights_are_refused(store: Store) -> None:
    """Whatever was measured of them: only the manifests are compared, so it holds without the weights at hand."""
    weights = (store.path(AE) / WEIGHTS).read_bytes()
    rewrite(store, WEIGHTS, lambda content: weights)
    assert store.status(VAE).state == "fresh"
    with pytest.raises(ReproduceError, match="runs with equal weights: ae/seed-1, vae/seed-1: one of them"):
        assembled(store, RUNS)
