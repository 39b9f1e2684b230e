"""The scatter plots of SSIM against PIQ: trade-off (Fig. 5) and Pareto frontier (Fig. 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from reproduce.analysis.pareto import PIQ_THRESHOLD, SSIM_THRESHOLD
from reproduce.analysis.statistics import Correlation
from reproduce.architectures.names import SLUGS
from reproduce.report import labels, numbers, style
from reproduce.report.context import NO_FAMILY, Context, label

HALO = withStroke(linewidth=1.6, foreground="white")
"""Keeps a name legible on top of a line."""
STRETCH = 1.5
SQUEEZE = 0.3
"""The paper's points are drawn only if ours still span at least this share of each axis."""
Line = tuple[np.ndarray, np.ndarray]
"""The corners of a drawn line: xs and ys, in the axes' units."""


def look(context: Context, slug: str) -> tuple[str, str]:
    """Colour and marker of an architecture's family."""
    names = [name for name in context.families if name != NO_FAMILY]
    family = context.family(slug)
    if family == NO_FAMILY:
        return style.OTHER
    index = names.index(family) % len(style.PALETTE)
    return style.PALETTE[index], style.MARKERS[index]


def order(slug: str) -> float:
    """The drawing order of a model's mark: the VAE's is in front of all others, which would hide it."""
    return 3.5 if slug == "vae" else 3.0


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


def _framing(context: Context, ours: pd.DataFrame) -> pd.DataFrame:
    """The rows that determine the limits of the axes: those that may be ranked, and others near them.

    A collapsed model far away must not compress all others: one that would stretch an axis beyond
    `STRETCH` times the ranked models' span stays outside.
    """
    framing = context.healthy[["ssim", "piq"]].dropna()
    if len(framing) < 2:
        return ours
    limit = STRETCH * (framing.max() - framing.min())
    for slug in ours.index.difference(framing.index, sort=False):
        wider = pd.concat([framing, ours.loc[[slug], ["ssim", "piq"]]])
        if (wider.max() - wider.min() <= limit).all():
            framing = wider
    return framing


def _inside(axes: Axes, models: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows inside the axes, and a line with the coordinates of the others ("" if there are none)."""
    low, high = axes.get_xlim()
    floor, ceiling = axes.get_ylim()
    inside = models["ssim"].between(low, high) & (models["piq"] * 1e3).between(floor, ceiling)
    away = [
        f"{label(str(slug))}† ({numbers.value('ssim', row['ssim'])}, {numbers.value('piq', row['piq'])})"
        for slug, row in models[~inside].iterrows()
    ]
    return models[inside], f"outside the axes (SSIM, PIQ): {', '.join(away)}" if away else ""


def _window(axes: Axes, frames: Iterable[pd.DataFrame]) -> None:
    """Set limits around all points, with room for labels."""
    points = pd.concat([frame[["ssim", "piq"]] for frame in frames]).dropna()
    for setter, values, pad in (
        (axes.set_xlim, points["ssim"], 0.07),
        (axes.set_ylim, points["piq"] * 1e3, 0.09),
    ):
        low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
        room = pad * (high - low) or 0.05 * abs(high) or 0.1
        setter(low - room, high + room)
    axes.set(xlabel="SSIM ↑ (reconstruction)", ylabel="PIQ (×10³) ↓ (interpolation)")


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[Text],
    *,
    mark: float,
    lines: Iterable[Line] = (),
    faint: Sequence[tuple[float, float]] = (),
) -> None:
    """Move `texts` beside their points without overlap, with leader lines if they are far away.

    Runs the layout once and freezes it: label places are in points of the finished figure. Labels avoid `lines` and
    `faint` marks where possible.
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
    segments = [labels.NOTHING]
    for line in lines:
        corners = axes.transData.transform(np.stack(line, axis=1)) * scale
        segments.append(np.concatenate([corners[:-1], corners[1:]], axis=1))
    centres = axes.transData.transform(np.reshape(faint, (-1, 2))) * scale
    obstacles = np.concatenate([centres - 2.0, centres + 2.0], axis=1)
    places = labels.place(
        pixels, sizes, bounds, mark=mark, obstacles=obstacles, lines=np.concatenate(segments)
    )
    for placed, text, pixel in zip(places, texts, pixels, strict=True):
        text.set_transform(drawn.dpi_scale_trans)
        text.set_position(((placed.x + placed.width / 2) / 72, (placed.y + placed.height / 2) / 72))
        if placed.needs_leader and text.get_text():
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


def caption(axes: Axes, slug: str, context: Context, **look: Any) -> Text:
    """A label that `label_points` will place; empty without a slug."""
    text = label(slug) + context.mark(slug) if slug else ""
    waiting = axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        zorder=5,
        path_effects=[HALO],
        **look,
    )
    waiting.set_in_layout(False)
    return waiting


def _arrows(axes: Axes, theirs: pd.DataFrame, ours: pd.DataFrame) -> list[Line]:
    """A faint arrow from each of the paper's points to ours."""
    drawn = []
    for slug in ours.index.intersection(theirs.index):
        start, end = ((frame.at[slug, "ssim"], frame.at[slug, "piq"] * 1e3) for frame in (theirs, ours))
        drawn.append((np.array([start[0], end[0]]), np.array([start[1], end[1]])))
        axes.annotate(
            "", end, start, zorder=1.2, annotation_clip=True,
            arrowprops={"arrowstyle": "-|>,head_length=0.25,head_width=0.12", "color": style.FAINT, "lw": 0.6,
                        "shrinkA": 2, "shrinkB": 3.5},
        )  # fmt: skip
    return drawn


def trade_off(context: Context) -> Figure:
    """Fig. 5: SSIM against PIQ, with arrows from the paper's points to ours, and the correlation with its interval."""
    ours = context.ours.dropna(subset=["ssim", "piq"])
    drawn = style.figure(style.PAGE, 3.2)
    axes = drawn.add_subplot()
    with_paper = comparable(_framing(context, ours), context.paper)
    reference = context.references.reindex(["pca-16"]).dropna(subset=["ssim", "piq"])
    framed = _framing(context, ours)
    _window(axes, [framed, reference, *([context.paper] if with_paper else [])])
    ours, outside = _inside(axes, ours)
    arrows = []
    if with_paper:
        theirs = context.paper
        axes.plot(
            theirs["ssim"], theirs["piq"] * 1e3, "o", mfc="none", mec=style.FAINT, mew=0.7, ms=4.5, zorder=1
        )
        arrows = _arrows(axes, theirs, ours)
    points, texts = [], []
    for slug in [*ours.index, *reference.index]:
        row = ours.loc[slug] if slug in ours.index else reference.loc[slug]
        colour, marker = look(context, slug) if slug in SLUGS else (style.MUTED, "+")
        edge = {"mec": "white", "mew": 0.5} if slug in SLUGS else {"mew": 1.0}
        axes.plot(row["ssim"], row["piq"] * 1e3, marker, color=colour, ms=6, zorder=order(slug), **edge)
        points.append((row["ssim"], row["piq"] * 1e3))
        texts.append(
            caption(axes, slug, context, fontsize=7.5, color=style.INK if slug in SLUGS else style.MUTED)
        )
    lines = [correlation_text(f"all {context.duality.n}", context.duality)]
    if len(context.healthy) < len(context.ours):
        lines.append(
            correlation_text(f"the {context.duality_healthy.n} not collapsed", context.duality_healthy)
        )
    lines.append(correlation_text(f"paper's {context.duality_paper.n}", context.duality_paper))
    above = "        ".join(lines)
    axes.set_title(
        "\n".join(filter(None, [above, outside])), loc="left", fontsize=7.5, color=style.INK, pad=5
    )
    family_legend(drawn, context, with_paper=with_paper)
    axes.grid()
    faint = list(zip(context.paper["ssim"], context.paper["piq"] * 1e3, strict=True)) if with_paper else []
    label_points(axes, points, texts, mark=3.4, lines=arrows, faint=faint)
    return drawn


def family_legend(drawn: Figure, context: Context, *, with_paper: bool = False, ncols: int = 4) -> None:
    """A legend below the figure with the colour and marker of each family."""
    handles = [
        Line2D([], [], marker=look[1], color=look[0], ls="", ms=5.5, mec="white", mew=0.5, label=name)
        for name, look in ((name, look(context, slugs[0])) for name, slugs in context.families.items())
    ]
    if with_paper:
        handles.append(
            Line2D([], [], marker="o", mfc="none", mec=style.FAINT, ls="", ms=4.5, label="paper's points")
        )
    drawn.legend(handles=handles, loc="outside lower center", ncols=ncols)


def _staircase(models: pd.DataFrame, slugs: Sequence[str], top: float) -> Line:
    """The border of the region that the slugs dominate (lower SSIM and higher PIQ), in the axes' units, up to `top`."""
    front = models.loc[list(slugs), ["ssim", "piq"]].sort_values(["ssim", "piq"])
    xs = np.repeat(front["ssim"].to_numpy(), 2)
    ys = np.repeat(front["piq"].to_numpy() * 1e3, 2)
    far_left = -1.0  # SSIM's lower end
    return np.concatenate([[far_left], xs]), np.concatenate([ys, [top]])


def _regimes(axes: Axes) -> list[Line2D]:
    """Draw the thresholds of the paper's regimes (VI-D); returns their entries for the legend."""
    axes.axvline(SSIM_THRESHOLD, color=style.PALETTE[2], lw=0.7, ls=(0, (1, 1.5)), zorder=0.5)
    axes.axhline(PIQ_THRESHOLD * 1e3, color=style.PALETTE[1], lw=0.7, ls=(0, (1, 1.5)), zorder=0.5)
    return [
        Line2D(
            [], [], color=style.PALETTE[2], lw=0.7, ls=(0, (1, 1.5)), label="reconstruction regime: right of"
        ),
        Line2D([], [], color=style.PALETTE[1], lw=0.7, ls=(0, (1, 1.5)), label="interpolation regime: below"),
    ]


def frontier(context: Context) -> Figure:
    """Fig. 6: the Pareto frontier of SSIM and PIQ with the dominated models and the paper's regimes; the paper's
    frontier is faint."""
    ours = context.ours.dropna(subset=["ssim", "piq"])
    drawn = style.figure(style.PAGE, 2.5)
    axes = drawn.add_subplot()
    with_paper = comparable(_framing(context, ours), context.paper)
    _window(axes, [_framing(context, ours), *([context.paper] if with_paper else [])])
    ours, outside = _inside(axes, ours)
    if outside:
        axes.set_title(outside, loc="left", fontsize=7.5, color=style.MUTED, pad=5)
    top = axes.get_ylim()[1]
    handles, borders = _regimes(axes), []
    thresholds: list[Line] = [
        (np.full(2, SSIM_THRESHOLD), np.array(axes.get_ylim())),
        (np.array(axes.get_xlim()), np.full(2, PIQ_THRESHOLD * 1e3)),
    ]
    if with_paper:
        borders.append(_staircase(context.paper, context.frontier_paper, top))
        axes.plot(*borders[0], color=style.FAINT, lw=0.9, ls=(0, (3, 2)), zorder=1)
        handles.append(Line2D([], [], color=style.FAINT, lw=0.9, ls=(0, (3, 2)), label="paper's frontier"))
    looks: dict[str, dict[str, Any]] = {
        "frontier": {"marker": "o", "mfc": style.ACCENT, "mec": "white", "ms": 5, "mew": 0.5},
        "dominated": {"marker": "o", "mfc": "white", "mec": style.MUTED, "ms": 4, "mew": 0.8},
        "collapsed or failed": {"marker": "x", "mec": style.MUTED, "ms": 4, "mew": 0.8},
    }
    if context.frontier:
        border = _staircase(context.healthy, context.frontier, top)
        borders.append(border)
        axes.fill_between(*border, top, color=style.ACCENT, alpha=0.06, lw=0, zorder=0)
        axes.plot(*border, color=style.ACCENT, lw=1.0, zorder=2)
    points, texts = [], []
    for slug in ours.index:
        on_front = slug in context.frontier
        alive = slug in context.healthy.index
        kind = "frontier" if on_front else "dominated" if alive else "collapsed or failed"
        x, y = ours.at[slug, "ssim"], ours.at[slug, "piq"] * 1e3
        axes.plot(x, y, ls="", zorder=3, **looks[kind])
        points.append((x, y))
        colour = style.ACCENT if on_front else style.MUTED
        texts.append(caption(axes, slug, context, fontsize=7.5 if on_front else 7, color=colour))
    for name, look in looks.items():
        if name != "collapsed or failed" or not ours.index.isin(context.healthy.index).all():
            handles.append(Line2D([], [], ls="", label=name, **look))
    drawn.legend(handles=handles, loc="outside lower center", ncols=3)
    label_points(axes, points, texts, mark=2.9, lines=[*borders, *thresholds])
    return drawn
