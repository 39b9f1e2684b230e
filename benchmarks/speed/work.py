"""How much arithmetic a training step needs."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed import BATCH
from benchmarks.speed.plain import on_plain_layers
from reproduce.architectures import registry
from reproduce.architectures.contract import Batch
from reproduce.training import player_gradients


def step_flops(slug: str, batch: int = BATCH) -> int:
    """Multiplications and additions of convolutions and matrix products in one training step of the plain function.

    Forward and backward pass, counted by torch's counter on plain layers. Elementwise operations (batch norm,
    activations, losses, Adam) do not count, and our shortcuts do not reduce the count.
    """
    with torch.random.fork_rng():
        architecture = on_plain_layers(registry.build(slug, train_size=batch)).train()
        images = torch.rand(batch, 1, 28, 28)
        with FlopCounterMode(display=False) as counter:
            losses = architecture.losses(Batch(images, images), 0.5)
            player_gradients(architecture.players(), losses.players)
    return int(counter.get_total_flops())
