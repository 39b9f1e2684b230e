"""The user's environment does not reach our processes, nor the tools that they call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reproduce.machine import environment
from tests import bare

COUNT = (
    "import os; from reproduce.machine import devices; "
    "print(devices.default_jobs('cpu', 4), len(os.sched_getaffinity(0)))"
)
"""Runs at a time, and the cores that the process may use once torch is imported."""


@pytest.mark.parametrize(
    "bound",
    [
        pytest.param({"OMP_PROC_BIND": "true"}, marks=pytest.mark.slow),
        {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"},
        pytest.param({"GOMP_CPU_AFFINITY": "0"}, marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_threads_bound_to_cores_do_not_change_how_many_runs_are_done_at_a_time(
    tmp_path: Path, bound: dict[str, str]
) -> None:
    """A scheduler of jobs sets them, and importing torch then narrows the process to one core."""
    found = bare.python(COUNT, tmp_path, **bound)
    cores = len(os.sched_getaffinity(0))
    assert found.stdout.decode().split() == [str(cores)] * 2, found.stderr.decode()


def test_tools_see_what_is_listed_and_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXINPUTS", "/somewhere")
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    monkeypatch.setenv("LC_ALL", "tr_TR.ISO-8859-9")
    found = environment.for_tools(SOURCE_DATE_EPOCH="1")
    assert found["PATH"] == os.environ["PATH"]
    assert (found["LC_ALL"], found["SOURCE_DATE_EPOCH"]) == ("C.UTF-8", "1")
    assert not {"TEXINPUTS", "GIT_DIR"} & found.keys()


def test_dask_has_the_users_settings_only_for_a_cluster_of_theirs(tmp_path: Path) -> None:
    (tmp_path / ".config" / "dask").mkdir(parents=True)
    path = tmp_path / ".config" / "dask" / "dask.yaml"
    asked = "from reproduce.machine import environment; environment.cores(); environment.configure_dask(theirs={}); "
    asked += "from dask import config; print(config.get('a', None), config.get('b', None))"
    for content, theirs, found in (
        ("a: [", False, "None None"),
        ("a: 1", True, "1 2"),
        ("a: [", True, f"your settings of Dask cannot be read: A dask config file at '{path}' is malformed"),
    ):
        path.write_text(content)
        ran = bare.python(
            asked.format(theirs), tmp_path, HOME=str(tmp_path), DASK_CONFIG=str(path), DASK_B="2"
        )
        assert found in (ran.stdout + ran.stderr).decode()


def test_what_chooses_the_kernels_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.KERNELS:
        monkeypatch.delenv(name, raising=False)
    assert environment.kernels() == {}
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert environment.kernels() == {"MKL_CBWR": "COMPATIBLE"}


def test_the_command_works_in_any_folder_and_finds_what_was_published(tmp_path: Path) -> None:
    found = bare.reproduce("status --profile smoke", tmp_path)
    assert found.returncode == 0, found.stderr.decode()
    assert b"profile smoke: " in found.stdout
    loaded = bare.python("from reproduce import load; print(load.__module__)", tmp_path)
    assert loaded.stdout == b"reproduce.inference.trained\n", loaded.stderr.decode()


@pytest.mark.parametrize(
    "terminal",
    [
        pytest.param({"LC_ALL": "C"}, marks=pytest.mark.slow),
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        pytest.param({"PYTHONIOENCODING": "iso-8859-1", "PYTHONUTF8": "0"}, marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_the_claims_are_printed_whatever_the_terminal_can_show(
    tmp_path: Path, terminal: dict[str, str]
) -> None:
    found = bare.reproduce("claims --profile quick --section VI-A", tmp_path, **terminal)
    assert found.returncode == 0, found.stderr.decode()
    assert b"VI-A.r" in found.stdout


def test_a_backend_that_is_not_installed_is_no_hindrance(tmp_path: Path) -> None:
    code = "from reproduce.machine import environment; environment.without_backend(); "
    code += "import matplotlib.pyplot as p; print(p.get_backend())"
    found = bare.python(code, tmp_path, MPLBACKEND="module://nobody.has.this")
    assert found.stdout.strip().lower() == b"agg", found.stderr.decode()
