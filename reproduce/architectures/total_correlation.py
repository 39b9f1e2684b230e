"""Penalties on the total correlation: β-TCVAE (stratified estimate) and FactorVAE (density ratio)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reproduce.architectures.backbone import SLOPE
from reproduce.architectures.contract import Batch, Losses, Player, average
from reproduce.architectures.distributions import (
    LOG_TWO_PI,
    gaussian_kl,
    gaussian_log_density,
    gaussian_sample,
    standard_log_density,
)
from reproduce.architectures.gaussian import OwnGaussian
from reproduce.architectures.settings import Adversarial, Backbone, TotalCorrelation
from reproduce.machine.devices import CPU


@lru_cache(maxsize=8)
def stratified_log_weights(
    batch: int, dataset: int, dtype: torch.dtype = torch.float64, device: torch.device = CPU
) -> Tensor:
    """log importance weights of minibatch stratified sampling (Chen et al. 2018, appendix C.2), (B, B).

    Row i estimates q(z_i): its own posterior has the weight 1/N; of the M = B-1 others one stands for the rest of the
    data set with (N-M)/(N·M), the others have 1/M. Rows sum to one. In Pythae, as in the authors' code, two columns get
    the weights meant for the diagonals. batch ≥ 2. Computed in float64 and cached on the device, so that no step copies
    them there.
    """
    if batch < 2:
        raise ValueError("minibatch stratified sampling needs at least two images")
    others = batch - 1
    weights = torch.full((batch, batch), 1 / others, dtype=torch.float64)
    rows = torch.arange(batch)
    weights[rows, rows] = 1 / dataset
    weights[rows, (rows + 1) % batch] = (dataset - others) / (dataset * others)
    return weights.log().to(device, dtype)


def decompose(
    z: Tensor, mean: Tensor, log_variance: Tensor, log_weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Mutual information, total correlation, dimension-wise KL (Chen et al. 2018, Eq. 2), one sample each, (B,).

    z, mean, log_variance: (B, d); log_weights: (B, B), row i for the mixture that estimates q(z_i).
    """
    # log q(z_i,k | x_j): (B, B, d), the square written out so that only two products of this size are computed
    inverse_scale = torch.exp(-0.5 * log_variance)
    scaled = z.unsqueeze(1) * inverse_scale - mean * inverse_scale
    log_densities = -0.5 * scaled.square() - 0.5 * (LOG_TWO_PI + log_variance)
    log_q_conditional = gaussian_log_density(z, mean, log_variance)
    log_q = (log_densities.sum(2) + log_weights).logsumexp(1)
    log_q_product = (log_densities + log_weights.unsqueeze(2)).logsumexp(1).sum(1)
    return log_q_conditional - log_q, log_q - log_q_product, log_q_product - standard_log_density(z)


class BetaTCVAE(OwnGaussian):
    """α·MI + β·TC + γ·dimension-wise KL in place of the KL.

    Source: Chen et al. 2018, Eq. 4. Departs: estimated by stratified sampling (their appendix C.2) instead of the
    weighted sampling of their main text; a Gaussian likelihood. The estimate of q(z) from a minibatch is unbiased, its
    logarithm is not: mutual information is too large, dimension-wise KL too small, and their sum with TC correct. N is
    the training set's size, in validation, too, so that both losses estimate the same quantity.
    """

    def __init__(self, backbone: Backbone, settings: TotalCorrelation, train_size: int) -> None:
        super().__init__(backbone)
        self.settings = settings
        self.train_size = train_size

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        mean, log_variance = self.posterior(batch.images)
        z = gaussian_sample(mean, log_variance)
        error = self.reconstruction_term(z, batch.images).mean()
        log_weights = stratified_log_weights(len(z), self.train_size, z.dtype, z.device)
        information, correlation, dimensionwise = (
            term.mean() for term in decompose(z, mean, log_variance, log_weights)
        )
        weights = self.settings
        loss = (
            error + weights.alpha * information + weights.beta * correlation + weights.gamma * dimensionwise
        )
        parts = {
            "reconstruction": error,
            "mutual_information": information,
            "total_correlation": correlation,
            "dimensionwise_kl": dimensionwise,
        }
        return Losses({"autoencoder": loss}, parts)


def discriminator(inputs: int, widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Linear layers with LeakyReLU(0.2): (B, inputs) → (B, outputs) logits.

    "Two convolutional layers with 128 and 256 channels" on a vector of 16 are read as 1×1 convolutions.
    """
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), nn.LeakyReLU(SLOPE)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def permute_dimensions(z: Tensor) -> Tensor:
    """Every column shuffled independently over the batch (Kim & Mnih 2018, algorithm 1): (B, d) → (B, d)."""
    order = torch.rand(z.shape, device=z.device).argsort(0)
    return z.gather(0, order)


def density_ratio(logits: Tensor) -> Tensor:
    """log q(z)/∏q(z_j) as estimated by a two-class discriminator (Kim & Mnih 2018, Eq. 3): (B, 2) → (B,)."""
    return logits[:, 0] - logits[:, 1]


class FactorVAE(OwnGaussian):
    """Evidence lower bound and γ·TC by density ratio.

    Source: Kim & Mnih 2018, algorithm 2. Departs: two hidden layers of 128 and 256 in the discriminator, as the
    paper prints, instead of six layers of 1000. The discriminator distinguishes codes of the batch from permuted codes
    of a second batch, which passes through the encoder with its own batch statistics and does not change the running
    ones. Codes are detached in the discriminator's loss; in Pythae the encoder minimises it, too.
    """

    wants_other = True

    def __init__(self, backbone: Backbone, settings: Adversarial) -> None:
        super().__init__(backbone)
        self.settings = settings
        self.discriminator = discriminator(backbone.latent_dim, settings.widths, 2)

    def players(self) -> tuple[Player, ...]:
        return (
            Player.of("autoencoder", self.encoder, self.decoder),
            Player.of("discriminator", self.discriminator, learning_rate=self.settings.learning_rate),
        )

    def bound(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes (B, d), reconstruction term and KL, ()."""
        mean, log_variance = self.posterior(images)
        z = gaussian_sample(mean, log_variance)
        return z, self.reconstruction_term(z, images).mean(), gaussian_kl(mean, log_variance).mean()

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        z, error, kl = self.bound(batch.images)
        ratio = density_ratio(self.discriminator(z)).mean()
        loss = error + kl + self.settings.weight * ratio
        against = self.discriminator_loss(z.detach(), self.other_codes(batch))
        parts = {"reconstruction": error, "kl": kl, "total_correlation": ratio, "discriminator": against}
        return Losses({"autoencoder": loss, "discriminator": against}, parts)

    @torch.no_grad()
    def other_codes(self, batch: Batch) -> Tensor:
        """Permuted codes of the second batch: draws from the product of the marginals, (B', d)."""
        assert batch.other is not None, "FactorVAE asks for a second batch"
        output = self.encoder(batch.other, update_statistics=False)
        return permute_dimensions(gaussian_sample(output.embedding, output.log_covariance))

    def discriminator_loss(self, joint: Tensor, product: Tensor) -> Tensor:
        """Cross-entropy with class 0 for codes of the joint, class 1 for those of the product, ()."""
        logits = self.discriminator(torch.cat([joint, product]))
        labels = torch.cat(
            [
                torch.zeros(len(joint), dtype=torch.long, device=joint.device),
                torch.ones(len(product), dtype=torch.long, device=joint.device),
            ]
        )
        parts = F.cross_entropy(logits, labels, reduction="none").split([len(joint), len(product)])
        return 0.5 * (parts[0].mean() + parts[1].mean())

    def validation_loss(self, batch: Batch) -> Tensor:
        _, error, kl = self.bound(batch.images)
        return error + kl

    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        batches = list(batches)
        ratio = average(lambda x: density_ratio(self.discriminator(self.sample(x))), batches)
        return {**super().diagnostics(batches), "density_ratio": ratio, "chance_loss": math.log(2)}
