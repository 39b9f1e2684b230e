"""Figures 1–6 and the appendix's, each the counterpart of the paper's, as vector PDF and PNG.

Every function draws one figure from a `Material` and returns it; it draws what there is, and says on the figure
what there is not. Nothing here computes a statistic.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from reproduce.analysis import latent, summaries
from reproduce.analysis.statistics import Correlation
from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.rendering import labels, numbers, style
from reproduce.rendering.material import NO_FAMILY, Material, label

RECONSTRUCTED = ("ae", "wae", "vq-vae", "vae", "adversarial-ae", "svae")
"""The six of Fig. 1, top to bottom."""
INTERPOLATED = ("vae-linnf", "svae", "rae-gp", "vae", "vq-vae", "ae")
"""The six of Fig. 3."""
DIGITS, FRAMES = 8, 10
TOP = 10
SQUEEZE = 0.3
"""The paper's points are drawn only if ours still span this share of each axis with them."""
_UPSCALE = 6


# --- images --------------------------------------------------------------------------------------------------------


def _strip(images: np.ndarray, gap: int = 3) -> np.ndarray:
    """Images (n, 28, 28) uint8 side by side with white gaps, ink on white, enlarged so that no viewer blurs them."""
    cells = np.kron(255 - images, np.ones((1, _UPSCALE, _UPSCALE), np.uint8))
    white = np.full((cells.shape[1], gap), 255, np.uint8)
    parts = [part for cell in cells for part in (cell, white)]
    return np.concatenate(parts[:-1], axis=1)


def _samples(material: Material, slug: str) -> Mapping[str, np.ndarray] | None:
    """Sample arrays of the architecture's first finished seed, or None."""
    seeds = sorted(seed for found, seed in material.fresh if found == slug)
    try:
        return material.records.samples(slug, seeds[0]) if seeds else None
    except ReproduceError:
        return None


def _show(axes: Axes, strip: np.ndarray | None, cells: int) -> None:
    """A strip of images, or a note where the run is missing."""
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

    `columns` are headings over the images: centre, counted in images from the left, → text.
    """
    left, column = 0.78, 0.46
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


def reconstructions(material: Material) -> Figure:
    """Fig. 1: eight test digits and six models' reconstructions of them."""
    originals = material.records.samples("originals", 0)
    shown = eight_digits(np.asarray(originals["labels"]))
    rows: list[tuple[str, np.ndarray | None, Sequence[str]]] = [
        ("Original", _strip(np.asarray(originals["images"])[shown]), [""])
    ]
    for slug in RECONSTRUCTED:
        found = _samples(material, slug)
        strip = None if found is None else _strip(np.asarray(found["reconstructions"])[shown])
        ssim = material.ours["ssim"].get(slug)
        rows.append((label(slug) + material.mark(slug), strip, [numbers.value("ssim", ssim)]))
    return _image_rows(rows, ["SSIM"], len(shown), style.COLUMN)


def shown_pair(material: Material) -> int:
    """The interpolation of Fig. 3: the first pair of two different digits (the first pair if there is none)."""
    pairs = material.records.pairs.drop_duplicates("pair").sort_values("pair")
    different = pairs[pairs["first_label"] != pairs["second_label"]]["pair"]
    return int(different.iloc[0]) if len(different) else 0


def interpolations(material: Material) -> Figure:
    """Fig. 3: ten frames between two test digits, six models; the test digits themselves at both ends."""
    pair = shown_pair(material)
    ends = np.asarray(material.records.samples("originals", 0)["pair_originals"])[pair]
    measured = material.records.pairs
    measured = measured[
        (measured["pair"] == pair) & (measured["path"] == "described") & (measured["variant"] == "")
    ]
    rows: list[tuple[str, np.ndarray | None, Sequence[str]]] = []
    for slug in INTERPOLATED:
        found = _samples(material, slug)
        strip = None
        if found is not None:
            frames = np.asarray(found["frames"])[pair]
            strip = _strip(np.concatenate([ends[:1], frames, ends[1:]]))
            strip = _framed(strip, len(frames) + 2)
        own = measured[measured["architecture"] == slug].sort_values("seed")["piq"]
        values = [own.iloc[0] if len(own) else None, material.ours["piq"].get(slug)]
        rows.append(
            (label(slug) + material.mark(slug), strip, [numbers.value("piq", value) for value in values])
        )
    heads = {0.5: "test digit", 1 + FRAMES / 2: f"decoded frames 1–{FRAMES}", FRAMES + 1.5: "test digit"}
    return _image_rows(rows, ["PIQ, pair", "PIQ, all"], FRAMES + 2, style.PAGE, heads)


def _framed(strip: np.ndarray, cells: int) -> np.ndarray:
    """Grey bars between the test digits at both ends and the decoded frames."""
    side = 28 * _UPSCALE
    framed = strip.copy()
    for first in (side, strip.shape[1] - side - 3):
        framed[:, first + 1 : first + 2] = 120
    assert framed.shape[1] == cells * side + (cells - 1) * 3
    return framed


# --- families ------------------------------------------------------------------------------------------------------


def _look(material: Material, slug: str) -> tuple[str, str]:
    """Colour and marker of an architecture: its family's."""
    names = [name for name in material.families if name != NO_FAMILY]
    family = material.family(slug)
    if family == NO_FAMILY:
        return style.OTHER
    index = names.index(family) % len(style.PALETTE)
    return style.PALETTE[index], style.MARKERS[index]


def by_family(material: Material) -> Figure:
    """Fig. 2: SSIM of the test images by family (a box over models and images), model means and the paper's."""
    families = material.families
    drawn = style.figure(style.COLUMN, 2.55)
    axes = drawn.add_subplot()
    values = summaries.measurements(material.records, "ssim")
    values = values[values["architecture"].isin(SLUGS)]
    per_image = values.groupby(["architecture", "unit"])["value"].mean()
    ticks = []
    for row, (name, slugs) in enumerate(families.items()):
        present = [slug for slug in slugs if slug in material.ours.index]
        colour = _look(material, slugs[0])[0]
        if present:
            axes.boxplot(
                per_image.loc[present].to_numpy(),
                orientation="horizontal",
                positions=[row],
                widths=0.52,
                whis=(0, 100),  # to the range of the data, as the paper's caption says of its own
                patch_artist=True,
                manage_ticks=False,
                boxprops={"facecolor": colour + "2b", "edgecolor": colour, "linewidth": 0.8},
                medianprops={"color": colour, "linewidth": 1.6},
                whiskerprops={"color": colour, "linewidth": 0.8},
                capprops={"color": colour, "linewidth": 0.8},
            )
        for slug in present:
            own, marker = _look(material, slug)
            axes.plot(
                material.ours.at[slug, "ssim"], row, marker, color=own, ms=4.2, mec="white", mew=0.4, zorder=4
            )
        printed = material.paper.loc[list(slugs), "ssim"]
        axes.plot(printed, np.full(len(slugs), row + 0.39), "|", color=style.MUTED, ms=5, mew=0.9, zorder=3)
        share = f"{len(slugs)}" if len(present) == len(slugs) else f"{len(present)} of {len(slugs)}"
        ticks.append(f"{textwrap.fill(name, 17)} ({share})")
    axes.set(
        yticks=range(len(families)), yticklabels=ticks, ylim=(len(families) - 0.3, -0.55), xlabel="SSIM ↑"
    )
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            color=style.MUTED,
            ls="",
            ms=4,
            mec="white",
            mew=0.5,
            label="model mean (ours)",
        ),
        Line2D([], [], marker="|", color=style.MUTED, ls="", ms=5, mew=0.9, label="model mean (paper)"),
    ]
    drawn.legend(handles=handles, loc="outside lower center", ncols=2, borderaxespad=0.2)
    return drawn


# --- ranking -------------------------------------------------------------------------------------------------------


def top_ten(material: Material) -> Figure:
    """Fig. 4: the ten best by rank(SSIM) + rank(PIQ), each with both ranks, and its place in the paper's tables."""
    ranking = material.ranking.head(TOP)
    places = material.ranking_paper["combined"].rank(method="min").astype(int)
    ours = material.ranking["combined"].rank(method="min").astype(int)
    drawn = style.figure(style.COLUMN, 0.75 + 0.185 * max(len(ranking), 3))
    axes = drawn.add_subplot()
    last = len(material.ranking)
    for row, (slug, ranks) in enumerate(ranking.iterrows()):
        ends = (ranks["rank_ssim"], ranks["rank_piq"])
        axes.plot(ends, (row, row), color=style.FAINT, lw=1.6, zorder=1, solid_capstyle="round")
        axes.plot(ends[0], row, "o", color=style.PALETTE[0], ms=5.5, zorder=3)
        axes.plot(ends[1], row, "D", color=style.PALETTE[1], ms=4.2 if ends[0] != ends[1] else 2.2, zorder=4)
        for x, text in (
            (1.06, str(int(ranks["combined"]))),
            (1.2, str(ours[slug])),
            (1.34, str(places[slug])),
        ):
            axes.text(
                x, row, text, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=7.5
            )
    for x, head in ((1.06, "sum"), (1.2, "place"), (1.34, "paper")):
        axes.text(
            x, -0.75, head, transform=axes.get_yaxis_transform(), ha="center", va="bottom", fontsize=7,
            color=style.MUTED,
        )  # fmt: skip
    axes.set(
        yticks=range(len(ranking)),
        yticklabels=[label(str(slug)) + material.mark(str(slug)) for slug in ranking.index],
        ylim=(len(ranking) - 0.5, -0.7),
        xlim=(0.3, last + 0.7),
        xticks=sorted({1, *range(5, last + 1, 5), last} if last % 5 != 1 else {1, *range(5, last, 5)}),
        xlabel=f"rank among {last} models (1 = best)",
    )
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    handles = [
        Line2D([], [], marker="o", color=style.PALETTE[0], ls="", ms=5.5, label="reconstruction (SSIM)"),
        Line2D([], [], marker="D", color=style.PALETTE[1], ls="", ms=4.2, label="interpolation (PIQ)"),
    ]
    drawn.legend(handles=handles, loc="outside lower center", ncols=2, borderaxespad=0.2)
    return drawn


# --- scatter plots -------------------------------------------------------------------------------------------------


def correlation_text(name: str, found: Correlation) -> str:
    """ "all 22: r = 0.769 [0.51, 0.90], p < 0.001"."""
    if not np.isfinite(found.r):
        return f"{name}: r not defined (n = {found.n})"
    interval = numbers.interval(found.low, found.high, 2)
    return f"{name}: r = {numbers.correlation(found.r)} {interval}, {numbers.p_statement(found.p)}"


def comparable(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Whether our points keep at least `SQUEEZE` of both axes when the paper's are drawn with them."""
    for metric in ("ssim", "piq"):
        span = ours[metric].max() - ours[metric].min()
        both = pd.concat([ours[metric], theirs[metric]])
        if not span >= SQUEEZE * (both.max() - both.min()):
            return False
    return True


def _framing(material: Material, ours: pd.DataFrame) -> pd.DataFrame:
    """The rows that decide the window: a collapsed model far off must not squeeze the others into a corner."""
    framing = material.healthy.dropna(subset=["ssim", "piq"])
    return framing if len(framing) > 1 else ours


def _inside(axes: Axes, models: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows inside the window, and a line that gives the others' coordinates ("" if there are none)."""
    low, high = axes.get_xlim()
    floor, ceiling = axes.get_ylim()
    inside = models["ssim"].between(low, high) & (models["piq"] * 1e3).between(floor, ceiling)
    away = [
        f"{label(str(slug))}† ({numbers.value('ssim', row['ssim'])}, {numbers.value('piq', row['piq'])})"
        for slug, row in models[~inside].iterrows()
    ]
    return models[inside], f"outside the axes (SSIM, PIQ): {', '.join(away)}" if away else ""


def _window(axes: Axes, frames: Iterable[pd.DataFrame]) -> None:
    """Limits around all points, with room for labels."""
    points = pd.concat([frame[["ssim", "piq"]] for frame in frames]).dropna()
    for setter, values, pad in (
        (axes.set_xlim, points["ssim"], 0.07),
        (axes.set_ylim, points["piq"] * 1e3, 0.09),
    ):
        low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
        room = pad * (high - low) or 0.05 * abs(high) or 0.1
        setter(low - room, high + room)
    axes.set(xlabel="SSIM ↑ (reconstruction)", ylabel="PIQ (×10³) ↓ (interpolation)")


def _label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[Text],
    *,
    mark: float,
    avoid: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Move `texts` beside their points without overlap, with leader lines where they had to go far.

    Runs the layout once and freezes it: label places are in points of the finished figure. `avoid` is an
    axis-parallel line (xs, ys) that no label should cover.
    """
    drawn = axes.get_figure()
    assert isinstance(drawn, Figure)
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    scale = 72 / drawn.dpi
    pixels = axes.transData.transform(np.asarray(points, float).reshape(-1, 2)) * scale
    sizes = (
        np.array([(box.width, box.height) for box in (text.get_window_extent() for text in texts)]) * scale
    )
    frame = axes.get_window_extent()
    bounds = (frame.x0 * scale + 1, frame.y0 * scale + 1, frame.x1 * scale - 1, frame.y1 * scale - 1)
    obstacles = None
    if avoid is not None:
        corners = axes.transData.transform(np.stack(avoid, axis=1)) * scale
        low, high = np.minimum(corners[:-1], corners[1:]), np.maximum(corners[:-1], corners[1:])
        obstacles = np.concatenate([low - 0.5, high + 0.5], axis=1)
    places = labels.place(pixels, sizes, bounds, mark=mark, obstacles=obstacles)
    for placed, text, pixel in zip(places, texts, pixels, strict=True):
        text.set_transform(drawn.dpi_scale_trans)
        text.set_position(((placed.x + placed.width / 2) / 72, (placed.y + placed.height / 2) / 72))
        if placed.needs_leader:
            away = np.asarray(placed.anchor) - pixel
            away /= np.hypot(*away)
            xs, ys = np.array([pixel + away * mark, placed.anchor - away]).T / 72
            axes.add_line(
                Line2D(
                    xs,
                    ys,
                    transform=drawn.dpi_scale_trans,
                    color=style.MUTED,
                    lw=0.4,
                    zorder=1.5,
                    clip_on=False,
                )
            )


def _name(axes: Axes, slug: str, material: Material, **look: Any) -> Text:
    """A label waiting for its place."""
    text = label(slug) + material.mark(slug)
    waiting = axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", zorder=5, **look)
    waiting.set_in_layout(False)
    return waiting


def trade_off(material: Material) -> Figure:
    """Fig. 5: SSIM against PIQ with the correlation and its interval; the paper's points faint behind ours."""
    ours = material.ours.dropna(subset=["ssim", "piq"])
    drawn = style.figure(style.PAGE, 3.9)
    axes = drawn.add_subplot()
    with_paper = comparable(_framing(material, ours), material.paper)
    reference = material.references.reindex(["pca-16"]).dropna(subset=["ssim", "piq"])
    framed = _framing(material, ours)
    _window(axes, [framed, reference, *([material.paper] if with_paper else [])])
    ours, outside = _inside(axes, ours)
    if with_paper:
        theirs = material.paper
        axes.plot(
            theirs["ssim"], theirs["piq"] * 1e3, "o", mfc="none", mec=style.FAINT, mew=0.7, ms=4.5, zorder=1
        )
    points, texts = [], []
    for slug in [*ours.index, *reference.index]:
        row = ours.loc[slug] if slug in ours.index else reference.loc[slug]
        colour, marker = _look(material, slug) if slug in SLUGS else (style.MUTED, "+")
        edge = {"mec": "white", "mew": 0.5} if slug in SLUGS else {"mew": 1.0}
        axes.plot(row["ssim"], row["piq"] * 1e3, marker, color=colour, ms=6, zorder=3, **edge)
        points.append((row["ssim"], row["piq"] * 1e3))
        texts.append(
            _name(axes, slug, material, fontsize=7.5, color=style.INK if slug in SLUGS else style.MUTED)
        )
    lines = [correlation_text(f"all {material.duality.n}", material.duality)]
    if len(material.healthy) < len(material.ours):
        lines.append(correlation_text(f"the {material.duality_healthy.n} ranked", material.duality_healthy))
    lines.append(correlation_text(f"paper's {material.duality_paper.n}", material.duality_paper))
    above = "        ".join(lines)
    axes.set_title(
        "\n".join(filter(None, [above, outside])), loc="left", fontsize=7.5, color=style.INK, pad=5
    )
    _family_legend(drawn, material, with_paper)
    axes.grid()
    _label_points(axes, points, texts, mark=3.4)
    return drawn


def _family_legend(drawn: Figure, material: Material, with_paper: bool) -> None:
    handles = [
        Line2D([], [], marker=look[1], color=look[0], ls="", ms=5.5, mec="white", mew=0.5, label=name)
        for name, look in ((name, _look(material, slugs[0])) for name, slugs in material.families.items())
    ]
    if with_paper:
        handles.append(
            Line2D([], [], marker="o", mfc="none", mec=style.FAINT, ls="", ms=4.5, label="paper's points")
        )
    drawn.legend(handles=handles, loc="outside lower center", ncols=4)


def _staircase(models: pd.DataFrame, slugs: Sequence[str], top: float) -> tuple[np.ndarray, np.ndarray]:
    """The border of what the slugs dominate (lower SSIM and higher PIQ), in the axes' units, up to `top`."""
    front = models.loc[list(slugs), ["ssim", "piq"]].sort_values(["ssim", "piq"])
    xs = np.repeat(front["ssim"].to_numpy(), 2)
    ys = np.repeat(front["piq"].to_numpy() * 1e3, 2)
    far_left = -1.0  # SSIM's lower end
    return np.concatenate([[far_left], xs]), np.concatenate([ys, [top]])


def frontier(material: Material) -> Figure:
    """Fig. 6: the Pareto frontier of SSIM and PIQ with the dominated models, and the paper's frontier faint."""
    ours = material.ours.dropna(subset=["ssim", "piq"])
    drawn = style.figure(style.PAGE, 3.5)
    axes = drawn.add_subplot()
    with_paper = comparable(_framing(material, ours), material.paper)
    _window(axes, [_framing(material, ours), *([material.paper] if with_paper else [])])
    ours, outside = _inside(axes, ours)
    if outside:
        axes.set_title(outside, loc="left", fontsize=7.5, color=style.MUTED, pad=5)
    top = axes.get_ylim()[1]
    handles = []
    if with_paper:
        xs, ys = _staircase(material.paper, material.frontier_paper, top)
        axes.plot(xs, ys, color=style.FAINT, lw=0.9, ls=(0, (3, 2)), zorder=1)
        handles.append(Line2D([], [], color=style.FAINT, lw=0.9, ls=(0, (3, 2)), label="paper's frontier"))
    border = None
    if material.frontier:
        border = _staircase(material.healthy, material.frontier, top)
        axes.fill_between(*border, top, color=style.ACCENT, alpha=0.06, lw=0, zorder=0)
        axes.plot(*border, color=style.ACCENT, lw=1.0, zorder=2)
    points, texts = [], []
    for slug in ours.index:
        on_front = slug in material.frontier
        alive = slug in material.healthy.index
        look = {"mfc": style.ACCENT, "mec": "white"} if on_front else {"mfc": "white", "mec": style.MUTED}
        marker = "o" if alive else "x"
        if not alive:
            look = {"mec": style.MUTED}
        x, y = ours.at[slug, "ssim"], ours.at[slug, "piq"] * 1e3
        axes.plot(x, y, marker, ms=5 if on_front else 4, mew=0.5 if on_front else 0.8, zorder=3, **look)
        points.append((x, y))
        colour = style.ACCENT if on_front else style.MUTED
        texts.append(_name(axes, slug, material, fontsize=7.5 if on_front else 7, color=colour))
    for name, look in (
        ("frontier", {"marker": "o", "mfc": style.ACCENT, "mec": "white", "ms": 5}),
        ("dominated", {"marker": "o", "mfc": "white", "mec": style.MUTED, "ms": 4, "mew": 0.8}),
        ("collapsed or failed", {"marker": "x", "mec": style.MUTED, "ms": 4, "mew": 0.8}),
    ):
        if name != "collapsed or failed" or not ours.index.isin(material.healthy.index).all():
            handles.append(Line2D([], [], ls="", label=name, **look))
    drawn.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    _label_points(axes, points, texts, mark=2.9, avoid=border)
    return drawn


# --- appendix ------------------------------------------------------------------------------------------------------


def learning_curves(material: Material) -> Figure:
    """Fig. A1: training and validation loss of every run, one panel an architecture, each on its own scale."""
    columns, rows = 6, 4
    drawn = style.figure(style.PAGE, 1.2 * rows)
    grid = drawn.subplots(rows, columns)
    curves = material.records.curves
    curves = curves[curves["variant"] == ""]
    runs = material.runs[material.runs["status"] == "fresh"].set_index(["architecture", "seed"])
    for axes, slug in zip(grid.flat, SLUGS, strict=False):
        own = curves[curves["architecture"] == slug].sort_values(["seed", "epoch"])
        axes.set_title(label(slug) + material.mark(slug), fontsize=7.5, pad=2)
        axes.tick_params(labelsize=6, pad=1.5)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if own.empty:
            axes.text(
                0.5, 0.5, "no curve", transform=axes.transAxes, ha="center", color=style.MUTED, style="italic"
            )
            axes.set_yticks([])
            continue
        for seed, curve in own.groupby("seed"):
            colour = style.PALETTE[material.seeds.index(int(seed)) % len(style.PALETTE)]
            axes.plot(
                curve["epoch"], curve["training_loss"], color=colour, lw=0.6, ls=(0, (2, 1.5)), alpha=0.8
            )
            axes.plot(curve["epoch"], curve["validation_loss"], color=colour, lw=1.0)
            if (slug, seed) in runs.index:
                best = curve[curve["epoch"] == runs.at[(slug, seed), "best_epoch"]]
                axes.plot(best["epoch"], best["validation_loss"], "o", color=colour, ms=2.6, zorder=4)
        axes.margins(x=0.04)
    for axes in grid[-1]:
        axes.set_xlabel("epoch", fontsize=7, labelpad=1)
    for axes in grid.flat[len(SLUGS) :]:
        axes.set_axis_off()
    handles = [
        Line2D([], [], color=style.PALETTE[i % len(style.PALETTE)], lw=1.2, label=f"seed {seed}")
        for i, seed in enumerate(material.seeds)
    ]
    handles += [
        Line2D([], [], color=style.INK, lw=1.0, label="validation"),
        Line2D([], [], color=style.INK, lw=0.6, ls=(0, (2, 1.5)), label="training"),
        Line2D([], [], color=style.INK, marker="o", ls="", ms=2.6, label="best epoch, kept"),
    ]
    # the two panels that 22 models leave empty hold the legend
    grid.flat[len(SLUGS)].legend(
        handles=handles, loc="center left", bbox_to_anchor=(0.1, 0.5), borderaxespad=0
    )
    return drawn


def headline(material: Material) -> Figure:
    """Fig. 7: what carries the correlation of SSIM and PIQ: r by subset, and r as its carriers are left out."""
    drawn = style.figure(style.PAGE, 2.75)
    forest, path = drawn.subplots(1, 2, width_ratios=(1.25, 1))
    looks = {"ours": (style.ACCENT, "o", -0.17), "paper": (style.MUTED, "D", 0.17)}
    found = material.headline.xs("piq", level="smoothness_metric")
    subsets = list(found.xs("ours", level="source").index)
    for source, (colour, marker, shift) in looks.items():
        for row, subset in enumerate(subsets):
            value = found.loc[(source, subset)]
            if not np.isfinite(value["r"]):
                if source == "ours" or not (source == "paper" and subset == "with collapsed rows"):
                    forest.text(
                        0, row + shift, f"n = {int(value['n'])}", fontsize=6, color=colour, va="center"
                    )
                continue
            forest.plot([value["low"], value["high"]], [row + shift] * 2, color=colour, lw=0.9)
            forest.plot(value["r"], row + shift, marker, color=colour, ms=4, mec="white", mew=0.4)
    forest.axvline(0, color=style.INK, lw=0.6)
    forest.set(
        yticks=range(len(subsets)),
        yticklabels=[textwrap.fill(subset, 26) for subset in subsets],
        ylim=(len(subsets) - 0.5, -0.5),
        xlim=(-1.05, 1.05),
        xlabel="Pearson's r of SSIM and PIQ, 95% interval",
    )
    forest.tick_params(axis="y", length=0)
    forest.grid(axis="x")
    for source, steps in material.removal.items():
        colour, marker, _ = looks[source]
        steps = steps[np.isfinite(steps["r"])]
        order = np.arange(len(steps))
        path.fill_between(order, steps["low"], steps["high"], color=colour, alpha=0.12, lw=0)
        path.plot(order, steps["r"], marker=marker, color=colour, lw=1.0, ms=4, mec="white", mew=0.4)
    path.axhline(0, color=style.INK, lw=0.6)
    names = [
        [label(slug) if slug else "none" for slug in steps["removed"]] for steps in material.removal.values()
    ]
    longest = max(map(len, names))
    columns = [[column[i] if i < len(column) else "" for column in names] for i in range(longest)]
    path.set(
        xlim=(-0.3, longest - 0.7),
        ylim=(-1.05, 1.05),
        ylabel="r of the models that remain",
        xlabel="model left out last, in the paper's tables (grey) and in ours (blue)",
        xticks=range(longest),
        xticklabels=[""] * longest,
    )
    for i, column in enumerate(columns):
        for row, (name, source) in enumerate(zip(column, material.removal, strict=True)):
            path.text(
                i, -0.03 - 0.055 * row, name, transform=path.get_xaxis_transform(), ha="center", va="top", fontsize=5.6,
                color=looks[source][0],
            )  # fmt: skip
    path.xaxis.labelpad = 14
    path.grid(axis="y")
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=4, lw=0.9, mec="white", mew=0.4, label=source)
        for source, (colour, marker, _) in looks.items()
    ]
    forest.legend(handles=handles, loc="lower left", borderaxespad=0.2)
    return drawn


EMBEDDED = ("ae", "vq-vae", "vae", "beta-tcvae", "vae-linnf", "svae")
"""The six of Fig. A2: one of each kind that Section V-H describes."""


def latent_maps(material: Material) -> Figure | None:
    """Fig. A2: t-SNE of 1,000 test codes; None where the profile trains too little for a picture to mean anything."""
    if not material.verdicts_allowed:
        return None
    drawn = style.figure(style.PAGE, 1.5)
    colours = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
    for axes, slug in zip(drawn.subplots(1, len(EMBEDDED)), EMBEDDED, strict=True):
        axes.set(xticks=[], yticks=[], box_aspect=1)
        axes.set_title(label(slug) + material.mark(slug), fontsize=7.5, pad=2)
        axes.spines[:].set_visible(True)
        axes.spines[:].set(color=style.HAIR)
        found = _samples(material, slug)
        codes = None if found is None else np.asarray(found["codes"], np.float32)
        if found is None or codes is None or not np.ptp(codes) > 1e-6:
            note = "no finished run" if found is None else "one code for all"
            axes.text(
                0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", fontsize=7, style="italic"
            )
            continue
        points = latent.embed(codes.reshape(len(codes), -1))
        for digit in range(10):
            chosen = np.asarray(found["code_labels"]) == digit
            axes.plot(*points[chosen].T, ".", ms=1.6, mew=0, color=colours[digit])
    handles = [
        Line2D([], [], marker="o", ls="", ms=4, color=colours[d], mew=0, label=str(d)) for d in range(10)
    ]
    drawn.legend(handles=handles, loc="outside lower center", ncols=10, handletextpad=0.1, columnspacing=1.4)
    return drawn


def worst(material: Material) -> Figure:
    """Fig. A3: each model's worst reconstructions (highest MSE), original above reconstruction, two panels a row."""
    present = [slug for slug in WORST if _samples(material, slug) is not None]
    rows: list[tuple[str, np.ndarray | None, Sequence[str]]] = []
    for slug in present:
        found = _samples(material, slug)
        assert found is not None
        originals, ours = (np.asarray(found[f"worst_{kind}"]) for kind in ("originals", "reconstructions"))
        interleaved = np.stack([originals, ours], axis=1).reshape(-1, *originals.shape[1:])
        rows.append((label(slug) + material.mark(slug), _strip(interleaved), []))
    if not rows:
        rows.append(("", None, []))
    return _image_rows(rows, [], 2 * 8, style.PAGE, {x + 1.0: "original, ours" for x in range(0, 16, 2)})


WORST = ("ae", "vq-vae", "vae", "beta-vae", "factor-vae", "vae-iaf", "adversarial-ae", "svae")
"""The models whose failures Section IV-G describes, and the two ends of the field."""


FIGURES: Mapping[str, Callable[[Material], Figure | None]] = {
    "fig1": reconstructions,
    "fig2": by_family,
    "fig3": interpolations,
    "fig4": top_ten,
    "fig5": trade_off,
    "fig6": frontier,
    "fig7": headline,
    "figA1": learning_curves,
    "figA2": latent_maps,
    "figA3": worst,
}
"""File name → what draws it; None where there is nothing to draw."""


def render(material: Material, folder: Path) -> tuple[str, ...]:
    """Draw every figure into `folder` as PDF and PNG; the names drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with style.styled():
        for name, draw in FIGURES.items():
            drawn = draw(material)
            if drawn is not None:
                style.save(drawn, folder, name)
                names.append(name)
    return tuple(names)
