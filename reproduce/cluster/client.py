"""Sends tasks to workers and receives their events and outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent import futures
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

from reproduce.cluster.clusters import DASK, existing_cluster, local_cluster
from reproduce.cluster.messages import CRASHED, REFUSED, TOPIC, Event, keys_of, message, task_name
from reproduce.cluster.on_worker import perform_on_worker
from reproduce.cluster.workers import Watch
from reproduce.errors import ReproduceError, described
from reproduce.machine import environment
from reproduce.storage.runs import RunId

Listener = Callable[[RunId | None, Event], None]
"""Called with every event of a run, and (without a run) with warnings that concern the whole campaign."""
WATCH_SECONDS = 5
"""Seconds between two checks that there are workers."""


def perform(
    tasks: Sequence[tuple[RunId, dict[str, Any]]],
    listener: Listener,
    workers: int,
    scheduler: str | None,
    dashboard: bool = False,
) -> Generator[tuple[RunId, Any], None, None]:
    """Perform the jobs (`worker.Job` as plain data) in order, and yield each run with its outcome, or with the reason
    why it has none.

    dashboard: show Dask's dashboard of a local cluster; a warning gives its address.
    Raises ReproduceError when no scheduler answers, when it stops, when no local worker starts, and when a worker
    raises one (its disk is full, it has another version of the project, or several threads).
    """
    environment.configure_dask(theirs=scheduler is not None)
    import dask
    from distributed import wait

    order = [run for run, _ in tasks]
    messages = [message(job, scheduler is None) for _, job in tasks]
    names = {task_name(*sent): run for sent, run in zip(messages, order, strict=True)}
    keys = {run: keys_of(job) for run, job in tasks}
    count = min(workers, len(tasks))
    cluster = local_cluster(count, dashboard) if scheduler is None else existing_cluster(scheduler)

    def say(text: str) -> None:
        listener(None, {"warning": text})

    with dask.config.set(DASK), cluster as (client, processes):
        if dashboard:
            say(f"Dask's dashboard is at {client.dashboard_link}")
        watch = Watch(client, scheduler, processes, say)
        client.subscribe_topic(TOPIC, lambda event: _forward(event, names, listener))
        pending = {
            # one group of keys: the scheduler then queues tasks by priority instead of assigning all of them at once
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
            except CancelledError:  # `result` finds out why
                done = {future for future in pending if future.cancelled()}
            for future in sorted(done, key=lambda future: order.index(pending[future])):
                run = pending.pop(future)
                yield run, result(future, scheduler, keys[run], partial(fetched, client, future, watch))
                future.release()


def fetched(client: Any, future: Any, watch: Watch) -> dict[str, Any]:
    """The result of a finished task. If its workers die before it is transferred, others must repeat the task, so the
    watch checks that there are any."""
    coming = asyncio.run_coroutine_threadsafe(
        client.gather(future, asynchronous=True), client.loop.asyncio_loop
    )
    while not futures.wait([coming], timeout=WATCH_SECONDS).done:
        watch.look()
    return coming.result()


def result(
    future: Any, scheduler: str | None, keys: dict[str, str], fetch: Callable[[], dict[str, Any]]
) -> Any:
    """The outcome of a task that has ended, or the reason why it has none.

    keys: the keys that the result must have; others come from another version of the project. fetch: returns the
    task's result. Raises ReproduceError: see `perform`.
    """
    from distributed import KilledWorker

    from reproduce.storage.store import RunResult

    gone = f"the Dask scheduler at {scheduler or 'this machine'} is gone: the same command goes on from here"
    if future.cancelled():
        raise ReproduceError(gone)
    error = future.exception()
    if isinstance(error, KilledWorker):
        return "every worker that had this run was killed, perhaps for lack of memory: try a smaller --jobs"
    if error is not None:
        return described(error)
    try:
        found = fetch()
    except CancelledError:
        raise ReproduceError(gone) from None
    if REFUSED in found:
        raise ReproduceError(found[REFUSED])
    if CRASHED in found:
        return found[CRASHED]
    if found.pop("keys", None) != keys:
        raise ReproduceError("a worker has another version of the project: install this one on every machine")
    return RunResult(**found)


def _forward(event: Any, names: dict[str, RunId], listener: Listener) -> None:
    _, content = event
    if content.get("task") in names:
        listener(names[content["task"]], content["event"])
