"""Tables I, II and III as data."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import pandas as pd

from reproduce.architectures.names import IMAGE_METRICS, PAIR_METRICS
from reproduce.errors import ReproduceError
from reproduce.paper.printed import Printed

SCALES: Mapping[str, str] = {"mse": "1e-3", "piq": "1e-3", "iss": "0.1"}
"""Metric → the value of one printed unit; metrics not listed are printed unscaled."""

TABLE_METRICS: Mapping[int, tuple[str, ...]] = {1: IMAGE_METRICS, 2: PAIR_METRICS}
"""Table → its metrics, in column order. Each has a mean and a "±" column, except MAE."""


class Cell(NamedTuple):
    """The address of one printed number: `Cell(1, "ae", "ssim", "mean")`; part is "mean" or "sd"."""

    table: int
    architecture: str
    metric: str
    part: str

    @property
    def column(self) -> str:
        """The column of a models frame: "ssim" or "ssim_sd"."""
        return self.metric if self.part == "mean" else f"{self.metric}_sd"


def read(name: str) -> pd.DataFrame:
    """A data file of this package, every field as its printed characters (empty fields are "")."""
    return parsed(resources.files("reproduce.paper").joinpath(name).read_bytes(), name)


def parsed(content: bytes, name: str) -> pd.DataFrame:
    """A CSV, every field as its characters. Raises ReproduceError, naming it, if it is not a CSV."""
    try:
        frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    except (ValueError, OverflowError) as error:
        raise ReproduceError(f"{name} cannot be read as CSV ({type(error).__name__})") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise ReproduceError(f"{name} has rows that are longer than its header")
    return frame


PAPER_SLUGS: tuple[str, ...] = tuple(read("table1.csv")["architecture"])
"""The rows that the paper prints, in Table I's order: fewer than `names.SLUGS` once an architecture is added."""

CELLS: tuple[Cell, ...] = tuple(
    Cell(table, slug, metric, part)
    for table, metrics in TABLE_METRICS.items()
    for slug in PAPER_SLUGS
    for metric in metrics
    for part in (("mean",) if metric == "mae" else ("mean", "sd"))
)
"""Every number of Tables I and II, 22 × (7 + 6) of them."""


@dataclass(frozen=True)
class Tables:
    """Tables I and II in printed characters: `cells` maps an address to its text, `rows` a table to its row
    order."""

    cells: Mapping[Cell, str]
    rows: Mapping[int, tuple[str, ...]]

    def printed(self, cell: Cell) -> Printed:
        """The number at an address, with the scale of its column."""
        return Printed(self.cells[cell], SCALES.get(cell.metric, "1"))

    def with_cell(self, cell: Cell, text: str) -> Tables:
        """A copy with one number changed, for sensitivity tests."""
        return replace(self, cells={**self.cells, cell: text})

    def models(self) -> pd.DataFrame:
        """The models frame: the printed rows by slug, in Table I's order; `<metric>` and `<metric>_sd`, unscaled."""
        return self._frame("value")

    def half_units(self) -> pd.DataFrame:
        """The largest possible rounding error of each number, in the form of `models()` (NaN if none is printed)."""
        return self._frame("half_unit")

    def _frame(self, field: str) -> pd.DataFrame:
        values: dict[str, dict[str, float]] = {}
        for cell in self.cells:
            values.setdefault(cell.column, {})[cell.architecture] = getattr(self.printed(cell), field)
        frame = pd.DataFrame(values, index=pd.Index(PAPER_SLUGS, name="architecture"))
        frame["mae_sd"] = np.nan  # the paper prints MAE without ±
        return frame[[f"{m}{part}" for ms in TABLE_METRICS.values() for m in ms for part in ("", "_sd")]]


@cache
def tables() -> Tables:
    """Tables I and II as printed."""
    frames = {table: read(f"table{table}.csv").set_index("architecture") for table in TABLE_METRICS}
    return Tables(
        cells={cell: frames[cell.table].at[cell.architecture, cell.column] for cell in CELLS},
        rows={table: tuple(frame.index) for table, frame in frames.items()},
    )


def models() -> pd.DataFrame:
    """Tables I and II as one models frame, unscaled: see `Tables.models`."""
    return tables().models()


@cache
def table3() -> pd.DataFrame:
    """Table III: application, priority, recommended and avoid (tuples of slugs), and both as printed."""
    frame = read("table3.csv")
    for column in ("recommended", "avoid"):
        frame[column] = [tuple(slugs.split()) for slugs in frame[column]]
    return frame
