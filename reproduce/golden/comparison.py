"""Golden against fresh: one `Comparison` a number, and the table that shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reproduce.golden.distinguishing import alike, pair_count
from reproduce.golden.model import (
    BY_ROW,
    COMPARED,
    EXACT,
    INITIAL,
    KEY,
    POOLED,
    CannotCompare,
    Comparison,
    Golden,
    machine_class,
    rekeyed,
)
from reproduce.golden.recording import ROWS, frames
from reproduce.names import LABELS
from reproduce.records import Records


def compare(
    golden: Golden,
    records: Records,
    losses: pd.DataFrame,
    provenance: Mapping[str, Any],
    paper: pd.DataFrame | None = None,
) -> list[Comparison]:
    """Every number of golden's runs against the fresh ones; one that is not finite is outside its band.

    losses: `recording.initial_losses`; provenance: `model.machine_provenance`; paper: a models frame. Raises
    CannotCompare: other profile, other data, a metric without a band, rows that only one side has or has twice.
    """
    if golden.profile != records.profile:
        raise CannotCompare(f"golden is of profile '{golden.profile}', the results of '{records.profile}'")
    if golden.provenance.get("data") != provenance.get("data"):
        raise CannotCompare("golden and results come from different data")
    unbanded = [metric for metric in (*COMPARED, INITIAL) if (metric, POOLED) not in golden.bands]
    if unbanded:
        raise CannotCompare(
            f"golden has no band for {', '.join(unbanded)}: measure them with `make tolerances`"
        )
    fresh = frames(records)
    _same_keys(golden, fresh, set(golden.seeds))
    same = machine_class(golden.provenance) == machine_class(provenance)
    ours = fresh["runs"].set_index(KEY)
    found = []
    for row in golden.runs.to_dict("records"):
        key = (row["architecture"], row["seed"])
        for metric in (*COMPARED, *EXACT):
            expected, obtained = float(row[metric]), float(ours.loc[key, metric])
            band = 0.0 if metric in EXACT else golden.band(metric, key[0]).allowance(expected, same)
            printed = math.nan
            if paper is not None and metric in paper.columns and key[0] in paper.index:
                printed = float(paper.loc[key[0], metric])
            found.append(Comparison(*key, metric, expected, obtained, band, printed))
    return found + by_row(golden, fresh, same) + _initial(golden, losses, same)


def by_row(golden: Golden, fresh: Mapping[str, pd.DataFrame], same: bool) -> list[Comparison]:
    """How far each run's images, pairs and epochs lie from golden's, row by row: the root mean square over n rows.

    Golden's is 0. A band is measured on a run's mean over its rows. Were rows off independently of each other, their
    root mean square would be √n times what the mean is off, and less if they are off together: so many bands are
    allowed, around the root mean square of golden's own values. `make tolerances` tries it on the runs it measures.
    """
    found = []
    for (name, column), (called, metric) in BY_ROW.items():
        rows = ROWS[name]
        ours = fresh[name].set_index(list(rows))[column]
        for (architecture, seed), theirs in (
            getattr(golden, name).set_index(list(rows))[column].groupby(level=KEY, sort=False)
        ):
            off = root_mean_square(ours.loc[theirs.index] - theirs)
            allowance = golden.band(metric, architecture).allowance(root_mean_square(theirs), same)
            band = math.sqrt(len(theirs)) * allowance
            found.append(Comparison(architecture, seed, called, 0.0, off, band))
    return found


def root_mean_square(values: pd.Series) -> float:
    """NaN if any value is one."""
    return float(np.sqrt(np.mean(values.to_numpy(float) ** 2)))


def _initial(golden: Golden, losses: pd.DataFrame, same: bool) -> list[Comparison]:
    """The loss parts at initialisation. Raises CannotCompare when one side has a part that the other has not."""
    key = ["architecture", "part"]
    _same_rows("losses", key, golden.losses, losses)
    ours = losses.set_index(key)["value"]
    return [
        Comparison(
            row["architecture"],
            None,
            f"initial {row['part']}",
            float(row["value"]),
            float(ours[row["architecture"], row["part"]]),
            golden.band(INITIAL, row["architecture"]).allowance(float(row["value"]), same),
        )
        for row in golden.losses.to_dict("records")
    ]


def _same_keys(golden: Golden, fresh: Mapping[str, pd.DataFrame], seeds: set[int]) -> None:
    """Runs, images, pairs and epochs must be the very same. Raises CannotCompare that names the first difference."""
    names = {
        "runs": KEY,
        "images": [*KEY, "image", "label"],
        "pairs": [*KEY, "pair", "first", "second"],
        "curves": [*KEY, "epoch"],
    }
    for name, key in names.items():
        ours = fresh[name][fresh[name]["seed"].isin(seeds)]
        _same_rows(name, key, getattr(golden, name), ours)


def _same_rows(name: str, key: list[str], golden: pd.DataFrame, fresh: pd.DataFrame) -> None:
    for side, frame in (("golden", golden), ("the results", fresh)):
        if frame.duplicated(key).any():
            twice = frame[frame.duplicated(key)].iloc[0]
            raise CannotCompare(f"{side} have a row twice in {name}: {tuple(twice[key])}")
    expected = set(golden[key].itertuples(index=False, name=None))
    obtained = set(fresh[key].itertuples(index=False, name=None))
    for lacking, side in ((expected - obtained, "the results lack"), (obtained - expected, "golden lacks")):
        if lacking:
            first = min(lacking, key=str)
            raise CannotCompare(f"{side} {len(lacking)} rows of {name}, the first: {first}")


def summary(compared: Sequence[Comparison]) -> list[Comparison]:
    """What is worth showing: everything that is off, and of every metric the number that comes nearest to its band.

    The loss parts at initialisation count as one metric.
    """
    worst: dict[str, Comparison] = {}
    for item in compared:
        name = INITIAL if item.seed is None else item.metric
        if name not in worst or item.deviation > worst[name].deviation:
            worst[name] = item
    shown = {id(item) for item in worst.values()}
    return [item for item in compared if not item.inside or id(item) in shown]


def conclusion(
    golden: Golden, provenance: Mapping[str, Any], compared: Sequence[Comparison], listed: bool
) -> list[str]:
    """What the comparison comes to, in lines of text: changed keys, how much is off, and what the bands can tell.

    listed: whether all pairs of architectures that they cannot tell apart are named, and not only the first `FEW`.
    """
    same = machine_class(golden.provenance) == machine_class(provenance)
    lines = []
    changed = rekeyed(golden.provenance, provenance)
    if changed:
        lines.append(
            f"{len(changed)} runs have other settings or revisions than when golden was recorded, the first: "
            f"{changed[0]}; if that was meant, record anew with `make golden PROFILE={golden.profile}`"
        )
    for wide, name in ((False, "narrow"), (True, "wide")):
        pairs = alike(golden, same_machine=not wide)
        told, n = pair_count(golden) - len(pairs), pair_count(golden)
        shown = pairs if listed else pairs[:FEW]
        more = f" and {len(pairs) - len(shown)} more (--pairs names them)" if len(pairs) > len(shown) else ""
        named = f"; not {listing(shown)}{more}" if pairs else ""
        lines.append(f"the {name} bands tell {told} of {n} pairs of architectures apart{named}")
    off = sum(not item.inside for item in compared)
    which = "narrow bands (same class of machine)" if same else "wide bands (another class of machine)"
    lines.append(f"profile {golden.profile}: {len(compared)} numbers compared, {off} off; {which}")
    return lines


FEW = 5
"""Pairs that are named without being asked for."""


def listing(pairs: Sequence[tuple[str, str]]) -> str:
    """Pairs as "AE/WAE, …"."""
    return ", ".join(f"{LABELS[first]}/{LABELS[second]}" for first, second in pairs)


def as_lines(compared: Sequence[Comparison]) -> list[str]:
    """A table in plain text: run, metric, paper, golden, fresh, difference, band, verdict.

    A metric "by image", "by pair" or "by epoch" is how far the rows are off: golden's is 0.
    """
    if not compared:
        return []
    head = ("run", "metric", "paper", "golden", "fresh", "difference", "band", "verdict")
    rows = [
        (
            item.run,
            item.metric,
            "" if math.isnan(item.paper) else f"{item.paper:.4g}",
            f"{item.golden:.6g}",
            f"{item.fresh:.6g}",
            f"{item.difference:+.2e}",
            f"{item.band:.2e}",
            "ok" if item.inside else "OFF",
        )
        for item in compared
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    ]
