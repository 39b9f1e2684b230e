"""Worlds in which a predicate is meant to hold, to fail, or to have nothing to go by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pandas as pd

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.analysis.claims import Claim, World, paper_world
from reproduce.analysis.claims.registry import _arguments
from reproduce.records import Records
from tests.synthetic import paperlike

Edits = Mapping[tuple[str, str], float]


@cache
def _summary() -> pd.DataFrame:
    return summaries.summarise(paperlike())


def edited(models: pd.DataFrame, edits: Edits) -> pd.DataFrame:
    """A copy with some cells replaced; the slug "all" replaces a whole column."""
    models = models.copy()
    for (slug, column), value in edits.items():
        models.loc[list(models.index) if slug == "all" else [slug], column] = value
    return models


def ours(edits: Edits | None = None, records: Records | None = None) -> World:
    """A campaign's world: the paper-like one, or one of given records, with some cells replaced."""
    models = _summary() if records is None else summaries.summarise(records)
    return World(models=edited(models, edits or {}), paper=paper.models(), records=records or paperlike())


def theirs(edits: Edits | None = None) -> World:
    """The paper's world, with some numbers of its tables replaced (unscaled)."""
    world = paper_world()
    models = edited(world.models, edits or {})
    return World(models, models, world.half_units, None, world.row_order)


def claim(kind: str, arguments: str = "", printed: str = "") -> Claim:
    """A claim as a row of the registry writes it."""
    return Claim(
        id="X.test",
        section="X",
        place="text",
        printed=tuple(printed.split()),
        wording="",
        kind=kind,
        arguments=_arguments("test", "X.test", arguments),
    )
