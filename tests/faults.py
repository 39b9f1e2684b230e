"""Processes that die, or run out of disk, at their n-th file-system call (`files.observer`).

They are forked from a server that has imported everything once, so that a death costs no start-up.
"""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

from reproduce import campaign, devices, files, runs, training
from reproduce.datasets import load
from reproduce.protocol import Protocol
from reproduce.runs import RunId
from reproduce.store import Store
from tests.tiny import TINY

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


def kill_at(n: int) -> Callable[[str, Path], None]:
    """An observer that ends the process before its n-th file-system call."""
    calls = itertools.count(1)

    def observer(operation: str, path: Path) -> None:
        if next(calls) == n:
            os.kill(os.getpid(), signal.SIGKILL)

    return observer


def full_at(n: int) -> Callable[[str, Path], None]:
    """An observer for whom the disk is full from the n-th file-system call on."""
    calls = itertools.count(1)

    def observer(operation: str, path: Path) -> None:
        if next(calls) >= n:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    return observer


def train_slug(slug: str, folder: Path, n: int | None = None, protocol: Protocol = TINY) -> None:
    """Train seed 1 of the architecture, its checkpoint in the folder; write the weights beside it at the end."""
    devices.configure("cpu")
    files.observer = None if n is None else kill_at(n)
    trained = training.train(
        lambda: training.fresh_architecture(slug, "", protocol, 1),
        protocol,
        load(protocol),
        1,
        "cpu",
        folder / "checkpoint.bin",
    )
    files.observer = None
    files.write(folder / "weights", training.serialise(trained.weights))
    history = [{name: value.hex() for name, value in row.items()} for row in trained.history]
    files.write(folder / "history", runs.canonical(history))


def run_campaign(root: Path, wanted: tuple[RunId, ...], n: int | None = None) -> None:
    """A campaign in this process that is killed at its n-th file-system call."""
    files.observer = None if n is None else kill_at(n)
    campaign.execute(Store(root, TINY), wanted, device="cpu", jobs=1)


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
