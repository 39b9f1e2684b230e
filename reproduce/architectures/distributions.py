"""Densities and divergences that several architectures share. Codes are (B, d), values in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOG_TWO_PI = math.log(2 * math.pi)


def gaussian_sample(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A reparameterised draw (Kingma & Welling 2014, Eq. 10); shapes broadcast like the mean's."""
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def gaussian_log_density(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, diag exp(log_variance)), summed over the last axis."""
    return -0.5 * (LOG_TWO_PI + log_variance + (z - mean).square() * torch.exp(-log_variance)).sum(-1)


def standard_log_density(z: Tensor) -> Tensor:
    """log N(z; 0, I), summed over the last axis."""
    return -0.5 * (LOG_TWO_PI + z.square()).sum(-1)


def gaussian_entropy(log_variance: Tensor) -> Tensor:
    """Entropy of a diagonal Gaussian, summed over the last axis."""
    return 0.5 * (1 + LOG_TWO_PI + log_variance).sum(-1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) ‖ N(0, I)) (Kingma & Welling 2014, appendix B), per row."""
    return 0.5 * (mean.square() + torch.exp(log_variance) - 1 - log_variance).sum(-1)
