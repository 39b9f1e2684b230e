"""A training step captured once and replayed: CUDA graphs.

On a GPU a step of 64 small images is some 200 kernels of a few microseconds each, and launching them from Python costs
more than running them. A graph is launched as one. It reads its images, its progress and its learning rates from fixed
places in memory, which are filled before each replay. Nothing in it may ask the device for a value.

What captures and replays is a `Recorder`: CUDA's graph, or a stand-in in tests without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from reproduce.architectures.contract import Architecture, Batch

WARM_UP = 3
"""Eager steps before a capture: libraries choose their kernels and allocate in them."""
StepOf = Callable[[Batch, Tensor], Mapping[str, Tensor]]
"""One training step of a batch and a progress (0-d float64): its losses and parts."""


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
    """A training step of one batch size, captured at its first call.

    The warm-up leaves no trace: weights, statistics, optimizers' moments and random numbers are as before.
    """

    def __init__(
        self,
        architecture: Architecture,
        adams: list[torch.optim.Adam],
        step: StepOf,
        recorder: Callable[[], Recorder] = CudaRecorder,
    ) -> None:
        self._architecture, self._adams, self._step = architecture, adams, step
        self._recorder = recorder()
        self._batch: Batch | None = None
        self._progress = torch.zeros((), dtype=torch.float64)
        self._values: Mapping[str, Tensor] = {}

    def __call__(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Do the step; losses and parts as tensors of their own."""
        if self._batch is None:
            self._capture(batch)
        assert self._batch is not None
        self._batch.images.copy_(batch.images)
        if batch.other is not None and self._batch.other is not None:
            self._batch.other.copy_(batch.other)
        self._progress.fill_(progress)
        self._recorder.replay()
        return {name: value.clone() for name, value in self._values.items()}

    def _capture(self, batch: Batch) -> None:
        other = None if batch.other is None else batch.other.clone()
        self._batch = Batch(batch.images.clone(), other)
        self._progress = self._progress.to(batch.images.device)

        def work() -> None:
            assert self._batch is not None
            self._values = self._step(self._batch, self._progress)

        with untouched(self._architecture, self._adams, batch.images.device):
            self._recorder.warm_up(work)
        self._recorder.capture(work)


@contextmanager
def untouched(
    architecture: Architecture, adams: list[torch.optim.Adam], device: torch.device
) -> Iterator[None]:
    """Whatever steps are taken inside, weights, statistics, moments and random numbers are afterwards as before, in the
    same places in memory."""
    before = {name: value.clone() for name, value in architecture.state_dict().items()}
    moments = [
        {
            parameter: {name: value.clone() for name, value in state.items()}
            for parameter, state in adam.state.items()
        }
        for adam in adams
    ]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
    with torch.no_grad():
        for name, value in architecture.state_dict().items():
            value.copy_(before[name])
        for adam, known in zip(adams, moments, strict=True):
            for parameter, state in adam.state.items():
                for name, value in state.items():
                    # before the first step Adam has no moments: they start at zero
                    if parameter in known:
                        value.copy_(known[parameter][name])
                    else:
                        value.zero_()
