"""Bands from the spread of one campaign run in several ways, and the raw runs behind them in `spread/`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import files
from reproduce.golden.comparison import by_row
from reproduce.golden.model import (
    COMPARED,
    FOLDER,
    INITIAL,
    KEY,
    POOLED,
    Band,
    CannotCompare,
    Comparison,
    machine_class,
    rekeyed,
)
from reproduce.golden.recording import (
    ROWS,
    RUN_COLUMNS,
    frames,
    of_records,
    read_bands,
    read_frame,
    read_provenance,
    write_bands,
)
from reproduce.names import SLUGS
from reproduce.records import Records

BASE = "as-is"
"""The way of running that all others are compared with."""
MARGIN = 4.0
"""A band in units of the spread: about four standard deviations. An architecture whose own spread is that many times
the others' is set apart: it gets a band of its own, and does not widen theirs."""
OVER_WORST = 1.5
"""A band in units of the largest difference seen, at least."""
LEAST = {"same": 1e-6, "other": 1e-3}
"""No band is narrower: on the same class of machine, though equal runs agree to the bit there; and elsewhere, where
few machines were seen."""
SMALL = 0.01
"""Differences are relative to the value plus this share of the metric's median over all runs, so that the nearly
vanishing value of a collapsed model neither makes a band nor has to fit into one."""
INITIAL_TOLERANCE = 1e-8
"""The band of loss parts at initialisation, relative and absolute, on any machine."""


@dataclass(frozen=True)
class Spread:
    """One way of running the campaign: its name, the runs' numbers (RUN_COLUMNS), and where and how it ran.

    provenance: `model.machine_provenance`, and under "environment" the variables that were set for it.
    """

    name: str
    runs: pd.DataFrame
    provenance: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, records: Records, provenance: Mapping[str, Any]) -> Spread:
        """The spread that these records add."""
        return cls(name, frames(records)["runs"], provenance)


def same_class(first: Spread, second: Spread) -> bool:
    """Whether both ran on one class of machine, with the same variables set."""
    return machine_class(first.provenance) == machine_class(second.provenance) and first.provenance.get(
        "environment"
    ) == second.provenance.get("environment")


def measured_bands(spreads: Sequence[Spread]) -> list[Band]:
    """Each metric's band from how far the other ways lie from the one called `BASE`, pooled over architectures.

    In units of |value| + `SMALL` × median |value|: `MARGIN` times the root mean square, at least `OVER_WORST` times
    the largest. Ways of the base's own class of machine make the tight band, the others the wide one. Architectures
    that are `set_apart` get a band of their own after the pooled one. Raises CannotCompare when there is no base, no
    other way of one of the two kinds, or no run in common.
    """
    base = next((spread for spread in spreads if spread.name == BASE), None)
    if base is None:
        raise CannotCompare(f"bands need the runs '{BASE}' to compare with: make them with `make tolerances`")
    others = [spread for spread in spreads if spread.name != BASE]
    groups = {
        "same": [spread for spread in others if same_class(base, spread)],
        "other": [spread for spread in others if not same_class(base, spread)],
    }
    for kind, ways in groups.items():
        if not ways:
            raise CannotCompare(
                f"bands need a second campaign on the {kind} class of machine: `make tolerances`"
            )
    reference = base.runs.set_index(KEY)[list(COMPARED)]
    scale = SMALL * reference.abs().median()
    deviations = {kind: _deviations(reference, scale, ways) for kind, ways in groups.items()}
    names = {kind: ", ".join(way.name for way in ways) for kind, ways in groups.items()}
    bands = []
    for metric in COMPARED:
        found = {kind: frame[metric].dropna() for kind, frame in deviations.items()}
        if any(values.empty for values in found.values()):
            raise CannotCompare(f"bands need a run with a value of {metric} that is not zero throughout")
        apart = {kind: set_apart(values, LEAST[kind]) for kind, values in found.items()}
        for architecture in (
            POOLED,
            *(slug for slug in SLUGS if any(slug in them for them in apart.values())),
        ):
            own = {kind: architecture in them for kind, them in apart.items()}
            makers = {
                kind: values[values.index == architecture if own[kind] else ~values.index.isin(apart[kind])]
                for kind, values in found.items()
            }
            bands.append(_band(metric, architecture, makers, own, float(scale[metric]), names))
    return [*bands, initial_band()]


def set_apart(deviations: pd.Series, least: float) -> set[str]:
    """Architectures whose own spread is out of proportion to that of all the others: chaotic ones, after few steps.

    deviations: indexed by architecture, in units of the value. The farthest, as many as have a root mean square above
    `MARGIN` times that of the rest, and above `least`, the narrowest band there is; half of all at most.
    """
    squares = (deviations**2).groupby(level=0).mean().sort_values(ascending=False)
    for count in range(len(squares) // 2, 0, -1):
        rest = float(np.sqrt(squares.iloc[count:].mean()))
        if np.sqrt(squares.iloc[count - 1]) > max(MARGIN * rest, least):
            return {str(slug) for slug in squares.index[:count]}
    return set()


def _band(
    metric: str,
    architecture: str,
    makers: Mapping[str, pd.Series],
    own: Mapping[str, bool],
    scale: float,
    names: Mapping[str, str],
) -> Band:
    """The band that these deviations make. own: for which kinds they are the architecture's own, and not pooled."""
    widths, reasons = {}, []
    for kind, found in makers.items():
        spread, worst = float(np.sqrt((found**2).mean())), float(found.abs().max())
        widths[kind] = float(f"{max(MARGIN * spread, OVER_WORST * worst, LEAST[kind]):.4g}")
        whose = f"runs of {architecture}" if own[kind] else "pooled runs"
        reasons.append(
            f"{kind} class: spread {spread:.2e}, worst {worst:.2e} over {len(found)} {whose} ({names[kind]})"
        )
    small = float(f"{scale:.4g}")
    return Band(
        metric=metric,
        architecture=architecture,
        same_relative=widths["same"],
        same_absolute=float(f"{widths['same'] * small:.4g}"),
        other_relative=widths["other"],
        other_absolute=float(f"{widths['other'] * small:.4g}"),
        reason="; ".join(reasons),
    )


def _deviations(reference: pd.DataFrame, scale: pd.Series, ways: Sequence[Spread]) -> pd.DataFrame:
    """(way - base) / (|base| + scale), one row a run that both have, indexed by its architecture.

    Raises CannotCompare when there is none.
    """
    found = [
        way.runs.set_index(KEY)[list(COMPARED)].sub(reference).dropna(how="all") / (reference.abs() + scale)
        for way in ways
    ]
    joined = pd.concat(found).dropna(how="all")
    if joined.empty:
        raise CannotCompare("bands need runs that both campaigns have")
    return joined.droplevel("seed")


def farthest_rows(
    bands: Sequence[Band], base: tuple[Spread, Records], way: tuple[Spread, Records]
) -> Comparison:
    """The run whose images, pairs or epochs lie farthest from the base's, in units of their band.

    Bands are measured on means, and those of rows follow from them (`comparison.by_row`): here that is tried. Raises
    CannotCompare where the rows are outside.
    """
    golden = of_records(base[1], pd.DataFrame(), {}, bands)
    compared = by_row(golden, frames(way[1]), same_class(base[0], way[0]))
    worst = max(compared, key=lambda item: item.deviation)
    if not worst.inside:
        raise CannotCompare(
            f"'{way[0].name}' is {worst.deviation:.1f} bands off in {worst.run} {worst.metric}: its rows lie farther "
            "apart than its means allow; measure more ways (TOLERANCE_PYTHONS), so that the bands know it"
        )
    return worst


def initial_band() -> Band:
    """The band of the loss parts at initialisation: double precision leaves about 1e-13 between machines."""
    width = INITIAL_TOLERANCE
    reason = "double precision on a fixed batch, no training: machines differ by rounding alone"
    return Band(INITIAL, width, width, width, width, reason)


def bands_for(profile: str, root: Path = FOLDER) -> tuple[list[Band], str]:
    """The bands to record, and where they come from: measured, else a lender's, else those there already.

    Raises CannotCompare when there are none at all.
    """
    folder = root / profile
    if has_spread(folder):
        return measured_bands(read_spread(folder / "spread")), f"from the runs in {folder / 'spread'}"
    lender = next((name for name in LENDERS if has_spread(root / name)), None)
    if lender is not None:
        found = borrowed(read_bands(root / lender), lender)
        return found, f"those of profile {lender}; measure its own with `make tolerances PROFILE={profile}`"
    if (folder / "bands.csv").is_file():
        return list(read_bands(folder).values()), "as they were"
    raise CannotCompare("golden numbers need bands: measure them with `make tolerances`")


LENDERS = ("quick", "smoke")
"""Profiles whose bands others take until they have their own, the best first: the longer runs train, the further they
drift apart, and borrowed bands are too narrow for a profile that trains longer still."""


def has_spread(folder: Path) -> bool:
    """Whether a profile's folder has the runs that its own bands are measured from."""
    return (folder / "spread" / f"{BASE}.csv").is_file()


def borrowed(bands: Mapping[tuple[str, str], Band], profile: str) -> list[Band]:
    """Another profile's bands, saying so."""
    return [replace(band, reason=f"measured for profile {profile}: {band.reason}") for band in bands.values()]


def from_other_machines(profile: str, spreads: Sequence[Spread], root: Path = FOLDER) -> list[Spread]:
    """What the profile's spread holds of machines that cannot be had here: any way that was not run now, as long as its
    runs have today's training keys. Emulation alone makes bands too narrow."""
    names = {spread.name for spread in spreads}
    base = next(spread for spread in spreads if spread.name == BASE)
    return [
        kept
        for kept in read_spread(root / profile / "spread")
        if kept.name not in names
        and not same_class(base, kept)
        and not rekeyed(kept.provenance, base.provenance)
    ]


def record_bands(spreads: Sequence[Spread], profile: str, root: Path = FOLDER) -> list[Path]:
    """Write the profile's spread, in place of an earlier one, and its bands, and renew the bands that others borrow.

    What an earlier spread had beside it goes last: it may hold measurements of machines that cannot be had again, and a
    full disk must not cost them. Returns the files of bands. Raises CannotCompare, and writes nothing, where the spread
    makes no bands.
    """
    measured_bands(spreads)
    folder = root / profile / "spread"
    written = write_spread(spreads, folder)
    for path in sorted(set(folder.glob("*.*")) - written):
        files.remove(path)
    known = [path.parent for path in sorted(root.glob("*/bands.csv"))]
    borrowers = [other.name for other in known if profile in LENDERS and not has_spread(other)]
    renewed = (profile, *borrowers)
    for name in renewed:
        write_bands(bands_for(name, root)[0], root / name)
    return [root / name / "bands.csv" for name in renewed]


def write_spread(spreads: Sequence[Spread], folder: Path) -> set[Path]:
    """Write <name>.json and <name>.csv of each, which counts once it has its CSV; returns the files."""
    written = set()
    for spread in spreads:
        provenance = json.dumps(spread.provenance, indent=1, sort_keys=True) + "\n"
        for ending, content in (("json", provenance.encode()), ("csv", files.csv_bytes(spread.runs))):
            path = folder / f"{spread.name}.{ending}"
            files.write(path, content)
            written.add(path)
    return written


def read_spread(folder: Path) -> list[Spread]:
    """Every way kept in the folder, by name. Raises CannotCompare when a file is damaged."""
    return [
        Spread(
            path.stem, read_frame(path, RUN_COLUMNS, ROWS["runs"]), read_provenance(path.with_suffix(".json"))
        )
        for path in sorted(folder.glob("*.csv"))
    ]
