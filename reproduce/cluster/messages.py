"""The messages between client and workers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from reproduce.protocol import Protocol
from reproduce.storage import files, runs
from reproduce.storage.runs import RunId

Event = dict[str, Any]
TOPIC = "reproduce"
"""Dask's topic for the events that workers send."""
REFUSED, CRASHED = "refused", "crashed"
"""Keys of a worker's answer without an outcome: the first ends the campaign, the second only this run."""


def message(job: dict[str, Any], local: bool) -> tuple[str, dict[str, bytes]]:
    """A job and its keys as JSON, and the files that go with it. A worker on another machine chooses the folder of its
    checkpoint."""
    given = job["trained"] or {}
    plain = {name: value for name, value in job.items() if name != "trained"}
    path = Path(job["checkpoint"])
    plain |= {"checkpoint": str(path.absolute() if local else path.name), "keys": keys_of(job)}
    return json.dumps(plain), given


def keys_of(job: dict[str, Any]) -> dict[str, str]:
    """The keys of the job's training and evaluation, computed by this process's version of the project.

    The evaluation's key is computed without weights, which are not known before the run.
    """
    protocol, run = Protocol.of(job["protocol"]), RunId(**job["run"])
    return {"training": runs.training_key(protocol, run), "evaluation": runs.evaluation_key(protocol, "")}


def task_name(text: str, given: dict[str, bytes]) -> str:
    """A hash that identifies the job: Dask runs two tasks of the same name only once, even from two clients."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(given):
        digest.update(f"{name}:{files.sha256(given[name])}".encode())
    return digest.hexdigest()
