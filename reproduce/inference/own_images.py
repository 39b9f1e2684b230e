"""Applies a trained model to a user's own image files and writes the results to files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from reproduce.architectures.contract import Architecture
from reproduce.datasets import SIDE
from reproduce.errors import ReproduceError
from reproduce.protocol import FRAMES
from reproduce.storage import files

PNG, NPY = ".png", ".npy"
REMEDY = f"save it as a grey PNG of {SIDE} x {SIDE}, or as npy"
BATCH = 500
"""Images per batch."""


def read_images(path: Path) -> np.ndarray:
    """The file's images, (n, 28, 28) float32 in [0, 1]: one of a grey PNG, or all of an npy of (28, 28), (n, 28, 28) or
    (n, 1, 28, 28), as uint8 or as floats in [0, 1].

    Raises ReproduceError that names the file and what is wrong with it.
    """
    if path.suffix.lower() not in (PNG, NPY):
        raise ReproduceError(f"{path} is neither a .png nor a .npy: {REMEDY}")
    if not path.exists():
        raise ReproduceError(f"there is no file {path}")
    content = files.read(path)
    try:
        found = _of_png(content) if path.suffix.lower() == PNG else _of_npy(content)
    except (OSError, ValueError, EOFError, MemoryError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error) or type(error).__name__
        raise ReproduceError(f"{path} cannot be read ({reason}): {REMEDY}") from error
    shape = found.shape
    if found.ndim == 4 and shape[1] == 1:
        found = found[:, 0]
    if found.ndim not in (2, 3) or found.shape[-2:] != (SIDE, SIDE) or not found.size:
        raise ReproduceError(
            f"{path} is {' x '.join(map(str, shape))}, and an image is {SIDE} x {SIDE} in grey"
        )
    if found.dtype == np.uint8:
        found = found.astype(np.float32) / 255
    # this refuses NaN, too
    elif found.dtype.kind != "f" or not ((found >= 0) & (found <= 1)).all():
        raise ReproduceError(f"{path} holds other values than uint8, or floats in [0, 1]: rescale it")
    return found.reshape(-1, SIDE, SIDE).astype(np.float32)


def _of_png(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.mode not in ("L", "1"):
            raise ValueError(f"its mode is {image.mode} and not L, 8 bits of grey")
        if image.size != (SIDE, SIDE):  # before its pixels are read
            raise ValueError(f"it is {image.width} x {image.height}, and an image is {SIDE} x {SIDE}")
        return np.asarray(image.convert("L"))


def _of_npy(content: bytes) -> np.ndarray:
    found: np.ndarray = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return found


def reconstructed(model: Architecture, images: np.ndarray) -> np.ndarray:
    """The images encoded without noise and decoded: (n, 28, 28) → (n, 28, 28), float32 in [0, 1]."""
    with torch.no_grad():
        parts = [model.decode(model.encode(part)) for part in torch.from_numpy(images)[:, None].split(BATCH)]
    return torch.cat(parts)[:, 0].numpy()


def between(model: Architecture, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The frames from one image to the other, (10, 28, 28), by the model's own interpolation (Eq. 6)."""
    with torch.no_grad():
        codes = model.encode(torch.from_numpy(np.stack([first, last]))[:, None])
        return model.interpolate(codes[:1], codes[1:], torch.linspace(0, 1, FRAMES))[0].numpy()


def encoded(images: np.ndarray, ending: str) -> bytes:
    """A file's content: an npy of (n, 28, 28) float32, or a PNG with the images side by side."""
    stream = io.BytesIO()
    if ending == NPY:
        np.save(stream, images)
    else:
        pixels = (np.concatenate(list(images), axis=1) * 255).round().clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def outputs(paths: Sequence[Path], out: Path, slug: str, interpolate: bool) -> dict[Path, Path]:
    """Output path → its input path (for an interpolation the first one). Raises ReproduceError if two outputs would be
    the same file, or if one exists: nothing is overwritten."""
    found: dict[Path, Path] = {}
    way = f"-to-{paths[-1].stem}" if len(paths) > 1 else "-frames"
    for path in paths[:1] if interpolate else paths:
        target = out / f"{path.stem}-{slug}{way if interpolate else ''}{path.suffix.lower()}"
        if target in found:
            raise ReproduceError(
                f"{path} and {found[target]} would both become {target}: give them one by one"
            )
        if target.exists():
            raise ReproduceError(f"{target} exists already: move it away, or choose another --out")
        found[target] = path
    return found


def apply(
    model: Architecture, paths: Sequence[Path], targets: Mapping[Path, Path], interpolate: bool
) -> None:
    """Write every target. interpolate: one strip between two images, from one or two files. Raises ReproduceError
    before anything is written if a file is not an image, or if an interpolation does not have two images."""
    images = {path: read_images(path) for path in paths}
    if not interpolate:
        results = {target: reconstructed(model, images[path]) for target, path in targets.items()}
    else:
        both = np.concatenate([images[path] for path in paths])
        if len(both) != 2:
            raise ReproduceError(f"--interpolate goes between two images, and these are {len(both)}")
        results = {target: between(model, both[0], both[1]) for target in targets}
    for target, found in results.items():
        files.write(target, encoded(found, target.suffix))
