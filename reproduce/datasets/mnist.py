"""Full MNIST from idx files: in $MNIST_DIR, in torchvision's folder, or downloaded."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import zlib
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

import numpy as np

from reproduce.datasets.split import SIDE, Source, Split
from reproduce.errors import ReproduceError
from reproduce.storage import files

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

SILENCE = 30.0
"""A download ends with an error after this many seconds without data."""
DOWNLOAD_FOLDER = Path("data")
"""torchvision's root: the files lie in data/MNIST/raw."""


def _mnist() -> Sequence[Split]:
    """The three parts; the last 10,000 training images are for validation, as in Pythae's notebooks."""
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
        with files.lock(DOWNLOAD_FOLDER / ".lock", wait="downloads MNIST"):
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
    folder = files.expanded(Path(named))
    if not folder.is_dir():
        raise ReproduceError(f"MNIST_DIR is '{named}', which is not a folder: point it at the idx files")
    mnist_files(folder)
    return folder


def mnist_files(folder: Path) -> dict[str, Path]:
    """Name of each of the four files → its path, in the folder or below it. Raises ReproduceError for a missing
    file."""
    return {name: _existing(folder, name) for name in IDX_FILES}


def _complete(folder: Path) -> bool:
    return all(_candidates(folder, name) for name in IDX_FILES)


def _download(folder: Path) -> None:
    """Download the four files into the folder, each as a whole: a process without the lock never sees half a file."""
    from torchvision.datasets import MNIST

    part = DOWNLOAD_FOLDER / ".part"
    shutil.rmtree(part, ignore_errors=True)  # left by a process that was killed
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
    """The paths at which the file exists: under its own name or with a dot (train-images.idx3-ubyte), plain or gzipped,
    in the folder, below it as in torchvision (MNIST/raw), or in a subfolder with the file's name."""
    names = [name, name.replace("-idx", ".idx")]
    places = [folder, folder / "raw", folder / "MNIST" / "raw", *(folder / each for each in names)]
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


SOURCE = Source("full MNIST", [entry[2] for entry in IDX_FILES.values()], _mnist)
