"""The one command renders what there is, whatever became of single runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.packaging.tree import ROOT

STAND_IN = """#!/bin/sh
echo "$3 $4 $5" >> "$LOG"
case "$3" in run) sleep 0.2; exit "$CODE";; esac
"""


def make(folder: Path, *words: str, code: int = 0) -> tuple[int, list[str]]:
    """`make` with a stand-in for the environment's Python: its exit code, and the commands that were given. code: what
    `run` exits with."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(STAND_IN)
    python.chmod(0o755)
    log = folder / "log"
    environment = os.environ | {"REPRODUCE_VENV": str(folder), "LOG": str(log), "CODE": str(code)}
    for variable in ("MAKEFLAGS", "JOBS"):
        environment.pop(variable, None)
    done = subprocess.run(["make", *words], cwd=ROOT, env=environment, capture_output=True, check=False)
    return done.returncode, log.read_text().split("\n")[:-1]


@pytest.mark.parametrize("code", [0, 1])
def test_a_campaign_with_failed_runs_is_rendered_and_fails_in_the_end(tmp_path: Path, code: int) -> None:
    returned, commands = make(tmp_path, "reproduce", code=code)
    assert [command.split()[0] for command in commands] == ["run", "render"]
    assert bool(returned) is bool(code)


def test_a_campaign_that_could_not_run_is_not_rendered(tmp_path: Path) -> None:
    returned, commands = make(tmp_path, "reproduce", code=2)
    assert [command.split()[0] for command in commands] == ["run"]
    assert returned


def test_second_readings_are_run_though_one_of_the_22_failed(tmp_path: Path) -> None:
    _, commands = make(tmp_path, "readings", code=1)
    assert [command.strip() for command in commands] == ["run", "run --only variant:all", "render"]


def test_targets_come_one_after_the_other_whatever_j_says(tmp_path: Path) -> None:
    _, commands = make(tmp_path, "-j4", "reproduce", "golden")
    assert [command.split()[0] for command in commands] == ["run", "render", "golden"]
