"""Tolerances from the spread of one campaign run in several ways (`spread/` keeps the raw runs), else between seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import files
from reproduce.golden.folder import FILES, read_frame, read_provenance, write_provenance
from reproduce.golden.model import (
    COLUMNS,
    COMPARED,
    FOLDER,
    INITIAL,
    KEY,
    POOLED,
    ROWS,
    CannotCompare,
    machine_class,
    rekeyed,
)
from reproduce.names import SLUGS

BASE = "as-is"
"""The way of running that all others are compared with."""
MARGIN = 4.0
"""A tolerance in units of the spread: about four standard deviations. An architecture whose own spread is that many
times the others' is set apart: it gets a tolerance of its own, and does not widen theirs."""
OVER_WORST = 1.5
"""A tolerance in units of the largest difference seen, at least."""
LEAST = {"same": 1e-6, "other": 1e-3}
"""No tolerance is narrower: on the same class of machine, though equal runs agree to the bit there; and elsewhere,
where few machines were seen."""
SMALL = 0.01
"""Differences are relative to the value plus this share of the metric's median over all runs, so that the nearly
vanishing value of a collapsed model neither makes a tolerance nor has to fit into one."""
INITIAL_TOLERANCE = 1e-8
"""Of the loss parts at initialisation, relative and absolute: double precision leaves about 1e-13 between machines."""


@dataclass(frozen=True)
class Spread:
    """One way of running the campaign: its name, the runs' numbers, and where it ran (`model.machine_provenance`)."""

    name: str
    runs: pd.DataFrame
    provenance: Mapping[str, Any]

    @property
    def values(self) -> pd.DataFrame:
        """What is compared, indexed by architecture and seed."""
        return self.runs.set_index(KEY)[list(COMPARED)]


def same_class(first: Spread, second: Spread) -> bool:
    """Whether both ran on one class of machine."""
    return machine_class(first.provenance) == machine_class(second.provenance)


def measured_tolerances(spreads: Sequence[Spread]) -> pd.DataFrame:
    """Each metric's tolerance from how far the other ways lie from the one called `BASE`, pooled over architectures.

    Ways of the base's own class of machine make the tight tolerance, the others the wide one. Raises CannotCompare when
    there is no base, no other way of one of the two kinds, or no run in common.
    """
    base = next((spread for spread in spreads if spread.name == BASE), None)
    if base is None:
        raise CannotCompare(
            f"tolerances need the runs '{BASE}' to compare with: make them with `make tolerances`"
        )
    scale, deviations, names = small(base.values), {}, {}
    for kind in LEAST:
        ways = [way for way in spreads if way is not base and same_class(base, way) == (kind == "same")]
        if not ways:
            raise CannotCompare(
                f"tolerances need a second campaign on the {kind} class of machine: `make tolerances`"
            )
        deviations[kind] = _deviations(base.values, scale, [way.values for way in ways])
        names[kind] = ", ".join(way.name for way in ways)
    return _tolerances(deviations, scale, names)


def between_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """For a profile too long to be run in several ways: how far an architecture's seeds lie from its first one.

    Where one run's training is another's only in rounding, a chaotic one is at worst another draw. On the same class of
    machine runs agree to the bit. Raises CannotCompare when no architecture has two seeds.
    """
    values = runs.dropna(subset=list(COMPARED)).set_index(KEY)[list(COMPARED)].sort_index()
    first = values.groupby(level="architecture").transform("first")
    again = values.index.get_level_values("architecture").duplicated()
    if not again.any():
        raise CannotCompare("tolerances between seeds need an architecture with two seeds")
    scale = small(values)
    deviations = ((values - first) / (first.abs() + scale))[again].droplevel("seed")
    seeds = ", ".join(map(str, sorted(set(values.index.get_level_values("seed")))))
    count = deviations.index.nunique()
    reason = f"between seeds ({seeds}) of {count} architectures: no other machine has run this profile"
    found = _tolerances({"same": deviations * 0, "other": deviations}, scale, dict.fromkeys(LEAST, ""))
    return found.assign(reason=found["reason"].where(found["metric"] == INITIAL, reason))


def small(values: pd.DataFrame) -> pd.Series:
    """What a difference's base is at least, metric by metric."""
    return SMALL * values.abs().median()


def _deviations(reference: pd.DataFrame, scale: pd.Series, ways: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """(way - base) / (|base| + scale), one row a run that both have, indexed by its architecture.

    Raises CannotCompare when there is none.
    """
    found = [way.sub(reference).dropna(how="all") / (reference.abs() + scale) for way in ways]
    joined = pd.concat(found).dropna(how="all")
    if joined.empty:
        raise CannotCompare("tolerances need runs that both campaigns have")
    return joined.droplevel("seed")


def _tolerances(
    deviations: Mapping[str, pd.DataFrame], scale: pd.Series, names: Mapping[str, str]
) -> pd.DataFrame:
    """In units of |value| + scale: `MARGIN` times the root mean square, at least `OVER_WORST` times the largest.

    Architectures that are `set_apart` get one of their own after the pooled one.
    """
    rows: list[dict[str, Any]] = []
    for metric in COMPARED:
        found = {kind: frame[metric].dropna() for kind, frame in deviations.items()}
        if any(values.empty for values in found.values()):
            raise CannotCompare(f"tolerances need a run with a value of {metric} that is not zero throughout")
        apart = {kind: set_apart(values, LEAST[kind]) for kind, values in found.items()}
        for architecture in (POOLED, *(slug for slug in SLUGS if slug in set.union(*apart.values()))):
            row: dict[str, Any] = {"metric": metric, "architecture": architecture}
            reasons = []
            for kind, values in found.items():
                own = architecture in apart[kind]
                makers = values[values.index == architecture if own else ~values.index.isin(apart[kind])]
                spread, worst = float(np.sqrt((makers**2).mean())), float(makers.abs().max())
                width = rounded(max(MARGIN * spread, OVER_WORST * worst, LEAST[kind]))
                row[f"{kind}_relative"] = width
                row[f"{kind}_absolute"] = rounded(width * rounded(scale[metric]))
                whose = f"runs of {architecture}" if own else "pooled runs"
                reasons.append(
                    f"{kind} class: spread {spread:.2e}, worst {worst:.2e} over {len(makers)} {whose} ({names[kind]})"
                )
            rows.append(row | {"reason": "; ".join(reasons)})
    why = "double precision on a fixed batch, no training: machines differ by rounding alone"
    fixed = (INITIAL, POOLED, *[INITIAL_TOLERANCE] * 4, why)
    rows.append(dict(zip(COLUMNS["tolerances"], fixed, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS["tolerances"])


def rounded(value: float) -> float:
    """To four digits."""
    return float(f"{value:.4g}")


def set_apart(deviations: pd.Series, least: float) -> set[str]:
    """Architectures whose own spread is out of proportion to that of all the others: chaotic ones, after few steps.

    deviations: indexed by architecture, in units of the value. The farthest, as many as have a root mean square above
    `MARGIN` times that of the rest, and above `least`, the narrowest tolerance there is; half of all at most.
    """
    squares = (deviations**2).groupby(level=0).mean().sort_values(ascending=False)
    for count in range(len(squares) // 2, 0, -1):
        rest = float(np.sqrt(squares.iloc[count:].mean()))
        if np.sqrt(squares.iloc[count - 1]) > max(MARGIN * rest, least):
            return {str(slug) for slug in squares.index[:count]}
    return set()


def tolerances_for(profile: str, runs: pd.DataFrame, root: Path = FOLDER) -> tuple[pd.DataFrame, str]:
    """The tolerances to record, and where they come from: measured, else between the seeds of these runs, else those
    there already.

    Raises CannotCompare when there are none at all.
    """
    folder = root / profile
    if (folder / "spread" / f"{BASE}.csv").is_file():
        return measured_tolerances(read_spread(folder / "spread")), f"from the runs in {folder / 'spread'}"
    try:
        return between_seeds(runs), "between the seeds of the results"
    except CannotCompare:
        if (path := folder / FILES["tolerances"]).is_file():
            return read_frame(path, COLUMNS["tolerances"], ROWS["tolerances"]), "as they were"
        raise CannotCompare(
            f"golden numbers need tolerances: measure them with `make tolerances PROFILE={profile}`, or run a second "
            f"seed, or write {path} with the reason for them"
        ) from None


def record_tolerances(spreads: Sequence[Spread], profile: str, root: Path = FOLDER) -> pd.DataFrame:
    """Write the profile's spread, in place of an earlier one, and its tolerances, which are returned.

    What the earlier one had of machines that cannot be had here stays, as long as its runs have today's training keys:
    emulation alone makes tolerances too narrow. The rest goes last: a full disk must not cost a measurement. Raises
    CannotCompare, and writes nothing, where the spread makes no tolerances.
    """
    folder, names = root / profile / "spread", {spread.name for spread in spreads}
    base = next((spread for spread in spreads if spread.name == BASE), None)
    kept = [
        way
        for way in read_spread(folder)
        if base and way.name not in names
        if not same_class(base, way) and not rekeyed(way.provenance, base.provenance)
    ]
    found = measured_tolerances([*spreads, *kept])
    written = write_spread([*spreads, *kept], folder)
    for path in sorted(set(folder.glob("*.*")) - written):
        files.remove(path)
    files.write(root / profile / FILES["tolerances"], files.csv_bytes(found))
    return found


def write_spread(spreads: Sequence[Spread], folder: Path) -> set[Path]:
    """Write <name>.json and <name>.csv of each, which counts once it has its CSV; returns the files."""
    written = set()
    for spread in spreads:
        paths = [folder / f"{spread.name}.{ending}" for ending in ("json", "csv")]
        write_provenance(spread.provenance, paths[0])
        files.write(paths[1], files.csv_bytes(spread.runs))
        written.update(paths)
    return written


def read_spread(folder: Path) -> list[Spread]:
    """Every way kept in the folder, by name. Raises CannotCompare when a file is damaged."""
    return [
        Spread(path.stem, read_frame(path, COLUMNS["runs"], KEY), read_provenance(path.with_suffix(".json")))
        for path in sorted(folder.glob("*.csv"))
    ]
