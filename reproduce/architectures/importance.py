"""Importance-weighted bounds: IWAE, MIWAE, CIWAE, PIWAE.

The last three have Rainforth et al.'s (2018) expanded names in Pythae (Multiply, Combination, Partially), which are
used here: without missing data or labels, the missing-data and conditional models of the paper's text are the IWAE
itself. All K samples of a batch are decoded in one pass, so batch norm uses all of them.
"""

from __future__ import annotations

import math

from torch import Tensor

from reproduce.architectures.contract import Batch, Losses, Player, negative_log_likelihood
from reproduce.architectures.distributions import (
    gaussian_log_density,
    gaussian_sample,
    standard_log_density,
)
from reproduce.architectures.gaussian import OwnGaussian
from reproduce.architectures.settings import Backbone, Importance


def elbo(log_weights: Tensor) -> Tensor:
    """Monte Carlo evidence lower bound: mean of log w over all samples, (B, …) → (B,)."""
    return log_weights.flatten(1).mean(1)


def iwae_bound(log_weights: Tensor) -> Tensor:
    """log mean w over all samples (Burda et al. 2016, Eq. 8): (B, …) → (B,)."""
    flat = log_weights.flatten(1)
    return flat.logsumexp(1) - math.log(flat.shape[1])


def miwae_bound(log_weights: Tensor) -> Tensor:
    """Mean of M bounds of K samples (Rainforth et al. 2018): (B, M, K) → (B,)."""
    return (log_weights.logsumexp(2) - math.log(log_weights.shape[2])).mean(1)


class ImportanceWeighted(OwnGaussian):
    """log w = log p(x|z) + log p(z) - log q(z|x) for M × K samples per image."""

    def __init__(self, backbone: Backbone, settings: Importance) -> None:
        super().__init__(backbone)
        self.settings = settings

    def log_weights(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """log w and -log p(x|z), each (B, M, K)."""
        shape = (len(images), self.settings.groups, self.settings.samples)
        mean, log_variance = (value[:, None, None].expand(*shape, -1) for value in self.posterior(images))
        z = gaussian_sample(mean, log_variance)
        repeated = images[:, None, None].expand(*shape, *images.shape[1:]).flatten(0, 2)
        error = negative_log_likelihood(self.decode(z.flatten(0, 2)), repeated, self.likelihood).view(shape)
        return standard_log_density(z) - gaussian_log_density(z, mean, log_variance) - error, error

    def objective(self, log_weights: Tensor) -> dict[str, Tensor]:
        """The bound that each player maximises, (B,)."""
        return {"autoencoder": iwae_bound(log_weights)}

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        log_weights, error = self.log_weights(batch.images)
        parts = {
            "reconstruction": error.mean(),
            "elbo": elbo(log_weights).mean(),
            "iwae_bound": iwae_bound(log_weights).mean(),
        }
        return Losses({name: -bound.mean() for name, bound in self.objective(log_weights).items()}, parts)


class IWAE(ImportanceWeighted):
    """Log of the mean of K importance weights.

    Source: Burda et al. 2016, Eq. 8. Departs: a Gaussian likelihood. Pythae's gradient is this one; its value is a
    surrogate.
    """


class MIWAE(ImportanceWeighted):
    """Multiply: mean of M bounds of K samples.

    Source: Rainforth et al. 2018, “Tighter variational bounds are not necessarily better”. Departs: a Gaussian
    likelihood. The paper cites another model of this name, for missing data, but there are none here. Pythae
    normalises its weights over M instead of K.
    """

    def objective(self, log_weights: Tensor) -> dict[str, Tensor]:
        return {"autoencoder": miwae_bound(log_weights)}


class CIWAE(ImportanceWeighted):
    """Combination: β·ELBO + (1-β)·IWAE.

    Source: Rainforth et al. 2018, “Tighter variational bounds are not necessarily better”. Departs: a Gaussian
    likelihood. The paper's text describes a conditional model, but there are no labels here.
    """

    def objective(self, log_weights: Tensor) -> dict[str, Tensor]:
        beta = self.settings.beta
        return {"autoencoder": beta * elbo(log_weights) + (1 - beta) * iwae_bound(log_weights)}


class PIWAE(ImportanceWeighted):
    """Partially: the encoder maximises the MIWAE bound, the decoder the IWAE bound of all M·K samples.

    Source: Rainforth et al. 2018, “Tighter variational bounds are not necessarily better”. Departs: a Gaussian
    likelihood. The paper cites a model for missing data, but there are none here. Validation uses the decoder's
    bound, which is tighter. Pythae adds both gradients into the encoder.
    """

    def players(self) -> tuple[Player, ...]:
        return (Player.of("encoder", self.encoder), Player.of("decoder", self.decoder))

    def objective(self, log_weights: Tensor) -> dict[str, Tensor]:
        return {"encoder": miwae_bound(log_weights), "decoder": iwae_bound(log_weights)}

    def validation_loss(self, batch: Batch) -> Tensor:
        return self.losses(batch, 1.0).players["decoder"]
