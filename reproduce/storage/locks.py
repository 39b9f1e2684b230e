"""Compares the packages of this environment with the lock file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

LOCK, BASE_LOCK = "requirements.lock", "requirements-base.lock"
"""The second one is the first without torch and CUDA."""


@dataclass(frozen=True)
class Compared:
    """count: packages that were compared. wrong: each that is missing or of another version, in words. without_cuda:
    whether no CUDA package is installed, as after `make venv-cpu`; then they do not count as missing."""

    count: int
    wrong: tuple[str, ...]
    without_cuda: bool


def against(root: Path, found: Mapping[str, str]) -> Compared | None:
    """Compare installed packages (name → version) with the lock file in the folder `root`; None without that file."""
    if not (root / LOCK).is_file():
        return None
    wanted, base = locked(root / LOCK), locked(root / BASE_LOCK)
    cuda = {name for name in wanted.keys() - base.keys() if not name.startswith("torch")}
    without_cuda = bool(cuda) and cuda.isdisjoint(found)
    if without_cuda:
        wanted = {name: number for name, number in wanted.items() if name not in cuda}
    wrong = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    wrong += [
        f"{name} is {found[name]} and not {number}"
        for name, number in sorted(wanted.items())
        # a build of the same version for other hardware has a suffix, as in 2.14.1+cpu
        if name in found and found[name].partition("+")[0] != number
    ]
    return Compared(len(wanted), tuple(wrong), without_cuda)


def locked(lock: Path) -> dict[str, str]:
    """Name → version of every pinned package that applies to this Python and system; {} without the file."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else []
    pins = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


def installed() -> dict[str, str]:
    """Name → version of every package of this environment."""
    from packaging.utils import canonicalize_name

    named = [(each.metadata["Name"], each.version) for each in distributions()]
    return {canonicalize_name(name): number for name, number in named if name}
