"""VAMP: a learned mixture of posteriors as the prior."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from reproduce.architectures.distributions import gaussian_log_density, gaussian_sample
from reproduce.architectures.gaussian import OwnOneSampleKL
from reproduce.architectures.settings import Backbone, Pseudo


class VampPrior(OwnOneSampleKL):
    """p(z) = mean over K of q(z|u_k) with learned pseudo-inputs u_k.

    Source: Tomczak & Welling 2018, Eq. 9. Departs: no warm-up; a Gaussian likelihood. Pseudo-inputs are a linear
    layer applied to the identity matrix, then a hard tanh into [0, 1], as in Pythae. For the identity the layer's
    output is its transposed weight plus the bias. They pass through the encoder with their own batch statistics and do
    not change the running ones; in Pythae they make up half of them.
    """

    def __init__(self, backbone: Backbone, settings: Pseudo) -> None:
        super().__init__(backbone)
        self.count = settings.inputs
        self.pseudo = nn.Linear(settings.inputs, 784)

    def pseudo_inputs(self) -> Tensor:
        """u_k: (K, 1, 28, 28) in [0, 1]."""
        return F.hardtanh(self.pseudo.weight.T + self.pseudo.bias, 0.0, 1.0).view(-1, 1, 28, 28)

    def prior_log_density(self, z: Tensor) -> Tensor:
        """log p(z): (B, d) → (B,)."""
        output = self.encoder(self.pseudo_inputs(), update_statistics=False)
        means, log_variances = output.embedding, output.log_covariance
        # one term per component: (B, K), as products of (B, d) and (d, K)
        precision = (-log_variances).exp()
        squares = (
            z.square() @ precision.T - 2 * z @ (means * precision).T + (means.square() * precision).sum(1)
        )
        constants = z.shape[1] * math.log(2 * math.pi) + log_variances.sum(1)
        return (-0.5 * (squares + constants)).logsumexp(1) - math.log(self.count)

    def sample_with_kl(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.posterior(x)
        z = gaussian_sample(mean, log_variance)
        return z, gaussian_log_density(z, mean, log_variance) - self.prior_log_density(z)
