"""Checks whether this machine can run the project: one finding per check, with its remedy. No file is left behind.

A separate process asks torch about the GPU while the other checks run, since importing torch takes seconds.
"""

from __future__ import annotations

import locale
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reproduce.errors import ReproduceError, described, one_line
from reproduce.machine import environment, version
from reproduce.storage import files, locks

Level = Literal["OK", "warning", "problem"]
PYTHONS = ((3, 11), (3, 12))
"""Versions of Python that the lock file is made for."""
NAMED = 5
"""A finding names at most this many packages or files."""
SIGNS = "β→σ²≤é"
"""Examples of the characters beyond ASCII in our text."""
LEAST_FREE = 2 << 30
"""With fewer bytes of free disk the results folder gets a warning."""
TEX_TOOLS = ("latexmk", "pdflatex", "bibtex", "kpsewhich")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ASK_TORCH = "from reproduce.machine.devices import best_device; print(*best_device(), sep='\\n')"
PATIENCE = 120
"""Seconds that torch may take to answer."""


@dataclass(frozen=True)
class Diagnosis:
    """What one check found. remedy: what to do about it; "" if there is nothing to do."""

    check: str
    level: Level
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        words = ": ".join(filter(None, [self.said, self.remedy]))
        return f"{self.level:8} {self.check:9} {one_line(words)}"


def examine(results: Path) -> Iterator[Diagnosis]:
    """Run every check in turn. results: the folder that campaigns will write to; it need not exist.

    A check that raises an exception counts as a problem, and the others go on.
    """
    torch = subprocess.Popen(
        [sys.executable, "-c", ASK_TORCH],
        cwd=version.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    checks: dict[str, Callable[[], Diagnosis]] = {
        "python": python,
        "packages": lambda: packages(version.ROOT),
        "terminal": terminal,
        "cores": cores,
        "loopback": loopback,
        "results": lambda: results_folder(results),
        "commit": lambda: commit(version.current_commit()),
        "mnist": mnist,
        "tex": tex,
        "browser": browser,
        "gpu": lambda: gpu(*answer(torch)),
    }
    try:
        for name, check in checks.items():
            try:
                yield check()
            except Exception as error:
                remedy = "make venv" if isinstance(error, ImportError) else ""
                yield Diagnosis(name, "problem", f"cannot be checked ({described(error)})", remedy)
    finally:
        torch.kill()
        torch.communicate()


def python(found: tuple[int, ...] = sys.version_info[:3]) -> Diagnosis:
    """Whether the lock file is made for this version of Python."""
    said = ".".join(map(str, found))
    if found[:2] in PYTHONS:
        return Diagnosis("python", "OK", said)
    return Diagnosis("python", "problem", f"{said}; 3.11 or 3.12 is needed", "make venv PYTHON=python3.11")


def packages(root: Path) -> Diagnosis:
    """Compare the environment with the lock file in the folder `root`."""
    compared = locks.against(root, locks.installed())
    if compared is None:
        remedy = "work in a checkout, whose versions are known"
        return Diagnosis("packages", "warning", f"there is no {locks.LOCK} beside the package", remedy)
    if compared.wrong:
        remedy = "make venv-cpu CPU_TORCH=…" if compared.without_cuda else "remove .venv/.ok, then make venv"
        return Diagnosis("packages", "problem", f"not as locked: {some(compared.wrong)}", remedy)
    kind = ", without CUDA's" if compared.without_cuda else ""
    return Diagnosis("packages", "OK", f"all {compared.count} as locked{kind}")


def some(words: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")


def terminal() -> Diagnosis:
    """Whether the terminal can show our characters, and the locale is installed."""
    encoding, remedy = getattr(sys.stdout, "encoding", None) or "ascii", "export LC_ALL=C.UTF-8"
    try:
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        return Diagnosis(
            "terminal", "warning", "the locale that LC_ALL or LANG names is not installed", remedy
        )
    try:
        SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        said = f"encoding {encoding} has no {SIGNS}: they are printed as ?, files are UTF-8 in any case"
        return Diagnosis("terminal", "warning", said, remedy)
    return Diagnosis("terminal", "OK", f"encoding {encoding}")


def cores() -> Diagnosis:
    """Cores of the machine, those that this process may use, and those that a campaign uses (its runs at a time)."""
    whole, counted = os.cpu_count() or 1, environment.cores()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else whole
    said = f"{allowed} of {whole} cores are allowed, {counted} counted"
    if counted == whole:
        return Diagnosis("cores", "OK", said)
    remedy = "fine if a scheduler of jobs, taskset or a container is meant to limit them"
    return Diagnosis("cores", "warning", said, remedy)


def loopback() -> Diagnosis:
    """Whether processes of this machine can connect to each other, as Dask's workers must."""
    from reproduce.cluster.clusters import require_loopback

    try:
        require_loopback()
    except ReproduceError as error:
        return Diagnosis("loopback", "problem", str(error))
    return Diagnosis("loopback", "OK", "workers of this machine can be reached")


def results_folder(results: Path) -> Diagnosis:
    """Whether files can be written, synced and locked there; this is tried in a folder that is then removed."""
    if results.is_symlink() and not results.exists():
        said = f"{results} is a link to {results.readlink()}, which does not exist"
        return Diagnosis("results", "problem", said, "make that folder, or remove the link")
    place = next(folder for folder in (results, *results.absolute().parents) if folder.exists())
    level = files.LOG.level
    files.LOG.setLevel(logging.ERROR)  # the finding below says the same
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as folder:
            files.write(Path(folder) / "file", b"content")
            with files.lock(Path(folder) / ".lock"):
                held = _is_held(Path(folder) / ".lock")
    except (OSError, ReproduceError) as error:
        remedy = "choose another folder with RESULTS_DIR"
        return Diagnosis("results", "problem", f"{results} cannot be written ({error})", remedy)
    finally:
        files.LOG.setLevel(level)
    free = shutil.disk_usage(place).free
    said = f"{results} can be written, {free / 1e9:.0f} GB are free"
    if not held:
        return Diagnosis("results", "warning", f"{said}, without locks", "let only one campaign write there")
    if free < LEAST_FREE:
        return Diagnosis("results", "warning", said, "free some, or choose another disk with RESULTS_DIR")
    return Diagnosis("results", "OK", said)


def _is_held(lock: Path) -> bool:
    try:
        with files.lock(lock):
            return False
    except ReproduceError:
        return True


def commit(found: str) -> Diagnosis:
    """Whether results can say which version made them. found: see `version.current_commit`."""
    if not found:
        remedy = "for golden numbers work in a git checkout, with git installed"
        return Diagnosis("commit", "warning", "not known", remedy)
    if found.endswith(("+", "?")):
        why = "with changed files" if found.endswith("+") else "of an archive, whose files may have changed"
        remedy = "for golden numbers work in a clean checkout"
        return Diagnosis("commit", "warning", f"{found[:10]} {why}", remedy)
    return Diagnosis("commit", "OK", found[:10])


def mnist() -> Diagnosis:
    """Whether full MNIST is there and intact; nothing is downloaded."""
    from reproduce import datasets

    try:
        folder = datasets.mnist.local_mnist()
        if folder is None:
            said = (
                f"not here: profiles on full MNIST download it (11 MB) into {datasets.mnist.DOWNLOAD_FOLDER}"
            )
            return Diagnosis("mnist", "OK", f"{said}; smoke and quick need none")
        paths = datasets.mnist.mnist_files(folder)
        for name, path in paths.items():
            datasets.mnist.read_idx(path, name)
    except ReproduceError as error:
        return Diagnosis("mnist", "problem", str(error))
    first = next(iter(paths.values()))
    return Diagnosis("mnist", "OK", f"whole in {first.parent} ({first.name}, …)")


def tex() -> Diagnosis:
    """Whether `make pdf` has its programs, and LaTeX the classes and packages that our templates name."""
    remedy = "for make pdf give make tex (Debian, Ubuntu), or use make docker-pdf"
    if missing := [tool for tool in TEX_TOOLS if shutil.which(tool) is None]:
        return Diagnosis("tex", "warning", f"{some(missing)} not installed", remedy)
    names = style_files()
    asked = subprocess.run(
        ["kpsewhich", *names],
        capture_output=True,
        encoding="utf-8",
        env=environment.for_tools(),
        timeout=60,
        check=False,
    )
    found = {Path(line).name for line in asked.stdout.splitlines()}
    if lacking := [name for name in names if name not in found]:
        return Diagnosis("tex", "warning", f"{some(lacking)} not installed", remedy)
    return Diagnosis("tex", "OK", f"programs and {len(names)} style files")


def style_files() -> list[str]:
    """The LaTeX classes, packages and bibliography styles that our templates name."""
    places = (version.ROOT / "latex", Path(__file__).parents[1] / "latex")
    text = "\n".join(
        path.read_text(encoding="utf-8") for place in places for path in sorted(place.rglob("*.j2"))
    )
    endings = {"documentclass": ".cls", "usepackage": ".sty", "bibliographystyle": ".bst"}
    found = re.findall(r"\\(documentclass|usepackage|bibliographystyle)(?:\[[^]]*\])?\{([\w-]+)\}", text)
    return list(dict.fromkeys(f"{name}{endings[kind]}" for kind, name in found))


def browser() -> Diagnosis:
    """Whether there is a browser for the explorer's tests."""
    if found := next((path for name in BROWSERS if (path := shutil.which(name))), None):
        return Diagnosis("browser", "OK", found)
    remedy = "install chromium, for the explorer's tests alone"
    return Diagnosis("browser", "warning", "neither chromium nor google-chrome found", remedy)


def answer(torch: subprocess.Popen[str]) -> tuple[str, str]:
    """Standard output of the process that asked torch, and the last line of its error output ("" if it succeeded)."""
    try:
        out, complaints = torch.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {PATIENCE} seconds"
    return out, "" if torch.returncode == 0 else (complaints.strip().splitlines() or ["no reason given"])[-1]


def gpu(out: str, complaint: str) -> Diagnosis:
    """Whether torch finds a GPU. out: "cuda" or "cpu" and, on the next line, why. complaint: why there is no answer,
    else ""."""
    if complaint:
        return Diagnosis("gpu", "problem", f"torch cannot be asked ({complaint})", "make venv")
    device, _, why = out.strip().partition("\n")
    if device == "cuda":
        return Diagnosis("gpu", "OK", why)
    if Path("/dev/nvidia0").exists():
        remedy = "torch needs driver 580 or newer, and CUDA_VISIBLE_DEVICES must not hide it"
        return Diagnosis("gpu", "warning", "there is NVIDIA's driver, and torch finds no CUDA device", remedy)
    return Diagnosis("gpu", "OK", f"{why}: runs are trained on the CPU, and the default profile is quick")
