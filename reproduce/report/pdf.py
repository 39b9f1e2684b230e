"""report.tex → report.pdf, by latexmk with our settings only."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from reproduce.errors import ReproduceError
from reproduce.machine import environment
from reproduce.storage import files

PACKAGES = "latexmk texlive-latex-recommended texlive-publishers texlive-fonts-recommended poppler-utils"
"""Names of the Debian packages that are needed."""
TIME = {"SOURCE_DATE_EPOCH": "1700000000", "FORCE_SOURCE_DATE": "1"}
"""Fixed times in the PDF, so that equal sources give equal bytes."""
COMMAND = ("latexmk", "-norc", "-pdf", "-silent", "-interaction=nonstopmode", "-halt-on-error")
TEXMF = ("TEXMFHOME", "TEXMFVAR", "TEXMFCONFIG")
BUILD, LOG, PDF = ".build", "build.log", "report.pdf"
LONGEST = 600
"""LaTeX is stopped after this many seconds."""


def compile_report(folder: Path) -> Path:
    """Compile <folder>/report.tex; returns the path of report.pdf, which is replaced only by a complete one.

    LaTeX starts in an empty folder each time, without files of an interrupted run. Raises ReproduceError without LaTeX
    or without a report, and with LaTeX's message if it fails or leaves references undefined.
    """
    source, build = folder / "report.tex", folder / BUILD
    if not source.is_file():
        raise ReproduceError(f"{folder} has no report.tex: run `make render` first")
    if missing := [tool for tool in ("latexmk", "pdflatex", "bibtex") if shutil.which(tool) is None]:
        raise ReproduceError(
            f"LaTeX is needed ({missing[0]} is not installed): apt-get install --no-install-recommends {PACKAGES}, or, "
            "with a container, make docker-pdf"
        )
    files.clear(build)
    build.mkdir()
    try:
        done = run(folder, [*COMMAND, f"-outdir={BUILD}", source.name])
        found = build / "report.log"
        log = found.read_bytes() if found.is_file() else b""
        files.write(folder / LOG, done.stdout + b"\n" + log)
        text = log.decode("utf-8", "replace")
        if done.returncode:
            raise ReproduceError(f"LaTeX failed{first_error(text)}: the whole log is {folder / LOG}")
        if wrong := re.search(r"Missing character.*|.*\bundefined\b.*", text):
            raise ReproduceError(f"the report has gaps ({wrong[0].strip()}): the whole log is {folder / LOG}")
        made = build / PDF
        if not made.is_file() or not (content := made.read_bytes()).startswith(b"%PDF-"):
            raise ReproduceError(f"LaTeX ended without a PDF: the whole log is {folder / LOG}")
        files.write(folder / PDF, content)
    except subprocess.TimeoutExpired as error:
        raise ReproduceError(f"LaTeX did not end within {LONGEST} seconds: look at {source}") from error
    finally:
        shutil.rmtree(build, ignore_errors=True)
    return folder / PDF


def run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run the command in the folder. It is killed with all processes that it started if it takes too long or if we are
    interrupted. Raises TimeoutExpired."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        # the user's own TeX files are not used
        env=environment.for_tools(**TIME, **{name: str(folder / BUILD / "texmf") for name in TEXMF}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with process:
        try:
            output, _ = process.communicate(timeout=LONGEST)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def first_error(log: str) -> str:
    """LaTeX's first error and its line, as " (! Undefined control sequence. l.12 …)"; "" if the log has none."""
    found = re.search(r"^! .*", log, re.MULTILINE)
    line = re.search(r"^l\.\d+.*", log[found.end() :], re.MULTILINE) if found else None
    return f" ({found[0]}{f' {line[0]}' if line else ''})" if found else ""
