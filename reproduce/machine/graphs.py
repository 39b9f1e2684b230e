"""A step captured once and replayed: CUDA graphs.

On a GPU a step of 64 small images is some 200 kernels of a few microseconds each, and launching them from Python costs
more than running them. A graph is launched as one. It reads its inputs and its learning rates from fixed places in
memory, which are filled before each replay, and adds its losses up in others. Nothing in it may ask the device for a
value.

What captures and replays is a `Recorder`: CUDA's graph, or a stand-in in tests without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

WARM_UP = 3
"""Eager steps before a capture: libraries choose their kernels and allocate in them."""
States = Callable[[], Mapping[str, Tensor]]
"""The tensors that a step changes in place, by name: weights, statistics, moments, sums."""


class Recorder(Protocol):
    """Captures work without doing it, and does it at each replay."""

    def warm_up(self, work: Callable[[], object]) -> None:
        """Do the work as the capture will see it, before it."""

    def capture(self, work: Callable[[], object]) -> None:
        """Record the work."""

    def replay(self) -> None:
        """Do what was recorded."""


class CudaRecorder:
    """CUDA's graph. Its random numbers go on from PyTorch's generator at each replay."""

    def __init__(self) -> None:
        self.graph = torch.cuda.CUDAGraph()

    def warm_up(self, work: Callable[[], object]) -> None:
        """On a stream of its own, as a capture needs it."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                work()
        torch.cuda.current_stream().wait_stream(side)

    def capture(self, work: Callable[[], object]) -> None:
        """Record the kernels that the work launches."""
        with torch.cuda.graph(self.graph):
            work()

    def replay(self) -> None:
        """Launch them all."""
        self.graph.replay()


class GraphedStep:
    """A step captured at its first call, for inputs of one shape. The warm-up leaves no trace in the states or in the
    random numbers."""

    def __init__(
        self, work: Callable[..., None], states: States, recorder: Callable[[], Recorder] = CudaRecorder
    ) -> None:
        """work: takes tensors, each a place in memory that is filled before a replay, and returns nothing."""
        self._work, self._states, self._recorder = work, states, recorder()
        self._places: tuple[Tensor, ...] = ()

    def __call__(self, *inputs: Tensor | float) -> None:
        """Do the step. Numbers reach it as 0-d float64; at least one input is a tensor."""
        if not self._places:
            self._capture(inputs)
        for place, value in zip(self._places, inputs, strict=True):
            if isinstance(value, Tensor):
                place.copy_(value)
            else:
                place.fill_(value)
        self._recorder.replay()

    def _capture(self, inputs: tuple[Tensor | float, ...]) -> None:
        device = next(value.device for value in inputs if isinstance(value, Tensor))
        self._places = tuple(
            value.clone()
            if isinstance(value, Tensor)
            else torch.tensor(value, dtype=torch.float64, device=device)
            for value in inputs
        )

        def work() -> None:
            self._work(*self._places)

        with untouched(self._states, device):
            self._recorder.warm_up(work)
        self._recorder.capture(work)


@contextmanager
def untouched(states: States, device: torch.device) -> Iterator[None]:
    """Whatever steps are taken inside, states and random numbers are as before afterwards, in the same places in
    memory. What began inside (Adam's moments, sums) is zero."""
    before = {name: value.clone() for name, value in states().items()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
    with torch.no_grad():
        for name, value in states().items():
            if name in before:
                value.copy_(before[name])
            else:
                value.zero_()
