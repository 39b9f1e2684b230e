from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from reproduce.storage.store import MISSING, PARTIAL, Store
from tests.cluster.common import SOON, STARTING, Events, until
from tests.tiny import ENDLESS, ONLY, RUNS, TINY, contents, once

pytestmark = STARTING

Command = Callable[..., "subprocess.Popen[str]"]
EVALUATING = "evaluating"
"""A file that says that an evaluation has begun."""
NEVER_EVALUATED = f"""
import pathlib, runpy, sys
from reproduce import evaluation
honest = evaluation.evaluate
def evaluate(architecture, protocol, data, seed, device):
    while seed == 1:
        pathlib.Path(sys.argv[sys.argv.index("--results") + 1], "{EVALUATING}").touch()
        honest(architecture, protocol, data, seed, device)
    return honest(architecture, protocol, data, seed, device)
evaluation.evaluate = evaluate
runpy.run_module("tests.tiny", run_name="__main__", alter_sys=True)
"""
"""A campaign of one process that trains and then measures for ever."""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """Starts `python -m reproduce run` (on runs that never end, unless told otherwise)."""
    started = []

    def start(jobs: int, *code: str, profile: str = "endless") -> subprocess.Popen[str]:
        words = ["run", "--profile", profile, "--results", str(tmp_path), "--only", ONLY, "--jobs", str(jobs)]
        process = subprocess.Popen(
            [sys.executable, *(code or ("-m", "tests.tiny")), *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=Path.cwd(),
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], condition: Callable[[], Any]) -> None:
    """Wait until the command is so far."""
    until(lambda: process.poll() is not None or condition())
    assert process.poll() is None, process.communicate()[1]


def interrupted(process: subprocess.Popen[str]) -> None:
    """Ctrl-C: the command and its children end at once, with one line."""
    children = psutil.Process(process.pid).children(recursive=True)
    before = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody
    _, errors = process.communicate(timeout=60)
    seconds = time.monotonic() - before
    assert process.returncode == 130
    assert errors == "interrupted; the same command goes on from here\n"
    assert seconds < SOON
    assert psutil.wait_procs(children, timeout=20)[1] == []


@pytest.mark.slow
def test_ctrl_c_stops_at_once_while_workers_start(command: Command, tmp_path: Path) -> None:
    process = command(2)
    wait_for(process, lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 2)
    interrupted(process)
    store = Store(tmp_path, ENDLESS)
    assert {store.status(run, verify=True).state for run in RUNS} == {MISSING}


@pytest.mark.slow
def test_ctrl_c_in_an_evaluation_costs_no_training(command: Command, tmp_path: Path, finished: Store) -> None:
    process = command(1, "-c", NEVER_EVALUATED, profile="tiny")
    wait_for(process, (tmp_path / EVALUATING).exists)
    interrupted(process)
    store, events = Store(tmp_path, TINY), Events()
    (begun,) = [run for run in RUNS if store.status(run).state == PARTIAL]
    report = once(store, (begun,), listener=lambda run, event: events.append((run, event)))
    assert report.done == [begun]
    assert not any("epoch" in event for _, event in events), "it was trained again"
    assert contents(store.path(begun)) == contents(finished.path(begun))


@pytest.mark.slow
def test_the_death_of_a_campaign_ends_its_workers(command: Command, tmp_path: Path) -> None:
    process = command(2)
    wait_for(process, lambda: list(tmp_path.rglob("checkpoint*.bin")))
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.kill()
    assert psutil.wait_procs(children, timeout=120)[1] == []
