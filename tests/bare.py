"""Our commands as a user runs them: a process of its own, with nothing in its environment but what the test gives."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}


def python(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A line of Python in that folder."""
    return ran([sys.executable, "-c", code], folder, variables)


def reproduce(words: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """The command `reproduce` of this environment in that folder."""
    return ran([str(Path(sys.executable).with_name("reproduce")), *words.split()], folder, variables)


def spares(words: list[str], heavy: Iterable[str], folder: Path, before: str = "") -> str:
    """What a command prints that imports none of these modules, after a line of Python."""
    script = (
        f"import sys\n{before}\n"
        "from reproduce.cli import main\n"
        f"sys.argv = ['reproduce', *{words!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"heavy = {set(heavy)!r} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    found = python(script, folder, PYTHONPATH=str(Path.cwd()))
    assert found.returncode == 0, found.stderr.decode()
    return found.stdout.decode()


def ran(command: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Its exit code and what it printed, as bytes: no locale of ours decodes them."""
    return subprocess.run(
        command, cwd=folder, env=BARE | variables, capture_output=True, check=False, timeout=300
    )
