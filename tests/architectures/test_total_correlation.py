"""β-TCVAE's decomposition by densities of scipy; FactorVAE's density ratio on known Gaussians."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm
from torch import Tensor, nn

from reproduce.architectures import registry
from reproduce.architectures.total_correlation import (
    decompose,
    density_ratio,
    permute_dimensions,
    stratified_log_weights,
)

PARTS = ("mutual_information", "total_correlation", "dimensionwise_kl")


def test_terms_are_log_ratios_of_conditional_mixture_product_of_marginals_and_prior() -> None:
    """Chen et al. 2018, Eq. 2, for a mixture with any weights."""
    z, mean, log_variance = torch.randn(3, 4, 2, dtype=torch.float64)
    log_weights = torch.randn(4, 4, dtype=torch.float64).log_softmax(1)
    densities = norm(mean.numpy(), np.exp(log_variance.numpy() / 2)).pdf(z.numpy()[:, None])
    weighed = densities * log_weights.exp().numpy()[:, :, None]
    conditional = densities[range(4), range(4)].prod(1)
    mixture = (densities.prod(2) * log_weights.exp().numpy()).sum(1)
    marginals, prior = weighed.sum(1).prod(1), norm.pdf(z.numpy()).prod(1)
    expected = np.log([conditional / mixture, mixture / marginals, marginals / prior])
    np.testing.assert_allclose(
        torch.stack(decompose(z, mean, log_variance, log_weights)), expected, rtol=1e-9
    )


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


RHO = 0.9


def correlated(count: int) -> Tensor:
    """Draws of N(0, [[1, ρ], [ρ, 1]]), whose total correlation is -½ log(1 - ρ²)."""
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
    assert float(ratio.mean()) == pytest.approx(-0.5 * math.log(1 - RHO**2), abs=4 * error)
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
