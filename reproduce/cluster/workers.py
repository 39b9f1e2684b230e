"""The worker processes of this machine, and the check that a cluster has workers at all."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from reproduce.errors import ReproduceError

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Without these, libraries start one thread per core when they are imported."""
MODULE = "reproduce.cluster.local_worker"
"""What a worker process runs."""
ANSWER_SECONDS = 5
"""Maximum time for a scheduler to say how many workers it has."""
MINUTE = 60
"""Seconds between two lines that say what the campaign is waiting for."""
SLOW_SECONDS = 180
"""Seconds without a worker after which a line says so. (On a busy machine, importing takes minutes.)"""
DEATHS = 5
"""How many processes of each worker may die in a row before any comes up."""


class LocalWorkers:
    """`count` processes, each a Dask worker of one thread; one that dies is replaced at once.

    They read from a pipe whose other end only this process holds, so they end with it, even if it is killed.
    """

    def __init__(self, address: str, count: int) -> None:
        self.address, self.count = address, count
        self.deaths, self.over, self.lock = 0, False, threading.Lock()
        self.pipe = os.pipe()
        self.processes = [self.started(number) for number in range(count)]
        # threads, since the campaign may wait for a result that only a new worker can give
        self.keepers = [threading.Thread(target=self.keep, args=(n,), daemon=True) for n in range(count)]
        for keeper in self.keepers:
            keeper.start()

    def started(self, number: int) -> subprocess.Popen[bytes]:
        """Start a new process."""
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, self.address, str(number)],
            env=os.environ | ONE_THREAD,
            stdin=self.pipe[0],
            # in its own process group: Ctrl-C and a closed terminal reach only this process, which kills the workers
            process_group=0,
        )

    def keep(self, number: int) -> None:
        """Replace the worker whenever it dies, until `kill` is called."""
        while not self.over:
            self.processes[number].wait()
            with self.lock:
                if not self.over:
                    self.deaths += 1
                    self.processes[number] = self.started(number)

    def kill(self) -> None:
        """Send SIGKILL to all: any state on disk can be resumed, so there is nothing to wait for."""
        with self.lock:
            self.over = True
            for process in self.processes:
                process.kill()
        for keeper in self.keepers:
            keeper.join()
        for end in self.pipe:
            os.close(end)


class Watch:
    """Reports each minute that there is no worker or no answer, and gives up if no local worker comes up.

    client: of the scheduler at that address, or of the local one if `scheduler` is None (then workers are given).
    """

    def __init__(
        self, client: Any, scheduler: str | None, workers: LocalWorkers | None, say: Callable[[str], None]
    ) -> None:
        self.client, self.scheduler, self.workers, self.say = client, scheduler, workers, say
        self.rest()

    def rest(self) -> None:
        """Start the waiting time anew, because there are workers."""
        self.since, self.said = time.monotonic(), -math.inf
        self.deaths = self.workers.deaths if self.workers else 0

    def look(self) -> None:
        """Check once. Raises ReproduceError if local worker processes keep dying before they become workers."""
        up = self.up()
        if up is None:
            self.tell(f"no scheduler answers at {self.scheduler or 'this machine'}", SLOW_SECONDS)
        elif up:
            self.rest()
        elif self.workers is None:
            self.tell(f"no worker at {self.scheduler}; waiting for one")
        elif self.workers.deaths - self.deaths > DEATHS * self.workers.count:
            raise ReproduceError(
                "the worker processes die while they start (out of memory? a broken environment?): "
                "--jobs 1 needs none and shows the reason"
            )
        else:
            self.tell("the workers are still starting", SLOW_SECONDS)

    def up(self) -> int | None:
        """How many workers there are; None if the scheduler does not say."""
        identity = self.client.scheduler.identity
        try:
            return int(self.client.sync(identity, n_workers=0, callback_timeout=ANSWER_SECONDS)["n_workers"])
        except OSError:  # TimeoutError is one
            return None

    def tell(self, text: str, after: float = 0) -> None:
        """Report the text at most once a minute, and only after `after` seconds of waiting."""
        now = time.monotonic()
        lasted = now - self.since
        if lasted >= after and now - self.said >= MINUTE:
            self.said = now
            how_long = f", {lasted / 60:.0f} min so far (Ctrl-C ends this, and the same command goes on)"
            self.say(text + (how_long if lasted >= MINUTE else ""))
