"""replace_environment.py NEW PLACE: the Python environment NEW takes the place PLACE, and what was there goes.

An environment holds its own path in its scripts; nothing else of it minds being moved.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def rename_in_scripts(new: Path, place: Path) -> None:
    """Every script of the environment names its place. Programs that are no text stay as they are."""
    for path in (new / "bin").iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content:
            path.write_bytes(content.replace(os.fsencode(new), os.fsencode(place)))


def remove(path: Path) -> None:
    """A folder with all that it holds, or a link; nothing where nothing is."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def replace(new: Path, place: Path) -> None:
    """See the module. Interrupted, it leaves the old environment, the new one, or neither; never half of one."""
    rename_in_scripts(new, place)
    old = place.with_name(f"{place.name}.old")
    remove(old)
    if os.path.lexists(place):
        place.rename(old)
    new.rename(place)
    remove(old)


if __name__ == "__main__":
    replace(Path(sys.argv[1]), Path(sys.argv[2]))
