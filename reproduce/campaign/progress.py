"""Reports of progress: one line per event, or a live table when the output is a terminal."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from reproduce.campaign.schedule import Event, cost
from reproduce.storage.runs import RunId

SILENCE = 60.0
"""Seconds without output after which a log gets a line on what is running."""


def clock(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


class Display:
    """Listens to a campaign. Use as a context manager; call it with every event, from any thread.

    Events of a run that come after its end (a cluster delivers them late) are dropped; warnings about the whole
    campaign are always printed.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.due: dict[RunId, float] = {}
        self.running: dict[RunId, str] = {}
        self.trained: dict[RunId, tuple[float, float]] = {}
        """Share of a run's epochs that were done at its first event, and that are done now."""
        self.finished: set[RunId] = set()
        self.failed: set[RunId] = set()
        self.said = self.started
        """When the last line was printed."""
        self.over = threading.Event()
        self.lock = threading.RLock()
        self.live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        else:
            threading.Thread(target=self.keep_saying, name="progress", daemon=True).start()
        return self

    def keep_saying(self) -> None:
        """Without a terminal: a line for every minute without other output."""
        while not self.over.wait(self.said + SILENCE - time.monotonic()):
            with self.lock:
                if time.monotonic() - self.said >= SILENCE and self.running:
                    told = "; ".join(f"{run}: {text}" for run, text in sorted(self.running.items()))
                    self.say(f"{told}  {self.summary()}")
                elif not self.running:
                    self.said = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        if self.live is not None:
            self.live.stop()

    def __call__(self, run: RunId | None, event: Event) -> None:
        with self.lock:
            if run is None:
                self.say(event["warning"])
            elif run not in self.finished | self.failed:
                self.take(run, event)
            if self.live is not None:
                self.live.update(self.table())

    def take(self, run: RunId, event: Event) -> None:
        """Record one event, and print it if a reader of a log needs it."""
        phase = event.get("phase")
        if "warning" in event:
            self.say(f"{run}: {event['warning']}")
        elif phase == "due":
            self.due[run] = cost(run)
            if event["state"] != "missing":
                self.say(f"{run}: {event['state']} ({event['why']})")
        elif phase == "done":
            self.running.pop(run, None)
            self.finished.add(run)
            took = event.get("seconds")
            self.say(f"{run}: done{f' in {clock(took)}' if took else ''}  {self.summary()}")
        elif phase in ("failed", "crashed"):
            self.running.pop(run, None)
            self.failed.add(run)
            self.say(f"{run}: {phase} ({event['reason']})  {self.summary()}")
        elif phase:
            self.running[run] = str(phase)
        elif "epoch" in event:
            before, now = ((event["epoch"] - step) / event["epochs"] for step in (1, 0))
            self.trained[run] = (min(self.trained.get(run, (before,))[0], before), now)
            self.running[run] = (
                f"epoch {event['epoch']}/{event['epochs']}, "
                f"loss {event['training_loss']:.4g}, validation {event['validation_loss']:.4g}"
            )

    def say(self, line: str) -> None:
        """One line, above the live table if there is one."""
        self.said = time.monotonic()
        self.console.print(line, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def summary(self) -> str:
        """ "7 of 24 done, 2 running, 1 failed, 3:05 gone, about 7:20 left"."""
        gone = time.monotonic() - self.started
        left = self.left(gone)
        words = [f"{len(self.finished)} of {len(self.due)} done"]
        if self.running:
            words.append(f"{len(self.running)} running")
        if self.failed:
            words.append(f"{len(self.failed)} failed")
        words.append(f"{clock(gone)} gone")
        if left:
            words.append(f"about {clock(left)} left")
        return "[" + ", ".join(words) + "]"

    def left(self, gone: float) -> float | None:
        """Estimated seconds left, None before anything is finished: the rest takes as long per unit of `cost` as what
        is finished, including finished epochs of running runs."""
        finished = remaining = 0.0
        for run, weight in self.due.items():
            if run.is_reference:  # its time is mostly that of loading everything for the first time
                continue
            before, now = self.trained.get(run, (0.0, 0.0))
            if run in self.finished | self.failed:
                now = 1.0
            finished += weight * (now - before)
            remaining += weight * (1 - now)
        return remaining / finished * gone if finished > 0 else None

    def table(self) -> Table:
        """What is running now."""
        table = Table(box=None, show_header=False, caption=self.summary().strip("[]"))
        for run, text in sorted(self.running.items()):
            table.add_row(str(run), text)
        return table
