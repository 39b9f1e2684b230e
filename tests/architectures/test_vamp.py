"""VAMP: the mixture prior in single precision. That it is the right one, `test_against_pythae.py` shows."""

from __future__ import annotations

import math

import numpy as np
import torch
from pythae.models.base.base_utils import ModelOutput
from torch import Tensor, nn

from reproduce.architectures.settings import Backbone, Pseudo
from reproduce.architectures.vamp import VampPrior


class Fixed(nn.Module):
    """An encoder with one given posterior a pseudo-input, whatever these look like."""

    def __init__(self, means: Tensor, log_variances: Tensor) -> None:
        super().__init__()
        self.output = ModelOutput(embedding=means, log_covariance=log_variances)

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        return self.output


def test_prior_keeps_enough_digits_where_posteriors_are_narrow() -> None:
    """Written-out squares lose digits there; what is left in training's arithmetic must do for a loss in nats."""
    backbone = Backbone(latent_dim=16, final_block="full", likelihood="gaussian")
    model = VampPrior(backbone, Pseudo(inputs=50))
    means = 2 * torch.randn(50, 16)
    log_variances = 2 * math.log(0.03) + 0.2 * torch.randn(50, 16)
    z = means[:20] + (0.5 * log_variances[:20]).exp() * torch.randn(20, 16)
    expected, found = [], []
    for values, dtype in ((expected, torch.float64), (found, torch.float32)):
        model.encoder = Fixed(means.to(dtype), log_variances.to(dtype))
        values.extend(model.prior_log_density(z.to(dtype)).tolist())
    np.testing.assert_allclose(found, expected, atol=0.02)
