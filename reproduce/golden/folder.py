"""Records ↔ the folder `golden/<profile>/`. What is read is checked: columns, types, finite, no row twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import files
from reproduce.errors import ReproduceError
from reproduce.golden.model import (
    COLUMNS,
    COMPARED,
    EXACT,
    FOLDER,
    LIMITS,
    OF_RUNS,
    POOLED,
    ROWS,
    CannotCompare,
    Golden,
    runs_in,
)
from reproduce.names import SLUGS
from reproduce.protocol import Protocol
from reproduce.records import Records
from reproduce.runs import RunId
from reproduce.store import FRESH, MISSING, PARTIAL, Store, read_csv

FILES = {name: f"{name}.csv" for name in COLUMNS} | {"tolerances": "bands.csv"}
WHOLE_NUMBERS = {"seed", "image", "label", "pair", "first", "second", "epoch"}
WORDS = {"architecture", "part", "metric", "reason"}
LARGEST = 64 << 20
"""Bytes of a golden file at most; the largest real one has some megabytes."""
CLEAN = re.compile(r"[0-9a-f]{40,64}")


def frames(records: Records) -> dict[str, pd.DataFrame]:
    """The part of the records that golden keeps: the 22 as described, without variants, in Table I's order."""
    sources = {
        "runs": records.runs,
        "images": records.images[records.images["path"] == "sampled"],
        "pairs": records.pairs[records.pairs["path"] == "main"],
        "curves": records.curves,
    }
    found = {}
    for name, frame in sources.items():
        kept = frame[(frame["variant"].fillna("") == "") & frame["architecture"].isin(SLUGS)]
        kept = kept.assign(_order=kept["architecture"].map(SLUGS.index))
        kept = kept.sort_values(["_order", *ROWS[name][1:]], kind="stable")
        found[name] = kept[COLUMNS[name]].reset_index(drop=True)
    return found


def initial_losses(protocol: Protocol) -> pd.DataFrame:
    """Every architecture's loss parts at initialisation, computed now (seconds): columns architecture, part, value."""
    from reproduce import fingerprints

    found = fingerprints.initial_losses(protocol.train)
    rows = [(slug, part, value) for slug, parts in found.items() for part, value in parts.items()]
    return pd.DataFrame(rows, columns=COLUMNS["losses"])


def require_fresh(store: Store, wanted: Sequence[RunId], *, some: bool = False) -> None:
    """Raises CannotCompare that names the first run that is not fresh, and why.

    some: one that has not run yet does not count, as long as any has.
    """
    states = [store.status(run, verify=True) for run in wanted]
    spoilt = [status for status in states if status.state != FRESH]
    if some and len(spoilt) < len(states):
        spoilt = [status for status in spoilt if status.state not in (MISSING, PARTIAL)]
    if spoilt:
        first = spoilt[0]
        raise CannotCompare(
            f"{len(spoilt)} of {len(states)} runs are not fresh, the first: {first.run} is {first.state} "
            f"({first.why}); give `python -m reproduce run --profile {store.protocol.name}` first"
        )


def require_clean(commits: Iterable[str]) -> None:
    """Raises CannotCompare at the first that names no commit, or one whose files were changed (`+`)."""
    for commit in sorted(set(commits)):
        if not CLEAN.fullmatch(commit):
            raise CannotCompare(
                "golden is recorded from a clean commit only, and so must its runs have been; "
                f"'{commit or 'unknown'}' is none: commit or put away your changes, in a checkout with git or an "
                "image built from one, and run the campaign again"
            )


def of_records(
    records: Records, losses: pd.DataFrame, provenance: Mapping[str, Any], tolerances: pd.DataFrame
) -> Golden:
    """The golden numbers that these records are."""
    return Golden(
        profile=records.profile,
        losses=losses,
        provenance=provenance,
        tolerances=tolerances,
        **frames(records),
    )


def write(golden: Golden, root: Path = FOLDER) -> Path:
    """Record golden numbers. Raises CannotCompare, and writes nothing, if one is not finite."""
    for name in COLUMNS:
        frame = getattr(golden, name)
        bad = ~np.isfinite(frame.select_dtypes("number").to_numpy(float)).all(axis=1)
        if bad.any():
            raise CannotCompare(f"golden needs finite numbers; not so: {frame['architecture'][bad].iloc[0]}")
    folder = root / golden.profile
    for name, file in FILES.items():
        files.write(folder / file, files.csv_bytes(getattr(golden, name)))
    write_provenance(golden.provenance, folder / "provenance.json")
    return folder


def write_provenance(provenance: Mapping[str, Any], path: Path) -> None:
    """As JSON."""
    files.write(path, (json.dumps(provenance, indent=1, sort_keys=True) + "\n").encode())


def read(profile: str, root: Path = FOLDER) -> Golden:
    """Raises CannotCompare when there is none or a file is damaged."""
    folder = root / profile
    if not (folder / "runs.csv").is_file():
        raise CannotCompare(
            f"there are no golden numbers for profile '{profile}': record them with `make golden PROFILE={profile}`"
        )
    found = {name: read_frame(folder / FILES[name], COLUMNS[name], ROWS[name]) for name in COLUMNS}
    for name in OF_RUNS:
        if runs_in(found[name]) != runs_in(found["runs"]):
            raise _damaged(folder / FILES[name], "it holds other runs than runs.csv")
    for name, frame in found.items():
        known = {*SLUGS, POOLED} if name == "tolerances" else set(SLUGS)
        if foreign := sorted(set(frame["architecture"]) - known):
            raise _damaged(folder / FILES[name], f"'{foreign[0][:40]}' is no architecture")
    if (found["tolerances"][list(LIMITS)] < 0).any(axis=None):
        raise _damaged(folder / FILES["tolerances"], "a tolerance is negative")
    provenance = read_provenance(folder / "provenance.json")
    if provenance.get("profile") != profile:
        raise CannotCompare(
            f"{folder} holds the numbers of another profile ('{provenance.get('profile')}'): record its own with "
            f"`make golden PROFILE={profile}`"
        )
    return Golden(profile=profile, provenance=provenance, **found)


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance. Raises CannotCompare when it is missing or damaged."""
    try:
        provenance = json.loads(files.read(path, LARGEST))
    except ReproduceError as error:
        raise CannotCompare(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "not JSON") from error
    if not isinstance(provenance, dict) or not isinstance(provenance.get("keys", {}), dict):
        raise _damaged(path, "not what a recording writes")
    return provenance


def read_frame(path: Path, columns: Sequence[str], row: Sequence[str]) -> pd.DataFrame:
    """A CSV with these columns, every number finite and no row twice. Raises CannotCompare that names what is wrong."""
    try:
        frame = read_csv(files.read(path, LARGEST), columns, str(path))[list(columns)]
    except ReproduceError as error:
        raise CannotCompare(f"{error}: restore it from version control") from error
    for column in columns:
        if wrong := wrong_kind(frame[column]):
            raise _damaged(path, f"the column {column} has a value that is not {wrong}")
    if frame.empty:
        raise _damaged(path, "it has no rows")
    twice = frame.duplicated(list(row))
    if twice.any():
        named = ", ".join(str(value)[:40] for value in frame.loc[twice, list(row)].iloc[0])
        raise _damaged(path, f"it has a row twice ({named})")
    return frame


def wrong_kind(values: pd.Series) -> str:
    """What a column of this name holds, if some value is something else; else empty."""
    if values.name in WORDS:
        return "" if values.map(lambda value: isinstance(value, str)).all() else "text"
    if values.name in WHOLE_NUMBERS:
        return "" if values.dtype.kind in "iu" else "a whole number"
    return "" if values.dtype.kind in "iuf" and np.isfinite(values).all() else "a finite number"


def _damaged(path: Path, why: str) -> CannotCompare:
    return CannotCompare(f"{path} is damaged ({why}): restore it from version control")


def changes(before: Golden, after: Golden) -> pd.DataFrame:
    """What a new recording would change: before and after by run (or architecture) and metric, NaN where one has
    none."""
    both = pd.DataFrame({"before": _values(before), "after": _values(after)})
    return both[both["before"] != both["after"]]


def _values(golden: Golden) -> pd.Series:
    runs = {
        (f"{row['architecture']}/seed-{row['seed']}", metric): float(row[metric])
        for row in golden.runs.to_dict("records")
        for metric in (*COMPARED, *EXACT)
    }
    losses = golden.losses.itertuples(index=False)
    return pd.Series(runs | {(row.architecture, f"initial {row.part}"): row.value for row in losses})
