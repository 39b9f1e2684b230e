"""Settings of architectures: frozen dataclasses without defaults, all filled in `registry.py`.

Pythae silently ignores a misspelt setting; here an unknown one is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Backbone:
    """Settings that all 22 share (Section III-C)."""

    latent_dim: int
    final_block: str
    """"full" or "linear": see `backbone.Upsampler`."""
    likelihood: str
    """"gaussian" or "bernoulli": see `contract.negative_log_likelihood`."""


@dataclass(frozen=True)
class Settings:
    """Settings of one architecture."""


@dataclass(frozen=True)
class NoSettings(Settings):
    """An architecture without settings of its own."""


@dataclass(frozen=True)
class Weighted(Settings):
    """β-VAE."""

    beta: float


@dataclass(frozen=True)
class Capacity(Settings):
    """Disentangled β-VAE: weight on |KL - C|, and C's end value in nats."""

    weight: float
    capacity: float


@dataclass(frozen=True)
class TotalCorrelation(Settings):
    """β-TCVAE: weights of mutual information, total correlation, dimension-wise KL."""

    alpha: float
    beta: float
    gamma: float


@dataclass(frozen=True)
class Adversarial(Settings):
    """FactorVAE, Adversarial-AE: discriminator's widths and learning rate, weight of its term."""

    weight: float
    widths: tuple[int, ...]
    learning_rate: float


@dataclass(frozen=True)
class Importance(Settings):
    """IWAE family: M groups of K samples; β weighs the evidence lower bound (CIWAE)."""

    groups: int
    samples: int
    beta: float


@dataclass(frozen=True)
class Discrepancy(Settings):
    """WAE: weight of the maximum mean discrepancy, RBF kernel exp(-d²/(2·latent_dim·bandwidth²))."""

    weight: float
    bandwidth: float


@dataclass(frozen=True)
class Information(Settings):
    """InfoVAE (Zhao et al. 2017): KL weight 1-α, MMD weight α+λ-1, WAE's kernel."""

    alpha: float
    lambda_: float
    bandwidth: float


@dataclass(frozen=True)
class Regularized(Settings):
    """RAE: weight of ½‖z‖², decoder's weight decay (L2), weight of the gradient penalty (GP)."""

    embedding: float
    decoder_decay: float
    gradient_penalty: float


@dataclass(frozen=True)
class Codebook(Settings):
    """VQ-VAE."""

    size: int
    commitment: float
    decay: float


@dataclass(frozen=True)
class Hierarchy(Settings):
    """HVAE: the second level's width and its networks' hidden width."""

    second_dim: int
    hidden: int


@dataclass(frozen=True)
class Autoregressive(Settings):
    """VAE-IAF."""

    blocks: int
    hidden: int
    hidden_layers: int
    context: int


@dataclass(frozen=True)
class Affine(Settings):
    """VAE-LinNF."""

    flows: int


@dataclass(frozen=True)
class Pseudo(Settings):
    """VAMP."""

    inputs: int


@dataclass(frozen=True)
class Perceptual(Settings):
    """MS-SSIM-VAE: printed weights of the scales (only the scales that fit are used), weight of the KL."""

    scales: tuple[float, ...]
    kl_weight: float


@dataclass(frozen=True)
class Spherical(Settings):
    """SVAE: the smallest concentration, and proposals of the rejection sampler per draw."""

    least_concentration: float
    proposals: int


@dataclass(frozen=True)
class PythaeSettings(Settings):
    """Pythae's implementation: Pythae's configuration by its own names, without the fields that the backbone sets."""

    config: dict[str, Any]
