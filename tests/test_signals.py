"""Whoever is asked to end, make or the command, ends all that it started, within seconds, and goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import bare
from tests.cluster.common import SOON, STARTING, until

ROOT = Path(__file__).parents[1]
pytestmark = STARTING


def members(session: int) -> set[int]:
    """Processes of the session that are alive."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.add(int(folder.name))
    return found


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for process in found:
        for pid in members(process.pid):
            os.kill(pid, signal.SIGKILL)


def start(
    command: list[str], folder: Path, started: list[subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes]:
    """In a session of its own, until a run has its first checkpoint."""
    environment = bare.BARE | {"PROFILE": "smoke", "JOBS": "2", "SEEDS": "42"}
    environment["RESULTS_DIR"] = str(folder / "results")
    environment["REPRODUCE_VENV"] = str(Path(sys.executable).parents[1])
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            # nohup, and a shell with a job in the background, would hand on that signals are ignored
            ["env", "--default-signal", *command],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started.append(process)
    until(lambda: list((folder / "results").rglob("checkpoint-*.bin")) or process.poll() is not None)
    assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
    return process


RUN = [str(Path(sys.executable).with_name("reproduce")), "run", "--jobs", "2", "--only", "ae,vae"]
MAKE = ["make", "reproduce"]
ALONE = [*MAKE, "JOBS=1"]
"""One process below make; what becomes of workers below a command is seen without make."""
NUMBERS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (RUN, signal.SIGTERM),
        pytest.param(ALONE, signal.SIGTERM, marks=pytest.mark.slow),
        *(pytest.param(RUN, number, marks=pytest.mark.slow) for number in NUMBERS[1:]),
        *(pytest.param(MAKE, number, marks=pytest.mark.slow) for number in NUMBERS),
    ],
)
def test_all_that_was_started_ends_and_the_checkpoint_stays(
    tmp_path: Path, started: list[subprocess.Popen[bytes]], command: list[str], number: signal.Signals
) -> None:
    process = start(command, tmp_path, started)
    # a terminal tells every process of it; who asks with kill tells one
    (os.kill if number == signal.SIGTERM else os.killpg)(process.pid, number)
    asked = time.monotonic()
    until(lambda: not members(process.pid) or time.monotonic() - asked > 60)
    took = time.monotonic() - asked
    assert not members(process.pid)
    assert took < SOON
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert process.wait() != 0
    if command == RUN:
        assert process.wait() == 130
        assert log.endswith("interrupted; the same command goes on from here\n")
    assert list((tmp_path / "results").rglob("checkpoint-*.bin"))
    assert "Traceback" not in log
