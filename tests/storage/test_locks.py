"""Missing packages and other versions than the locked ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproduce.machine.version import ROOT
from reproduce.storage import locks
from reproduce.storage.locks import Compared


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Locks of two packages, torch, one of CUDA's, and one for another system."""
    base = 'typer==1.0 \\\n    --hash=sha256:00\nwinreg==9 ; sys_platform == "win32" \\\n'
    base += "scikit_image==2.0 \\\n"
    (tmp_path / locks.BASE_LOCK).write_text(base)
    (tmp_path / locks.LOCK).write_text(base + "torch==2.1 \\\nnvidia-cublas==13.1 \\\nnvidia-nccl==2 \\\n")
    return tmp_path


CUDA = {"nvidia-cublas": "13.1", "nvidia-nccl": "2"}
WHOLE = {"typer": "1.0", "scikit-image": "2.0", "torch": "2.1", "mine": "1"} | CUDA


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Compared(5, (), False)),
        ({"torch": "2.1+cu130"}, Compared(5, (), False)),
        ({"typer": None, "torch": "2"}, Compared(5, ("typer is missing", "torch is 2 and not 2.1"), False)),
        ({"nvidia-nccl": None}, Compared(5, ("nvidia-nccl is missing",), False)),
        ({"nvidia-nccl": None, "nvidia-cublas": None, "torch": "2.1+cpu"}, Compared(3, (), True)),
    ],
)
def test_wrong_packages_are_named(folder: Path, changes: dict[str, str | None], expected: Compared) -> None:
    found = {name: version for name, version in (WHOLE | changes).items() if version is not None}
    assert locks.against(folder, found) == expected
    assert locks.against(folder / "without a lock", found) is None


def test_this_environment_is_read_with_the_names_of_the_lock() -> None:
    assert locks.installed()["scikit-image"] == locks.locked(ROOT / locks.LOCK)["scikit-image"]
