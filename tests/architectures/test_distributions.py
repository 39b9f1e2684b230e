"""Likelihoods, densities and divergences against scipy and torch; means over batches."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import multivariate_normal, norm
from torch.distributions import Normal, kl_divergence

from reproduce.architectures.contract import average, negative_log_likelihood
from reproduce.architectures.distributions import (
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_density,
    standard_log_density,
)
from tests.architectures.exact import double

MEAN = double([[0.5, -1.0, 2.0], [0.0, 0.3, -0.1]])
LOG_VARIANCE = double([[-1.0, 0.4, 0.0], [1.5, -3.0, 0.2]])


def test_densities_and_entropy_are_those_of_scipy() -> None:
    z = torch.randn(2, 3, dtype=torch.float64)
    expected = [
        multivariate_normal(m, np.diag(np.exp(v))).logpdf(x)
        for x, m, v in zip(z.numpy(), MEAN.numpy(), LOG_VARIANCE.numpy(), strict=True)
    ]
    np.testing.assert_allclose(gaussian_log_density(z, MEAN, LOG_VARIANCE), expected, rtol=1e-12)
    np.testing.assert_allclose(standard_log_density(z), norm.logpdf(z.numpy()).sum(1), rtol=1e-12)
    entropy = norm(scale=np.exp(LOG_VARIANCE.numpy() / 2)).entropy().sum(1)
    np.testing.assert_allclose(gaussian_entropy(LOG_VARIANCE), entropy, rtol=1e-12)


def test_kl_is_the_sum_of_torchs_over_dimensions() -> None:
    posterior, prior = Normal(MEAN, (0.5 * LOG_VARIANCE).exp()), Normal(double(0.0), double(1.0))
    torch.testing.assert_close(gaussian_kl(MEAN, LOG_VARIANCE), kl_divergence(posterior, prior).sum(1))


def test_likelihoods_are_unit_variance_gaussian_without_its_constant_and_cross_entropy() -> None:
    x, mean = torch.rand(2, 3, 1, 4, 4, dtype=torch.float64)
    t, p = x.numpy(), mean.numpy()
    gaussian = (norm.logpdf(0) - norm(p, 1).logpdf(t)).sum((1, 2, 3))
    np.testing.assert_allclose(negative_log_likelihood(mean, x, "gaussian"), gaussian, rtol=1e-12)
    bernoulli = -(t * np.log(p) + (1 - t) * np.log1p(-p)).sum((1, 2, 3))
    np.testing.assert_allclose(negative_log_likelihood(mean, x, "bernoulli"), bernoulli, rtol=1e-12)


def test_average_weighs_images_and_not_batches() -> None:
    assert average(lambda x: x[:, 0], [torch.zeros(3, 1), torch.ones(1, 1)]) == 0.25
