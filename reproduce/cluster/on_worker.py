"""What a worker does with a task."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from reproduce.cluster.messages import CRASHED, REFUSED, TOPIC, Event, keys_of, task_name
from reproduce.errors import ReproduceError, described
from reproduce.storage import files


def perform_on_worker(text: str, given: dict[str, bytes]) -> dict[str, Any]:
    """`performed`, or the exception that ended it as a line of text.

    Dask would send the exception itself, with its traceback, and a client that cannot unpickle it (a very deep one,
    for example) waits forever.
    """
    try:
        return performed(text, given)
    except ReproduceError as error:
        return {REFUSED: str(error)}
    except Exception as error:
        return {CRASHED: described(error)}


def performed(text: str, given: dict[str, bytes]) -> dict[str, Any]:
    """Perform the job of a `message` on a Dask worker and send its events to the client.

    Returns the outcome's fields and the keys as plain data: the outcome's class would make the client import torch.
    Raises ReproduceError if this worker cannot do the job: see `fit`.
    """
    from distributed import get_worker

    from reproduce.campaign import worker
    from reproduce.machine import devices

    me = get_worker()
    content = json.loads(text)
    keys = content.pop("keys")
    fit(me, content, keys)
    checkpoint = Path(content["checkpoint"])
    elsewhere = not checkpoint.is_absolute()
    if elsewhere:
        checkpoint = own_folder() / checkpoint
    job = worker.Job.from_json({**content, "trained": given or None, "checkpoint": str(checkpoint)})
    if job.device == "cuda":
        devices.take_turns(me.name)
    name = task_name(text, given)

    def notify(event: Event) -> None:
        me.log_event(TOPIC, {"task": name, "event": event})

    notify({"phase": "started"})
    found = vars(worker.perform(job, notify))
    if elsewhere:
        files.remove(checkpoint)
    return {**found, "keys": keys}


def fit(me: Any, job: dict[str, Any], keys: dict[str, str]) -> None:
    """Raises ReproduceError if the worker has another version of the project, several threads, or no GPU for a job."""
    from reproduce.machine import devices

    try:
        same = keys_of(job) == keys
    except (TypeError, KeyError, ReproduceError):  # a setting or a name that this version does not know
        same = False
    if not same:
        raise ReproduceError(
            f"the worker at {me.address} has another version of the project: install this one there"
        )
    if me.state.nthreads != 1:
        raise ReproduceError(
            f"the worker at {me.address} has {me.state.nthreads} threads, whose runs would share their random numbers: "
            "start it with --nthreads 1"
        )
    if job["device"] == "cuda" and devices.best_device()[0] != "cuda":
        raise ReproduceError(
            f"the worker at {me.address} has no CUDA device: start it on a machine with a GPU, or give --device cpu"
        )


def own_folder() -> Path:
    """Where a worker of an existing cluster keeps checkpoints: outside its own directory, which is deleted with it.

    The files are named by training key, so campaigns on one machine share a checkpoint only for the same run.
    """
    return Path(tempfile.gettempdir()) / f"reproduce-{os.getuid()}"
