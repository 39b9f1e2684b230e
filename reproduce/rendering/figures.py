"""All figures: the paper's six, what carries its headline (Fig. 7), and the appendix's, as PDF and PNG.

Every function draws one figure from a `Material` and returns it; it draws what there is, and says on the
figure what there is not. Nothing here computes a statistic.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from reproduce.analysis import causes, summaries
from reproduce.names import SLUGS
from reproduce.rendering import drift, image_figures, numbers, scatter_figures, style
from reproduce.rendering.material import Material, label
from reproduce.rendering.scatter_figures import look

TOP = 10


def by_family(material: Material) -> Figure:
    """Fig. 2: SSIM of the test images by family (boxes of what can be ranked), with our means and the paper's."""
    families = material.families
    drawn = style.figure(style.COLUMN, 2.55)
    axes = drawn.add_subplot()
    values = summaries.measurements(material.records, "ssim")
    values = values[values["architecture"].isin(SLUGS)]
    per_image = values.groupby(["architecture", "unit"])["value"].mean()
    ticks = []
    for row, (name, slugs) in enumerate(families.items()):
        present = [slug for slug in slugs if slug in material.ours.index]
        boxed = [slug for slug in present if slug in material.healthy.index]
        colour = look(material, slugs[0])[0]
        if boxed:
            axes.boxplot(
                per_image.loc[boxed].to_numpy(),
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
            own, marker = look(material, slug)
            axes.plot(
                material.ours.at[slug, "ssim"], row, marker, color=own, ms=4.2, mec="white", mew=0.4, zorder=4
            )
        printed = material.paper["ssim"].reindex(list(slugs))
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


def top_ten(material: Material) -> Figure:
    """Fig. 4: the ten best by rank(SSIM) + rank(PIQ), with both ranks and the place in the paper's tables."""
    ranking = material.ranking.head(TOP)
    places = material.ranking_paper["combined"].rank(method="min").astype(int)
    ours = material.ranking["combined"].rank(method="min").astype(int)
    # room for the last head, which the layout engine takes for narrower than it is
    drawn = style.figure(style.COLUMN, 0.75 + 0.185 * max(len(ranking), 3), share=0.97)
    axes = drawn.add_subplot()
    last = len(material.ranking)
    for row, (slug, ranks) in enumerate(ranking.iterrows()):
        ends = (ranks["rank_ssim"], ranks["rank_piq"])
        axes.plot(ends, (row, row), color=style.FAINT, lw=1.6, zorder=1, solid_capstyle="round")
        axes.plot(ends[0], row, "o", color=style.PALETTE[0], ms=5.5, zorder=3)
        axes.plot(ends[1], row, "D", color=style.PALETTE[1], ms=4.2 if ends[0] != ends[1] else 2.2, zorder=4)
        for x, text in (
            (1.05, str(int(ranks["combined"]))),
            (1.16, str(ours[slug])),
            (1.28, numbers.integer(places.get(slug))),
        ):
            axes.text(
                x, row, text, transform=axes.get_yaxis_transform(), ha="center", va="center", fontsize=7.5
            )
    for x, head in ((1.05, "sum"), (1.16, "place"), (1.28, "paper")):
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


def learning_curves(material: Material) -> Figure:
    """Fig. A1: training and validation loss of every run, a panel an architecture, each on its own scale."""
    columns = 6
    rows = len(SLUGS) // columns + 1  # one panel more than models at least: the legend's
    drawn = style.figure(style.PAGE, 1.2 * rows)
    grid = drawn.subplots(rows, columns, squeeze=False)
    panels, empty = grid.flat[: len(SLUGS)], grid.flat[len(SLUGS) :]
    curves = material.records.curves
    curves = curves[curves["variant"] == ""]
    runs = material.finished.set_index(["architecture", "seed"])
    pace = causes.falling(material.records)
    for axes, slug in zip(panels, SLUGS, strict=True):
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
        change = numbers.percent(-pace.get(slug, np.nan), 2)
        axes.text(0.97, 0.95, change, transform=axes.transAxes, ha="right", va="top", fontsize=6.5)
        axes.margins(x=0.04)
    for axes in panels[-columns:]:  # the lowest of each column
        axes.set_xlabel("epoch", fontsize=7, labelpad=1)
    for axes in empty:
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
    empty[0].legend(handles=handles, loc="center left", bbox_to_anchor=(0.1, 0.5), borderaxespad=0)
    return drawn


def headline(material: Material) -> Figure:
    """Fig. 7: what carries the correlation of SSIM and PIQ: r by subset, and as its carriers are left out."""
    drawn = style.figure(style.PAGE, 2.7)
    forest, *paths = drawn.subplots(1, 3, width_ratios=(1.35, 1, 1))
    looks = {"ours": (style.ACCENT, "o", -0.17), "paper": (style.MUTED, "D", 0.17)}
    found = material.headline.xs("piq", level="smoothness_metric")
    subsets = list(found.xs("ours", level="source").index)
    for source, (colour, marker, shift) in looks.items():
        for row, subset in enumerate(subsets):
            if source == "paper" and subset == "with collapsed rows":
                continue  # the paper's tables have none
            value = found.loc[(source, subset)]
            if np.isfinite(value["r"]):
                forest.plot([value["low"], value["high"]], [row + shift] * 2, color=colour, lw=0.9)
                forest.plot(value["r"], row + shift, marker, color=colour, ms=4, mec="white", mew=0.4)
            else:
                too_few = f"only {int(value['n'])} models"
                forest.text(0.03, row + shift, too_few, fontsize=6, color=colour, va="center", style="italic")
    forest.axvline(0, color=style.INK, lw=0.6)
    forest.set(
        yticks=range(len(subsets)),
        yticklabels=[textwrap.fill(subset, 28) for subset in subsets],
        ylim=(len(subsets) - 0.5, -0.5),
        xlim=(-1.05, 1.05),
        xticks=(-1, -0.5, 0, 0.5, 1),
        xlabel="r of SSIM and PIQ, 95% interval",
    )
    forest.tick_params(axis="y", length=0)
    forest.grid(axis="x")
    for axes, (source, title) in zip(
        paths, {"paper": "the paper's tables", "ours": "our results"}.items(), strict=True
    ):
        colour, marker, _ = looks[source]
        steps = material.removal[source]
        steps = steps[np.isfinite(steps["r"])]
        order = np.arange(len(steps))
        axes.fill_between(order, steps["low"], steps["high"], color=colour, alpha=0.14, lw=0)
        axes.plot(order, steps["r"], marker=marker, color=colour, lw=1.0, ms=4, mec="white", mew=0.4)
        axes.axhline(0, color=style.INK, lw=0.6)
        axes.set(xlim=(-0.4, max(len(steps), 2) - 0.6), ylim=(-1.05, 1.05), xticks=order)
        names = [f"− {label(str(slug))}" if slug else "all ranked" for slug in steps["removed"]]
        axes.set_xticklabels(names, rotation=38, ha="right", rotation_mode="anchor", fontsize=6.5)
        axes.set_title(f"leaving models out: {title}", fontsize=7.5)
        axes.grid(axis="y")
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=4, lw=0.9, mec="white", mew=0.4, label=source)
        for source, (colour, marker, _) in looks.items()
    ]
    forest.set_title("by subset", fontsize=7.5)
    # in the corner that the slanted names at the right leave free: no room of its own
    drawn.legend(handles=handles, loc="lower left", ncols=2, bbox_to_anchor=(0.14, 0.0)).set_in_layout(False)
    return drawn


def latent_maps(material: Material) -> Figure | None:
    """Fig. A2: t-SNE of 1,000 test codes; None where the profile trains too little for that."""
    if not material.verdicts_allowed:
        return None
    rows, columns = 2, len(material.maps) // 2
    drawn = style.figure(style.PAGE, 3.2)
    colours = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
    for axes, (slug, found) in zip(drawn.subplots(rows, columns).flat, material.maps.items(), strict=True):
        axes.set(xticks=[], yticks=[], box_aspect=1)
        axes.set_title(label(slug) + material.mark(slug), fontsize=7.5, pad=2)
        axes.spines[:].set_visible(True)
        axes.spines[:].set(color=style.HAIR)
        if found is None:
            note = "no finished run" if material.sample(slug) is None else "one code for all"
            axes.text(
                0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", fontsize=7, style="italic"
            )
            continue
        points, digits = found
        for digit in np.unique(digits):
            own = points[digits == digit]
            axes.plot(*own.T, ".", ms=2.2, mew=0, color=colours[int(digit)])
            # the numeral at the digit's middle: ten colours are too many to tell apart
            middle = np.median(own, axis=0)
            numeral = axes.text(*middle, str(digit), fontsize=6.5, weight="bold", ha="center", va="center")
            numeral.set_path_effects([withStroke(linewidth=1.2, foreground="white")])
    return drawn


FIGURES: Mapping[str, Callable[[Material], Figure | None]] = {
    "fig1": image_figures.reconstructions,
    "fig2": by_family,
    "fig3": image_figures.interpolations,
    "fig4": top_ten,
    "fig5": scatter_figures.trade_off,
    "fig6": scatter_figures.frontier,
    "fig7": headline,
    "figA1": learning_curves,
    "figA2": latent_maps,
    "figA3": image_figures.worst,
    "drift": drift.figure,
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
