"""HVAE against the exact evidence of a linear-Gaussian model of two levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.hierarchical import GaussianNetwork, HierarchicalVAE
from reproduce.architectures.settings import Backbone, Hierarchy
from tests.architectures.exact import (
    LinearDecoder,
    LinearEncoder,
    LinearGaussianNetwork,
    corners,
    draws,
    observed,
)

X = observed(0.7, -0.3, 1.1)
SLOPE, OFFSET, VARIANCE = 1.3, 0.2, 0.4
"""p(z₁|z₂) = N(1.3 z₂ + 0.2, 0.4)."""
W = np.array([0.9, -0.5, 1.2])
B = np.array([0.1, 0.0, -0.2])
"""p(x|z₁) = N(W z₁ + B, I)."""


def evidence() -> float:
    """log p(x), without the likelihood's constant, which the loss leaves out."""
    spread = SLOPE**2 + VARIANCE
    density = multivariate_normal(W * OFFSET + B, np.eye(3) + spread * np.outer(W, W))
    return float(density.logpdf(X.flatten().numpy())) + 1.5 * math.log(2 * math.pi)


def matrix(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def model(first_shift: float = 0.0, second_shift: float = 0.0, widen: float = 0.0) -> HierarchicalVAE:
    """The two-level model with its exact posteriors, moved by shifts and widened."""
    line = Backbone(latent_dim=1, final_block="full", likelihood="gaussian")
    built = HierarchicalVAE(line, Hierarchy(second_dim=1, hidden=4))
    # p(z₁) = N(OFFSET, SLOPE² + VARIANCE); conditioned on x, then z₂ conditioned on z₁
    spread = SLOPE**2 + VARIANCE
    first_variance = 1 / (1 / spread + W @ W)
    second_variance = 1 / (1 + SLOPE**2 / VARIANCE)
    gain = second_variance * SLOPE / VARIANCE
    weight = torch.from_numpy(first_variance * W)[None, :]
    bias = first_variance * (OFFSET / spread - W @ B) + first_shift
    built.encoder = LinearEncoder(weight, vector(bias), vector(math.log(first_variance) + widen))
    built.decoder = LinearDecoder(torch.from_numpy(W)[:, None], torch.from_numpy(B))
    built.inference = LinearGaussianNetwork(  # type: ignore[assignment]
        matrix([gain]), vector(-gain * OFFSET + second_shift), vector(math.log(second_variance) + widen)
    )
    built.generation = LinearGaussianNetwork(  # type: ignore[assignment]
        matrix([SLOPE]), vector(OFFSET), vector(math.log(VARIANCE))
    )
    return built


def bound(built: HierarchicalVAE) -> float:
    """The exact expectation of the bound: noise of both levels on the corners of the square."""
    first, second = corners(2).split(1, dim=1)
    with draws(first, second), torch.no_grad():
        return -float(built.losses(Batch(X.expand(4, -1, -1, -1)), 0.0).players["autoencoder"])


def test_bound_equals_the_evidence_at_the_exact_posteriors() -> None:
    assert bound(model()) == pytest.approx(evidence(), rel=1e-12)


@pytest.mark.parametrize("change", [(0.3, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.6), (-0.2, 0.4, -0.5)])
def test_bound_stays_below_the_evidence_elsewhere(change: tuple[float, float, float]) -> None:
    assert bound(model(*change)) < evidence() - 0.01


def test_shortfall_is_the_kl_of_both_levels_to_their_posteriors() -> None:
    """A shift of q(z₂|z₁) alone costs shift² / (2 · posterior variance)."""
    second_variance = 1 / (1 + SLOPE**2 / VARIANCE)
    expected = evidence() - 0.5**2 / (2 * second_variance)
    assert bound(model(second_shift=0.5)) == pytest.approx(expected, rel=1e-12)


def test_levels_are_recorded_apart_and_sum_to_the_kl() -> None:
    built = model(0.3, 0.2, 0.1)
    first, second = corners(2).split(1, dim=1)
    with draws(first, second), torch.no_grad():
        losses = built.losses(Batch(X.expand(4, -1, -1, -1)), 0.0)
    with draws(first, second), torch.no_grad():
        kl = built.kl(X.expand(4, -1, -1, -1))
    assert kl is not None
    both = losses.parts["kl_first"] + losses.parts["kl_second"]
    assert float(both) == pytest.approx(float(kl.mean()), rel=1e-12)
    total = losses.parts["reconstruction"] + both
    assert float(losses.players["autoencoder"]) == pytest.approx(float(total), rel=1e-12)


def test_network_has_one_hidden_layer_and_splits_mean_from_log_variance() -> None:
    network = GaussianNetwork(3, 5, 2).double()
    z = torch.randn(4, 3, dtype=torch.float64)
    first, _, last = network.layers
    out = (z @ first.weight.T + first.bias).clamp_min(0) @ last.weight.T + last.bias
    mean, log_variance = network(z)
    torch.testing.assert_close(mean, out[:, :2])
    torch.testing.assert_close(log_variance, out[:, 2:])


def test_code_is_the_first_levels_mean_and_decodes_alone(plane: Backbone, images: Tensor) -> None:
    built = HierarchicalVAE(plane, Hierarchy(second_dim=3, hidden=8)).double().eval()
    code = built.encode(images)
    assert code.shape == (8, 2)
    for network in (built.inference, built.generation):
        for parameter in network.parameters():
            parameter.data.normal_()
    torch.testing.assert_close(built.encode(images), code)
    assert built.decode(code).shape == images.shape
