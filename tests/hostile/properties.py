"""Every property of hostile input, and how many cases of it are tried."""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from reproduce import cli, datasets, golden, protocol, report, training
from reproduce.campaign import schedule, worker
from reproduce.commands import results
from reproduce.errors import LONGEST, ReproduceError
from reproduce.golden import ways
from reproduce.golden.folder import FILES
from reproduce.paper.tables import parsed
from reproduce.protocol import Protocol
from reproduce.storage import files, reading, runs, store
from reproduce.storage.store import Store
from reproduce.verdicts import registry, stored
from reproduce.verdicts.judge import judge
from tests.hostile.harness import Property, World, refused
from tests.hostile.mutations import (
    PATHS,
    spoilt_bytes,
    spoilt_csv,
    spoilt_json,
    spoilt_json_bytes,
    spoilt_safetensors,
)
from tests.tiny import RUNS, assembled, contents

Cases = st.SearchStrategy[Any]
STATES = {store.FRESH, store.STALE, store.MISSING, store.FAILED, store.DAMAGED, store.PARTIAL}

# --- MNIST's files ------------------------------------------------------------------------------------------

LABELS = "t10k-labels-idx1-ubyte"


def idx_files(world: World) -> Cases:
    """A file of the right size and header (not MNIST's content), spoilt, plain or gzipped before or after."""
    magic, (count,), _ = datasets.mnist.IDX_FILES[LABELS]

    def whole(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(4, "big") for number in numbers) + bytes(count)

    any_number = st.sampled_from((2049, 2051, 0, 10**9, count - 1)) | st.integers(0, 2**32 - 1)
    intact = whole(magic, count)
    plain = st.builds(whole, any_number, any_number) | spoilt_bytes(intact)
    return st.one_of(
        plain.map(lambda content: (LABELS, content)),
        plain.map(lambda content: (f"{LABELS}.gz", gzip.compress(content, 1))),
        spoilt_bytes(gzip.compress(intact, 1)).map(lambda content: (f"{LABELS}.gz", content)),
    )


def idx_is_refused(case: tuple[str, bytes], world: World) -> None:
    name, content = case
    path = world.folder / name
    path.write_bytes(content)
    message = refused(lambda: datasets.mnist.read_idx(path, LABELS))
    assert message is not None
    assert str(path) in message
    assert path.read_bytes() == content


# --- a run's files ------------------------------------------------------------------------------------------


def has_a_state(world: World) -> None:
    """The run has one of the six states, and a reason in one line; records are whole or refused."""
    for verify in (False, True):
        status = world.store.status(world.run, verify)
        assert status.state in STATES
        assert "\n" not in status.why
    if status.state == store.FRESH:
        whole(world)


def whole(world: World) -> None:
    """What is read back of the run is finite and has no row twice, or is refused."""

    def read() -> None:
        records = assembled(world.store, [world.run])
        assert np.isfinite(records.images[list(reading.IMAGE_FLOATS)].to_numpy(float)).all()
        assert np.isfinite(records.pairs[list(reading.PAIR_FLOATS)].to_numpy(float)).all()
        assert not records.images.duplicated(["path", "image"]).any()
        assert math.isfinite(records.runs["ssim"].iloc[0])
        golden.frames(records)
        arrays = records.samples(world.run.architecture, world.run.seed)
        assert arrays["frames"].ndim == 4

    refused(read)


def manifest(content: Any, world: World) -> None:
    """As bytes, or as a document whose own checksum is correct."""
    if isinstance(content, bytes):
        world.put(store.MANIFEST, content)
    else:
        world.manifest(content)
    has_a_state(world)


def provenance(content: bytes, world: World) -> None:
    world.put(store.PROVENANCE, content)
    found = world.store.provenance(world.run)
    refused(lambda: results.common([found]))
    whole(world)


def record(name: str) -> Callable[[bytes, World], None]:
    """The property of one file of the run, for which the manifest vouches."""

    def holds(content: bytes, world: World) -> None:
        world.vouched(name, content)
        whole(world)
        assert (world.home / name).read_bytes() == content

    return holds


def again(name: str) -> Callable[[bytes, World], None]:
    """What was trained is evaluated again as it is, whole and finite, or refused."""

    def holds(content: bytes, world: World) -> None:
        given = {file: content if file == name else world.intact(file) for file in store.TRAINED}
        job = worker.Job(world.store.protocol, world.run, "cpu", "")
        if refused(lambda: worker.require_whole(job, given)) is None:
            losses = pd.read_csv(io.BytesIO(given[store.HISTORY]))["validation_loss"]
            assert math.isfinite(losses.min())

    return holds


def folder_names(world: World) -> Cases:
    words = st.text(
        st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=40
    )
    heads = st.sampled_from(("ae", "vae@bce", "vae@", "@", "../x", "pca-16@x", "AE")) | words
    seeds = st.sampled_from(("1", "-1", "²", "١", "9" * 200, "1e9", "", "0x1", " 1")) | words
    return st.builds(lambda head, seed: f"{head}/seed-{seed}", heads, seeds)


def foreign_folder(name: str, world: World) -> None:
    """A folder with a strange name is either a run or left alone; every run found can be asked for its state."""
    path = world.store.folder / name
    if any(len(part.encode()) > 255 or part in ("", ".", "..") for part in name.split("/")) or path.exists():
        return
    path.mkdir(parents=True)
    try:
        (path / store.MANIFEST).write_bytes(world.intact(store.MANIFEST))
        for run in world.store.known_runs():
            assert world.store.status(run).state in STATES
    finally:
        for part in (path / store.MANIFEST, path, path.parent):
            with contextlib.suppress(OSError):
                part.unlink() if part.is_file() else part.rmdir()


# --- checkpoints --------------------------------------------------------------------------------------------


@functools.cache
def training_run(tiny: Protocol) -> tuple[training.Run, bytes]:
    """A run in training, and its state after an epoch."""
    architecture = training.fresh_architecture("ae", "", tiny, 1)
    run = training.Run(architecture, tiny, datasets.load(tiny), 1, "cpu")
    run.advance()
    return run, run.state()


def checkpoints(world: World) -> Cases:
    return spoilt_bytes(training_run(world.store.protocol)[1])


def resealed_checkpoints(world: World) -> Cases:
    """With a checksum that fits."""
    state = training_run(world.store.protocol)[1]
    return spoilt_safetensors(training.unsealed(state)).map(training.sealed)


def checkpoint(content: bytes, world: World) -> None:
    """A spoilt checkpoint is a ValueError, which training answers by starting over."""
    run, _ = training_run(world.store.protocol)
    try:
        run.restore(content)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017


# --- golden numbers -------------------------------------------------------------------------------------------


@functools.cache
def one_golden_run() -> golden.Golden:
    return golden.read("smoke", golden.FOLDER.absolute()).only({("ae", 42)})


def golden_folder(world: World) -> Path:
    """A small golden folder: one run of the recorded one."""
    folder = world.folder / "golden" / "smoke"
    return folder if folder.exists() else golden.write(one_golden_run(), folder.parent)


def golden_file(name: str) -> Callable[[World], Cases]:
    def cases(world: World) -> Cases:
        content = (golden_folder(world) / name).read_bytes()
        return spoilt_csv(content) if name.endswith(".csv") else spoilt_json_bytes(json.loads(content))

    return cases


def golden_is_whole_or_refused(name: str) -> Callable[[bytes, World], None]:
    def holds(content: bytes, world: World) -> None:
        folder = golden_folder(world)
        intact = (folder / name).read_bytes()

        def read() -> None:
            found = golden.read("smoke", folder.parent)
            for frame in (found.runs, found.images, found.pairs, found.curves, found.losses):
                assert np.isfinite(frame.select_dtypes("number").to_numpy(float)).all()
            limits = found.tolerances.select_dtypes("number").to_numpy(float)
            assert np.isfinite(limits).all()
            assert (limits >= 0).all()

        (folder / name).write_bytes(content)
        try:
            refused(read)
            assert (folder / name).read_bytes() == content
        finally:
            (folder / name).write_bytes(intact)

    return holds


# --- claims -------------------------------------------------------------------------------------------------

CLAIMS = "claims/4-reconstruction.csv"
KEPT = {
    "key": "k",
    "profile": "desk",
    "ten": [],
    "tally": {"cells": {}},
    "statements": [{"id": "x", "aliases": ["y"]}],
}


def intact_claims() -> bytes:
    """One statement of every kind."""
    path = Path(registry.__file__).parents[1] / "paper" / CLAIMS
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = frame.drop_duplicates("kind").assign(wording="w", place="p")
    return files.csv_bytes(kept[~kept["arguments"].str.contains(",") & (kept["kind"] != registry.AGAIN)])


def judged(content: bytes) -> int:
    """How many statements of the table were judged."""
    return len(judge(None, registry.parsed(parsed(content, CLAIMS), CLAIMS)))


def statements(content: bytes, world: World) -> None:
    refused(lambda: judged(content))


def kept_verdicts(content: bytes, world: World) -> None:
    """Verdicts beside a report are as they were written, or none."""
    stored.write(world.folder, KEPT)
    (world.folder / stored.NAME).write_bytes(content)
    assert stored.read(world.folder, "k") in (None, KEPT)


# --- command line and environment, in an empty folder and in one with a finished campaign -----------------------

WORDS = (
    "--profile", "--results", "--only", "--seed", "--json", "--verify", "--all", "--pairs", "--help", "-p", "--",
    "tiny", "quick", "report", "vae@nonsense", "family:", "family:flow", "1,2", "1,1", "-1", "1e9", "smoke", "desk",
    "99999999999999999999", ",", "--id", "--section", "--verdict", "nowhere", "=", "--profile=", "--nonsense",
    "1", "--way", "--jobs", "-j", "0", "--uncommitted", "--seeds", "--only=ae", "--retry-failed",
)  # fmt: skip
COMMANDS = (
    "check", "check --all", "check --json", "golden", "golden --uncommitted", "status", "status --json", "where",
    "where report", "claims --json", "claims --id x", "publish", "render", "tolerances", "run", "run --only ''",
    "nonsense", "",
)  # fmt: skip
VARIABLES = ("PROFILE", "SEEDS", "RESULTS_DIR", "MNIST_DIR", "REPRODUCE_COMMIT", "COLUMNS")

word = (
    st.sampled_from(WORDS)
    | st.sampled_from([name for name in PATHS if "\x00" not in name])
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
)


def commands(world: World) -> Cases:
    """Arguments, and no variables of the environment."""
    tail = st.lists(word, max_size=5)
    return st.builds(lambda head, rest: ([*head.split(), *rest], {}), st.sampled_from(COMMANDS), tail)


def variables(world: World) -> Cases:
    heads = st.sampled_from((["status"], ["where"], ["check"], ["status", "--profile", "desk"]))
    return st.tuples(heads, st.dictionaries(st.sampled_from(VARIABLES), word, min_size=1, max_size=3))


def one_line_and_the_campaign_as_it_was(case: tuple[list[str], dict[str, str]], world: World) -> None:
    """A command ends with 0, or with 1 or 2 and one line "error: …", after what may have been said of progress; every
    file of the campaign and of its golden numbers is what it was."""
    code, _, err = in_the_campaign(*case, world)
    assert code in (0, 1, 2), (code, err)
    assert "Traceback" not in err
    if code == 2:
        last = err.splitlines()[-1]
        assert last.startswith("error: "), err
        assert len(last) <= LONGEST + len("error: ")


def in_the_campaign(arguments: list[str], environment: dict[str, str], world: World) -> tuple[int, str, str]:
    """A command in a folder with a finished campaign and its golden numbers, asserted to be the same afterwards."""
    home = world.folder / "campaign"
    if not home.exists():
        shutil.copytree(world.campaign, home / "results")
        tiny_golden(world, home / "golden")
    before = {folder: contents(home / folder) for folder in ("results", "golden")}
    with only_the_campaign(world):
        given = {"PROFILE": "tiny", "MNIST_DIR": "nowhere", "REPRODUCE_COMMIT": "unknown"} | environment
        found = command(arguments, given, home)
    assert all(kept.items() <= contents(home / folder).items() for folder, kept in before.items())
    return found


def tiny_golden(world: World, root: Path) -> None:
    """Write the campaign's own numbers as golden ones, with smoke's tolerances."""
    smoke = golden.read("smoke", golden.FOLDER.absolute())
    records = assembled(Store(world.campaign, world.store.protocol), RUNS)
    provenance = golden.machine_provenance(world.store.protocol, {})
    golden.write(golden.of_records(records, smoke.losses, provenance, smoke.tolerances), root)


@contextlib.contextmanager
def only_the_campaign(world: World) -> Iterator[None]:
    """The profile `tiny` is known, its runs are the finished ones, and whatever costs minutes is refused."""

    def not_here(*_: Any, **__: Any) -> Any:
        raise ReproduceError("nothing is trained, timed or drawn here: leave it")

    losses = golden.read("smoke", golden.FOLDER.absolute()).losses
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(protocol.PROFILES, "tiny", world.store.protocol)
        patch.setattr(runs, "campaign_runs", lambda *_: RUNS)
        patch.setattr(golden, "initial_losses", lambda _: losses)
        for module, name in ((ways, "run"), (schedule, "execute"), (report, "render")):
            patch.setattr(module, name, not_here)
        yield


def command(arguments: list[str], environment: dict[str, str], home: Path) -> tuple[int, str, str]:
    """`python -m reproduce …` in this process, in that folder: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["reproduce", *arguments]),
        mock.patch.dict(os.environ, environment),
        contextlib.chdir(home),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as stop,
    ):
        cli.main()
    return int(stop.value.code or 0), out.getvalue(), err.getvalue()


def of_bytes(name: str) -> Callable[[World], Cases]:
    """The spoilt file of the run."""
    spoil = spoilt_csv if name.endswith(".csv") else spoilt_safetensors
    return lambda world: spoil(world.intact(name))


def of_document(name: str) -> Callable[[World], Cases]:
    return lambda world: spoilt_json_bytes(world.document(name))


RECORDS = {
    "images.csv": 20,
    "pairs.csv": 15,
    "frames.csv": 10,
    "digits.csv": 10,
    "milestones.csv": 10,
    "history.csv": 10,
    "samples.safetensors": 15,
}
GOLDEN_FILES = (*FILES.values(), "provenance.json")
PROPERTIES = (
    Property("idx", idx_files, idx_is_refused, 55),
    Property("weights, again", of_bytes(store.WEIGHTS), again(store.WEIGHTS), 8),
    Property("history, again", of_bytes(store.HISTORY), again(store.HISTORY), 8),
    Property("manifest, bytes", lambda world: spoilt_bytes(world.intact(store.MANIFEST)), manifest, 30),
    Property("manifest, vouched", lambda world: spoilt_json(world.document(store.MANIFEST)), manifest, 40),
    Property("provenance", of_document(store.PROVENANCE), provenance, 10),
    Property("scalars", of_document("scalars.json"), record("scalars.json"), 20),
    *(Property(name, of_bytes(name), record(name), count) for name, count in RECORDS.items()),
    Property("folder names", folder_names, foreign_folder, 20),
    Property("checkpoint", checkpoints, checkpoint, 10),
    Property("checkpoint, resealed", resealed_checkpoints, checkpoint, 10),
    *(
        Property(f"golden {name}", golden_file(name), golden_is_whole_or_refused(name), 8)
        for name in GOLDEN_FILES
    ),
    Property("statements", lambda world: spoilt_csv(intact_claims()), statements, 20),
    Property("kept verdicts", lambda world: spoilt_json_bytes(KEPT), kept_verdicts, 5),
    Property("command line", commands, one_line_and_the_campaign_as_it_was, 30),
    Property("environment", variables, one_line_and_the_campaign_as_it_was, 15),
)
