from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import dask
import distributed  # noqa: F401 (dask has its settings only then, and a test changes them)
import psutil
import pytest

from reproduce import campaign, cluster, runs, training, worker
from reproduce.campaign import Report
from reproduce.errors import ReproduceError
from reproduce.protocol import shortened
from reproduce.runs import RunId
from reproduce.store import FRESH, MANIFEST, MISSING, PARTIAL, Status, Store
from tests.tiny import ENDLESS, ONLY, RUNS, TINY, contents

pytestmark = pytest.mark.timeout(1800)
"""Each worker process imports torch anew: seconds on a machine of one's own, minutes on one that others use."""

AE, VAE, SVAE = RunId("ae", 1), RunId("vae", 1), RunId("svae", 1)
OTHER = shortened(TINY, name="other", learning_rate_scale=5.0)
LONGER = shortened(TINY, epochs=40)
"""Long enough to be in the middle of when an event has made its way."""
Events = list[tuple[RunId | None, dict[str, Any]]]


def once(store: Store, wanted: tuple[RunId, ...] = RUNS, **options: Any) -> Report:
    return campaign.execute(store, wanted, device="cpu", **{"jobs": 1, **options})


def until(condition: Callable[[], Any], seconds: float = 400) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


# --- messages -----------------------------------------------------------------------------------------


def test_a_task_is_json_and_what_is_given_bytes(store: Store) -> None:
    job = campaign.job_json(store, Status(VAE, "stale", "", retrain=False), "cpu")
    text, given = cluster.message(job, local=True)
    assert {name: type(value) for name, value in given.items()} == {"weights": bytes, "history": bytes}
    content = json.loads(text)
    assert content.pop("keys")["training"] == runs.training_key(TINY, VAE)
    sent = worker.Job.from_json({**content, **given})
    assert (sent.run, sent.protocol) == (VAE, TINY)
    assert Path(sent.checkpoint).is_absolute()


def test_a_worker_elsewhere_is_told_no_folder_of_ours(store: Store) -> None:
    text, given = cluster.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    assert given == {}
    assert json.loads(text)["checkpoint"] == store.checkpoint(AE).name
    assert str(store.folder) not in text


def task_name(store: Store, run: RunId, **options: Any) -> str:
    job = campaign.job_json(store, Status(run, MISSING, ""), "cpu") | options
    return cluster.task_name(*cluster.message(job, local=False))


def test_only_the_very_same_job_has_the_same_name(store: Store, tmp_path: Path) -> None:
    elsewhere, other = Store(tmp_path / "elsewhere", TINY), Store(tmp_path, OTHER)
    more_pairs = Store(tmp_path, shortened(TINY, whole_pairs=11))
    assert task_name(store, AE) == task_name(elsewhere, AE)
    names = [task_name(store, AE), task_name(store, VAE), task_name(other, AE), task_name(more_pairs, AE)]
    names += [task_name(store, AE, device="cuda")]
    names += [task_name(store, AE, weights=given, history=b"") for given in (b"one", b"other")]
    assert len(set(names)) == len(names)


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


@pytest.mark.parametrize("lacking", ["training", "evaluation", "keys"])
def test_a_result_of_another_version_is_not_taken(lacking: str) -> None:
    keys = {"training": "a", "evaluation": "b"}
    found: dict[str, Any] = {"files": {}, "stamp": {}, "failure": None, "keys": keys}
    assert cluster.result(Done(found), None, keys) == worker.Outcome({}, {})
    other = {name: key for name, key in found.items() if name != "keys"}
    if lacking != "keys":
        other["keys"] = keys | {lacking: "of another version"}
    with pytest.raises(ReproduceError, match="a worker has another version of the project: install this one"):
        cluster.result(Done(other), None, keys)


class OnWorker:
    """Stands for the Dask worker around a task."""

    address, name = "tcp://somewhere:1", "0"

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.state = SimpleNamespace(nthreads=1)

    def log_event(self, topic: str, content: dict[str, Any]) -> None:
        self.events.append(content)


@pytest.fixture
def on_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OnWorker:
    me = OnWorker()
    monkeypatch.setattr("distributed.get_worker", lambda: me)
    monkeypatch.setattr(cluster, "own_folder", lambda: tmp_path / "own")
    return me


def test_a_worker_elsewhere_keeps_its_checkpoint_to_itself_until_it_is_done(
    store: Store, finished: Store, on_worker: OnWorker, tmp_path: Path
) -> None:
    job = campaign.job_json(Store(tmp_path / "nowhere", TINY), Status(AE, MISSING, ""), "cpu")
    found = cluster.perform_on_worker(*cluster.message(job, local=False))
    assert found["files"]["weights.safetensors"] == (finished.path(AE) / "weights.safetensors").read_bytes()
    assert [event["event"].get("epoch") for event in on_worker.events] == [None, 1, 2, None]
    assert list((tmp_path / "own").iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("revision", ["TRAINING_REVISION", "EVALUATION_REVISION"])
def test_a_worker_with_another_version_of_the_project_refuses(
    store: Store, on_worker: OnWorker, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    message = cluster.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    monkeypatch.setattr(f"reproduce.runs.{revision}", 99)
    with pytest.raises(ReproduceError, match="tcp://somewhere:1 has another version of the project: install"):
        cluster.performed(*message)


def test_a_worker_that_lacks_a_setting_or_an_architecture_has_another_version(on_worker: OnWorker) -> None:
    job = campaign.job_json(Store(Path(), TINY), Status(AE, MISSING, ""), "cpu")
    for changed in (
        job | {"protocol": job["protocol"] | {"later": 1}},
        job | {"run": job["run"] | {"architecture": "later"}},
    ):
        with pytest.raises(ReproduceError, match="has another version of the project"):
            cluster.fit(on_worker, changed, cluster.keys_of(job))


def test_a_worker_of_several_threads_refuses(store: Store, on_worker: OnWorker) -> None:
    on_worker.state.nthreads = 4
    message = cluster.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    with pytest.raises(ReproduceError, match=r"tcp://somewhere:1 has 4 threads.*start it with --nthreads 1$"):
        cluster.performed(*message)
    assert on_worker.events == []


def test_what_ends_a_job_comes_back_as_text(
    store: Store, on_worker: OnWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception whose traceback is too deep to be read back would have the client wait for ever."""

    def endless(job: worker.Job, notify: worker.Notify) -> worker.Outcome:
        return endless(job, notify)

    message = cluster.message(campaign.job_json(store, Status(AE, MISSING, ""), "cpu"), local=False)
    monkeypatch.setattr(worker, "perform", endless)
    crashed = Done(cluster.perform_on_worker(*message))
    assert cluster.result(crashed, None, {}) == "RecursionError: maximum recursion depth exceeded"
    on_worker.state.nthreads = 2
    refused = Done(cluster.perform_on_worker(*message))
    with pytest.raises(ReproduceError, match="has 2 threads"):
        cluster.result(refused, None, {})


def test_a_worker_without_a_gpu_refuses_what_is_for_one(
    store: Store, on_worker: OnWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reproduce.devices.best_device", lambda: ("cpu", "no CUDA device"))
    message = cluster.message(campaign.job_json(store, Status(AE, MISSING, ""), "cuda"), local=False)
    with pytest.raises(ReproduceError, match=r"tcp://somewhere:1 has no CUDA device: .* give --device cpu$"):
        cluster.performed(*message)


# --- whether there are workers ------------------------------------------------------------------------


class World:
    """What a watch sees: the time, the workers that are up, the processes that live."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.up, self.alive = 0.0, 0, set[int]()
        self.said: list[str] = []
        monkeypatch.setattr(cluster.time, "monotonic", lambda: self.now)

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": dict.fromkeys(range(self.up))}

    def watch(self, scheduler: str | None = None, workers: int = 2) -> cluster.Watch:
        return cluster.Watch(self, scheduler, workers, self.said.append, lambda: set(self.alive))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_processes_that_are_gone_for_good_end_a_campaign(world: World) -> None:
    watch = world.watch()
    world.now = cluster.GONE_SECONDS
    watch.look()
    world.now += 1
    with pytest.raises(ReproduceError, match=r"die while they start .* --jobs 1 needs none"):
        watch.look()


def test_processes_that_die_again_and_again_end_it_too(world: World) -> None:
    watch = world.watch(workers=2)
    for pid in range(2 * cluster.STARTS):
        world.alive = {pid}
        watch.look()
    world.alive = {4711}
    with pytest.raises(ReproduceError, match="die while they start"):
        watch.look()


def test_processes_that_start_slowly_are_waited_for_and_spoken_of_once(world: World) -> None:
    watch, world.alive = world.watch(), {1, 2}
    for world.now in range(0, 10 * cluster.SLOW_SECONDS, 60):
        watch.look()
    assert world.said == ["the workers are still starting"]


def test_a_worker_that_came_up_makes_everything_good(world: World) -> None:
    watch = world.watch()
    for _ in range(3):
        for world.up in (0, 1):
            world.now += cluster.GONE_SECONDS - 1
            watch.look()
    assert world.said == []


def test_an_existing_cluster_is_waited_for_as_long_as_it_takes(world: World) -> None:
    watch = world.watch("tcp://far:8786")
    for world.now in (0, 1e3, 1e6):
        watch.look()
    assert world.said == ["no worker at tcp://far:8786; waiting for one"]


# --- a cluster of this machine ------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "answer"), [(False, 404), (True, 200)])
def test_a_dashboard_is_shown_only_if_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: bool, answer: int
) -> None:
    """Without bokeh, Dask's page says that bokeh is missing."""
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: name)
    with cluster.local_cluster(0, dashboard=asked) as client:
        address = urlsplit(client.dashboard_link)
        assert address.hostname == "127.0.0.1"
        connection = HTTPConnection("127.0.0.1", address.port)
        connection.request("GET", "/status")
        assert connection.getresponse().status == answer
        connection.close()


def test_where_the_dashboard_is_concerns_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: name)
    events: Events = []
    assert list(cluster.perform([], lambda *event: events.append(event), 0, None, dashboard=True)) == []
    ((run, event),) = events
    assert run is None
    assert event["warning"].startswith("Dask's dashboard is at http://127.0.0.1:")


def test_a_dashboard_without_what_draws_it_is_one_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(store.path(AE))
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ReproduceError, match="--dashboard needs bokeh, which is not installed: install it"):
        once(store, jobs=2, dashboard=True)


@pytest.mark.slow
def test_two_workers_give_the_same_bits_as_one(finished: Store, tmp_path: Path) -> None:
    store = Store(tmp_path, finished.protocol)
    assert set(once(store, jobs=2).done) == set(RUNS)
    assert contents(store.folder) == contents(finished.folder)


@pytest.mark.slow
def test_workers_killed_in_mid_run_cost_nothing_and_change_nothing(tmp_path: Path) -> None:
    expected, store = Store(tmp_path / "one", LONGER), Store(tmp_path / "two", LONGER)
    once(expected, (AE, VAE))
    events: Events = []
    killed: list[int] = []

    def kill_all_at_the_first_epoch(run: RunId | None, event: dict[str, Any]) -> None:
        events.append((run, event))
        if "epoch" in event and not killed:
            for child in multiprocessing.active_children():
                if "Dask" in child.name and child.pid is not None:
                    killed.append(child.pid)
                    os.kill(child.pid, signal.SIGKILL)

    report = once(store, (AE, VAE), jobs=2, listener=kill_all_at_the_first_epoch)
    assert killed
    assert (set(report.done), report.failed) == ({AE, VAE}, {})
    started = Counter(run for run, event in events if event.get("phase") == "started")
    assert max(started.values()) > 1, "the killed run was not given to a fresh worker"
    assert contents(store.folder) == contents(expected.folder)
    assert not any(psutil.pid_exists(pid) for pid in killed)
    assert not [child for child in multiprocessing.active_children() if "Dask" in child.name]


@pytest.mark.slow
@pytest.mark.parametrize("preload", ["raise ImportError('broken')", "import os; os._exit(1)"])
def test_workers_that_cannot_start_end_a_campaign_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preload: str
) -> None:
    (tmp_path / "broken.py").write_text(preload)
    monkeypatch.setattr(cluster, "GONE_SECONDS", 3)
    monkeypatch.setattr(cluster, "WATCH_SECONDS", 1)
    with (
        dask.config.set({"distributed.worker.preload": [str(tmp_path / "broken.py")]}),
        pytest.raises(ReproduceError, match=r"the worker processes die while they start .out of memory\?"),
    ):
        once(Store(tmp_path, TINY), jobs=2)


@pytest.mark.slow
def test_runs_that_kill_every_worker_or_crash_fail_alone_and_say_so(finished: Store, tmp_path: Path) -> None:
    """As the kernel does when a run needs more memory than there is; and a mistake with a very deep traceback."""
    deadly = tmp_path / "deadly.py"
    deadly.write_text(
        "import os, signal\n"
        "from reproduce import training\n"
        # Dask imports a preload and imports it again
        "honest = vars(training).setdefault('honest', training.fresh_architecture)\n"
        "def build(slug, *settings):\n"
        "    if slug == 'svae':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return build(slug, *settings) if slug == 'ae' else honest(slug, *settings)\n"
        "training.fresh_architecture = build\n"
    )
    store = Store(tmp_path / "results", TINY)
    with dask.config.set({"distributed.worker.preload": [str(deadly)]}):
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


# --- Ctrl-C and sudden death --------------------------------------------------------------------------


Command = Callable[..., "subprocess.Popen[str]"]
EVALUATING = "evaluating"
"""A file that says that an evaluation has begun."""
NEVER_EVALUATED = f"""
import pathlib, runpy, sys
from reproduce import evaluation
honest = evaluation.evaluate
def evaluate(architecture, protocol, data, seed, device):
    while seed == 1:
        pathlib.Path(sys.argv[sys.argv.index("--results") + 1], "{EVALUATING}").touch()
        honest(architecture, protocol, data, seed, device)
    return honest(architecture, protocol, data, seed, device)
evaluation.evaluate = evaluate
runpy.run_module("tests.tiny", run_name="__main__", alter_sys=True)
"""
"""A campaign of one process that trains and then measures for ever."""


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """Starts `python -m reproduce run` (on runs that never end, unless told otherwise)."""
    started = []

    def start(jobs: int, *code: str, profile: str = "endless") -> subprocess.Popen[str]:
        words = ["run", "--profile", profile, "--results", str(tmp_path), "--only", ONLY, "--jobs", str(jobs)]
        process = subprocess.Popen(
            [sys.executable, *(code or ("-m", "tests.tiny")), *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=Path.cwd(),
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], condition: Callable[[], Any]) -> None:
    """Wait until the command is so far."""
    until(lambda: process.poll() is not None or condition())
    assert process.poll() is None, process.communicate()[1]


@pytest.fixture
def endless(command: Command, tmp_path: Path) -> Command:
    """The same, and comes back once a run is in training."""

    def start(jobs: int) -> subprocess.Popen[str]:
        process = command(jobs)
        wait_for(process, lambda: list(tmp_path.rglob("checkpoint*.bin")))
        return process

    return start


def seconds_for_two() -> float:
    """What two seconds are on a machine that others use too."""
    return 2 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_at_once_and_leaves_what_the_same_command_goes_on_from(
    endless: Command, tmp_path: Path, jobs: int
) -> None:
    process = endless(jobs)
    assert interrupted(process) >= (2 if jobs == 2 else 0)
    store = Store(tmp_path, ENDLESS)
    assert {store.status(run, verify=True).state for run in RUNS} <= {FRESH, MISSING, PARTIAL}
    checkpoints = list(tmp_path.rglob("checkpoint*.bin"))
    assert checkpoints
    for path in checkpoints:
        training.unsealed(path.read_bytes())


def interrupted(process: subprocess.Popen[str]) -> int:
    """Ctrl-C: the command and its children end at once, with one line. Returns how many children there were."""
    children = psutil.Process(process.pid).children(recursive=True)
    before = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody
    _, errors = process.communicate(timeout=60)
    seconds = time.monotonic() - before
    assert process.returncode == 130
    assert errors == "interrupted; the same command goes on from here\n"
    assert seconds < seconds_for_two()
    assert psutil.wait_procs(children, timeout=20)[1] == []
    return len(children)


@pytest.mark.slow
def test_ctrl_c_stops_at_once_while_workers_start(command: Command, tmp_path: Path) -> None:
    process = command(2)
    wait_for(process, lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 2)
    interrupted(process)
    store = Store(tmp_path, ENDLESS)
    assert {store.status(run, verify=True).state for run in RUNS} == {MISSING}


@pytest.mark.slow
def test_ctrl_c_in_an_evaluation_costs_no_training(command: Command, tmp_path: Path, finished: Store) -> None:
    process = command(1, "-c", NEVER_EVALUATED, profile="tiny")
    wait_for(process, (tmp_path / EVALUATING).exists)
    interrupted(process)
    store, events = Store(tmp_path, TINY), Events()
    (begun,) = [run for run in RUNS if store.status(run).state == PARTIAL]
    report = once(store, (begun,), listener=lambda run, event: events.append((run, event)))
    assert report.done == [begun]
    assert not any("epoch" in event for _, event in events), "it was trained again"
    assert contents(store.path(begun)) == contents(finished.path(begun))


@pytest.mark.slow
def test_a_second_campaign_on_the_same_folder_ends_with_one_line_and_the_first_goes_on(
    endless: Command, command: Command, tmp_path: Path
) -> None:
    first = endless(1)
    second = command(1)
    _, errors = second.communicate(timeout=400)
    assert second.returncode == 2
    assert errors == (
        f"error: another campaign is writing to {tmp_path / 'endless'}: wait for it, or choose another --results\n"
    )
    (checkpoint,) = tmp_path.rglob("checkpoint*.bin")
    before = checkpoint.stat().st_mtime_ns
    wait_for(first, lambda: checkpoint.stat().st_mtime_ns > before)


@pytest.mark.slow
def test_the_death_of_a_campaign_ends_its_workers(endless: Command) -> None:
    process = endless(2)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.kill()
    assert psutil.wait_procs(children, timeout=120)[1] == []


# --- an existing cluster ------------------------------------------------------------------------------


def test_no_scheduler_at_the_address_is_one_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(store.path(AE))
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.2)
    with pytest.raises(ReproduceError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9: start one"):
        once(store, scheduler="tcp://127.0.0.1:9")


class Machines:
    """A scheduler and workers in processes of their own, each with a temporary folder that no other sees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.start(
            "scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port),
            "--dashboard-address", "127.0.0.1:0",
        )  # fmt: skip

    def start(self, name: str, module: str, *words: str) -> None:
        home = self.folder / name
        home.mkdir(parents=True)
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "TMPDIR": str(home)}
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *words],
            env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def worker(self, name: str, threads: int = 1) -> None:
        words = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard")
        self.start(name, "dask_worker", self.address, *words)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 120)
    found = Machines(tmp_path / "machines")
    yield found
    for name in found.processes:
        found.kill(name)


@pytest.mark.slow
def test_an_existing_cluster_that_loses_a_worker_gives_the_same_bits(
    machines: Machines, tmp_path: Path
) -> None:
    expected, store = Store(tmp_path / "local", LONGER), Store(tmp_path / "results", LONGER)
    once(expected, (AE, VAE))
    for name in ("one", "two"):
        machines.worker(name)
    killed = []

    def kill_whoever_trains_the_ae(run: RunId | None, event: dict[str, Any]) -> None:
        if run == AE and event.get("epoch", 0) >= 2 and not killed:
            name = checkpoint_of(machines, store.checkpoint(AE).name)
            killed.append(name)
            machines.kill(name)

    report = once(store, (AE, VAE), listener=kill_whoever_trains_the_ae, scheduler=machines.address)
    assert len(killed) == 1
    assert (set(report.done), report.failed) == ({AE, VAE}, {})
    assert contents(store.folder) == contents(expected.folder)
    assert all((store.path(run) / MANIFEST).is_file() for run in (AE, VAE))
    survivor = ({"one", "two"} - set(killed)).pop()
    assert not list((machines.folder / survivor).rglob("checkpoint*")), "a finished run left its checkpoint"


def checkpoint_of(machines: Machines, name: str) -> str:
    """Which worker holds the checkpoint of that name."""
    (path,) = machines.folder.rglob(name)
    return path.relative_to(machines.folder).parts[0]


@pytest.mark.slow
def test_a_campaign_waits_for_workers_and_says_so(
    machines: Machines, tmp_path: Path, finished: Store
) -> None:
    events: Events = []

    def start_one_when_asked(run: RunId | None, event: dict[str, Any]) -> None:
        events.append((run, event))
        if "warning" in event:
            machines.worker("late")

    store = Store(tmp_path / "results", TINY)
    report = once(store, (AE,), listener=start_one_when_asked, scheduler=machines.address)
    assert report.done == [AE]
    warnings = [(run, event["warning"]) for run, event in events if "warning" in event]
    assert warnings == [(None, f"no worker at {machines.address}; waiting for one")]
    assert contents(store.path(AE)) == contents(finished.path(AE))


@pytest.mark.slow
def test_a_worker_of_several_threads_ends_a_campaign_with_one_line(
    machines: Machines, tmp_path: Path
) -> None:
    machines.worker("wide", threads=2)
    with pytest.raises(ReproduceError, match=r"the worker at tcp://.* has 2 threads.*--nthreads 1$"):
        once(Store(tmp_path / "results", TINY), (AE,), scheduler=machines.address)


@pytest.mark.slow
def test_campaigns_that_share_a_scheduler_get_each_its_own_results(
    machines: Machines, tmp_path: Path
) -> None:
    stores = [Store(tmp_path / "results", protocol) for protocol in (TINY, OTHER)]
    waiting: list[RunId] = []

    def start_a_worker_for_both(run: RunId | None, event: dict[str, Any]) -> None:
        if "warning" in event:
            waiting.append(run)
            if len(waiting) == len(stores):
                machines.worker("shared")

    def perform(store: Store) -> Report:
        return once(store, (AE,), listener=start_a_worker_for_both, scheduler=machines.address)

    with ThreadPoolExecutor() as both:
        assert [report.done for report in both.map(perform, stores)] == [[AE], [AE]]
    for store in stores:
        alone = Store(tmp_path / "alone", store.protocol)
        once(alone, (AE,))
        assert contents(store.folder) == contents(alone.folder)


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_campaign_with_one_line(
    machines: Machines, tmp_path: Path
) -> None:
    machines.worker("one")

    def kill_the_scheduler(run: RunId | None, event: dict[str, Any]) -> None:
        if "epoch" in event and machines.processes["scheduler"].poll() is None:
            machines.kill("scheduler")

    with pytest.raises(ReproduceError, match=r"the Dask scheduler at tcp://127.0.0.1:\d+ is gone: the same"):
        once(
            Store(tmp_path / "results", LONGER),
            (AE, VAE),
            listener=kill_the_scheduler,
            scheduler=machines.address,
        )
