"""Figures made of images: reconstructions (Fig. 1), interpolations (Fig. 3), worst cases (Fig. A3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.report import numbers, style
from reproduce.report.context import Context, label

RECONSTRUCTED = ("ae", "wae", "vq-vae", "vae", "adversarial-ae", "svae")
"""The six models of Fig. 1, top to bottom."""
INTERPOLATED = ("vae-linnf", "svae", "rae-gp", "vae", "vq-vae", "ae")
"""The six models of Fig. 3."""
WORST = ("ae", "vq-vae", "vae", "beta-vae", "factor-vae", "vae-iaf", "adversarial-ae", "svae")
"""The models whose failures Section IV-G describes, and the best and worst of the field."""
DIGITS, FRAMES = 8, 10
_UPSCALE = 6


def _strip(images: np.ndarray, gap: int = 3) -> np.ndarray:
    """Images (n, 28, 28) uint8 side by side, black on white, enlarged so that no viewer blurs their pixels."""
    cells = np.kron(255 - images, np.ones((1, _UPSCALE, _UPSCALE), np.uint8))
    white = np.full((cells.shape[1], gap), 255, np.uint8)
    parts = [part for cell in cells for part in (cell, white)]
    return np.concatenate(parts[:-1], axis=1)


def _show(axes: Axes, strip: np.ndarray | None, cells: int) -> None:
    """Draw a strip of images, or a note if the run is missing."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if strip is None:
        axes.set(xlim=(0, cells), ylim=(0, 1))
        axes.text(
            cells / 2, 0.5, "no finished run", ha="center", va="center", color=style.MUTED, style="italic"
        )
    else:
        axes.imshow(strip, cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="equal")


def _image_rows(
    rows: Sequence[tuple[str, np.ndarray | None, Sequence[str]]],
    heads: Sequence[str],
    cells: int,
    width: float,
    columns: Mapping[float, str] | None = None,
) -> Figure:
    """Rows of images: a name at the left, one or more values under `heads` at the right.

    `columns` are headings over the images: position of the centre, in images from the left → text.
    """
    left, column = 0.92, 0.46
    right = column * len(heads) + 0.02
    cell = (width - left - right) / cells
    top = 0.17
    height = top + cell * len(rows) * 1.04
    drawn = style.figure(width, height)
    drawn.set_layout_engine("none")
    for index, (name, strip, values) in enumerate(rows):
        bottom = 1 - (top + cell * 1.04 * (index + 1)) / height
        box = (left / width, bottom, cell * cells / width, cell / height)
        _show(drawn.add_axes(box), strip, cells)
        middle = bottom + cell / height / 2
        drawn.text((left - 0.06) / width, middle, name, ha="right", va="center", fontsize=7.5)
        for position, value in enumerate(values):
            x = (width - right + column * (position + 1)) / width
            drawn.text(x - 0.02 / width, middle, value, ha="right", va="center", fontsize=7.5)
    for position, head in enumerate(heads):
        x = (width - right + column * (position + 1)) / width
        drawn.text(
            x - 0.02 / width, 1 - 0.08 / height, head, ha="right", va="center", fontsize=7, color=style.MUTED
        )
    for centre, text in (columns or {}).items():
        x = (left + cell * centre) / width
        drawn.text(x, 1 - 0.08 / height, text, ha="center", va="center", fontsize=7, color=style.MUTED)
    return drawn


def eight_digits(labels_of_images: np.ndarray) -> np.ndarray:
    """Positions of the first image of each of the first eight digits to appear; fewer only if fewer exist."""
    _, first = np.unique(labels_of_images, return_index=True)
    return np.sort(np.sort(first)[:DIGITS])


def reconstructions(context: Context) -> Figure:
    """Fig. 1: eight test digits and six models' reconstructions of them."""
    originals = context.records.samples("originals", 0)
    shown = eight_digits(np.asarray(originals["labels"]))
    rows: list[tuple[str, np.ndarray | None, Sequence[str]]] = [
        ("Original", _strip(np.asarray(originals["images"])[shown]), [""])
    ]
    for slug in RECONSTRUCTED:
        found = context.sample(slug)
        strip = None if found is None else _strip(np.asarray(found["reconstructions"])[shown])
        ssim = context.ours["ssim"].get(slug)
        rows.append((label(slug) + context.mark(slug), strip, [numbers.value("ssim", ssim)]))
    return _image_rows(rows, ["SSIM"], len(shown), style.COLUMN)


def shown_pairs(context: Context) -> tuple[int, ...]:
    """The interpolations of Fig. 3: the first two pairs of different digits."""
    pairs = context.records.pairs.drop_duplicates("pair").sort_values("pair")
    different = pairs.loc[pairs["first_label"] != pairs["second_label"], "pair"]
    return tuple(int(pair) for pair in (different if len(different) else pairs["pair"])[:2])


def interpolations(context: Context) -> Figure:
    """Fig. 3: ten frames between two test digits, for two pairs and six models; the test digits are at both ends."""
    pairs = shown_pairs(context)
    originals = np.asarray(context.records.samples("originals", 0)["pair_originals"])
    rows: list[tuple[str, np.ndarray | None, Sequence[str]]] = []
    for letter, slug in zip("abcdef", INTERPOLATED, strict=True):
        found = context.sample(slug)
        strip = None
        if found is not None:
            parts = [_path(np.asarray(found["frames"])[pair], originals[pair]) for pair in pairs]
            gap = np.full((parts[0].shape[0], 28), 255, np.uint8)
            strip = np.concatenate([part for each in parts for part in (each, gap)][:-1], axis=1)
        value = numbers.value("piq", context.ours["piq"].get(slug))
        rows.append((f"({letter}) {label(slug)}{context.mark(slug)}", strip, [value]))
    width = (FRAMES + 2) * len(pairs)
    heads = {
        start + place: text
        for start in range(0, width, FRAMES + 2)
        for place, text in ((0.6, "test"), (1 + FRAMES / 2, f"frames 1–{FRAMES}"), (FRAMES + 1.4, "test"))
    }
    return _image_rows(rows, ["PIQ"], width, style.PAGE, heads)


def _path(frames: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """One path as a strip between its test digits."""
    return _framed(_strip(np.concatenate([ends[:1], frames, ends[1:]])), len(frames) + 2)


def _framed(strip: np.ndarray, cells: int) -> np.ndarray:
    """The strip with grey bars between the test digits at both ends and the decoded frames."""
    side = 28 * _UPSCALE
    framed = strip.copy()
    for first in (side, strip.shape[1] - side - 3):
        framed[:, first + 1 : first + 2] = 120
    assert framed.shape[1] == cells * side + (cells - 1) * 3
    return framed


def worst(context: Context) -> Figure:
    """Fig. A3: the eight worst reconstructions (highest MSE) of some models, each beside its original."""
    present = [slug for slug in WORST if context.sample(slug) is not None]
    rows: list[tuple[str, np.ndarray | None, Sequence[str]]] = []
    for slug in present:
        found = context.sample(slug)
        assert found is not None
        originals, ours = (np.asarray(found[f"worst_{kind}"]) for kind in ("originals", "reconstructions"))
        interleaved = np.stack([originals, ours], axis=1).reshape(-1, *originals.shape[1:])
        rows.append((label(slug) + context.mark(slug), _strip(interleaved), []))
    if not rows:
        rows.append(("", None, []))
    return _image_rows(rows, [], 2 * 8, style.PAGE, {x + 1.0: "original, ours" for x in range(0, 16, 2)})
