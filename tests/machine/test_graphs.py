"""Captured steps, tested without a GPU: a stand-in captures a step without doing it and does it at each replay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from reproduce import training
from reproduce.architectures.names import SLUGS
from reproduce.datasets import Dataset, load
from reproduce.machine.graphs import WARM_UP, untouched
from reproduce.protocol import PROFILES, Protocol, shortened


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
    return shortened(PROFILES["smoke"], train=24, validation=16, batch_size=16, epochs=2, milestones=())


@pytest.fixture(scope="module")
def data(protocol: Protocol) -> Dataset:
    return load(protocol)


def started(
    slug: str, protocol: Protocol, data: Dataset, recorder: Any = None, variant: str = ""
) -> training.Run:
    architecture = training.fresh_architecture(slug, variant, protocol, 42)
    return training.Run(architecture, protocol, data, 42, "cpu", recorder)


def run(
    slug: str, protocol: Protocol, data: Dataset, recorder: Any = None, variant: str = ""
) -> training.Run:
    """A run after two epochs."""
    found = started(slug, protocol, data, recorder, variant)
    found.advance()
    found.advance()
    return found


@pytest.mark.parametrize("slug", SLUGS)
def test_replayed_steps_train_as_eager_ones_do(slug: str, protocol: Protocol, data: Dataset) -> None:
    """Progress and images reach the step through fixed places, and the warm-up leaves no trace."""
    eager, replayed = (run(slug, protocol, data, recorder) for recorder in (None, Replay))
    ours, theirs = (dict(each.architecture.state_dict()) for each in (replayed, eager))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    for mine, its in zip(eager.progress.history, replayed.progress.history, strict=True):
        assert mine == pytest.approx(its, rel=1e-6)
    assert len(replayed._captured) == 2, "the whole batch, and the short last one, once each"


def test_vq_vae_begins_its_codebook_before_anything_is_captured(protocol: Protocol, data: Dataset) -> None:
    found = started("vq-vae", protocol, data, Replay)
    assert not found.architecture.ready_for_graph()
    found.advance()
    assert found.architecture.ready_for_graph()


def test_pythaes_own_classes_stay_eager(protocol: Protocol, data: Dataset) -> None:
    class Never(Replay):
        def capture(self, work: Callable[[], object]) -> None:
            raise AssertionError("captured")

    run("vae-iaf", protocol, data, Never, variant="pythae")


def test_what_is_tried_inside_leaves_no_trace(protocol: Protocol, data: Dataset) -> None:
    found = run("factor-vae", protocol, data)
    before = found.state()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with untouched(found.architecture, found.adams, torch.device("cpu")):
        found.train_epoch(2)
    assert torch.equal(torch.rand(3), expected), "random numbers go on where they were"
    assert found.state() == before


def test_moments_that_did_not_exist_start_at_zero(protocol: Protocol, data: Dataset) -> None:
    found = started("ae", protocol, data)
    with untouched(found.architecture, found.adams, torch.device("cpu")):
        found.train_epoch(0)
    assert all(not value.any() for state in found.adams[0].state.values() for value in state.values())
