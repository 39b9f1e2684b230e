"""The campaign in every way in which users' machines really differ: instruction sets, interpreters, torch's versions.

Each way runs in a process of its own into a results root of its own, and goes on where it was interrupted.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reproduce.datasets import find_mnist
from reproduce.errors import ReproduceError
from reproduce.golden.bands import (
    BASE,
    Spread,
    farthest_rows,
    from_other_machines,
    measured_bands,
    record_bands,
)
from reproduce.golden.model import machine_provenance
from reproduce.golden.recording import require_fresh
from reproduce.protocol import Protocol
from reproduce.records import Records
from reproduce.runs import campaign_runs
from reproduce.store import Store
from reproduce.version import current_commit

AGAIN = "again"
"""The base's way of running a second time."""
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
Read = Callable[[Path], tuple[Records, dict[str, Any]]]
"""Results root → the records of its runs, and what their provenance agrees on."""


@dataclass(frozen=True)
class Way:
    """One way of running: an interpreter, and the variables that make the machine look like another."""

    name: str
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)


OLDER_MACHINES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("avx2", "avx512f", {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}),
    ("avx", "avx2", {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "AVX", "MKL_CBWR": "AVX"}),
    ("aten-default", "avx2", {"ATEN_CPU_CAPABILITY": "default"}),
)
"""Name, the processor's flag without which nothing would change, and the variables: two older machines (those before
AVX, of 2010, are nobody's), and torch's own kernels alone."""


def processor_flags() -> frozenset[str]:
    """The instruction sets that the kernel names, none where it does not."""
    info = Path("/proc/cpuinfo")
    found = (
        re.search(r"^flags\s*:(.*)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        if info.is_file()
        else None
    )
    return frozenset(found[1].split()) if found else frozenset()


def ways(python: str, others: Sequence[str], flags: frozenset[str]) -> tuple[Way, ...]:
    """As it is, the same again, older machines than this one, and other interpreters. Raises ReproduceError."""
    older = [Way(name, python, variables) for name, flag, variables in OLDER_MACHINES if flag in flags]
    interpreters = [Way(interpreter_name(other), other) for other in others]
    found = (Way(BASE, python), Way(AGAIN, python), *older, *interpreters)
    names = [way.name for way in found]
    if len(set(names)) != len(names):
        raise ReproduceError(f"two interpreters have the same versions: {', '.join(names)}; name each once")
    return found


def chosen(found: Sequence[Way], names: Sequence[str]) -> tuple[Way, ...]:
    """Of the older machines those named; as it is, the same again and other interpreters whatever is named.

    Raises ReproduceError when a name is not of one that this machine can run.
    """
    known = [way.name for way in found]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ReproduceError(f"there is no way '{unknown[0]}' here; there is {', '.join(known)}")
    older = [name for name, *_ in OLDER_MACHINES]
    return tuple(way for way in found if way.name in names or way.name not in older)


def interpreter_name(python: str) -> str:
    """python-<version>-torch-<version> of another interpreter. Raises ReproduceError when it cannot import torch."""
    script = "import json, platform, torch; print(json.dumps([platform.python_version(), torch.__version__]))"
    try:
        done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True, timeout=120)
        version, torch = json.loads(done.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        raise ReproduceError(
            f"'{python}' is no interpreter with this project's packages ({type(error).__name__}): "
            "install requirements.lock there, or leave it out"
        ) from error
    return f"python-{version}-torch-{torch}"


def run(way: Way, root: Path, words: Sequence[str], settings: Mapping[str, str]) -> None:
    """`python -m reproduce run …` in that way, into that root; nothing if all of it is done already.

    On the CPU, whatever there is: on a GPU no older processor could be told from this one.
    The process starts in the root, where no published runs can be taken for its own. Raises ReproduceError when it
    fails; what it finished stays.
    """
    root.mkdir(parents=True, exist_ok=True)
    environment = {
        **{name: value for name, value in os.environ.items() if name not in MEANT_FOR_US},
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "PYTHONPATH": str(PACKAGE_ROOT),
        **settings,
        **way.environment,
    }
    # not resolved: a virtual environment is known by the link's name
    python = str(Path(way.python).absolute()) if os.sep in way.python else way.python
    command = [python, "-m", "reproduce", "run", "--device", "cpu", "--results", str(root.absolute()), *words]
    code = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if code:
        raise ReproduceError(
            f"the campaign '{way.name}' ended with exit code {code}: its finished runs stay, the same command goes on"
        )


def measure(
    protocol: Protocol,
    results: Path,
    read: Read,
    *,
    only: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
    older: Sequence[str] = (),
    pythons: Sequence[str] = (),
) -> Iterator[str]:
    """Run the campaign in every way, each below <results>/tolerances, and record the bands of a complete one.

    Yields lines for people as it goes. older: of the older machines only these, unless none is named. Raises
    ReproduceError (`ways`, `chosen`, `surroundings`, `run`) and CannotCompare (`measured_bands`, `farthest_rows`).
    """
    part, wanted = bool(only or seeds), campaign_runs(protocol, only, seeds)
    found = ways(sys.executable, pythons, processor_flags())
    found = chosen(found, older) if older else found
    words, settings = options(protocol, only, seeds, jobs), surroundings(protocol)
    ran = []
    for way in found:
        root = results / "tolerances" / way.name
        yield f"{way.name}: {' '.join(f'{k}={v}' for k, v in way.environment.items()) or way.python}"
        run(way, root, words, settings)
        require_fresh(Store(root, protocol), wanted)
        records, provenance = read(root)
        provenance = machine_provenance(protocol, provenance) | {"environment": dict(way.environment)}
        ran.append((Spread.of(way.name, records, provenance), records))
    spreads = [spread for spread, _ in ran]
    if not part:
        spreads += from_other_machines(protocol.name, spreads)
    bands = measured_bands(spreads)
    for band in bands:
        yield (
            f"{band.metric:16} {band.architecture:16} same {band.same_relative:.2e}  "
            f"other {band.other_relative:.2e}  {band.reason}"
        )
    base, *others = ran
    for other in others:
        worst = farthest_rows(bands, base, other)
        yield f"{other[0].name}: rows at most {worst.deviation:.2f} bands off, in {worst.run} {worst.metric}"
    if part:
        yield "not recorded: only a complete campaign is"
        return
    for path in record_bands(spreads, protocol.name):
        yield f"recorded {path}"


def options(
    protocol: Protocol, only: Sequence[str], seeds: Sequence[int] | None, jobs: int | None
) -> tuple[str, ...]:
    """What `run` is told of the campaign."""
    return (
        *("--profile", protocol.name),
        *(("--jobs", str(jobs)) if jobs else ()),
        *(word for name in only for word in ("--only", name)),
        *(("--seeds", ",".join(map(str, seeds))) if seeds else ()),
    )


def surroundings(protocol: Protocol) -> dict[str, str]:
    """What a process that starts elsewhere would not find: the commit, and full MNIST. Raises ReproduceError."""
    mnist = {"MNIST_DIR": str(find_mnist().absolute())} if protocol.dataset == "mnist" else {}
    return {"REPRODUCE_COMMIT": current_commit(), **mnist}


MEANT_FOR_US = ("PROFILE", "SEEDS", "RESULTS_DIR", *OLDER_MACHINES[0][2])
"""Variables that a way must not inherit."""
