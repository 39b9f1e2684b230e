"""The results folder: <root>/<profile>/<slug>[@variant]/seed-<n>/, one manifest per run.

A run is published file by file (temporary name, fsync, rename), the manifest last; a run without a manifest is not
finished. The manifest is bit-identical between equal runs; time, host and versions are in `provenance.json`, which is
never compared. Runs that came with the project (`published/`) count as done, too.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reproduce.architectures import registry
from reproduce.architectures.names import REFERENCES, SLUGS
from reproduce.errors import ReproduceError
from reproduce.protocol import BEST_FIRST, Protocol, profile
from reproduce.storage import files, runs
from reproduce.storage.runs import RunId

if TYPE_CHECKING:
    import pandas as pd

MANIFEST, PROVENANCE = "manifest.json", "provenance.json"
WEIGHTS, HISTORY, MILESTONES = "weights.safetensors", "history.csv", "milestones.csv"
SAMPLES = "samples.safetensors"
TRAINED = (WEIGHTS, HISTORY, MILESTONES)
"""Files that training writes; a later evaluation keeps them."""
CHECKPOINTS = "checkpoint-*.bin"
RECORDS = (
    HISTORY,
    MILESTONES,
    "images.csv",
    "pairs.csv",
    "frames.csv",
    "digits.csv",
    SAMPLES,
    "scalars.json",
)

GROUPS = ("versions", "flags", "evaluation")
"""Entries of the provenance that are dictionaries."""
TRAINED_BY = ("commit", "host", "python", "versions", "flags")
"""Entries of the provenance that say what a run was made with."""
TRAINED_WHEN = (
    "started",
    "finished",
    "total_seconds",
    "training_seconds",
    "processor_clock",
    "resumed",
    "devices",
)
"""Entries that say when, for how long, and on what."""
LARGEST_JSON = 4 << 20
"""Size limit in bytes of a manifest or provenance; a real one has some kilobytes."""

FRESH, STALE, MISSING, FAILED, DAMAGED, PARTIAL = "fresh", "stale", "missing", "failed", "damaged", "partial"


@dataclass(frozen=True)
class Status:
    """One run's state and the reason for it.

    state: fresh (done with today's settings), stale (done with others), failed (in training or evaluation), damaged (a
    file does not match the manifest), partial (a checkpoint can be resumed) or missing (nothing there).
    retrain: whether training is due, not only the evaluation.
    damaged: names of the files that do not match an intact manifest.
    """

    run: RunId
    state: str
    why: str
    retrain: bool = True
    folder: Path | None = None
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """What `publish` takes: the files of a finished run by name, its provenance, and the failure if it failed."""

    files: dict[str, bytes]
    provenance: dict[str, Any]
    failure: dict[str, Any] | None = None


class Store:
    """One profile's runs: those below a root, and those that came with the project, below `published`."""

    def __init__(self, root: Path, protocol: Protocol, published: Path | None = None) -> None:
        self.protocol = protocol
        self.folder = root / protocol.name
        self.published = published / protocol.name if published is not None else None

    def path(self, run: RunId) -> Path:
        """Where the run is written."""
        return self.folder / run.folder

    def checkpoint(self, run: RunId) -> Path:
        """Where a run in training keeps its state.

        The name contains the training key, so a run never resumes from a state of other settings.
        """
        return self.path(run) / CHECKPOINTS.replace("*", runs.training_key(self.protocol, run)[:16])

    # --- states ---------------------------------------------------------------------------------------

    def status(self, run: RunId, verify: bool = False) -> Status:
        """The run's state. verify: read every file and compare checksums, instead of sizes alone."""
        found = self._status_in(self.path(run), run, verify)
        if found.state in (FRESH, FAILED) or self.published is None:
            return found
        elsewhere = self._status_in(self.published / run.folder, run, verify, may_lack=(WEIGHTS, SAMPLES))
        to_evaluate = elsewhere.state == STALE and not elsewhere.retrain
        says_more = found.state == MISSING and (elsewhere.state == FAILED or to_evaluate)
        if found.state == MISSING and elsewhere.state == DAMAGED:
            # a damaged published run is not used, and not repaired here
            return replace(elsewhere, retrain=True, folder=None, damaged=())
        return elsewhere if elsewhere.state == FRESH or says_more else found

    def _status_in(self, folder: Path, run: RunId, verify: bool, may_lack: tuple[str, ...] = ()) -> Status:
        manifest_path = folder / MANIFEST
        if not manifest_path.is_file():
            if manifest_path.exists():
                return Status(run, DAMAGED, f"{manifest_path} is not a file")
            if (folder / self.checkpoint(run).name).is_file():
                return Status(run, PARTIAL, "interrupted; goes on from its checkpoint")
            return Status(run, MISSING, "not run yet")
        try:
            manifest = read_manifest(manifest_path)
        except ReproduceError as error:
            return Status(run, DAMAGED, str(error))
        wanted = runs.training_settings(self.protocol, run)
        if manifest["training"]["key"] != runs.training_key(self.protocol, run):
            return Status(run, STALE, difference(manifest["training"]["settings"], wanted))
        failure = manifest["failure"]
        failed = failure and Status(
            run, FAILED, f"epoch {failure['epoch']}: {failure['reason']}", folder=folder
        )
        if failed and manifest["evaluation"] is None:
            return failed
        problems = file_problems(folder, manifest, verify, may_lack)
        if problems:
            retrain = run.is_reference or not problems.keys().isdisjoint(TRAINED)
            return Status(run, DAMAGED, "; ".join(problems.values()), retrain, damaged=tuple(problems))
        weights = manifest["files"][WEIGHTS]["sha256"]
        if manifest["evaluation"]["key"] != runs.evaluation_key(self.protocol, weights):
            lacks = files.stored(folder / WEIGHTS) is None
            again = lacks or run.is_reference
            return Status(run, STALE, "the evaluation has changed since", retrain=again, folder=folder)
        if lacking := sorted(_needed(run, failure) - manifest["files"].keys()):
            why = f"{manifest_path} names no {', '.join(lacking)}"
            retrain = run.is_reference or not set(TRAINED).isdisjoint(lacking)
            return Status(run, DAMAGED, why, retrain, damaged=tuple(lacking))
        if failed:
            # it failed in its evaluation: the weights are there, unless it was published without them
            return replace(failed, retrain=files.stored(folder / WEIGHTS) is None)
        return Status(run, FRESH, "done", retrain=False, folder=folder)

    # --- writing --------------------------------------------------------------------------------------

    def publish(self, run: RunId, outcome: RunResult, commit: str = "") -> None:
        """Write a finished (or failed) run, the manifest last. Raises ReproduceError; then nothing is half-published.

        An earlier manifest is removed first, unless the weights stay the same: then it is still valid for them, and an
        interruption costs only another evaluation, no training.
        """
        folder = self.path(run)
        weights = outcome.files.get(WEIGHTS)
        if weights is None or not _holds(folder / WEIGHTS, weights):
            files.remove(folder / MANIFEST)
        for name, content in outcome.files.items():
            files.write(folder / name, content)
        provenance = outcome.provenance | {"commit": commit, "finished": time.time()}
        if "training_seconds" not in provenance and WEIGHTS in outcome.files:
            provenance = self._evaluated_again(run, provenance)
        files.write(folder / PROVENANCE, runs.canonical(provenance))
        files.write(folder / MANIFEST, self.manifest(run, outcome))
        for checkpoint in sorted(folder.glob(CHECKPOINTS)):
            files.remove(checkpoint)

    def _evaluated_again(self, run: RunId, provenance: dict[str, Any]) -> dict[str, Any]:
        """The provenance of a run that was trained earlier and is evaluated now: the entries about its training stay,
        those about the evaluation go into the entry `evaluation`."""
        before = self.provenance(run)
        if not before and self.published is not None:
            before = self.provenance(run, self.published / run.folder)
        kept = {name: before.get(name) for name in (*TRAINED_BY, *TRAINED_WHEN)}
        own = {name: provenance.get(name) for name in (*TRAINED_BY, "finished") if name != "host"}
        return provenance | kept | {"evaluation": own}

    def commits(self, run: RunId, folder: Path | None = None) -> set[str]:
        """The commits that trained and evaluated the run; "" for an unknown one."""
        provenance = self.provenance(run, folder)
        return {
            str(found.get("commit") or "") for found in (provenance, provenance.get("evaluation", provenance))
        }

    def manifest(self, run: RunId, outcome: RunResult) -> bytes:
        """The manifest's bytes: keys, settings, checksums, and a checksum of itself."""
        content: dict[str, Any] = {
            "run": {
                "profile": self.protocol.name,
                "architecture": run.architecture,
                "variant": run.variant,
                "seed": run.seed,
            },
            "training": {
                "key": runs.training_key(self.protocol, run),
                "settings": runs.training_settings(self.protocol, run),
            },
            "evaluation": None,
            "failure": outcome.failure,
            "files": {
                name: {"sha256": files.sha256(content), "bytes": len(content)}
                for name, content in outcome.files.items()
            },
        }
        if WEIGHTS in outcome.files:
            weights = content["files"][WEIGHTS]["sha256"]
            content["evaluation"] = {"key": runs.evaluation_key(self.protocol, weights)}
        return runs.canonical(content | {"checksum": files.sha256(runs.canonical(content))})

    def set_aside(self, status: Status) -> None:
        """Move what is damaged out of the way: its files, or the whole folder if training is due."""
        folder = self.path(status.run)
        for path in [folder] if status.retrain else [folder / name for name in status.damaged]:
            if path.exists():
                files.move_aside(path)

    # --- reading --------------------------------------------------------------------------------------

    def read(self, folder: Path, name: str) -> bytes:
        """One file of a finished run, after a check of its checksum. Raises ReproduceError."""
        manifest = read_manifest(folder / MANIFEST)
        if name not in manifest["files"]:
            raise ReproduceError(f"{folder} has no {name}: run `python -m reproduce run` again")
        path = folder / name
        problem = _file_problem(path, manifest["files"][name], verify=True)
        if problem:
            raise ReproduceError(f"{problem}: run `python -m reproduce run` again")
        return files.read(path)

    def provenance(self, run: RunId, folder: Path | None = None) -> dict[str, Any]:
        """The run's provenance, {} if there is none."""
        path = (folder or self.path(run)) / PROVENANCE
        try:
            content = json.loads(files.read(path, LARGEST_JSON))
        except (ReproduceError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict):
            return {}
        return {
            name: value for name, value in content.items() if name not in GROUPS or isinstance(value, dict)
        }

    def known_runs(self) -> tuple[RunId, ...]:
        """Every run that has a folder, here or in `published`, by name."""
        found: set[RunId] = set()
        for base in (self.folder, self.published):
            if base is not None and base.is_dir():
                found |= set(_runs_below(base))
        return tuple(sorted(found))

    def manifests(self) -> dict[str, list[str]]:
        """Each known run's folder → SHA-256 of its manifests, here and in `published`; equal ones only once, unreadable
        ones not at all."""
        found: dict[str, list[str]] = {}
        for run in self.known_runs():
            bases = [base for base in (self.folder, self.published) if base is not None]
            digests = {digest for base in bases if (digest := _digest(base / run.folder / MANIFEST))}
            if digests:
                found[run.folder] = sorted(digests)
        return found


def most_finished(
    results: Path, published: Path, names: Iterable[str] = BEST_FIRST
) -> tuple[Store, list[Status]]:
    """The profile with the most finished models (in a tie the first one), and its finished runs."""

    def finished(name: str) -> tuple[Store, list[Status]]:
        store = Store(results, profile(name), published)
        states = [store.status(run) for run in (*runs.campaign_runs(store.protocol), *store.known_runs())]
        return store, list({status.run: status for status in states if status.state == FRESH}.values())

    def models(found: tuple[Store, list[Status]]) -> int:
        return len({status.run.architecture for status in found[1] if not status.run.variant})

    return max(map(finished, names), key=models)


def _runs_below(base: Path) -> Iterator[RunId]:
    for manifest in base.glob(f"*/seed-*/{MANIFEST}"):
        name, _, variant = manifest.parent.parent.name.partition("@")
        seed = manifest.parent.name.removeprefix("seed-")
        if seed.isascii() and seed.isdecimal() and _known(name, variant):
            yield RunId(name, int(seed), variant)


def _known(name: str, variant: str) -> bool:
    """Whether there is such an architecture (or reference) and such a variant of it."""
    if name in REFERENCES:
        return not variant
    return name in SLUGS and (not variant or variant in registry.variants_of(name))


def read_manifest(path: Path) -> Mapping[str, Any]:
    """The manifest, after a check of its own checksum. Raises ReproduceError, naming the file."""
    try:
        found = path.stat()
    except OSError:
        return _read_manifest(path)
    return _read_unchanged_manifest(path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1024)
def _read_unchanged_manifest(path: Path, *_: int) -> Mapping[str, Any]:
    """Cached while the file is unchanged: every record of a run needs the manifest."""
    return _read_manifest(path)


def _read_manifest(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(files.read(path, LARGEST_JSON))
        checksum = content.pop("checksum")
        intact = checksum == files.sha256(runs.canonical(content))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ReproduceError(f"{path} is damaged ({type(error).__name__})") from error
    if not intact:
        raise ReproduceError(f"{path} is damaged (its checksum does not fit)")
    if not _is_manifest(content):
        raise ReproduceError(f"{path} is from another version of this project")
    return content


PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.(csv|json|safetensors)", re.ASCII)
"""The name of a run's file: never a path."""


def _is_manifest(content: Any) -> bool:
    """Whether every entry that is read back exists with its type, and every file name matches PLAIN_NAME."""
    match content:
        case {
            "training": {"key": str(), "settings": dict()},
            "evaluation": None | {"key": str()} as evaluation,
            "failure": None | {"epoch": int(), "reason": str()} as failure,
            "files": dict() as entries,
        }:
            named = all(PLAIN_NAME.fullmatch(name) and _is_entry(entry) for name, entry in entries.items())
            evaluated = evaluation is not None and WEIGHTS in entries
            return named and (evaluated or (evaluation is None and failure is not None))
    return False


def _is_entry(entry: Any) -> bool:
    match entry:
        case {"sha256": str(), "bytes": int() as size}:
            return 0 <= size <= files.LARGEST
    return False


def _holds(path: Path, content: bytes) -> bool:
    """Whether the file exists with exactly this content."""
    return path.is_file() and path.stat().st_size == len(content) and files.read(path) == content


def _digest(path: Path) -> str | None:
    """SHA-256 of a manifest's file; None if it cannot be read."""
    try:
        return files.sha256(files.read(path, LARGEST_JSON))
    except ReproduceError:
        return None


def _needed(run: RunId, failure: Any) -> set[str]:
    """The files needed to read an evaluated run, or, if its evaluation failed, to evaluate it again."""
    needed = {HISTORY, MILESTONES} if failure else set(RECORDS)
    return needed - set(TRAINED) if run.is_reference else needed


def file_problems(
    folder: Path, manifest: Mapping[str, Any], verify: bool, may_lack: Iterable[str] = ()
) -> dict[str, str]:
    """Name → what is wrong, for every file that does not match the manifest. may_lack: names that may be missing.
    verify: compare checksums, instead of sizes alone."""
    return {
        name: problem
        for name, entry in manifest["files"].items()
        if (problem := _file_problem(folder / name, entry, verify))
        and not (name in may_lack and files.stored(folder / name) is None)
    }


def _file_problem(path: Path, entry: Mapping[str, Any], verify: bool) -> str | None:
    """What is wrong with a file, in words; None if nothing is."""
    found = files.stored(path)
    if found is None:
        return f"{path} is gone"
    if found == path and path.stat().st_size != entry["bytes"]:
        return f"{path} is truncated or foreign (its size does not fit)"
    try:
        if verify and files.sha256(files.read(path)) != entry["sha256"]:
            return f"{found} is damaged (its checksum does not fit)"
    except ReproduceError as error:
        return str(error)
    return None


def difference(before: Any, now: Any, path: str = "") -> str:
    """The first few settings that differ, as "settings.beta was 4.0, is 2.0"."""
    found = list(_differences(before, now, path))
    return "; ".join(found[:3]) or "its settings are from another version"


def _differences(before: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif json.dumps(before) != json.dumps(now):
        yield f"{path} was {before}, is {now}"


def read_csv(content: bytes, columns: Iterable[str], what: str) -> pd.DataFrame:
    """A record with at least these columns. Raises ReproduceError."""
    import pandas as pd

    names = content.partition(b"\n")[0].rstrip(b"\r").split(b",")
    if len(set(names)) != len(names):
        raise ReproduceError(f"{what} has a column twice")
    try:
        frame = pd.read_csv(io.BytesIO(content), low_memory=False)
    except (ValueError, OverflowError, RecursionError) as error:
        raise ReproduceError(f"{what} cannot be read as CSV ({type(error).__name__})") from error
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ReproduceError(f"{what} lacks the column {missing[0]}")
    if not isinstance(frame.index, pd.RangeIndex):  # so for rows longer than the header
        raise ReproduceError(f"{what} has rows that are longer than its header")
    return frame
