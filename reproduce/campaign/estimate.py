"""What a campaign would do, and roughly how long it takes and how much disk it needs, before it starts."""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reproduce.campaign.schedule import cost, plan
from reproduce.protocol import Protocol, profile
from reproduce.storage.runs import RunId, campaign_runs
from reproduce.storage.store import DAMAGED, FRESH, Status, Store

STEP_SECONDS = 0.05
"""A training step of 64 images of a plain model on one core of an AMD EPYC (AVX-512); on others half to twice that."""
VALIDATION_STEP = 1 / 3
"""The time of a validation step, which is only a forward pass, in training steps."""
EVALUATION_SECONDS, EVALUATION_IMAGE_SECONDS = 7.0, 0.0006
"""Seconds to evaluate a run, and what each image of the test set adds to them."""
REFERENCE_SECONDS = 3.0
START_SECONDS = 10.0
"""Seconds for a worker's start: interpreter, imports, data."""
RUN_BYTES, CHECKPOINT_BYTES = 2_500_000, 8_000_000
"""Bytes of a finished run, and of the checkpoint of a run in training."""
CHEAPER = ("desk", "notebook")
"""Profiles on full MNIST that are feasible on a CPU."""


@dataclass(frozen=True)
class Task:
    """What a campaign would do with one run. action: train, resume, evaluate, finished or failed (left as it is).

    seconds: on one core, for all epochs of the protocol; 0 where nothing is done.
    """

    run: RunId
    action: str
    why: str
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.action:8} {self.run!s:32} {self.why}"


@dataclass(frozen=True)
class Estimate:
    """What all due runs need. seconds: on one core. wall: seconds with several runs at a time. disk: bytes."""

    seconds: float
    wall: float
    disk: int


def tasks(
    store: Store, wanted: Sequence[RunId], retry_failed: bool = False, *, verify: bool = True
) -> tuple[Task, ...]:
    """All wanted runs: those that are due in the order of their start, then those that are done. Nothing is changed.

    verify: compare every checksum, as the campaign will; else sizes alone, which is faster.
    """
    due, done = plan(store, wanted, retry_failed, verify=verify)
    return (
        *(_due(store, status) for status in due),
        *(Task(s.run, "finished" if s.state == FRESH else "failed", s.why) for s in done),
    )


def _due(store: Store, status: Status) -> Task:
    if not status.retrain:
        return Task(status.run, "evaluate", status.why, evaluation_seconds(store.protocol))
    # what is damaged is set aside with its checkpoint
    resumes = status.state != DAMAGED and store.checkpoint(status.run).is_file()
    return Task(
        status.run, "resume" if resumes else "train", status.why, run_seconds(store.protocol, status.run)
    )


def evaluation_seconds(protocol: Protocol) -> float:
    """Seconds to evaluate one run on one core."""
    return EVALUATION_SECONDS + EVALUATION_IMAGE_SECONDS * protocol.test


def run_seconds(protocol: Protocol, run: RunId) -> float:
    """Seconds of a whole run on one core, if early stopping does not shorten it."""
    if run.is_reference:
        return REFERENCE_SECONDS
    steps = protocol.steps_per_epoch() + VALIDATION_STEP * protocol.validation / protocol.batch_size
    return protocol.epochs * steps * STEP_SECONDS * cost(run) + evaluation_seconds(protocol)


def estimate(found: Sequence[Task], jobs: int) -> Estimate:
    """The estimate if each task goes to the first free worker. jobs: runs at a time, at least 1."""
    due = [task for task in found if task.seconds]
    free = [START_SECONDS] * max(1, min(jobs, len(due)))
    for task in due:
        heapq.heapreplace(free, free[0] + task.seconds)
    disk = RUN_BYTES * len(due) + CHECKPOINT_BYTES * min(jobs, len(due))
    return Estimate(sum(task.seconds for task in due), max(free) if due else 0.0, disk)


def of_profile(protocol: Protocol, only: Sequence[str], seeds: Sequence[int] | None, jobs: int) -> Estimate:
    """The estimate of a campaign of which nothing is done yet. Raises ReproduceError for an unknown name in `only`."""
    runs = campaign_runs(protocol, only, seeds)
    return estimate([Task(run, "train", "", run_seconds(protocol, run)) for run in runs], jobs)


def duration(seconds: float) -> str:
    """ "1 min", "25 min", "3.5 h", "92 h"."""
    if seconds < 90 * 60:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 10 * 3600 else f"{seconds / 3600:,.0f} h"


def counted(found: Sequence[Task]) -> str:
    """ "40 train, 1 resume, 3 evaluate, 2 finished"."""
    actions = [task.action for task in found]
    return ", ".join(f"{actions.count(action)} {action}" for action in dict.fromkeys(actions))


def in_words(of: Estimate, device: str, jobs: int | None) -> str:
    """One line: time and disk. jobs: runs at a time, None on a cluster whose size is not known."""
    disk = f"{max(1, round(of.disk / 1e6))} MB of results"
    if device == "cuda":
        return f"roughly {disk}; how long it takes there: docs/GPU.md"
    if jobs is None:
        return f"roughly {duration(of.seconds)} of one core, shared by the cluster's workers, and {disk}"
    at_a_time = f"{jobs} runs at a time" if jobs > 1 else "one run at a time"
    return f"roughly {duration(of.wall)} at most with {at_a_time}, and {disk}"


def warnings(
    protocol: Protocol,
    of: Estimate,
    *,
    device: str,
    only: Sequence[str],
    seeds: Sequence[int] | None,
    jobs: int | None,
    folder: Path,
) -> list[str]:
    """Warnings before a campaign starts: the profile `paper` without a GPU, and a disk that is too small.

    folder: where results are written; it need not exist.
    """
    lines = []
    if protocol.name == "paper" and device == "cpu" and of.seconds:

        def hours(each: Estimate) -> str:
            return duration(each.seconds if jobs is None else each.wall)

        others = (f"{name} ({hours(of_profile(profile(name), only, seeds, jobs or 1))})" for name in CHEAPER)
        lines.append(
            f"warning: profile paper is made for a GPU and takes up to {hours(of)} on this CPU; use "
            f"{' or '.join(others)} on the same data, or a GPU"
        )
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if (free := shutil.disk_usage(place).free) < of.disk:
        lines.append(
            f"warning: {folder} has {free / 1e6:,.0f} MB free, and {of.disk / 1e6:,.0f} MB are needed"
        )
    return lines
