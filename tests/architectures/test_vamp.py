"""VAMP: the mixture prior against brute force, and batch norm's statistics against contamination."""

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


def test_prior_is_the_mean_of_posteriors_of_pseudo_inputs(model: VampPrior) -> None:
    z = torch.randn(5, 2, dtype=torch.float64)
    output = model.encoder(model.pseudo_inputs(), update_statistics=False)
    expected = brute_force(z, output.embedding, output.log_covariance)
    np.testing.assert_allclose(model.prior_log_density(z).detach(), expected, rtol=1e-10)


class Fixed(nn.Module):
    """An encoder with one given posterior a pseudo-input, whatever these look like."""

    def __init__(self, means: Tensor, log_variances: Tensor) -> None:
        super().__init__()
        self.output = ModelOutput(embedding=means, log_covariance=log_variances)

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        return self.output


@pytest.mark.parametrize("deviation", [1.0, 0.1, 0.03])
def test_prior_keeps_its_precision_in_training_arithmetic(deviation: float) -> None:
    """Written-out squares lose digits where posteriors are narrow; what is left must do for a loss in nats."""
    backbone = Backbone(latent_dim=16, final_block="full", likelihood="gaussian")
    model = VampPrior(backbone, Pseudo(inputs=50))
    means = 2 * torch.randn(50, 16)
    log_variances = torch.full((50, 16), 2 * math.log(deviation)) + 0.2 * torch.randn(50, 16)
    model.encoder = Fixed(means, log_variances)
    z = means[:20] + (0.5 * log_variances[:20]).exp() * torch.randn(20, 16)
    expected = brute_force(z.double(), means.double(), log_variances.double())
    np.testing.assert_allclose(model.prior_log_density(z).detach(), expected, atol=0.02)


def test_prior_integrates_to_one(model: VampPrior) -> None:
    with torch.no_grad():
        axis = torch.linspace(-25, 25, 401, dtype=torch.float64)
        grid = torch.cartesian_prod(axis, axis)
        total = float(model.prior_log_density(grid).exp().sum()) * float(axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1, abs=1e-6)


def test_pseudo_inputs_are_images(model: VampPrior) -> None:
    model.pseudo.weight.data.normal_(std=3)
    found = model.pseudo_inputs()
    assert found.shape == (K, 1, 28, 28)
    for k in range(K):
        idle = torch.zeros(K, dtype=torch.float64)
        idle[k] = 1
        torch.testing.assert_close(found[k].flatten(), model.pseudo(idle).clamp(0, 1))


def test_running_statistics_are_those_of_the_data_alone(
    model: VampPrior, plane: Backbone, images: Tensor
) -> None:
    data_alone = VampPrior(plane, Pseudo(inputs=K)).double()
    data_alone.load_state_dict(model.state_dict())
    for _ in range(3):
        model.losses(Batch(images), 0.0)
        data_alone.encoder(images)
    for (name, found), (_, expected) in zip(
        model.encoder.named_buffers(), data_alone.encoder.named_buffers(), strict=True
    ):
        assert torch.equal(found, expected), name


def test_kl_is_log_q_minus_log_p_of_one_draw(model: VampPrior, images: Tensor) -> None:
    model.eval()
    noise = torch.randn(8, 2, dtype=torch.float64)
    with draws(noise), torch.no_grad():
        losses = model.losses(Batch(images), 0.0)
    with torch.no_grad():
        mean, log_variance = model.posterior(images)
        z = mean + (0.5 * log_variance).exp() * noise
        output = model.encoder(model.pseudo_inputs(), update_statistics=False)
        log_q = norm(mean.numpy(), np.exp(log_variance.numpy() / 2)).logpdf(z.numpy()).sum(1)
        kl = log_q - brute_force(z, output.embedding, output.log_covariance)
        error = 0.5 * (model.decode(z) - images).square().sum((1, 2, 3)).numpy()
    assert float(losses.players["autoencoder"]) == pytest.approx((kl + error).mean(), rel=1e-10)


def test_there_is_no_warm_up(model: VampPrior, images: Tensor) -> None:
    model.eval()
    found = []
    for progress in (0.0, 1.0):
        with draws(torch.ones(8, 2, dtype=torch.float64)), torch.no_grad():
            found.append(float(model.losses(Batch(images), progress).players["autoencoder"]))
    assert found[0] == found[1]


def test_pseudo_inputs_learn(model: VampPrior, images: Tensor) -> None:
    model.pseudo.weight.data.uniform_(0.2, 0.8)
    loss = model.losses(Batch(images), 0.0).players["autoencoder"]
    (gradient,) = torch.autograd.grad(loss, model.pseudo.weight)
    assert gradient.abs().sum() > 0
