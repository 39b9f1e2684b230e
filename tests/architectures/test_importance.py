"""Importance-weighted bounds on a linear-Gaussian model whose evidence is known."""

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
    LinearGaussian,
    corners,
    draws,
    move,
    moved,
    observed,
    same_noise,
    within,
)

MODEL = LinearGaussian.example()
X = observed(0.9, -0.4, 0.7, 0.2)
EVIDENCE = float(MODEL.evidence(X)[0])
SHIFT, WIDEN = 0.3, 0.4


def linear(
    kind: type[ImportanceWeighted],
    plane: Backbone,
    groups: int,
    samples: int,
    beta: float = 0.0,
    shift: float = SHIFT,
    widen: float = WIDEN,
) -> ImportanceWeighted:
    """The architecture with the example's decoder and a posterior that misses the exact one."""
    model = kind(plane, Importance(groups, samples, beta))
    model.encoder, model.decoder = MODEL.encoder(shift, widen), MODEL.decoder
    return model


def gap() -> float:
    """KL of that posterior to the exact one, in nats."""
    variances = MODEL.encoder().log_variance.exp().detach()
    return sum(0.5 * (SHIFT**2 / float(v) + math.exp(WIDEN) - 1 - WIDEN) for v in variances)


def bounds(model: ImportanceWeighted, repeats: int) -> Tensor:
    """The first player's bound for many independent copies of the image, (repeats,)."""
    with torch.no_grad():
        log_weights, _ = model.log_weights(X.expand(repeats, -1, -1, -1))
        return next(iter(model.objective(log_weights).values()))


# --- the bounds themselves ----------------------------------------------------------------------------


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


def test_bound_never_falls_when_a_sample_is_added() -> None:
    """Burda et al.'s theorem 1 holds for any weights, once averaged over which sample is left out."""
    log_weights = 3 * torch.randn(200, 1, 8, dtype=torch.float64)
    for K in range(2, 9):
        first = log_weights[:, :, :K]
        left_out = [torch.cat([first[:, :, :k], first[:, :, k + 1 :]], 2) for k in range(K)]
        fewer = torch.stack([iwae_bound(rest) for rest in left_out]).mean(0)
        assert (iwae_bound(first) >= fewer - 1e-12).all()


# --- on the linear-Gaussian model ---------------------------------------------------------------------


def test_every_weight_is_the_evidence_at_the_exact_posterior(plane: Backbone) -> None:
    model = linear(IWAE, plane, 2, 3, shift=0.0, widen=0.0)
    log_weights, _ = model.log_weights(X.expand(5, -1, -1, -1))
    np.testing.assert_allclose(log_weights.detach(), np.full((5, 2, 3), EVIDENCE), rtol=1e-12)


def test_single_sample_bound_is_the_elbo(plane: Backbone) -> None:
    """At K = 1 the exact expectation (over the noise's corners) is evidence minus KL to the posterior."""
    model = linear(IWAE, plane, 1, 1)
    with draws(corners(2)):
        loss = model.losses(Batch(X.expand(4, -1, -1, -1)), 0.0).players["autoencoder"]
    assert -float(loss.detach()) == pytest.approx(EVIDENCE - gap(), rel=1e-12)


def test_bounds_rise_with_the_samples_towards_the_evidence(plane: Backbone) -> None:
    found = [bounds(linear(IWAE, plane, 1, K), 40_000 // K) for K in (1, 2, 5, 20, 400)]
    means = [float(bound.mean()) for bound in found]
    errors = [float(bound.std()) / math.sqrt(len(bound)) for bound in found]
    for lower, higher, first, second in zip(means, means[1:], errors, errors[1:], strict=False):
        assert higher - lower > -4 * math.hypot(first, second)
    assert means[2] - means[0] > 10 * errors[0]
    assert all(mean < EVIDENCE + 4 * error for mean, error in zip(means, errors, strict=True))
    assert means[-1] == pytest.approx(EVIDENCE, abs=0.01)


Q = norm(0.2, math.exp(0.25 / 2))
"""A posterior in one latent dimension that misses the exact one."""


def one_dimensional(kind: type[ImportanceWeighted], beta: float) -> ImportanceWeighted:
    """p(x|z) = N(1.5 z, 1) with K = 2 samples of Q."""
    line = Backbone(latent_dim=1, final_block="full", likelihood="gaussian")
    weight, zero = torch.tensor([[1.5]], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    model = kind(line, Importance(1, 2, beta))
    model.encoder = LinearEncoder(weight * 0, zero + 0.2, zero + 0.25)
    model.decoder = LinearDecoder(weight, zero)
    return model


def quadrature(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and masses of N(0, 1), by Gauss and Hermite."""
    points, masses = np.polynomial.hermite_e.hermegauss(nodes)
    return points, masses / masses.sum()


def integrals(observation: float) -> tuple[float, float]:
    """E log w and E log ((w₁ + w₂) / 2) under Q, from densities of scipy."""
    points, masses = quadrature(60)
    z = Q.mean() + Q.std() * points
    log_w = -0.5 * (observation - 1.5 * z) ** 2 + norm.logpdf(z) - Q.logpdf(z)
    both = np.logaddexp(log_w[:, None], log_w[None, :]) - math.log(2)
    return float(masses @ log_w), float(masses @ both @ masses)


def expected_bound(model: ImportanceWeighted, observation: float) -> float:
    """The first player's bound in expectation over both samples: one image for each pair of nodes."""
    points, masses = quadrature(60)
    pairs = torch.from_numpy(np.stack(np.meshgrid(points, points, indexing="ij"), -1).reshape(-1, 2))
    with draws(pairs), torch.no_grad():
        log_weights, _ = model.log_weights(observed(observation).expand(len(pairs), -1, -1, -1))
        bound = next(iter(model.objective(log_weights).values()))
    return float(torch.from_numpy(np.outer(masses, masses).ravel()) @ bound)


def test_two_sample_bound_is_its_integral() -> None:
    """In one latent dimension E log ((w₁ + w₂) / 2) is a double integral, taken by quadrature: no sampling error."""
    assert expected_bound(one_dimensional(IWAE, 0.0), 0.8) == pytest.approx(integrals(0.8)[1], rel=1e-10)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_ciwae_is_beta_of_the_elbo_and_the_rest_of_the_iwae(beta: float) -> None:
    """Rainforth et al.'s combination, both ends taken from the integrals; 0.3 tells the two apart."""
    single, both = integrals(0.8)
    assert both - single > 0.05
    expected = beta * single + (1 - beta) * both
    assert expected_bound(one_dimensional(CIWAE, beta), 0.8) == pytest.approx(expected, rel=1e-10)


# --- the family ---------------------------------------------------------------------------------------


def loss(model: ImportanceWeighted) -> float:
    with same_noise(5), torch.no_grad():
        return float(model.losses(Batch(X.expand(6, -1, -1, -1)), 0.0).players["autoencoder"])


def test_miwae_of_one_group_is_iwae(plane: Backbone) -> None:
    assert loss(linear(MIWAE, plane, 1, 5)) == pytest.approx(loss(linear(IWAE, plane, 1, 5)), rel=1e-12)


def test_miwae_averages_groups(plane: Backbone) -> None:
    """Two groups of five expect what five samples expect, and less than ten do."""
    two_groups = bounds(linear(MIWAE, plane, 2, 5), 30_000)
    five, ten = (bounds(linear(IWAE, plane, 1, K), 30_000) for K in (5, 10))
    assert within(float(two_groups.mean()), float(five.mean()), five, 6)
    assert float(ten.mean() - two_groups.mean()) > 4 * float(ten.std()) / math.sqrt(len(ten))


def test_ciwae_at_one_loses_the_whole_gap_whatever_its_samples(plane: Backbone) -> None:
    """β = 1 is the ELBO: the training loss is KL to the posterior minus evidence, five samples or one."""
    for samples in (1, 5):
        model = linear(CIWAE, plane, 1, samples, beta=1.0)
        # every sample runs through all corners
        noise_ = corners(2)[:, None, None].expand(-1, 1, samples, -1)
        with draws(noise_):
            losses = model.losses(Batch(X.expand(4, -1, -1, -1)), 0.0)
        assert -float(losses.players["autoencoder"].detach()) == pytest.approx(EVIDENCE - gap(), rel=1e-12)


def test_ciwae_at_zero_is_the_iwae(plane: Backbone) -> None:
    assert loss(linear(CIWAE, plane, 1, 5, 0.0)) == loss(linear(IWAE, plane, 1, 5))


def gradients(model: ImportanceWeighted) -> dict[str, tuple[Tensor, ...]]:
    """Gradients by encoder and decoder of the player who owns them."""
    with same_noise(7):
        losses = model.losses(Batch(X.expand(6, -1, -1, -1)), 0.0).players
    if "encoder" in losses:
        return player_gradients(model.players(), losses)
    by_part = (Player.of("encoder", model.encoder), Player.of("decoder", model.decoder))
    return player_gradients(by_part, dict.fromkeys(("encoder", "decoder"), losses["autoencoder"]))


def test_piwae_encoder_follows_miwae_and_decoder_follows_iwae(plane: Backbone) -> None:
    partially = gradients(linear(PIWAE, plane, 2, 5))
    multiply = gradients(linear(MIWAE, plane, 2, 5))
    whole = gradients(linear(IWAE, plane, 2, 5))
    for found, expected in zip(partially["encoder"], multiply["encoder"], strict=True):
        torch.testing.assert_close(found, expected)
    for found, expected in zip(partially["decoder"], whole["decoder"], strict=True):
        torch.testing.assert_close(found, expected)
    # and the two bounds do pull differently, or nothing would have been shown
    assert not torch.allclose(multiply["encoder"][0], whole["encoder"][0], rtol=1e-3)
    assert not torch.allclose(multiply["decoder"][0], whole["decoder"][0], rtol=1e-3)


@pytest.mark.parametrize("player", ["encoder", "decoder"])
def test_piwae_players_move_only_themselves(plane: Backbone, player: str) -> None:
    model = linear(PIWAE, plane, 2, 5)
    before = move(model, Batch(X.expand(6, -1, -1, -1)), player)
    names = {name for name, _ in model.named_parameters() if name.startswith(player)}
    assert moved(model, before) == names


def test_piwae_is_validated_on_the_tighter_bound(plane: Backbone) -> None:
    batch = Batch(X.expand(6, -1, -1, -1))
    with torch.no_grad():
        with same_noise(3):
            found = float(linear(PIWAE, plane, 2, 5).validation_loss(batch))
        with same_noise(3):
            expected = float(linear(IWAE, plane, 2, 5).validation_loss(batch))
    assert found == pytest.approx(expected, rel=1e-12)


def test_all_decodes_of_a_batch_share_one_pass(plane: Backbone, images: Tensor) -> None:
    """Batch norm sees B·M·K decodes at once: one update of its running statistics a step."""
    model = MIWAE(plane, Importance(2, 3, 0.0)).double()
    model.losses(Batch(images), 0.0)
    counts = [value for name, value in model.decoder.named_buffers() if name.endswith("num_batches_tracked")]
    assert counts
    assert all(int(count) == 1 for count in counts)
