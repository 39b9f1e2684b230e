"""SVAE: the von Mises–Fisher sampler and its divergence against scipy's Bessel functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import gammaln, ive
from scipy.stats import beta, kstest, vonmises_fisher
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.settings import Backbone, Spherical
from reproduce.architectures.spherical import (
    SphericalVAE,
    bessel,
    bessel_ratios,
    sample_along_mean,
    sample_von_mises_fisher,
    uniform_kl,
)
from tests.architectures.exact import draws, within

DIM = 16
CONCENTRATIONS = [0.01, 0.3, 1.0, 5.0, 20.0, 100.0, 500.0, 1000.0, 3000.0, 10_000.0]


def scipy_length(kappa: float, dim: int = DIM) -> float:
    return float(ive(dim / 2, kappa) / ive(dim / 2 - 1, kappa))


def scipy_kl(kappa: float, dim: int = DIM) -> float:
    """κ A(κ) + log C(κ) + log area of the sphere (Davidson et al. 2018)."""
    order = dim / 2 - 1
    log_constant = (
        order * math.log(kappa) - dim / 2 * math.log(2 * math.pi) - math.log(ive(order, kappa)) - kappa
    )
    log_area = math.log(2) + dim / 2 * math.log(math.pi) - gammaln(dim / 2)
    return kappa * scipy_length(kappa, dim) + log_constant + log_area


def scipy_slope(kappa: float, dim: int = DIM) -> float:
    """d KL / dκ = κ A'(κ), with A' = 1 - A² - (d - 1)/κ · A."""
    length = scipy_length(kappa, dim)
    return kappa * (1 - length**2 - (dim - 1) / kappa * length)


# --- divergence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kappa", CONCENTRATIONS)
@pytest.mark.parametrize("dim", [4, 16])
def test_divergence_from_uniform_is_scipys(kappa: float, dim: int) -> None:
    found = float(uniform_kl(torch.tensor([kappa], dtype=torch.float64), dim))
    assert found == pytest.approx(scipy_kl(kappa, dim), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("kappa", CONCENTRATIONS)
def test_slope_of_the_divergence_is_exact(kappa: float) -> None:
    k = torch.tensor([kappa], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(uniform_kl(k, DIM).sum(), k)
    assert float(found) == pytest.approx(scipy_slope(kappa), rel=1e-4)


@pytest.mark.parametrize("kappa", [1.0, 30.0, 200.0])
def test_slope_of_the_divergence_is_its_difference_quotient(kappa: float) -> None:
    step = 1e-4 * kappa
    quotient = (scipy_kl(kappa + step) - scipy_kl(kappa - step)) / (2 * step)
    k = torch.tensor([kappa], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(uniform_kl(k, DIM).sum(), k)
    assert float(found) == pytest.approx(quotient, rel=1e-5)


def test_divergence_and_slope_are_finite_and_rising_in_training_precision_up_to_ten_thousand() -> None:
    kappa = torch.logspace(-3, 4, 400, requires_grad=True)
    kl = uniform_kl(kappa, DIM)
    (slope,) = torch.autograd.grad(kl.sum(), kappa)
    assert kl.isfinite().all()
    assert slope.isfinite().all()
    assert (slope > 0).all()
    assert (kl.diff()[kappa[1:] > 0.1] > 0).all()


def test_divergence_vanishes_with_the_concentration() -> None:
    found = uniform_kl(torch.tensor([1e-3, 1e-5], dtype=torch.float64), DIM)
    # κ²/(2d) to leading order
    np.testing.assert_allclose(found, [1e-6 / 32, 1e-10 / 32], atol=1e-13)


@pytest.mark.parametrize("kappa", CONCENTRATIONS)
def test_mean_resultant_length_is_scipys(kappa: float) -> None:
    """E⟨μ, z⟩ = I_{d/2}(κ)/I_{d/2-1}(κ)."""
    found, _ = bessel(torch.tensor([kappa], dtype=torch.float64), DIM // 2 - 1)
    assert float(found) == pytest.approx(scipy_length(kappa), rel=1e-7)


def test_ratios_of_all_orders_are_scipys() -> None:
    found = bessel_ratios(torch.tensor([0.5, 40.0], dtype=torch.float64), 7)
    expected = [[ive(j + 1, k) / ive(j, k) for k in (0.5, 40.0)] for j in range(8)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("dim", [2, 3, 15])
def test_dimensions_that_the_recurrence_does_not_cover_are_refused(dim: int) -> None:
    with pytest.raises(ValueError, match="even"):
        uniform_kl(torch.ones(1), dim)


# --- sampler ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kappa", [0.01, 1.0, 20.0, 300.0, 10_000.0])
def test_samplers_mean_resultant_length_is_scipys(kappa: float) -> None:
    samples = sample_along_mean(torch.full((40_000,), kappa), DIM, 32).double()
    assert within(float(samples.mean()), scipy_length(kappa), samples)


@pytest.mark.parametrize("kappa", [1.0, 50.0])
def test_samples_along_the_mean_have_the_density(kappa: float) -> None:
    """Density ∝ exp(κt) (1 - t²)^((d-3)/2), its distribution function by summation on a fine grid."""
    grid = np.linspace(-1, 1, 200_001)
    with np.errstate(divide="ignore"):
        density = np.exp(kappa * (grid - 1) + (DIM - 3) / 2 * np.log1p(-(grid**2)))
    cumulative = np.cumsum(density) / density.sum()
    samples = sample_along_mean(torch.full((20_000,), kappa, dtype=torch.float64), DIM, 32).numpy()
    assert kstest(samples, lambda t: np.interp(t, grid, cumulative)).pvalue > 1e-4


def test_samples_are_those_of_scipys_distribution_on_the_sphere() -> None:
    """All coordinates, against an independent sampler: the mean and its spread in a direction across."""
    mean = F.normalize(torch.tensor([[1.0, -2.0, 0.5, 3.0]], dtype=torch.float64))
    ours = sample_von_mises_fisher(mean.expand(40_000, -1), torch.full((40_000,), 8.0).double(), 32)
    torch.testing.assert_close(ours.norm(dim=1), torch.ones(40_000, dtype=torch.float64))
    theirs = vonmises_fisher(mean[0].numpy(), 8.0, seed=3).rvs(40_000)
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.012)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.006)


def test_posterior_is_uniform_on_the_sphere_as_the_concentration_vanishes() -> None:
    """Every coordinate of a uniform point is 2·Beta((d-1)/2, (d-1)/2) - 1."""
    mean = F.normalize(torch.randn(1, DIM, dtype=torch.float64)).expand(20_000, -1)
    z = sample_von_mises_fisher(mean, torch.full((20_000,), 1e-6, dtype=torch.float64), 32)
    coordinate = beta((DIM - 1) / 2, (DIM - 1) / 2, loc=-1, scale=2)
    assert kstest(z[:, 0], coordinate.cdf).pvalue > 1e-4
    assert kstest((z * mean).sum(1), coordinate.cdf).pvalue > 1e-4


class Marked(torch.distributions.Beta):
    """Draws whose last column is one half: a last proposal that can be told from all others."""

    def sample(self, *shape: torch.Size) -> Tensor:
        drawn = super().sample(*shape)
        drawn[:, -1] = 0.5
        return drawn


@pytest.mark.parametrize("kappa", [1.0, 20.0, 500.0, 10_000.0])
def test_a_proposal_is_accepted_often_enough_for_32_to_do(
    kappa: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two proposals the sampler takes the marked last one exactly where it rejects the first."""
    monkeypatch.setattr(torch.distributions, "Beta", Marked)
    k = torch.full((20_000,), kappa, dtype=torch.float64)
    mark = sample_along_mean(k[:1], DIM, 1)
    rejected = float((sample_along_mean(k, DIM, 2) == mark).double().mean())
    assert 0 < rejected < 0.35
    assert rejected**32 < 1e-14


def test_gradients_of_a_draw_are_finite_up_to_ten_thousand() -> None:
    kappa = torch.logspace(-2, 4, 300, requires_grad=True)
    direction = torch.randn(300, DIM, requires_grad=True)
    z = sample_von_mises_fisher(F.normalize(direction, dim=1), kappa, 32)
    gradients = torch.autograd.grad((z * torch.randn_like(z)).sum(), (kappa, direction))
    assert all(gradient.isfinite().all() for gradient in gradients)


# --- the model ----------------------------------------------------------------------------------------


@pytest.fixture
def model(backbone: Backbone) -> SphericalVAE:
    return SphericalVAE(backbone, Spherical(least_concentration=1.0, proposals=32)).double().eval()


def test_loss_is_half_squared_error_and_the_divergence(model: SphericalVAE, images: Tensor) -> None:
    with torch.no_grad():
        torch.manual_seed(1)
        loss = float(model.losses(Batch(images), 0.0).players["autoencoder"])
        torch.manual_seed(1)
        z = model.sample(images)
        output = model.encoder(images)
        kappa = 1 + np.log1p(np.exp(output.log_concentration.numpy()[:, 0]))
        error = 0.5 * (model.decode(z) - images).square().sum((1, 2, 3)).numpy()
    expected = np.mean(error + [scipy_kl(k) for k in kappa])
    assert loss == pytest.approx(expected, rel=1e-9)


def test_codes_lie_on_the_sphere_and_concentrations_above_one(model: SphericalVAE, images: Tensor) -> None:
    mean, kappa = model.posterior(images)
    for code in (mean, model.encode(images), model.sample(images)):
        torch.testing.assert_close(code.norm(dim=1), torch.ones(8, dtype=torch.float64))
    assert (kappa > 1).all()
    assert not torch.allclose(
        model.raw_code(images).norm(dim=1), torch.ones(8, dtype=torch.float64), atol=0.05
    )


def test_interpolation_follows_the_great_circle_and_the_two_chords_stand_beside_it(
    model: SphericalVAE,
) -> None:
    first, second = (F.normalize(torch.randn(3, DIM, dtype=torch.float64), dim=1) for _ in range(2))
    weights = torch.linspace(0, 1, 5, dtype=torch.float64)
    seen: list[Tensor] = []
    model.decode_path = lambda codes: seen.append(codes) or codes  # type: ignore[method-assign,assignment,func-returns-value]
    model.interpolate(first, second, weights)
    model.other_paths()["chord"](first, second, weights)
    model.other_paths()["projected-chord"](first, second, weights)
    arc, chord, projected = seen
    unit = torch.ones(3, 5, dtype=torch.float64)
    torch.testing.assert_close(projected.norm(dim=2), unit)
    torch.testing.assert_close(arc.norm(dim=2), unit)
    assert (chord.norm(dim=2)[:, 1:-1] < 1).all()
    torch.testing.assert_close(projected, F.normalize(chord, dim=2))
    angles = (arc[:, :-1] * arc[:, 1:]).sum(2).arccos()
    torch.testing.assert_close(angles, angles[:, :1].expand(-1, 4))
    for path in seen:
        torch.testing.assert_close(path[:, 0], first)
        torch.testing.assert_close(path[:, -1], second)


def test_tangent_noise_has_no_part_along_the_mean() -> None:
    mean = F.normalize(torch.randn(5, DIM, dtype=torch.float64), dim=1)
    noise = torch.randn(5, DIM, dtype=torch.float64)
    with draws(noise):
        z = sample_von_mises_fisher(mean, torch.full((5,), 3.0, dtype=torch.float64), 32)
    across = z - (z * mean).sum(1, keepdim=True) * mean
    flat = noise - (noise * mean).sum(1, keepdim=True) * mean
    torch.testing.assert_close(F.normalize(across, dim=1), F.normalize(flat, dim=1))
