from __future__ import annotations

import fcntl
import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from reproduce import campaign, files, training, worker
from reproduce.errors import ReproduceError
from reproduce.protocol import shortened
from reproduce.runs import RunId
from reproduce.store import DAMAGED, FAILED, FRESH, MANIFEST, MISSING, PARTIAL, STALE, Status, Store
from tests import faults
from tests.tiny import ONLY, RUNS, contents

AE, VAE = RunId("ae", 1), RunId("vae", 1)
Events = list[tuple[RunId, dict[str, Any]]]


def once(store: Store, wanted: tuple[RunId, ...] = RUNS, **options: Any) -> campaign.Report:
    return campaign.execute(store, wanted, device="cpu", **{"jobs": 1, **options})


def quiet_campaign(root: Path, *options: str) -> subprocess.Popen[str]:
    """`python -m reproduce run` on the tiny profile, in a process and a process group of its own."""
    words = ["-m", "tests.tiny", "run", "--profile", "tiny", "--results", str(root), "--only", ONLY, *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *words], stdout=pipe, stderr=pipe, text=True, start_new_session=True, cwd=Path.cwd()
    )


# --- the plan -----------------------------------------------------------------------------------------


def test_references_come_first_then_the_longest_of_each_seed(finished: Store, tmp_path: Path) -> None:
    wanted = [RunId(slug, seed) for seed in (2, 1) for slug in ("ae", "miwae", "vamp")] + [RunId("pca-16", 0)]
    due, done = campaign.plan(Store(tmp_path, finished.protocol), wanted)
    assert [str(status.run) for status in due] == [
        "pca-16/seed-0", "miwae/seed-2", "vamp/seed-2", "ae/seed-2", "miwae/seed-1", "vamp/seed-1", "ae/seed-1",
    ]  # fmt: skip
    assert done == []


def test_what_is_done_is_not_run_again(store: Store) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*.*") if path.name != ".lock"}
    report = once(store)
    assert (report.done, report.failed, report.exit_code) == ([], {}, 0)
    assert set(report.skipped) == set(RUNS)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_listener_hears_why_a_run_is_due(store: Store) -> None:
    shutil.rmtree(store.path(AE))
    events: Events = []
    once(store, listener=lambda run, event: events.append((run, event)))
    phases = [(str(run), event.get("phase", "epoch")) for run, event in events]
    assert phases == [("ae/seed-1", p) for p in ("due", "started", "epoch", "epoch", "evaluating", "done")]
    assert events[0][1] == {"phase": "due", "state": "missing", "why": "not run yet"}


def test_time_left_follows_from_what_is_done() -> None:
    assert campaign.time_left(30.0, 10.0, 60.0) == 180.0
    assert campaign.time_left(30.0, 0.0, 60.0) is None


def test_the_commit_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRODUCE_COMMIT", "abc")
    assert campaign.current_commit() == "abc"


def test_outside_a_checkout_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert campaign.current_commit() == ""


# --- two campaigns on one store -----------------------------------------------------------------------


def test_a_second_campaign_on_the_same_store_is_refused(store: Store) -> None:
    with (store.folder / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ReproduceError, match=f"another campaign is writing to {store.folder}"):
            once(store)


# --- failures -----------------------------------------------------------------------------------------


@pytest.fixture
def diverging(monkeypatch: pytest.MonkeyPatch) -> None:
    """The VAE's validation loss is NaN in its second epoch."""
    honest = training.Run.validation_loss

    def loss(run: training.Run) -> float:
        diverges = type(run.architecture).__name__ == "VariationalAutoencoder" and run.progress.epoch == 1
        return float("nan") if diverges else honest(run)

    monkeypatch.setattr(training.Run, "validation_loss", loss)


@pytest.mark.usefixtures("diverging")
def test_a_run_that_diverges_fails_alone(store: Store, finished: Store) -> None:
    for run in (VAE, AE):
        shutil.rmtree(store.path(run))
    report = once(store)
    reason = "epoch 2: validation_loss is nan"
    assert report.failed == {VAE: reason}
    assert report.done == [AE]
    assert report.exit_code == 1
    assert (store.status(VAE).state, store.status(VAE).why) == (FAILED, reason)
    assert contents(store.path(AE)) == contents(finished.path(AE))
    assert not list(store.path(VAE).glob("checkpoint*"))
    assert once(store).exit_code == 1


def test_a_failed_run_is_run_again_only_when_asked(store: Store, finished: Store) -> None:
    store.publish(VAE, worker.Outcome({}, {}, {"epoch": 1, "reason": "x"}))
    assert once(store).failed == {VAE: "epoch 1: x"}
    assert once(store, retry_failed=True).done == [VAE]
    assert contents(store.folder) == contents(finished.folder)


def test_an_unexpected_error_is_reported_and_the_others_finish(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in (VAE, AE):
        shutil.rmtree(store.path(run))
    honest = worker.perform

    def perform(job: worker.Job, notify: worker.Notify) -> worker.Outcome:
        if job.run == AE:
            raise ZeroDivisionError("once")
        return honest(job, notify)

    monkeypatch.setattr(worker, "perform", perform)
    report = once(store)
    assert report.failed == {AE: "ZeroDivisionError: once"}
    assert report.done == [VAE]
    assert store.status(AE).state == MISSING


# --- killed, or out of disk, at any file-system call --------------------------------------------------


def check_after_fault(store: Store, run: RunId, finished: Store) -> None:
    """Nothing of an interrupted run passes for a result, and what was finished before is intact."""
    for other in RUNS:
        status = store.status(other, verify=True)
        if other != run:
            assert status.state == FRESH
        elif status.state == FRESH:
            assert contents(store.path(run)) == {
                **contents(finished.path(run)),
                **{
                    path.name: files.sha256(path.read_bytes()) for path in store.path(run).glob("checkpoint*")
                },
            }
        else:
            assert status.state in (MISSING, PARTIAL)


def survives(store: Store, run: RunId, expected: dict[str, str], finished: Store, n: int) -> bool:
    """Kill a campaign at its n-th call, check the store, give the command again, compare. False: it ended before."""
    shutil.rmtree(store.folder, ignore_errors=True)
    shutil.copytree(finished.folder, store.folder)
    shutil.rmtree(store.folder / run.architecture, ignore_errors=True)
    code = faults.exit_code(faults.run_campaign, store.folder.parent, (run,), n)
    if code == 0:
        return False
    assert code == -signal.SIGKILL
    check_after_fault(store, run, finished)
    assert faults.exit_code(faults.run_campaign, store.folder.parent, (run,)) == 0
    assert contents(store.path(run)) == expected
    return True


@pytest.mark.parametrize("n", [5, 11, 40, 71])
def test_killed_at_the_nth_call_a_campaign_goes_on_to_the_same_bits(
    store: Store, finished: Store, n: int
) -> None:
    assert survives(store, AE, contents(finished.path(AE)), finished, n)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("slug", faults.KINDS.values(), ids=faults.KINDS)
def test_killed_at_every_call_a_campaign_goes_on_to_the_same_bits(
    slug: str, store: Store, finished: Store, tmp_path: Path
) -> None:
    run = RunId(slug, 1)
    whole = Store(tmp_path / "whole", finished.protocol)
    assert faults.exit_code(faults.run_campaign, tmp_path / "whole", (run,)) == 0
    expected = contents(whole.path(run))
    n = next(n for n in itertools.count(1) if not survives(store, run, expected, finished, n))
    assert n > 70


def test_a_full_disk_at_any_call_is_one_clear_line_and_earlier_results_stay(
    store: Store, finished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = worker.perform(
        worker.Job.from_json(campaign.job_json(store, Status(AE, MISSING, ""), "cpu")), print
    )
    monkeypatch.setattr(worker, "perform", lambda job, notify: outcome)
    expected = contents(finished.folder)
    for n in itertools.count(1):
        shutil.rmtree(store.path(AE), ignore_errors=True)
        monkeypatch.setattr(files, "observer", faults.full_at(n))
        message = ""
        try:
            once(store)
        except ReproduceError as error:
            message = str(error)
        monkeypatch.setattr(files, "observer", None)
        if not message:
            break
        assert message.startswith("no space left for")
        assert "\n" not in message
        check_after_fault(store, AE, finished)
        once(store)
        assert contents(store.folder) == expected
    assert n > 60


def test_a_full_disk_while_training_stops_the_campaign_with_that_line(
    store: Store, finished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(store.path(AE))
    monkeypatch.setattr(files, "observer", faults.full_at(8))
    with pytest.raises(ReproduceError, match=r"no space left for .*checkpoint.*give the same command again"):
        once(store)
    monkeypatch.setattr(files, "observer", None)
    assert store.status(AE).state == PARTIAL
    once(store)
    assert contents(store.folder) == contents(finished.folder)


def test_an_interrupted_reevaluation_does_not_cost_the_weights(store: Store, finished: Store) -> None:
    path = store.path(VAE) / "images.csv"
    path.write_bytes(b"")
    # moved aside in two calls; then weights, history, and the file itself in six each
    assert faults.exit_code(faults.run_campaign, store.folder.parent, RUNS, 16) == -signal.SIGKILL
    status = store.status(VAE, verify=True)
    assert (status.state, status.retrain) == (DAMAGED, False)
    assert faults.exit_code(faults.run_campaign, store.folder.parent, RUNS) == 0
    assert contents(store.folder) == contents(finished.folder)


def test_a_retrained_run_that_is_killed_stays_stale(finished: Store, store: Store) -> None:
    longer = Store(store.folder.parent, shortened(store.protocol, seeds=(1,), epochs=1))
    assert longer.status(AE).state == STALE
    monitored = {"calls": 0}

    def stop(run: RunId, event: dict[str, Any]) -> None:
        if "epoch" in event:
            monitored["calls"] += 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(longer, (AE,), listener=stop)
    assert monitored["calls"] == 1
    assert longer.status(AE).state == STALE
    assert store.status(AE).state == FRESH


# --- several workers ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_workers_killed_in_mid_run_give_the_same_bits_as_one_left_alone(
    finished: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path, finished.protocol)
    events: Events = []
    killed: list[int] = []

    def kill_the_first_to_train(run: RunId, event: dict[str, Any]) -> None:
        events.append((run, event))
        if event.get("phase") == "started" and not run.is_reference and not killed:
            for child in multiprocessing.active_children():
                if "Dask" in child.name and child.pid is not None:
                    killed.append(child.pid)
                    os.kill(child.pid, signal.SIGKILL)

    report = once(store, jobs=2, listener=kill_the_first_to_train)
    assert len(killed) == 2
    assert (set(report.done), report.failed) == (set(RUNS), {})
    started = Counter(run for run, event in events if event.get("phase") == "started")
    assert max(started.values()) > 1, "the killed run was not given to a fresh worker"
    assert contents(store.folder) == contents(finished.folder)
    assert not any(psutil.pid_exists(pid) for pid in killed)
    assert not [child for child in multiprocessing.active_children() if "Dask" in child.name]


def stop_after_first_result(
    root: Path, number: int, *options: str
) -> tuple[int, str, list[psutil.Process], float]:
    """Send a signal to a campaign of its own after its first line of progress: exit code, stderr, children, seconds."""
    process = quiet_campaign(root, *options)
    assert process.stdout is not None
    line = ""
    while ": done" not in line:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
    children = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: to everybody
    else:
        process.send_signal(number)
    process.wait(60)
    seconds = time.monotonic() - started
    return process.returncode, process.communicate()[1], children, seconds


@pytest.mark.slow
def test_ctrl_c_stops_a_campaign_of_two_workers_at_once(finished: Store, tmp_path: Path) -> None:
    code, errors, children, seconds = stop_after_first_result(tmp_path, signal.SIGINT, "--jobs", "2")
    assert code == 130
    assert errors == "interrupted; the same command goes on from here\n"
    assert seconds < 2
    assert len(children) >= 2
    assert psutil.wait_procs(children, timeout=5)[1] == []
    store = Store(tmp_path, finished.protocol)
    assert {store.status(run, verify=True).state for run in RUNS} <= {FRESH, MISSING, PARTIAL}
    once(store)
    assert contents(store.folder) == contents(finished.folder)


@pytest.mark.slow
def test_the_death_of_a_campaign_ends_its_workers(finished: Store, tmp_path: Path) -> None:
    code, _, children, _ = stop_after_first_result(tmp_path, signal.SIGKILL, "--jobs", "2")
    assert code == -signal.SIGKILL
    assert len(children) >= 2
    assert psutil.wait_procs(children, timeout=20)[1] == []
    store = Store(tmp_path, finished.protocol)
    once(store)
    assert contents(store.folder) == contents(finished.folder)


def test_no_scheduler_at_the_address_is_one_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(store.path(AE))
    monkeypatch.setattr(campaign, "CONNECT_SECONDS", 0.2)
    with pytest.raises(ReproduceError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9: start one"):
        once(store, scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_an_existing_cluster_that_loses_a_worker_gives_the_same_bits(finished: Store, tmp_path: Path) -> None:
    address = "tcp://127.0.0.1:48786"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    dask = [sys.executable, "-m", "distributed.cli"]
    commands = [
        [f"{dask[2]}.dask_scheduler", "--host", "127.0.0.1", "--port", "48786", "--dashboard-address", ":0"]
    ]
    commands += [[f"{dask[2]}.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]] * 2
    processes = [
        subprocess.Popen([sys.executable, "-m", *words], env=environment, **quiet)  # type: ignore[call-overload]
        for words in commands
    ]
    store = Store(tmp_path / "results", finished.protocol)
    killed = []

    def kill_one(run: RunId, event: dict[str, Any]) -> None:
        if "epoch" in event and not killed:
            killed.append(processes[1].pid)
            processes[1].kill()

    try:
        report = once(store, listener=kill_one, scheduler=address)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert len(killed) == 1
    assert set(report.done) == set(RUNS)
    assert contents(store.folder) == contents(finished.folder)
    assert not list(store.folder.rglob("checkpoint*"))
    assert all((store.path(run) / MANIFEST).is_file() for run in RUNS)
