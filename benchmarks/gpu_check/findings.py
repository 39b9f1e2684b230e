"""Runs the whole check and makes its tables."""

from __future__ import annotations

import multiprocessing
import platform
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import repeat

import torch

from benchmarks.gpu_check.agreement import BOUNDS, GRAPH_STEPS, PROTOCOL, Agreement, check
from benchmarks.gpu_check.sharing import (
    RUNS_A_CARD,
    TIMED_STEPS,
    TYPICAL,
    WARM_UP_STEPS,
    Share,
    measure,
    recommend,
)
from reproduce.architectures.names import LABELS
from reproduce.errors import ReproduceError
from reproduce.machine import devices


@dataclass(frozen=True)
class Findings:
    """All findings, for a table."""

    machine: dict[str, str]
    agreements: list[Agreement] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    card_mib: float = float("inf")

    @property
    def passed(self) -> bool:
        """Whether every architecture is within the bounds and repeats."""
        return all(agreement.verdict() == "ok" for agreement in self.agreements)

    @property
    def recommended(self) -> int | None:
        """The recommended number of runs per card."""
        memory = {c.slug: c.memory_mib for c in self.agreements}
        extra = max(memory.values(), default=0.0) - memory.get(TYPICAL, 0.0)
        return recommend(self.shares, extra, self.card_mib)

    def markdown(self) -> str:
        """Tables to paste into an issue, without the host's name."""
        lines = ["### gpu-check", "", *(f"- {name}: {value}" for name, value in self.machine.items()), ""]
        lines += [
            f"Relative difference from the CPU; bounds {BOUNDS.loss:g} (loss), {BOUNDS.gradient:g} (gradient), "
            f"{BOUNDS.trained:g} (validation loss after {PROTOCOL.epochs * PROTOCOL.steps_per_epoch()} steps). "
            f"Replayed: {GRAPH_STEPS} steps of a CUDA graph against as many eager ones, bound {BOUNDS.graph:g}.",
            "",
            "| Architecture | loss | gradient | trained | repeats | replayed | MiB | verdict |",
            "| :-- | --: | --: | --: | :-- | --: | --: | :-- |",
        ]
        lines += [
            f"| {LABELS[c.slug]} | {c.loss:.1e} | {c.gradient:.1e} | {c.trained:.1e} | "
            f"{'yes' if c.repeats else 'no'} | {c.graph:.1e} | {c.memory_mib:.0f} | {c.verdict()} |"
            for c in self.agreements
        ]
        if self.shares:
            lines += [
                "",
                f"| {LABELS[TYPICAL]} runs a card | images/s | MiB | busy cores |",
                "| --: | --: | --: | --: |",
            ]
            lines += [
                f"| {s.runs} | {s.error} | | |"
                if s.error
                else f"| {s.runs} | {s.images_per_second:,.0f} | {s.memory_mib:,.0f} | {s.cores:.1f} |"
                for s in self.shares
            ]
            number = self.recommended
            lines += [
                "",
                f"Recommended: `--per-card {number}`" if number else "No number can be recommended.",
            ]
        return "\n".join(lines)


def machine(device: str) -> dict[str, str]:
    """Card, driver, versions and settings."""
    found = {"device": device}
    if device == "cuda":
        found |= {
            "memory": f"{torch.cuda.get_device_properties(0).total_memory / 2**20:,.0f} MiB",
            "driver": driver_version(),
        }
    found |= {name: str(value) for name, value in devices.flags(device).items()}
    return found | {"torch": version("torch"), "python": platform.python_version()}


def driver_version() -> str:
    """The driver's version as nvidia-smi reports it, or "unknown"."""
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
    jobs: int = 1,
) -> Findings:
    """Compare every architecture, `jobs` at a time, then measure 1, 2, 4, 8, 16 runs per card until one number fails.
    The device "cpu" takes the same path, as a stand-in.
    """
    agreements = []
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for agreement in pool.map(check, slugs, repeat(device)):
            agreements.append(agreement)
            say(f"{agreement.slug}: {agreement.verdict()}")
    shares: list[Share] = []
    for runs in counts:
        shares.append(measure(runs, device, min(WARM_UP_STEPS, steps), steps))
        say(f"{runs} at a time: {shares[-1].error or f'{shares[-1].images_per_second:,.0f} images/s'}")
        if shares[-1].error:
            break
    card = torch.cuda.get_device_properties(0).total_memory / 2**20 if device == "cuda" else float("inf")
    return Findings(machine(device), agreements, shares, card)
