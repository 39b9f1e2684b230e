"""The drift ledger in the appendix: how near each check against golden numbers came to leaving its bands."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reproduce.rendering import numbers, style
from reproduce.rendering.material import Material

FEWEST = 2
"""Checks that make a figure; fewer are told in words."""
CEILING = 10.0
"""Where what is farther off, or not finite, is drawn."""


def figure(material: Material) -> Figure | None:
    """The worst deviation of each check in units of its band, oldest first; None with fewer than `FEWEST` checks."""
    checks = material.drift
    if len(checks) < FEWEST:
        return None
    worst = np.minimum(checks["worst"].to_numpy(float), CEILING)
    off = checks["off"].to_numpy(int) > 0
    order = np.arange(1, len(checks) + 1)
    drawn = style.figure(style.COLUMN, 1.5)
    axes = drawn.add_subplot()
    axes.axhline(1, color=style.INK, lw=0.6)
    axes.plot(order, worst, color=style.FAINT, lw=0.8, zorder=1)
    axes.plot(order[~off], worst[~off], "o", color=style.PALETTE[0], ms=4, label="inside")
    axes.plot(order[off], worst[off], "X", color=style.PALETTE[1], ms=5, label="off")
    axes.set_yscale("symlog", linthresh=1)
    axes.set(ylim=(-0.15, 1.3 * CEILING), yticks=(0, 1, CEILING), xlabel="check", ylabel="worst ÷ band")
    axes.set_yticklabels(["0", "1", f"≥{CEILING:g}"])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(loc="upper left", ncols=2)
    return drawn


def sentence(material: Material) -> str:
    """What the checks came to, in one line of plain text."""
    checks = material.drift
    if checks.empty:
        return "These results were not compared with golden numbers."
    last = checks.iloc[-1]
    off = int(last["off"])
    outcome = (
        f"{numbers.counted(off, 'number')} off" if off else "every number inside its band"
    ) + f", the worst at {numbers.significant(last['worst'])} of its band"
    return f"Compared with golden numbers {numbers.counted(len(checks), 'time')}; the last time {outcome}."
