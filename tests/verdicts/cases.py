"""A table of cases, by kind: what a statement comes to in which world."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from reproduce.verdicts.model import Outcome
from reproduce.verdicts.world import World
from tests.verdicts.worlds import base, ours, theirs


class Case(NamedTuple):
    kind: str
    outcome: Outcome
    arguments: str = ""
    printed: str = ""
    world: Callable[[], World] = ours

    def __str__(self) -> str:
        return f"{self.kind} {self.outcome} {self.arguments} {self.printed}"


def with_(spread: float = 0.0, **edits: float) -> Callable[[], World]:
    """`with_(ae__ssim=0.5)`: the campaign with one cell changed (underscores for hyphens)."""
    return lambda: ours(_cells(edits), spread=spread, n=100 if spread else 2)


def printed_with(**edits: float) -> Callable[[], World]:
    """The paper's tables with one number changed."""
    return lambda: theirs(_cells(edits))


def _cells(edits: dict[str, float]) -> dict[tuple[str, str], float]:
    return {
        (slug.replace("_", "-"), column): value
        for name, value in edits.items()
        for slug, column in [name.split("__")]
    }


def nan(*cells: tuple[str, str]) -> Callable[[], World]:
    return lambda: ours(dict.fromkeys(cells, np.nan))


def noisy(**spreads: float) -> Callable[[], World]:
    """The campaign with columns that spread over a hundred images or pairs."""
    return lambda: ours(spread=spreads, n=100)


def rescaled(column: str, factor: float) -> Callable[[], World]:
    """A campaign in which a whole column is on another scale."""
    return lambda: ours(models=base().assign(**{column: factor * base()[column]}))


def without(*slugs: str) -> Callable[[], World]:
    return lambda: ours(models=base().drop(list(slugs)))


def few() -> World:
    """Three models: too few for a correlation."""
    return ours(models=base().iloc[:3])
