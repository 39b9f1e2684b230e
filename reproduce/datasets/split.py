"""Parts of a data set: images with labels in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reproduce.protocol import numpy_stream

SIDE = 28
PIXELS = SIDE * SIDE

SPLIT_SEED = 5_000
"""Seed of the digits' split and of the evaluation's index lists; it is not a training seed."""

SPLIT_REVISION = 1
"""Raised by hand when the way of splitting or of drawing the index lists changes."""


@dataclass(frozen=True)
class Split:
    """Images (N, 28, 28) uint8 and labels (N,) uint8, in a fixed order."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Dataset:
    """Train, validation and test parts."""

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Source:
    """One data set, as a file of this package describes it.

    origin:   where it comes from, in words.
    contents: SHA-256 checksums that identify the data, part of every key; they are checked on reading.
    read:     returns its training, validation and test parts in full. Raises ReproduceError.
    """

    origin: str
    contents: str | Sequence[str]
    read: Callable[[], Sequence[Split]]


def stratified_split(labels: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Shuffled index lists of the given sizes, each with equally many images of every class.

    labels: (N,) with equally many of each class; sizes: divisible by the number of classes. A list is made of rounds:
    one image of every class in random order, then another of every class, and so on. So a profile that uses the first
    n images of a part has (nearly) equal classes, too.
    """
    generator = numpy_stream(SPLIT_SEED, "split")
    classes = np.unique(labels)
    rounds = np.stack([generator.permutation(np.flatnonzero(labels == label)) for label in classes], axis=1)
    for row in rounds:
        generator.shuffle(row)
    order = rounds.reshape(-1)
    return np.split(order, np.cumsum(sizes))[: len(sizes)]
