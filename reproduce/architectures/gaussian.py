"""Gaussian posterior, standard normal prior: VAE, β-VAE, disentangled β-VAE, InfoVAE."""

from __future__ import annotations

from collections.abc import Iterable

from pythae.models import (
    INFOVAE_MMD,
    VAE,
    BetaVAE,
    BetaVAEConfig,
    INFOVAE_MMD_Config,
    VAEConfig,
)
from torch import Tensor

from reproduce.architectures.contract import (
    Architecture,
    Batch,
    Losses,
    average,
    negative_log_likelihood,
)
from reproduce.architectures.distributions import gaussian_kl, gaussian_sample
from reproduce.architectures.pythae_objective import (
    PythaeObjective,
    checked,
    decoder,
    gaussian_encoder,
    pythae_likelihood,
    pythae_settings,
)
from reproduce.architectures.settings import Backbone, Capacity, Information, NoSettings, Weighted


class GaussianPosterior(Architecture):
    """q(z|x) = N(μ(x), diag σ²(x)): the common part of all Gaussian models."""

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each (B, d)."""
        output = self.encoder(x)
        return output.embedding, output.log_covariance

    def sample(self, x: Tensor) -> Tensor:
        return gaussian_sample(*self.posterior(x))

    def kl(self, x: Tensor) -> Tensor | None:
        return gaussian_kl(*self.posterior(x))

    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        return {"posterior_sd": average(lambda x: self.posterior(x)[1].mul(0.5).exp(), batches)}


class OwnGaussian(GaussianPosterior):
    """A Gaussian posterior with our own losses instead of Pythae's."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.encoder = gaussian_encoder(backbone)
        self.decoder = decoder(backbone)
        self.likelihood = backbone.likelihood

    def reconstruction_term(self, z: Tensor, images: Tensor) -> Tensor:
        """-log p(x|z) per image, (B,)."""
        return negative_log_likelihood(self.decode(z), images, self.likelihood)


class OneSampleKL(GaussianPosterior):
    """A KL without a closed form: it is estimated from the draw that is decoded."""

    def sample_with_kl(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """A draw z (B, d) and the one-sample KL (B,)."""
        raise NotImplementedError

    def kl(self, x: Tensor) -> Tensor | None:
        return self.sample_with_kl(x)[1]


class OwnOneSampleKL(OneSampleKL, OwnGaussian):
    """The same with our own losses: the evidence lower bound."""

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        z, kl = self.sample_with_kl(batch.images)
        error = self.reconstruction_term(z, batch.images)
        return Losses({"autoencoder": (error + kl).mean()}, {"reconstruction": error.mean(), "kl": kl.mean()})


class PythaeGaussian(PythaeObjective, GaussianPosterior):
    """A Gaussian posterior whose losses are Pythae's."""

    parts = {"reconstruction": "recon_loss", "kl": "reg_loss"}  # noqa: RUF012


class VariationalAutoencoder(PythaeGaussian):
    """Evidence lower bound with one sample, the paper's Eq. 1. Pythae's VAE.

    Source: Kingma & Welling 2014, Eq. 10. Departs: a Gaussian likelihood of unit variance; the source uses a
    Bernoulli one for MNIST (the variant `bce`).
    """

    def __init__(self, backbone: Backbone, settings: NoSettings) -> None:
        likelihood = pythae_likelihood(backbone)
        config = checked(VAEConfig(**pythae_settings(backbone), **likelihood), **likelihood)
        super().__init__(VAE(config, gaussian_encoder(backbone), decoder(backbone)))


class BetaVariationalAutoencoder(PythaeGaussian):
    """KL weighted by β. Pythae's BetaVAE.

    Source: Higgins et al. 2017, Eq. 4. Departs: a Gaussian likelihood; with unit variance β = 4 leaves about one
    useful direction of MNIST's covariance, so the printed setting leads to near collapse.
    """

    def __init__(self, backbone: Backbone, settings: Weighted) -> None:
        wanted = {"beta": settings.beta, **pythae_likelihood(backbone)}
        config = checked(BetaVAEConfig(**pythae_settings(backbone), **wanted), **wanted)
        super().__init__(BetaVAE(config, gaussian_encoder(backbone), decoder(backbone)))


class InfoVariationalAutoencoder(PythaeGaussian):
    """KL weight 1-α and MMD weight α+λ-1. Pythae's INFOVAE_MMD.

    Source: Zhao et al. 2017, Eq. 6, with the maximum mean discrepancy as the divergence. Departs: the paper gives
    only α, so λ is that of WAE here (`lambda-1000` has a larger one). With Pythae's default λ = 0.001 the discrepancy
    would be maximised.
    """

    parts = {**PythaeGaussian.parts, "mmd": "mmd_loss"}  # noqa: RUF012

    def __init__(self, backbone: Backbone, settings: Information) -> None:
        wanted = {
            "kernel_choice": "rbf",
            "alpha": settings.alpha,
            "lbd": settings.lambda_,
            "kernel_bandwidth": settings.bandwidth,
            **pythae_likelihood(backbone),
        }
        config = checked(INFOVAE_MMD_Config(**pythae_settings(backbone), **wanted), **wanted)
        super().__init__(INFOVAE_MMD(config, gaussian_encoder(backbone), decoder(backbone)))


class CapacityVariationalAutoencoder(OwnGaussian):
    """Weight · |KL - C| per image with C rising linearly over the protocol's steps.

    Source: Burgess et al. 2018, Eq. 8. Departs: the absolute value is taken per image, as in Pythae; the source takes
    it of the batch mean. Validation always uses C's end value, so that the criterion of early stopping does not change.
    """

    def __init__(self, backbone: Backbone, settings: Capacity) -> None:
        super().__init__(backbone)
        self.settings = settings

    def capacity(self, progress: float | Tensor) -> float | Tensor:
        """C in nats after the share `progress` of the protocol's steps."""
        return self.settings.capacity * progress

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        mean, log_variance = self.posterior(batch.images)
        error = self.reconstruction_term(gaussian_sample(mean, log_variance), batch.images)
        kl = gaussian_kl(mean, log_variance)
        gap = (kl - self.capacity(progress)).abs()
        loss = (error + self.settings.weight * gap).mean()
        return Losses(
            {"autoencoder": loss}, {"reconstruction": error.mean(), "kl": kl.mean(), "gap": gap.mean()}
        )
