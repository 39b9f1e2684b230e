"""Which environment variables reach this process and the tools that it calls: one list, for all of them.

Imported before torch: libraries of threads read their placement when they are loaded, and narrow this process to one
core before the cores are counted.
"""

from __future__ import annotations

import os
import sys

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
DASK = "DASK_"
"""How the variables begin that Dask reads. They reach a cluster of the user's, which may need them, and no other."""


def cores() -> int:
    """Cores that this process may use: affinity and cgroups count."""
    import_dask()
    from dask.system import cpu_count

    return int(cpu_count())


def import_dask() -> None:
    """Dask reads the user's files and variables when it is imported, and a broken file would end that: it is shown
    none."""
    if "dask" in sys.modules:
        return
    before = dict(os.environ)
    shown = {name: value for name, value in before.items() if not name.startswith(DASK)}
    replace_environment(shown | {"HOME": os.devnull, "DASK_ROOT_CONFIG": os.devnull})
    try:
        import dask  # noqa: F401
    finally:
        replace_environment(before)


def configure_dask(theirs: bool = False) -> None:
    """Give Dask its own settings alone, or also what the user's files and variables set. Raises ReproduceError for what
    of theirs cannot be read."""
    import_dask()
    from dask import config

    before = dict(os.environ)
    root, own = before.get("DASK_ROOT_CONFIG", "/etc/dask"), f"{before.get('HOME', '')}/.config/dask"
    folders = [root, f"{sys.prefix}/etc/dask", own, before.get("DASK_CONFIG", "")]
    try:
        config.refresh(paths=folders if theirs else [], env=before if theirs else {})
    except Exception as error:
        from reproduce.errors import ReproduceError

        raise ReproduceError(f"your settings of Dask cannot be read: {error}") from error


def replace_environment(wanted: dict[str, str]) -> None:
    """These variables and no others are set."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def for_tools(**ours: str) -> dict[str, str]:
    """The environment of a tool that we call: the variables of TOOLS, UTF-8, and ours."""
    kept = {name: os.environ[name] for name in TOOLS if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | ours


def kernels() -> dict[str, str]:
    """The variables of KERNELS that are set."""
    return {name: os.environ[name] for name in KERNELS if os.environ.get(name)}


def without_backend() -> None:
    """Figures are drawn without pyplot: the backend that the environment names (a notebook's) need not be installed."""
    os.environ["MPLBACKEND"] = "agg"


for _name in PLACEMENT:
    os.environ.pop(_name, None)
