"""Whether a GPU computes what the CPU computes, how fast, and how many runs should share it.

Every architecture takes a few steps on both from the same weights, batches and noise; what differs then is arithmetic
alone, and that is held against stated bounds. No number of it enters a result.
"""

from __future__ import annotations

import math
import multiprocessing
import platform
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from reproduce import devices
from reproduce.architectures.contract import Batch
from reproduce.datasets import load
from reproduce.errors import ReproduceError
from reproduce.names import LABELS
from reproduce.protocol import Protocol
from reproduce.training import Run, batches, fresh_architecture, player_gradients, serialise, step

SEED = 1
PROTOCOL = Protocol(
    name="gpu-check",
    dataset="digits",
    train=320,
    validation=64,
    test=500,
    epochs=2,
    patience=None,
    learning_rate_scale=1.0,
    seeds=(SEED,),
    verdicts=False,
)
"""Two epochs of five steps of 64 images: real digits, no download."""

RUNS_A_CARD = (1, 2, 4, 8)
TYPICAL = "vae"
"""The architecture whose speed is measured."""
WARM_UP_STEPS, TIMED_STEPS = 20, 300
WAIT_SECONDS = 600
"""How long the runs of one measurement may wait for each other."""
ENOUGH = 0.95
"""The smallest number of runs with this share of the best throughput is recommended: more only cost memory."""
USABLE_MEMORY = 0.9
"""Share of the card's memory that the recommended number of the heaviest runs may take."""


@dataclass(frozen=True)
class Bounds:
    """Largest relative differences between GPU and CPU, both in float32 and without TF32.

    Two CPU implementations of the same convolutions differ by up to a fifth of these over the 22 (a slow test holds
    them to it); a GPU adds up in yet another order. TF32's 10 bits of mantissa would not fit.
    """

    loss: float = 1e-3
    """Of any player's loss at the first step."""
    gradient: float = 2e-2
    """Of any player's gradient at the first step, as vectors: ‖g - h‖ / ‖h‖."""
    trained: float = 2e-2
    """Of the validation loss after the last step: Adam turns a difference in a small gradient into one of full size."""


BOUNDS = Bounds()


class HostNoise(TorchDispatchMode):
    """Every random draw is made by the CPU's generator and copied to where it was wanted.

    The generators of CPU and GPU give other numbers for one seed; a comparison needs the same ones.
    """

    draws: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        self.draws += 1
        tensors = [value for value in args if isinstance(value, Tensor)]
        device = kwargs.get("device") or (tensors[0].device if tensors else torch.device("cpu"))
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        drawn = self.draw(func, tree_map(_to_host, args), tree_map(_to_host, kwargs))
        if func._schema.is_mutable:
            return args[0].copy_(drawn)
        return drawn.to(device)

    def draw(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """The draw itself, on the CPU."""
        found = func(*args, **kwargs)
        assert isinstance(found, Tensor)
        return found


def _to_host(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


# --- the same steps on two devices --------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """What one device computed: each player's first loss and first gradient (flat, float64, on the CPU), and the
    validation loss after the last step.
    """

    losses: dict[str, float]
    gradients: dict[str, Tensor]
    validation_loss: float


def new_run(slug: str, device: str) -> Run:
    """The architecture before its first step."""
    return Run(fresh_architecture(slug, "", PROTOCOL, SEED), PROTOCOL, load(PROTOCOL), SEED, device)


def trace(slug: str, device: str) -> Trace:
    """Train the architecture on the device with the CPU's noise."""
    with HostNoise():
        run = new_run(slug, device)
        run.architecture.train()
        size = PROTOCOL.batch_size
        torch.manual_seed(SEED)
        losses = run.architecture.losses(
            Batch(run.train_images[:size], run.train_images[size : 2 * size]), 0.5
        )
        gradients = player_gradients(run.players, losses.players)
        whole = trained(slug, device)
    return Trace(
        {name: float(loss.detach()) for name, loss in losses.players.items()},
        {
            name: torch.cat([value.detach().double().cpu().flatten() for value in values])
            for name, values in gradients.items()
        },
        whole.progress.history[-1]["validation_loss"],
    )


def trained(slug: str, device: str) -> Run:
    """The architecture after the protocol's last step."""
    run = new_run(slug, device)
    while not run.progress.finished(PROTOCOL):
        run.advance()
    return run


def repeats(slug: str, device: str) -> bool:
    """Whether two trainings with the device's own noise end in the same bits."""
    first, second = (serialise(trained(slug, device).architecture.state_dict()) for _ in range(2))
    return first == second


def difference(found: float, expected: float) -> float:
    """|found - expected| / |expected|; infinite when either is not a finite number."""
    return _relative(abs(found - expected), abs(expected))


def vector_difference(found: Tensor, expected: Tensor) -> float:
    """‖found - expected‖ / ‖expected‖; infinite when either holds something that is not a finite number."""
    return _relative(float((found - expected).norm()), float(expected.norm()))


def _relative(gap: float, size: float) -> float:
    """gap / size; infinite when one is not a finite number, and for a gap from nothing."""
    if not (math.isfinite(gap) and math.isfinite(size)):
        return math.inf
    if size == 0:
        return 0.0 if gap == 0 else math.inf
    return gap / size


@dataclass(frozen=True)
class Comparison:
    """One architecture on the GPU beside the CPU: largest relative differences, whether training repeats to the bit,
    memory at the peak, and the error that ended it, if one did.
    """

    slug: str
    loss: float = float("nan")
    gradient: float = float("nan")
    trained: float = float("nan")
    repeats: bool = False
    memory_mib: float = 0.0
    error: str = ""

    def verdict(self, bounds: Bounds = BOUNDS) -> str:
        """ "ok", or what is wrong."""
        if self.error:
            return self.error
        names = [n for n in ("loss", "gradient", "trained") if not getattr(self, n) <= getattr(bounds, n)]
        found = [f"{' and '.join(names)} off"] if names else []
        found += [] if self.repeats else ["does not repeat"]
        return ", ".join(found) or "ok"


def compare(slug: str, found: Trace, expected: Trace, repeated: bool, memory_mib: float) -> Comparison:
    """The largest differences over the players."""
    return Comparison(
        slug,
        max(difference(found.losses[name], value) for name, value in expected.losses.items()),
        max(vector_difference(found.gradients[name], value) for name, value in expected.gradients.items()),
        difference(found.validation_loss, expected.validation_loss),
        repeated,
        memory_mib,
    )


def check(slug: str, device: str) -> Comparison:
    """One architecture on the CPU, then on the device. An error there is a finding, not an end."""
    devices.configure("cpu")
    torch.use_deterministic_algorithms(False)
    expected = trace(slug, "cpu")
    devices.configure(device)
    if device == "cuda":
        # what the architecture before keeps reserved would count as this one's
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        found, repeated = trace(slug, device), repeats(slug, device)
    except (RuntimeError, NotImplementedError) as error:
        return Comparison(slug, error=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    memory = torch.cuda.max_memory_reserved() / 2**20 if device == "cuda" else 0.0
    return compare(slug, found, expected, repeated, memory)


# --- several runs on one card -------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """So many equal runs at a time on one card: images/s of all together, memory of all together, or an error."""

    runs: int
    images_per_second: float = float("nan")
    memory_mib: float = float("nan")
    error: str = ""


_barrier: Barrier | None = None


def _meet_at(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _timed(device: str, warm_up: int, steps: int) -> tuple[float, float]:
    """Train in this process beside the others: images/s, and MiB taken on the card (of this process on a CPU)."""
    assert _barrier is not None
    devices.configure(device)
    run = new_run(TYPICAL, device)
    run.architecture.train()
    slices = list(batches(len(run.train_images), PROTOCOL.batch_size))

    def train(count: int) -> None:
        for index in range(count):
            part = slices[index % len(slices)]
            step(run.architecture, run.players, run.adams, Batch(run.train_images[part]), 0.5)
        if device == "cuda":
            torch.cuda.synchronize()

    train(warm_up)
    _barrier.wait(WAIT_SECONDS)
    started = time.perf_counter()
    train(steps)
    seconds = time.perf_counter() - started
    # everybody's memory is still taken
    _barrier.wait(WAIT_SECONDS)
    used = _used_mib(device)
    _barrier.wait(WAIT_SECONDS)
    return steps * PROTOCOL.batch_size / seconds, used


def _used_mib(device: str) -> float:
    """MiB taken on the card by whomever; by this process on a CPU."""
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return (total - free) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def measure(runs: int, device: str, warm_up: int = WARM_UP_STEPS, steps: int = TIMED_STEPS) -> Share:
    """So many processes that train side by side. What was taken on the card before is not counted."""
    context = multiprocessing.get_context("spawn")
    before = _used_mib(device) if device == "cuda" else 0.0
    barrier = context.Barrier(runs)
    try:
        with ProcessPoolExecutor(runs, context, _meet_at, (barrier,)) as pool:
            futures = [pool.submit(_timed, device, warm_up, steps) for _ in range(runs)]
            for future in futures:
                # the first that fails lets the others go
                future.add_done_callback(lambda done: barrier.abort() if done.exception() else None)
            outcomes = [future.exception() for future in futures]
            failures = [error for error in outcomes if error and not isinstance(error, BrokenBarrierError)]
            if any(outcomes):
                error = failures[0] if failures else outcomes[0]
                return Share(
                    runs, error=f"{type(error).__name__}: {(str(error) or 'no reason').splitlines()[0]}"
                )
            found = [future.result() for future in futures]
    except BrokenProcessPool as error:
        return Share(runs, error=f"a process was killed ({error})")
    used = [memory for _, memory in found]
    return Share(
        runs, sum(speed for speed, _ in found), max(used) - before if device == "cuda" else sum(used)
    )


def recommend(shares: Sequence[Share], extra_mib: float, card_mib: float) -> int | None:
    """The smallest number of runs with nearly the best throughput whose memory fits; None if nothing was measured.

    extra_mib: what the heaviest architecture takes beyond the one that was measured, a run. card_mib: the card's.
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


# --- the whole check ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Findings:
    """Everything that was found, for a table."""

    machine: dict[str, str]
    comparisons: list[Comparison] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    card_mib: float = float("inf")

    @property
    def passed(self) -> bool:
        """Whether every architecture is within the bounds and repeats."""
        return all(comparison.verdict() == "ok" for comparison in self.comparisons)

    @property
    def recommended(self) -> int | None:
        """Runs a card."""
        memory = {c.slug: c.memory_mib for c in self.comparisons}
        extra = max(memory.values(), default=0.0) - memory.get(TYPICAL, 0.0)
        return recommend(self.shares, extra, self.card_mib)

    def markdown(self) -> str:
        """Tables to paste into an issue. They name no host."""
        lines = ["### gpu-check", "", *(f"- {name}: {value}" for name, value in self.machine.items()), ""]
        lines += [
            f"Relative difference from the CPU; bounds {BOUNDS.loss:g} (loss), {BOUNDS.gradient:g} (gradient), "
            f"{BOUNDS.trained:g} (validation loss after {PROTOCOL.epochs * PROTOCOL.steps_per_epoch()} steps).",
            "",
            "| Architecture | loss | gradient | trained | repeats | MiB | verdict |",
            "| :-- | --: | --: | --: | :-- | --: | :-- |",
        ]
        lines += [
            f"| {LABELS[c.slug]} | {c.loss:.1e} | {c.gradient:.1e} | {c.trained:.1e} | "
            f"{'yes' if c.repeats else 'no'} | {c.memory_mib:.0f} | {c.verdict()} |"
            for c in self.comparisons
        ]
        if self.shares:
            lines += ["", f"| {LABELS[TYPICAL]} runs a card | images/s | MiB |", "| --: | --: | --: |"]
            lines += [
                f"| {s.runs} | {s.error} | |"
                if s.error
                else f"| {s.runs} | {s.images_per_second:,.0f} | {s.memory_mib:,.0f} |"
                for s in self.shares
            ]
            number = self.recommended
            lines += [
                "",
                f"Recommended: `--per-card {number}`" if number else "No number can be recommended.",
            ]
        return "\n".join(lines)


def machine(device: str) -> dict[str, str]:
    """Card, driver, versions and switches."""
    found = {"device": device}
    if device == "cuda":
        found |= {
            "memory": f"{torch.cuda.get_device_properties(0).total_memory / 2**20:,.0f} MiB",
            "driver": driver_version(),
        }
    found |= {name: str(value) for name, value in devices.flags(device).items()}
    return found | {"torch": version("torch"), "python": platform.python_version()}


def driver_version() -> str:
    """As NVIDIA's own tool tells it."""
    words = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return told.splitlines()[0].strip() if told.strip() else "unknown"


def require_cuda() -> None:
    """Raises ReproduceError without a CUDA device."""
    device, why = devices.best_device()
    if device != "cuda":
        raise ReproduceError(
            f"gpu-check needs a GPU: {why} (driver 580 or newer? `--gpus all` in a container?)"
        )


def examine(
    slugs: Sequence[str],
    device: str,
    counts: Sequence[int] = RUNS_A_CARD,
    steps: int = TIMED_STEPS,
    say: Callable[[str], None] = lambda line: None,
) -> Findings:
    """Compare every architecture, then measure 1, 2, 4, 8 runs a card until one of them fails. "cpu" is a stand-in
    that goes the same way.
    """
    comparisons = []
    for slug in slugs:
        comparisons.append(check(slug, device))
        say(f"{slug}: {comparisons[-1].verdict()}")
    shares: list[Share] = []
    for runs in counts:
        shares.append(measure(runs, device, min(WARM_UP_STEPS, steps), steps))
        say(f"{runs} at a time: {shares[-1].error or f'{shares[-1].images_per_second:,.0f} images/s'}")
        if shares[-1].error:
            break
    card = torch.cuda.get_device_properties(0).total_memory / 2**20 if device == "cuda" else float("inf")
    return Findings(machine(device), comparisons, shares, card)
