"""The worker processes of this machine, and whether there is anybody to work at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from reproduce.errors import ReproduceError

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Libraries start a thread a core when they are imported, unless told otherwise."""
SLOW_SECONDS = 180
"""After so long without a worker somebody is told. (On a machine that others use, importing takes minutes.)"""
STARTS = 5
"""How many processes for each worker are started before one comes up."""


class LocalWorkers:
    """So many processes, each a Dask worker of one thread, once `replace_dead` has started them.

    They read from a pipe whose other end is ours alone, so that they end when this process does, however it ends.
    """

    def __init__(self, address: str, count: int) -> None:
        self.address, self.count = address, count
        self.pipe = os.pipe()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def replace_dead(self) -> int:
        """Start each that does not live, and say how many these were."""
        living = {number for number, process in self.processes.items() if process.poll() is None}
        dead = [number for number in range(self.count) if number not in living]
        for number in dead:
            # in a group of its own: Ctrl-C and the end of a terminal are for this process, which kills
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-m", "reproduce.cluster.local_worker", self.address, str(number)],
                env=os.environ | ONE_THREAD,
                stdin=self.pipe[0],
                process_group=0,
            )
        return len(dead)

    def kill(self) -> None:
        """SIGKILL to all: every state on disk is good for going on, so nothing is waited for."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()
        for end in self.pipe:
            os.close(end)


class Watch:
    """Replaces this machine's workers that die, says when there are none, and gives up where none comes up.

    client: of the scheduler at the address, or of this machine's own if there is none (then workers are given).
    """

    def __init__(
        self, client: Any, scheduler: str | None, workers: LocalWorkers | None, say: Callable[[str], None]
    ) -> None:
        self.client, self.scheduler, self.workers, self.say = client, scheduler, workers, say
        self.rest()

    def rest(self) -> None:
        """There are workers."""
        self.since, self.started, self.said = time.monotonic(), 0, False

    def look(self) -> None:
        """Raises ReproduceError if this machine's worker processes die instead of becoming workers."""
        if self.client.scheduler_info()["workers"]:
            self.rest()
        elif self.scheduler is not None:
            self.tell(f"no worker at {self.scheduler}; waiting for one")
        elif time.monotonic() - self.since > SLOW_SECONDS:
            self.tell("the workers are still starting")
        if self.workers is not None:
            self.started += self.workers.replace_dead()
            if self.started > STARTS * self.workers.count:
                raise ReproduceError(
                    "the worker processes die while they start (out of memory? a broken environment?): "
                    "--jobs 1 needs none and shows the reason"
                )

    def tell(self, text: str) -> None:
        """Once, until there are workers again."""
        if not self.said:
            self.say(text)
        self.said = True
