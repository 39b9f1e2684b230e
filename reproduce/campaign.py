"""Many runs over the machine's cores or a cluster; skips what is done and says why it reruns.

Jobs go out as JSON and come back as bytes; only this process publishes. Longest runs first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reproduce import files
from reproduce.errors import ReproduceError
from reproduce.runs import RunId
from reproduce.store import DAMAGED, FAILED, FRESH, HISTORY, WEIGHTS, Outcome, Status, Store

RETRIES = 2
"""How often a run is given to a fresh worker when its own was killed."""

RELATIVE_COST: dict[str, float] = {
    "miwae": 9.0,
    "piwae": 9.5,
    "ciwae": 5.0,
    "iwae": 5.0,
    "rae-gp": 6.0,
    "vamp": 3.0,
    "svae": 1.3,
    "factor-vae": 1.4,
    "adversarial-ae": 1.2,
    "beta-tcvae": 1.2,
    "ms-ssim-vae": 1.2,
    "hvae@pythae": 6.0,
    "rae-gp@pythae": 3.0,
}
"""Time of a step, in those of a VAE, roughly: only the order and the time left depend on it. A variant costs what its
architecture does unless it is named."""


def cost(run: RunId) -> float:
    """Relative duration of a run."""
    if run.is_reference:
        return 0.1
    return RELATIVE_COST.get(run.name, RELATIVE_COST.get(run.architecture, 1.0))


@dataclass
class Report:
    """What a campaign did."""

    done: list[RunId] = field(default_factory=list)
    skipped: list[RunId] = field(default_factory=list)
    failed: dict[RunId, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0, or 1 when a run failed."""
        return 1 if self.failed else 0


Event = dict[str, Any]
Listener = Callable[[RunId, Event], None]


def plan(
    store: Store, wanted: Sequence[RunId], retry_failed: bool = False
) -> tuple[list[Status], list[Status]]:
    """What is due (longest first within each seed) and what is done. Every file is read and its checksum compared."""
    states = [store.status(run, verify=True) for run in wanted]
    done = [s for s in states if s.state == FRESH or (s.state == FAILED and not retry_failed)]
    due = [s for s in states if s not in done]
    seeds = list(dict.fromkeys(run.seed for run in wanted))
    due.sort(key=lambda s: (not s.run.is_reference, seeds.index(s.run.seed), -cost(s.run)))
    return due, done


def job_json(store: Store, status: Status, device: str) -> dict[str, Any]:
    """What a worker is told: see `worker.Job`."""
    folder = store.path(status.run)
    weights = history = None
    if not status.retrain:
        weights = store.read(folder, WEIGHTS)
        history = store.read(folder, HISTORY)
    return {
        "protocol": dataclasses.asdict(store.protocol),
        "run": dataclasses.asdict(status.run),
        "device": device,
        "checkpoint": str(store.checkpoint(status.run)),
        "weights": weights,
        "history": history,
    }


def execute(
    store: Store,
    wanted: Sequence[RunId],
    *,
    device: str,
    jobs: int,
    listener: Listener = lambda run, event: None,
    retry_failed: bool = False,
    scheduler: str | None = None,
) -> Report:
    """Do all wanted runs that are not done. Raises ReproduceError if another campaign writes the same store."""
    with files.lock(store.folder / ".lock"):
        files.clear_temporaries(store.folder)
        due, done = plan(store, wanted, retry_failed)
        report = Report(skipped=[status.run for status in done if status.state == FRESH])
        report.failed = {status.run: status.why for status in done if status.state == FAILED}
        for status in due:
            listener(status.run, {"phase": "due", "state": status.state, "why": status.why})
            if status.state == DAMAGED:
                store.set_aside(status)
        if not due:
            return report
        commit = current_commit()
        performing: Generator[tuple[RunId, Any], None, None] = (
            in_process(store, due, device, listener)
            if jobs == 1 and scheduler is None
            else on_cluster(store, due, device, listener, jobs, scheduler)
        )
        with contextlib.closing(performing):
            for run, outcome in performing:
                if isinstance(outcome, Exception):
                    report.failed[run] = f"{type(outcome).__name__}: {outcome}"
                    listener(run, {"phase": "crashed", "reason": report.failed[run]})
                    continue
                store.publish(run, outcome, commit)
                if outcome.failure is not None:
                    report.failed[run] = f"epoch {outcome.failure['epoch']}: {outcome.failure['reason']}"
                    listener(run, {"phase": "failed", "reason": report.failed[run]})
                else:
                    report.done.append(run)
                    listener(run, {"phase": "done", "seconds": outcome.stamp.get("total_seconds")})
        return report


def in_process(
    store: Store, due: Sequence[Status], device: str, listener: Listener
) -> Generator[tuple[RunId, Any], None, None]:
    """One run after the other in this process."""
    from reproduce import worker

    for status in due:
        job = worker.Job.from_json(job_json(store, status, device))
        listener(status.run, {"phase": "started"})
        try:
            yield status.run, worker.perform(job, lambda event, run=status.run: listener(run, event))  # type: ignore[misc]
        except ReproduceError:
            raise
        except Exception as error:
            yield status.run, error


def on_cluster(
    store: Store, due: Sequence[Status], device: str, listener: Listener, jobs: int, scheduler: str | None
) -> Generator[tuple[RunId, Any], None, None]:
    """The runs on Dask workers, one thread each: a local cluster, or any existing one (which must be trusted).

    Raises ReproduceError when a worker cannot write, or when there is no scheduler at the address.
    """
    import dask
    from distributed import as_completed

    names = {str(status.run): status.run for status in due}
    with (
        dask.config.set(DASK),
        local_cluster(min(jobs, len(due))) if scheduler is None else existing_cluster(scheduler) as client,
    ):
        client.subscribe_topic(TOPIC, lambda event: _heard(event, names, listener))
        futures = {}
        for index, status in enumerate(due):
            job = job_json(store, status, device)
            if scheduler is not None:
                job["checkpoint"] = remote_checkpoint(store, status.run)
            # one group of keys: queued at the scheduler by priority, instead of dealt out to the workers at once
            future = client.submit(
                perform_on_worker,
                job,
                keep_checkpoint=scheduler is None,
                pure=False,
                priority=-index,
                key=(TOPIC, str(status.run)),
            )
            futures[future] = status.run
        for future in as_completed(list(futures), loop=client.loop):
            run = futures.pop(future)
            error = future.exception()
            if isinstance(error, ReproduceError):
                raise error
            yield run, error if error is not None else Outcome(**future.result())
            future.release()


DASK = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.daemon": True,
    # on a busy machine a killed worker is back after a minute; Dask gives its nanny up after 15 seconds
    "distributed.deploy.lost-worker-timeout": "1 day",
    # a machine that was asleep has lost no worker
    "distributed.scheduler.worker-ttl": None,
}
"""Settings of a local cluster; an existing one has its own."""

TOPIC = "reproduce"


@contextlib.contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """A client of as many worker processes on this machine, which Ctrl-C does not reach.

    Their end is a SIGKILL, whatever happened: every state on disk is good for going on, so nothing is waited for.
    """
    from distributed import Client, LocalCluster

    # for good: connections of killed workers are reported after the cluster has closed, too
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # the threads that start now, and the processes that they start, inherit the mask: Ctrl-C is for this thread alone
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        cluster = LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address=None,
            # Dask serves its metrics by HTTP in any case: here only, at any free port
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            silence_logs=logging.CRITICAL,
        )
        client = Client(cluster, set_as_default=False)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        cluster.scale(workers)
        yield client
    finally:
        with killing(cluster):
            with contextlib.suppress(TimeoutError):
                client.close(timeout=CLOSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                cluster.close(timeout=CLOSE_SECONDS)


CLOSE_SECONDS = 5


@contextlib.contextmanager
def killing(cluster: Any) -> Iterator[None]:
    """Kill every worker process, those that are only starting too, as long as this lasts."""
    over = threading.Event()

    def kill() -> None:
        while True:
            # `workers` has only those that are up
            for nanny in list(cluster._created):
                nanny.auto_restart = False
                if nanny.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(nanny.pid, signal.SIGKILL)
            if over.wait(0.02):
                return

    thread = threading.Thread(target=kill, name="worker-killer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def existing_cluster(address: str) -> Iterator[Any]:
    """A client of the scheduler at that address. Raises ReproduceError when none answers."""
    from distributed import Client

    try:
        client = Client(address, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ReproduceError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`, or leave out --scheduler"
        ) from error
    with client:
        yield client


CONNECT_SECONDS = 10


def remote_checkpoint(store: Store, run: RunId) -> str:
    """Where a worker of an existing cluster keeps the run's state: outside its own directory, which dies with it.

    Named by the training key, so that campaigns on one machine can only meet in the very same run.
    """
    return str(Path(tempfile.gettempdir()) / f"reproduce-{os.getuid()}" / store.checkpoint(run).name)


def _heard(event: Any, names: dict[str, RunId], listener: Listener) -> None:
    _, content = event
    if content.get("run") in names:
        listener(names[content["run"]], content["event"])


def perform_on_worker(content: dict[str, Any], keep_checkpoint: bool) -> dict[str, Any]:
    """A job on a Dask worker, its events sent to whoever listens.

    Returns the outcome as plain data: its class would have the client import torch.
    """
    from distributed import get_worker

    from reproduce import worker

    job = worker.Job.from_json(content)
    me = get_worker()

    def notify(event: Event) -> None:
        me.log_event(TOPIC, {"run": str(job.run), "event": event})

    notify({"phase": "started"})
    found = vars(worker.perform(job, notify))
    if not keep_checkpoint:
        Path(job.checkpoint).unlink(missing_ok=True)
    return found


def current_commit() -> str:
    """$REPRODUCE_COMMIT (set in the image), else the checkout's commit, with + when files are changed; "" without."""
    named = os.environ.get("REPRODUCE_COMMIT")
    if named:
        return named
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain"], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if changed else "")


def time_left(remaining: float, finished: float, seconds: float) -> float | None:
    """Seconds left if the rest costs what the finished part did, in units of `cost`; None before any is finished."""
    return remaining / finished * seconds if finished > 0 else None
