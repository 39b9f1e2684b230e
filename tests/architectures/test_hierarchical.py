"""HVAE against the exact evidence of a linear-Gaussian model of two levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from reproduce.architectures.contract import Batch
from reproduce.architectures.hierarchical import GaussianNetwork, HierarchicalVAE
from reproduce.architectures.settings import Backbone, Hierarchy
from tests.architectures.exact import (
    LinearDecoder,
    LinearEncoder,
    LinearGaussianNetwork,
    corners,
    double,
    draws,
)

X = double([0.7, -0.3, 1.1]).view(1, 1, 1, 3)
SLOPE, OFFSET, VARIANCE = 1.3, 0.2, 0.4
"""p(z₁|z₂) = N(1.3 z₂ + 0.2, 0.4)."""
W = np.array([0.9, -0.5, 1.2])
B = np.array([0.1, 0.0, -0.2])
"""p(x|z₁) = N(W z₁ + B, I)."""
SPREAD = SLOPE**2 + VARIANCE
"""Of z₁."""
SECOND_VARIANCE = 1 / (1 + SLOPE**2 / VARIANCE)
"""Of z₂ given z₁."""


def evidence() -> float:
    """log p(x), without the likelihood's constant, which the loss leaves out."""
    density = multivariate_normal(W * OFFSET + B, np.eye(3) + SPREAD * np.outer(W, W))
    return float(density.logpdf(X.flatten().numpy())) + 1.5 * math.log(2 * math.pi)


def bound(first_shift: float = 0.0, second_shift: float = 0.0, widen: float = 0.0) -> float:
    """The exact expectation of the bound with the exact posteriors moved by shifts and widened."""
    line = Backbone(latent_dim=1, final_block="full", likelihood="gaussian")
    model = HierarchicalVAE(line, Hierarchy(second_dim=1, hidden=4))
    first_variance = 1 / (1 / SPREAD + W @ W)
    gain = SECOND_VARIANCE * SLOPE / VARIANCE
    model.encoder = LinearEncoder(
        torch.from_numpy(first_variance * W)[None, :],
        double([first_variance * (OFFSET / SPREAD - W @ B) + first_shift]),
        double([math.log(first_variance) + widen]),
    )
    model.decoder = LinearDecoder(torch.from_numpy(W)[:, None], torch.from_numpy(B))
    model.inference = LinearGaussianNetwork(  # type: ignore[assignment]
        double([[gain]]), double([second_shift - gain * OFFSET]), double([math.log(SECOND_VARIANCE) + widen])
    )
    model.generation = LinearGaussianNetwork(  # type: ignore[assignment]
        double([[SLOPE]]), double([OFFSET]), double([math.log(VARIANCE)])
    )
    # noise of both levels on the corners of the square
    with draws(*corners(2).split(1, dim=1)), torch.no_grad():
        return -float(model.losses(Batch(X.expand(4, -1, -1, -1)), 0.0).players["autoencoder"])


def test_bound_equals_the_evidence_at_the_exact_posteriors() -> None:
    assert bound() == pytest.approx(evidence(), rel=1e-12)


@pytest.mark.parametrize("change", [(0.3, 0.0, 0.0), (0.0, 0.0, 0.6), (-0.2, 0.4, -0.5)])
def test_bound_stays_below_the_evidence_elsewhere(change: tuple[float, float, float]) -> None:
    assert bound(*change) < evidence() - 0.01


def test_shift_of_the_second_level_costs_its_kl_to_the_exact_posterior() -> None:
    expected = evidence() - 0.5**2 / (2 * SECOND_VARIANCE)
    assert bound(second_shift=0.5) == pytest.approx(expected, rel=1e-12)


def test_network_has_one_hidden_layer_and_splits_mean_from_log_variance() -> None:
    network = GaussianNetwork(3, 5, 2).double()
    z = torch.randn(4, 3, dtype=torch.float64)
    first, _, last = network.layers
    out = (z @ first.weight.T + first.bias).clamp_min(0) @ last.weight.T + last.bias
    mean, log_variance = network(z)
    torch.testing.assert_close(mean, out[:, :2])
    torch.testing.assert_close(log_variance, out[:, 2:])
