"""The drift ledger: one line a check, in a CSV that `publish` takes along and the report plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import files
from reproduce.errors import ReproduceError
from reproduce.golden.model import MACHINE, Comparison
from reproduce.store import read_csv

NAME = "drift.csv"
LOCK = ".drift.lock"
COLUMNS = ("date", "profile", "commit", "platform", "worst", "where", "off")
LARGEST = 16 << 20
"""Bytes of a ledger at most: a hundred thousand checks."""


def ledger_line(
    profile: str, provenance: Mapping[str, Any], compared: Sequence[Comparison], when: str
) -> dict[str, Any]:
    """One line of the drift ledger: when, what, where, and the worst deviation in units of its band."""
    worst = max(compared, key=lambda item: item.deviation)
    return {
        "date": when,
        "profile": profile,
        "commit": provenance.get("commit", ""),
        "platform": " ".join(str(provenance[name]) for name in MACHINE if name in provenance),
        "worst": worst.deviation,
        "where": f"{worst.run} {worst.metric}",
        "off": sum(not item.inside for item in compared),
    }


def append_ledger(
    path: Path, profile: str, provenance: Mapping[str, Any], compared: Sequence[Comparison]
) -> None:
    """Append one line to the drift ledger, after those of checks that run at the same time.

    Raises ReproduceError, and changes nothing, if it is damaged.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = pd.DataFrame([ledger_line(profile, provenance, compared, when)])
    with files.lock(path.with_name(LOCK), wait=True):
        read_ledger(path)
        before = files.read(path, LARGEST) if path.exists() else b""
        text = line.to_csv(index=False, header=not before, lineterminator="\n").encode()
        files.write(path, before + text)


def read_ledger(path: Path) -> pd.DataFrame:
    """All checks, oldest first: COLUMNS, none if there is no file. Raises ReproduceError when it is damaged."""
    if not path.exists():
        return empty_ledger()
    content = files.read(path, LARGEST)
    remedy = "move it away, and the next check starts a new one"
    try:
        frame = read_csv(content, COLUMNS, str(path))[list(COLUMNS)]
        if frame["date"].dtype.kind in "iufb":
            raise ValueError("a date is a number")
        dates = pd.to_datetime(frame["date"], utc=True, format="ISO8601")
    except (ReproduceError, ValueError, TypeError, OverflowError) as error:
        raise ReproduceError(f"{path} is damaged ({' '.join(str(error).split())[:80]}): {remedy}") from error
    numbers = all(frame[name].dtype.kind in "iuf" for name in ("worst", "off")) or frame.empty
    if not numbers or frame[["worst", "off", "date"]].isna().any(axis=None) or not content.endswith(b"\n"):
        raise ReproduceError(f"{path} is damaged (a line is not whole): {remedy}")
    if (frame[["worst", "off"]].to_numpy(float) < 0).any():
        raise ReproduceError(f"{path} is damaged (a negative deviation): {remedy}")
    order = np.argsort(dates.to_numpy(), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def empty_ledger() -> pd.DataFrame:
    """No checks yet."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})


def merged_ledgers(paths: Sequence[Path]) -> pd.DataFrame:
    """The lines of several ledgers, each once, oldest first."""
    parts = [frame for frame in map(read_ledger, paths) if len(frame)]
    if not parts:
        return empty_ledger()
    joined = pd.concat(parts, ignore_index=True).drop_duplicates(["date", "commit", "platform", "where"])
    dates = pd.to_datetime(joined["date"], utc=True, format="ISO8601")
    return joined.iloc[np.argsort(dates.to_numpy(), kind="stable")].reset_index(drop=True)
