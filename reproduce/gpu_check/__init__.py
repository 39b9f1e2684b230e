"""Whether a GPU computes what the CPU computes, how fast, and how many runs should share it. No number of it enters a
result."""

from reproduce.gpu_check.comparison import Comparison
from reproduce.gpu_check.findings import Findings, examine, require_cuda
from reproduce.gpu_check.sharing import Share

__all__ = ["Comparison", "Findings", "Share", "examine", "require_cuda"]
