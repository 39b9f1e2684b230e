"""The environment variables that reach this process and the tools that it calls.

Imported before torch: threading libraries read PLACEMENT when they are loaded, and would restrict this process to one
core before the cores are counted.
"""

from __future__ import annotations

import os
import sys

PLACEMENT = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
"""Variables that bind threads to cores. They are removed: each of our processes has one thread, which the kernel
places."""
KERNELS = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
)  # fmt: skip
"""Variables that choose the kernels of numerical libraries, and so the last bits: part of the machine's class."""
TOOLS = (
    "HOME", "LOGNAME", "PATH", "SOURCE_DATE_EPOCH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ", "USER",
)  # fmt: skip
"""Variables that are passed on to a tool."""
DASK = "DASK_"
"""Prefix of the variables that Dask reads. They are used only with a user's own cluster, which may need them."""


def cores() -> int:
    """Number of cores that this process may use by its affinity and cgroups."""
    import_dask()
    from dask.system import cpu_count

    return int(cpu_count())


def import_dask() -> None:
    """Import Dask without the user's configuration files and variables. It reads them on import, and a broken file
    would make that fail."""
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
    """Give Dask its default settings; theirs: add those of the user's files and variables. Raises ReproduceError if the
    user's cannot be read."""
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
    """Set exactly these environment variables and delete all others."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


def for_tools(**ours: str) -> dict[str, str]:
    """The environment of a tool that we call: the variables of TOOLS, a UTF-8 locale, and `ours`."""
    kept = {name: os.environ[name] for name in TOOLS if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | ours


def kernels() -> dict[str, str]:
    """The variables of KERNELS that are set."""
    return {name: os.environ[name] for name in KERNELS if os.environ.get(name)}


def without_backend() -> None:
    """Override the matplotlib backend that the environment names: a notebook's may not be installed, and figures are
    drawn without pyplot."""
    os.environ["MPLBACKEND"] = "agg"


for _name in PLACEMENT:
    os.environ.pop(_name, None)
