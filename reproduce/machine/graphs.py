"""CUDA graphs: a step is captured once and then replayed.

On a GPU a step of 64 small images is some 200 kernels of a few microseconds each, and launching them from Python costs
more than running them. A graph is launched as a whole. It reads its inputs and learning rates from fixed places in
memory, which are filled before each replay, and adds up its losses in other fixed places. No operation in it may read a
value back from the device.

A `Recorder` captures and replays: a CUDA graph, or a stand-in for tests without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

WARM_UP = 3
"""Eager steps before a capture, in which libraries choose their kernels and allocate memory."""
States = Callable[[], Mapping[str, Tensor]]
"""The tensors that a step changes in place, by name: weights, statistics, moments, sums."""


class Recorder(Protocol):
    """Captures work without running it, and runs it at each replay."""

    def warm_up(self, work: Callable[[], object]) -> None:
        """Run the work before the capture, in the way the capture needs."""

    def capture(self, work: Callable[[], object]) -> None:
        """Record the work."""

    def replay(self) -> None:
        """Run the recorded work."""


class CudaRecorder:
    """A CUDA graph. Each replay continues the random numbers of PyTorch's generator."""

    def __init__(self) -> None:
        self.graph = torch.cuda.CUDAGraph()

    def warm_up(self, work: Callable[[], object]) -> None:
        """Run the work WARM_UP times on a separate stream, as a capture requires."""
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
        """Launch the recorded kernels."""
        self.graph.replay()


class GraphedStep:
    """A step that is captured at its first call, for inputs of one shape. The warm-up changes neither the states nor
    the random numbers."""

    def __init__(
        self, work: Callable[..., None], states: States, recorder: Callable[[], Recorder] = CudaRecorder
    ) -> None:
        """work: takes tensors, each a place in memory that is filled before a replay, and returns nothing."""
        self._work, self._states, self._recorder = work, states, recorder()
        self._places: tuple[Tensor, ...] = ()

    def __call__(self, *inputs: Tensor | float) -> None:
        """Do the step. Plain numbers are passed on as 0-d float64 tensors; at least one input is a tensor."""
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
    """Restore states and random numbers after the steps taken inside, in the same places in memory. States that were
    created inside (Adam's moments, sums) are set to zero."""
    before = {name: value.clone() for name, value in states().items()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
    with torch.no_grad():
        for name, value in states().items():
            if name in before:
                value.copy_(before[name])
            else:
                value.zero_()
