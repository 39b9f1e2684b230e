"""HVAE against the exact evidence of a linear-Gaussian model of two levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pythae.models.base.base_utils import ModelOutput
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from reproduce.architectures.contract import Batch
from reproduce.architectures.hierarchical import HierarchicalVAE
from reproduce.architectures.settings import Backbone, Hierarchy
from tests.architectures.exact import corners, double, draws

X = double([0.7, -0.3, 1.1]).view(1, 1, 1, 3)
SLOPE, OFFSET, VARIANCE = 1.3, 0.2, 0.4
"""p(z₁|z₂) = N(1.3 z₂ + 0.2, 0.4)."""
W, B = np.array([0.9, -0.5, 1.2]), np.array([0.1, 0.0, -0.2])
"""p(x|z₁) = N(W z₁ + B, I)."""
SPREAD = SLOPE**2 + VARIANCE
"""Of z₁."""
SECOND_VARIANCE = 1 / (1 + SLOPE**2 / VARIANCE)
"""Of z₂ given z₁."""


class Network(nn.Module):
    """Mean wz + b and a constant variance: stands in for `hierarchical.GaussianNetwork`."""

    def __init__(self, weight: float | np.ndarray, bias: float, variance: float) -> None:
        super().__init__()
        self.weight, self.bias = double(np.atleast_2d(weight)), double([bias])
        self.log_variance = double([math.log(variance)])

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean = z @ self.weight.T + self.bias
        return mean, self.log_variance.expand_as(mean)


class Encoder(Network):
    """The same of an image's pixels."""

    def forward(self, x: Tensor) -> ModelOutput:  # type: ignore[override]
        mean, log_variance = super().forward(x.flatten(1))
        return ModelOutput(embedding=mean, log_covariance=log_variance)


class Decoder(nn.Module):
    """W z₁ + B, as an image of one row."""

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=(z * double(W) + double(B))[:, None, None, :])


def evidence() -> float:
    """log p(x), without the likelihood's constant, which the loss leaves out."""
    density = multivariate_normal(W * OFFSET + B, np.eye(3) + SPREAD * np.outer(W, W))
    return float(density.logpdf(X.flatten().numpy())) + 1.5 * math.log(2 * math.pi)


def bound(second_shift: float) -> float:
    """The exact expectation of the bound with the exact posteriors, that of z₂ moved by the shift."""
    line = Backbone(latent_dim=1, final_block="full", likelihood="gaussian")
    model = HierarchicalVAE(line, Hierarchy(second_dim=1, hidden=4))
    first_variance = 1 / (1 / SPREAD + W @ W)
    gain = SECOND_VARIANCE * SLOPE / VARIANCE
    model.encoder = Encoder(first_variance * W, first_variance * (OFFSET / SPREAD - W @ B), first_variance)
    model.decoder = Decoder()
    model.inference = Network(gain, second_shift - gain * OFFSET, SECOND_VARIANCE)  # type: ignore[assignment]
    model.generation = Network(SLOPE, OFFSET, VARIANCE)  # type: ignore[assignment]
    # noise of both levels on the corners of the square
    with draws(*corners(2).split(1, dim=1)), torch.no_grad():
        return -float(model.losses(Batch(X.expand(4, -1, -1, -1)), 0.0).players["autoencoder"])


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_bound_is_the_evidence_less_the_kl_of_a_shift_of_the_second_level(shift: float) -> None:
    expected = evidence() - shift**2 / (2 * SECOND_VARIANCE)
    assert bound(shift) == pytest.approx(expected, rel=1e-12)
