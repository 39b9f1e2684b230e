"""Captured steps, tested without a GPU: a stand-in captures a step without doing it and does it at each replay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from reproduce import training
from reproduce.architectures.names import SLUGS
from reproduce.architectures.registry import REGISTRY
from reproduce.datasets import Dataset, load
from reproduce.machine.graphs import WARM_UP, untouched
from reproduce.protocol import PROFILES, Protocol, shortened


class Replay:
    """Does what CUDA's graph does, in Python."""

    captured: int = 0

    def __init__(self) -> None:
        self.work: Callable[[], object] = lambda: None

    def warm_up(self, work: Callable[[], object]) -> None:
        for _ in range(WARM_UP):
            work()

    def capture(self, work: Callable[[], object]) -> None:
        type(self).captured += 1
        self.work = work

    def replay(self) -> None:
        self.work()


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    """Two epochs of two batches, the second one short."""
    return shortened(PROFILES["smoke"], train=96, validation=64, epochs=2, milestones=())


@pytest.fixture(scope="module")
def data(protocol: Protocol) -> Dataset:
    return load(protocol)


def run(
    slug: str, protocol: Protocol, data: Dataset, recorder: type[Replay] | None, variant: str = ""
) -> training.Run:
    """A run after two epochs."""
    found = training.Run(
        training.fresh_architecture(slug, variant, protocol, 42), protocol, data, 42, "cpu", recorder
    )
    found.advance()
    found.advance()
    return found


@pytest.mark.parametrize("slug", SLUGS)
def test_replayed_steps_train_as_eager_ones_do(slug: str, protocol: Protocol, data: Dataset) -> None:
    """Progress and images reach the step through fixed places, and the warm-up leaves no trace."""
    eager, replayed = (run(slug, protocol, data, recorder) for recorder in (None, Replay))
    for name, value in eager.architecture.state_dict().items():
        other = replayed.architecture.state_dict()[name]
        torch.testing.assert_close(
            other, value, rtol=0, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )
    for mine, theirs in zip(eager.progress.history, replayed.progress.history, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-6)


def test_each_batch_size_is_captured_once(protocol: Protocol, data: Dataset) -> None:
    class Counting(Replay):
        captured = 0

    run("vae", protocol, data, Counting)
    assert Counting.captured == 2, "the whole batch, and the short last one"


def test_vq_vae_begins_its_codebook_before_anything_is_captured(protocol: Protocol, data: Dataset) -> None:
    found = training.Run(
        training.fresh_architecture("vq-vae", "", protocol, 42), protocol, data, 42, "cpu", Replay
    )
    assert not found.architecture.ready_for_graph()
    found.advance()
    assert found.architecture.ready_for_graph()


def test_pythaes_own_classes_stay_eager(protocol: Protocol, data: Dataset) -> None:
    class Never(Replay):
        def capture(self, work: Callable[[], object]) -> None:
            raise AssertionError("captured")

    run("vae-iaf", protocol, data, Never, variant="pythae")


def test_what_is_tried_inside_leaves_no_trace(protocol: Protocol, data: Dataset) -> None:
    found = run("factor-vae", protocol, data, None)
    before = found.state()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with untouched(found.architecture, found.adams, torch.device("cpu")):
        found.train_epoch(2)
    assert torch.equal(torch.rand(3), expected), "random numbers go on where they were"
    assert found.state() == before


def test_moments_that_did_not_exist_start_at_zero(protocol: Protocol, data: Dataset) -> None:
    found = training.Run(training.fresh_architecture("ae", "", protocol, 42), protocol, data, 42, "cpu")
    with untouched(found.architecture, found.adams, torch.device("cpu")):
        found.train_epoch(0)
    assert all(not value.any() for state in found.adams[0].state.values() for value in state.values())


def test_a_tensor_is_a_progress_for_every_architecture() -> None:
    """A captured step reads it from memory: no architecture may turn it into a number."""
    progress = torch.tensor(0.4, dtype=torch.float64)
    assert set(REGISTRY) >= set(SLUGS)
    capacity = training.fresh_architecture("disent-beta-vae", "", PROFILES["smoke"], 42)
    assert float(capacity.capacity(progress)) == pytest.approx(capacity.capacity(0.4))  # type: ignore[operator]
