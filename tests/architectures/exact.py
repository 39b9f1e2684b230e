"""Noise that is known, and what a step moves.

The mean of a quadratic function over the corners of the cube {-1, 1}^n is its Gaussian expectation: with `corners` in
place of `torch.randn_like`, a batch of 2^n equal images gives a bound without sampling error.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor

from reproduce.architectures.contract import Architecture, Batch
from reproduce.protocol import profile
from reproduce.training import optimizers, step


def double(values: object) -> Tensor:
    """The numbers as a tensor in double precision."""
    return torch.tensor(values, dtype=torch.float64)


def corners(dimensions: int) -> Tensor:
    """All corners of {-1, 1}^n: (2^n, n) float64."""
    return double(list(itertools.product([-1.0, 1.0], repeat=dimensions)))


@contextmanager
def noise(source: Callable[[torch.Size], Tensor]) -> Iterator[None]:
    """`torch.randn_like` gives what the source gives for its shape, in the shape's logical order."""

    def given(like: Tensor, **_: object) -> Tensor:
        return source(like.shape).reshape(like.shape).to(like)

    with patch.object(torch, "randn_like", given):
        yield


@contextmanager
def draws(*values: Tensor) -> Iterator[None]:
    """The first call of `torch.randn_like` gives the first value, and so on."""
    queue = iter(values)
    with noise(lambda shape: next(queue)):
        yield


@contextmanager
def same_noise(seed: int) -> Iterator[None]:
    """Every draw repeats; Gaussian noise depends on how many numbers were asked for, and not on strides."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    with noise(lambda shape: torch.randn(shape.numel(), generator=generator, dtype=torch.float64)):
        yield


def move(architecture: Architecture, batch: Batch, *names: str) -> dict[str, Tensor]:
    """One step of the named players (all by default); state name → what it was before."""
    before = {name: value.clone() for name, value in architecture.state_dict().items()}
    players = tuple(player for player in architecture.players() if not names or player.name in names)
    step(architecture, players, optimizers(players, profile("paper")), batch, 0.5)
    return before


def moved(architecture: Architecture, before: dict[str, Tensor]) -> set[str]:
    """The parameters that differ from before."""
    return {name for name, value in architecture.named_parameters() if not torch.equal(value, before[name])}


def trained(architecture: Architecture, *prefixes: str) -> set[str]:
    """Names of the trained parameters that start with one of the prefixes."""
    return {
        name
        for name, value in architecture.named_parameters()
        if value.requires_grad and name.startswith(prefixes)
    }
