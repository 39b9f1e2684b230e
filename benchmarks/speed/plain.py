"""The backbone and the losses in their plain form, without optimisations, for Pythae's trainer.

Plain torch modules and formulas: no fused or in-place operations, no memory format, no merged linear maps. The weights
have the same names as in `backbone`, so that a state can be loaded into either. Tests show that loss and gradients are
equal to ours in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn

from reproduce.architectures import backbone
from reproduce.architectures.adversarial import AdversarialAutoencoder
from reproduce.architectures.backbone import FEATURES, MAP, SLOPE
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.deterministic import GradientPenalty
from reproduce.architectures.distributions import LOG_TWO_PI, gaussian_sample
from reproduce.architectures.importance import ImportanceWeighted
from reproduce.architectures.perceptual import C1, C2, LEAST_CONTRAST, WINDOW, PerceptualVAE, gaussian_window
from reproduce.architectures.quantised import LEAST_COUNT, VectorQuantised
from reproduce.architectures.total_correlation import BetaTCVAE, FactorVAE, stratified_log_weights

Network = TypeVar("Network", bound=nn.Module)


def normalised(norm: nn.BatchNorm2d, x: Tensor, update_statistics: bool) -> Tensor:
    """Batch norm, with or without an update of the running statistics."""
    if update_statistics:
        return norm(x)
    return F.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)


class Encoder(BaseEncoder):
    """The plain form of `backbone.Encoder`. heads: output name → width."""

    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(1, 32, 3, stride=2, padding=1),
                nn.Conv2d(32, 64, 3, stride=2, padding=1),
                nn.Conv2d(64, 128, 3, stride=2, padding=0),
            ]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(width) for width in (32, 64, 128)])
        self.activation = nn.LeakyReLU(SLOPE)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, width) for name, width in heads.items()})

    @classmethod
    def like(cls, ours: backbone.Encoder) -> Encoder:
        """With the weights of ours."""
        return taking_over(
            cls({name: head.out_features for name, head in ours.heads.items()}),  # type: ignore[misc]
            ours,
        )

    def feature_map(self, x: Tensor, update_statistics: bool = True) -> Tensor:
        """(B, 1, 28, 28) → (B, 128, 3, 3)."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.activation(normalised(norm, convolution(x), update_statistics))  # type: ignore[arg-type]
        return x

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        """(B, 1, 28, 28) → one (B, width) per head, by name."""
        features = self.feature_map(x, update_statistics).flatten(1)
        return ModelOutput(**{name: head(features) for name, head in self.heads.items()})


class Upsampler(nn.Module):
    """The plain form of `backbone.Upsampler` with a "full" last block: (B, 128, 3, 3) → images (B, 1, 28, 28)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.ConvTranspose2d(128, 128, 3, stride=2, padding=0, output_padding=0),
                nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1, output_padding=1),
                nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            ]
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(width) for width in (128, 64, 32)])
        self.activation = nn.LeakyReLU(SLOPE)
        self.final = nn.Conv2d(32, 1, 1)

    @classmethod
    def like(cls, ours: backbone.Upsampler) -> Upsampler:
        """With the weights of ours."""
        return taking_over(cls(), ours)

    def forward(self, x: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.activation(norm(convolution(x)))
        return torch.sigmoid(self.final(x))


class Decoder(BaseDecoder):
    """The plain form of `backbone.Decoder`: codes (B, latent_dim) → images."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(latent_dim, FEATURES)
        self.upsampler = Upsampler()

    @classmethod
    def like(cls, ours: backbone.Decoder) -> Decoder:
        """With the weights of ours."""
        return taking_over(cls(ours.linear.in_features), ours)

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.upsampler(self.linear(z).view(-1, *MAP)))


def taking_over(plain: Network, ours: nn.Module) -> Network:
    """The plain network with the weights of ours, and with the same parameters frozen."""
    plain.to(next(ours.parameters()).dtype).load_state_dict(ours.state_dict())
    trained = {name: value.requires_grad for name, value in ours.named_parameters()}
    for name, value in plain.named_parameters():
        value.requires_grad_(trained[name])
    return plain


def plain_network(ours: nn.Module) -> nn.Module:
    """The plain form of an encoder, a decoder or an upsampler."""
    if isinstance(ours, backbone.Encoder):
        return Encoder.like(ours)
    if isinstance(ours, backbone.Decoder):
        return Decoder.like(ours)
    if isinstance(ours, backbone.Upsampler):
        return Upsampler.like(ours)
    raise TypeError(f"no plain form of {type(ours).__name__}")


def on_plain_layers(architecture: Architecture) -> Architecture:
    """The architecture itself, with its encoder and decoder replaced by plain ones with the same weights."""
    owner = getattr(architecture, "pythae", architecture)
    owner.encoder = plain_network(architecture.encoder)
    owner.decoder = plain_network(architecture.decoder)
    return architecture


# --- losses -------------------------------------------------------------------------------------------

PlainLosses = Callable[[Any, Tensor], dict[str, Tensor]]
"""(architecture on plain layers, images) → one loss per player."""


def own_losses(architecture: Architecture, images: Tensor) -> dict[str, Tensor]:
    """The architecture's own losses, for architectures without shortcuts."""
    return architecture.losses(Batch(images), 1.0).players


def half_squared_error(reconstruction: Tensor, images: Tensor) -> Tensor:
    """-log p(x|z) with unit variance, (B, 1, 28, 28) twice → (B,)."""
    return 0.5 * F.mse_loss(reconstruction, images, reduction="none").flatten(1).sum(1)


def log_densities(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(z; mean, exp(log_variance)), elementwise."""
    return -0.5 * (LOG_TWO_PI + log_variance + (z - mean) ** 2 / log_variance.exp())


def total_correlation_losses(model: BetaTCVAE, images: Tensor) -> dict[str, Tensor]:
    """β-TCVAE: all (B, B, d) densities as in the formula."""
    mean, log_variance = model.posterior(images)
    z = gaussian_sample(mean, log_variance)
    error = half_squared_error(model.decode(z), images)
    log_weights = stratified_log_weights(len(z), model.train_size).to(z)
    pairs = log_densities(z[:, None], mean[None], log_variance[None])
    log_q_conditional = log_densities(z, mean, log_variance).sum(1)
    log_q = torch.logsumexp(log_weights + pairs.sum(2), dim=1)
    log_q_product = torch.logsumexp(log_weights[:, :, None] + pairs, dim=1).sum(1)
    log_prior = log_densities(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    weights = model.settings
    loss = (
        error
        + weights.alpha * (log_q_conditional - log_q)
        + weights.beta * (log_q - log_q_product)
        + weights.gamma * (log_q_product - log_prior)
    )
    return {"autoencoder": loss.mean()}


def permuted_columns(z: Tensor) -> Tensor:
    """Every column shuffled independently: (B, d) → (B, d)."""
    return torch.stack([column[torch.randperm(len(column))] for column in z.unbind(1)], dim=1)


def density_ratio_losses(model: FactorVAE, images: Tensor) -> dict[str, Tensor]:
    """FactorVAE: the first half of the images is the batch, the second half the other one."""
    images, other = images.chunk(2)
    mean, log_variance = model.posterior(images)
    z = gaussian_sample(mean, log_variance)
    error = half_squared_error(model.decode(z), images)
    logits = model.discriminator(z)
    kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)
    loss = (error + kl).mean() + model.settings.weight * (logits[:, 0] - logits[:, 1]).mean()
    with torch.no_grad():
        output = model.encoder(other, update_statistics=False)
        product = permuted_columns(gaussian_sample(output.embedding, output.log_covariance))
    joint_logits, product_logits = model.discriminator(z.detach()), model.discriminator(product)
    against = F.cross_entropy(joint_logits, torch.zeros(len(joint_logits), dtype=torch.long))
    against = against + F.cross_entropy(product_logits, torch.ones(len(product_logits), dtype=torch.long))
    return {"autoencoder": loss, "discriminator": 0.5 * against}


def adversarial_losses(model: AdversarialAutoencoder, images: Tensor) -> dict[str, Tensor]:
    """Adversarial-AE: reconstruction, discriminator, generator."""
    mean, log_variance = model.posterior(images)
    z = gaussian_sample(mean, log_variance)
    prior = model.discriminator(torch.randn_like(z))
    codes, fooling = model.discriminator(z.detach()), model.discriminator(z)
    cross_entropy = F.binary_cross_entropy_with_logits
    against = cross_entropy(prior, torch.ones_like(prior)) + cross_entropy(codes, torch.zeros_like(codes))
    return {
        "autoencoder": half_squared_error(model.decode(z), images).mean(),
        "discriminator": 0.5 * against,
        "generator": model.settings.weight * cross_entropy(fooling, torch.ones_like(fooling)),
    }


def gradient_penalty_losses(model: GradientPenalty, images: Tensor) -> dict[str, Tensor]:
    """RAE-GP: the penalty estimated with one probe of the decoder's Jacobian."""
    z = model.encode(images)
    reconstruction = model.decode(z)
    probe = torch.randn_like(reconstruction)
    (product,) = torch.autograd.grad((reconstruction * probe).sum(), z, create_graph=True)
    settings = model.settings
    loss = (
        F.mse_loss(reconstruction, images, reduction="none").flatten(1).sum(1)
        + settings.embedding * 0.5 * (z**2).sum(1)
        + settings.gradient_penalty * (product**2).sum(1)
    )
    return {"autoencoder": loss.mean()}


def importance_losses(model: ImportanceWeighted, images: Tensor) -> dict[str, Tensor]:
    """MIWAE and PIWAE: M × K codes per image, decoded in one pass as in Pythae (batch norm uses all of them)."""
    groups, samples = model.settings.groups, model.settings.samples
    mean, log_variance = model.posterior(images)
    mean = mean[:, None, None].repeat(1, groups, samples, 1)
    log_variance = log_variance[:, None, None].repeat(1, groups, samples, 1)
    z = gaussian_sample(mean, log_variance)
    targets = images[:, None, None].repeat(1, groups, samples, 1, 1, 1)
    reconstruction = model.decode(z.reshape(-1, z.shape[-1])).reshape(targets.shape)
    error = 0.5 * F.mse_loss(reconstruction, targets, reduction="none").flatten(3).sum(3)
    log_prior = log_densities(z, torch.zeros_like(z), torch.zeros_like(z)).sum(3)
    log_weights = log_prior - log_densities(z, mean, log_variance).sum(3) - error
    bounds = {
        "miwae": (torch.logsumexp(log_weights, dim=2) - math.log(samples)).mean(),
        "iwae": (torch.logsumexp(log_weights.flatten(1), dim=1) - math.log(groups * samples)).mean(),
    }
    if len(model.players()) == 1:
        return {"autoencoder": -bounds["miwae"]}
    return {"encoder": -bounds["miwae"], "decoder": -bounds["iwae"]}


def similarity_losses(model: PerceptualVAE, images: Tensor) -> dict[str, Tensor]:
    """MS-SSIM-VAE: a separate convolution for each windowed mean."""
    mean, log_variance = model.posterior(images)
    x, y = model.decode(gaussian_sample(mean, log_variance)), images
    scales = model.settings.scales[: fitting_scales(images.shape[-1], len(model.settings.scales))]
    similarity = torch.ones_like(x[:, 0, 0, 0])
    for index, scale in enumerate(scales):
        weights = gaussian_window(min(WINDOW, x.shape[-1])).to(x)
        window = torch.outer(weights, weights)[None, None]
        mean_x, mean_y = F.conv2d(x, window), F.conv2d(y, window)
        variance_x = F.conv2d(x * x, window) - mean_x**2
        variance_y = F.conv2d(y * y, window) - mean_y**2
        covariance = F.conv2d(x * y, window) - mean_x * mean_y
        contrast = (2 * covariance + C2) / (variance_x + variance_y + C2)
        luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
        exponent = scale / sum(scales)
        similarity = similarity * contrast.flatten(1).mean(1).clamp_min(LEAST_CONTRAST) ** exponent
        if index == len(scales) - 1:
            similarity = similarity * luminance.flatten(1).mean(1).clamp_min(LEAST_CONTRAST) ** exponent
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)
    return {"autoencoder": (1 - similarity).mean() + model.settings.kl_weight * kl.mean()}


def fitting_scales(side: int, most: int) -> int:
    """The number of scales whose images have sides of at least 3 pixels, including the whole image."""
    count = 1
    while count < most and side // 2**count >= 3:
        count += 1
    return count


def quantised_losses(model: VectorQuantised, images: Tensor) -> dict[str, Tensor]:
    """VQ-VAE: distances to all codes, moving averages by one-hot vectors."""
    raw = model.raw_code(images)
    vectors = raw.permute(0, 2, 3, 1).reshape(-1, raw.shape[1])
    quantiser = model.quantiser
    quantiser.start(vectors.detach())
    codes = quantiser.codes.clone()
    distances = (
        (vectors.detach() ** 2).sum(1, keepdim=True) + (codes**2).sum(1) - 2 * vectors.detach() @ codes.T
    )
    chosen = F.one_hot(distances.argmin(1), len(codes)).to(vectors)
    nearest = chosen @ codes
    straight = vectors + (nearest - vectors).detach()
    reconstruction = model.decode(straight.reshape(len(raw), *raw.shape[2:], -1).permute(0, 3, 1, 2))
    error = F.mse_loss(reconstruction, images, reduction="none").flatten(1).sum(1).mean()
    commitment = ((vectors - nearest) ** 2).sum() / len(images)
    with torch.no_grad():
        decay = quantiser.decay
        quantiser.counts.mul_(decay).add_((1 - decay) * chosen.sum(0))
        quantiser.sums.mul_(decay).add_((1 - decay) * chosen.T @ vectors)
        alive = quantiser.counts > LEAST_COUNT
        quantiser.codes[alive] = quantiser.sums[alive] / quantiser.counts[alive, None]
    return {"autoencoder": error + model.settings.commitment * commitment}


PLAIN_LOSSES: dict[str, PlainLosses] = {
    "vq-vae": quantised_losses,
    "rae-gp": gradient_penalty_losses,
    "beta-tcvae": total_correlation_losses,
    "factor-vae": density_ratio_losses,
    "miwae": importance_losses,
    "piwae": importance_losses,
    "ms-ssim-vae": similarity_losses,
    "adversarial-ae": adversarial_losses,
}
"""Plain losses by slug. HVAE and the flows are not among them: their own losses are already the plain formulas."""


def plain_losses(slug: str) -> PlainLosses:
    """The plain losses of an architecture for which Pythae's class is another method."""
    return PLAIN_LOSSES.get(slug, own_losses)
