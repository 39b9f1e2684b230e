"""Published runs → `Records`: the data frames that analysis and rendering read."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import safetensors.numpy
from safetensors import SafetensorError

from reproduce.errors import ReproduceError
from reproduce.names import REFERENCES
from reproduce.records import Records
from reproduce.runs import REFERENCE_SEED, RunId
from reproduce.store import FAILED, FRESH, Status, Store, read_csv

if TYPE_CHECKING:
    from pathlib import Path

IMAGE_FLOATS = ("ssim", "ssim_uniform11", "ssim_uniform7", "mse", "psnr", "mae", "sharpness")
PAIR_FLOATS = ("piq", "iss", "i_ssim", "end_distance")
DIGIT_FLOATS = ("ssim", "mse", "psnr", "mae", "changed")
MAY_BE_UNDEFINED = {
    "kl",
    "uniformity",
    "piq_over_floor",
    "whole_uniformity",
    "whole_piq_over_floor",
    "epochs",
    "best_epoch",
    "validation_loss",
}
"""Scalars without a value for some models: no posterior, nothing moves (collapsed), nothing is trained."""
STAMPED = ("training_seconds", "inference_microseconds", "total_seconds")
FLAGS = ("collapsed", "converged")


def assemble(store: Store, found: Sequence[Status]) -> Records:
    """Records of all given runs. Raises ReproduceError: nothing to read, non-finite values, twins."""
    fresh = [status for status in found if status.state == FRESH]
    if not any(not status.run.is_reference for status in fresh):
        raise ReproduceError(
            f"no finished runs of profile '{store.protocol.name}' below {store.folder}: "
            f"run `python -m reproduce run --profile {store.protocol.name}` first"
        )
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in ("images", "pairs", "digits", "curves")}
    rows: list[dict[str, object]] = []
    for status in found:
        if status.state == FAILED:
            rows.append({**identity(status.run), "status": "failed", "reason": status.why})
            continue
        assert status.folder is not None
        rows.append(scalars(store, status.run, status.folder))
        for name, (file, columns) in _FRAMES.items():
            if name == "curves" and status.run.is_reference:
                continue
            what = f"{status.folder / file}"
            frame = read_csv(store.read(status.folder, file), columns, what)
            finite(frame, columns, what)
            frames[name].append(frame.assign(**identity(status.run)))
    table = pd.DataFrame(rows)
    distinct(table)
    folders = {status.run: status.folder for status in fresh if status.folder is not None}
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}

    def samples(architecture: str, seed: int, variant: str) -> dict[str, np.ndarray]:
        if architecture == "originals":
            arrays = read_samples(store, folders, RunId(next(iter(REFERENCES)), REFERENCE_SEED))
            prefix = "originals/"
            return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        return read_samples(store, folders, RunId(architecture, seed, variant))

    return Records(
        profile=store.protocol.name,
        runs=table,
        images=joined["images"],
        pairs=joined["pairs"],
        digits=joined["digits"],
        curves=joined["curves"],
        load_samples=samples,
    )


_FRAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "images": ("images.csv", IMAGE_FLOATS),
    "pairs": ("pairs.csv", PAIR_FLOATS),
    "digits": ("digits.csv", DIGIT_FLOATS),
    "curves": ("history.csv", ("training_loss", "validation_loss")),
}


def identity(run: RunId) -> dict[str, str | int]:
    """The three columns that every frame has."""
    return {"architecture": run.architecture, "variant": run.variant, "seed": run.seed}


def scalars(store: Store, run: RunId, folder: Path) -> dict[str, object]:
    """One row of `Records.runs`."""
    content = json.loads(store.read(folder, "scalars.json"))
    row: dict[str, object] = {**identity(run), "status": "fresh", "reason": ""}
    for name, value in content.items():
        if value is None and name not in MAY_BE_UNDEFINED and not name.startswith("diag_"):
            raise ReproduceError(f"{folder / 'scalars.json'}: {name} is not a number")
        row[name] = math.nan if value is None else value
    for name in FLAGS:
        row[name] = bool(content[name])
    stamp = store.stamp(run, folder)
    return row | {name: _number(stamp.get(name)) for name in STAMPED}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def finite(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raises ReproduceError for a value that is missing or not finite."""
    values = frame[list(columns)].to_numpy()
    numeric = values.dtype.kind in "fiu"
    if not numeric or not np.isfinite(values).all():
        bad = next(c for c in columns if frame[c].dtype.kind not in "fiu" or not np.isfinite(frame[c]).all())
        raise ReproduceError(f"{what}: the column {bad} has a value that is not a finite number")


def distinct(table: pd.DataFrame) -> None:
    """No two runs may share all their metrics. Raises ReproduceError that names both."""
    fresh = table[table["status"] == "fresh"]
    columns = ["ssim", "mse", "psnr", "mae", "piq", "iss", "whole_mse"]
    twins = fresh[fresh.duplicated(columns, keep=False)]
    if len(twins):
        names = [
            str(RunId(architecture, seed, variant))
            for architecture, variant, seed in twins[["architecture", "variant", "seed"]].itertuples(
                index=False
            )
        ]
        raise ReproduceError(f"runs with equal metrics: {', '.join(names)}: one of them is not what it says")


def read_samples(store: Store, folders: dict[RunId, Path], run: RunId) -> dict[str, np.ndarray]:
    """The sample arrays of one run. Raises ReproduceError."""
    if run not in folders:
        raise ReproduceError(f"{run} is not among the finished runs")
    try:
        return safetensors.numpy.load(store.read(folders[run], "samples.safetensors"))
    except (SafetensorError, ValueError, KeyError) as error:
        raise ReproduceError(f"{folders[run] / 'samples.safetensors'} cannot be read") from error
