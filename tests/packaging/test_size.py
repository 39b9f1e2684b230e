"""What a clone costs: results are kept small, and history is not needed (README: git clone --depth 1)."""

from __future__ import annotations

import subprocess

from tests.packaging.tree import ROOT

MEGABYTE = 10**6


def tracked_bytes(folder: str = ".") -> int:
    """Bytes of the tracked files below the folder that are there."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", folder], check=True, capture_output=True
    ).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return sum(path.stat().st_size for path in paths if path.is_file())


def test_published_results_stay_below_45_megabytes() -> None:
    assert 0 < tracked_bytes("published") < 45 * MEGABYTE


def test_the_whole_tree_stays_below_60_megabytes() -> None:
    assert tracked_bytes("published") < tracked_bytes() < 60 * MEGABYTE
