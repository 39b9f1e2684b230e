"""The version of the project that computes: the commit of the package's own files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from reproduce.machine import environment

ROOT = Path(__file__).resolve().parents[2]
ARCHIVED = Path(__file__).with_name("archived-commit.txt")
"""`git archive` writes the commit there; in a checkout it holds a placeholder."""
OWN = ("reproduce", "latex", "pyproject.toml", "requirements.lock")
"""The files that a commit stands for: a change or a new file elsewhere changes no number."""


def current_commit() -> str:
    """The commit of the package's own files, with + if they were changed and ? if that is not known (an archive); "" if
    the commit itself is not known.

    It is $REPRODUCE_COMMIT (set in the image), else that of the checkout whose root holds the package, else that of the
    archive. A repository that merely lies above the package's folder is another project's.
    """
    named = os.environ.get("REPRODUCE_COMMIT")
    if named:
        return named
    if _git("rev-parse", "--show-toplevel", "--show-prefix") != [str(ROOT)]:
        return _archived()
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=normal", "--", *OWN)
    return "" if not head or changed is None else head[0] + ("+" if changed else "")


def _archived() -> str:
    try:
        commit = ARCHIVED.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    # an archive's files may have been changed since: the commit is known, but does not count as clean
    return f"{commit}?" if commit.isalnum() else ""


def _git(*arguments: str) -> list[str] | None:
    """Lines of git's output about ROOT; None if git fails. No program from the checkout is run, since it may belong to
    another user."""
    command = [
        "git",
        "-c",
        f"safe.directory={ROOT}",
        "-c",
        "core.fsmonitor=false",
        "-C",
        str(ROOT),
        *arguments,
    ]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=10,
            env=environment.for_tools(),
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return [line for line in done.stdout.splitlines() if line]
