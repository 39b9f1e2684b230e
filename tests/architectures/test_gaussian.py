"""VAE, β-VAE, InfoVAE and disentangled β-VAE on a model whose evidence is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.gaussian import (
    BetaVariationalAutoencoder,
    CapacityVariationalAutoencoder,
    InfoVariationalAutoencoder,
    PythaeGaussian,
    VariationalAutoencoder,
)
from reproduce.architectures.settings import Backbone, Capacity, Information, NoSettings, Weighted
from tests.architectures.exact import LinearEncoder, LinearGaussian, corners, draws, observed
from tests.architectures.test_mmd import double_loop

MODEL = LinearGaussian.example()
X = observed(0.9, -0.4, 0.7, 0.2)
BATCH = Batch(X.expand(4, -1, -1, -1))
"""One image for each corner of the noise, so that losses are exact expectations."""


def linear(model: PythaeGaussian, encoder: LinearEncoder) -> PythaeGaussian:
    model.pythae.encoder, model.pythae.decoder = encoder, MODEL.decoder
    return model


def terms(encoder: LinearEncoder) -> tuple[float, float]:
    """Expected ½ squared error and KL of the example, by hand."""
    output = encoder(X)
    mean, variance = output.embedding[0].detach(), output.log_covariance[0].exp().detach()
    residual = X.flatten() - MODEL.weight @ mean - MODEL.bias
    error = 0.5 * (residual.square().sum() + (MODEL.weight.square() * variance).sum())
    kl = sum(0.5 * (m**2 + v - 1 - v.log()) for m, v in zip(mean, variance, strict=True))
    return float(error), float(kl)


def exact_loss(model: PythaeGaussian | CapacityVariationalAutoencoder, progress: float = 1.0) -> float:
    with draws(corners(2)), torch.no_grad():
        return float(model.losses(BATCH, progress).players["autoencoder"])


def test_elbo_equals_the_evidence_at_the_exact_posterior(plane: Backbone) -> None:
    model = linear(VariationalAutoencoder(plane, NoSettings()), MODEL.encoder())
    assert -exact_loss(model) == pytest.approx(MODEL.evidence(X)[0], rel=1e-12)


def test_elbo_falls_short_of_the_evidence_by_the_kl_to_the_posterior(plane: Backbone) -> None:
    shift, widen = 0.4, 0.5
    model = linear(VariationalAutoencoder(plane, NoSettings()), MODEL.encoder(shift, widen))
    variances = MODEL.encoder().log_variance.exp().detach()
    gap = sum(0.5 * (shift**2 / float(v) + 2.718281828459045**widen - 1 - widen) for v in variances)
    assert -exact_loss(model) == pytest.approx(MODEL.evidence(X)[0] - gap, rel=1e-12)


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_beta_weighs_the_kl_alone(plane: Backbone, beta: float) -> None:
    encoder = MODEL.encoder(0.3)
    model = linear(BetaVariationalAutoencoder(plane, Weighted(beta)), encoder)
    error, kl = terms(encoder)
    assert exact_loss(model) == pytest.approx(error + beta * kl, rel=1e-12)


@pytest.mark.parametrize(
    ("alpha", "lambda_", "kl_weight", "mmd_weight"), [(0.5, 10.0, 0.5, 9.5), (0.0, 3.0, 1.0, 2.0)]
)
def test_info_vae_weighs_kl_by_1_minus_alpha_and_mmd_by_alpha_plus_lambda_minus_1(
    plane: Backbone, alpha: float, lambda_: float, kl_weight: float, mmd_weight: float
) -> None:
    encoder = MODEL.encoder(0.3)
    model = linear(InfoVariationalAutoencoder(plane, Information(alpha, lambda_, 1.0)), encoder)
    prior = torch.randn(4, 2, dtype=torch.float64)
    with draws(corners(2), prior), torch.no_grad():
        loss = model.losses(BATCH, 1.0).players["autoencoder"]
    output = encoder(BATCH.images)
    z = (output.embedding + corners(2) * (0.5 * output.log_covariance).exp()).detach()
    error, kl = terms(encoder)
    expected = error + kl_weight * kl + mmd_weight * double_loop(z, prior, 1.0)
    assert float(loss) == pytest.approx(expected, rel=1e-10)


def test_info_vae_minimises_the_discrepancy(plane: Backbone) -> None:
    """Codes that lie far from the prior cost more by 9.5 times their greater discrepancy, not less."""
    prior = torch.randn(4, 2, dtype=torch.float64)
    excess = []
    for shift in (0.0, 3.0):
        encoder = MODEL.encoder(shift)
        model = linear(InfoVariationalAutoencoder(plane, Information(0.5, 10.0, 1.0)), encoder)
        with draws(corners(2), prior), torch.no_grad():
            loss = float(model.losses(BATCH, 1.0).players["autoencoder"])
        error, kl = terms(encoder)
        excess.append(loss - error - 0.5 * kl)
    assert excess[1] - excess[0] > 5


# --- disentangled β-VAE: the capacity's schedule ------------------------------------------------------


def capacity_model(plane: Backbone, encoder: LinearEncoder) -> CapacityVariationalAutoencoder:
    model = CapacityVariationalAutoencoder(plane, Capacity(weight=10.0, capacity=25.0))
    model.encoder, model.decoder = encoder, MODEL.decoder
    return model


@pytest.mark.parametrize(("progress", "capacity"), [(0.0, 0.0), (0.5, 12.5), (1.0, 25.0)])
def test_capacity_rises_linearly_from_first_to_last_step(
    plane: Backbone, progress: float, capacity: float
) -> None:
    encoder = MODEL.encoder(1.0)
    error, kl = terms(encoder)
    expected = error + 10 * abs(kl - capacity)
    assert exact_loss(capacity_model(plane, encoder), progress) == pytest.approx(expected, rel=1e-12)


def test_the_gap_to_the_capacity_is_taken_image_by_image(plane: Backbone) -> None:
    """KLs on both sides of C cost twice their distances; their batch mean would cost nothing."""
    encoder = MODEL.encoder()
    model = capacity_model(plane, encoder)
    images = torch.cat([X, X + 8])
    with torch.no_grad():
        kl = model.kl(images)
        assert kl is not None
        middle = float(kl.mean()) / 25
        parts = model.losses(Batch(images), middle).parts
    assert 0 < middle < 1
    assert float(parts["gap"]) == pytest.approx(float(kl.max() - kl.min()) / 2, rel=1e-9)


def test_validation_stands_at_the_final_capacity(plane: Backbone) -> None:
    encoder = MODEL.encoder(0.2)
    model = capacity_model(plane, encoder)
    error, kl = terms(encoder)
    for progress in (0.0, 0.5, 1.0):
        exact_loss(model, progress)
        with draws(corners(2)), torch.no_grad():
            found = float(model.validation_loss(BATCH))
        assert found == pytest.approx(error + 10 * abs(kl - 25), rel=1e-12)


def test_reported_kl_and_draws_are_the_posteriors(plane: Backbone, images: Tensor) -> None:
    model = VariationalAutoencoder(plane, NoSettings()).double().eval()
    mean, log_variance = model.posterior(images)
    noise = torch.randn(8, 2, dtype=torch.float64)
    with draws(noise):
        torch.testing.assert_close(model.sample(images), mean + (0.5 * log_variance).exp() * noise)
    torch.testing.assert_close(model.encode(images), mean)
    kl = model.kl(images)
    assert kl is not None
    torch.testing.assert_close(kl, 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1))
