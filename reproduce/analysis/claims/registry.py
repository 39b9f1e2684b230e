"""The registry: statements of the running text from `reproduce/paper/claims/*.csv`, and every table cell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources

import pandas as pd

from reproduce.analysis.claims.model import Claim
from reproduce.analysis.measures import MEASURES
from reproduce.errors import ReproduceError
from reproduce.names import LABELS
from reproduce.paper import CELLS, Cell, Tables
from reproduce.paper import tables as paper_tables
from reproduce.paper.tables import SCALES, read

COLUMNS = ["id", "place", "printed", "wording", "kind", "arguments", "important"]
ROMAN = {1: "I", 2: "II"}


@cache
def load() -> tuple[Claim, ...]:
    """All claims of the paper in reading order, the tables' cells last. Raises ReproduceError on a malformed
    row."""
    return from_tables(paper_tables())


def from_tables(tables: Tables) -> tuple[Claim, ...]:
    """The claims with the cells of the given tables: the sensitivity tests pass perturbed ones."""
    claims = (*statements(), *(cell_claim(tables, cell) for cell in CELLS))
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise ReproduceError(f"two claims with the id {claim.id}; rename one in reproduce/paper/claims/")
        seen.add(claim.id)
    return claims


@cache
def statements() -> tuple[Claim, ...]:
    """The claims of the running text, captions and Table III, in reading order."""
    folder = resources.files("reproduce.paper").joinpath("claims")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".csv"))
    return tuple(claim for name in names for claim in _file(f"claims/{name}"))


@cache
def _by_id() -> dict[str, Claim]:
    return {claim.id: claim for claim in statements()}


def statement(identity: str) -> Claim:
    """One statement of the running text; raises ReproduceError if there is none of that name."""
    if identity not in _by_id():
        raise ReproduceError(f"there is no claim '{identity}' in reproduce/paper/claims/")
    return _by_id()[identity]


def cell_claim(tables: Tables, cell: Cell) -> Claim:
    """The claim of one number of Tables I and II, e.g. `T1.ae.ssim` or `T1.ae.ssim.sd`."""
    spread = cell.part == "sd"
    label, metric = LABELS[cell.architecture], MEASURES[cell.metric].label
    return Claim(
        id=f"T{cell.table}.{cell.architecture}.{cell.metric}" + (".sd" if spread else ""),
        section=f"Table {ROMAN[cell.table]}",
        place=f"Table {ROMAN[cell.table]}, {label}, {metric}" + (" ±" if spread else ""),
        printed=(tables.cells[cell],),
        wording=f"{'Spread of ' if spread else ''}{metric} of {label}",
        kind="table-cell",
        arguments={"architecture": cell.architecture, "metric": cell.metric, "part": cell.part},
        scale=SCALES.get(cell.metric, "1"),
    )


def _file(name: str) -> Iterator[Claim]:
    return parsed(read(name), name)


def parsed(frame: pd.DataFrame, name: str) -> Iterator[Claim]:
    """The claims of one file. Raises ReproduceError on a malformed row."""
    if list(frame.columns) != COLUMNS:
        raise ReproduceError(f"{name}: the columns must be {', '.join(COLUMNS)}")
    for row in frame.to_dict("records"):
        yield Claim(
            id=row["id"],
            section=row["id"].rsplit(".", 1)[0],
            place=row["place"],
            printed=tuple(row["printed"].split()),
            wording=row["wording"],
            kind=row["kind"],
            arguments=_arguments(name, row["id"], row["arguments"]),
            important=row["important"] == "yes",
        )


def _arguments(name: str, identity: str, text: str) -> dict[str, str]:
    """ "metric=ssim; models=ae wae" as a dictionary."""
    arguments = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, equals, value = part.partition("=")
        if not key.strip() or not equals or not value or key.strip() in arguments:
            raise ReproduceError(
                f"{name}: claim {identity} has the malformed argument '{part}'; write key=value"
            )
        arguments[key.strip()] = value.strip()
    return arguments
