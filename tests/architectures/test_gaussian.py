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
from tests.architectures.exact import (
    BIAS,
    WEIGHT,
    LinearEncoder,
    X,
    corners,
    draws,
    evidence,
    linear_decoder,
    linear_encoder,
    shortfall,
)
from tests.architectures.test_mmd import double_loop

BATCH = Batch(X.expand(4, -1, -1, -1))
"""One image for each corner of the noise, so that losses are exact expectations."""


def linear(model: PythaeGaussian, encoder: LinearEncoder) -> PythaeGaussian:
    model.pythae.encoder, model.pythae.decoder = encoder, linear_decoder()
    return model


def terms(encoder: LinearEncoder) -> tuple[float, float]:
    """Expected ½ squared error and KL of the example, by hand."""
    output = encoder(X)
    mean, variance = output.embedding[0].detach(), output.log_covariance[0].exp().detach()
    residual = X.flatten() - WEIGHT @ mean - BIAS
    error = 0.5 * (residual.square().sum() + (WEIGHT.square() * variance).sum())
    kl = sum(0.5 * (m**2 + v - 1 - v.log()) for m, v in zip(mean, variance, strict=True))
    return float(error), float(kl)


def exact_loss(
    model: PythaeGaussian | CapacityVariationalAutoencoder, progress: float = 1.0, *more: Tensor
) -> float:
    with draws(corners(2), *more), torch.no_grad():
        return float(model.losses(BATCH, progress).players["autoencoder"])


@pytest.mark.parametrize(("shift", "widen"), [(0.0, 0.0), (0.4, 0.5)])
def test_elbo_falls_short_of_the_evidence_by_the_kl_to_the_exact_posterior(
    plane: Backbone, shift: float, widen: float
) -> None:
    model = linear(VariationalAutoencoder(plane, NoSettings()), linear_encoder(shift, widen))
    assert -exact_loss(model) == pytest.approx(evidence(X)[0] - shortfall(shift, widen), rel=1e-12)


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_beta_weighs_the_kl_alone(plane: Backbone, beta: float) -> None:
    encoder = linear_encoder(0.3)
    error, kl = terms(encoder)
    model = linear(BetaVariationalAutoencoder(plane, Weighted(beta)), encoder)
    assert exact_loss(model) == pytest.approx(error + beta * kl, rel=1e-12)


@pytest.mark.parametrize(
    ("alpha", "lambda_", "kl_weight", "mmd_weight"), [(0.5, 10.0, 0.5, 9.5), (0.0, 3.0, 1.0, 2.0)]
)
def test_info_vae_weighs_kl_by_1_minus_alpha_and_mmd_by_alpha_plus_lambda_minus_1(
    plane: Backbone, alpha: float, lambda_: float, kl_weight: float, mmd_weight: float
) -> None:
    encoder = linear_encoder(0.3)
    model = linear(InfoVariationalAutoencoder(plane, Information(alpha, lambda_, 1.0)), encoder)
    prior = torch.randn(4, 2, dtype=torch.float64)
    output = encoder(BATCH.images)
    z = (output.embedding + corners(2) * (0.5 * output.log_covariance).exp()).detach()
    error, kl = terms(encoder)
    expected = error + kl_weight * kl + mmd_weight * double_loop(z, prior, 1.0)
    assert exact_loss(model, 1.0, prior) == pytest.approx(expected, rel=1e-10)


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


# --- disentangled β-VAE: the capacity's schedule ------------------------------------------------------


def capacity_model(plane: Backbone, encoder: LinearEncoder) -> CapacityVariationalAutoencoder:
    model = CapacityVariationalAutoencoder(plane, Capacity(weight=10.0, capacity=25.0))
    model.encoder, model.decoder = encoder, linear_decoder()
    return model


def test_capacity_rises_linearly_from_first_to_last_step_and_validation_stands_at_its_end(
    plane: Backbone,
) -> None:
    encoder = linear_encoder(1.0)
    model, (error, kl) = capacity_model(plane, encoder), terms(encoder)
    for progress in (0.0, 0.5, 1.0):
        expected = error + 10 * abs(kl - 25 * progress)
        assert exact_loss(model, progress) == pytest.approx(expected, rel=1e-12)
        on_device = torch.tensor(progress, dtype=torch.float64)
        assert exact_loss(model, on_device) == pytest.approx(expected, rel=1e-12)  # type: ignore[arg-type]
        with draws(corners(2)), torch.no_grad():
            validation = float(model.validation_loss(BATCH))
        assert validation == pytest.approx(error + 10 * abs(kl - 25), rel=1e-12)


def test_the_gap_to_the_capacity_is_taken_image_by_image(plane: Backbone) -> None:
    """KLs on both sides of C cost twice their distances; their batch mean would cost nothing."""
    model = capacity_model(plane, linear_encoder())
    images = torch.cat([X, X + 8])
    with torch.no_grad():
        kl = model.kl(images)
        assert kl is not None
        middle = float(kl.mean()) / 25
        parts = model.losses(Batch(images), middle).parts
    assert 0 < middle < 1
    assert float(parts["gap"]) == pytest.approx(float(kl.max() - kl.min()) / 2, rel=1e-9)
