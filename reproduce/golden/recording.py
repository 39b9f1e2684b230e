"""Records ↔ the folder `golden/<profile>/`. What is read is checked: columns, types, finite, no row twice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import files
from reproduce.errors import ReproduceError
from reproduce.golden.model import COMPARED, EXACT, FOLDER, KEY, POOLED, Band, CannotCompare, Golden
from reproduce.names import IMAGE_METRICS, PAIR_METRICS, SLUGS
from reproduce.protocol import Protocol
from reproduce.records import Records
from reproduce.runs import RunId
from reproduce.store import FRESH, Store, read_csv

RUN_COLUMNS = (*KEY, *COMPARED, "best_epoch", "active_units", *EXACT)
IMAGE_COLUMNS = (*KEY, "image", "label", *IMAGE_METRICS)
PAIR_COLUMNS = (*KEY, "pair", "first", "second", *PAIR_METRICS)
CURVE_COLUMNS = (*KEY, "epoch", "training_loss", "validation_loss")
LOSS_COLUMNS = ("architecture", "part", "value")
BAND_COLUMNS = (
    "metric",
    "architecture",
    "same_relative",
    "same_absolute",
    "other_relative",
    "other_absolute",
    "reason",
)

FRAMES: dict[str, tuple[str, ...]] = {
    "runs": RUN_COLUMNS,
    "images": IMAGE_COLUMNS,
    "pairs": PAIR_COLUMNS,
    "curves": CURVE_COLUMNS,
}
"""Frames of the records."""
ROWS: dict[str, tuple[str, ...]] = {
    "runs": tuple(KEY),
    "images": (*KEY, "image"),
    "pairs": (*KEY, "pair"),
    "curves": (*KEY, "epoch"),
    "losses": ("architecture", "part"),
    "bands": ("metric", "architecture"),
}
"""Frame → the columns that name a row."""
WHOLE_NUMBERS = {"seed", "image", "label", "pair", "first", "second", "epoch"}
WORDS = {"architecture", "part", "metric", "reason"}
LARGEST = 64 << 20
"""Bytes of a golden file at most; the largest real one has some megabytes."""


def frames(records: Records) -> dict[str, pd.DataFrame]:
    """The part of the records that golden keeps: the 22 in the described reading, Table I's order."""
    images = records.images[records.images["path"] == "sampled"]
    pairs = records.pairs[records.pairs["path"] == "main"]
    sources = {"runs": records.runs, "images": images, "pairs": pairs, "curves": records.curves}
    found = {}
    for name, frame in sources.items():
        kept = frame[(frame["variant"].fillna("") == "") & frame["architecture"].isin(SLUGS)]
        order = kept["architecture"].map(SLUGS.index)
        rest = [column for column in ROWS[name] if column not in KEY]
        kept = kept.assign(_order=order).sort_values(["_order", "seed", *rest], kind="stable")
        found[name] = kept[list(FRAMES[name])].reset_index(drop=True)
    return found


def initial_losses(protocol: Protocol) -> pd.DataFrame:
    """Every architecture's loss parts at initialisation, computed now (seconds): columns architecture, part, value."""
    from reproduce import fingerprints

    found = fingerprints.initial_losses(protocol.train)
    rows = [(slug, part, value) for slug, parts in found.items() for part, value in parts.items()]
    return pd.DataFrame(rows, columns=list(LOSS_COLUMNS))


def require_fresh(store: Store, wanted: Sequence[RunId]) -> None:
    """Raises CannotCompare that names the first run that is not fresh, and why."""
    states = [store.status(run, verify=True) for run in wanted]
    spoilt = [status for status in states if status.state != FRESH]
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


CLEAN = re.compile(r"[0-9a-f]{40,64}")


def of_records(
    records: Records, losses: pd.DataFrame, provenance: Mapping[str, Any], bands: Sequence[Band]
) -> Golden:
    """The golden numbers that these records are."""
    return Golden(
        profile=records.profile,
        losses=losses,
        provenance=provenance,
        bands=by_name(bands),
        **frames(records),
    )


def write(
    records: Records,
    losses: pd.DataFrame,
    provenance: Mapping[str, Any],
    bands: Sequence[Band],
    root: Path = FOLDER,
) -> Path:
    """Record golden numbers. Raises CannotCompare, and writes nothing, if a run is missing, failed or not finite."""
    golden = of_records(records, losses, provenance, bands)
    for frame in (golden.runs, golden.losses):
        missing = [slug for slug in SLUGS if slug not in set(frame["architecture"])]
        if missing:
            raise CannotCompare(f"golden needs all 22; missing: {', '.join(sorted(missing))}")
    for frame in (golden.runs, golden.images, golden.pairs, golden.curves, golden.losses):
        bad = ~np.isfinite(frame.select_dtypes("number").to_numpy(float)).all(axis=1)
        if bad.any():
            raise CannotCompare(f"golden needs finite numbers; not so: {frame['architecture'][bad].iloc[0]}")
    folder = root / records.profile
    for name in (*FRAMES, "losses"):
        files.write(folder / f"{name}.csv", files.csv_bytes(getattr(golden, name)))
    write_bands(bands, folder)
    files.write(
        folder / "provenance.json", (json.dumps(provenance, indent=1, sort_keys=True) + "\n").encode()
    )
    return folder


def write_bands(bands: Sequence[Band], folder: Path) -> None:
    """Write bands.csv."""
    table = pd.DataFrame([asdict(band) for band in bands], columns=list(BAND_COLUMNS))
    files.write(folder / "bands.csv", files.csv_bytes(table))


def by_name(bands: Iterable[Band]) -> dict[tuple[str, str], Band]:
    """(metric, architecture) → band."""
    return {(band.metric, band.architecture): band for band in bands}


def read(profile: str, root: Path = FOLDER) -> Golden:
    """Raises CannotCompare when there is none or a file is damaged."""
    folder = root / profile
    if not (folder / "runs.csv").is_file():
        raise CannotCompare(
            f"there are no golden numbers for profile '{profile}': record them with `make golden PROFILE={profile}`"
        )
    found = {
        name: read_frame(folder / f"{name}.csv", columns, ROWS[name]) for name, columns in FRAMES.items()
    }
    losses = read_frame(folder / "losses.csv", LOSS_COLUMNS, ROWS["losses"])
    for name, frame in (*found.items(), ("losses", losses)):
        foreign = sorted(set(frame["architecture"]) - set(SLUGS))
        if foreign:
            raise _damaged(folder / f"{name}.csv", f"'{foreign[0][:40]}' is no architecture")
    provenance = read_provenance(folder / "provenance.json")
    if provenance.get("profile") != profile:
        raise CannotCompare(
            f"{folder} holds the numbers of another profile ('{provenance.get('profile')}'): record its own with "
            f"`make golden PROFILE={profile}`"
        )
    return Golden(profile=profile, provenance=provenance, bands=read_bands(folder), losses=losses, **found)


def read_bands(folder: Path) -> dict[tuple[str, str], Band]:
    """(metric, architecture) → band. Raises CannotCompare when bands.csv is missing or damaged."""
    path = folder / "bands.csv"
    table = read_frame(path, BAND_COLUMNS, ROWS["bands"])
    bands = by_name(Band(**row) for row in table.to_dict("records"))
    for band in bands.values():
        if min(band.same_relative, band.same_absolute, band.other_relative, band.other_absolute) < 0:
            raise _damaged(path, f"the band of {band.metric} ({band.architecture}) is negative")
        if band.architecture not in (POOLED, *SLUGS):
            raise _damaged(path, f"'{band.architecture[:40]}' is no architecture")
    return bands


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


KINDS: dict[str, Callable[[pd.Series], bool]] = {
    "text": lambda values: values.map(lambda value: isinstance(value, str)).all(),
    "a whole number": lambda values: values.dtype.kind in "iu",
    "a finite number": lambda values: values.dtype.kind in "iuf" and bool(np.isfinite(values).all()),
}
"""What the values of a column are → whether all of them are that."""


def kind_of(column: str) -> str:
    """Which of `KINDS` a column of that name holds."""
    if column in WORDS:
        return "text"
    return "a whole number" if column in WHOLE_NUMBERS else "a finite number"


def read_frame(path: Path, columns: Sequence[str], row: Sequence[str]) -> pd.DataFrame:
    """A CSV with these columns, every number finite and no row twice. Raises CannotCompare that names what is wrong."""
    try:
        frame = read_csv(files.read(path, LARGEST), columns, str(path))
    except ReproduceError as error:
        raise CannotCompare(f"{error}: restore it from version control") from error
    for column in columns:
        kind = kind_of(column)
        if not KINDS[kind](frame[column]):
            raise _damaged(path, f"the column {column} has a value that is not {kind}")
    if frame.empty:
        raise _damaged(path, "it has no rows")
    twice = frame.duplicated(list(row))
    if twice.any():
        named = ", ".join(str(value)[:40] for value in frame.loc[twice, list(row)].iloc[0])
        raise _damaged(path, f"it has a row twice ({named})")
    return frame[list(columns)]


def _damaged(path: Path, why: str) -> CannotCompare:
    return CannotCompare(f"{path} is damaged ({why}): restore it from version control")


def changes(before: Golden, after: Golden) -> list[tuple[str, str, float, float]]:
    """What a new recording would change: (run or architecture, metric, before, after), NaN where one has none."""
    old, new = _values(before), _values(after)
    pairs = {key: (old.get(key, np.nan), new.get(key, np.nan)) for key in (*old, *new)}
    return [(*key, was, now) for key, (was, now) in pairs.items() if was != now]


def _values(golden: Golden) -> dict[tuple[str, str], float]:
    runs = {
        (f"{row['architecture']}/seed-{row['seed']}", metric): float(row[metric])
        for row in golden.runs.to_dict("records")
        for metric in (*COMPARED, *EXACT)
    }
    losses = {
        (row["architecture"], f"initial {row['part']}"): float(row["value"])
        for row in golden.losses.to_dict("records")
    }
    return runs | losses
