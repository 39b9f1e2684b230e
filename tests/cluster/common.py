"""What the tests of clusters share."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reproduce.storage.runs import RunId
from tests.tiny import TINY

STARTING = pytest.mark.timeout(1800)
"""Each worker process imports torch anew: seconds on a machine of one's own, minutes on one that others use."""
OTHER = replace(TINY, name="other", learning_rate_scale=5.0)
LONGER = replace(TINY, epochs=40)
"""Long enough to be in the middle of when an event has made its way."""
SOON = 15.0
"""Seconds within which what is asked to end must have ended: one or two, and more on a busy machine."""
Events = list[tuple[RunId | None, dict[str, Any]]]


def free_port() -> int:
    """A port of this machine at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def here(port: int) -> list[str]:
    """Options of a scheduler that is reached from this machine only, at that port."""
    return ["--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"]


def until(condition: Callable[[], Any], seconds: float = 400) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
