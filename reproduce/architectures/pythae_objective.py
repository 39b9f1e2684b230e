"""Architectures whose objective is Pythae's own class, unchanged, on the shared backbone."""

from __future__ import annotations

from collections.abc import Mapping

from pythae.models import BaseAE
from pythae.models.base.base_utils import ModelOutput
from torch import Tensor

from reproduce.architectures.backbone import Decoder, Encoder
from reproduce.architectures.contract import Architecture, Batch, Losses
from reproduce.architectures.settings import Backbone
from reproduce.errors import ReproduceError

GAUSSIAN_HEADS = ("embedding", "log_covariance")


def gaussian_encoder(backbone: Backbone) -> Encoder:
    """Two heads: mean and log-variance of a diagonal Gaussian posterior."""
    return Encoder(dict.fromkeys(GAUSSIAN_HEADS, backbone.latent_dim))


def mean_encoder(backbone: Backbone) -> Encoder:
    """Only the mean head, for deterministic encoders."""
    return Encoder({"embedding": backbone.latent_dim})


def decoder(backbone: Backbone) -> Decoder:
    """The shared decoder."""
    return Decoder(backbone.latent_dim, backbone.final_block)


def pythae_settings(backbone: Backbone) -> dict[str, object]:
    """The shared part of a Pythae configuration."""
    return {"input_dim": (1, 28, 28), "latent_dim": backbone.latent_dim}


def pythae_likelihood(backbone: Backbone) -> dict[str, object]:
    """The likelihood by Pythae's name."""
    return {"reconstruction_loss": {"gaussian": "mse", "bernoulli": "bce"}[backbone.likelihood]}


def checked(config: object, **wanted: object) -> object:
    """The configuration. Raises ReproduceError if it lacks a wanted value: Pythae drops unknown fields silently."""
    for name, value in wanted.items():
        if getattr(config, name, None) != value:
            raise ReproduceError(f"Pythae's {type(config).__name__} did not take {name}={value!r}")
    return config


class PythaeObjective(Architecture):
    """The loss and its parts come from a Pythae model's forward pass.

    parts: record name → name in Pythae's output.
    """

    parts: Mapping[str, str] = {}

    def __init__(self, model: BaseAE) -> None:
        super().__init__()
        self.pythae = model

    @property
    def encoder(self) -> Encoder:  # type: ignore[override]
        """The model's encoder."""
        return self.pythae.encoder

    @property
    def decoder(self) -> Decoder:  # type: ignore[override]
        """The model's decoder."""
        return self.pythae.decoder

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        output = self.pythae({"data": batch.images})
        return Losses(self.by_player(output.loss), self.recorded(output))

    def recorded(self, output: ModelOutput) -> dict[str, Tensor]:
        """The parts by name, as means, since some classes return them per sample."""
        return {name: output[key].mean() for name, key in self.parts.items()}

    def by_player(self, loss: Tensor) -> dict[str, Tensor]:
        """The same loss for each player."""
        return {player.name: loss for player in self.players()}
