"""What one worker does: a run from its settings to the bytes of its files. It writes nothing but its checkpoint."""

from __future__ import annotations

import io
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reproduce import evaluation, training
from reproduce.architectures import baselines
from reproduce.architectures.contract import Architecture
from reproduce.datasets import Dataset, load
from reproduce.errors import ReproduceError
from reproduce.machine import devices
from reproduce.protocol import Protocol
from reproduce.storage import files, reading, runs
from reproduce.storage.runs import RunId
from reproduce.storage.store import HISTORY, MILESTONES, WEIGHTS, RunResult, read_csv

Notify = Callable[[dict[str, Any]], None]

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pythae", "safetensors", "pandas")


@dataclass(frozen=True)
class Job:
    """One run to be done.

    checkpoint: path of the worker's checkpoint. graphs: whether steps on a GPU are captured and replayed. trained:
    the files of `store.TRAINED`, when only the evaluation is due.
    """

    protocol: Protocol
    run: RunId
    device: str
    checkpoint: str
    trained: dict[str, bytes] | None = None
    graphs: bool = True

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Job:
        """The inverse of `dataclasses.asdict`."""
        return cls(**content | {"protocol": Protocol.of(content["protocol"]), "run": RunId(**content["run"])})


def array_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """The arrays as safetensors without metadata."""
    return safetensors.numpy.save({name: np.ascontiguousarray(value) for name, value in arrays.items()})


def perform(job: Job, notify: Notify) -> RunResult:
    """Train (unless the weights are given), evaluate, and return everything as bytes.

    A run whose loss or measurements are not finite is an outcome with a failure. On the CPU everything uses one thread,
    including the libraries of numpy and scikit-learn, whatever the environment variables say.
    """
    with threadpool_limits(limits=1):
        return _perform(job, notify)


def _perform(job: Job, notify: Notify) -> RunResult:
    devices.configure(job.device, job.protocol.tf32)
    started = time.time()
    data = load(job.protocol)
    provenance: dict[str, Any] = {
        "host": platform.node(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "flags": devices.flags(job.device),
        "started": started,
    }
    if job.run.is_reference:
        return _reference(job, data, provenance)
    try:
        contents, effort = _trained(job, data, notify)
    except training.TrainingFailed as failed:
        failure = {"epoch": failed.epoch, "reason": failed.reason}
        return RunResult({}, provenance | {"total_seconds": time.time() - started}, failure)
    notify({"phase": "evaluating"})
    trained = time.time()
    architecture = training.fresh_architecture(
        job.run.architecture, job.run.variant, job.protocol, job.run.seed
    )
    architecture.load_state_dict(training.deserialise(contents[WEIGHTS]))
    found = evaluation.evaluate(architecture, job.protocol, data, job.run.seed, job.device)
    losses = pd.read_csv(io.BytesIO(contents[HISTORY]))["validation_loss"].tolist()
    best = int(np.argmin(losses)) + 1
    found.scalars.update(
        epochs=float(len(losses)),
        best_epoch=float(best),
        validation_loss=float(min(losses)),
        collapsed=float(evaluation.collapsed(found.scalars)),
    )
    done = time.time()
    provenance |= effort | {
        "evaluation_seconds": done - trained,
        "total_seconds": done - started,
        **found.timing,
    }
    if reason := reading.refused(found):
        return RunResult(contents, provenance, {"epoch": best, "reason": reason})
    return RunResult(contents | evaluation_files(found), provenance)


def _trained(job: Job, data: Dataset, notify: Notify) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of `store.TRAINED`, and for the provenance how long training took, on which devices, and how often it
    resumed from a checkpoint (empty when only the evaluation was due)."""
    if job.trained is not None:
        require_whole(job, job.trained)
        return job.trained, {}

    def build() -> Architecture:
        return training.fresh_architecture(job.run.architecture, job.run.variant, job.protocol, job.run.seed)

    def measure(architecture: Architecture, epoch: int) -> pd.DataFrame:
        evaluator = evaluation.Evaluator(architecture, job.protocol, data, job.run.seed, job.device)
        return evaluator.milestone(epoch)

    protocol = runs.protocol_of(job.protocol, job.run)
    trained = training.train(
        build, protocol, data, job.run.seed, job.device, Path(job.checkpoint), measure, notify, job.graphs
    )
    history = files.csv_bytes(pd.DataFrame(trained.history).astype({"epoch": int}))
    effort = {
        "training_seconds": trained.seconds,
        "processor_clock": int(job.device == "cpu"),
        "resumed": trained.resumed,
        "devices": trained.devices,
    }
    weights = training.serialise(trained.weights)
    return {WEIGHTS: weights, HISTORY: history, MILESTONES: trained.milestones}, effort


def require_whole(job: Job, trained: Mapping[str, bytes]) -> None:
    """Raises ReproduceError, naming the file, when an earlier training result cannot be evaluated again.

    That ends the campaign: the checksum matches, so the file was put there on purpose.
    """
    run, remedy = job.run, "move the run's folder away, and it is trained again"
    architecture = training.fresh_architecture(run.architecture, run.variant, job.protocol, run.seed)
    try:
        tensors = training.deserialise(trained[WEIGHTS])
        architecture.load_state_dict(tensors)
    except (ValueError, RuntimeError) as error:
        raise ReproduceError(
            f"the weights.safetensors of {run} is not that of its model: {remedy}"
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ReproduceError(f"the weights.safetensors of {run} has a value that is not finite: {remedy}")
    losses = read_csv(trained[HISTORY], ["validation_loss"], f"the history.csv of {run}")["validation_loss"]
    if losses.empty or losses.dtype.kind not in "iuf" or not np.isfinite(losses.to_numpy()).all():
        raise ReproduceError(f"the history.csv of {run} has a loss that is not finite, or none: {remedy}")


def _reference(job: Job, data: Dataset, provenance: dict[str, Any]) -> RunResult:
    """Fit a baseline and evaluate it like a run; it also keeps the originals of all sample images."""
    weights = dict(baselines.fit(job.run.architecture, data.train))
    found = evaluation.evaluate(baselines.build(weights), job.protocol, data, job.run.seed, job.device)
    for name in ("epochs", "best_epoch", "validation_loss"):
        found.scalars[name] = float("nan")
    found.scalars.update(collapsed=float(evaluation.collapsed(found.scalars)))
    found.samples.update(
        {f"originals/{name}": value for name, value in evaluation.originals(job.protocol, data).items()}
    )
    contents = {WEIGHTS: training.serialise(weights)} | evaluation_files(found)
    return RunResult(contents, provenance | {"training_seconds": 0.0, **found.timing})


def evaluation_files(found: evaluation.Evaluation) -> dict[str, bytes]:
    """The evaluation's files: name → bytes."""
    return {
        "images.csv": files.csv_bytes(found.images),
        "pairs.csv": files.csv_bytes(found.pairs),
        "frames.csv": files.csv_bytes(found.frames),
        "digits.csv": files.csv_bytes(found.digits),
        "samples.safetensors": array_bytes(found.samples),
        "scalars.json": runs.canonical(
            {name: None if np.isnan(value) else value for name, value in found.scalars.items()}
        ),
    }
