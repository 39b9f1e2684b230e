"""One line a check, each with its remedy; nothing is left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reproduce import datasets
from reproduce.machine import doctor
from reproduce.machine.version import ROOT
from reproduce.storage import locks
from reproduce.storage.locks import Compared
from tests import bare

CHECKS = [
    "python", "packages", "terminal", "cores", "loopback", "results", "commit", "mnist", "tex", "browser", "gpu",
]  # fmt: skip


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


# --- as a user sees it --------------------------------------------------------------------------------


def test_a_line_a_check_a_problem_is_exit_code_1_and_nothing_is_left_behind(tmp_path: Path) -> None:
    found = bare.reproduce("doctor", tmp_path, MNIST_DIR=str(tmp_path / "nowhere"))
    lines = {line.split()[1]: line for line in found.stdout.decode().splitlines()}
    assert list(lines) == CHECKS, found.stderr.decode()
    assert all(re.match(r"(OK|warning|problem) ", line) for line in lines.values())
    assert (found.returncode, found.stderr) == (1, b"")
    assert lines["mnist"].startswith("problem  mnist     MNIST_DIR is ")
    assert lines["mnist"].endswith("which is not a folder: point it at the idx files")
    assert listing(tmp_path) == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"LC_ALL": "xx_YY.UTF-8"}, "the locale that LC_ALL or LANG names is not installed: export LC_ALL="),
        ({"PYTHONIOENCODING": "ascii"}, "encoding ascii has no "),
        ({"PYTHONIOENCODING": "iso-8859-1"}, "encoding iso8859-1 has no "),
    ],
    ids=str,
)
def test_a_terminal_that_cannot_show_our_text_is_warned_about(
    tmp_path: Path, variables: dict[str, str], words: str
) -> None:
    code = "from reproduce.machine import doctor; print(ascii(str(doctor.terminal())))"
    found = bare.python(code, tmp_path, **variables).stdout.decode()
    assert found.startswith("'warning  terminal  " + words)


def test_cores_that_a_scheduler_takes_away_are_warned_about(tmp_path: Path) -> None:
    narrow = "import os; whole = os.cpu_count(); os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code = narrow + "os.cpu_count = lambda: 7; from reproduce.machine import doctor; print(doctor.cores())"
    found = bare.python(code, tmp_path).stdout.decode()
    assert found.startswith("warning  cores     1 of 7 cores are allowed, 1 counted: fine if ")


# --- the environment ----------------------------------------------------------------------------------


def test_only_versions_of_the_lock_will_do() -> None:
    versions = ((3, 10, 9), (3, 11, 0), (3, 12, 4), (3, 13, 0))
    assert [doctor.python(version).level for version in versions] == ["problem", "OK", "OK", "problem"]


@pytest.mark.parametrize(
    ("found", "level", "said"),
    [
        (Compared(4, (), False), "OK", "all 4 as locked"),
        (Compared(3, (), True), "OK", "all 3 as locked, without CUDA's"),
        (Compared(9, tuple("abcdefg"), False), "problem", "not as locked: a, b, c, d, e and 2 more"),
        (None, "warning", "there is no requirements.lock beside the package"),
    ],
)
def test_an_environment_that_is_not_as_locked_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, found: Compared | None, level: str, said: str
) -> None:
    monkeypatch.setattr(locks, "against", lambda *_: found)
    finding = doctor.packages(ROOT)
    assert (finding.level, finding.said) == (level, said)
    assert bool(finding.remedy) == (level != "OK")


def test_an_environment_without_a_needed_package_is_one_line(tmp_path: Path) -> None:
    """As after an interrupted installation: here numpy cannot be found."""
    code = "import sys; sys.argv[1:] = ['status']; sys.modules['numpy'] = None; "
    code += "from reproduce.__main__ import main; main()"
    found = bare.python(code, tmp_path)
    assert found.returncode == 2
    assert found.stderr == b"error: the package numpy is not in this environment: give make venv\n"


# --- the machine --------------------------------------------------------------------------------------


def test_a_results_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = listing(tmp_path)
    for name, level, words in (
        ("there", "OK", ""),
        ("not/yet", "OK", ""),
        ("file/below", "problem", "cannot be written"),
        ("link", "problem", "is a link to"),
    ):
        found = doctor.results_folder(tmp_path / name)
        assert (found.level, words in found.said) == (level, True)
    assert listing(tmp_path) == before


def test_what_the_system_refuses_is_one_line_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def while_refused(module: object, name: str, number: int, check: Callable[[], doctor.Diagnosis]) -> str:
        def refused(*arguments: object, **options: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(module, name, refused)
            return str(check())

    results = partial(doctor.results_folder, tmp_path)
    without_locks = while_refused(fcntl, "flock", errno.ENOLCK, results)
    assert without_locks.startswith("warning")
    assert without_locks.endswith("let only one campaign write there")
    unsynced = while_refused(os, "fsync", errno.EIO, results)
    assert unsynced.startswith("problem")
    assert "Input/output error" in unsynced
    alone = while_refused(socket, "create_connection", errno.ENETUNREACH, doctor.loopback)
    assert alone.startswith("problem")
    assert "(127.0.0.1: Network is unreachable): give --jobs 1" in alone
    assert capfd.readouterr().err == ""
    assert listing(tmp_path) == []


def test_an_unknown_or_changed_commit_is_warned_about() -> None:
    found = [doctor.commit(commit).level for commit in ("", "abc+", "abc?", "abc")]
    assert found == ["warning", "warning", "warning", "OK"]


# --- data, tools, GPU ---------------------------------------------------------------------------------


def test_without_mnist_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.mnist, "_download", None)
    found = doctor.mnist()
    assert (found.level, found.said[:9]) == ("OK", "not here:")
    assert listing(tmp_path) == []


def test_a_damaged_mnist_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    for name in datasets.mnist.IDX_FILES:
        (tmp_path / name).write_bytes(b"spoilt")
    found = doctor.mnist()
    assert found.level == "problem"
    assert "train-images-idx3-ubyte is truncated" in found.said


def program(path: Path, does: str) -> None:
    path.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    path.chmod(0o755)


def test_what_latex_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for tool in doctor.TEX_TOOLS[1:]:
        program(tmp_path / tool, "for name; do test $name = booktabs.sty || echo /usr/$name; done")
    assert doctor.tex().said == "latexmk not installed"
    (tmp_path / "latexmk").symlink_to("pdflatex")
    assert doctor.tex().said == "booktabs.sty not installed"
    program(tmp_path / "kpsewhich", "for name; do echo /usr/$name; done")
    assert doctor.tex().level == "OK"


def test_style_files_and_programs_are_those_that_our_templates_and_the_pdf_need() -> None:
    assert {"IEEEtran.cls", "IEEEtran.bst", "hyperref.sty", "booktabs.sty"} <= set(doctor.style_files())
    source = (ROOT / "reproduce" / "report" / "pdf.py").read_text(encoding="utf-8")
    assert all(f'"{tool}"' in source for tool in doctor.TEX_TOOLS if tool != "kpsewhich")


def test_a_browser_is_found_by_any_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.browser().level == "warning"
    program(tmp_path / "google-chrome", "")
    assert doctor.browser().said == str(tmp_path / "google-chrome")


def test_what_torch_answers_decides_on_the_gpu() -> None:
    assert str(doctor.gpu("cuda\nNVIDIA A40 found\n", "")) == "OK       gpu       NVIDIA A40 found"
    assert doctor.gpu("cpu\nno CUDA device\n", "").level in ("OK", "warning")
    failed = doctor.gpu("", "ModuleNotFoundError: No module named 'torch'")
    assert (failed.level, failed.remedy) == ("problem", "make venv")


def test_a_check_that_fails_itself_or_a_torch_that_cannot_be_imported_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "cores", lambda: 1 / 0)
    monkeypatch.setattr(doctor, "ASK_TORCH", "import sys; sys.modules['torch'] = None; " + doctor.ASK_TORCH)
    found = {finding.check: finding for finding in doctor.examine(tmp_path)}
    assert list(found) == CHECKS
    assert str(found["cores"]).endswith("cannot be checked (ZeroDivisionError: division by zero)")
    assert (found["gpu"].level, "torch" in found["gpu"].said) == ("problem", True)
