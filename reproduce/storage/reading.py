"""Published runs → `Records`: the data frames that analysis and rendering read."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import safetensors.numpy
from safetensors import SafetensorError

from reproduce.architectures.names import (
    ALL_METRICS,
    IMAGE_METRICS,
    MILESTONE_IMAGES,
    MILESTONE_PAIRS,
    RECOGNISED,
    REFERENCES,
)
from reproduce.errors import ReproduceError
from reproduce.metrics import OTHER_IMAGE_METRICS
from reproduce.storage import files
from reproduce.storage.records import Records
from reproduce.storage.runs import REFERENCE_SEED, RunId
from reproduce.storage.store import (
    FAILED,
    FRESH,
    MANIFEST,
    SAMPLES,
    WEIGHTS,
    Status,
    Store,
    read_csv,
    read_manifest,
)

if TYPE_CHECKING:
    from pathlib import Path

    from reproduce.evaluation import Evaluation

IMAGE_FLOATS = (
    *MILESTONE_IMAGES, *OTHER_IMAGE_METRICS, *RECOGNISED, *(f"{name}_original" for name in RECOGNISED),
)  # fmt: skip
PAIR_FLOATS = MILESTONE_PAIRS
IMAGE_KEY, PAIR_KEY, FRAME_KEY, DIGIT_KEY = ("path", "image"), ("path", "pair"), ("pair", "frame"), ("label",)
CURVE_KEY, MILESTONE_KEY = ("epoch",), ("epoch", "record", "item")
"""Columns that identify a row of each record; no row may occur twice."""
DIGIT_FLOATS = (*IMAGE_METRICS, *(f"{name}_sd" for name in IMAGE_METRICS), "changed")
MAY_BE_UNDEFINED = {
    "kl",
    "uniformity",
    "piq_over_floor",
    "test_uniformity",
    "test_piq_over_floor",
    "test_uniformity_sd",
    "test_piq_over_floor_sd",
    "epochs",
    "best_epoch",
    "validation_loss",
}
"""Scalars without a value for some models: those without a posterior, collapsed ones, and those without training."""
PROVENANCE_NUMBERS = (
    "training_seconds", "processor_clock", "evaluation_seconds", "inference_microseconds", "total_seconds", "resumed",
    "finished",
)  # fmt: skip
"""Numbers of the provenance that go into `Records.runs`; NaN where it has none."""
HARDWARE = ("gpu", "processor", "instruction_set")
"""Flags of the provenance that name the machine's kind; `hardware` in `Records.runs`."""
GPU, THEN = "NVIDIA", ", then "
"""In `hardware`: what every GPU's name has, and what stands between the devices that trained a run."""
FLAGS = ("collapsed",)


def measured(found: Sequence[Status]) -> bool:
    """Whether there is anything to read: a model's run has finished or failed, and a run or a baseline was measured."""
    trained = any(not status.run.is_reference and status.state in (FRESH, FAILED) for status in found)
    return trained and any(status.state == FRESH for status in found)


def assemble(store: Store, found: Sequence[Status]) -> Records:
    """Records of the fresh and the failed runs among these. Raises ReproduceError if there are none, if a value is not
    finite, or if two runs have equal weights or metrics.

    If every run failed, all frames except `runs` have only the baselines' rows.
    """
    if not measured(found):
        raise ReproduceError(
            f"no finished runs of profile '{store.protocol.name}' below {store.folder}: "
            f"run `python -m reproduce run --profile {store.protocol.name}` first"
        )
    fresh = [status for status in found if status.state == FRESH]
    distinct_weights(fresh)
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in _FRAMES}
    rows: list[dict[str, object]] = []
    for status in found:
        if status.state not in (FRESH, FAILED):
            continue
        if status.state == FAILED:
            rows.append(
                {**identity(status.run), "status": "failed", "reason": status.why}
                | provenance_columns(store, status.run, status.folder)
            )
            continue
        assert status.folder is not None
        row = scalars(store, status.run, status.folder)
        rows.append(row)
        for name, record in _FRAMES.items():
            if record.trained and status.run.is_reference:
                continue
            what = f"{status.folder / record.file}"
            frame = read_csv(store.read(status.folder, record.file), record.columns, what)
            finite(frame, record.finite, what)
            numeric(frame, record.undefined, what)
            unique(frame, record.key, what)
            frames[name].append(frame.assign(**identity(status.run)))
    table = pd.DataFrame(rows)
    distinct_metrics(table)
    folders = {status.run: status.folder for status in fresh if status.folder is not None}
    joined = {
        name: pd.concat(parts or [_nothing(_FRAMES[name])], ignore_index=True)
        for name, parts in frames.items()
    }

    def samples(architecture: str, seed: int, variant: str) -> dict[str, np.ndarray]:
        if architecture == "originals":
            arrays = read_samples(store, folders, RunId(next(iter(REFERENCES)), REFERENCE_SEED))
            prefix = "originals/"
            return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        return read_samples(store, folders, RunId(architecture, seed, variant))

    return Records(
        profile=store.protocol.name,
        runs=table,
        load_samples=samples,
        **joined,
    )


class _Record(NamedTuple):
    """A record's file, and its columns that are read. key: they identify a row. finite: they must be finite numbers.
    undefined: they may have no value, if an interpolation does not move."""

    file: str
    key: tuple[str, ...]
    finite: tuple[str, ...]
    undefined: tuple[str, ...] = ()
    trained: bool = False
    """Whether training writes it; a reference has none."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the file must have."""
        return *self.key, *self.finite, *self.undefined


_FRAMES: dict[str, _Record] = {
    "images": _Record("images.csv", IMAGE_KEY, ("label", *IMAGE_FLOATS)),
    "pairs": _Record(
        "pairs.csv",
        PAIR_KEY,
        ("first", "second", "first_label", "second_label", *PAIR_FLOATS),
        ("uniformity", "piq_over_floor"),
    ),
    "frames": _Record("frames.csv", FRAME_KEY, RECOGNISED),
    "digits": _Record("digits.csv", DIGIT_KEY, ("n", *DIGIT_FLOATS)),
    "curves": _Record("history.csv", CURVE_KEY, ("training_loss", "validation_loss"), trained=True),
    "milestones": _Record(
        "milestones.csv", MILESTONE_KEY, ("revision",), (*MILESTONE_IMAGES, *MILESTONE_PAIRS), trained=True
    ),
}
NEEDED = (
    *ALL_METRICS, *OTHER_IMAGE_METRICS, "uniformity", "end_distance", "piq_over_floor",
    "test_ssim", "test_mse", "test_piq", "stuck_pixels", "code_size",
    "code_sd", "active_units", "mse_ratio", "kl", "epochs", "best_epoch", "validation_loss",
    "parameters", "parameters_encoder", "parameters_decoder", "peak_memory_mib",
)  # fmt: skip
"""Scalars without which a run cannot be shown or compared."""


def _nothing(record: _Record) -> pd.DataFrame:
    """A record without rows."""
    return pd.DataFrame(columns=[*record.columns, "architecture", "variant", "seed"])


def identity(run: RunId) -> dict[str, str | int]:
    """The three columns that every frame has."""
    return {"architecture": run.architecture, "variant": run.variant, "seed": run.seed}


def scalars(store: Store, run: RunId, folder: Path) -> dict[str, object]:
    """One row of `Records.runs`."""
    path = folder / "scalars.json"
    try:
        content = json.loads(store.read(folder, path.name))
    except (ValueError, RecursionError) as error:
        raise ReproduceError(f"{path} is not JSON") from error
    lacking = [name for name in (*NEEDED, *FLAGS) if not isinstance(content, dict) or name not in content]
    if lacking:
        raise ReproduceError(f"{path} lacks {lacking[0]}")
    row: dict[str, object] = {**identity(run), "status": "fresh", "reason": ""}
    for name, value in content.items():
        if name in row or not (_is_finite(value) or (value is None and may_be_undefined(name))):
            raise ReproduceError(f"{path}: {name[:40]!r} is not a finite number")
        row[name] = math.nan if value is None else float(value)
    for name in FLAGS:
        row[name] = bool(content[name])
    return row | provenance_columns(store, run, folder)


def may_be_undefined(name: str) -> bool:
    """Whether a scalar of that name may have no value."""
    return name in MAY_BE_UNDEFINED or name.startswith("diag_")


def refused(found: Evaluation) -> str:
    """The first measurement of a run that `assemble` would refuse, as "pairs: piq is nan"; "" if there is none."""
    for name, value in found.scalars.items():
        if math.isinf(value) or (math.isnan(value) and not may_be_undefined(name)):
            return f"{name} is {value}"
    for name, record in _FRAMES.items():
        for column in () if record.trained else record.finite:
            values = getattr(found, name)[column].to_numpy()
            if not np.isfinite(values).all():
                return f"{name}: {column} is {values[~np.isfinite(values)][0]}"
    for name, values in found.samples.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            return f"{name}: a value is {values[~np.isfinite(values)][0]}"
    return ""


def provenance_columns(store: Store, run: RunId, folder: Path | None) -> dict[str, object]:
    """The columns of `Records.runs` from the provenance: PROVENANCE_NUMBERS, and the hardware in words ("" if that
    is not known). A run that was trained on two devices has no training time."""
    provenance = store.provenance(run, folder)
    numbers = {name: _number(provenance.get(name)) for name in PROVENANCE_NUMBERS}
    trained_on = provenance.get("devices")
    if isinstance(trained_on, list) and len(trained_on) > 1:
        words = THEN.join(str(name)[:60] for name in trained_on)
        return numbers | {"training_seconds": math.nan, "hardware": words}
    known = provenance.get("flags", {})
    return numbers | {"hardware": " ".join(str(known[name])[:60] for name in HARDWARE if known.get(name))}


def _is_finite(value: object) -> bool:
    """Whether it is a number that fits into a finite float."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and _is_finite(value) else math.nan


def finite(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raises ReproduceError for a value that is missing or not finite."""
    values = frame[list(columns)].to_numpy()
    numeric = values.dtype.kind in "fiu"
    if not numeric or not np.isfinite(values).all():
        bad = next(c for c in columns if frame[c].dtype.kind not in "fiu" or not np.isfinite(frame[c]).all())
        raise ReproduceError(f"{what}: the column {bad} has a value that is not a finite number")


def numeric(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raises ReproduceError for a column with a value that is not a number; values may be missing."""
    for column in columns:
        if frame[column].dtype.kind not in "fiu":
            raise ReproduceError(f"{what}: the column {column} has a value that is not a number")


def unique(frame: pd.DataFrame, key: Sequence[str], what: str) -> None:
    """Raises ReproduceError if there are no rows, or if one occurs twice."""
    if frame.empty:
        raise ReproduceError(f"{what} has no rows")
    twice = frame.duplicated(list(key))
    if twice.any():
        named = ", ".join(str(value)[:40] for value in frame.loc[twice, list(key)].iloc[0])
        raise ReproduceError(f"{what} has a row twice ({named!r})")


def distinct_weights(fresh: Sequence[Status]) -> None:
    """Raises ReproduceError, naming both, if two runs have equal weights by the checksums in their manifests."""
    owners: dict[str, RunId] = {}
    for status in fresh:
        assert status.folder is not None
        checksum = read_manifest(status.folder / MANIFEST)["files"][WEIGHTS]["sha256"]
        owner = owners.setdefault(checksum, status.run)
        if owner != status.run:
            raise ReproduceError(
                f"runs with equal weights: {owner}, {status.run}: one of them is not what it says"
            )


def distinct_metrics(table: pd.DataFrame) -> None:
    """Raises ReproduceError, naming them, if two runs have all metrics equal."""
    fresh = table[table["status"] == "fresh"]
    columns = ["ssim", "mse", "psnr", "mae", "piq", "iss", "test_mse"]
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
    path = folders[run] / SAMPLES
    if files.stored(path) is None:
        raise ReproduceError(
            f"{run}: its sample images were not published; `python -m reproduce run` makes them again"
        )
    try:
        arrays = safetensors.numpy.load(store.read(folders[run], path.name))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReproduceError(f"{path} cannot be read ({type(error).__name__})") from error
    for name, (kinds, axes) in SAMPLE_ARRAYS.items():
        if name not in arrays or arrays[name].dtype.kind not in kinds or arrays[name].ndim != axes:
            raise ReproduceError(f"{path} has no {name} as it should be")
        if arrays[name].dtype.kind == "f" and not np.isfinite(arrays[name]).all():
            raise ReproduceError(f"{path}: {name} has a value that is not finite")
    return arrays


SAMPLE_ARRAYS = {
    "reconstructions": ("u", 3),
    "frames": ("u", 4),
    "codes": ("f", 2),
    "code_labels": ("iu", 1),
    "code_images": ("iu", 1),
    "worst_images": ("iu", 1),
    "worst_originals": ("u", 3),
    "worst_reconstructions": ("u", 3),
    "stuck": ("u", 2),
}
"""Sample array → the kinds of dtype it may have, and its number of axes: see `evaluation.Evaluation`."""
