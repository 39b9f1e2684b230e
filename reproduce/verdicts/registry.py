"""The registry: statements of the running text from `reproduce/paper/claims/*.csv`, and every cell of the tables.

If the paper says the same thing at several places, it is one statement with several places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib import resources

import pandas as pd

from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import LABELS
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS, Cell, Printed, Tables
from reproduce.paper import tables as paper_tables
from reproduce.paper.tables import SCALES, read
from reproduce.verdicts.verdict import Place, Statement

COLUMNS = ["id", "place", "printed", "wording", "kind", "arguments", "important"]
ROMAN = {1: "I", 2: "II"}
AGAIN = "again"
"""The kind of a row that only adds a place to the statement named by its argument `of`."""
UNIQUE = {"restated", "stated", "lists", "arithmetic", "own"}
"""Kinds whose rows are never merged, because a repetition in the paper is what they are about."""


@cache
def load() -> tuple[Statement, ...]:
    """All statements in reading order, the tables' cells last. Raises ReproduceError on a malformed row."""
    return from_tables(paper_tables())


def from_tables(tables: Tables) -> tuple[Statement, ...]:
    """The statements with the cells of the given tables; sensitivity tests pass perturbed ones."""
    cells = [cell_statement(tables, cell) for cell in CELLS]
    seen: set[str] = set()
    for own in (*rows(), *cells):
        if own.id in seen:
            raise ReproduceError(
                f"two statements with the id {own.id}; rename one in reproduce/paper/claims/"
            )
        seen.add(own.id)
    return tuple(_merged(rows(), cells))


def _merged(text: Iterable[Statement], cells: Iterable[Statement]) -> Iterator[Statement]:
    """One statement for all rows that say the same; a row that repeats a cell of Table I or II becomes a place of that
    cell's statement."""
    again = [own for own in text if own.kind == AGAIN]
    found: dict[object, list[Statement]] = {}
    printed = {_address(cell): cell for cell in cells}
    for own in (*(own for own in text if own.kind != AGAIN), *printed.values()):
        cell = printed.get(_address(own))
        # 0.00120 in the text is the 1.196 of the table, rounded once more
        same = cell is not None and _rounds(own.number, cell.number)
        found.setdefault(_meaning(cell if same and cell else own), []).append(own)
    for group in found.values():
        heads = sorted(group, key=lambda own: (own.kind != "table-cell", not own.important))
        head = heads[0]
        others = [own for own in group if own is not head]
        others += [own for own in again if own.text("of") in {one.id for one in group}]
        places = (*head.places, *(place for own in others for place in own.places))
        yield replace(head, places=places, important=any(own.important for own in group))


def _address(own: Statement) -> object:
    """The cell of the tables that a statement's number belongs to; None if it is not a single number of one model."""
    if own.kind not in ("cell", "table-cell"):
        return None
    return own.arguments["architecture"], own.arguments["metric"], own.arguments.get("part", "mean")


def _rounds(one: Printed, other: Printed) -> bool:
    """Whether one number is the other, rounded once more."""
    return abs(one.value - other.value) < max(one.half_unit, other.half_unit) * (1 - 1e-9)


def _meaning(own: Statement) -> object:
    """A value that is equal for two rows that say the same."""
    if own.kind in UNIQUE:
        return own.id
    if own.kind in ("cell", "table-cell"):
        return "cell", _address(own), f"{own.number.value:.12g}"
    asked = {name: value for name, value in own.arguments.items() if name not in ("there", "says")}
    return own.kind, own.printed, tuple(sorted(asked.items()))


@cache
def rows() -> tuple[Statement, ...]:
    """The rows of the registry, one place each, in reading order: running text, captions and Table III."""
    folder = resources.files("reproduce.paper").joinpath("claims")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".csv"))
    return tuple(own for name in names for own in parsed(read(f"claims/{name}"), f"claims/{name}"))


def row(identity: str) -> Statement:
    """One row of the running text; raises ReproduceError if there is none of that name."""
    for own in rows():
        if own.id == identity:
            return own
    raise ReproduceError(f"there is no statement '{identity}' in reproduce/paper/claims/")


def cell_statement(tables: Tables, cell: Cell) -> Statement:
    """The statement of one number of Tables I and II, e.g. `T1.ae.ssim` or `T1.ae.ssim.sd`."""
    spread = cell.part == "sd"
    label, metric = LABELS[cell.architecture], MEASURES[cell.metric].label
    identity = f"T{cell.table}.{cell.architecture}.{cell.metric}" + (".sd" if spread else "")
    where = f"{label}, {metric}" + (" ±" if spread else "")
    return Statement(
        id=identity,
        places=(Place(identity, f"Table {ROMAN[cell.table]}", where),),
        printed=(tables.cells[cell],),
        wording=f"{'Spread of ' if spread else ''}{metric} of {label}",
        kind="table-cell",
        arguments={"architecture": cell.architecture, "metric": cell.metric, "part": cell.part},
        scale=SCALES.get(cell.metric, "1"),
    )


def parsed(frame: pd.DataFrame, name: str) -> Iterator[Statement]:
    """The statements of one file. Raises ReproduceError on a malformed row."""
    if list(frame.columns) != COLUMNS:
        raise ReproduceError(f"{name}: the columns must be {', '.join(COLUMNS)}")
    for row in frame.to_dict("records"):
        yield Statement(
            id=row["id"],
            places=(Place(row["id"], row["id"].rsplit(".", 1)[0], row["place"]),),
            printed=tuple(row["printed"].split()),
            wording=row["wording"],
            kind=row["kind"],
            arguments=arguments(name, row["id"], row["arguments"]),
            important=row["important"] == "yes",
        )


def arguments(name: str, identity: str, text: str) -> dict[str, str]:
    """ "metric=ssim; models=ae wae" as a dictionary. Raises ReproduceError for a malformed argument and for an unknown
    metric."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, equals, value = part.partition("=")
        if not key.strip() or not equals or not value or key.strip() in found:
            raise ReproduceError(
                f"{name}: statement {identity} has the malformed argument '{part}'; write key=value"
            )
        found[key.strip()] = value.strip()
    metrics = " ".join(found.get(key, "") for key in ("metric", "x", "y")).split()
    if unknown := [metric for metric in metrics if metric not in MEASURES]:
        raise ReproduceError(
            f"{name}: statement {identity} has the unknown metric '{unknown[0]}'; known are {', '.join(MEASURES)}"
        )
    return found
