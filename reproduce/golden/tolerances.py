"""Tolerances from the spread of one campaign run in several ways (`spread/` keeps the raw runs), or from that between
seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.architectures.names import SLUGS
from reproduce.errors import ReproduceError
from reproduce.golden.content import COLUMNS, COMPARED, FOLDER, INITIAL, KEY, POOLED, rekeyed, same_class
from reproduce.golden.folder import FILES, read_frame, read_provenance, write_provenance
from reproduce.storage import files

BASE = "as-is"
"""The way of running that all others are compared with."""
MARGIN = 4.0
"""A tolerance in units of the spread: about four standard deviations. An architecture whose own spread is that many
times the others' is set apart: it gets a tolerance of its own, and does not widen theirs."""
FEWEST = 4
"""With fewer architectures none can be set apart."""
OVER_WORST = 1.5
"""A tolerance is at least this many times the largest difference seen."""
LEAST = {"same": 1e-6, "other": 1e-3}
"""The narrowest tolerance: on the same class of machine, although equal runs agree to the bit there, and on others, of
which only few were measured."""
SMALL = 0.01
"""Differences are relative to the value plus this share of the metric's median over all runs. So the near-zero value of
a collapsed model does not widen a tolerance, and does not have to fit into a purely relative one."""
INITIAL_TOLERANCE = 1e-8
"""Tolerance of the loss parts at initialisation, relative and absolute: in double precision, machines differ by about
1e-13."""


@dataclass(frozen=True)
class Spread:
    """One way of running the campaign: its name, the runs' numbers, and where it ran (`content.machine_provenance`)."""

    name: str
    runs: pd.DataFrame
    provenance: Mapping[str, Any]

    @property
    def values(self) -> pd.DataFrame:
        """The numbers that are compared, indexed by architecture and seed."""
        return self.runs.set_index(KEY)[list(COMPARED)]


def base_of(spreads: Sequence[Spread]) -> Spread:
    """The one called `BASE`. Raises ReproduceError if there is none."""
    for spread in spreads:
        if spread.name == BASE:
            return spread
    raise ReproduceError(
        f"tolerances need the runs '{BASE}' to compare with: make them with `make tolerances`"
    )


def measured_tolerances(spreads: Sequence[Spread]) -> pd.DataFrame:
    """Each metric's tolerance from the differences between the other ways and `BASE`, pooled over architectures.

    Ways on the base's class of machine give the narrow tolerance, the others the wide one. Raises ReproduceError
    when there is no base, no other way of one of the two kinds, or no run in common.
    """
    base = base_of(spreads)
    ways: dict[str, list[Spread]] = {kind: [] for kind in LEAST}
    for way in spreads:
        if way is not base:
            ways["same" if same_class(base.provenance, way.provenance) else "other"].append(way)
    for kind, found in ways.items():
        if not found:
            raise ReproduceError(
                f"tolerances need a second campaign on the {kind} class of machine: `make tolerances`"
            )
    return _tolerances(base, ways)


def between_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """For a profile too long to be run in several ways: tolerances from how an architecture's seeds differ.

    Differences are from its first seed. Another machine changes training by rounding alone; if training is chaotic,
    that is at worst like another seed. On the same class of machine runs agree to the bit. Raises ReproduceError when
    no architecture has two seeds.
    """
    runs = runs.dropna(subset=list(COMPARED)).sort_values(KEY)
    turn = runs.groupby("architecture").cumcount()
    first, *others = (
        Spread(f"seed {n}", runs[turn == n].assign(seed=0), {}) for n in range(int(turn.max()) + 1)
    )
    if not others:
        raise ReproduceError("tolerances between seeds need an architecture with two seeds")
    found = _tolerances(first, {"same": [first], "other": others})
    seeds = ", ".join(map(str, sorted(set(runs["seed"]))))
    count = others[0].runs["architecture"].nunique()
    reason = f"between seeds ({seeds}) of {count} architectures: no other machine has run this profile"
    return found.assign(reason=found["reason"].where(found["metric"] == INITIAL, reason))


def _tolerances(base: Spread, ways: Mapping[str, Sequence[Spread]]) -> pd.DataFrame:
    """The table, from the ways of the same and of other classes of machine. Raises ReproduceError without a common run.

    A difference is (way - base) / (|base| + small).
    """
    small = SMALL * base.values.abs().median()
    unit = base.values.abs() + small
    differences = {
        kind: pd.concat([(way.values - base.values) / unit for way in found]).droplevel("seed")
        for kind, found in ways.items()
    }
    names = {kind: ", ".join(way.name for way in found) for kind, found in ways.items()}
    rows: list[dict[str, Any]] = []
    for metric in COMPARED:
        found = {kind: frame[metric].dropna() for kind, frame in differences.items()}
        if any(values.empty for values in found.values()):
            raise ReproduceError(
                f"tolerances need runs that both campaigns have, with a {metric} that is not 0 throughout"
            )
        rows += _of_metric(metric, found, float(small[metric]), names)
    why = "double precision on a fixed batch, no training: machines differ by rounding alone"
    fixed = (INITIAL, POOLED, *[INITIAL_TOLERANCE] * 4, why)
    rows.append(dict(zip(COLUMNS["tolerances"], fixed, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS["tolerances"])


def _of_metric(
    metric: str, differences: Mapping[str, pd.Series], small: float, names: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The pooled row, and one for each architecture that is `set_apart`.

    A tolerance is `MARGIN` times the root mean square of the differences, at least `OVER_WORST` times the largest.
    """
    apart = {kind: set_apart(values, LEAST[kind]) for kind, values in differences.items()}
    for architecture in (POOLED, *(slug for slug in SLUGS if slug in set.union(*apart.values()))):
        row: dict[str, Any] = {"metric": metric, "architecture": architecture}
        reasons = []
        for kind, values in differences.items():
            own = architecture in apart[kind]
            makers = values[values.index == architecture if own else ~values.index.isin(apart[kind])]
            spread, worst = float(np.sqrt((makers**2).mean())), float(makers.abs().max())
            width = rounded(max(MARGIN * spread, OVER_WORST * worst, LEAST[kind]))
            row[f"{kind}_relative"] = width
            row[f"{kind}_absolute"] = rounded(width * rounded(small))
            whose = f"runs of {architecture}" if own else "pooled runs"
            reasons.append(
                f"{kind} class: spread {spread:.2e}, worst {worst:.2e} over {len(makers)} {whose} ({names[kind]})"
            )
        yield row | {"reason": "; ".join(reasons)}


def rounded(value: float) -> float:
    """The value to four significant digits."""
    return float(f"{value:.4g}")


def set_apart(deviations: pd.Series, least: float) -> set[str]:
    """Architectures whose own spread is far larger than that of all the others: their training is chaotic.

    deviations: relative differences, indexed by architecture. These are the architectures with the largest root mean
    square, as many as exceed `MARGIN` times that of the rest and `least`, the narrowest tolerance; at most half of all,
    and none if there are fewer than `FEWEST`.
    """
    squares = (deviations**2).groupby(level=0).mean().sort_values(ascending=False)
    for count in range(len(squares) // 2 if len(squares) >= FEWEST else 0, 0, -1):
        rest = float(np.sqrt(squares.iloc[count:].mean()))
        if np.sqrt(squares.iloc[count - 1]) > max(MARGIN * rest, least):
            return {str(slug) for slug in squares.index[:count]}
    return set()


def tolerances_for(profile: str, runs: pd.DataFrame, root: Path = FOLDER) -> tuple[pd.DataFrame, str]:
    """The tolerances to record, and where they come from: measured, else between the seeds of these runs, else those
    recorded before.

    Raises ReproduceError when there are none at all.
    """
    folder = root / profile
    if spreads := read_spread(folder / "spread"):
        return measured_tolerances(spreads), f"from the runs in {folder / 'spread'}"
    try:
        return between_seeds(runs), "between the seeds of the results"
    except ReproduceError:
        if (path := folder / FILES["tolerances"]).is_file():
            return read_frame(path, "tolerances"), "as they were"
        raise ReproduceError(
            f"golden numbers need tolerances: measure them with `make tolerances PROFILE={profile}`, or run a second "
            f"seed, or write {path} with the reason for them"
        ) from None


def record_tolerances(spreads: Sequence[Spread], profile: str, root: Path = FOLDER) -> pd.DataFrame:
    """Write the profile's spread, in place of an earlier one, and its tolerances, which are returned.

    Earlier ways on another class of machine stay as long as their training keys are today's: imitated machines alone
    make tolerances too narrow. Other old files are removed last, so that a full disk loses no measurement. Raises
    ReproduceError, and writes nothing, if the spread gives no tolerances.
    """
    folder, here = root / profile / "spread", base_of(spreads).provenance
    measured_now = {spread.name for spread in spreads}
    kept = [
        way
        for way in read_spread(folder)
        if way.name not in measured_now
        and not same_class(here, way.provenance)
        and not rekeyed(way.provenance, here)
    ]
    found = measured_tolerances([*spreads, *kept])
    written = write_spread([*spreads, *kept], folder)
    for path in sorted(set(folder.glob("*.*")) - written):
        files.remove(path)
    files.write(root / profile / FILES["tolerances"], files.csv_bytes(found))
    return found


def write_spread(spreads: Sequence[Spread], folder: Path) -> set[Path]:
    """Write <name>.json and then <name>.csv of each; only a way with a CSV is read. Returns the files."""
    written = set()
    for spread in spreads:
        paths = [folder / f"{spread.name}.{ending}" for ending in ("json", "csv")]
        write_provenance(spread.provenance, paths[0])
        files.write(paths[1], files.csv_bytes(spread.runs))
        written.update(paths)
    return written


def read_spread(folder: Path) -> list[Spread]:
    """Every way kept in the folder, by name. Raises ReproduceError when a file is damaged."""
    return [
        Spread(path.stem, read_frame(path, "runs"), read_provenance(path.with_suffix(".json")))
        for path in sorted(folder.glob("*.csv"))
    ]
