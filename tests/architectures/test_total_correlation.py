"""β-TCVAE's decomposition on a data set that can be enumerated; FactorVAE's density ratio on known Gaussians."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm
from torch import Tensor, nn

from reproduce.architectures import registry
from reproduce.architectures.contract import Batch
from reproduce.architectures.distributions import gaussian_sample
from reproduce.architectures.settings import Backbone, TotalCorrelation
from reproduce.architectures.total_correlation import (
    BetaTCVAE,
    decompose,
    density_ratio,
    discriminator,
    permute_dimensions,
    stratified_log_weights,
)
from tests.architectures.exact import double, same_noise

MEANS = np.array([[-1.5, -1.2], [-0.2, 0.4], [0.3, -0.3], [1.4, 1.6]])
LOG_VARIANCES = np.array([[-1.0, -0.6], [-0.3, -1.2], [-1.5, -0.9], [-0.8, -1.0]])
"""Four images, two latent dimensions: q(z|x) of a data set that can be enumerated."""
PARTS = ("mutual_information", "total_correlation", "dimensionwise_kl")


def exact_decomposition() -> tuple[float, float, float]:
    """Mutual information, total correlation and dimension-wise KL by integration on a grid."""
    axis = np.linspace(-8, 8, 801)
    cell = (axis[1] - axis[0]) ** 2
    deviations = np.exp(LOG_VARIANCES / 2)
    by_dimension = norm.pdf(axis, MEANS[:, :, None], deviations[:, :, None])
    conditional = by_dimension[:, 0, :, None] * by_dimension[:, 1, None, :]
    aggregate = conditional.mean(0)
    product = by_dimension[:, 0].mean(0)[:, None] * by_dimension[:, 1].mean(0)[None, :]
    prior = norm.pdf(axis)[:, None] * norm.pdf(axis)[None, :]

    def expectation(density: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(density > 0, density * np.log(numerator / denominator), 0)
        return float(np.nansum(terms) * cell)

    information = float(np.mean([expectation(each, each, aggregate) for each in conditional]))
    return information, expectation(aggregate, aggregate, product), expectation(product, product, prior)


def test_decomposition_with_the_true_mixture_is_the_exact_one() -> None:
    """A batch of all images, one copy of each for a node of Gauss and Hermite: no noise in it, and the tolerance is
    the error of 16 nodes."""
    points, masses = np.polynomial.hermite_e.hermegauss(16)
    masses = np.outer(masses, masses).ravel() / masses.sum() ** 2
    plane = torch.from_numpy(np.stack(np.meshgrid(points, points, indexing="ij"), -1).reshape(-1, 2))
    mean, log_variance = (
        torch.from_numpy(value).repeat_interleave(len(plane), 0) for value in (MEANS, LOG_VARIANCES)
    )
    z = mean + plane.repeat(4, 1) * (0.5 * log_variance).exp()
    uniform = torch.full((len(z), len(z)), -math.log(len(z)), dtype=torch.float64)
    terms = torch.stack(decompose(z, mean, log_variance, uniform))
    exact = exact_decomposition()
    np.testing.assert_allclose(terms @ torch.from_numpy(masses).repeat(4) / 4, exact, atol=4e-4)
    # the yardstick by itself (Chen et al. 2018, Eq. 2)
    kl = 0.5 * (MEANS**2 + np.exp(LOG_VARIANCES) - 1 - LOG_VARIANCES).sum(1).mean()
    assert sum(exact) == pytest.approx(kl, abs=1e-6)


def test_stratified_estimate_is_unbiased_for_the_aggregate_density() -> None:
    """Averaged over every minibatch that holds image i, Σ wᵢⱼ q(z|xⱼ) is q(z), brute force."""
    N, B = 6, 4
    densities = np.random.default_rng(1).random(N)
    weights = stratified_log_weights(B, N).exp().numpy()
    for row, own in itertools.product(range(B), range(N)):
        others = [j for j in range(N) if j != own]
        estimates = []
        for rest in itertools.permutations(others, B - 1):
            batch = np.insert(np.array(rest), row, own)
            estimates.append(weights[row] @ densities[batch])
        assert np.mean(estimates) == pytest.approx(densities.mean(), rel=1e-12)


def test_a_batch_of_one_has_no_stratified_estimate() -> None:
    with pytest.raises(ValueError, match="two images"):
        stratified_log_weights(1, 100)


def test_the_training_sets_size_and_the_weights_of_the_terms_count(plane: Backbone, images: Tensor) -> None:
    """In validation, too, so that both losses estimate the same thing."""
    model = BetaTCVAE(plane, TotalCorrelation(2.0, 4.0, 3.0), train_size=1000).double().eval()
    batch = Batch(images[:3])
    with torch.no_grad():
        with same_noise(2):
            losses = model.losses(batch, 0.0)
        with same_noise(2):
            validation = model.validation_loss(batch)
        with same_noise(2):
            mean, log_variance = model.posterior(batch.images)
            z = gaussian_sample(mean, log_variance)
        own = [[1 / 1000, 998 / 2000, 1 / 2], [1 / 2, 1 / 1000, 998 / 2000], [998 / 2000, 1 / 2, 1 / 1000]]
        terms = [float(term.mean()) for term in decompose(z, mean, log_variance, double(own).log())]
    for name, term in zip(PARTS, terms, strict=True):
        assert float(losses.parts[name]) == pytest.approx(term, rel=1e-12)
    penalty = sum(weight * term for weight, term in zip((2, 4, 3), terms, strict=True))
    expected = float(losses.parts["reconstruction"]) + penalty
    assert float(losses.players["autoencoder"]) == pytest.approx(expected, rel=1e-12)
    assert float(validation) == pytest.approx(expected, rel=1e-12)


RHO = 0.9
TOTAL_CORRELATION = -0.5 * math.log(1 - RHO**2)
"""Of N(0, [[1, ρ], [ρ, 1]])."""


def correlated(count: int) -> Tensor:
    z = torch.randn(count, 2)
    return torch.stack([z[:, 0], RHO * z[:, 0] + math.sqrt(1 - RHO**2) * z[:, 1]], 1)


class Optimal(nn.Module):
    """log q and log ∏ q_j of the correlated Gaussian as logits (Kim & Mnih 2018, Eq. 3), the second tilted."""

    def __init__(self, tilt: float = 0.0) -> None:
        super().__init__()
        self.tilt = tilt

    def forward(self, z: Tensor) -> Tensor:
        joint = multivariate_normal([0, 0], [[1, RHO], [RHO, 1]])
        return torch.from_numpy(np.stack([joint.logpdf(z), norm.logpdf(z).sum(1) + self.tilt], 1))


def test_optimal_logits_give_the_total_correlation_and_the_least_loss() -> None:
    model = registry.build("factor-vae", train_size=64)
    z = correlated(50_000)
    ratio = density_ratio(Optimal()(z))
    error = float(ratio.std()) / math.sqrt(len(z))
    assert float(ratio.mean()) == pytest.approx(TOTAL_CORRELATION, abs=4 * error)
    losses = []
    for tilt in (-0.5, 0.0, 0.5):
        model.discriminator = Optimal(tilt)
        losses.append(float(model.discriminator_loss(z, permute_dimensions(z))))
    assert losses[1] < min(losses[0], losses[2], math.log(2))


def test_permuted_codes_keep_their_marginals_and_lose_their_correlation() -> None:
    z = correlated(20_000)
    permuted = permute_dimensions(z)
    assert torch.equal(permuted.sort(0).values, z.sort(0).values)
    assert abs(float(torch.corrcoef(permuted.T)[0, 1])) < 0.03


def test_discriminator_is_linear_layers_with_leaky_relu() -> None:
    network = discriminator(3, (5, 4), 2).double()
    z = torch.randn(6, 3, dtype=torch.float64)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(5, 3), (4, 5), (2, 4)]
    x = z
    for index, layer in enumerate(linear):
        x = x @ layer.weight.T + layer.bias
        x = torch.where(x > 0, x, 0.2 * x) if index < 2 else x
    torch.testing.assert_close(network(z), x)
