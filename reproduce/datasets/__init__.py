"""Data as arrays: a protocol's training, validation and test parts, and the test images that the evaluation uses.

A data set is a file beside this one with a `SOURCE`, and a line in DATASETS. Wherever the data comes from, the SHA-256
of its uncompressed content is checked before use.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from reproduce.datasets import digits, mnist
from reproduce.datasets.split import PIXELS, SIDE, SPLIT_REVISION, SPLIT_SEED, Dataset, Source, Split
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol, numpy_stream

__all__ = [
    "DATASETS", "PIXELS", "SIDE", "SPLIT_REVISION", "SPLIT_SEED", "Dataset", "EvaluationIndices", "Source", "Split",
    "digits", "evaluation_indices", "fingerprint", "load", "mnist", "source",
]  # fmt: skip

DATASETS: dict[str, Source] = {"digits": digits.SOURCE, "mnist": mnist.SOURCE}
"""Name, as in `Protocol.dataset` → data set."""


def source(protocol: Protocol) -> Source:
    """The protocol's data set. Raises ReproduceError for an unknown name."""
    if protocol.dataset not in DATASETS:
        raise ReproduceError(f"unknown data set '{protocol.dataset}'; known are {', '.join(DATASETS)}")
    return DATASETS[protocol.dataset]


def load(protocol: Protocol) -> Dataset:
    """The protocol's data. Raises ReproduceError that names the file and the remedy."""
    source(protocol)
    return _load(protocol.dataset, protocol.train, protocol.validation, protocol.test)


@lru_cache(maxsize=2)
def _load(name: str, train: int, validation: int, test: int) -> Dataset:
    splits = DATASETS[name].read()
    sizes = (train, validation, test)
    parts = tuple(
        Split(split.images[:size], split.labels[:size]) for split, size in zip(splits, sizes, strict=True)
    )
    for part, size, which in zip(parts, sizes, ("training", "validation", "test"), strict=True):
        if len(part) != size:
            raise ReproduceError(
                f"data set '{name}' has {len(part)} {which} images, the profile wants {size}"
            )
    return Dataset(parts[0], parts[1], parts[2])


def fingerprint(protocol: Protocol) -> str:
    """SHA-256 that identifies the protocol's data. Nothing is loaded here: contents are checked on loading."""
    contents = source(protocol).contents
    sizes = (protocol.train, protocol.validation, protocol.test)
    named = json.dumps([protocol.dataset, contents, SPLIT_SEED, SPLIT_REVISION, sizes])
    return hashlib.sha256(named.encode()).hexdigest()


# --- what the evaluation uses -------------------------------------------------------------------------


@dataclass(frozen=True)
class EvaluationIndices:
    """The test images that the evaluation uses, the same for all models and seeds.

    images: (100,) for Table I; pairs: (25, 2) for Table II; whole_pairs: (n, 2); codes: up to 1,000.
    """

    images: np.ndarray
    pairs: np.ndarray
    whole_pairs: np.ndarray
    codes: np.ndarray


def evaluation_indices(protocol: Protocol) -> EvaluationIndices:
    """Index lists, drawn from a seed of their own (not from a training seed).

    50 distinct test images make the paper's 25 pairs (Section III-F pairs image 2i-1 with 2i).
    """
    generator = numpy_stream(SPLIT_SEED, "evaluation")
    n = protocol.test
    images = generator.choice(n, 100, replace=False)
    pairs = generator.choice(n, 50, replace=False).reshape(25, 2)
    first = generator.integers(0, n, protocol.whole_pairs)
    second = (first + generator.integers(1, n, protocol.whole_pairs)) % n
    codes = generator.choice(n, min(n, 1000), replace=False)
    return EvaluationIndices(images, pairs, np.stack([first, second], axis=1), codes)
