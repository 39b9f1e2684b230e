"""Processes that die, or run out of disk, at their n-th file-system call (`files.observer`).

They are forked from a server that has imported everything once, so that a death costs no start-up.
"""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from reproduce import evaluation, training
from reproduce.architectures.contract import Architecture
from reproduce.campaign import schedule
from reproduce.errors import ReproduceError
from reproduce.evaluation import Evaluation
from reproduce.storage import files
from reproduce.storage.runs import RunId
from reproduce.storage.store import FRESH, MANIFEST, MISSING, PARTIAL, RECORDS, WEIGHTS, Store, read_manifest
from tests.tiny import TINY, contents

KINDS = {
    "plain": "ae",
    "two players": "factor-vae",
    "three players": "adversarial-ae",
    "EMA codebook": "vq-vae",
    "flow": "vae-iaf",
    "importance-weighted": "iwae",
    "von Mises-Fisher": "svae",
}
"""Kinds of state that a checkpoint must hold → the cheapest architecture that has it."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(n: int, death: Callable[[], None] = die) -> Callable[[str, Path], None]:
    """An observer that ends the process before its n-th file-system call."""
    calls = itertools.count(1)

    def observer(operation: str, path: Path) -> None:
        if next(calls) == n:
            death()

    return observer


def full_at(n: int) -> Callable[[str, Path], None]:
    """An observer for whom the disk is full from the n-th file-system call on."""
    calls = itertools.count(1)

    def observer(operation: str, path: Path) -> None:
        if next(calls) >= n:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    return observer


CALLS_AT_LEAST = 70
"""Of a run: two checkpoints, nine files and a manifest, each in six calls."""
KILLED, FULL = "killed", "full"
"""What may happen at the n-th file-system call."""
OUT_OF_DISK = 2
"""Exit code of a campaign that says that there is no space left."""


def run_campaign(
    root: Path,
    wanted: tuple[RunId, ...],
    fault: str = KILLED,
    n: int | None = None,
    memory: Path | None = None,
) -> None:
    """A campaign in this process that is killed, or finds the disk full, at its n-th file-system call.

    memory: a folder in which evaluations are remembered by the weights' checksum. They take most of a run's time,
    and the matrix of faults goes through the same ones hundreds of times.
    """
    schedule.current_commit = lambda: ""  # no git at every call
    if memory is not None:
        evaluation.evaluate = remembered(evaluation.evaluate, memory)
    if n is not None:
        files.observer = {KILLED: kill_at, FULL: full_at}[fault](n)
    try:
        schedule.execute(Store(root, TINY), wanted, device="cpu", jobs=1)
    except ReproduceError as error:
        clear = str(error).startswith("no space left for") and "\n" not in str(error)
        sys.exit(OUT_OF_DISK if clear else f"not the expected line: {error}")


def remembered(evaluate: Callable[..., Evaluation], folder: Path) -> Callable[..., Evaluation]:
    """The same function, which computes nothing twice."""

    def recall(architecture: Architecture, *settings: Any) -> Evaluation:
        path = folder / files.sha256(training.serialise(architecture.state_dict()))
        if not path.is_file():
            path.write_bytes(pickle.dumps(evaluate(architecture, *settings)))
        found = pickle.loads(path.read_bytes())
        assert isinstance(found, Evaluation)
        return found

    return recall


def check_store(store: Store, run: RunId, others: Iterable[RunId], finished: Store) -> None:
    """Nothing of an interrupted run passes for a result, and what was finished before is intact."""
    for other in others:
        assert store.status(other, verify=True).state == FRESH
        assert contents(store.path(other)) == contents(finished.path(other))
    status = store.status(run, verify=True)
    assert status.state in (FRESH, MISSING, PARTIAL)
    if status.state == FRESH:
        with_manifest = read_manifest(store.path(run) / MANIFEST)["files"]
        assert set(with_manifest) == {WEIGHTS, *RECORDS}


def survives(
    fault: str, n: int, run: RunId, other: RunId, store: Store, finished: Store, memory: Path | None
) -> bool:
    """A campaign meets the fault at its n-th call; its store is checked; the same command is given again; the run's
    files must be those of `finished`. False if the campaign was over before.
    """
    shutil.rmtree(store.folder, ignore_errors=True)
    shutil.copytree(finished.path(other), store.path(other))
    root = store.folder.parent
    code = exit_code(run_campaign, root, (run,), fault, n, memory)
    if code == 0:
        return False
    assert code == {KILLED: -signal.SIGKILL, FULL: OUT_OF_DISK}[fault]
    check_store(store, run, [other], finished)
    assert exit_code(run_campaign, root, (run,), fault, None, memory) == 0
    assert contents(store.path(run)) == contents(finished.path(run))
    assert not list(store.folder.rglob("*.part"))
    check_store(store, run, [other], finished)
    return True


def survives_everywhere(fault: str, slug: str, folder: Path) -> int:
    """Let the fault happen at every file-system call of a run, one after the other. Returns how many there are."""
    run, other = RunId(slug, 1), RunId("mean-image", 0)
    finished, store = Store(folder / "whole", TINY), Store(folder / "struck", TINY)
    assert exit_code(run_campaign, folder / "whole", (run, other)) == 0
    memory = folder / "memory"
    memory.mkdir()
    n = 1
    while survives(fault, n, run, other, store, finished, memory):
        n += 1
    return n - 1


@lru_cache(maxsize=1)
def server() -> ForkServerContext:
    """A fork server that has imported this module and read the data."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults", "tests.warm"])
    return context


def exit_code(target: Callable[..., None], *arguments: object) -> int:
    """How a process that calls the target ends: 0, or minus the signal."""
    process = server().Process(target=target, args=arguments)
    process.start()
    process.join(300)
    code = process.exitcode
    process.close()
    assert code is not None, "the process hangs"
    return code
