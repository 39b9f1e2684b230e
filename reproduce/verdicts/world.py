"""The data that a predicate is evaluated on: the paper's tables, or a campaign's results with their sampling error.

Every mean of a campaign has a sampling error from its images, pairs and seeds. So each is resampled DRAWS times: images
and pairs with replacement, the same for all models, and seeds if there are several. The interval of anything computed
from the means is that of the same computation on the draws. The error of a time is that of its clock
(`summaries.PROCESSOR_CLOCK_ERROR`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import pandas as pd

from reproduce.analysis import latent
from reproduce.analysis.families import FAMILIES
from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import ALL_METRICS, IMAGE_METRICS, LABELS
from reproduce.storage.records import Records
from reproduce.verdicts.verdict import WHOLE, Statement, Undecidable

DRAWS = 1000
PRINTED_IMAGES, PRINTED_PAIRS = 100, 25
"""Sections III-E and III-F: the number of images and of pairs behind each printed mean and ±."""
OTHER_SCALE = 1.0
"""A column that differs by at least this many powers of ten may be on another scale, and so be defined differently …"""
SAME_POWER = 0.5
"""… if its rows differ by the same power, up to this much. A single row that is far off is a failure."""
OURS, THEIRS = 0, 1
"""Two random streams of draws: our sampling error and the paper's are independent."""
Measurements = Callable[[str], pd.DataFrame]
"""Metric → columns architecture, seed, unit, value."""


@dataclass(frozen=True)
class Values:
    """Numbers of models: `column(name)` is an array (…, models), the last axis along `slugs`."""

    slugs: tuple[str, ...]
    column: Callable[[str], np.ndarray]

    def of(self, name: str, slugs: tuple[str, ...] | None = None) -> np.ndarray:
        """A column for the given models, in their order. Raises Undecidable if one has no finite value."""
        values = self.column(name)
        finite = np.isfinite(values).all(axis=tuple(range(values.ndim - 1)))
        there = dict(zip(self.slugs, finite, strict=True))
        if lacking := [slug for slug in slugs or self.slugs if not there.get(slug)]:
            what = MEASURES[name].label if name in MEASURES else name
            raise Undecidable(f"{what}: no value for {listed(lacking, most=8)}")
        return values if slugs is None else values[..., [self.slugs.index(slug) for slug in slugs]]


Statistic = Callable[[Values], np.ndarray]
"""A number computed from models' values; leading axes are kept."""


@cache
def _weights(units: int, stream: int) -> np.ndarray:
    """(DRAWS, units): how often each unit is drawn, divided by the number of units."""
    rng = np.random.default_rng([stream, units])
    return rng.multinomial(units, np.full(units, 1 / units), DRAWS) / units


def resampled(values: np.ndarray, stream: int = OURS, *, spread: bool = False) -> np.ndarray:
    """Draws of the mean (spread: of the SD) of values (seeds, units): (DRAWS,)."""
    seeds, units = values.shape
    weights = _weights(units, stream)
    means = weights @ values.T
    if spread:
        variances = np.maximum(weights @ (values**2).T - means**2, 0.0) * units / max(units - 1, 1)
        return np.asarray(np.sqrt(variances.mean(axis=1)))
    centre = means.mean(axis=1)
    if seeds == 1:
        return np.asarray(centre)
    # the spread of n seeds drawn with replacement is too small by √((n − 1)/n)
    of_seeds = (_weights(seeds, stream + 2) * means).sum(axis=1)
    return np.asarray(centre + (of_seeds - centre) * np.sqrt(seeds / (seeds - 1)))


@dataclass(frozen=True)
class World:
    """The paper's tables, or a campaign.

    models:     the rows that take part: means, `_sd` and columns with a single number per model.
    paper:      the paper's models frame (the same frame, in the paper's world).
    half_units: rounding of each number; None in a campaign, whose numbers are not rounded.
    row_order:  metric → slugs in the printed order of the table sorted by it; empty in a campaign.
    records:    the campaign; None in the paper's world, and for milestones.
    measured:   the campaign's values by image and pair.
    left_out:   collapsed rows that take no part.
    """

    models: pd.DataFrame
    paper: pd.DataFrame
    half_units: pd.DataFrame | None = None
    row_order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    records: Records | None = None
    measured: Measurements | None = None
    piq_floor: float | None = None
    """Median of D/81 over the 25 pairs of test images: the smallest PIQ of nine steps between two digits (Eq. 7)."""
    pca: Mapping[str, float] | None = None
    """Metric → its value for PCA with 16 components on the 100 images."""
    left_out: frozenset[str] = frozenset()

    @property
    def is_paper(self) -> bool:
        """Whether this is the paper's own world, in which numbers agree up to rounding."""
        return self.half_units is not None

    @cached_property
    def slugs(self) -> tuple[str, ...]:
        """The models that take part."""
        return tuple(str(slug) for slug in self.models.index)

    @cached_property
    def values(self) -> Values:
        """The means themselves."""
        return Values(self.slugs, cache(lambda name: self.column(name).to_numpy(dtype=float)))

    @cached_property
    def draws(self) -> Values:
        """The same with sampling error: arrays (DRAWS, models)."""
        return Values(self.slugs, lambda name: self._drawn(name, OURS))

    @cached_property
    def _drawn(self) -> Callable[[str, int], np.ndarray]:
        """Column and stream → draws (DRAWS, models); constant for columns with a single number per model."""

        def drawn(name: str, stream: int) -> np.ndarray:
            points = self.column(name).to_numpy(dtype=float)
            metric, spread = name.removesuffix("_sd"), name.endswith("_sd")
            found = np.tile(points, (DRAWS, 1))
            if metric in MEASURES and MEASURES[metric].timing:
                noise = np.random.default_rng([stream, *name.encode()]).standard_normal(found.shape)
                return np.asarray(found * np.exp(noise * self.models["timing_error"].to_numpy(dtype=float)))
            table = self._by_unit(metric)
            for at, slug in enumerate(self.slugs):
                if table is not None and slug in table.index:
                    found[:, at] = resampled(table.loc[[slug]].to_numpy(dtype=float), stream, spread=spread)
            return found

        return cache(drawn)

    @cached_property
    def _by_unit(self) -> Callable[[str], pd.DataFrame | None]:
        """Metric → rows architecture and seed, columns units; None if there is a single number per model."""

        def table(metric: str) -> pd.DataFrame | None:
            assert self.measured is not None, "only a campaign is drawn again"
            try:
                values = self.measured(metric)
            except KeyError:
                return None
            return values.set_index(["architecture", "seed", "unit"])["value"].unstack("unit")

        return cache(table)

    @cached_property
    def printed_draws(self) -> Values:
        """The paper's values with their own sampling error: the printed ± divided by √100 (images) or √25 (pairs). It
        is correlated between models as ours is, since all rows of a table come from the same images."""

        def column(name: str) -> np.ndarray:
            # a generator per column, so that no answer depends on the order of questions
            rng = np.random.default_rng([THEIRS, *name.encode()])
            printed = self.paper[name].to_numpy(dtype=float)
            scale = _printed_error(self.paper, name)
            noise = rng.standard_normal((DRAWS, len(printed)))
            for at, slug in enumerate(self.paper.index):
                if name not in self.models or slug not in self.slugs:
                    continue
                mine = self._drawn(name, THEIRS)[:, self.slugs.index(slug)]
                if mine.std() > 0:
                    noise[:, at] = (mine - mine.mean()) / mine.std()
                    if np.isnan(scale[at]):  # printed without ±: ours is used
                        scale[at] = mine.std()
            return np.asarray(printed + np.nan_to_num(scale) * noise)

        return Values(self.printed_values.slugs, cache(column))

    @cached_property
    def printed_values(self) -> Values:
        """The paper's values."""
        return Values(
            tuple(str(slug) for slug in self.paper.index),
            cache(lambda name: self.paper[name].to_numpy(dtype=float)),
        )

    @cached_property
    def on_other_scale(self) -> frozenset[str]:
        """The columns in which our rows and the paper's differ by about the same power of ten. Only the middle half of
        the differences counts, so that a few collapsed models do not hide it."""
        common = self.models.index.intersection(self.paper.index)
        found = set()
        for column in self.paper.columns.intersection(self.models.columns):
            pairs = zip(self.models.loc[common, column], self.paper.loc[common, column], strict=True)
            distances = [powers(ours, theirs) for ours, theirs in pairs] or [0.0]
            low, centre, high = np.quantile(distances, (0.25, 0.5, 0.75))
            if abs(centre) >= OTHER_SCALE and max(high - centre, centre - low) <= SAME_POWER:
                found.add(column)
        return frozenset(found)

    def column(self, name: str) -> pd.Series:
        """A column of the models frame; raises Undecidable if there is none."""
        if name not in self.models:
            raise Undecidable(
                "Tables I and II have no such column" if self.is_paper else f"no {name} was measured here"
            )
        return self.models[name]

    def rows(self, slugs: tuple[str, ...], name: str) -> pd.Series:
        """A column at the given rows; raises Undecidable if one is missing or not finite."""
        return pd.Series(self.values.of(name, slugs), index=list(slugs))

    def select(self, statement: Statement, name: str) -> tuple[str, ...]:
        """The architectures of an argument; "all", or an absent argument, means every row of this world, "others"
        every row that the statement does not name."""
        chosen = statement.arguments.get(name, "all")
        if chosen not in WHOLE:
            return statement.slugs(name)
        named = statement.rests_on() if chosen == "others" else ()
        rows = tuple(slug for slug in self.slugs if slug not in named)
        if not rows:
            raise Undecidable("no models")
        return rows

    def families(self, grouping: str) -> dict[str, tuple[str, ...]]:
        """The families of one of the paper's groupings, without the rows that are left out; none of them empty."""
        left = {
            family: tuple(slug for slug in slugs if slug not in self.left_out)
            for family, slugs in FAMILIES[grouping].items()
        }
        return {family: slugs for family, slugs in left.items() if slugs}

    def campaign(self) -> Records:
        """The records; raises Undecidable if there are none."""
        if self.records is None:
            raise Undecidable(
                "the paper's tables do not contain it" if self.is_paper else "no such record here"
            )
        return self.records

    @cached_property
    def codes(self) -> Callable[[str], latent.Codes]:
        """Slug → seed → codes and their digits, each read once. Raises Undecidable if there are no records."""
        records = self.campaign()
        return cache(lambda slug: latent.codes_by_seed(records, slug))

    @cached_property
    def of_codes(self) -> Callable[[latent.Statistic, str], list[float]]:
        """A statistic of codes and digits, and a slug → its value in each seed. Raises Undecidable if there are no
        records."""
        return cache(lambda statistic, slug: [statistic(*codes) for codes in self.codes(slug).values()])

    def by_unit(self, name: str, slugs: tuple[str, ...]) -> pd.DataFrame:
        """Values over the paper's images or pairs, averaged over seeds: rows units, columns models. Raises
        Undecidable if there is a single number per model."""
        table = self._by_unit(name) if self.measured else None
        if table is None:
            raise Undecidable(f"{name} is one number a model")
        self.rows(slugs, name)
        return table.groupby(level=0).mean().T[list(slugs)]


def powers(a: float, b: float) -> float:
    """How many powers of ten lie between two numbers; 0 if that is undefined."""
    return float(np.log10(a / b)) if np.isfinite(a) and a * b > 0 else 0.0


def _printed_error(paper: pd.DataFrame, name: str) -> np.ndarray:
    """The standard error of a printed column, (models,); NaN if no ± is printed."""
    metric, spread = name.removesuffix("_sd"), name.endswith("_sd")
    if metric not in ALL_METRICS:
        return np.full(len(paper), np.nan)
    n = PRINTED_IMAGES if metric in IMAGE_METRICS else PRINTED_PAIRS
    sd = paper[f"{metric}_sd"].to_numpy(dtype=float)
    return np.asarray(sd / np.sqrt(2 * (n - 1)) if spread else sd / np.sqrt(n))


def listed(slugs: Iterable[object], most: int | None = None) -> str:
    """Printed names, separated by commas; if there are more than `most`, the last ones are only counted."""
    names = [LABELS.get(str(slug), str(slug)) for slug in slugs]
    if most is None or len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
