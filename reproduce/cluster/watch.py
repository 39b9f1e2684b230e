"""Whether there is anybody to work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from reproduce.errors import ReproduceError

GONE_SECONDS = 60
"""How long this machine may have neither a worker nor a process that becomes one before the campaign gives up."""
SLOW_SECONDS = 180
"""After so long without a worker somebody is told. (On a machine that others use, importing takes minutes.)"""
STARTS = 5
"""How many processes of each worker may die in a row before one comes up."""


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
