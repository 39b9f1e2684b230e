"""Worlds in which a predicate is meant to hold, to fail, or to have nothing to go by; and cases to hold in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.architectures.names import ALL_METRICS
from reproduce.storage.records import Records
from reproduce.verdicts.judge import evaluate, paper_world
from reproduce.verdicts.registry import arguments, load
from reproduce.verdicts.verdict import Outcome, Place, Statement
from reproduce.verdicts.world import DRAWS, Measurements, Values, World
from tests.synthetic import paperlike

BY_UNIT = (*ALL_METRICS, "sharpness", "uniformity", "end_distance", "piq_over_floor")
"""Measured on every image or pair; of any other column there is one number a run."""
Edits = Mapping[tuple[str, str], float]


@cache
def repeated() -> Records:
    """A campaign under the paper's protocol that measured what is printed, with three seeds."""
    return replace(paperlike(), profile="paper")


@cache
def _summary() -> pd.DataFrame:
    return summaries.summarise(paperlike()).assign(digit_frames=1.0)


def base() -> pd.DataFrame:
    """The models frame of the paper-like campaign, to be edited."""
    return _summary().copy()


def edited(models: pd.DataFrame, edits: Edits) -> pd.DataFrame:
    """A copy with some cells replaced; the slug "all" replaces a whole column."""
    models = models.copy()
    for (slug, column), value in edits.items():
        models.loc[list(models.index) if slug == "all" else [slug], column] = value
    return models


def units(models: pd.DataFrame, spread: Mapping[str, float] | float = 0.0, n: int = 2) -> Measurements:
    """Values by image and pair with the means of a models frame, that spread independently of one another.

    spread: SD over units, of every metric or by metric.
    """

    def measured(metric: str) -> pd.DataFrame:
        if metric not in BY_UNIT or metric not in models:
            raise KeyError(metric)
        sd = spread.get(metric, 0.0) if isinstance(spread, Mapping) else spread
        noise = np.random.default_rng(len(metric)).standard_normal((len(models), n))
        noise -= noise.mean(axis=1, keepdims=True)
        noise /= noise.std(axis=1, ddof=1, keepdims=True)
        values = models[metric].to_numpy(dtype=float)[:, None] + sd * noise
        return pd.DataFrame(
            {
                "architecture": np.repeat(models.index, n),
                "seed": 1,
                "unit": np.tile(np.arange(n), len(models)),
            }
        ).assign(value=values.ravel())

    return measured


@dataclass(frozen=True)
class Precise(World):
    """A campaign whose ± are known exactly, held against a paper that measured without sampling error."""

    @cached_property
    def printed_draws(self) -> Values:
        exact = self.printed_values
        return Values(exact.slugs, lambda name: np.tile(exact.column(name), (DRAWS, 1)))

    @cached_property
    def draws(self) -> Values:
        drawn = World(self.models, self.paper, measured=self.measured).draws

        def column(name: str) -> np.ndarray:
            exact = name.endswith("_sd")
            return np.tile(self.values.column(name), (DRAWS, 1)) if exact else drawn.column(name)

        return Values(self.slugs, column)


def ours(
    edits: Edits | None = None,
    *,
    models: pd.DataFrame | None = None,
    spread: Mapping[str, float] | float = 0.0,
    n: int = 2,
    records: Records | None = None,
    precise: bool = True,
    **other: Any,
) -> World:
    """A campaign with these means, spread over units and records; the paper's own sampling error and that of clocks are
    left out unless asked for."""
    models = edited(base() if models is None else models, edits or {})
    models = models.assign(timing_error=0.0) if precise else models
    kind, measured = Precise if precise else World, units(models, spread, n)
    return kind(models, paper.models(), measured=measured, records=records or paperlike(), **other)


def theirs(edits: Edits | None = None) -> World:
    """The paper's world, with some numbers of its tables replaced (unscaled)."""
    world = paper_world()
    models = edited(world.models, edits or {})
    return replace(world, models=models, paper=models)


def statement(kind: str, text: str = "", numbers: str = "", identity: str = "X.test") -> Statement:
    """A statement as a row of the registry writes it."""
    return Statement(
        id=identity,
        places=(Place(identity, identity.rsplit(".", 1)[0], "text"),),
        printed=tuple(numbers.split()),
        wording="",
        kind=kind,
        arguments=arguments("test", identity, text),
    )


def outcome(world: World, kind: str, text: str = "", numbers: str = "") -> Outcome:
    """What a statement comes to in a world."""
    return evaluate(statement(kind, text, numbers), world).outcome


@cache
def registered(identity: str) -> Statement:
    """A statement of the registry by any of its names."""
    return next(one for one in load() if identity in one.ids)


def inside(identity: str, world: World) -> Outcome:
    """What a statement of the registry comes to in a world."""
    return evaluate(registered(identity), world).outcome


PCA_BELOW = {"ssim": 0.5, "mse": 0.05, "psnr": 12.0}
PCA_ABOVE = {"ssim": 0.8, "mse": 0.01, "psnr": 22.0}
PCA_NEAR = {"ssim": 0.63, "mse": 0.03, "psnr": 15.6}
"""PCA below, above, and among the printed values of the two RAE."""


class Case(NamedTuple):
    """What a statement comes to in a world."""

    kind: str
    outcome: Outcome
    arguments: str = ""
    printed: str = ""
    world: Callable[[], World] = ours

    def __str__(self) -> str:
        return f"{self.kind} {self.outcome} {self.arguments} {self.printed}"

    def check(self) -> None:
        assert outcome(self.world(), self.kind, self.arguments, self.printed) is self.outcome


def with_(spread: float = 0.0, **edits: float) -> Callable[[], World]:
    """`with_(ae__ssim=0.5)`: the campaign with one cell changed (underscores for hyphens)."""
    return lambda: ours(_cells(edits), spread=spread, n=100 if spread else 2)


def printed_with(**edits: float) -> Callable[[], World]:
    """The paper's tables with one number changed."""
    return lambda: theirs(_cells(edits))


def _cells(edits: Mapping[str, float]) -> Edits:
    named = {tuple(name.split("__")): value for name, value in edits.items()}
    return {(slug.replace("_", "-"), column): value for (slug, column), value in named.items()}


def noisy(**spreads: float) -> Callable[[], World]:
    """The campaign with columns that spread over a hundred images or pairs."""
    return lambda: ours(spread=spreads, n=100)


def rescaled(column: str, factor: float) -> Callable[[], World]:
    """A campaign in which a whole column is on another scale."""
    return lambda: ours(models=base().assign(**{column: factor * base()[column]}))


def without(*slugs: str) -> Callable[[], World]:
    return lambda: ours(models=base().drop(list(slugs)))
