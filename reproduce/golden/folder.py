"""Records ↔ the folder `golden/<profile>/`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.architectures.names import SLUGS
from reproduce.errors import ReproduceError
from reproduce.golden.content import (
    COLUMNS,
    COMPARED,
    EXACT,
    FOLDER,
    INITIAL,
    KEY,
    LIMITS,
    OF_RUNS,
    ROWS,
    WORDS,
    Golden,
    run_name,
    runs_in,
)
from reproduce.protocol import Protocol
from reproduce.storage import files, reading
from reproduce.storage.records import Records
from reproduce.storage.runs import RunId
from reproduce.storage.store import FRESH, MISSING, PARTIAL, Store, read_csv

FILES = {name: f"{name}.csv" for name in COLUMNS} | {"tolerances": "bands.csv"}
CLEAN = re.compile(r"[0-9a-f]{40,64}")


# --- what is recorded ---------------------------------------------------------------------------------


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
        kept = kept.sort_values(ROWS[name], key=_in_order, kind="stable")
        found[name] = kept[COLUMNS[name]].reset_index(drop=True)
    return found


def _in_order(values: pd.Series) -> pd.Series:
    """The sort key of a column: Table I's order for architectures."""
    return values.map(SLUGS.index) if values.name == "architecture" else values


def initial_losses(protocol: Protocol) -> pd.DataFrame:
    """Every architecture's loss parts at initialisation, computed now (seconds): columns architecture, part, value."""
    from reproduce.architectures import fingerprints

    found = fingerprints.initial_losses(protocol.train)
    rows = [(slug, part, value) for slug, parts in found.items() for part, value in parts.items()]
    return pd.DataFrame(rows, columns=COLUMNS["losses"])


def of_records(
    records: Records, losses: pd.DataFrame, provenance: Mapping[str, Any], tolerances: pd.DataFrame
) -> Golden:
    """These records in the form of golden numbers."""
    return Golden(
        profile=records.profile,
        losses=losses,
        provenance=provenance,
        tolerances=tolerances,
        **frames(records),
    )


def changes(before: Golden, after: Golden) -> pd.DataFrame:
    """What a new recording would change: before and after by run (or architecture) and metric, NaN where one has
    none."""
    both = pd.DataFrame({"before": _values(before), "after": _values(after)})
    return both[both["before"] != both["after"]]


def _values(golden: Golden) -> pd.Series:
    runs = {
        (run_name(run), metric): float(row[metric])
        for run, row in golden.runs.set_index(KEY).iterrows()
        for metric in (*COMPARED, *EXACT)
    }
    losses = golden.losses.itertuples(index=False)
    return pd.Series(runs | {(row.architecture, f"{INITIAL} {row.part}"): row.value for row in losses})


# --- what may be recorded -----------------------------------------------------------------------------


def require_fresh(store: Store, wanted: Sequence[RunId], *, some: bool = False) -> None:
    """Raises ReproduceError that names the first run that is not fresh, and why.

    some: ignore runs that have not finished, as long as any run has.
    """
    states = [store.status(run, verify=True) for run in wanted]
    spoilt = [status for status in states if status.state != FRESH]
    if some and len(spoilt) < len(states):
        spoilt = [status for status in spoilt if status.state not in (MISSING, PARTIAL)]
    if spoilt:
        first = spoilt[0]
        raise ReproduceError(
            f"{len(spoilt)} of {len(states)} runs are not fresh, the first: {first.run} is {first.state} "
            f"({first.why}); give `python -m reproduce run --profile {store.protocol.name}` first"
        )


def require_clean(commits: Iterable[str]) -> None:
    """Raises ReproduceError for the first commit that is unknown, or whose files were or may be changed (`+`, `?`)."""
    for commit in sorted(set(commits)):
        if not CLEAN.fullmatch(commit):
            raise ReproduceError(
                "golden is recorded from a clean commit only, and so must its runs have been; "
                f"'{commit or 'unknown'}' is none: commit or put away your changes, in a checkout with git or an "
                "image built from one, move the results away, and run the campaign again"
            )


# --- the folder ---------------------------------------------------------------------------------------


def write(golden: Golden, root: Path = FOLDER) -> Path:
    """Record golden numbers. Raises ReproduceError, and writes nothing, if one is not finite."""
    tables = {name: checked(getattr(golden, name), name, f"{name} of these results") for name in COLUMNS}
    folder = root / golden.profile
    for name, frame in tables.items():
        files.write(folder / FILES[name], files.csv_bytes(frame))
    write_provenance(golden.provenance, folder / "provenance.json")
    return folder


def is_recorded(profile: str, root: Path = FOLDER) -> bool:
    """Whether there are golden numbers of the profile, intact or not."""
    return (root / profile / FILES["runs"]).is_file()


def read(profile: str, root: Path = FOLDER) -> Golden:
    """Read golden numbers. Raises ReproduceError when there are none or a file is damaged."""
    folder = root / profile
    if not is_recorded(profile, root):
        raise ReproduceError(
            f"there are no golden numbers for profile '{profile}': record them with `make golden PROFILE={profile}`"
        )
    tables = {name: read_frame(folder / FILES[name], name) for name in COLUMNS}
    for name in OF_RUNS:
        if runs_in(tables[name]) != runs_in(tables["runs"]):
            raise _damaged(f"{folder / FILES[name]} holds other runs than runs.csv")
    if foreign := [slug for slug in tables["runs"]["architecture"] if slug not in SLUGS]:
        raise _damaged(f"{folder / FILES['runs']} has '{foreign[0]}', which is no architecture")
    if (tables["tolerances"][[*LIMITS]] < 0).any(axis=None):
        raise _damaged(f"{folder / FILES['tolerances']} has a negative tolerance")
    provenance = read_provenance(folder / "provenance.json")
    if provenance.get("profile") != profile:
        raise ReproduceError(
            f"{folder} holds the numbers of another profile ('{provenance.get('profile')}'): record its own with "
            f"`make golden PROFILE={profile}`"
        )
    return Golden(profile=profile, provenance=provenance, **tables)


def read_frame(path: Path, table: str) -> pd.DataFrame:
    """One table (a name in `COLUMNS`). Raises ReproduceError that names what is wrong with the file."""
    try:
        frame = read_csv(files.read(path), COLUMNS[table], str(path))
        return checked(frame[COLUMNS[table]], table, str(path))
    except ReproduceError as error:
        raise _damaged(str(error)) from error


def checked(frame: pd.DataFrame, table: str, what: str) -> pd.DataFrame:
    """The frame, unchanged. Raises ReproduceError when a number is not finite, a row occurs twice, or there is none."""
    reading.finite(frame, [name for name in frame if name not in WORDS], what)
    reading.unique(frame, ROWS[table], what)
    return frame


def write_provenance(provenance: Mapping[str, Any], path: Path) -> None:
    """Write the provenance as JSON."""
    files.write(path, (json.dumps(provenance, indent=1, sort_keys=True) + "\n").encode())


def read_provenance(path: Path) -> dict[str, Any]:
    """The provenance. Raises ReproduceError when it is missing or damaged."""
    try:
        provenance = json.loads(files.read(path))
    except (ValueError, RecursionError) as error:
        raise _damaged(f"{path} is not JSON") from error
    if not isinstance(provenance, dict) or not isinstance(provenance.get("keys", {}), dict):
        raise _damaged(f"{path} is not what a recording writes")
    return provenance


def _damaged(why: str) -> ReproduceError:
    return ReproduceError(f"{why}: restore it from version control")
