"""The model that Pythae trains for each architecture, and the trainer that it uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pythae import models, trainers
from pythae.data.datasets import BaseDataset
from pythae.models.base.base_utils import ModelOutput
from torch import Tensor

from benchmarks.speed.plain import on_plain_layers, plain_losses
from reproduce.architectures import contract, registry
from reproduce.architectures.contract import Architecture
from reproduce.architectures.pythae_objective import checked
from reproduce.protocol import profile

SHARED: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "ae": ("AE", lambda s: {}),
    "wae": (
        "WAE_MMD",
        lambda s: {"kernel_choice": "rbf", "reg_weight": s.weight, "kernel_bandwidth": s.bandwidth},
    ),
    "rae-l2": ("RAE_L2", lambda s: {"embedding_weight": s.embedding, "reg_weight": s.decoder_decay}),
    "vae": ("VAE", lambda s: {}),
    "vamp": ("VAMP", lambda s: {"number_components": s.inputs, "linear_scheduling_steps": 0}),
    "info-vae": (
        "INFOVAE_MMD",
        lambda s: {
            "kernel_choice": "rbf",
            "alpha": s.alpha,
            "lbd": s.lambda_,
            "kernel_bandwidth": s.bandwidth,
        },
    ),
    "beta-vae": ("BetaVAE", lambda s: {"beta": s.beta}),
    "ciwae": ("CIWAE", lambda s: {"number_samples": s.samples, "beta": s.beta}),
    "iwae": ("IWAE", lambda s: {"number_samples": s.samples}),
    "disent-beta-vae": (
        "DisentangledBetaVAE",
        lambda s: {"beta": s.weight, "C": s.capacity, "warmup_epoch": 100},
    ),
    "svae": ("SVAE", lambda s: {}),
}
"""Pythae's classes with the losses and gradients of ours: slug → class, and its configuration from our settings."""

LEARNING_RATE = contract.LEARNING_RATE * profile("quick").learning_rate_scale
"""Learning rate of every optimizer: that of our side, which uses the profile `quick`. It does not affect the time of a
step."""


class PlainForm(models.BaseAE):
    """A plain version of our method, with the interface that Pythae's trainers need."""

    def __init__(self, slug: str, architecture: Architecture) -> None:
        torch.nn.Module.__init__(self)
        self.model_name = "PlainForm"
        self.model_config = models.BaseAEConfig(input_dim=(1, 28, 28), latent_dim=16)
        self.architecture = architecture
        self.losses = plain_losses(slug)
        self.names = tuple(player.name for player in architecture.players())
        for part in ("encoder", "decoder", "discriminator"):
            network = getattr(architecture, part, None)
            if network is not None:
                self.add_module(part, network)

    def forward(self, inputs: Any, **_: object) -> ModelOutput:
        return output_for_trainer(self.losses(self.architecture, inputs["data"]))


def output_for_trainer(losses: dict[str, Tensor]) -> ModelOutput:
    """The players' losses under the names that Pythae's trainers expect."""
    if "discriminator" in losses:
        # Pythae's trainer has one optimizer for the autoencoder, so all of its losses are added
        autoencoder = sum(loss for name, loss in losses.items() if name != "discriminator")
        return ModelOutput(
            loss=autoencoder, autoencoder_loss=autoencoder, discriminator_loss=losses["discriminator"]
        )
    if len(losses) == 1:
        (loss,) = losses.values()
        return ModelOutput(loss=loss)
    return ModelOutput(
        loss=losses["decoder"],
        encoder_loss=losses["encoder"],
        decoder_loss=losses["decoder"],
        update_encoder=True,
        update_decoder=True,
    )


def opponent(slug: str, train_size: int) -> models.BaseAE:
    """The model for Pythae's trainer: its own class for a shared row, else the plain form; both on plain layers.

    Weights come from torch's default generator.
    """
    architecture = on_plain_layers(registry.build(slug, train_size=train_size))
    if slug not in SHARED:
        return PlainForm(slug, architecture)
    name, wanted = SHARED[slug][0], SHARED[slug][1](registry.configured(slug)[1])
    config_class = getattr(models, f"{name}_Config", None) or getattr(models, f"{name}Config")
    config = config_class(input_dim=(1, 28, 28), latent_dim=registry.BACKBONE.latent_dim, **wanted)
    return getattr(models, name)(checked(config, **wanted), architecture.encoder, architecture.decoder)


def pythae_trainer(
    slug: str, model: models.BaseAE, dataset: BaseDataset, batch_size: int, folder: str, device: str = "cpu"
) -> Any:
    """The trainer that Pythae assigns. We choose it by the players, Pythae's pipeline by the model's name."""
    names = {player.name for player in registry.build(slug, train_size=len(dataset)).players()}
    shared = {
        "output_dir": folder,
        "per_device_train_batch_size": batch_size,
        "num_epochs": 1,
        "no_cuda": device == "cpu",
    }
    if "discriminator" in names:
        config = trainers.AdversarialTrainerConfig(
            autoencoder_learning_rate=LEARNING_RATE, discriminator_learning_rate=LEARNING_RATE, **shared
        )
        return trainers.AdversarialTrainer(model, dataset, training_config=config)
    if names == {"encoder", "decoder"}:
        decay = getattr(model.model_config, "reg_weight", 0.0)
        config = trainers.CoupledOptimizerTrainerConfig(
            encoder_learning_rate=LEARNING_RATE,
            decoder_learning_rate=LEARNING_RATE,
            decoder_optimizer_params={"weight_decay": decay},
            **shared,
        )
        return trainers.CoupledOptimizerTrainer(model, dataset, training_config=config)
    config = trainers.BaseTrainerConfig(learning_rate=LEARNING_RATE, **shared)
    return trainers.BaseTrainer(model, dataset, training_config=config)
