"""The common style of all figures: IEEEtran's column widths, fonts, colours, and files without a date in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

COLUMN = 3.48
"""Width of one column of the report, in inches."""
PAGE = 7.14
"""Width of both columns and the gap."""
PNG_DPI = 220
"""Resolution of the README's copies."""

INK = "#1a1a1a"
MUTED = "#6b6b6b"
FAINT = "#b4b4b4"
HAIR = "#e2e2e2"
ACCENT = "#0072B2"

PALETTE: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7")
"""Okabe and Ito's colours that are visible on white; they can be distinguished with the common colour deficiencies."""
MARKERS: tuple[str, ...] = ("o", "s", "^", "D", "v", "P")
"""One marker per colour, so that nothing depends on colour alone."""
OTHER = ("#4d4d4d", "X")
"""Colour and marker of models without a family."""

RC: Mapping[str, Any] = {
    # STIX comes with matplotlib and matches the report's Times: the same glyphs on every machine
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": HAIR,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.2,
    "axes.unicode_minus": True,
    # TrueType outlines instead of Type 3: searchable, and accepted by IEEE
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "pdf.compression": 6,
    "svg.hashsalt": "reproduce",
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def styled() -> Iterator[None]:
    """The house style on top of matplotlib's defaults, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(dict(RC))  # type: ignore[arg-type]
        yield


def figure(width: float, height: float, *, share: float = 1.0) -> Figure:
    """A figure of this size in inches with a canvas of its own: no pyplot, no global state. share: the part of its
    width that the layout may fill."""
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, rect=(0, 0, share, 1))
    drawn = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(drawn)
    return drawn


def save(drawn: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `name`.pdf and `name`.png, byte-identical for equal figures: no date, no program, no version."""
    pdf, png = folder / f"{name}.pdf", folder / f"{name}.png"
    nothing = dict.fromkeys(("CreationDate", "ModDate", "Producer", "Creator"))
    drawn.savefig(pdf, metadata=nothing)
    drawn.savefig(png, dpi=PNG_DPI, metadata={"Software": None})
    return pdf, png
