"""The device that computes, and the settings that make its results repeatable."""

from __future__ import annotations

import ctypes
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from reproduce.errors import ReproduceError
from reproduce.machine import environment

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, ARENA_MAX = -1, -2, -3, -8
"""Parameters of glibc's mallopt."""
MADV_HUGEPAGE = 14
HUGE_PAGE = 2 << 20
KEPT_BYTES = 1 << 30

CPU = torch.device("cpu")
TF32_VARIABLE = "NVIDIA_TF32_OVERRIDE"


def configure(device: str, tf32: bool = False) -> None:
    """Use one thread per process on the CPU, so that nothing depends on the number of cores. On a GPU use deterministic
    kernels, and matrix products in full precision unless tf32 asks for TensorFloat-32 (10 bits of mantissa).

    Must run before the first tensor of a run. Idempotent. Raises ReproduceError if NVIDIA_TF32_OVERRIDE contradicts
    tf32: NVIDIA's libraries follow that variable whatever torch asks for.
    """
    override = os.environ.get(TF32_VARIABLE, "")
    if device == "cuda" and override == ("0" if tf32 else "1"):
        asked = "TF32 was asked for" if tf32 else "TF32 was not asked for (--tf32)"
        raise ReproduceError(f"{asked}, and {TF32_VARIABLE}={override} decides otherwise: unset it")
    torch.set_num_threads(1)
    # moments of parameters without gradient decay into denormals, which the CPU computes slowly
    torch.set_flush_denormal(True)
    _keep_memory()
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True)
        # otherwise one more kernel fills every new tensor with NaN
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def clock(device: str) -> Callable[[], float]:
    """The clock that measures a run's seconds. On the CPU it is the process's own time: a run has one thread, so other
    work on the machine hardly affects it. On a GPU, which computes beside the process, it is wall time."""
    return time.process_time if device == "cpu" else time.perf_counter


def _keep_memory() -> None:
    """Use one heap on huge pages and never return its memory: page faults took a fifth of a step, address translation a
    twentieth.

    glibc is told to serve every thread and every size from one heap, the heap is made large at once (address space,
    not memory), and the kernel is asked for huge pages there. Does nothing except on Linux with glibc.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    heap = _heap()
    if not hasattr(libc, "mallopt") or heap is None or heap[1] - heap[0] >= KEPT_BYTES:
        return
    for parameter, value in (
        (ARENA_MAX, 1),
        (MMAP_THRESHOLD, KEPT_BYTES),
        (TRIM_THRESHOLD, KEPT_BYTES),
        (TOP_PAD, KEPT_BYTES),
    ):
        libc.mallopt(parameter, value)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    # larger than the free memory in the heap, so that the heap grows by it and the padding
    libc.free(libc.malloc(KEPT_BYTES // 2))
    heap = _heap()
    assert heap is not None
    start = -(-heap[0] // HUGE_PAGE) * HUGE_PAGE
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.madvise(start, max(heap[1] - start, 0), MADV_HUGEPAGE)


def _heap() -> tuple[int, int] | None:
    """First and last address of this process's heap, or None if the kernel does not report them."""
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return None
    ranges = [
        line.split()[0] for line in maps.read_text(encoding="utf-8").splitlines() if line.endswith("[heap]")
    ]
    edges = [int(edge, 16) for found in ranges for edge in found.split("-")]
    return (min(edges), max(edges)) if edges else None


def take_turns(name: object) -> None:
    """Select this worker's GPU: worker 0 gets the first, worker 1 the second, and so on, starting again after the last.

    name: the worker's number in a local cluster. Workers of other clusters have other names and keep the GPU that
    CUDA_VISIBLE_DEVICES gives them.
    """
    number = str(name)
    if number.isdigit():
        torch.cuda.set_device(int(number) % torch.cuda.device_count())


def default_jobs(device: str, per_card: int) -> int:
    """Runs at a time: one per core; with GPUs also at most `per_card` per GPU."""
    cores = environment.cores()
    return min(cores, per_card * torch.cuda.device_count()) if device == "cuda" else cores


def best_device() -> tuple[str, str]:
    """The best device of this machine, "cuda" or "cpu", and why."""
    with warnings.catch_warnings():
        # a CUDA build without a driver warns when asked
        warnings.simplefilter("ignore")
        available = torch.cuda.is_available()
    if available:
        return "cuda", f"{torch.cuda.get_device_name(0)} found"
    return "cpu", "no CUDA device"


def cpu_model() -> str:
    """The processor's name as the kernel reports it, otherwise as Python's `platform` does."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def name(device: str) -> str:
    """The name of the GPU, or of the processor."""
    return torch.cuda.get_device_name(torch.cuda.current_device()) if device == "cuda" else cpu_model()


def flags(device: str) -> dict[str, object]:
    """The current settings, for the provenance."""
    found: dict[str, object] = {
        "device": device,
        "processor": cpu_model(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
    }
    if chosen := environment.kernels():
        found["kernels"] = " ".join(f"{name}={value}" for name, value in sorted(chosen.items()))
    if device == "cuda":
        found |= {
            "gpu": name(device),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
            "tf32_convolution": torch.backends.cudnn.allow_tf32,
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "tf32_override": os.environ.get(TF32_VARIABLE, ""),
            "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""),
        }
    return found
