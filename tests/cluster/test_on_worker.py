"""What a worker does with a task, and what the client makes of its answer."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reproduce.campaign import schedule, worker
from reproduce.cluster import client, messages, on_worker
from reproduce.errors import ReproduceError
from reproduce.storage.store import MISSING, Status, Store
from tests.tiny import AE, TINY

OTHER_VERSION = "has another version of the project: install this one"


class Done:
    """Stands for a future that has ended."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def cancelled(self) -> bool:
        return False

    def exception(self) -> None:
        return None

    def result(self) -> dict[str, Any]:
        return dict(self.found)


class OnWorker:
    """Stands for the Dask worker around a task."""

    address, name = "tcp://somewhere:1", "0"

    def __init__(self, threads: int = 1) -> None:
        self.events: list[dict[str, Any]] = []
        self.state = SimpleNamespace(nthreads=threads)

    def log_event(self, topic: str, content: dict[str, Any]) -> None:
        self.events.append(content)


@pytest.fixture
def me(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OnWorker:
    worker_of_dask = OnWorker()
    monkeypatch.setattr("distributed.get_worker", lambda: worker_of_dask)
    monkeypatch.setattr(on_worker, "own_folder", lambda: tmp_path / "own")
    return worker_of_dask


def job(**changes: Any) -> dict[str, Any]:
    """The AE's, of a campaign whose folder no worker sees."""
    return schedule.job_json(Store(Path("nowhere"), TINY), Status(AE, MISSING, ""), "cpu") | changes


def test_a_worker_elsewhere_keeps_its_checkpoint_to_itself_until_it_is_done(
    finished: Store, me: OnWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = on_worker.perform_on_worker(*messages.message(job(), local=False))
    assert found["files"]["weights.safetensors"] == (finished.path(AE) / "weights.safetensors").read_bytes()
    assert [event["event"].get("epoch") for event in me.events] == [None, 1, 2, None]
    assert list((tmp_path / "own").iterdir()) == []
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("place", "there", "message"),
    [
        ("reproduce.storage.runs.TRAINING_REVISION", 99, OTHER_VERSION),
        ("reproduce.storage.runs.EVALUATION_REVISION", 99, OTHER_VERSION),
        (
            "reproduce.machine.devices.best_device",
            lambda: ("cpu", ""),
            "has no CUDA device: .* --device cpu$",
        ),
        ("distributed.get_worker", lambda: OnWorker(4), "has 4 threads.*start it with --nthreads 1$"),
    ],
    ids=["training", "evaluation", "no GPU", "threads"],
)
def test_a_worker_that_is_none_for_the_job_refuses(
    me: OnWorker, monkeypatch: pytest.MonkeyPatch, place: str, there: object, message: str
) -> None:
    sent = messages.message(job(device="cuda"), local=False)
    monkeypatch.setattr(place, there)
    answer = Done(on_worker.perform_on_worker(*sent))
    with pytest.raises(ReproduceError, match=f"the worker at tcp://somewhere:1 {message}"):
        client.result(answer, None, {}, answer.result)
    assert me.events == []


@pytest.mark.parametrize("entry", ["protocol", "run"])
def test_a_worker_that_lacks_a_setting_or_an_architecture_has_another_version(
    me: OnWorker, entry: str
) -> None:
    changed = job()
    changed[entry] = changed[entry] | {"later": 1}
    with pytest.raises(ReproduceError, match=OTHER_VERSION):
        on_worker.fit(me, changed, messages.keys_of(job()))


def test_what_ends_a_job_comes_back_as_text(me: OnWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception whose traceback is too deep to be read back would have the client wait for ever."""

    def endless(job: worker.Job, notify: worker.Notify) -> worker.RunResult:
        return endless(job, notify)

    monkeypatch.setattr(worker, "perform", endless)
    crashed = Done(on_worker.perform_on_worker(*messages.message(job(), local=False)))
    error = "RecursionError: maximum recursion depth exceeded"
    assert client.result(crashed, None, {}, crashed.result) == error


def test_while_a_result_is_fetched_somebody_looks_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that had it may have died for good."""
    monkeypatch.setattr(client, "WATCH_SECONDS", 0.05)
    loop, looked = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def gather(future: Done, asynchronous: bool) -> dict[str, Any]:
        while not looked.is_set():
            await asyncio.sleep(0.01)
        return future.result()

    dask_client: Any = SimpleNamespace(gather=gather, loop=SimpleNamespace(asyncio_loop=loop))
    watch: Any = SimpleNamespace(look=looked.set)
    assert client.fetched(dask_client, Done({"a": 1}), watch) == {"a": 1}
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize("lacking", ["training", "evaluation", "keys"])
def test_a_result_of_another_version_is_not_taken(lacking: str) -> None:
    keys = {"training": "a", "evaluation": "b"}
    found: dict[str, Any] = {"files": {}, "provenance": {}, "failure": None, "keys": keys}
    assert client.result(Done(found), None, keys, Done(found).result) == worker.RunResult({}, {})
    other = {name: key for name, key in found.items() if name != "keys"}
    if lacking != "keys":
        other["keys"] = keys | {lacking: "of another version"}
    with pytest.raises(ReproduceError, match=f"a worker {OTHER_VERSION}"):
        client.result(Done(other), None, keys, Done(other).result)
