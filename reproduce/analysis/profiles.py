"""Several profiles and readings beside the paper: whose protocol do the printed rows fit best?

A *source* is a profile and a reading, such as notebook@pythae. Its distance from the printed rows is that of
`readings.distances`, row by row, over the seeds that all compared profiles have. The nearest source is named unless
others lie within `readings.TIE` of it. The rule was fixed before the first run of a second profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reproduce.analysis import readings, summaries
from reproduce.analysis.claims.model import SMALLEST_FIELD
from reproduce.architectures.registry import PYTHAE_VARIANT
from reproduce.names import SLUGS
from reproduce.records import Records


def common_seeds(profiles: Mapping[str, Records]) -> tuple[int, ...]:
    """The seeds of which every profile has finished runs, ascending."""
    found = [set(summaries.seeds(records)) for records in profiles.values()]
    return tuple(sorted(set.intersection(*found))) if found else ()


def sources(profiles: Mapping[str, Records]) -> dict[str, pd.Series]:
    """Source ("desk", "desk@pythae", …) → distance of each architecture that was run there, index slug."""
    seeds = common_seeds(profiles)
    found: dict[str, pd.Series] = {}
    for name, records in profiles.items():
        chosen = summaries.only_seeds(records, seeds)
        for variant in ("", PYTHAE_VARIANT):
            distances = readings.distances(summaries.summarise(chosen, variant)).dropna()
            if len(distances):
                found[f"{name}@{variant}" if variant else name] = distances
    return found


YARDSTICK = "printed means"
"""Name of what stands beside the sources and is none: a row of the printed columns' means in every row's place."""


@dataclass(frozen=True)
class Fit:
    """Distances from the printed rows: `table` has a row an architecture and a column a source, NaN without a run.

    yardstick: slug → distance of a row of the printed columns' means (`readings.yardstick`).
    nearest: slug → the sources within `readings.TIE` of the least distance, nearest first; only of architectures that
    two sources have.
    """

    table: pd.DataFrame
    yardstick: pd.Series
    nearest: dict[str, tuple[str, ...]]

    def wins(self) -> pd.Series:
        """How many rows each source fits best without a tie, in the table's order of columns."""
        alone = [names[0] for names in self.nearest.values() if len(names) == 1]
        return pd.Series({source: alone.count(source) for source in self.table.columns}, dtype=int)

    def together(self) -> pd.DataFrame:
        """Root mean square over rows, index the number of rows, a column a source (NaN where it takes no part), and
        the `YARDSTICK` over the same rows.

        First the described readings of all profiles that have most of the field, over the rows they share; then these
        and Pythae's readings, over the rows that all of them have.
        """
        full = self.full()
        second = [name for name in self.table.columns if "@" in name]
        found = {}
        for chosen in (full, full + second) if second else (full,):
            shared = self.table[chosen].dropna()
            if len(chosen) > 1 and len(shared):
                beside = shared.assign(**{YARDSTICK: self.yardstick})
                found[len(shared)] = np.sqrt(beside.pow(2).mean())
        return pd.DataFrame.from_dict(found, orient="index", columns=[*self.table.columns, YARDSTICK])

    def full(self) -> list[str]:
        """The described readings of the profiles that have most of the field."""
        described = [name for name in self.table.columns if "@" not in name]
        return [name for name in described if self.table[name].count() >= SMALLEST_FIELD]

    def near(self) -> dict[str, tuple[int, int]]:
        """Source → how many rows it fits better than the yardstick does, and how many it has."""
        better = self.table.lt(self.yardstick.reindex(self.table.index), axis="index")
        return {
            str(source): (int(better[source].sum()), int(self.table[source].count()))
            for source in self.table.columns
        }


def fit(profiles: Mapping[str, Records]) -> Fit | None:
    """How far every source lies from each printed row, and which is nearest; None where the profiles share no seed, or
    none of their runs has a printed row."""
    found = sources(profiles)
    table = pd.DataFrame(
        found, index=pd.Index([s for s in SLUGS if any(s in d.index for d in found.values())])
    )
    if table.empty:
        return None
    nearest = {}
    for slug, row in table.iterrows():
        if row.count() > 1:
            nearest[str(slug)] = within_tie(row)
    return Fit(table, readings.yardstick(), nearest)


def within_tie(distances: pd.Series) -> tuple[str, ...]:
    """The sources within `readings.TIE` of the least distance, nearest first; those without one, and the yardstick,
    take no part."""
    known = distances.drop(YARDSTICK, errors="ignore").dropna().sort_values(kind="stable")
    return tuple(known.index[known <= known.iloc[0] + readings.TIE])
