"""Importance-weighted bounds on linear-Gaussian models whose evidence is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from reproduce.architectures.contract import Batch, Player
from reproduce.architectures.importance import (
    CIWAE,
    IWAE,
    MIWAE,
    PIWAE,
    ImportanceWeighted,
    elbo,
    iwae_bound,
    miwae_bound,
)
from reproduce.architectures.settings import Backbone, Importance
from reproduce.training import player_gradients
from tests.architectures.exact import (
    LinearDecoder,
    LinearEncoder,
    X,
    corners,
    double,
    draws,
    evidence,
    linear_decoder,
    linear_encoder,
    same_noise,
    shortfall,
)

SHIFT, WIDEN = 0.3, 0.4
"""How far the posterior misses the exact one."""
BATCH = Batch(X.expand(4, -1, -1, -1))


def linear(
    kind: type[ImportanceWeighted],
    plane: Backbone,
    groups: int,
    samples: int,
    beta: float = 0.0,
    shift: float = SHIFT,
    widen: float = WIDEN,
) -> ImportanceWeighted:
    model = kind(plane, Importance(groups, samples, beta))
    model.encoder, model.decoder = linear_encoder(shift, widen), linear_decoder()
    return model


def test_bounds_are_their_definitions() -> None:
    log_weights = torch.randn(4, 2, 3, dtype=torch.float64)
    w = np.exp(log_weights.numpy())
    np.testing.assert_allclose(elbo(log_weights), np.log(w).mean((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(iwae_bound(log_weights), np.log(w.mean((1, 2))), rtol=1e-12)
    np.testing.assert_allclose(miwae_bound(log_weights), np.log(w.mean(2)).mean(1), rtol=1e-12)


def test_bounds_survive_weights_beyond_the_range_of_exp() -> None:
    log_weights = torch.tensor([[[-2000.0, -2001.0]]])
    expected = -2000 + math.log((1 + math.exp(-1)) / 2)
    assert float(iwae_bound(log_weights)) == pytest.approx(expected)
    assert float(miwae_bound(log_weights)) == pytest.approx(expected)


def test_every_weight_is_the_evidence_at_the_exact_posterior(plane: Backbone) -> None:
    model = linear(IWAE, plane, 2, 3, shift=0.0, widen=0.0)
    log_weights, _ = model.log_weights(X.expand(5, -1, -1, -1))
    np.testing.assert_allclose(log_weights.detach(), np.full((5, 2, 3), evidence(X)[0]), rtol=1e-12)


@pytest.mark.parametrize(("kind", "samples", "beta"), [(IWAE, 1, 0.0), (CIWAE, 5, 1.0)])
def test_with_one_sample_or_beta_one_the_evidence_lower_bound_is_left(
    kind: type[ImportanceWeighted], samples: int, beta: float, plane: Backbone
) -> None:
    """The evidence minus the KL to the exact posterior; every sample runs through all corners."""
    model = linear(kind, plane, 1, samples, beta)
    with draws(corners(2)[:, None, None].expand(-1, 1, samples, -1)):
        loss = model.losses(BATCH, 0.0).players["autoencoder"]
    assert -float(loss.detach()) == pytest.approx(evidence(X)[0] - shortfall(SHIFT, WIDEN), rel=1e-12)


# --- two samples in one latent dimension: integrals by quadrature, without sampling error ---------------

Q = norm(0.2, math.exp(0.25 / 2))
"""A posterior of p(x|z) = N(1.5 z, 1) that misses the exact one."""
OBSERVED = 0.8
POINTS, MASSES = np.polynomial.hermite_e.hermegauss(60)
MASSES = MASSES / MASSES.sum()


def integrals() -> tuple[float, float]:
    """E log w and E log ((w₁ + w₂) / 2) under Q, from densities of scipy."""
    z = Q.mean() + Q.std() * POINTS
    log_w = -0.5 * (OBSERVED - 1.5 * z) ** 2 + norm.logpdf(z) - Q.logpdf(z)
    both = np.logaddexp(log_w[:, None], log_w[None, :]) - math.log(2)
    return float(MASSES @ log_w), float(MASSES @ both @ MASSES)


@pytest.mark.parametrize(
    ("kind", "groups", "beta", "single"),
    [
        (IWAE, 1, 0, 0),
        (CIWAE, 1, 0, 0),
        (CIWAE, 1, 0.3, 0.3),
        (CIWAE, 1, 1, 1),
        (MIWAE, 1, 0, 0),
        (MIWAE, 2, 0, 1),
    ],
)
def test_bound_of_two_samples_is_its_integral(
    kind: type[ImportanceWeighted], groups: int, beta: float, single: float
) -> None:
    """The share `single` of it the evidence lower bound, the rest the two-sample bound (Rainforth et al. 2018).
    CIWAE's β of 0.3 tells the two apart; MIWAE's two groups of one sample have no bound of two."""
    line = Backbone(latent_dim=1, final_block="full", likelihood="gaussian")
    model = kind(line, Importance(groups, 2 // groups, beta))
    model.encoder = LinearEncoder(double([[0.0]]), double([0.2]), double([0.25]))
    model.decoder = LinearDecoder(double([[1.5]]), double([0.0]))
    pairs = torch.from_numpy(np.stack(np.meshgrid(POINTS, POINTS, indexing="ij"), -1).reshape(-1, 2))
    with draws(pairs), torch.no_grad():
        log_weights, _ = model.log_weights(double([[[[OBSERVED]]]]).expand(len(pairs), -1, -1, -1))
        bound = model.objective(log_weights)["autoencoder"]
    one, both = integrals()
    assert both - one > 0.05
    found = float(torch.from_numpy(np.outer(MASSES, MASSES).ravel()) @ bound)
    assert found == pytest.approx(single * one + (1 - single) * both, rel=1e-10)


# --- PIWAE ----------------------------------------------------------------------------------------------


def gradients(model: ImportanceWeighted) -> dict[str, tuple[Tensor, ...]]:
    """Gradients by encoder and decoder of the player who owns them."""
    with same_noise(7):
        losses = model.losses(BATCH, 0.0).players
    if "encoder" in losses:
        return player_gradients(model.players(), losses)
    by_part = (Player.of("encoder", model.encoder), Player.of("decoder", model.decoder))
    return player_gradients(by_part, dict.fromkeys(("encoder", "decoder"), losses["autoencoder"]))


def test_piwae_encoder_follows_miwae_and_decoder_follows_iwae(plane: Backbone) -> None:
    partially, multiply, whole = (gradients(linear(kind, plane, 2, 5)) for kind in (PIWAE, MIWAE, IWAE))
    torch.testing.assert_close(partially["encoder"], multiply["encoder"])
    torch.testing.assert_close(partially["decoder"], whole["decoder"])
    # and the two bounds do pull differently, or nothing would have been shown
    for part in ("encoder", "decoder"):
        assert not torch.allclose(multiply[part][0], whole[part][0], rtol=1e-3)


def test_piwae_is_validated_on_the_tighter_bound(plane: Backbone) -> None:
    found = []
    for kind in (PIWAE, IWAE):
        with same_noise(3), torch.no_grad():
            found.append(float(linear(kind, plane, 2, 5).validation_loss(BATCH)))
    assert found[0] == pytest.approx(found[1], rel=1e-12)
