"""Runs on Dask workers of one thread each: a local cluster, or any existing one.

Tasks go out as JSON, results come back as bytes, and workers need no disk in common with the client. Dask's transport
pickles, so whoever reaches the scheduler can run code on every worker: a cluster must be trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from reproduce import files, runs
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.runs import RunId

Event = dict[str, Any]
Listener = Callable[[RunId | None, Event], None]
"""Hears events of runs, and (of no run) warnings that concern the whole campaign."""

TOPIC = "reproduce"
GIVEN = ("weights", "history")
"""What of a job is bytes."""
REFUSED, CRASHED = "refused", "crashed"
"""What a worker answers instead of an outcome: the campaign is to end, or this run has none."""
RETRIES = 2
"""How often a run is given to a fresh worker when its own was killed."""
CONNECT_SECONDS = 10
CLOSE_SECONDS = 5
WATCH_SECONDS = 5
"""How often somebody looks whether there are workers at all."""
GONE_SECONDS = 60
"""How long this machine may have neither a worker nor a process that becomes one before the campaign gives up."""
SLOW_SECONDS = 180
"""After so long without a worker somebody is told. (On a machine that others use, importing takes minutes.)"""
STARTS = 5
"""How many processes of each worker may die in a row before one comes up."""

DASK = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.daemon": True,
    # on a busy machine a killed worker is back after a minute; Dask gives its nanny up after 15 seconds
    "distributed.deploy.lost-worker-timeout": "1 day",
    # a machine that was asleep has lost no worker
    "distributed.scheduler.worker-ttl": None,
    # a worker has one core for training; Dask's own watching would take a twentieth of it
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "30s",
    "distributed.admin.system-monitor.interval": "10s",
}
"""Settings of a local cluster; an existing one has its own."""


def perform(
    tasks: Sequence[tuple[RunId, dict[str, Any]]],
    listener: Listener,
    workers: int,
    scheduler: str | None,
    dashboard: bool = False,
) -> Generator[tuple[RunId, Any], None, None]:
    """Do the jobs (`worker.Job` as plain data), the first ones first: each run with its outcome, or the reason why it
    has none.

    dashboard: whether a cluster of this machine shows one, whose address is told as a warning.
    Raises ReproduceError when no scheduler answers, when it goes away, when no worker of this machine starts, and
    when a worker raises one (its disk is full, it has another version of the project, or several threads).
    """
    import dask
    from distributed import wait

    order = [run for run, _ in tasks]
    messages = [message(job, scheduler is None) for _, job in tasks]
    names = {task_name(*sent): run for sent, run in zip(messages, order, strict=True)}
    keys = {run: keys_of(job) for run, job in tasks}
    workers = min(workers, len(tasks))
    cluster = local_cluster(workers, dashboard) if scheduler is None else existing_cluster(scheduler)

    def say(text: str) -> None:
        listener(None, {"warning": text})

    with dask.config.set(DASK), cluster as client:
        if dashboard:
            say(f"Dask's dashboard is at {client.dashboard_link}")
        watch = Watch(client, scheduler, workers, say, lambda: worker_processes(client.cluster))
        client.subscribe_topic(TOPIC, lambda event: _heard(event, names, listener))
        pending = {
            # one group of keys: queued at the scheduler by priority, instead of dealt out to the workers at once
            client.submit(
                perform_on_worker, *sent, pure=False, priority=-index, key=(TOPIC, str(run), name)
            ): run
            for index, (sent, (name, run)) in enumerate(zip(messages, names.items(), strict=True))
        }
        while pending:
            try:
                with client.as_current():
                    done = wait(list(pending), timeout=WATCH_SECONDS, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
                watch.look()
            except CancelledError:  # `result` says what that means
                done = {future for future in pending if future.cancelled()}
            for future in sorted(done, key=lambda future: order.index(pending[future])):
                run = pending.pop(future)
                yield run, result(future, scheduler, keys[run])
                future.release()


def message(job: dict[str, Any], local: bool) -> tuple[str, dict[str, bytes]]:
    """A job and its keys as JSON, and the files that go with it. A worker elsewhere chooses where its checkpoint
    lies."""
    given = {name: job[name] for name in GIVEN if job[name] is not None}
    plain = {name: value for name, value in job.items() if name not in GIVEN}
    path = Path(job["checkpoint"])
    plain |= {"checkpoint": str(path.absolute() if local else path.name), "keys": keys_of(job)}
    return json.dumps(plain), given


def keys_of(job: dict[str, Any]) -> dict[str, str]:
    """What the job's training and its evaluation depend on, by this process's version of the project.

    The evaluation's is that of no weights: it is known before the run.
    """
    protocol, run = Protocol.of(job["protocol"]), RunId(**job["run"])
    return {"training": runs.training_key(protocol, run), "evaluation": runs.evaluation_key(protocol, "")}


def task_name(text: str, given: dict[str, bytes]) -> str:
    """A name that only the very same job has: Dask does two tasks of one name once, whoever sent them."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(given):
        digest.update(f"{name}:{files.sha256(given[name])}".encode())
    return digest.hexdigest()


def result(future: Any, scheduler: str | None, keys: dict[str, str]) -> Any:
    """The outcome of a task that has ended, or the reason why it has none.

    keys: those that the result must have, by whatever version of the project it was made. Raises ReproduceError: see
    `perform`.
    """
    from distributed import KilledWorker

    from reproduce.store import Outcome

    if future.cancelled():
        raise ReproduceError(
            f"the Dask scheduler at {scheduler or 'this machine'} is gone: the same command goes on from here"
        )
    error = future.exception()
    if isinstance(error, KilledWorker):
        return "every worker that had this run was killed, perhaps for lack of memory: try a smaller --jobs"
    if error is not None:
        return described(error)
    found = future.result()
    if REFUSED in found:
        raise ReproduceError(found[REFUSED])
    if CRASHED in found:
        return found[CRASHED]
    if found.pop("keys", None) != keys:
        raise ReproduceError("a worker has another version of the project: install this one on every machine")
    return Outcome(**found)


class Watch:
    """Says when there are no workers, and ends a local campaign that will get none.

    processes: the ids of the living worker processes of this machine.
    """

    def __init__(
        self,
        client: Any,
        scheduler: str | None,
        workers: int,
        say: Callable[[str], None],
        processes: Callable[[], set[int]],
    ) -> None:
        self.client, self.scheduler, self.workers = client, scheduler, workers
        self.say, self.processes = say, processes
        self.rest()

    def rest(self) -> None:
        """There are workers."""
        self.since = self.alive = time.monotonic()
        self.started: set[int] = set()
        self.said = False

    def look(self) -> None:
        """Raises ReproduceError if this machine's worker processes die instead of becoming workers."""
        now = time.monotonic()
        if self.client.scheduler_info()["workers"]:
            self.rest()
        elif self.scheduler is not None:
            self.tell(f"no worker at {self.scheduler}; waiting for one")
        else:
            alive = self.processes()
            self.started |= alive
            if alive:
                self.alive = now
            if now - self.alive > GONE_SECONDS or len(self.started) > STARTS * self.workers:
                raise ReproduceError(
                    "the worker processes die while they start (out of memory? a broken environment?): "
                    "--jobs 1 needs none and shows the reason"
                )
            if now - self.since > SLOW_SECONDS:
                self.tell("the workers are still starting")

    def tell(self, text: str) -> None:
        """Once, until there are workers again."""
        if not self.said:
            self.say(text)
        self.said = True


def worker_processes(cluster: Any) -> set[int]:
    """Ids of the worker processes that live, be they up or only starting."""
    processes = [(nanny.pid, nanny.process) for nanny in list(getattr(cluster, "_created", ()))]
    return {pid for pid, process in processes if process is not None and process.is_alive()}


# --- clusters -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def local_cluster(workers: int, dashboard: bool = False) -> Iterator[Any]:
    """A client of as many worker processes on this machine, which Ctrl-C does not reach.

    Their end is a SIGKILL, whatever happened: every state on disk is good for going on, so nothing is waited for.
    Raises ReproduceError if a dashboard is asked for and what draws it is not installed.
    """
    from distributed import Client, LocalCluster

    if dashboard and importlib.util.find_spec("bokeh") is None:
        raise ReproduceError(
            "--dashboard needs bokeh, which is not installed: install it, or leave the option out"
        )
    # for good: connections of killed workers are reported after the cluster has closed, too
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # Python's tracker of shared memory unblocks Ctrl-C in the thread that happens to start it: no worker's, then
    resource_tracker.ensure_running()
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
            scheduler_kwargs={"dashboard": dashboard, "dashboard_address": "127.0.0.1:0"},
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


# --- on the worker ------------------------------------------------------------------------------------


def perform_on_worker(text: str, given: dict[str, bytes]) -> dict[str, Any]:
    """`performed`, or the exception that ended it as a line of text.

    Dask would send the exception itself, with its traceback, and a client that cannot read one back (a very deep one,
    say) waits for ever.
    """
    try:
        return performed(text, given)
    except ReproduceError as error:
        return {REFUSED: str(error)}
    except Exception as error:
        return {CRASHED: described(error)}


def described(error: BaseException) -> str:
    """ "ZeroDivisionError: division by zero"."""
    return f"{type(error).__name__}: {error}"


def performed(text: str, given: dict[str, bytes]) -> dict[str, Any]:
    """A job on a Dask worker, its events sent to whoever listens: `message` → an outcome's fields, and its keys.

    (Plain data: the outcome's class would have the client import torch.) Raises ReproduceError if this worker is not
    one for such a job: see `fit`.
    """
    from distributed import get_worker

    from reproduce import devices, worker

    me = get_worker()
    content = json.loads(text)
    keys = content.pop("keys")
    fit(me, content, keys)
    checkpoint = Path(content["checkpoint"])
    elsewhere = not checkpoint.is_absolute()
    if elsewhere:
        checkpoint = own_folder() / checkpoint
    job = worker.Job.from_json({**content, **given, "checkpoint": str(checkpoint)})
    if job.device == "cuda":
        devices.take_turns(me.name)
    name = task_name(text, given)

    def notify(event: Event) -> None:
        me.log_event(TOPIC, {"task": name, "event": event})

    notify({"phase": "started"})
    found = vars(worker.perform(job, notify))
    if elsewhere:
        files.remove(checkpoint)
    return {**found, "keys": keys}


def fit(me: Any, job: dict[str, Any], keys: dict[str, str]) -> None:
    """Raises ReproduceError if the Dask worker would do another run than the client's, or could not vouch for it."""
    from reproduce import devices

    try:
        same = keys_of(job) == keys
    except (TypeError, KeyError, ReproduceError):  # a setting or a name that this version does not know
        same = False
    if not same:
        raise ReproduceError(
            f"the worker at {me.address} has another version of the project: install this one there"
        )
    if me.state.nthreads != 1:
        raise ReproduceError(
            f"the worker at {me.address} has {me.state.nthreads} threads, whose runs would share their random numbers: "
            "start it with --nthreads 1"
        )
    if job["device"] == "cuda" and devices.best_device()[0] != "cuda":
        raise ReproduceError(
            f"the worker at {me.address} has no CUDA device: start it on a machine with a GPU, or give --device cpu"
        )


def own_folder() -> Path:
    """Where a worker of an existing cluster keeps checkpoints: outside its own directory, which dies with it.

    The files are named by training key, so that campaigns on one machine can only meet in the very same run.
    """
    return Path(tempfile.gettempdir()) / f"reproduce-{os.getuid()}"


def _heard(event: Any, names: dict[str, RunId], listener: Listener) -> None:
    _, content = event
    if content.get("task") in names:
        listener(names[content["task"]], content["event"])
