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

from reproduce.architectures.contract import Batch
from reproduce.architectures.settings import Backbone, Pseudo
from reproduce.architectures.vamp import VampPrior
from tests.architectures.exact import draws

K = 7


@pytest.fixture
def model(plane: Backbone) -> VampPrior:
    return VampPrior(plane, Pseudo(inputs=K)).double()


def brute_force(z: Tensor, means: Tensor, log_variances: Tensor) -> np.ndarray:
    """log of the mean of q(z|u_k), component by component with scipy."""
    found = []
    for point in z.detach().numpy():
        each = [
            norm(m, np.exp(v / 2)).logpdf(point).sum()
            for m, v in zip(means.detach().numpy(), log_variances.detach().numpy(), strict=True)
        ]
        found.append(logsumexp(each) - math.log(len(each)))
    return np.array(found)


def test_kl_is_log_q_minus_the_log_mean_of_posteriors_of_pseudo_inputs(
    model: VampPrior, images: Tensor
) -> None:
    model.eval()
    noise = torch.randn(8, 2, dtype=torch.float64)
    with torch.no_grad():
        with draws(noise):
            found = model.kl(images)
        mean, log_variance = model.posterior(images)
        z = mean + (0.5 * log_variance).exp() * noise
        output = model.encoder(model.pseudo_inputs(), update_statistics=False)
    log_q = norm(mean.numpy(), np.exp(log_variance.numpy() / 2)).logpdf(z.numpy()).sum(1)
    expected = log_q - brute_force(z, output.embedding, output.log_covariance)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


class Fixed(nn.Module):
    """An encoder with one given posterior a pseudo-input, whatever these look like."""

    def __init__(self, means: Tensor, log_variances: Tensor) -> None:
        super().__init__()
        self.output = ModelOutput(embedding=means, log_covariance=log_variances)

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        return self.output


@pytest.mark.parametrize("deviation", [1.0, 0.03])
def test_prior_keeps_its_precision_in_training_arithmetic(deviation: float) -> None:
    """Written-out squares lose digits where posteriors are narrow; what is left must do for a loss in nats."""
    backbone = Backbone(latent_dim=16, final_block="full", likelihood="gaussian")
    model = VampPrior(backbone, Pseudo(inputs=50))
    means = 2 * torch.randn(50, 16)
    log_variances = torch.full((50, 16), 2 * math.log(deviation)) + 0.2 * torch.randn(50, 16)
    model.encoder = Fixed(means, log_variances)
    z = means[:10] + (0.5 * log_variances[:10]).exp() * torch.randn(10, 16)
    expected = brute_force(z.double(), means.double(), log_variances.double())
    np.testing.assert_allclose(model.prior_log_density(z).detach(), expected, atol=0.02)


def test_pseudo_inputs_are_the_linear_maps_answer_to_the_identity_cut_to_images(model: VampPrior) -> None:
    model.pseudo.weight.data.normal_(std=3)
    expected = model.pseudo(torch.eye(K).double()).clamp(0, 1)
    torch.testing.assert_close(model.pseudo_inputs(), expected.view(K, 1, 28, 28))


def test_there_is_no_warm_up(model: VampPrior, images: Tensor) -> None:
    model.eval()
    found = []
    for progress in (0.0, 1.0):
        with draws(torch.ones(8, 2, dtype=torch.float64)), torch.no_grad():
            found.append(float(model.losses(Batch(images), progress).players["autoencoder"]))
    assert found[0] == found[1]
