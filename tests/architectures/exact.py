"""Models small enough for pen and paper, and noise small enough to take expectations over exactly.

A linear-Gaussian model has a known evidence. Losses of such models are quadratic in their Gaussian noise, and the
mean of a quadratic function over the corners of the cube {-1, 1}^n is its Gaussian expectation: with `corners` in
place of `torch.randn_like`, a batch of 2^n equal images gives a bound without sampling error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import torch
from pythae.models.base.base_utils import ModelOutput
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from reproduce.architectures.contract import Architecture, Batch
from reproduce.protocol import profile
from reproduce.training import optimizers, step


def double(values: object) -> Tensor:
    """The numbers as a tensor in double precision."""
    return torch.tensor(values, dtype=torch.float64)


class LinearGaussianNetwork(nn.Module):
    """Mean Wz + b and a constant log-variance: stands in for `hierarchical.GaussianNetwork`."""

    def __init__(self, weight: Tensor, bias: Tensor, log_variance: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())
        self.log_variance = nn.Parameter(log_variance.clone())

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean = z @ self.weight.T + self.bias
        return mean, self.log_variance.expand_as(mean)


class LinearEncoder(LinearGaussianNetwork):
    """q(z|x) = N(Wx + b, diag exp(s)) with the same s for all x."""

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        mean, log_variance = super().forward(x.flatten(1))
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class LinearDecoder(nn.Module):
    """x = Wz + b, as an image of one row."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=(z @ self.weight.T + self.bias)[:, None, None, :])


WEIGHT = double([[1.2, 0.0], [0.5, 0.4], [0.0, -0.9], [-0.5, 0.4]])
"""Its columns are orthogonal, so that the exact posterior is diagonal."""
BIAS = double([0.3, -0.2, 0.1, 0.5])
X = double([0.9, -0.4, 0.7, 0.2]).view(1, 1, 1, 4)
"""One image of one row."""
POSTERIOR_VARIANCE = 1 / (1 + WEIGHT.square().sum(0))


def linear_decoder() -> LinearDecoder:
    return LinearDecoder(WEIGHT, BIAS)


def linear_encoder(shift: float) -> LinearEncoder:
    """The exact posterior, its mean moved by `shift`."""
    gain = POSTERIOR_VARIANCE[:, None] * WEIGHT.T
    return LinearEncoder(gain, shift - gain @ BIAS, POSTERIOR_VARIANCE.log())


def evidence(x: Tensor) -> np.ndarray:
    """log p(x) without the likelihood's constant, which the losses leave out, too: (B, 1, 1, D) → (B,)."""
    covariance = np.eye(len(BIAS)) + (WEIGHT @ WEIGHT.T).numpy()
    density = multivariate_normal(BIAS.numpy(), covariance).logpdf(x.flatten(1).numpy())
    return np.atleast_1d(density) + 0.5 * len(BIAS) * math.log(2 * math.pi)


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
