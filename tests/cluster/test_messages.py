from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from reproduce.campaign import schedule, worker
from reproduce.cluster import messages
from reproduce.storage import runs
from reproduce.storage.runs import RunId
from reproduce.storage.store import MISSING, TRAINED, Status, Store
from tests.cluster.common import OTHER
from tests.tiny import AE, TINY, VAE


def test_a_task_is_json_and_what_is_given_bytes(store: Store) -> None:
    job = schedule.job_json(store, Status(VAE, "stale", "", retrain=False), "cpu")
    text, given = messages.message(job, local=True)
    assert {name: type(value) for name, value in given.items()} == dict.fromkeys(TRAINED, bytes)
    content = json.loads(text)
    assert content.pop("keys")["training"] == runs.training_key(TINY, VAE)
    sent = worker.Job.from_json({**content, "trained": given})
    assert (sent.run, sent.protocol) == (VAE, TINY)
    assert Path(sent.checkpoint).is_absolute()


def task_name(store: Store, run: RunId, **options: Any) -> str:
    job = schedule.job_json(store, Status(run, MISSING, ""), "cpu") | options
    return messages.task_name(*messages.message(job, local=False))


def test_only_the_very_same_job_has_the_same_name(store: Store, tmp_path: Path) -> None:
    elsewhere, other = Store(tmp_path / "elsewhere", TINY), Store(tmp_path, OTHER)
    more_pairs = Store(tmp_path, replace(TINY, whole_pairs=11))
    assert task_name(store, AE) == task_name(elsewhere, AE)
    names = [task_name(store, AE), task_name(store, VAE), task_name(other, AE), task_name(more_pairs, AE)]
    names += [task_name(store, AE, device="cuda")]
    names += [task_name(store, AE, trained={"weights.safetensors": given}) for given in (b"one", b"other")]
    assert len(set(names)) == len(names)
