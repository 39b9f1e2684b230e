"""Compares golden and fresh numbers one by one, and makes the table that shows the result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from reproduce.errors import ReproduceError
from reproduce.golden.content import (
    BY_ROW,
    COMPARED,
    EXACT,
    INITIAL,
    KEY,
    OF_RUNS,
    POOLED,
    ROWS,
    Golden,
    rekeyed,
    run_name,
    runs_in,
    same_class,
)


def compare(golden: Golden, fresh: Golden, paper: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every number of the runs that both sides have (see `not_compared`), as `judged` gives them.

    fresh: `folder.of_records`; its tolerances are not used. paper: a models frame. Raises ReproduceError for
    another profile, other data, no common run, a metric without a tolerance, a row of a common run on one side only.
    """
    if golden.profile != fresh.profile:
        raise ReproduceError(f"golden is of profile '{golden.profile}', the results of '{fresh.profile}'")
    if golden.provenance.get("data") != fresh.provenance.get("data"):
        raise ReproduceError("golden and results come from different data")
    pooled = golden.tolerances.loc[golden.tolerances["architecture"] == POOLED, "metric"]
    if lacking := [metric for metric in (*COMPARED, INITIAL) if metric not in set(pooled)]:
        raise ReproduceError(
            f"golden has no tolerance for {', '.join(lacking)}: measure them with `make tolerances`"
        )
    both = runs_in(golden.runs) & runs_in(fresh.runs)
    if not both:
        raise ReproduceError("golden and the results have no run in common")
    slugs = {slug for slug, _ in both} | (
        set(golden.losses["architecture"]) & set(fresh.losses["architecture"])
    )
    golden, fresh = (_of_architectures(side.only(both), slugs) for side in (golden, fresh))
    for name in (*OF_RUNS, "losses"):
        _require_same_rows(name, getattr(golden, name), getattr(fresh, name))
    numbers = [*by_run(golden, fresh), *by_row(golden, fresh), *initial(golden, fresh)]
    return judged(numbers, golden.tolerances, same_class(golden.provenance, fresh.provenance), paper)


def _of_architectures(side: Golden, slugs: set[str]) -> Golden:
    """The part whose losses at initialisation are those of these architectures."""
    return replace(side, losses=side.losses[side.losses["architecture"].isin(slugs)])


def _require_same_rows(name: str, golden: pd.DataFrame, fresh: pd.DataFrame) -> None:
    """Raises ReproduceError that names the first row that one side lacks."""
    theirs, ours = (set(side[ROWS[name]].itertuples(index=False, name=None)) for side in (golden, fresh))
    for lacking, side in ((theirs - ours, "the results lack"), (ours - theirs, "golden lacks")):
        if lacking:
            first = min(lacking, key=str)
            raise ReproduceError(f"{side} {len(lacking)} rows of {name}, the first: {first}")


class Number(NamedTuple):
    """One number on both sides. Its tolerance is `times` that of the metric `like` for a value of size `size`."""

    architecture: str
    run: str
    metric: str
    golden: float
    fresh: float
    like: str
    size: float
    times: float = 1.0


def by_run(golden: Golden, fresh: Golden) -> Iterator[Number]:
    """The runs' own numbers; those in EXACT must be equal."""
    ours = fresh.runs.set_index(KEY)
    for run, theirs in golden.runs.set_index(KEY).iterrows():
        for metric in (*COMPARED, *EXACT):
            before, now = float(theirs[metric]), float(ours.loc[run, metric])
            like, times = (INITIAL, 0.0) if metric in EXACT else (metric, 1.0)
            yield Number(run[0], run_name(run), metric, before, now, like, before, times)


def by_row(golden: Golden, fresh: Golden) -> Iterator[Number]:
    """The deviation of each run's images, pairs and epochs from golden's: the root mean square over n rows.

    Golden's own is 0. A metric's tolerance is measured on a run's mean over its rows. If rows deviate independently,
    their root mean square is √n times the deviation of the mean; if they deviate together, it is less. So the tolerance
    is √n times the metric's, for a value of the size of the root mean square of golden's rows.
    """
    for (name, column), (called, metric) in BY_ROW.items():
        ours, theirs = (getattr(side, name).set_index(ROWS[name])[column] for side in (fresh, golden))
        for run, rows in theirs.groupby(level=KEY, sort=False):
            off, size = root_mean_square(ours.loc[rows.index] - rows), root_mean_square(rows)
            yield Number(run[0], run_name(run), called, 0.0, off, metric, size, math.sqrt(len(rows)))


def root_mean_square(values: pd.Series) -> float:
    """The root mean square; NaN if any value is NaN."""
    return float(np.sqrt(np.mean(values.to_numpy(float) ** 2)))


def initial(golden: Golden, fresh: Golden) -> Iterator[Number]:
    """The loss parts at initialisation."""
    ours, theirs = (side.losses.set_index(ROWS["losses"])["value"] for side in (fresh, golden))
    for (slug, part), value in theirs.items():
        yield Number(slug, slug, f"{INITIAL} {part}", value, float(ours[slug, part]), INITIAL, value)


def judged(
    numbers: Iterable[Number], tolerances: pd.DataFrame, same: bool, paper: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row per number: architecture, run, metric, paper (NaN where it prints none), golden, fresh, difference,
    tolerance, inside, and deviation: the difference in units of the tolerance. A value that is not finite is never
    inside.

    same: whether both sides are of one class of machine. Raises KeyError without a tolerance.
    """
    found = pd.DataFrame(numbers, columns=list(Number._fields))
    table, kind = tolerances.set_index(ROWS["tolerances"]), "same" if same else "other"
    own = zip(found["like"], found["architecture"], strict=True)
    limits = table.loc[[key if key in table.index else (key[0], POOLED) for key in own]].reset_index()
    allowed = limits[f"{kind}_absolute"] + limits[f"{kind}_relative"] * found["size"].abs()
    difference, tolerance = found["fresh"] - found["golden"], found["times"] * allowed
    printed = pd.Series(dtype=float) if paper is None else paper.select_dtypes("number").stack()
    return found.drop(columns=["like", "size", "times"]).assign(
        paper=[
            printed.get(key, math.nan) for key in zip(found["architecture"], found["metric"], strict=True)
        ],
        difference=difference,
        tolerance=tolerance,
        inside=difference.abs() <= tolerance,
        deviation=(difference.abs() / tolerance).fillna(math.inf).where(difference != 0, 0.0),
    )


def not_compared(golden: Golden, fresh: Golden) -> list[str]:
    """The runs that only one side has, one line per side: golden numbers of a long profile may cover only some runs,
    and a campaign may be unfinished."""
    theirs, ours = runs_in(golden.runs), runs_in(fresh.runs)
    sides = ((theirs - ours, "the results lack"), (ours - theirs, "golden lacks"))
    return [
        f"cannot be compared, since {side} them: {', '.join(map(run_name, sorted(runs)))}"
        for runs, side in sides
        if runs
    ]


def summary(compared: pd.DataFrame) -> pd.DataFrame:
    """The rows worth showing: every number that is off, and for every metric the one with the largest deviation.

    The loss parts at initialisation count as one metric.
    """
    metric = compared["metric"].where(~compared["metric"].str.startswith(f"{INITIAL} "), INITIAL)
    worst = compared["deviation"].groupby(metric).idxmax()
    return compared[~compared["inside"] | compared.index.isin(worst)]


def conclusion(golden: Golden, fresh: Golden, compared: pd.DataFrame) -> list[str]:
    """The result in lines: changed keys, the reason for the tolerances if they all share one, and how many numbers are
    off."""
    lines = []
    if changed := rekeyed(golden.provenance, fresh.provenance):
        lines.append(
            f"{len(changed)} runs have other settings or revisions than when golden was recorded, the first: "
            f"{changed[0]}; if that was meant, record anew with `make golden PROFILE={golden.profile}`"
        )
    reasons = set(golden.tolerances.loc[golden.tolerances["metric"] != INITIAL, "reason"])
    if len(reasons) == 1:
        lines.append(f"tolerances: {reasons.pop()}")
    same = same_class(golden.provenance, fresh.provenance)
    which = (
        "narrow tolerances (same class of machine)" if same else "wide tolerances (another class of machine)"
    )
    off = int((~compared["inside"]).sum())
    return [*lines, f"profile {golden.profile}: {len(compared)} numbers compared, {off} off; {which}"]


HEAD = ("run", "metric", "paper", "golden", "fresh", "difference", "tolerance", "verdict")


def as_lines(compared: pd.DataFrame) -> list[str]:
    """A table in plain text.

    A metric "by image", "by pair" or "by epoch" is the deviation of its rows: golden's is 0.
    """
    rows = [
        (
            item.run,
            item.metric,
            "" if math.isnan(item.paper) else f"{item.paper:.4g}",
            f"{item.golden:.6g}",
            f"{item.fresh:.6g}",
            f"{item.difference:+.2e}",
            f"{item.tolerance:.2e}",
            "ok" if item.inside else "OFF",
        )
        for item in compared.itertuples()
    ]
    widths = [max(map(len, column)) for column in zip(HEAD, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (HEAD, *rows)
    ]
