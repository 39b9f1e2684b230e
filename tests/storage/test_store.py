from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from reproduce.architectures import registry
from reproduce.architectures.settings import Weighted
from reproduce.campaign import schedule
from reproduce.errors import ReproduceError
from reproduce.storage import files, runs
from reproduce.storage.reading import provenance_columns
from reproduce.storage.runs import RunId
from reproduce.storage.store import (
    DAMAGED,
    FAILED,
    FRESH,
    HISTORY,
    MANIFEST,
    MILESTONES,
    MISSING,
    PARTIAL,
    PROVENANCE,
    RECORDS,
    STALE,
    TRAINED,
    WEIGHTS,
    RunResult,
    Store,
    difference,
)  # fmt: skip
from tests.tiny import AE, PCA, RUNS, VAE, assembled, contents, once


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def again(store: Store, wanted: Sequence[RunId] = RUNS, **options: Any) -> schedule.Report:
    """The same campaign once more; nothing is trained if `trains` is False."""
    trains = options.pop("trains", True)

    def listener(run: RunId | None, event: dict[str, Any]) -> None:
        assert trains or "epoch" not in event, "it was trained again"

    return once(store, wanted, listener=listener, **options)


FAILURE = {"epoch": 2, "reason": "kl is inf"}
ANOTHER = runs.canonical({"checksum": files.sha256(runs.canonical({}))})
"""An intact manifest of another version."""


def failed(store: Store, **provenance: Any) -> RunResult:
    """The VAE, whose training is whole and whose evaluation failed."""
    return RunResult({name: store.read(store.path(VAE), name) for name in TRAINED}, provenance, FAILURE)


@pytest.fixture
def clone(finished: Store, tmp_path: Path) -> Store:
    """A store without runs of its own, beside a published campaign that a test may change."""
    shutil.copytree(finished.folder, tmp_path / "published" / "tiny")
    return Store(tmp_path / "empty", finished.protocol, tmp_path / "published")


# --- states -------------------------------------------------------------------------------------------


def test_a_finished_run_is_fresh_and_its_manifest_has_every_files_checksum_and_size(finished: Store) -> None:
    assert [finished.status(run, verify=True).state for run in RUNS] == [FRESH] * len(RUNS)
    assert set(finished.known_runs()) == set(RUNS)
    found = {path.name: path.read_bytes() for path in finished.path(VAE).iterdir()}
    manifest = json.loads(found.pop(MANIFEST))
    assert found.pop(PROVENANCE)
    assert found.keys() == {WEIGHTS, *RECORDS}
    for name, content in found.items():
        assert manifest["files"].pop(name) == {"sha256": files.sha256(content), "bytes": len(content)}
    assert manifest["files"] == {}


def test_a_run_is_missing_then_partial_and_no_checkpoint_of_other_settings_is_gone_on_from(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunId("vae", 2)
    assert (store.status(run).state, store.status(run).why) == (MISSING, "not run yet")
    files.write(store.checkpoint(run), b"state")
    status = store.status(run)
    assert (status.state, status.why) == (PARTIAL, "interrupted; goes on from its checkpoint")
    monkeypatch.setattr(registry, "BACKBONE_REVISION", 99)
    assert store.status(run).state == MISSING
    assert not store.checkpoint(run).exists()


def test_changed_settings_another_protocol_or_anothers_folder_make_a_run_stale_and_are_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunId("beta-vae", 1)
    store.publish(run, RunResult(dict.fromkeys((WEIGHTS, *RECORDS), b"x"), {}))
    assert store.status(run).state == FRESH
    entry = replace(registry.REGISTRY["beta-vae"], settings=Weighted(beta=2.0))
    monkeypatch.setattr(registry, "REGISTRY", MappingProxyType(registry.REGISTRY | {"beta-vae": entry}))
    shutil.copytree(store.path(VAE), store.path(RunId("vae", 2)))
    longer = Store(store.folder.parent, replace(store.protocol, epochs=3))
    for status, why in (
        (store.status(run), "settings.beta was 4.0, is 2.0"),
        (store.status(RunId("vae", 2)), "seed was 1, is 2"),
        (longer.status(VAE), "protocol.epochs was 2, is 3"),
    ):
        assert (status.state, status.why, status.retrain) == (STALE, why, True)


def test_a_new_evaluation_does_not_train_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    status = store.status(VAE)
    assert (status.state, status.why, status.retrain) == (STALE, "the evaluation has changed since", False)
    before = contents(store.folder)
    assert set(again(store, [PCA, VAE], trains=False).done) == {PCA, VAE}
    after = contents(store.folder)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"{run.folder}/{MANIFEST}" for run in (PCA, VAE)}


def test_provenance_tells_training_from_evaluation(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of a CPU must never pass for those of the GPU that evaluated them again."""
    first = store.provenance(VAE) | {"commit": "then", "python": "3.10", "flags": {"device": "elsewhere"}}
    (store.path(VAE) / PROVENANCE).write_bytes(runs.canonical(first))
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    again(store, [VAE])
    provenance = store.provenance(VAE)
    kept = ("training_seconds", "started", "finished", "total_seconds", "commit", "python", "flags", "host")
    assert {name: provenance[name] for name in kept} == {name: first[name] for name in kept}
    assert provenance["evaluation"]["flags"]["device"] == "cpu"
    assert provenance["evaluation"]["finished"] > first["finished"]
    assert store.commits(VAE) == {"then", provenance["evaluation"]["commit"]}
    assert "host" not in provenance["evaluation"]
    store.publish(VAE, failed(store, flags={"device": "a third"}), "later")
    assert {name: store.provenance(VAE)[name] for name in kept} == {name: first[name] for name in kept}
    assert store.provenance(VAE)["evaluation"]["flags"]["device"] == "a third"


def test_the_first_differences_are_named() -> None:
    before = {"a": 1, "b": {"c": [1, 2], "d": None}, "gone": 1}
    now = {"a": 1, "b": {"c": [1, 3], "d": 2.5}, "new": 1}
    assert difference(before, now) == "b.c was [1, 2], is [1, 3]; b.d was None, is 2.5; gone was 1, is None"
    assert difference(now, now) == "its settings are from another version"


def test_a_run_whose_evaluation_failed_is_evaluated_again_and_not_trained(
    store: Store, finished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = failed(store, training_seconds=1.0)
    store.publish(VAE, refused)
    status = store.status(VAE)
    assert (status.state, status.why, status.retrain) == (FAILED, "epoch 2: kl is inf", False)
    again(store, retry_failed=True, trains=False)
    assert contents(store.path(VAE)) == contents(finished.path(VAE))
    store.publish(VAE, refused)
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    status = store.status(VAE)
    assert (status.state, status.why, status.retrain) == (STALE, "the evaluation has changed since", False)


# --- damage: found, moved aside, run again, bit-identical ---------------------------------------------


@pytest.mark.parametrize("name", [WEIGHTS, HISTORY, "images.csv"])
def test_a_flipped_bit_is_found_when_checksums_are_compared(store: Store, name: str) -> None:
    flip(store.path(VAE) / name)
    assert store.status(VAE).state == FRESH
    status = store.status(VAE, verify=True)
    assert status.state == DAMAGED
    assert status.why == f"{store.path(VAE) / name} is damaged (its checksum does not fit)"
    assert status.retrain == (name in TRAINED)
    with pytest.raises(ReproduceError, match=f"{name} is damaged.*run `python -m reproduce run` again"):
        store.read(store.path(VAE), name)
    if name == "images.csv":
        with pytest.raises(ReproduceError, match=r"images.csv is damaged"):
            assembled(store, RUNS)


def test_a_truncated_or_lost_file_is_found_without_comparing_checksums(store: Store) -> None:
    path = store.path(VAE) / "images.csv"
    path.write_bytes(path.read_bytes()[:-1])
    assert "is truncated or foreign" in store.status(VAE).why
    path.unlink()
    assert store.status(VAE).why == f"{path} is gone"
    weights = store.path(AE) / WEIGHTS
    weights.unlink()
    assert store.status(AE).why == f"{weights} is gone", "only a published run may lack them"


@pytest.mark.parametrize("name", RECORDS)
def test_a_manifest_that_does_not_name_every_record_is_damaged(
    store: Store, finished: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Written by hand or by a mistake of ours: it would count as done, and could never be read."""
    kept = {other: store.read(store.path(VAE), other) for other in (WEIGHTS, *RECORDS) if other != name}
    store.publish(VAE, RunResult(kept, store.provenance(VAE)))
    status = store.status(VAE)
    assert (status.state, status.retrain) == (DAMAGED, name in TRAINED)
    assert status.why == f"{store.path(VAE) / MANIFEST} names no {name}"
    with monkeypatch.context() as patch:  # what only today's evaluation writes is no damage
        patch.setattr(runs, "EVALUATION_REVISION", 99)
        assert store.status(VAE).state == STALE
    if name in (MILESTONES, "pairs.csv"):
        assert again(store).done == [VAE]
        assert contents(store.folder) == contents(finished.folder)


def test_a_reference_has_no_history_and_needs_all_else(store: Store) -> None:
    kept = {name: store.read(store.path(PCA), name) for name in {WEIGHTS, *RECORDS} - {HISTORY, MILESTONES}}
    store.publish(PCA, RunResult(kept, {}))
    assert store.status(PCA).state == FRESH
    del kept["pairs.csv"]
    store.publish(PCA, RunResult(kept, {}))
    assert (store.status(PCA).state, store.status(PCA).retrain) == (DAMAGED, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: b"", "is damaged"),
        (lambda content: b'{"checksum": 1}', "is damaged"),
        (lambda content: b"[" * 100_000, "is damaged"),
        (lambda content: content.replace(b'"seed": 1', b'"seed": 2', 1), "its checksum does not fit"),
        (lambda content: ANOTHER, "is from another version"),
    ],
    ids=["empty", "no content", "too deep", "changed", "another version"],
)
def test_a_damaged_manifest_is_found(store: Store, change: Callable[[bytes], bytes], why: str) -> None:
    path = store.path(VAE) / MANIFEST
    path.write_bytes(change(path.read_bytes()))
    status = store.status(VAE)
    assert status.state == DAMAGED
    assert str(path) in status.why
    assert why in status.why


@pytest.mark.parametrize(
    ("run", "names"),
    [(VAE, ["images.csv"]), (VAE, ["digits.csv", WEIGHTS]), (VAE, [MANIFEST]), (PCA, ["images.csv"])],
    ids=["records", "records and weights", "manifest", "reference"],
)
def test_damage_is_moved_aside_run_again_and_bit_identical_afterwards(
    store: Store, finished: Store, run: RunId, names: list[str]
) -> None:
    for name in names:
        flip(store.path(run) / name)
    assert again(store).done == [run]
    assert contents(store.folder) == contents(finished.folder)
    assert list(store.folder.rglob("*.damaged"))


def test_a_folder_in_the_place_of_a_manifest_is_moved_aside(store: Store, finished: Store) -> None:
    path = store.path(PCA) / MANIFEST
    path.unlink()
    path.mkdir()
    assert (store.status(PCA).state, store.status(PCA).why) == (DAMAGED, f"{path} is not a file")
    assert again(store).done == [PCA]
    assert contents(store.folder) == contents(finished.folder)


def test_weights_of_any_size_are_written_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.path(VAE) / WEIGHTS
    os.truncate(path, files.LARGEST + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"read {path}"))
    store.publish(VAE, RunResult(dict.fromkeys((WEIGHTS, *RECORDS), b"x"), {"training_seconds": 1.0}))
    assert path.stat().st_size == 1


# --- manifest and provenance -------------------------------------------------------------------------------


def test_time_host_and_versions_stand_in_the_provenance_and_not_in_the_manifest(finished: Store) -> None:
    provenance = finished.provenance(VAE)
    assert {"host", "python", "commit", "finished", "versions", "flags"} <= provenance.keys()
    assert {"training_seconds", "evaluation_seconds", "resumed"} <= provenance.keys()
    manifest = (finished.path(VAE) / MANIFEST).read_text()
    for word in (provenance["host"], "seconds", "host", "commit", provenance["versions"]["torch"]):
        assert word not in manifest


def test_seconds_on_two_devices_are_no_training_time(finished: Store) -> None:
    path = finished.path(VAE) / PROVENANCE
    before = provenance_columns(finished, VAE, None)
    assert before["training_seconds"] > 0
    path.write_bytes(runs.canonical(finished.provenance(VAE) | {"devices": ["a card", "a processor"]}))
    found = provenance_columns(finished, VAE, None)
    assert math.isnan(found.pop("training_seconds"))
    del before["training_seconds"]
    assert found == before | {"hardware": "a card, then a processor"}


def test_old_checkpoints_go_when_a_run_is_published(store: Store) -> None:
    run = RunId("vae", 2)
    files.write(store.checkpoint(run), b"state")
    files.write(store.path(run) / "checkpoint-0000.bin", b"state of other settings")
    store.publish(run, RunResult(dict.fromkeys((WEIGHTS, *RECORDS), b"x"), {}))
    assert not list(store.path(run).glob("checkpoint*"))


# --- published with the project -----------------------------------------------------------------------


def test_published_runs_count_as_done_and_may_lack_their_weights(clone: Store) -> None:
    (clone.published / VAE.folder / WEIGHTS).unlink()
    assert clone.status(VAE).state == FRESH
    assert set(clone.known_runs()) == set(RUNS)
    assert again(clone).done == []
    assert len(assembled(clone, RUNS).runs) == len(RUNS)


def test_a_published_run_is_evaluated_again_from_its_weights_and_not_trained(
    clone: Store, finished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone.published / "ae" / "seed-1" / WEIGHTS).unlink()
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    assert not clone.status(VAE).retrain
    assert clone.status(RunId("ae", 1)).state == MISSING, "nothing to evaluate without its weights"
    assert again(clone, [VAE], trains=False).done == [VAE]
    assert clone.status(VAE, verify=True).folder == clone.path(VAE)
    assert clone.provenance(VAE)["training_seconds"] == finished.provenance(VAE)["training_seconds"]


def test_a_damaged_published_run_is_run_again(clone: Store, finished: Store) -> None:
    path = clone.published / VAE.folder / "images.csv"
    flip(path)
    status = clone.status(VAE, verify=True)
    assert (status.state, status.retrain) == (DAMAGED, True)
    assert f"{path} is damaged" in status.why
    assert again(clone).done == [VAE]
    assert contents(clone.path(VAE)) == contents(finished.path(VAE))


def test_a_published_failure_is_a_failure_in_a_clone_and_tried_again_there(
    clone: Store, store: Store, finished: Store
) -> None:
    published = Store(clone.published.parent, clone.protocol)
    published.publish(VAE, failed(store))
    assert (clone.status(VAE).state, clone.status(VAE).retrain) == (FAILED, False)
    (published.path(VAE) / WEIGHTS).unlink()
    assert (clone.status(VAE).state, clone.status(VAE).retrain) == (FAILED, True)
    files.write(clone.checkpoint(VAE), b"state")
    assert clone.status(VAE).state == PARTIAL
    files.remove(clone.checkpoint(VAE))
    assert again(clone, [VAE], retry_failed=True).done == [VAE]
    assert contents(clone.path(VAE)) == contents(finished.path(VAE))
    assert clone.status(VAE).state == FRESH
