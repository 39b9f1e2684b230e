from __future__ import annotations

from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from reproduce.cluster import client, clusters
from reproduce.cluster import workers as workers_module
from reproduce.errors import ReproduceError
from reproduce.storage.runs import RunId
from reproduce.storage.store import MISSING, Store
from tests.cluster.common import LONGER, STARTING, Events
from tests.tiny import AE, RUNS, SVAE, TINY, VAE, contents, once

pytestmark = STARTING


@pytest.mark.parametrize(("asked", "answer"), [(False, 404), (True, 200)])
def test_a_dashboard_is_shown_only_if_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: bool, answer: int
) -> None:
    """Without bokeh, Dask's page says that bokeh is missing."""
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: name)
    with clusters.local_cluster(0, dashboard=asked) as (client, _):
        address = urlsplit(client.dashboard_link)
        assert address.hostname == "127.0.0.1"
        connection = HTTPConnection("127.0.0.1", address.port)
        connection.request("GET", "/status")
        assert connection.getresponse().status == answer
        connection.close()


def test_where_the_dashboard_is_concerns_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: name)
    events: Events = []
    assert list(client.perform([], lambda *event: events.append(event), 0, None, dashboard=True)) == []
    ((run, event),) = events
    assert run is None
    assert event["warning"].startswith("Dask's dashboard is at http://127.0.0.1:")


def test_a_dashboard_without_what_draws_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ReproduceError, match="--dashboard needs bokeh, which is not installed: install it"):
        once(Store(tmp_path, TINY), jobs=2, dashboard=True)


def workers() -> list[psutil.Process]:
    """The worker processes that this process has."""
    return [child for child in psutil.Process().children() if workers_module.MODULE in child.cmdline()]


@pytest.mark.slow
def test_two_workers_give_the_same_bits_as_one_whatever_dask_is_told(
    finished: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SCHEDULER__PRELOAD", "WORKER__PRELOAD", "CLIENT__PRELOAD"):
        monkeypatch.setenv(f"DASK_DISTRIBUTED__{name}", "['nosuchmodule']")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "True")
    store = Store(tmp_path, finished.protocol)
    assert set(once(store, jobs=2).done) == set(RUNS)
    assert contents(store.folder) == contents(finished.folder)


@pytest.mark.slow
def test_workers_killed_in_mid_run_cost_nothing_and_change_nothing(tmp_path: Path) -> None:
    expected, store = Store(tmp_path / "one", LONGER), Store(tmp_path / "two", LONGER)
    once(expected, (AE, VAE))
    events: Events = []
    killed: list[psutil.Process] = []

    def kill_all_at_the_first_epoch(run: RunId | None, event: dict[str, Any]) -> None:
        events.append((run, event))
        if "epoch" in event and not killed:
            killed.extend(workers())
            for process in killed:
                process.kill()

    report = once(store, (AE, VAE), jobs=2, listener=kill_all_at_the_first_epoch)
    assert len(killed) == 2
    assert (set(report.done), report.failed) == ({AE, VAE}, {})
    started = Counter(run for run, event in events if event.get("phase") == "started")
    assert max(started.values()) > 1, "the killed run was not given to a fresh worker"
    assert contents(store.folder) == contents(expected.folder)
    assert workers() == []


@pytest.mark.slow
def test_a_result_that_dies_with_every_worker_before_it_is_fetched_is_made_again(
    finished: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, killed = client.result, []

    def kill_all_before_the_first(*arguments: Any) -> Any:
        if not killed:
            killed.extend(workers())
            for process in killed:
                process.kill()
        return honest(*arguments)

    monkeypatch.setattr(client, "result", kill_all_before_the_first)
    store = Store(tmp_path, finished.protocol)
    assert set(once(store, jobs=2).done) == set(RUNS)
    assert len(killed) == 2
    assert contents(store.folder) == contents(finished.folder)


def preloaded(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every worker process run the code when it starts."""
    runs = (
        f"\nimport runpy\nrunpy.run_module('{workers_module.MODULE}', run_name='__main__', alter_sys=True)\n"
    )
    (folder / "preloaded.py").write_text(code + runs)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr(workers_module, "MODULE", "preloaded")


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["raise ImportError('broken')", "import os; os._exit(1)"])
def test_workers_that_cannot_start_end_a_campaign_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    preloaded(broken, tmp_path, monkeypatch)
    monkeypatch.setattr(client, "WATCH_SECONDS", 1)
    with pytest.raises(ReproduceError, match=r"the worker processes die while they start .out of memory\?"):
        once(Store(tmp_path, TINY), jobs=2)


@pytest.mark.slow
def test_runs_that_kill_every_worker_or_crash_fail_alone_and_say_so(
    finished: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does when a run needs more memory than there is; and a mistake with a very deep traceback."""
    deadly = (
        "import os, signal\n"
        "from reproduce import training\n"
        "honest = training.fresh_architecture\n"
        "def build(slug, *settings):\n"
        "    if slug == 'svae':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return build(slug, *settings) if slug == 'ae' else honest(slug, *settings)\n"
        "training.fresh_architecture = build\n"
    )
    preloaded(deadly, tmp_path, monkeypatch)
    store = Store(tmp_path / "results", TINY)
    report = once(store, jobs=2)
    assert set(report.failed) == {SVAE, AE}
    assert report.failed[SVAE].startswith(
        "every worker that had this run was killed, perhaps for lack of memory"
    )
    assert report.failed[AE] == "RecursionError: maximum recursion depth exceeded"
    assert set(report.done) == set(RUNS) - {SVAE, AE}
    assert report.exit_code == 1
    assert store.status(SVAE).state == MISSING
    assert contents(store.path(VAE)) == contents(finished.path(VAE))
