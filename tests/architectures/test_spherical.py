"""SVAE: the von Mises–Fisher sampler and its divergence against scipy's Bessel functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import gammaln, ive
from scipy.stats import kstest, vonmises_fisher
from torch import Tensor

from reproduce.architectures.settings import Backbone, Spherical
from reproduce.architectures.spherical import (
    SphericalVAE,
    sample_along_mean,
    sample_von_mises_fisher,
    uniform_kl,
)
from tests.architectures.exact import double

DIM = 16
CONCENTRATIONS = np.array([0.01, 0.3, 1.0, 5.0, 20.0, 100.0, 500.0, 1000.0, 3000.0, 10_000.0])


def scipy_kl(kappa: np.ndarray, dim: int = DIM) -> np.ndarray:
    """κ A(κ) + log C(κ) + log area of the sphere, A(κ) = I_{d/2}(κ)/I_{d/2-1}(κ) (Davidson et al. 2018)."""
    order = dim / 2 - 1
    log_constant = order * np.log(kappa) - dim / 2 * math.log(2 * math.pi) - np.log(ive(order, kappa)) - kappa
    log_area = math.log(2) + dim / 2 * math.log(math.pi) - gammaln(dim / 2)
    length = ive(order + 1, kappa) / ive(order, kappa)
    return kappa * length + log_constant + log_area


@pytest.mark.parametrize("dim", [4, 16])
def test_divergence_from_uniform_is_scipys(dim: int) -> None:
    kappa = torch.from_numpy(CONCENTRATIONS)
    np.testing.assert_allclose(uniform_kl(kappa, dim), scipy_kl(CONCENTRATIONS, dim), rtol=1e-7, atol=1e-12)


def test_slope_of_the_divergence_is_its_difference_quotient() -> None:
    kappa = CONCENTRATIONS[1:]
    step = 1e-4 * kappa
    quotient = (scipy_kl(kappa + step) - scipy_kl(kappa - step)) / (2 * step)
    k = torch.from_numpy(kappa).requires_grad_()
    (found,) = torch.autograd.grad(uniform_kl(k, DIM).sum(), k)
    np.testing.assert_allclose(found, quotient, rtol=1e-5)


def test_divergence_and_slope_are_finite_and_rising_in_training_precision_up_to_ten_thousand() -> None:
    kappa = torch.logspace(-3, 4, 400, requires_grad=True)
    kl = uniform_kl(kappa, DIM)
    (slope,) = torch.autograd.grad(kl.sum(), kappa)
    assert kl.isfinite().all()
    assert slope.isfinite().all()
    assert (slope > 0).all()
    assert (kl.diff()[kappa[1:] > 0.1] > 0).all()


@pytest.mark.parametrize("dim", [2, 3, 15])
def test_dimensions_that_the_recurrence_does_not_cover_are_refused(dim: int) -> None:
    with pytest.raises(ValueError, match="even"):
        uniform_kl(torch.ones(1), dim)


@pytest.mark.parametrize("kappa", [1e-6, 1.0, 50.0, 10_000.0])
def test_samples_along_the_mean_have_the_density(kappa: float) -> None:
    """Density ∝ exp(κt) (1 - t²)^((d-3)/2), its distribution function by summation on a fine grid."""
    grid = np.linspace(-1, 1, 200_001)
    with np.errstate(divide="ignore"):
        density = np.exp(kappa * (grid - 1) + (DIM - 3) / 2 * np.log1p(-(grid**2)))
    cumulative = np.cumsum(density) / density.sum()
    samples = sample_along_mean(torch.full((20_000,), kappa, dtype=torch.float64), DIM, 32).numpy()
    assert kstest(samples, lambda t: np.interp(t, grid, cumulative)).pvalue > 1e-4


def test_samples_are_those_of_scipys_distribution_on_the_sphere() -> None:
    """All coordinates, against an independent sampler: the mean and its spread in every direction."""
    mean = F.normalize(double([[1.0, -2.0, 0.5, 3.0]]))
    ours = sample_von_mises_fisher(mean.expand(40_000, -1), torch.full((40_000,), 8.0).double(), 32)
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(40_000, dtype=torch.float64))
    theirs = vonmises_fisher(mean[0].numpy(), 8.0, seed=3).rvs(40_000)
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.012)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.006)


def test_gradients_of_a_draw_are_finite_up_to_ten_thousand() -> None:
    kappa = torch.logspace(-2, 4, 300, requires_grad=True)
    direction = torch.randn(300, DIM, requires_grad=True)
    z = sample_von_mises_fisher(F.normalize(direction, dim=1), kappa, 32)
    gradients = torch.autograd.grad((z * torch.randn_like(z)).sum(), (kappa, direction))
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)


@pytest.fixture
def model() -> SphericalVAE:
    backbone = Backbone(latent_dim=DIM, final_block="full", likelihood="gaussian")
    return SphericalVAE(backbone, Spherical(least_concentration=1.0, proposals=32)).double().eval()


def test_codes_lie_on_the_sphere_with_softplus_concentrations(model: SphericalVAE, images: Tensor) -> None:
    with torch.no_grad():
        for code in (model.encode(images), model.sample(images)):
            torch.testing.assert_close(code.norm(dim=1), torch.ones(8, dtype=torch.float64))
        raw = model.raw_code(images)
        torch.testing.assert_close(model.encode(images), raw / raw.norm(dim=1, keepdim=True))
        kappa = 1 + np.log1p(np.exp(model.encoder(images).log_concentration.numpy()[:, 0]))
        np.testing.assert_allclose(model.kl(images), scipy_kl(kappa), rtol=1e-7)


def test_interpolation_follows_the_great_circle_and_the_two_chords_stand_beside_it(
    model: SphericalVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (F.normalize(torch.randn(3, DIM, dtype=torch.float64), dim=1) for _ in range(2))
    weights = torch.linspace(0, 1, 5, dtype=torch.float64)
    monkeypatch.setattr(model, "decode_path", lambda codes: codes)
    others = model.other_paths()
    arc, chord, projected = (
        path(first, second, weights)
        for path in (model.interpolate, others["chord"], others["projected-chord"])
    )
    torch.testing.assert_close(chord[:, 1], 0.75 * first + 0.25 * second)
    torch.testing.assert_close(projected, F.normalize(chord, dim=2))
    torch.testing.assert_close(arc.norm(dim=2), torch.ones(3, 5, dtype=torch.float64))
    angles = (arc[:, :-1] * arc[:, 1:]).sum(2).arccos()
    torch.testing.assert_close(angles, angles[:, :1].expand(-1, 4))
    for path in (arc, chord, projected):
        torch.testing.assert_close(path[:, 0], first)
        torch.testing.assert_close(path[:, -1], second)
