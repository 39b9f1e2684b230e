"""Many sample images in one picture, as text that an HTML page can hold."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

Sprite = dict[str, Any]
"""`png` in base64, and how many `columns` and `rows` of images it has."""


def sprite(images: np.ndarray) -> Sprite:
    """One picture of grey images (rows, columns, height, width) uint8, in this layout."""
    rows, columns, height, width = images.shape
    sheet = np.ascontiguousarray(images.transpose(0, 2, 1, 3).reshape(rows * height, columns * width))
    written = io.BytesIO()
    Image.fromarray(sheet).save(written, "PNG", optimize=True)
    return {"columns": columns, "rows": rows, "png": base64.b64encode(written.getvalue()).decode()}


def size(sprites: dict[str, Sprite]) -> int:
    """Bytes that the sprites take in the page."""
    return sum(len(each["png"]) for each in sprites.values())
