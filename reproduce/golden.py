"""The one comparison: fresh numbers against golden ones, beside the paper's.

`golden/<profile>/` holds raw numbers of real runs (runs.csv, images.csv, pairs.csv, curves.csv), the stamp of the
machine they ran on, and the bands with their reasons. A band is two-sided: |fresh - golden| may be at most
absolute + relative·|golden|; `same` counts on the same class of machine, `other` elsewhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import files
from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.records import Records

FOLDER = Path("golden")
METRICS = ("ssim", "mse", "psnr", "mae", "piq", "iss", "i_ssim")
COMPARED = (*METRICS, "whole_ssim", "whole_mse", "whole_piq", "code_sd", "validation_loss")
KEY = ["architecture", "seed"]
RUN_COLUMNS = (*KEY, *COMPARED, "best_epoch", "active_units", "parameters")
IMAGE_COLUMNS = (*KEY, "image", "label", "ssim", "mse", "psnr", "mae")
PAIR_COLUMNS = (*KEY, "pair", "first", "second", "piq", "iss", "i_ssim")
CURVE_COLUMNS = (*KEY, "epoch", "training_loss", "validation_loss")
EXACT = ("parameters",)
MACHINE = ("device", "processor", "instruction_set", "machine", "torch", "numpy")
"""What must agree for two machines to be of one class."""


class CannotCompare(ReproduceError):
    """Fresh and golden are not of one kind: other profile, other data, missing runs."""


@dataclass(frozen=True)
class Band:
    """How far a metric may be off, and why."""

    metric: str
    same_relative: float
    same_absolute: float
    other_relative: float
    other_absolute: float
    reason: str

    def allowance(self, expected: float, same_machine: bool) -> float:
        """Largest |difference| that is still inside, ≥ 0."""
        relative = self.same_relative if same_machine else self.other_relative
        absolute = self.same_absolute if same_machine else self.other_absolute
        return absolute + relative * abs(expected)


@dataclass(frozen=True)
class Golden:
    """What `golden/<profile>/` holds."""

    profile: str
    runs: pd.DataFrame
    images: pd.DataFrame
    pairs: pd.DataFrame
    curves: pd.DataFrame
    stamp: Mapping[str, Any]
    bands: Mapping[str, Band]


@dataclass(frozen=True)
class Comparison:
    """One number: golden, fresh, the band, and the paper's where it prints one (NaN else)."""

    architecture: str
    seed: int
    metric: str
    golden: float
    fresh: float
    band: float
    paper: float

    @property
    def difference(self) -> float:
        """fresh - golden."""
        return self.fresh - self.golden

    @property
    def inside(self) -> bool:
        """Whether the difference is inside the band; never for a NaN."""
        return abs(self.difference) <= self.band

    @property
    def deviation(self) -> float:
        """|difference| in units of the band; infinite for a NaN."""
        if math.isnan(self.difference):
            return math.inf
        if self.difference == 0:
            return 0.0
        return abs(self.difference) / self.band if self.band > 0 else math.inf


_FRAMES: dict[str, tuple[str, ...]] = {
    "runs": RUN_COLUMNS,
    "images": IMAGE_COLUMNS,
    "pairs": PAIR_COLUMNS,
    "curves": CURVE_COLUMNS,
}


def frames(records: Records) -> dict[str, pd.DataFrame]:
    """The part of the records that golden keeps: the 22 in the described reading, Table I's order."""
    images = records.images[records.images["path"] == "sampled"]
    pairs = records.pairs[records.pairs["path"] == "described"]
    sources = {"runs": records.runs, "images": images, "pairs": pairs, "curves": records.curves}
    found = {}
    for name, frame in sources.items():
        kept = frame[(frame["variant"].fillna("") == "") & frame["architecture"].isin(SLUGS)]
        order = kept["architecture"].map(SLUGS.index)
        rest = [column for column in ("image", "pair", "epoch") if column in _FRAMES[name]]
        kept = kept.assign(_order=order).sort_values(["_order", "seed", *rest], kind="stable")
        found[name] = kept[list(_FRAMES[name])].reset_index(drop=True)
    return found


def write(records: Records, stamp: Mapping[str, Any], bands: Sequence[Band], root: Path = FOLDER) -> Path:
    """Record golden numbers. Raises ReproduceError if a run is missing, failed or not finite."""
    kept = frames(records)
    missing = set(SLUGS) - set(kept["runs"]["architecture"])
    if missing:
        raise CannotCompare(f"golden needs all 22; missing: {', '.join(sorted(missing))}")
    bad = ~np.isfinite(kept["runs"][list(COMPARED)].to_numpy(float)).all(axis=1)
    if bad.any():
        raise CannotCompare(
            f"golden needs finite numbers; not so: {kept['runs']['architecture'][bad].iloc[0]}"
        )
    folder = root / records.profile
    for name, frame in kept.items():
        files.write(folder / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    table = pd.DataFrame([band.__dict__ for band in bands])
    files.write(folder / "bands.csv", table.to_csv(index=False, lineterminator="\n").encode())
    files.write(folder / "stamp.json", (json.dumps(stamp, indent=1, sort_keys=True) + "\n").encode())
    return folder


def read(profile: str, root: Path = FOLDER) -> Golden:
    """Raises CannotCompare when there is none or a file is damaged."""
    folder = root / profile
    if not (folder / "runs.csv").is_file():
        raise CannotCompare(
            f"there are no golden numbers for profile '{profile}': record them with `make golden`"
        )
    try:
        found = {name: pd.read_csv(folder / f"{name}.csv") for name in _FRAMES}
        bands = pd.read_csv(folder / "bands.csv")
        stamp = json.loads((folder / "stamp.json").read_text())
        by_metric = {str(row["metric"]): Band(**row) for row in bands.to_dict("records")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CannotCompare(f"{folder} is damaged ({error}): restore it from version control") from error
    for name, columns in _FRAMES.items():
        lacking = [column for column in columns if column not in found[name].columns]
        if lacking:
            raise CannotCompare(f"{folder / name}.csv lacks the column {lacking[0]}")
    return Golden(profile=profile, stamp=stamp, bands=by_metric, **found)


def compare(
    golden: Golden, records: Records, stamp: Mapping[str, Any], paper: pd.DataFrame | None = None
) -> list[Comparison]:
    """Every number of golden's runs against the fresh ones; one that is not finite is outside its band.

    Raises CannotCompare: other profile, other data, a metric without a band, rows that only one side has or has twice.
    """
    if golden.profile != records.profile:
        raise CannotCompare(f"golden is of profile '{golden.profile}', the results of '{records.profile}'")
    if golden.stamp.get("data") != stamp.get("data"):
        raise CannotCompare("golden and results come from different data")
    unbanded = [metric for metric in COMPARED if metric not in golden.bands]
    if unbanded:
        raise CannotCompare(f"golden has no band for {', '.join(unbanded)}: add it to its bands.csv")
    fresh = frames(records)
    seeds = set(golden.runs["seed"])
    _same_keys(golden, fresh, seeds)
    same = machine_class(golden.stamp) == machine_class(stamp)
    ours = fresh["runs"].set_index(KEY)
    found = []
    for row in golden.runs.to_dict("records"):
        key = (row["architecture"], row["seed"])
        for metric in (*COMPARED, *EXACT):
            expected, obtained = float(row[metric]), float(ours.loc[key, metric])
            band = 0.0 if metric in EXACT else golden.bands[metric].allowance(expected, same)
            printed = math.nan
            if paper is not None and metric in paper.columns and key[0] in paper.index:
                printed = float(paper.loc[key[0], metric])
            found.append(Comparison(*key, metric, expected, obtained, band, printed))
    return found


def _same_keys(golden: Golden, fresh: Mapping[str, pd.DataFrame], seeds: set[int]) -> None:
    """Runs, images, pairs and epochs must be the very same. Raises CannotCompare that names the first difference."""
    names = {
        "runs": KEY,
        "images": [*KEY, "image", "label"],
        "pairs": [*KEY, "pair", "first", "second"],
        "curves": [*KEY, "epoch"],
    }
    for name, key in names.items():
        theirs = getattr(golden, name)
        ours = fresh[name][fresh[name]["seed"].isin(seeds)]
        for side, frame in (("golden", theirs), ("the results", ours)):
            if frame.duplicated(key).any():
                twice = frame[frame.duplicated(key)].iloc[0]
                raise CannotCompare(f"{side} have a row twice in {name}: {tuple(twice[key])}")
        expected = set(theirs[key].itertuples(index=False, name=None))
        obtained = set(ours[key].itertuples(index=False, name=None))
        for lacking, side in (
            (expected - obtained, "the results lack"),
            (obtained - expected, "golden lacks"),
        ):
            if lacking:
                first = min(lacking, key=str)
                raise CannotCompare(f"{side} {len(lacking)} rows of {name}, the first: {first}")


def machine_class(stamp: Mapping[str, Any]) -> tuple[Any, ...]:
    """What must agree for bits to agree."""
    return tuple(stamp.get(name) for name in MACHINE)


def machine_stamp(data: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a comparison must know of the runs: data, machine class, commit.

    data: `datasets.fingerprint`; provenance: what all stamps of the runs agree on.
    """
    flags, versions = provenance.get("flags", {}), provenance.get("versions", {})
    names = ("device", "processor", "instruction_set", "machine", "threads")
    where = {name: flags.get(name) for name in names} | dict(versions)
    return {
        "data": data,
        "commit": provenance.get("commit", ""),
        "python": provenance.get("python", ""),
    } | where


def changes(before: Golden, records: Records) -> list[tuple[str, int, str, float, float]]:
    """What a new recording would change: (architecture, seed, metric, before, after)."""
    now = frames(records)["runs"].set_index(KEY)
    found = []
    for row in before.runs.to_dict("records"):
        key = (row["architecture"], row["seed"])
        for metric in COMPARED:
            after = float(now.loc[key, metric]) if key in now.index else math.nan
            if after != row[metric]:
                found.append((*key, metric, float(row[metric]), after))
    return found


# --- bands ----------------------------------------------------------------------------------------------

SAME = 1e-6
"""Relative band on the same class of machine, where repeated runs agree to the bit."""
MARGIN = 4.0
"""The other band in units of the pooled spread: about four standard deviations."""
LEAST_OTHER = 1e-3
"""The other band is never narrower than this, relative: few machines were seen."""


def measured_bands(base: Records, others: Mapping[str, Records]) -> list[Band]:
    """Bands from the spread of the same campaign under other instruction sets, pooled over architectures and seeds.

    others: how it was run → its records (all runs, or some). Per metric the root mean square of the relative
    differences over all runs of all other ways, times `MARGIN`. Raises CannotCompare when they share no run.
    """
    reference = frames(base)["runs"].set_index(KEY)[list(COMPARED)]
    relative = [
        frames(records)["runs"].set_index(KEY)[list(COMPARED)].sub(reference).dropna(how="all")
        / reference.abs()
        for records in others.values()
    ]
    differences = pd.concat(relative).dropna(how="all")
    if differences.empty:
        raise CannotCompare("bands need runs that both campaigns have")
    bands = []
    for metric in COMPARED:
        spread = float(np.sqrt((differences[metric] ** 2).mean()))
        reason = (
            f"same machine: repeated runs agree to the bit; other: {MARGIN:g} x pooled relative spread "
            f"{spread:.2e} (worst {differences[metric].abs().max():.2e}) over {len(differences)} runs "
            f"under {', '.join(others)}"
        )
        bands.append(Band(metric, SAME, 0.0, round(max(MARGIN * spread, LEAST_OTHER), 6), 0.0, reason))
    return bands


def ledger_line(
    profile: str, stamp: Mapping[str, Any], compared: Sequence[Comparison], when: str
) -> dict[str, Any]:
    """One line of the drift ledger: when, what, where, and the worst deviation in units of its band."""
    worst = max(compared, key=lambda item: item.deviation)
    return {
        "date": when,
        "profile": profile,
        "commit": stamp.get("commit", ""),
        "platform": " ".join(str(stamp.get(name, "")) for name in MACHINE),
        "worst": worst.deviation,
        "where": f"{worst.architecture}/seed-{worst.seed} {worst.metric}",
        "off": sum(not item.inside for item in compared),
    }


def append_ledger(path: Path, profile: str, stamp: Mapping[str, Any], compared: Sequence[Comparison]) -> None:
    """Append one line to the drift ledger, a CSV."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = pd.DataFrame([ledger_line(profile, stamp, compared, when)])
    before = path.read_bytes() if path.is_file() else b""
    text = line.to_csv(index=False, header=not before, lineterminator="\n").encode()
    files.write(path, before + text)


def as_lines(compared: Sequence[Comparison]) -> list[str]:
    """A table in plain text: metric, paper, golden, fresh, difference, band, verdict."""
    if not compared:
        return []
    head = ("run", "metric", "paper", "golden", "fresh", "difference", "band", "verdict")
    rows = [
        (
            f"{item.architecture}/seed-{item.seed}",
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
