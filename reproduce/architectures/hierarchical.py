"""HVAE: two levels of latent variables."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from reproduce.architectures.contract import Batch, Losses, average
from reproduce.architectures.distributions import (
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_density,
    gaussian_sample,
)
from reproduce.architectures.gaussian import OwnGaussian
from reproduce.architectures.settings import Backbone, Hierarchy


class GaussianNetwork(nn.Module):
    """One hidden layer, two outputs: mean and log-variance of a diagonal Gaussian."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 2 * outputs))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, inputs) → two (B, outputs)."""
        mean, log_variance = self.layers(z).chunk(2, dim=1)
        return mean, log_variance


class HierarchicalVAE(OwnGaussian):
    """p(z₂) p(z₁|z₂) p(x|z₁) with q(z₁|x) q(z₂|z₁), the formula of Section II-D.

    Source: Sønderby et al. 2016, “Ladder variational autoencoders”: the plain hierarchy with bottom-up inference,
    not the ladder. Departs: no warm-up, one hidden layer between the levels and no batch norm in it. -ELBO = -log
    p(x|z₁) + KL₁ + KL₂, with KL₁ = -H(q(z₁|x)) - log p(z₁|z₂) and KL₂ = KL(q(z₂|z₁) ‖ N(0, I)). The entropy and KL₂
    are exact, the rest one sample. Pythae's HVAE is the Hamiltonian VAE.
    """

    def __init__(self, backbone: Backbone, settings: Hierarchy) -> None:
        super().__init__(backbone)
        first, second = backbone.latent_dim, settings.second_dim
        self.inference = GaussianNetwork(first, settings.hidden, second)
        self.generation = GaussianNetwork(second, settings.hidden, first)

    def levels(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A draw z₁ (B, d) and the two KL terms, (B,) each."""
        mean, log_variance = self.posterior(x)
        first = gaussian_sample(mean, log_variance)
        second_mean, second_log_variance = self.inference(first)
        second = gaussian_sample(second_mean, second_log_variance)
        kl_first = -gaussian_entropy(log_variance) - gaussian_log_density(first, *self.generation(second))
        return first, kl_first, gaussian_kl(second_mean, second_log_variance)

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        z, kl_first, kl_second = self.levels(batch.images)
        error = self.reconstruction_term(z, batch.images)
        parts = {"reconstruction": error.mean(), "kl_first": kl_first.mean(), "kl_second": kl_second.mean()}
        return Losses({"autoencoder": (error + kl_first + kl_second).mean()}, parts)

    def kl(self, x: Tensor) -> Tensor | None:
        _, kl_first, kl_second = self.levels(x)
        return kl_first + kl_second

    @torch.no_grad()
    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        batches = list(batches)
        return {
            **super().diagnostics(batches),
            "kl_first": average(lambda x: self.levels(x)[1], batches),
            "kl_second": average(lambda x: self.levels(x)[2], batches),
        }
