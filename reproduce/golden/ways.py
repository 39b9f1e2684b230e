"""Runs the campaign as it is, once more, and as older machines would run it, to measure tolerances from these ways.

Each way has its own process and results root, and goes on where it was interrupted. Other results beside those roots
count, too: those of another machine, Python or torch.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reproduce.errors import ReproduceError
from reproduce.golden.content import FOLDER, machine_provenance
from reproduce.golden.folder import frames, require_fresh
from reproduce.golden.tolerances import BASE, Spread, record_tolerances
from reproduce.protocol import Protocol
from reproduce.storage.records import Records
from reproduce.storage.runs import campaign_runs
from reproduce.storage.store import Store

AGAIN = "again"
"""The base, run a second time."""
OLDER_MACHINES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("avx2", "avx512f", {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}),
    ("avx", "avx2", {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX", "MKL_CBWR": "AVX"}),
    ("aten-default", "avx2", {"ATEN_CPU_CAPABILITY": "default"}),
)
"""Name, the processor flag that is needed for the variables to have an effect, and the variables: two older machines
(none before AVX, of 2010), and a change of torch's own kernels only."""
MEANT_FOR_US = ("PROFILE", "SEEDS", "RESULTS_DIR", *OLDER_MACHINES[0][2])
"""Variables that a way must not inherit."""
Read = Callable[[Path], tuple[Records, dict[str, Any]]]
"""Results root → the records of its runs, and what their provenance has in common."""


def processor_flags() -> frozenset[str]:
    """The instruction sets that the kernel lists; empty if it lists none."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def ways(flags: frozenset[str], only: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Name → variables of each way: the base, the base again, and each older machine, or only those named in `only`.

    Raises ReproduceError for a name that cannot be imitated on this machine.
    """
    older = {name: variables for name, flag, variables in OLDER_MACHINES if flag in flags}
    if unknown := [name for name in only if name not in older]:
        listed = ", ".join(older) or "none"
        raise ReproduceError(f"no older machine '{unknown[0]}' can be imitated here; there is {listed}")
    chosen = {name: variables for name, variables in older.items() if not only or name in only}
    return {BASE: {}, AGAIN: {}, **chosen}


def run(name: str, variables: dict[str, str], root: Path, words: Sequence[str]) -> None:
    """Run `python -m reproduce run …` with these variables into that root; does nothing if all of it is done already.

    Always on the CPU: on a GPU an older processor would make no difference. Raises ReproduceError when it fails; its
    finished runs stay.
    """
    kept = {key: value for key, value in os.environ.items() if key not in MEANT_FOR_US}
    command = [sys.executable, "-m", "reproduce", "run", "--device", "cpu", "--results", str(root), *words]
    code = subprocess.run(command, env=kept | variables, check=False).returncode
    if code:
        raise ReproduceError(
            f"the campaign '{name}' ended with exit code {code}: its finished runs stay, the same command goes on"
        )


def measure(
    protocol: Protocol, results: Path, read: Read, *, jobs: int | None = None, older: Sequence[str] = ()
) -> Iterator[str]:
    """Run the campaign in every way below <results>/tolerances, and record the tolerances from all results there.

    Yields lines for people as it goes. older: only these older machines; all of them if empty. Raises
    ReproduceError: see `ways`, `run`, `require_fresh` and `record_tolerances`.
    """
    folder = results / "tolerances"
    words = ["--profile", protocol.name, *(["--jobs", str(jobs)] if jobs else [])]
    for name, variables in ways(processor_flags(), older).items():
        yield f"{name}: {' '.join(f'{key}={value}' for key, value in variables.items()) or sys.executable}"
        run(name, variables, folder / name, words)
    spreads = []
    for root in sorted(path for path in folder.iterdir() if (path / protocol.name).is_dir()):
        require_fresh(Store(root, protocol), campaign_runs(protocol))
        records, provenance = read(root)
        runs = frames(records)["runs"]
        spreads.append(Spread(root.name, runs, machine_provenance(protocol, provenance)))
    for item in record_tolerances(spreads, protocol.name).itertuples():
        numbers = f"same {item.same_relative:.2e}  other {item.other_relative:.2e}"
        yield f"{item.metric:16} {item.architecture:16} {numbers}  {item.reason}"
    yield f"recorded {FOLDER / protocol.name}"
