"""What every property of hostile input shares: a world with intact files, a limit on memory and time, and a count."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reproduce.errors import LONGEST, ReproduceError
from reproduce.machine.devices import KEPT_BYTES
from reproduce.storage import files, runs
from reproduce.storage.runs import RunId
from reproduce.storage.store import MANIFEST, Store

MEMORY = 1 << 30
"""Bytes that one case may take beyond what the process had: hostile input never costs gigabytes."""
SECONDS = 20
"""Wall time of one case at most; the slowest takes about one."""


@dataclass
class World:
    """One finished run (and what else is read), in a folder of its own that each case finds intact.

    campaign: the results root of a finished tiny campaign, which nothing here may change.
    """

    folder: Path
    store: Store
    run: RunId
    campaign: Path
    changed: set[str] = field(default_factory=set)

    @property
    def home(self) -> Path:
        """The run's folder."""
        return self.store.path(self.run)

    def intact(self, name: str) -> bytes:
        """A file of the run as it was made."""
        return (self.folder / "intact" / name).read_bytes()

    def document(self, name: str) -> Any:
        """A JSON file of the run as it was made."""
        return json.loads(self.intact(name))

    def reset(self) -> None:
        """Every file of the run is as it was made: those that `put` changed are made anew."""
        for name in self.changed:
            (self.home / name).write_bytes(self.intact(name))
        self.changed.clear()

    def put(self, name: str, content: bytes) -> None:
        """Put the content in place of a file of the run, until `reset`."""
        self.changed.add(name)
        (self.home / name).write_bytes(content)

    def vouched(self, name: str, content: bytes) -> None:
        """Put the content in place and have the manifest vouch for it: no checksum helps."""
        self.put(name, content)
        manifest = self.document(MANIFEST)
        manifest["files"][name] = {"sha256": files.sha256(content), "bytes": len(content)}
        self.manifest(manifest)

    def manifest(self, content: Any) -> None:
        """Put a manifest in place, its own checksum correct where it can have one."""
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key != "checksum"}
            with contextlib.suppress(ValueError, RecursionError):
                content["checksum"] = files.sha256(runs.canonical(content))
        self.put(MANIFEST, json.dumps(content).encode())


@dataclass(frozen=True)
class Property:
    """Something that holds for every spoilt input.

    cases: what to draw; holds: raises AssertionError, or whatever escaped, where it does not hold; count: how many
    cases are tried.
    """

    name: str
    cases: Callable[[World], st.SearchStrategy[Any]]
    holds: Callable[[Any, World], None]
    count: int


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Inside, the process can take at most `MEMORY` more than it has: an allocation beyond fails.

    Training makes the heap grow by `KEPT_BYTES` at once, in this process too: that much address space is no cost.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + KEPT_BYTES + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def exercise(subject: Property, world: World) -> int:
    """Try the property's cases; returns how many were tried."""
    tried = 0

    @settings(
        max_examples=subject.count,
        deadline=timedelta(seconds=SECONDS),
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(subject.cases(world))
    def every(case: Any) -> None:
        nonlocal tried
        tried += 1
        world.reset()
        with bounded():
            subject.holds(case, world)

    every()
    return tried


def refused(call: Callable[[], Any]) -> str | None:
    """The message with which the call refuses its input, one readable line; None if it took it."""
    try:
        call()
    except ReproduceError as error:
        message = str(error)
        assert message.strip(), "no message"
        assert "\n" not in message and "\x00" not in message, f"not one line: {message!r}"  # noqa: PT018
        assert len(message) <= LONGEST, f"{len(message)} characters: {message[:200]!r}"
        return message
    return None
