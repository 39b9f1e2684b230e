"""A campaign is rendered whatever became of single runs; an environment is replaced by a whole one or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import bare
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
    given = {"REPRODUCE_VENV": str(folder), "LOG": str(log), "CODE": str(code)}
    done = bare.ran(["make", *words], ROOT, given)
    return done.returncode, log.read_text().split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        ("reproduce", 0, ["run", "render"]),
        ("reproduce", 1, ["run", "render"]),
        ("reproduce", 2, ["run"]),
        ("implementations", 1, ["run", "run --only variant:all", "render"]),
        ("-j4 reproduce golden", 0, ["run", "render", "golden"]),
    ],
    ids=["whole", "a run failed", "nothing could run", "second implementations", "one after the other"],
)
def test_a_campaign_is_rendered_unless_nothing_could_run_and_fails_in_the_end_where_a_run_did(
    tmp_path: Path, words: str, code: int, expected: list[str]
) -> None:
    returned, commands = make(tmp_path, *words.split(), code=code)
    assert [command.strip() for command in commands] == expected
    assert bool(returned) is bool(code)


PYTHON = """#!/bin/sh
case "$*" in
*replace_environment*) exec {real} "$@";;
"-m venv --clear "*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; cp "$(dirname "$0")/pip" "$4/bin/pip";;
esac
"""
"""Stands for the interpreter that makes the environment, and for the one inside it."""
PIP = """#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in *"$FAILS"*) exit 1;; esac
place=$(dirname "$0")
printf '#!%s/python\\nnew\\n' "$place" > "$place/tool"
"""
"""Fails where its arguments hold $FAILS, and installs a script that names its interpreter, as pip does."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make venv` reads of a checkout, in a folder whose name has a space, and stand-ins for Python and pip."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-base.lock"):
        shutil.copy(ROOT / name, folder)
    for name in ("mk", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    for name, text in (("python", PYTHON.replace("{real}", sys.executable)), ("pip", PIP)):
        path = tmp_path / "stand-ins" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return folder


def in_checkout(folder: Path, *words: str, fails: str = "no such argument") -> int:
    """The exit code of `make` there. fails: what pip refuses to install."""
    stand_in = folder.parent / "stand-ins" / "python"
    command = ["make", *words, f"PYTHON={stand_in}", "CPU_TORCH=torch-cpu"]
    return bare.ran(command, folder, {"FAILS": fails, "LOG": str(folder.parent / "log")}).returncode


def installed(folder: Path) -> list[str]:
    """What pip was asked since it was asked last."""
    log = folder.parent / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def age(path: Path) -> None:
    """The file was changed after everything that is there."""
    later = time.time() + 10
    os.utime(path, (later, later))


def old_environment(folder: Path) -> Path:
    """One that was made from an earlier lock."""
    assert in_checkout(folder, "venv") == 0
    tool = folder / ".venv" / "bin" / "tool"
    tool.write_text("old")
    age(folder / "requirements.lock")
    installed(folder)
    return tool


def assert_new(folder: Path) -> None:
    """A whole environment stands there, its scripts name its place, and nothing else lies about."""
    assert (folder / ".venv" / "bin" / "tool").read_text() == f"#!{folder}/.venv/bin/python\nnew\n"
    assert not list(folder.glob(".venv.*"))


def test_an_environment_is_made_once_and_the_project_alone_again(checkout: Path) -> None:
    assert in_checkout(checkout, "venv") == 0
    assert_new(checkout)
    installed(checkout)
    assert in_checkout(checkout, "venv") == 0
    assert installed(checkout) == []
    age(checkout / "pyproject.toml")
    assert in_checkout(checkout, "venv") == 0
    (line,) = installed(checkout)
    assert "--editable" in line


@pytest.mark.parametrize("target", ["venv", "venv-cpu"])
@pytest.mark.parametrize("fails", ["--require-hashes", "--editable"])
def test_an_installation_that_fails_leaves_the_old_one(checkout: Path, target: str, fails: str) -> None:
    tool = old_environment(checkout)
    assert in_checkout(checkout, target, fails=fails) != 0
    assert tool.read_text() == "old"
    assert in_checkout(checkout, target) == 0
    assert_new(checkout)
    assert (checkout / ".venv" / ".cpu").exists() == (target == "venv-cpu")


def test_a_killed_installation_leaves_the_old_one_and_is_made_up_for(checkout: Path) -> None:
    tool = old_environment(checkout)
    pip = checkout.parent / "stand-ins" / "pip"
    pip.write_text('#!/bin/sh\ntouch "$(dirname "$0")/half"\nkill -9 $PPID\n')
    assert in_checkout(checkout, "venv") != 0
    assert tool.read_text() == "old"
    assert (checkout / ".venv.new" / "bin" / "half").exists()
    pip.write_text(PIP)
    assert in_checkout(checkout, "venv") == 0
    assert_new(checkout)
    assert not list(checkout.rglob("half"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("ln -sf /nowhere/python .venv/bin/python", id="Python was removed from the system"),
        pytest.param("echo /elsewhere/.venv > .venv/.ok", id="the checkout was moved"),
    ],
)
def test_an_environment_that_cannot_run_is_made_again(checkout: Path, damage: str) -> None:
    assert in_checkout(checkout, "venv") == 0
    subprocess.run(damage, shell=True, cwd=checkout, check=True)
    assert in_checkout(checkout, "venv") == 0
    assert_new(checkout)
    installed(checkout)
    assert in_checkout(checkout, "venv") == 0
    assert installed(checkout) == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("mv .venv .venv.old", id="killed before the new one was moved in"),
        pytest.param("rm -r .venv && mkdir .venv", id="emptied"),
    ],
)
def test_the_next_command_makes_up_for_a_damage(checkout: Path, damage: str) -> None:
    old_environment(checkout)
    subprocess.run(damage, shell=True, cwd=checkout, check=True)
    assert in_checkout(checkout, "venv") == 0
    assert_new(checkout)


def test_an_environment_on_another_disk_stays_there(checkout: Path) -> None:
    place = checkout.parent / "other disk" / "environment"
    place.mkdir(parents=True)
    (checkout / ".venv").symlink_to(place)
    assert in_checkout(checkout, "venv") == 0
    assert (checkout / ".venv").is_symlink()
    assert (place / "bin" / "tool").read_text().startswith(f"#!{place}/bin/python")


def listed(target: str) -> set[str]:
    """The targets that a list of make names."""
    return {line.split()[0] for line in bare.ran(["make", target], ROOT, {}).stdout.decode().splitlines()}


def test_help_names_the_dozen_that_users_need_and_help_all_every_target() -> None:
    assert {"reproduce", "pdf", "claims", "explorer", "help"} <= listed("help") < listed("help-all")
    assert len(listed("help") - {"help"}) == 12
    assert {"bench", "lock", "docker-pdf", "test-all"} <= listed("help-all")


def test_a_path_with_a_quotation_mark_and_a_missing_environment_are_one_line(checkout: Path) -> None:
    quoted = checkout.rename(checkout.with_name("it's"))
    for folder, variables, line in (
        (quoted, {}, "holds a quotation mark: use another"),
        (ROOT, {"REPRODUCE_VENV": "/nowhere"}, "there is no Python environment in /nowhere"),
    ):
        done = bare.ran(["make", "status"], folder, variables)
        assert (done.returncode, line in done.stderr.decode()) == (2, True)
