"""Distributes runs over the machine's cores or a cluster; skips what is done and says why a run is repeated.

Only this process publishes; the work may be done elsewhere (`cluster`). The longest runs start first.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from reproduce import cluster
from reproduce.architectures import registry
from reproduce.cluster import Event, Listener
from reproduce.errors import ReproduceError, described
from reproduce.machine.version import current_commit
from reproduce.storage import files
from reproduce.storage.runs import RunId
from reproduce.storage.store import DAMAGED, FAILED, FRESH, TRAINED, Status, Store

__all__ = ["Event", "Listener", "Report", "cost", "execute", "plan"]


def cost(run: RunId) -> float:
    """Relative duration of a run."""
    if run.is_reference:
        return 0.1
    return registry.cost(run.architecture, run.variant)


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


def plan(
    store: Store, wanted: Sequence[RunId], retry_failed: bool = False, *, verify: bool = True
) -> tuple[list[Status], list[Status]]:
    """What is due (longest first within each seed) and what is done. verify: read every file and compare its checksum,
    instead of sizes alone."""
    states = [store.status(run, verify=verify) for run in wanted]
    done = [s for s in states if s.state == FRESH or (s.state == FAILED and not retry_failed)]
    due = [s for s in states if s not in done]
    seeds = list(dict.fromkeys(run.seed for run in wanted))
    due.sort(key=lambda s: (not s.run.is_reference, seeds.index(s.run.seed), -cost(s.run)))
    return due, done


def job_json(store: Store, status: Status, device: str, *, graphs: bool = True) -> dict[str, Any]:
    """What is sent to a worker: the fields of `worker.Job`."""
    folder = status.folder or store.path(status.run)
    trained = None if status.retrain else {name: store.read(folder, name) for name in TRAINED}
    return {
        "protocol": dataclasses.asdict(store.protocol),
        "run": dataclasses.asdict(status.run),
        "device": device,
        "checkpoint": str(store.checkpoint(status.run)),
        "trained": trained,
        "graphs": graphs,
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
    dashboard: bool = False,
    graphs: bool = True,
) -> Report:
    """Perform all wanted runs that are not done, `jobs` at a time, or one on each worker of the scheduler.

    Raises ReproduceError if another campaign writes to the same store, if nothing can be written, or if there are no
    workers (`cluster.perform`).
    """
    with files.lock(store.folder / ".lock"):
        files.clear_temporaries(store.folder)
        due, done = plan(store, wanted, retry_failed)
        for status in done:
            # left behind if a campaign ended after it wrote the manifest and before it removed the checkpoint
            files.remove(store.checkpoint(status.run))
        report = Report(skipped=[status.run for status in done if status.state == FRESH])
        report.failed = {status.run: status.why for status in done if status.state == FAILED}
        for status in due:
            listener(status.run, {"phase": "due", "state": status.state, "why": status.why})
            if status.state == DAMAGED:
                store.set_aside(status)
        if not due:
            return report
        commit = current_commit()
        tasks = [(status.run, job_json(store, status, device, graphs=graphs)) for status in due]
        performing = (
            in_process(tasks, listener)
            if jobs == 1 and scheduler is None
            else cluster.perform(tasks, listener, jobs, scheduler, dashboard)
        )
        with contextlib.closing(performing):
            for run, outcome in performing:
                if isinstance(outcome, str):
                    report.failed[run] = outcome
                    listener(run, {"phase": "crashed", "reason": outcome})
                    continue
                store.publish(run, outcome, commit)
                if outcome.failure is not None:
                    report.failed[run] = f"epoch {outcome.failure['epoch']}: {outcome.failure['reason']}"
                    listener(run, {"phase": "failed", "reason": report.failed[run]})
                else:
                    report.done.append(run)
                    listener(run, {"phase": "done", "seconds": outcome.provenance.get("total_seconds")})
        return report


def in_process(
    tasks: Sequence[tuple[RunId, dict[str, Any]]], listener: Listener
) -> Generator[tuple[RunId, Any], None, None]:
    """One run after the other in this process, each with its outcome or the reason why it has none."""
    from reproduce.campaign import worker

    for run, content in tasks:
        job = worker.Job.from_json(content)
        listener(run, {"phase": "started"})
        try:
            outcome: Any = worker.perform(job, lambda event, run=run: listener(run, event))  # type: ignore[misc]
        except ReproduceError:
            raise
        except Exception as error:
            outcome = described(error)
        yield run, outcome
