"""The compiled report: made by our settings, replaced only by a whole one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reproduce.errors import ReproduceError
from reproduce.report import pdf

needs_latex = pytest.mark.skipif(shutil.which("latexmk") is None, reason="no latexmk: see `make tex`")
SOURCE = r"\documentclass{article}\begin{document}%s\end{document}"
OLD = b"%PDF-1.4 the one before"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "Hello.")
    (tmp_path / pdf.PDF).write_bytes(OLD)
    return tmp_path


def write(folder: Path, body: str) -> None:
    (folder / "report.tex").write_text(SOURCE % body, encoding="utf-8")


def test_without_a_report_or_latex_it_says_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReproduceError, match="run `make render` first"):
        pdf.compile_report(folder / "nowhere")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ReproduceError, match=r"latexmk is not installed\): apt-get install"):
        pdf.compile_report(folder)
    assert (folder / pdf.PDF).read_bytes() == OLD


@needs_latex
def test_equal_sources_give_equal_bytes_and_nothing_else_stays(folder: Path) -> None:
    first = pdf.compile_report(folder).read_bytes()
    assert first.startswith(b"%PDF-")
    assert pdf.compile_report(folder).read_bytes() == first
    assert {path.name for path in folder.iterdir()} == {"report.tex", pdf.PDF, pdf.LOG}


@needs_latex
def test_the_users_own_tex_files_take_no_part(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pdf.compile_report(folder).read_bytes()
    home = tmp_path_factory.mktemp("home")
    hostile = home / "texmf" / "tex" / "latex" / "x" / "article.cls"
    hostile.parent.mkdir(parents=True)
    hostile.write_text(r"\errmessage{hostile}")
    (home / ".latexmkrc").write_text("die 'no';", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TEXINPUTS", "/nonexistent")
    (folder / pdf.BUILD).touch()
    assert pdf.compile_report(folder).read_bytes() == first


@needs_latex
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (r"\nonsense", r"LaTeX failed \(! Undefined control sequence\. l\.1"),
        (r"See \ref{nowhere}.", "has gaps"),
    ],
)
def test_a_failure_is_told_in_latexs_words_and_the_old_pdf_stays(folder: Path, body: str, words: str) -> None:
    write(folder, body)
    with pytest.raises(ReproduceError, match=words):
        pdf.compile_report(folder)
    assert (folder / pdf.PDF).read_bytes() == OLD


@needs_latex
def test_what_runs_too_long_is_ended_with_its_children(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, r"\def\x{\x}\x")
    monkeypatch.setattr(pdf, "LONGEST", 2)
    with pytest.raises(ReproduceError, match="did not end within 2 seconds"):
        pdf.compile_report(folder)
    found = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, check=False)
    assert found.stdout == b""
    assert (folder / pdf.PDF).read_bytes() == OLD


@needs_latex
def test_after_a_run_that_was_killed_in_the_middle_the_same_command_works(folder: Path) -> None:
    write(folder, r"\newcount\n\loop\advance\n1 x\par\ifnum\n<200000\repeat")
    code = f"from pathlib import Path; from reproduce.report import pdf; pdf.compile_report(Path({str(folder)!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not list((folder / pdf.BUILD).glob("report.*")):
        time.sleep(0.02)
        assert process.poll() is None
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert (folder / pdf.PDF).read_bytes() == OLD
    write(folder, "Hello.")
    assert pdf.compile_report(folder).read_bytes() != OLD
