"""All figures: the paper's six, the cause of its main result (Fig. 7), and the appendix's, as PDF and PNG.

Every function draws one figure from a `Context` and returns it; missing runs are left out. Nothing here computes a
statistic. Figures that repeat a picture of the paper have its number.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import MatplotlibDeprecationWarning
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from reproduce.analysis import statistics
from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import ALL_METRICS
from reproduce.report import images, numbers, scatter, style
from reproduce.report.context import NO_FAMILY, Context, label
from reproduce.report.scatter import look

TOP = 10
NAMED = ("ae", "vae", "vq-vae", "svae", "rae-gp")
"""The models that Fig. 7 names."""
FOLLOWED: Mapping[str, Mapping[str, Any]] = {
    slug: {"color": colour, "marker": marker}
    for slug, colour, marker in zip(
        ("ae", "vq-vae", "vae", "rae-gp", "hvae", "svae", "vae-linnf", "beta-tcvae"),
        sns.color_palette("colorblind"),
        (*style.MARKERS, "X", "p"),
        strict=False,
    )
}
"""The models that Fig. A1 follows, with one colour and one marker each."""


def by_family(context: Context) -> Figure:
    """Fig. 2: SSIM by family. Boxes are over the models of a family, as in the paper; each model is a point."""
    families = {name: slugs for name, slugs in context.families.items() if name != NO_FAMILY}
    drawn = style.figure(style.COLUMN, 2.6)
    axes = drawn.add_subplot()
    rows = [
        {"family": name, "source": source, "ssim": frame.at[slug, "ssim"]}
        for name, slugs in families.items()
        for source, frame in (("ours", context.healthy), ("paper", context.paper))
        for slug in slugs
        if slug in frame.index
    ]
    data = pd.DataFrame(rows, columns=["family", "source", "ssim"])
    palette = {"ours": style.ACCENT, "paper": style.FAINT}
    shared = {"data": data, "x": "ssim", "y": "family", "hue": "source", "order": list(families), "ax": axes}
    with warnings.catch_warnings():  # seaborn uses a deprecated argument of matplotlib
        warnings.simplefilter("ignore", MatplotlibDeprecationWarning)
        sns.boxplot(
            **shared,
            palette=palette,
            width=0.62,
            gap=0.15,
            fliersize=0,
            linewidth=0.7,
            whis=(0, 100),
            fill=False,
        )
    sns.stripplot(
        **shared,
        palette=palette,
        dodge=True,
        jitter=False,
        size=3.4,
        edgecolor="white",
        linewidth=0.4,
        legend=False,
    )
    shown = data[data["source"] == "ours"].groupby("family").size()
    names = [
        textwrap.fill(
            name if shown.get(name, 0) == len(slugs) else f"{name} ({shown.get(name, 0)}/{len(slugs)})", 17
        )
        for name, slugs in families.items()
    ]
    axes.set_yticks(range(len(families)), names)
    axes.set(xlabel="SSIM ↑", ylabel="")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    legend = axes.get_legend()
    if legend is not None:
        handles, names = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
        legend.remove()
        drawn.legend(handles=handles, labels=names, loc="outside lower center", ncols=2)
    return drawn


def top_ten(context: Context) -> Figure:
    """Fig. 4: the ten best by rank(SSIM) + rank(PIQ), with both ranks and the place in the paper's tables."""
    ranking = context.ranking.head(TOP)
    if ranking.empty:
        drawn = style.figure(style.COLUMN, 0.6)
        drawn.text(
            0.5, 0.5, "every model collapsed: none is ranked", ha="center", va="center", color=style.MUTED
        )
        return drawn
    places = context.ranking_paper["combined"].rank(method="min").astype(int)
    ours = context.ranking["combined"].rank(method="min").astype(int)
    drawn = style.figure(style.COLUMN, 0.85 + 0.185 * max(len(ranking), 3), share=0.94)
    axes = drawn.add_subplot()
    last = len(context.ranking)
    columns = ((1.08, "sum"), (1.21, "ours"), (1.34, "paper"))
    for row, (slug, ranks) in enumerate(ranking.iterrows()):
        ends = (ranks["rank_ssim"], ranks["rank_piq"])
        axes.plot(ends, (row, row), color=style.FAINT, lw=1.6, zorder=1, solid_capstyle="round")
        axes.plot(ends[0], row, "o", color=style.PALETTE[0], ms=5.5, zorder=3)
        axes.plot(ends[1], row, "D", color=style.PALETTE[1], ms=4.2 if ends[0] != ends[1] else 2.2, zorder=4)
        texts = (str(int(ranks["combined"])), str(ours[slug]), numbers.integer(places.get(slug)))
        for (x, _), text in zip(columns, texts, strict=True):
            axes.text(
                x, row, text, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=7.5
            )
    for x, head in columns:
        axes.text(
            x, -0.8, head, transform=axes.get_yaxis_transform(), ha="center", va="bottom", fontsize=7,
            color=style.MUTED,
        )  # fmt: skip
    axes.text(
        1.275, -1.55, "place", transform=axes.get_yaxis_transform(), ha="center", va="bottom", fontsize=7,
        color=style.MUTED,
    )  # fmt: skip
    axes.set(
        yticks=range(len(ranking)),
        yticklabels=[label(str(slug)) + context.mark(str(slug)) for slug in ranking.index],
        ylim=(len(ranking) - 0.5, -0.7),
        xlim=(0.3, last + 0.7),
        xticks=sorted({1, *range(5, last + 1, 5)}),
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


def mechanism(context: Context) -> Figure:
    """Fig. 7: the end frames' distance against SSIM, and r as the most influential models are left out."""
    drawn = style.figure(style.PAGE, 2.45)
    distance, *paths = drawn.subplots(1, 3, width_ratios=(1.15, 1, 1))
    rows = context.healthy.dropna(subset=["ssim", "end_distance"])
    points = list(zip(rows["ssim"], rows["end_distance"], strict=True))
    for slug, point in zip(rows.index, points, strict=True):
        colour, marker = look(context, str(slug))
        above = scatter.order(str(slug))
        distance.plot(*point, marker, color=colour, ms=4.6, mec="white", mew=0.4, zorder=above)
    distance.margins(0.12)
    scatter.family_legend(drawn, context, ncols=7)
    distance.set(xlabel="SSIM ↑", ylabel="squared distance of the\nend frames, per pixel")
    distance.set_title("the end frames' distance follows SSIM", fontsize=7.5)
    distance.grid()
    looks = {"ours": (style.ACCENT, "o"), "paper": (style.MUTED, "D")}
    titles = {"paper": "leaving models out: paper", "ours": "leaving models out: ours"}
    for axes, (source, title) in zip(paths, titles.items(), strict=True):
        colour, marker = looks[source]
        steps = context.removal[source]
        steps = steps[np.isfinite(steps["r"])]
        order = np.arange(len(steps))
        axes.fill_between(order, steps["low"], steps["high"], color=colour, alpha=0.14, lw=0)
        axes.plot(order, steps["r"], marker=marker, color=colour, lw=1.0, ms=4, mec="white", mew=0.4)
        axes.axhline(0, color=style.INK, lw=0.6)
        axes.set(xlim=(-0.4, max(len(steps), 2) - 0.6), ylim=(-1.05, 1.05), xticks=order)
        whole = "all" if source == "paper" or not context.collapsed else "not collapsed"
        names = [f"− {label(str(slug))}" if slug else whole for slug in steps["removed"]]
        axes.set_xticklabels(names, rotation=38, ha="right", rotation_mode="anchor", fontsize=7)
        axes.set_title(title, fontsize=7.5)
        axes.set_ylabel("r of SSIM and PIQ")
        axes.grid(axis="y")
    texts = [
        scatter.caption(distance, str(slug) if slug in NAMED else "", context, fontsize=7)
        for slug in rows.index
    ]
    scatter.label_points(distance, points, texts, mark=2.6)
    return drawn


def milestones(context: Context) -> Figure | None:
    """Fig. A1: SSIM and PIQ during training, in every profile with records; None without milestones."""
    known = {
        name: records.milestones for name, records in context.profiles.items() if len(records.milestones)
    }
    if not known:
        return None
    drawn = style.figure(style.PAGE, 1.9 * len(known) + 0.3)
    grid = drawn.subplots(len(known), 2, squeeze=False)
    handles = {}
    for row, (name, frame) in zip(grid, known.items(), strict=True):
        means = frame[frame["variant"] == ""].groupby(["architecture", "epoch"])[["ssim", "piq"]].mean()
        for axes, metric in zip(row, ("ssim", "piq"), strict=True):
            for slug, looks in FOLLOWED.items():
                if slug in means.index:
                    line = means.loc[slug, metric] * MEASURES[metric].scale
                    (handles[slug],) = axes.plot(line, lw=0.9, ms=4.5, mec="white", mew=0.5, **looks)
            axes.set(xlabel="epoch", ylabel=MEASURES[metric].head, title=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if means.index.get_level_values("epoch").max() > 20:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.grid()
    order = [slug for slug in FOLLOWED if slug in handles]
    drawn.legend(
        [handles[slug] for slug in order],
        context.labels(order),
        loc="outside lower center",
        ncols=len(FOLLOWED),
    )
    return drawn


def correlations(context: Context) -> Figure | None:
    """Fig. A2: correlations of all metrics over models, ours below the diagonal and the paper's above."""
    metrics = [metric for metric in ALL_METRICS if metric in context.healthy]
    if len(context.healthy) < 4:
        return None
    ours, theirs = (statistics.correlations(frame, metrics)[0] for frame in (context.healthy, context.paper))
    both = ours.where(np.tri(len(metrics), k=-1, dtype=bool), theirs)
    both = both.mask(np.eye(len(metrics), dtype=bool))
    names = [MEASURES[metric].label for metric in metrics]
    drawn = style.figure(style.COLUMN, 2.9)
    axes = drawn.add_subplot()
    sns.heatmap(
        both, vmin=-1, vmax=1, cmap="vlag", annot=True, fmt=".2f", annot_kws={"fontsize": 7}, square=True,
        xticklabels=names, yticklabels=names, linewidths=0.6, ax=axes, cbar_kws={"shrink": 0.75, "label": "r"},
    )  # fmt: skip
    axes.set_title("below the diagonal: ours; above: the paper's", fontsize=7.5)
    axes.tick_params(length=0)
    return drawn


FIGURES: Mapping[str, Callable[[Context], Figure | None]] = {
    "fig1": images.reconstructions,
    "fig2": by_family,
    "fig3": images.interpolations,
    "fig4": top_ten,
    "fig5": scatter.trade_off,
    "fig6": scatter.frontier,
    "fig7": mechanism,
    "figA1": milestones,
    "figA2": correlations,
    "figA3": images.worst,
}
"""File name → the function that draws it, which returns None if there is nothing to draw."""


def render(context: Context, folder: Path) -> tuple[str, ...]:
    """Draw every figure into `folder` as PDF and PNG; returns the names drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    with style.styled():
        drawn = {name: draw(context) for name, draw in FIGURES.items()}
        shown = {name: figure for name, figure in drawn.items() if figure is not None}
        for name, figure in shown.items():
            style.save(figure, folder, name)
    return tuple(shown)
