"""VAMP: the mixture prior against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pythae.models.base.base_utils import ModelOutput
from scipy.special import logsumexp
from scipy.stats import norm
from torch import Tensor, nn

from reproduce.architectures.settings import Backbone, Pseudo
from reproduce.architectures.vamp import VampPrior


def brute_force(z: Tensor, means: Tensor, log_variances: Tensor) -> np.ndarray:
    """log of the mean of q(z|u_k), component by component with scipy: (B, d), (K, d), (K, d) → (B,)."""
    components = norm(means.numpy(), np.exp(log_variances.numpy() / 2))
    each = components.logpdf(z.numpy()[:, None]).sum(2)
    return logsumexp(each, axis=1) - math.log(len(means))


class Fixed(nn.Module):
    """An encoder with one given posterior a pseudo-input, whatever these look like."""

    def __init__(self, means: Tensor, log_variances: Tensor) -> None:
        super().__init__()
        self.output = ModelOutput(embedding=means, log_covariance=log_variances)

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        return self.output


@pytest.mark.parametrize("deviation", [1.0, 0.03])
def test_prior_is_the_mean_of_posteriors_of_pseudo_inputs(deviation: float) -> None:
    """Written-out squares lose digits where posteriors are narrow; what is left in training's arithmetic must do for a
    loss in nats."""
    backbone = Backbone(latent_dim=16, final_block="full", likelihood="gaussian")
    model = VampPrior(backbone, Pseudo(inputs=50))
    means = 2 * torch.randn(50, 16)
    log_variances = torch.full((50, 16), 2 * math.log(deviation)) + 0.2 * torch.randn(50, 16)
    z = means[:20] + (0.5 * log_variances[:20]).exp() * torch.randn(20, 16)
    expected = brute_force(z.double(), means.double(), log_variances.double())
    with torch.no_grad():
        model.encoder = Fixed(means.double(), log_variances.double())
        np.testing.assert_allclose(model.prior_log_density(z.double()), expected, rtol=1e-9)
        model.encoder = Fixed(means, log_variances)
        np.testing.assert_allclose(model.prior_log_density(z), expected, atol=0.02)
