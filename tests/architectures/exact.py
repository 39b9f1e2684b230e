"""Models small enough for pen and paper, and noise small enough to take expectations over exactly.

A linear-Gaussian model has a known evidence. Losses of such models are quadratic in their Gaussian noise, and the
mean of a quadratic function over the corners of the cube {-1, 1}^n is its Gaussian expectation: with `signs` in
place of `torch.randn_like`, a batch of 2^n equal images gives a bound without sampling error.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import torch
from pythae.models.base.base_utils import ModelOutput
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from reproduce.architectures.contract import Architecture, Batch, Player
from reproduce.protocol import profile
from reproduce.training import optimizers, step


class LinearEncoder(nn.Module):
    """q(z|x) = N(Wx + b, diag exp(s)) with the same s for all x."""

    def __init__(self, weight: Tensor, bias: Tensor, log_variance: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())
        self.log_variance = nn.Parameter(log_variance.clone())

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        mean = x.flatten(1) @ self.weight.T + self.bias
        return ModelOutput(embedding=mean, log_covariance=self.log_variance.expand_as(mean))


class LinearDecoder(nn.Module):
    """x = Wz + b, as an image of one row."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=(z @ self.weight.T + self.bias)[:, None, None, :])


class LinearGaussianNetwork(nn.Module):
    """Wz + b and a constant log-variance: stands in for `hierarchical.GaussianNetwork`."""

    def __init__(self, weight: Tensor, bias: Tensor, log_variance: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())
        self.log_variance = nn.Parameter(log_variance.clone())

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean = z @ self.weight.T + self.bias
        return mean, self.log_variance.expand_as(mean)


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(Wz + b, I), W with orthogonal columns so that the posterior is diagonal."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def example(cls) -> LinearGaussian:
        """Two latent, four observed dimensions."""
        weight = torch.tensor([[1.2, 0.0], [0.5, 0.4], [0.0, -0.9], [-0.5, 0.4]], dtype=torch.float64)
        weight[:, 1] -= weight[:, 0] * (weight[:, 0] @ weight[:, 1]) / weight[:, 0].square().sum()
        return cls(weight, torch.tensor([0.3, -0.2, 0.1, 0.5], dtype=torch.float64))

    @property
    def decoder(self) -> LinearDecoder:
        return LinearDecoder(self.weight, self.bias)

    def encoder(self, shift: float = 0.0, widen: float = 0.0) -> LinearEncoder:
        """The exact posterior, its mean moved by `shift` and its log-variance by `widen`."""
        precision = torch.eye(2, dtype=torch.float64) + self.weight.T @ self.weight
        assert abs(precision[0, 1]) < 1e-12
        gain = torch.linalg.solve(precision, self.weight.T)
        return LinearEncoder(gain, shift - gain @ self.bias, widen - precision.diagonal().log())

    def evidence(self, x: Tensor) -> np.ndarray:
        """log p(x) without the likelihood's constant, which the losses leave out, too: (B, 1, 1, D) → (B,)."""
        covariance = np.eye(len(self.bias)) + (self.weight @ self.weight.T).numpy()
        density = multivariate_normal(self.bias.numpy(), covariance).logpdf(x.flatten(1).numpy())
        return np.atleast_1d(density) + 0.5 * len(self.bias) * math.log(2 * math.pi)


def observed(*values: float) -> Tensor:
    """One image of one row, (1, 1, 1, D) float64."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def corners(dimensions: int) -> Tensor:
    """All corners of {-1, 1}^n: (2^n, n) float64."""
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=dimensions)), dtype=torch.float64)


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
    """Gaussian noise that depends on the seed and on how many numbers were asked for, not on strides."""
    generator = torch.Generator().manual_seed(seed)
    with noise(lambda shape: torch.randn(shape.numel(), generator=generator, dtype=torch.float64)):
        yield


def move(architecture: Architecture, batch: Batch, *names: str, progress: float = 1.0) -> dict[str, Tensor]:
    """One step of the named players (all by default); state name → what it was before."""
    before = {name: value.clone() for name, value in architecture.state_dict().items()}
    players: tuple[Player, ...] = tuple(
        player for player in architecture.players() if not names or player.name in names
    )
    step(architecture, players, optimizers(players, profile("paper")), batch, progress)
    return before


def moved(architecture: Architecture, before: dict[str, Tensor]) -> set[str]:
    """The parameters that differ from before."""
    return {name for name, value in architecture.named_parameters() if not torch.equal(value, before[name])}


def trained(architecture: Architecture, *prefixes: str) -> set[str]:
    """Names of the trained parameters that start with one of the prefixes (all, if there is none)."""
    return {
        name
        for name, value in architecture.named_parameters()
        if value.requires_grad and name.startswith(prefixes or "")
    }


def within(value: float, expected: float, samples: Tensor, sigmas: float = 4.5) -> bool:
    """Whether a mean of samples lies within that many standard errors of the expected value."""
    return abs(value - expected) <= sigmas * float(samples.std()) / math.sqrt(samples.numel())
