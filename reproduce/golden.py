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
MACHINE = ("device", "instruction_set", "machine", "torch")
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
        raise CannotCompare(f"golden needs finite numbers; not so: {kept['runs']['architecture'][bad].iloc[0]}")
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
        raise CannotCompare(f"there are no golden numbers for profile '{profile}': record them with `make golden`")
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
    """Every number of golden's runs and the last of its curves, against the fresh ones.

    Raises CannotCompare: other profile, other data, runs or rows that only one side has, values that are not finite.
    """
    if golden.profile != records.profile:
        raise CannotCompare(f"golden is of profile '{golden.profile}', the results of '{records.profile}'")
    if golden.stamp.get("data") != stamp.get("data"):
        raise CannotCompare("golden and results come from different data")
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
    names = {"runs": KEY, "images": [*KEY, "image", "label"], "pairs": [*KEY, "pair", "first", "second"]}
    for name, key in names.items():
        theirs = getattr(golden, name)
        ours = fresh[name][fresh[name]["seed"].isin(seeds)]
        for side, frame in (("golden", theirs), ("the results", ours)):
            if frame.duplicated(key).any():
                twice = frame[frame.duplicated(key)].iloc[0]
                raise CannotCompare(f"{side} have a row twice in {name}: {tuple(twice[key])}")
        expected = set(theirs[key].itertuples(index=False, name=None))
        obtained = set(ours[key].itertuples(index=False, name=None))
        for lacking, side in ((expected - obtained, "the results lack"), (obtained - expected, "golden lacks")):
            if lacking:
                first = min(lacking, key=str)
                raise CannotCompare(f"{side} {len(lacking)} rows of {name}, the first: {first}")


def machine_class(stamp: Mapping[str, Any]) -> tuple[Any, ...]:
    """What must agree for bits to agree."""
    return tuple(stamp.get(name) for name in MACHINE)
