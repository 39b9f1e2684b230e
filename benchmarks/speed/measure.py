"""The measurement: one process of Pythae and several of ours, in turns. On a CPU Pythae's has all threads and ours have
one each; on a GPU all share the card."""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import geometric_mean, median
from time import perf_counter
from typing import Any

from benchmarks.speed import BATCH, SEED
from reproduce.architectures.names import REFERENCES
from reproduce.errors import ReproduceError
from reproduce.machine.devices import cpu_model
from reproduce.machine.environment import cores
from reproduce.storage import runs
from reproduce.storage.store import PROVENANCE

CHECKOUT = str(Path(__file__).resolve().parents[2])
RATE_SECONDS = 0.2
LEAST_STEPS = 4


@dataclass(frozen=True)
class Measurement:
    """The times of one architecture: seconds for `steps` steps, one entry per round."""

    slug: str
    shared: bool
    """Whether Pythae's trainer trains its own class, or else our plain form."""
    steps: int
    flops: int
    """Operations of one step of the plain function."""
    pythae: tuple[float, ...]
    ours: tuple[tuple[float, ...], ...]
    """Each round has one entry per process; the processes train side by side."""
    alone: tuple[float, ...]
    """One of our processes while the others are idle."""

    def throughput(self, *seconds: float) -> float:
        """Images per second, summed over processes that took these seconds."""
        return sum(self.steps * BATCH / value for value in seconds)

    @property
    def pythae_rate(self) -> float:
        """Images per second, the median over rounds."""
        return median(self.throughput(value) for value in self.pythae)

    @property
    def our_rate(self) -> float:
        """Images per second of all processes together, the median over rounds."""
        return median(self.throughput(*values) for values in self.ours)

    @property
    def alone_rate(self) -> float:
        """Images per second of one process, the median over rounds."""
        return median(self.throughput(value) for value in self.alone)

    @property
    def ratio(self) -> float:
        """Our rate divided by Pythae's."""
        return self.our_rate / self.pythae_rate

    def share_of(self, rate: float) -> float:
        """The share of `rate` (operations per second) that our processes reach together."""
        return self.our_rate / BATCH * self.flops / rate


@dataclass(frozen=True)
class WholeRun:
    """Where the time of one run goes, from the command to its exit, in seconds.

    training: all epochs; evaluation: all measurements; both from the run's own provenance.
    """

    slug: str
    profile: str
    total: float
    training: float
    evaluation: float

    @property
    def start_up(self) -> float:
        """Everything but training and evaluation: interpreter, imports, data, checkpoints, publishing."""
        return self.total - self.training - self.evaluation


@dataclass(frozen=True)
class Bench:
    """All results of one invocation."""

    measurements: tuple[Measurement, ...]
    cores: int
    workers: int
    """How many of our processes train side by side."""
    sgemm: tuple[float, ...]
    """Operations per second of float32 matrix products, all processes together; one entry per round and
    architecture."""
    convolution: tuple[float, ...]
    """The same for a large transposed convolution."""
    whole: WholeRun | None
    machine: dict[str, str]

    @property
    def sgemm_rate(self) -> float:
        """The rate of matrix products: the median of all rounds."""
        return median(self.sgemm)

    @property
    def convolution_rate(self) -> float:
        """The rate of the transposed convolution: the median of all rounds."""
        return median(self.convolution)

    @property
    def peak_rate(self) -> float:
        """The higher of the two: the highest rate measured on this machine."""
        return max(self.sgemm_rate, self.convolution_rate)

    def mean_ratio(self, shared_only: bool = False) -> float:
        """Geometric mean of the ratios; NaN if there are none."""
        ratios = [m.ratio for m in self.measurements if m.shared or not shared_only]
        return geometric_mean(ratios) if ratios else math.nan


class Process:
    """A worker process that answers requests; see `process`."""

    def __init__(self, threads: int, device: str) -> None:
        self.threads = threads
        numbers = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
        path = os.pathsep.join(filter(None, [CHECKOUT, os.environ.get("PYTHONPATH", "")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.process", device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | numbers | {"PYTHONPATH": path},
            text=True,
        )

    def ask(self, do: str, **request: Any) -> None:
        """Send a request without waiting. Raises ReproduceError when the process is gone."""
        assert self.process.stdin is not None
        self.last = f"{do} {request.get('side', '')} {request.get('slug', '')}".strip()
        try:
            self.process.stdin.write(json.dumps({"do": do} | request) + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise ReproduceError(
                f"bench: a worker process ended before '{self.last}'; run it again"
            ) from error

    def answer(self) -> dict[str, Any]:
        """Wait for the answer. Raises ReproduceError with what went wrong."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ReproduceError(f"bench: a worker process ended during '{self.last}' (out of memory?)")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise ReproduceError(f"bench: '{self.last}' failed: {found['error']}")
        return found

    def end(self) -> None:
        """Kill the process: it has nothing to save."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()


@contextlib.contextmanager
def processes(count: int, device: str) -> Iterator[tuple[Process, list[Process]]]:
    """One process with a thread per core, and `count` processes with one thread each."""
    started: list[Process] = []
    try:
        for threads in [cores()] + [1] * count:
            started.append(Process(threads, device))
        yield started[0], started[1:]
    finally:
        for process in started:
            process.end()


def together(workers: Sequence[Process], key: str, do: str, **request: Any) -> tuple[float, ...]:
    """Send the same request to all at once; returns the number `key` of each answer."""
    for worker in workers:
        worker.ask(do, **request)
    return tuple(float(worker.answer()[key]) for worker in workers)


def prepare(side: str, workers: Sequence[Process], slug: str, steps: int) -> None:
    """Build and warm up one side."""
    for worker in workers:
        worker.ask("prepare", side=side, slug=slug, steps=steps, threads=worker.threads)
    for worker in workers:
        worker.answer()
    together(workers, "seconds", "epoch")


def scaled_steps(steps: int, flops: int, lightest: int) -> int:
    """Fewer steps for architectures with more arithmetic, so that all rounds are about equally long."""
    return min(steps, max(LEAST_STEPS, round(steps * lightest / flops)))


def measure(
    slugs: Sequence[str],
    steps: int,
    rounds: int,
    notify: Callable[[Measurement], None] = lambda measurement: None,
    *,
    workers: int,
    device: str = "cpu",
) -> tuple[tuple[Measurement, ...], tuple[float, ...], tuple[float, ...]]:
    """Measure every architecture in rounds of Pythae, ours, one of ours alone, a matrix product and a convolution.

    Returns the measurements, the rates of matrix products, and those of the convolution. Raises ReproduceError when a
    process fails.
    """
    from benchmarks.speed.opponents import SHARED
    from benchmarks.speed.work import step_flops

    lightest = step_flops("ae")
    found: list[Measurement] = []
    products: list[float] = []
    convolutions: list[float] = []
    with processes(workers, device) as (theirs, ours):
        for slug in slugs:
            flops = step_flops(slug)
            count = scaled_steps(steps, flops, lightest)
            prepare("pythae", [theirs], slug, count)
            prepare("ours", ours, slug, count)
            pythae: list[float] = []
            side_by_side: list[tuple[float, ...]] = []
            alone: list[float] = []
            for _ in range(rounds):
                pythae += together([theirs], "seconds", "epoch")
                side_by_side.append(together(ours, "seconds", "epoch"))
                alone += together(ours[:1], "seconds", "epoch")
                for rates, what in ((products, "sgemm"), (convolutions, "convolution")):
                    rates.append(sum(together(ours, "rate", what, seconds=RATE_SECONDS)))
            found.append(
                Measurement(
                    slug, slug in SHARED, count, flops, tuple(pythae), tuple(side_by_side), tuple(alone)
                )
            )
            notify(found[-1])
    return tuple(found), tuple(products), tuple(convolutions)


def machine(device: str) -> dict[str, str]:
    """Processor or card, versions, date and commit."""
    import torch

    from reproduce.machine.version import current_commit

    return {
        "processor": cpu_model() if device == "cpu" else torch.cuda.get_device_name(),
        "instruction_set": torch.backends.cpu.get_cpu_capability() if device == "cpu" else "CUDA",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "pythae": version("pythae"),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": current_commit(),
    }


def load() -> float:
    """The load over the last minute: processes that needed a core; 0 if the system does not report it."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def run(
    slugs: Sequence[str],
    steps: int,
    rounds: int,
    whole: bool,
    notify: Callable[[Measurement], None],
    *,
    workers: int,
    device: str = "cpu",
) -> Bench:
    """The whole bench; `notify` is called after each architecture. Raises ReproduceError when a process fails."""
    before = f"{load():.2f}"
    measurements, products, convolutions = measure(
        slugs, steps, rounds, notify, workers=workers, device=device
    )
    timed = None
    if whole:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            timed = whole_run("ae", "quick", Path(folder))
    found = machine(device) | {"load_before": before}
    return Bench(measurements, cores(), workers, products, convolutions, timed, found)


def whole_run(slug: str, profile: str, folder: Path) -> WholeRun:
    """Time one run by the command line on the CPU, from its start to its exit, in a folder of its own.

    The time of the two references, which belong to every campaign, is subtracted.
    """
    words = ["--profile", profile, "--only", slug, "--seed", str(SEED), "--jobs", "1", "--device", "cpu"]
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "reproduce", "run", *words, "--results", str(folder)],
        capture_output=True,
        text=True,
    )
    total = perf_counter() - started
    if done.returncode:
        raise ReproduceError(f"bench: a whole run of {slug} failed: {(done.stderr or done.stdout).strip()}")

    def provenance(run: runs.RunId) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((folder / profile / run.folder / PROVENANCE).read_text())
        return found

    references = [provenance(runs.RunId(name, runs.REFERENCE_SEED)) for name in REFERENCES]
    total -= sum(float(found["finished"]) - float(found["started"]) for found in references)
    own = provenance(runs.RunId(slug, SEED))
    return WholeRun(slug, profile, total, float(own["training_seconds"]), float(own["evaluation_seconds"]))
