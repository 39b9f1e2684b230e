"""`python -m reproduce.cluster.local_worker ADDRESS NUMBER`: a Dask worker on this machine (see `workers`)."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from reproduce.cluster.clusters import DASK, LOOPBACK, silence
from reproduce.machine import environment


def end_with_the_campaign() -> None:
    """Exit as soon as the other end of standard input is closed: the campaign has ended or was killed."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


async def work(address: str, number: str) -> None:
    """Perform the tasks of the scheduler at that address, one at a time, until it closes this worker."""
    from distributed import Worker

    async with Worker(address, nthreads=1, name=number, host=LOOPBACK, memory_limit=0) as worker:
        await worker.finished()


if __name__ == "__main__":
    threading.Thread(target=end_with_the_campaign, daemon=True).start()
    environment.configure_dask()
    import dask

    silence()
    with dask.config.set(DASK):
        asyncio.run(work(*sys.argv[1:]))
