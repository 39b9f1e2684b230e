"""What all tests share: one thread, no display, nothing from the caller's environment, and one tiny campaign."""

# ruff: noqa: E402 (the environment must be set before torch, numpy and matplotlib are imported)

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["MPLBACKEND"] = "Agg"

import pytest

from reproduce.protocol import PROFILES, Protocol
from tests.tiny import TINY, once

if TYPE_CHECKING:
    from reproduce.datasets import Dataset
    from reproduce.storage.store import Store


LONGEST = ("test_end_to_end", "test_report", "test_page", "test_schedule", "test_publishing", "test_signals")
"""Files that begin first, so that no worker is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make test` hands its variables on; a test must not depend on them."""
    makes = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "JOBS")
    for variable in ("PROFILE", "SEEDS", "RESULTS_DIR", "REPRODUCE_COMMIT", *makes):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(autouse=True)
def denormals() -> None:
    """Training makes its process flush denormals, and hypothesis refuses to draw numbers there."""
    import torch

    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def tiny() -> Protocol:
    """A protocol of seconds: see `tests.tiny`."""
    return TINY


@pytest.fixture(scope="session")
def digits(tiny: Protocol) -> Dataset:
    """The tiny protocol's data."""
    from reproduce.datasets import load

    return load(tiny)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny: Protocol) -> Store:
    """The store of a finished tiny campaign, made in this process by one worker. Not to be changed: see `store`."""
    from reproduce.storage.store import Store

    made = Store(tmp_path_factory.mktemp("results"), tiny)
    assert once(made).exit_code == 0
    return made


@pytest.fixture
def store(finished: Store, tmp_path: Path) -> Store:
    """A copy of the finished campaign that a test may change."""
    from reproduce.storage.store import Store

    copy = Store(tmp_path / "results", finished.protocol)
    shutil.copytree(finished.folder, copy.folder)
    return copy


@pytest.fixture
def tiny_profile(monkeypatch: pytest.MonkeyPatch, tiny: Protocol) -> Protocol:
    """The tiny protocol as a profile that the command line knows."""
    monkeypatch.setitem(PROFILES, "tiny", tiny)
    return tiny


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_profile: Protocol,
) -> Callable[..., tuple[int, str, str]]:
    """`python -m reproduce …` in this process, with nothing published: exit code, standard output, standard error."""
    from reproduce import cli
    from reproduce.commands import options

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(options, "PUBLISHED", tmp_path / "published")

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reproduce", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call
