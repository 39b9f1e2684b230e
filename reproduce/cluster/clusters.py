"""Local and existing Dask clusters, each given as a client of its scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import re
import socket
from collections.abc import Iterator
from typing import Any

from reproduce.cluster.workers import LocalWorkers
from reproduce.errors import ReproduceError, described
from reproduce.storage import files

RETRIES = 2
"""How often a run is given to a fresh worker when its own was killed."""
CONNECT_SECONDS = 10
CLOSE_SECONDS = 5
LOOPBACK = "127.0.0.1"

DASK = {
    "distributed.scheduler.allowed-failures": RETRIES,
    "distributed.scheduler.worker-saturation": 1.0,
    # workers are never dropped for missing heartbeats: the machine may only have been suspended
    "distributed.scheduler.worker-ttl": None,
    # a worker has one core for training; Dask's own monitoring would use a twentieth of it
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "30s",
    "distributed.admin.system-monitor.interval": "10s",
}
"""Settings of a local cluster; an existing one has its own."""


@contextlib.contextmanager
def local_cluster(workers: int, dashboard: bool = False) -> Iterator[tuple[Any, LocalWorkers]]:
    """A client of a scheduler in this process, and `workers` worker processes; all of them end with this context.

    Raises ReproduceError if a dashboard is asked for and bokeh is not installed.
    """
    from distributed import Client, LocalCluster

    if dashboard and importlib.util.find_spec("bokeh") is None:
        raise ReproduceError(
            "--dashboard needs bokeh, which is not installed: install it, or leave the option out"
        )
    require_loopback()
    silence()
    # workers started by LocalCluster would receive Ctrl-C too, and could not be killed while they start
    cluster = LocalCluster(
        n_workers=0,
        processes=True,
        host=LOOPBACK,
        dashboard_address=None,
        # Dask always serves its metrics by HTTP: on this machine only, at any free port
        scheduler_kwargs={"dashboard": dashboard, "dashboard_address": f"{LOOPBACK}:0"},
        silence_logs=logging.CRITICAL,
    )
    client = Client(cluster, set_as_default=False)
    processes = LocalWorkers(cluster.scheduler_address, workers)
    try:
        yield client, processes
    finally:
        processes.kill()
        for closing in (client, cluster):
            with contextlib.suppress(TimeoutError):
                closing.close(timeout=CLOSE_SECONDS)


def silence() -> None:
    """Turn Dask's own log off: we report what a user should know. It stays off, because Dask reports connections of
    killed workers even after a cluster has closed."""
    import distributed  # the import sets the levels of its loggers

    for name in (distributed.__name__, "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def require_loopback() -> None:
    """Raises ReproduceError at once if processes of this machine cannot connect; Dask would try for a minute."""
    try:
        with socket.socket() as server:
            server.bind((LOOPBACK, 0))
            server.listen(1)
            with socket.create_connection(server.getsockname(), timeout=CONNECT_SECONDS):
                pass
    except OSError as error:
        raise ReproduceError(
            f"workers cannot be reached on this machine ({LOOPBACK}: {error.strerror or error}): give --jobs 1, which "
            "needs no network"
        ) from error


ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}/?", re.ASCII)
"""Address of a Dask scheduler: protocol, host and port."""


def require_address(address: str) -> None:
    """Raises ReproduceError if the text cannot be a scheduler's address."""
    if not ADDRESS.fullmatch(address):
        raise ReproduceError(
            f"'{address}' is no address of a Dask scheduler: it is written like tcp://HOST:8786"
        )


@contextlib.contextmanager
def existing_cluster(address: str) -> Iterator[tuple[Any, None]]:
    """A client of the scheduler at that address, without local workers. Raises ReproduceError when none answers."""
    from distributed import Client

    require_address(address)
    silence()
    files.LOG.warning(f"waiting for the Dask scheduler at {address}, at most {CONNECT_SECONDS} seconds")
    try:
        asyncio.run(greet(address))
        client = Client(address, set_as_default=False, timeout=CONNECT_SECONDS)
    except Exception as error:  # any: another program may answer, or settings be wrong
        reason = "" if isinstance(error, TimeoutError) else f" ({described(error)})"
        raise ReproduceError(
            f"no Dask scheduler answers at {address}{reason}: start one with `dask scheduler`, or leave out --scheduler"
        ) from error
    try:
        yield client, None
    finally:
        with contextlib.suppress(TimeoutError):
            client.close(timeout=CLOSE_SECONDS)


async def greet(address: str) -> None:
    """Ask the scheduler for its identity, within CONNECT_SECONDS: a client would wait forever for a server that accepts
    the connection and never answers."""
    from distributed import Security, rpc

    security = Security().get_connection_args("client")
    async with asyncio.timeout(CONNECT_SECONDS), rpc(address, connection_args=security) as scheduler:
        await scheduler.identity(n_workers=0)
