from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reproduce.cluster import clusters
from reproduce.errors import ReproduceError
from reproduce.storage.runs import RunId
from reproduce.storage.store import MANIFEST, Store
from tests.cluster.common import LONGER, STARTING, Events, free_port, here
from tests.tiny import AE, TINY, VAE, contents, once

pytestmark = STARTING


@pytest.mark.parametrize(
    ("protocol", "banner", "reason"),
    [
        ("tcp", b"", ""),
        ("tcp", b"SSH-2.0-OpenSSH_9.2\r\n", r" \(.*\)"),
        ("tls", b"", r" \(TypeError: TLS expects.*\)"),
    ],
    ids=["silent", "foreign", "no credentials"],
)
def test_what_is_no_scheduler_is_one_line_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, protocol: str, banner: bytes, reason: str
) -> None:
    """It takes the connection; a client of Dask would wait for its answer without end."""
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1)

    def say(server: socket.socket) -> None:
        with server.accept()[0] as connection:
            connection.sendall(banner)

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        if banner:
            pool.submit(say, server)
        address = f"{protocol}://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ReproduceError, match=f"^no Dask scheduler answers at {address}{reason}: start"):
            once(Store(tmp_path, TINY), (AE,), scheduler=address)


class Machines:
    """A scheduler and workers in processes of their own, each with a temporary folder that no other sees."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.start("scheduler", "dask_scheduler", *here(port))

    def start(self, name: str, module: str, *words: str) -> None:
        home = self.folder / name
        home.mkdir(parents=True)
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "TMPDIR": str(home)}
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *words],
            env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def worker(self, name: str) -> None:
        self.start(name, "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard")

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 120)
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
            (checkpoint,) = machines.folder.rglob(store.checkpoint(AE).name)
            killed.append(checkpoint.relative_to(machines.folder).parts[0])
            machines.kill(killed[0])

    report = once(store, (AE, VAE), listener=kill_whoever_trains_the_ae, scheduler=machines.address)
    assert len(killed) == 1
    assert (set(report.done), report.failed) == ({AE, VAE}, {})
    assert contents(store.folder) == contents(expected.folder)
    assert all((store.path(run) / MANIFEST).is_file() for run in (AE, VAE))
    survivor = ({"one", "two"} - set(killed)).pop()
    assert not list((machines.folder / survivor).rglob("checkpoint*")), "a finished run left its checkpoint"


@pytest.mark.slow
def test_a_campaign_waits_for_workers_and_says_so(
    machines: Machines, tmp_path: Path, finished: Store
) -> None:
    events: Events = []

    def start_one_when_asked(run: RunId | None, event: dict[str, Any]) -> None:
        events.append((run, event))
        if "warning" in event and "late" not in machines.processes:
            machines.worker("late")

    store = Store(tmp_path / "results", TINY)
    report = once(store, (AE,), listener=start_one_when_asked, scheduler=machines.address)
    assert report.done == [AE]
    warnings = [(run, event["warning"]) for run, event in events if "warning" in event]
    assert warnings[0] == (None, f"no worker at {machines.address}; waiting for one")
    assert contents(store.path(AE)) == contents(finished.path(AE))


@pytest.mark.slow
def test_a_scheduler_that_goes_away_ends_the_campaign_with_one_line(
    machines: Machines, tmp_path: Path, capfd: pytest.CaptureFixture[str]
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
    assert "Traceback" not in capfd.readouterr().err
