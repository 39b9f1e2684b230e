from __future__ import annotations

import itertools
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reproduce import training
from reproduce.campaign import schedule, worker
from reproduce.errors import ReproduceError
from reproduce.storage import files
from reproduce.storage.runs import RunId
from reproduce.storage.store import DAMAGED, FAILED, FRESH, MISSING, STALE, Status, Store
from tests import faults
from tests.tiny import AE, RUNS, VAE, contents, once

Events = list[tuple[RunId | None, dict[str, Any]]]


# --- the plan -----------------------------------------------------------------------------------------


def test_references_come_first_then_the_longest_of_each_seed(finished: Store, tmp_path: Path) -> None:
    wanted = [RunId(slug, seed) for seed in (2, 1) for slug in ("ae", "miwae", "vamp")] + [RunId("pca-16", 0)]
    due, done = schedule.plan(Store(tmp_path, finished.protocol), wanted)
    assert [str(status.run) for status in due] == [
        "pca-16/seed-0", "miwae/seed-2", "vamp/seed-2", "ae/seed-2", "miwae/seed-1", "vamp/seed-1", "ae/seed-1",
    ]  # fmt: skip
    assert done == []


def test_a_listener_hears_why_a_run_is_due(store: Store) -> None:
    shutil.rmtree(store.path(AE))
    events: Events = []
    once(store, listener=lambda run, event: events.append((run, event)))
    phases = [(str(run), event.get("phase", "epoch")) for run, event in events]
    assert phases == [("ae/seed-1", p) for p in ("due", "started", "epoch", "epoch", "evaluating", "done")]
    assert events[0][1] == {"phase": "due", "state": "missing", "why": "not run yet"}


def test_a_second_campaign_on_the_same_store_is_refused(store: Store) -> None:
    refused = pytest.raises(ReproduceError, match=f"another campaign is writing to {store.folder}")
    with files.lock(store.folder / ".lock"), refused:
        once(store)


# --- failures -----------------------------------------------------------------------------------------


def test_a_run_that_diverges_fails_alone_and_is_run_again_only_when_asked(
    store: Store, finished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = training.Run.validation_loss

    def loss(run: training.Run) -> float:
        diverges = type(run.architecture).__name__ == "VariationalAutoencoder" and run.progress.epoch == 1
        return float("nan") if diverges else honest(run)

    for run in (VAE, AE):
        shutil.rmtree(store.path(run))
    reason = "epoch 2: validation_loss is nan"
    with monkeypatch.context() as patch:
        patch.setattr(training.Run, "validation_loss", loss)
        report = once(store)
    assert (report.failed, report.done, report.exit_code) == ({VAE: reason}, [AE], 1)
    assert (store.status(VAE).state, store.status(VAE).why) == (FAILED, reason)
    assert not list(store.path(VAE).glob("checkpoint*"))
    again = once(store)
    assert (again.failed, again.exit_code) == ({VAE: reason}, 1)
    assert once(store, retry_failed=True).done == [VAE]
    assert contents(store.folder) == contents(finished.folder)


def test_an_unexpected_error_is_reported_and_the_others_finish(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in (VAE, AE):
        shutil.rmtree(store.path(run))
    honest = worker.perform

    def perform(job: worker.Job, notify: worker.Notify) -> worker.RunResult:
        if job.run == AE:
            raise ZeroDivisionError("once")
        return honest(job, notify)

    monkeypatch.setattr(worker, "perform", perform)
    report = once(store)
    assert report.failed == {AE: "ZeroDivisionError: once"}
    assert report.done == [VAE]
    assert store.status(AE).state == MISSING


# --- killed, or out of disk, at any file-system call --------------------------------------------------


@pytest.mark.parametrize(("fault", "n"), [(faults.KILLED, 42), (faults.FULL, 10)])
def test_a_fault_at_the_nth_call_costs_nothing_and_the_campaign_goes_on_to_the_same_bits(
    store: Store, finished: Store, fault: str, n: int
) -> None:
    assert faults.survives(fault, n, AE, VAE, store, finished, None)


def test_a_full_disk_at_any_call_of_a_publication_is_one_clear_line_and_earlier_results_stay(
    store: Store, finished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = schedule.job_json(store, Status(AE, MISSING, ""), "cpu")
    outcome = worker.perform(worker.Job.from_json(told), print)
    monkeypatch.setattr(worker, "perform", lambda job, notify: outcome)
    monkeypatch.setattr(schedule, "current_commit", lambda: "")
    for n in itertools.count(1):
        shutil.rmtree(store.path(AE), ignore_errors=True)
        monkeypatch.setattr(files, "observer", faults.full_at(n))
        message = ""
        try:
            once(store, (AE, VAE))
        except ReproduceError as error:
            message = str(error)
        monkeypatch.setattr(files, "observer", None)
        if not message:
            break
        assert message.startswith("no space left for")
        assert "\n" not in message
        faults.check_store(store, AE, [VAE], finished)
        once(store, (AE, VAE))
        assert contents(store.path(AE)) == contents(finished.path(AE))
    assert n > 60
    assert contents(store.folder) == contents(finished.folder)


def test_an_interrupted_reevaluation_does_not_cost_the_weights(store: Store, finished: Store) -> None:
    path = store.path(VAE) / "images.csv"
    path.write_bytes(b"")
    # locked and moved aside in two calls each; then what was trained, and the file itself, in six each
    killed = faults.exit_code(faults.run_campaign, store.folder.parent, RUNS, faults.KILLED, 24)
    assert killed == -signal.SIGKILL
    status = store.status(VAE, verify=True)
    assert (status.state, status.retrain) == (DAMAGED, False)
    assert faults.exit_code(faults.run_campaign, store.folder.parent, RUNS) == 0
    assert contents(store.folder) == contents(finished.folder)


def test_a_retrained_run_that_is_killed_stays_stale(finished: Store, store: Store) -> None:
    longer = Store(store.folder.parent, replace(store.protocol, seeds=(1,), epochs=1))
    assert longer.status(AE).state == STALE

    def stop(run: RunId | None, event: dict[str, Any]) -> None:
        if "epoch" in event:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(longer, (AE,), listener=stop)
    assert longer.status(AE).state == STALE
    assert store.status(AE).state == FRESH
