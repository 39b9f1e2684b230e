"""The backbone and the losses as one would write them down: what Pythae's trainer trains.

Plain torch modules and formulas: no fused or in-place operations, no memory format, no two linear maps in one. The
names of the weights are those of `backbone`, so that one takes over the other's state. Tests prove loss and
gradients equal to ours in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn

from reproduce.architectures import backbone
from reproduce.architectures.backbone import FEATURES, MAP, SLOPE
from reproduce.architectures.contract import Architecture, Batch

Network = TypeVar("Network", bound=nn.Module)


def normalised(norm: nn.BatchNorm2d, x: Tensor, update_statistics: bool) -> Tensor:
    """Batch norm, with or without leaving a trace in the running statistics."""
    if update_statistics:
        return norm(x)
    return F.batch_norm(x, None, None, norm.weight, norm.bias, True, 0.0, norm.eps)


class Encoder(BaseEncoder):
    """`backbone.Encoder`, plainly. heads: output name → width."""

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
        """(B, 1, 28, 28) → one (B, width) a head, by name."""
        features = self.feature_map(x, update_statistics).flatten(1)
        return ModelOutput(**{name: head(features) for name, head in self.heads.items()})


class Upsampler(nn.Module):
    """`backbone.Upsampler` with a "full" last block, plainly: (B, 128, 3, 3) → images (B, 1, 28, 28)."""

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
    """`backbone.Decoder`, plainly: codes (B, latent_dim) → images."""

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
    """The plain network with the weights of ours, and with the same ones held fast."""
    plain.load_state_dict(ours.state_dict())
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
    """The architecture itself, its encoder and decoder exchanged for plain ones with the same weights."""
    owner = getattr(architecture, "pythae", architecture)
    owner.encoder = plain_network(architecture.encoder)
    owner.decoder = plain_network(architecture.decoder)
    return architecture


# --- losses -------------------------------------------------------------------------------------------

PlainLosses = Callable[[Any, Tensor], dict[str, Tensor]]
"""(architecture on plain layers, images) → one loss a player."""


def own_losses(architecture: Architecture, images: Tensor) -> dict[str, Tensor]:
    """The architecture's own losses: for those that are written plainly already."""
    return architecture.losses(Batch(images), 1.0).players


PLAIN_LOSSES: dict[str, PlainLosses] = {}


def plain_losses(slug: str) -> PlainLosses:
    """The plain losses of an architecture."""
    return PLAIN_LOSSES.get(slug, own_losses)
