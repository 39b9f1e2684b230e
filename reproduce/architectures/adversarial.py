"""Adversarial-AE: the aggregated posterior matched to the prior by a discriminator."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from reproduce.architectures.contract import Batch, Losses, Player
from reproduce.architectures.distributions import gaussian_sample
from reproduce.architectures.gaussian import OwnGaussian
from reproduce.architectures.mmd import squared_mmd
from reproduce.architectures.settings import Adversarial, Backbone
from reproduce.architectures.total_correlation import discriminator

DRAWN = 2000
"""How many codes are used to measure their discrepancy from the prior."""


class AdversarialAutoencoder(OwnGaussian):
    """Reconstruction step, discriminator step, encoder-against-discriminator step, each with its own Adam.

    Source: Makhzani et al. 2016, Section 2, with a Gaussian posterior. Departs: the three losses are taken from one
    forward pass and all players step together; in the source they alternate. No KL. Pythae instead minimises a weighted
    sum in which the adversarial term weighs about a hundredth.
    """

    def __init__(self, backbone: Backbone, settings: Adversarial) -> None:
        super().__init__(backbone)
        self.settings = settings
        self.discriminator = discriminator(backbone.latent_dim, settings.widths, 1)

    def players(self) -> tuple[Player, ...]:
        rate = self.settings.learning_rate
        return (
            Player.of("autoencoder", self.encoder, self.decoder),
            Player.of("discriminator", self.discriminator, learning_rate=rate),
            Player.of("generator", self.encoder),
        )

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        mean, log_variance = self.posterior(batch.images)
        z = gaussian_sample(mean, log_variance)
        error = self.reconstruction_term(z, batch.images).mean()
        against = self.discriminator_loss(z.detach(), torch.randn_like(z))
        logits = self.discriminator(z)
        fooling = self.settings.weight * F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        return Losses(
            {"autoencoder": error, "discriminator": against, "generator": fooling},
            {"reconstruction": error, "discriminator": against, "generator": fooling},
        )

    def discriminator_loss(self, codes: Tensor, prior: Tensor) -> Tensor:
        """Cross-entropy with label 1 for draws from the prior, 0 for codes, ()."""
        real, fake = self.discriminator(torch.cat([prior, codes])).split([len(prior), len(codes)])
        return 0.5 * (
            F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
            + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
        )

    def validation_loss(self, batch: Batch) -> Tensor:
        return self.reconstruction_term(self.sample(batch.images), batch.images).mean()

    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        batches = list(batches)
        with torch.no_grad():
            codes = torch.cat([self.sample(x) for x in batches])
            # a random choice, because neighbours in MNIST's file come from one writer
            codes = codes[torch.randperm(len(codes), device=codes.device)[:DRAWN]]
            mmd = squared_mmd(codes, torch.randn_like(codes), bandwidth=1.0)
        return {**super().diagnostics(batches), "mmd": float(mmd)}
