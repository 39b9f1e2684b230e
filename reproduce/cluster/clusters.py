"""Clusters to work on, each as a client of its scheduler."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import Any

from reproduce import files
from reproduce.errors import ReproduceError

RETRIES = 2
"""How often a run is given to a fresh worker when its own was killed."""
CONNECT_SECONDS = 10
CLOSE_SECONDS = 5

DASK = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.daemon": True,
    # on a busy machine a killed worker is back after a minute; Dask gives its nanny up after 15 seconds
    "distributed.deploy.lost-worker-timeout": "1 day",
    # a machine that was asleep has lost no worker
    "distributed.scheduler.worker-ttl": None,
    # a worker has one core for training; Dask's own watching would take a twentieth of it
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "30s",
    "distributed.admin.system-monitor.interval": "10s",
}
"""Settings of a local cluster; an existing one has its own."""


@contextlib.contextmanager
def local_cluster(workers: int, dashboard: bool = False) -> Iterator[Any]:
    """A client of as many worker processes on this machine, which Ctrl-C does not reach.

    Their end is a SIGKILL, whatever happened: every state on disk is good for going on, so nothing is waited for.
    Raises ReproduceError if a dashboard is asked for and what draws it is not installed.
    """
    from distributed import Client, LocalCluster

    if dashboard and importlib.util.find_spec("bokeh") is None:
        raise ReproduceError(
            "--dashboard needs bokeh, which is not installed: install it, or leave the option out"
        )
    require_loopback()
    # for good: connections of killed workers are reported after the cluster has closed, too
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # the threads that start now, and the processes that they start, inherit the mask: Ctrl-C and the end of a terminal
    # are for this thread alone
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    # Python's tracker of shared memory unblocks Ctrl-C in the thread that happens to start it: no worker's, then
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        cluster = LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address=None,
            # Dask serves its metrics by HTTP in any case: here only, at any free port
            scheduler_kwargs={"dashboard": dashboard, "dashboard_address": "127.0.0.1:0"},
            silence_logs=logging.CRITICAL,
        )
        client = Client(cluster, set_as_default=False)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        cluster.scale(workers)
        yield client
    finally:
        with killing(cluster):
            with contextlib.suppress(TimeoutError):
                client.close(timeout=CLOSE_SECONDS)
            with contextlib.suppress(TimeoutError):
                cluster.close(timeout=CLOSE_SECONDS)


def require_loopback() -> None:
    """Raises ReproduceError where processes of this machine cannot reach each other: Dask would try for a minute."""
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            with socket.create_connection(server.getsockname(), timeout=CONNECT_SECONDS):
                pass
    except OSError as error:
        raise ReproduceError(
            f"workers cannot be reached on this machine (127.0.0.1: {error.strerror or error}): give --jobs 1, which "
            "needs no network"
        ) from error


ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}/?", re.ASCII)
"""Of a Dask scheduler: protocol, host and port."""


def require_address(address: str) -> None:
    """Raises ReproduceError for what can't be a scheduler's address."""
    if not ADDRESS.fullmatch(address):
        raise ReproduceError(
            f"'{address}' is no address of a Dask scheduler: it is written like tcp://HOST:8786"
        )


@contextlib.contextmanager
def killing(cluster: Any) -> Iterator[None]:
    """Kill every worker process, those that are only starting too, as long as this lasts."""
    over = threading.Event()

    def kill() -> None:
        while True:
            # `workers` has only those that are up
            for nanny in list(cluster._created):
                nanny.auto_restart = False
                if nanny.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(nanny.pid, signal.SIGKILL)
            if over.wait(0.02):
                return

    thread = threading.Thread(target=kill, name="worker-killer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def existing_cluster(address: str) -> Iterator[Any]:
    """A client of the scheduler at that address. Raises ReproduceError when none answers."""
    from distributed import Client

    require_address(address)
    files.LOG.warning(f"waiting for the Dask scheduler at {address}, at most {CONNECT_SECONDS} seconds")
    try:
        client = Client(address, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ReproduceError(
            f"no Dask scheduler answers at {address}: start one with `dask scheduler`, or leave out --scheduler"
        ) from error
    with client:
        yield client


def worker_processes(cluster: Any) -> set[int]:
    """Ids of the worker processes that live, be they up or only starting."""
    processes = [(nanny.pid, nanny.process) for nanny in list(getattr(cluster, "_created", ()))]
    return {pid for pid, process in processes if process is not None and process.is_alive()}
