"""Whether a GPU computes the same as the CPU, how fast, and how many runs should share it. None of these numbers enters
a result."""

from benchmarks.gpu_check.agreement import Agreement
from benchmarks.gpu_check.findings import Findings, examine, require_cuda
from benchmarks.gpu_check.sharing import RUNS_A_CARD, Share

__all__ = ["RUNS_A_CARD", "Agreement", "Findings", "Share", "examine", "require_cuda"]
