"""What of the user's environment may reach us and the tools that we call: one list, for all of them.

Imported before torch: libraries of threads read their placement when they are loaded, and narrow this process to one
core before anybody has counted the cores.
"""

from __future__ import annotations

import os

PLACEMENT = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
"""Where threads are bound to cores. Each of our processes has one thread, and the kernel places it."""
KERNELS = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
)  # fmt: skip
"""What chooses the kernels of numerical libraries, and with them the last bits: it belongs to the machine's class."""
TOOLS = (
    "HOME", "LOGNAME", "PATH", "SOURCE_DATE_EPOCH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ", "USER",
)  # fmt: skip
"""What a tool may see."""


def cores() -> int:
    """Cores that this process may use: affinity and cgroups count."""
    from dask.system import cpu_count

    return int(cpu_count())


def for_tools(**ours: str) -> dict[str, str]:
    """The environment of a tool that we call: the variables of TOOLS, UTF-8, and ours."""
    kept = {name: os.environ[name] for name in TOOLS if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | ours


def kernels() -> dict[str, str]:
    """The variables of KERNELS that are set."""
    return {name: os.environ[name] for name in KERNELS if os.environ.get(name)}


def without_backend() -> None:
    """Figures are drawn without pyplot: a backend of somebody else's (a notebook's) need not even be installed."""
    os.environ["MPLBACKEND"] = "agg"


for _name in PLACEMENT:
    os.environ.pop(_name, None)
