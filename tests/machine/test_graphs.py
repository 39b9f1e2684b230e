"""Captured steps, tested without a GPU: a stand-in captures a step without doing it and does it at each replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from reproduce import training
from reproduce.datasets import Dataset, load
from reproduce.machine.graphs import WARM_UP
from reproduce.protocol import PROFILES, Protocol
from tests.faults import KINDS


class Replay:
    """Does what CUDA's graph does, in Python."""

    def __init__(self) -> None:
        self.work: Callable[[], object] = lambda: None

    def warm_up(self, work: Callable[[], object]) -> None:
        for _ in range(WARM_UP):
            work()

    def capture(self, work: Callable[[], object]) -> None:
        self.work = work

    def replay(self) -> None:
        self.work()


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    """Two epochs of two batches, the second one short."""
    return replace(PROFILES["smoke"], train=24, validation=16, batch_size=16, epochs=2, milestones=())


@pytest.fixture(scope="module")
def data(protocol: Protocol) -> Dataset:
    return load(protocol)


def run(
    slug: str, protocol: Protocol, data: Dataset, recorder: Any = None, variant: str = ""
) -> training.Run:
    """A run after two epochs."""
    architecture = training.fresh_architecture(slug, variant, protocol, 42)
    found = training.Run(architecture, protocol, data, 42, "cpu", recorder)
    found.advance()
    found.advance()
    return found


@pytest.mark.parametrize("slug", [*KINDS.values(), "rae-gp", "disent-beta-vae"])
def test_replayed_steps_train_as_eager_ones_do(slug: str, protocol: Protocol, data: Dataset) -> None:
    """Progress and images reach the step through fixed places, and the warm-up leaves no trace."""
    eager, replayed = (run(slug, protocol, data, recorder) for recorder in (None, Replay))
    ours, theirs = (dict(each.architecture.state_dict()) for each in (replayed, eager))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    for mine, its in zip(eager.progress.history, replayed.progress.history, strict=True):
        assert mine == pytest.approx(its, rel=1e-6)
    expected = {("train_batch", 16), ("train_batch", 8), ("validate_batch", 16)}
    assert replayed._captured.keys() == expected, "the whole batch and the short last one, once each"


def test_pythaes_own_classes_stay_eager(protocol: Protocol, data: Dataset) -> None:
    class Never(Replay):
        def capture(self, work: Callable[[], object]) -> None:
            raise AssertionError("captured")

    run("vae-iaf", protocol, data, Never, variant="pythae")
