from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproduce import campaign, worker
from reproduce.cluster import client, messages, on_worker
from reproduce.errors import ReproduceError
from reproduce.store import MISSING, Status, Store
from tests.cluster.common import AE, Done
from tests.tiny import TINY


class OnWorker:
    """Stands for the Dask worker around a task."""

    address, name = "tcp://somewhere:1", "0"

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.state = SimpleNamespace(nthreads=1)

    def log_event(self, topic: str, content: dict[str, Any]) -> None:
        self.events.append(content)


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OnWorker:
    worker_of_dask = OnWorker()
    monkeypatch.setattr("distributed.get_worker", lambda: worker_of_dask)
    monkeypatch.setattr(on_worker, "own_folder", lambda: tmp_path / "own")
    return worker_of_dask


def test_a_worker_elsewhere_keeps_its_checkpoint_to_itself_until_it_is_done(
    store: Store, finished: Store, me: OnWorker, tmp_path: Path
) -> None:
    job = campaign.job_json(Store(tmp_path / "nowhere", TINY), Status(AE, MISSING, ""), "cpu")
    found = on_worker.perform_on_worker(*messages.message(job, local=False))
    assert found["files"]["weights.safetensors"] == (finished.path(AE) / "weights.safetensors").read_bytes()
    assert [event["event"].get("epoch") for event in me.events] == [None, 1, 2, None]
    assert list((tmp_path / "own").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("revision", ["TRAINING_REVISION", "EVALUATION_REVISION"])
def test_a_worker_with_another_version_of_the_project_refuses(
    store: Store, me: OnWorker, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    message = messages.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    monkeypatch.setattr(f"reproduce.runs.{revision}", 99)
    with pytest.raises(ReproduceError, match="tcp://somewhere:1 has another version of the project: install"):
        on_worker.performed(*message)


def test_a_worker_that_lacks_a_setting_or_an_architecture_has_another_version(me: OnWorker) -> None:
    job = campaign.job_json(Store(Path(), TINY), Status(AE, MISSING, ""), "cpu")
    for changed in (
        job | {"protocol": job["protocol"] | {"later": 1}},
        job | {"run": job["run"] | {"architecture": "later"}},
    ):
        with pytest.raises(ReproduceError, match="has another version of the project"):
            on_worker.fit(me, changed, messages.keys_of(job))


def test_a_worker_of_several_threads_refuses(store: Store, me: OnWorker) -> None:
    me.state.nthreads = 4
    message = messages.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    with pytest.raises(ReproduceError, match=r"tcp://somewhere:1 has 4 threads.*start it with --nthreads 1$"):
        on_worker.performed(*message)
    assert me.events == []


def test_what_ends_a_job_comes_back_as_text(
    store: Store, me: OnWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception whose traceback is too deep to be read back would have the client wait for ever."""

    def endless(job: worker.Job, notify: worker.Notify) -> worker.Outcome:
        return endless(job, notify)

    message = messages.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    monkeypatch.setattr(worker, "perform", endless)
    crashed = Done(on_worker.perform_on_worker(*message))
    assert client.result(crashed, None, {}) == "RecursionError: maximum recursion depth exceeded"
    me.state.nthreads = 2
    refused = Done(on_worker.perform_on_worker(*message))
    with pytest.raises(ReproduceError, match="has 2 threads"):
        client.result(refused, None, {})


def test_a_worker_without_a_gpu_refuses_what_is_for_one(
    store: Store, me: OnWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reproduce.devices.best_device", lambda: ("cpu", "no CUDA device"))
    message = messages.message(campaign.job_json(store, Status(AE, MISSING, ""), "cuda"), local=False)
    with pytest.raises(ReproduceError, match=r"tcp://somewhere:1 has no CUDA device: .* give --device cpu$"):
        on_worker.performed(*message)
