"""Several runs at a time on one card: their speed and memory, and the best number of runs."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError

import torch

from benchmarks.gpu_check.agreement import PROTOCOL, in_short, new_run
from reproduce.machine import devices
from reproduce.machine.graphs import CudaRecorder

RUNS_A_CARD = (1, 2, 4, 8, 16)
TYPICAL = "vae"
"""The architecture whose speed is measured."""
WARM_UP_STEPS, TIMED_STEPS = 20, 300
WAIT_SECONDS = 600
"""Maximum time that the runs of one measurement wait for each other."""
ENOUGH = 0.95
"""The smallest number of runs with this share of the best throughput is recommended: more would only take memory."""
USABLE_MEMORY = 0.9
"""Share of the card's memory that the recommended number of the heaviest runs may take."""


@dataclass(frozen=True)
class Share:
    """Several equal runs at a time on one card: images/s, memory and busy cores of all together, or an error."""

    runs: int
    images_per_second: float = float("nan")
    memory_mib: float = float("nan")
    cores: float = float("nan")
    error: str = ""


_barrier: Barrier | None = None


def _meet_at(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _timed(device: str, warm_up: int, steps: int) -> tuple[float, float, float]:
    """Train in this process beside the others (on a card with replayed steps, as a campaign does). Returns images/s,
    MiB in use on the card (by this process on a CPU), and the share of a core that it kept busy."""
    assert _barrier is not None
    devices.configure(device)
    run = new_run(TYPICAL, device, CudaRecorder if device == "cuda" else None)
    run.architecture.train()
    numbers = torch.arange(len(run.train_images), device=device).split(PROTOCOL.batch_size)

    def train(count: int) -> None:
        for index in range(count):
            run.perform(run.train_batch, numbers[index % len(numbers)], 0.5)
        if device == "cuda":
            torch.cuda.synchronize()

    train(warm_up)
    _barrier.wait(WAIT_SECONDS)
    started, busy = time.perf_counter(), time.process_time()
    train(steps)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    # all processes still hold their memory
    _barrier.wait(WAIT_SECONDS)
    used = _used_mib(device)
    _barrier.wait(WAIT_SECONDS)
    return steps * PROTOCOL.batch_size / seconds, used, busy / seconds


def _used_mib(device: str) -> float:
    """MiB in use on the card by all processes, or by this process on a CPU."""
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return (total - free) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(runs: int, device: str, warm_up: int = WARM_UP_STEPS, steps: int = TIMED_STEPS) -> Share:
    """Measure this many processes that train side by side. Memory in use on the card before is not counted."""
    context = multiprocessing.get_context("spawn")
    before = _used_mib(device) if device == "cuda" else 0.0
    barrier = context.Barrier(runs)
    try:
        with ProcessPoolExecutor(runs, context, _meet_at, (barrier,)) as pool:
            futures = [pool.submit(_timed, device, warm_up, steps) for _ in range(runs)]
            for future in futures:
                # the first that fails releases the others
                future.add_done_callback(lambda done: barrier.abort() if done.exception() else None)
            outcomes = [future.exception() for future in futures]
            failures = [error for error in outcomes if error and not isinstance(error, BrokenBarrierError)]
            if any(outcomes):
                error = failures[0] if failures else outcomes[0]
                assert error is not None
                return Share(runs, error=in_short(error))
            found = [future.result() for future in futures]
    except BrokenProcessPool as error:
        return Share(runs, error=f"a process was killed ({error})")
    speeds, used, busy = zip(*found, strict=True)
    memory = max(used) - before if device == "cuda" else sum(used)
    return Share(runs, sum(speeds), memory, sum(busy))


def recommend(shares: Sequence[Share], extra_mib: float, card_mib: float) -> int | None:
    """The smallest number of runs with nearly the best throughput whose memory fits; None if nothing was measured.

    extra_mib: how much more memory per run the heaviest architecture needs than the measured one. card_mib: the card's
    memory.
    """
    fitting = [
        share
        for share in shares
        if not share.error and share.memory_mib + share.runs * extra_mib <= USABLE_MEMORY * card_mib
    ]
    if not fitting:
        return None
    best = max(share.images_per_second for share in fitting)
    return min(share.runs for share in fitting if share.images_per_second >= ENOUGH * best)
