"""Every property of hostile input. `python -m tests.hostile.properties` says how many cases they try."""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from reproduce import cli, datasets, golden, reading
from reproduce.analysis.claims import judgement, registry
from reproduce.commands import results
from reproduce.errors import LONGEST
from reproduce.golden.ledger import NAME
from reproduce.paper.tables import parsed
from reproduce.store import DAMAGED, FAILED, FRESH, MANIFEST, MISSING, PARTIAL, STALE, STAMP
from tests.hostile.harness import Property, World, refused
from tests.hostile.mutations import (
    PATHS,
    spoilt_bytes,
    spoilt_csv,
    spoilt_json,
    spoilt_json_bytes,
    spoilt_safetensors,
)

STATES = {FRESH, STALE, MISSING, FAILED, DAMAGED, PARTIAL}

# --- MNIST's files ------------------------------------------------------------------------------------------

LABELS = "t10k-labels-idx1-ubyte"


def idx_files(world: World) -> st.SearchStrategy[tuple[str, bytes]]:
    """A label file of the right size and header (not MNIST's content), spoilt, plain or gzipped before or after."""
    intact = (2049).to_bytes(4, "big") + (10_000).to_bytes(4, "big") + bytes(10_000)
    header = st.builds(
        lambda magic, count: magic.to_bytes(4, "big") + count.to_bytes(4, "big") + bytes(10_000),
        st.sampled_from((2049, 2051, 0, 2**32 - 1)) | st.integers(0, 2**32 - 1),
        st.sampled_from((10**9, 2**32 - 1, 0, 9_999)) | st.integers(0, 2**32 - 1),
    )
    plain = header | spoilt_bytes(intact)
    return st.one_of(
        plain.map(lambda content: (LABELS, content)),
        plain.map(lambda content: (f"{LABELS}.gz", gzip.compress(content, 1))),
        spoilt_bytes(gzip.compress(intact, 1)).map(lambda content: (f"{LABELS}.gz", content)),
    )


def idx_is_refused(case: tuple[str, bytes], world: World) -> None:
    name, content = case
    path = world.folder / name
    path.write_bytes(content)
    message = refused(lambda: datasets.read_idx(path, LABELS))
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
    if status.state == FRESH:
        whole(world)


def whole(world: World) -> None:
    """What is read back of the run is finite and has no row twice, or is refused."""

    def read() -> None:
        records = world.store.records([world.run])
        assert np.isfinite(records.images[list(reading.IMAGE_FLOATS)].to_numpy(float)).all()
        assert np.isfinite(records.pairs[list(reading.PAIR_FLOATS)].to_numpy(float)).all()
        assert not records.images.duplicated(["path", "image"]).any()
        assert math.isfinite(records.runs["ssim"].iloc[0])
        golden.frames(records)
        arrays = records.samples(world.run.architecture, world.run.seed)
        assert arrays["frames"].ndim == 4

    refused(read)


def manifest_bytes(content: bytes, world: World) -> None:
    world.reset()
    world.put(MANIFEST, content)
    has_a_state(world)


def manifest_content(content: Any, world: World) -> None:
    world.reset()
    world.manifest(content)
    has_a_state(world)


def stamp(content: bytes, world: World) -> None:
    world.reset()
    world.put(STAMP, content)
    found = world.store.stamp(world.run)
    refused(lambda: results.common([found]))
    whole(world)


def record(name: str) -> Callable[[bytes, World], None]:
    """The property of one file of the run, for which the manifest vouches."""

    def holds(content: bytes, world: World) -> None:
        world.reset()
        world.vouched(name, content)
        whole(world)
        assert (world.home / name).read_bytes() == content

    return holds


def folder_names(world: World) -> st.SearchStrategy[str]:
    words = st.text(
        st.characters(blacklist_characters="/\x00", blacklist_categories=["Cs"]), min_size=1, max_size=40
    )
    heads = st.sampled_from(("ae", "vae@bce", "vae@", "@", "../x", "pca-16@x", "AE")) | words
    seeds = st.sampled_from(("1", "-1", "²", "١", "9" * 200, "1e9", "", "0x1", " 1")) | words
    return st.builds(lambda head, seed: f"{head}/seed-{seed}", heads, seeds)


def foreign_folder(name: str, world: World) -> None:
    """A folder with a strange name is either a run or left alone; every run found can be asked for its state."""
    world.reset()
    path = world.store.folder / name
    if any(len(part.encode()) > 255 or part in ("", ".", "..") for part in name.split("/")) or path.exists():
        return
    path.mkdir(parents=True)
    try:
        (path / MANIFEST).write_bytes(world.intact(MANIFEST))
        for run in world.store.known_runs():
            assert world.store.status(run).state in STATES
    finally:
        for part in (path / MANIFEST, path, path.parent):
            with contextlib.suppress(OSError):
                part.unlink() if part.is_file() else part.rmdir()


# --- checkpoints --------------------------------------------------------------------------------------------


def checkpoint(content: bytes, world: World) -> None:
    """A spoilt checkpoint is a ValueError, which training answers by starting over."""
    run = CHECKPOINTS.run(world)
    try:
        run.restore(content)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017


class _Checkpoints:
    """A run in training, made when first asked for."""

    def __init__(self) -> None:
        self._run: Any = None

    def run(self, world: World) -> Any:
        if self._run is None:
            from reproduce import training

            protocol = world.store.protocol
            architecture = training.fresh_architecture("ae", "", protocol, 1)
            self._run = training.Run(architecture, protocol, datasets.load(protocol), 1, "cpu")
            self._run.advance()
            self.intact = self._run.state()
        return self._run

    def raw(self, world: World) -> st.SearchStrategy[bytes]:
        self.run(world)
        return spoilt_bytes(self.intact)

    def resealed(self, world: World) -> st.SearchStrategy[bytes]:
        """With a checksum that fits."""
        from reproduce import training

        self.run(world)
        return spoilt_safetensors(training.unsealed(self.intact)).map(training.sealed)


CHECKPOINTS = _Checkpoints()

# --- golden numbers, bands, the ledger ------------------------------------------------------------------------

GOLDEN_FILES = ("runs", "images", "pairs", "curves", "losses", "bands")


def golden_folder(world: World) -> Path:
    """A small golden folder, made intact: the recorded one with a few rows a file."""
    folder = world.folder / "golden" / "smoke"
    folder.mkdir(parents=True, exist_ok=True)
    for name in GOLDEN_FILES:
        lines = (golden.FOLDER.absolute() / "smoke" / f"{name}.csv").read_bytes().splitlines(keepends=True)
        (folder / f"{name}.csv").write_bytes(b"".join(lines[:30]))
    (folder / "stamp.json").write_bytes((golden.FOLDER.absolute() / "smoke" / "stamp.json").read_bytes())
    return folder


def golden_file(name: str) -> Callable[[World], st.SearchStrategy[tuple[str, bytes]]]:
    def cases(world: World) -> st.SearchStrategy[tuple[str, bytes]]:
        content = (golden_folder(world) / name).read_bytes()
        spoilt = spoilt_csv(content) if name.endswith(".csv") else spoilt_json_bytes(GOLDEN_STAMP)
        return spoilt.map(lambda found: (name, found))

    return cases


GOLDEN_STAMP = {"profile": "smoke", "keys": {"ae/seed-42": "0"}, "data": "0", "commit": "a", "torch": "2"}


def golden_is_whole_or_refused(case: tuple[str, bytes], world: World) -> None:
    name, content = case
    folder = golden_folder(world)
    (folder / name).write_bytes(content)

    def read() -> None:
        found = golden.read("smoke", folder.parent)
        for frame in (found.runs, found.images, found.pairs, found.curves, found.losses):
            assert np.isfinite(frame.select_dtypes("number").to_numpy(float)).all()
        assert all(
            0 <= band.allowance(1.0, same) < math.inf
            for band in found.bands.values()
            for same in (True, False)
        )
        golden.alike(found, same_machine=False) if set(golden.COMPARED) <= set(found.bands) else None

    refused(read)
    assert (folder / name).read_bytes() == content


LEDGER = (
    b"date,profile,commit,platform,worst,where,off\n"
    b"2026-11-22T21:52:57+00:00,smoke,abc,cpu AVX2,0.0,ae/seed-42 ssim,0\n"
    b"2026-11-22T22:52:57+00:00,smoke,abc,cpu AVX2,1.5,ae/seed-42 ssim,3\n"
)


def ledger(content: bytes, world: World) -> None:
    """A ledger is appended to, every line before kept, or refused and left as it is."""
    path = world.folder / NAME
    path.write_bytes(content)
    compared = [golden.Comparison("ae", 42, "ssim", 1.0, 1.0, 0.1)]
    if refused(lambda: golden.append_ledger(path, "smoke", {}, compared)) is None:
        assert path.read_bytes().startswith(content)
        assert len(golden.read_ledger(path)) >= 1
    else:
        assert path.read_bytes() == content


# --- claims -------------------------------------------------------------------------------------------------

CLAIMS = "claims/4-reconstruction.csv"


def intact_claims() -> bytes:
    """One claim of every kind."""
    path = Path(registry.__file__).parents[2] / "paper" / CLAIMS
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    kept = frame.drop_duplicates("kind").assign(wording="w", place="p")
    simple = kept[~kept["arguments"].str.contains(",")]
    return simple.to_csv(index=False, lineterminator="\n").encode()


def claims_file(world: World) -> st.SearchStrategy[bytes]:
    return spoilt_csv(intact_claims())


def claims(content: bytes, world: World) -> None:
    """A table of claims is judged or refused."""
    refused(lambda: judged(content))


def judged(content: bytes) -> int:
    """How many claims of the table were judged."""
    return len(judgement.judge(None, registry.parsed(parsed(content, CLAIMS), CLAIMS)))


# --- command line and environment -----------------------------------------------------------------------------

WORDS = (
    "--profile", "--results", "--only", "--seed", "--json", "--verify", "--all", "--pairs", "--help", "-p", "--",
    "tiny", "quick", "report", "vae@nonsense", "family:", "family:flow", "1,2", "1,1", "-1", "1e9",
    "99999999999999999999", ",", "--id", "--section", "--verdict", "nowhere", "=", "--profile=", "--nonsense",
)  # fmt: skip
COMMANDS = (
    "status",
    "where",
    "check",
    "golden",
    "render",
    "publish",
    "run --only ''",
    "nonsense",
    "",
    "claims --id x",
)

word = st.text(
    st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=30
) | st.sampled_from(tuple(name for name in PATHS if "\x00" not in name))


def words(world: World) -> st.SearchStrategy[tuple[list[str], dict[str, str]]]:
    tail = st.lists(st.sampled_from(WORDS) | word, max_size=5)
    return st.builds(lambda head, rest: ([*head.split(), *rest], {}), st.sampled_from(COMMANDS), tail)


def variables(world: World) -> st.SearchStrategy[tuple[list[str], dict[str, str]]]:
    value = word | st.sampled_from(WORDS)
    names = st.sampled_from(("PROFILE", "SEEDS", "RESULTS_DIR", "MNIST_DIR", "REPRODUCE_COMMIT", "COLUMNS"))
    commands = st.sampled_from((["status"], ["where"], ["check"], ["status", "--profile", "desk"]))
    return st.tuples(commands, st.dictionaries(names, value, min_size=1, max_size=3))


def one_line_and_a_code(case: tuple[list[str], dict[str, str]], world: World) -> None:
    """A command ends with 0, or with 1 or 2 and one line "error: …"; nothing that was there is touched."""
    arguments, environment = case
    if arguments[:1] == ["run"]:
        arguments = [*arguments, "--profile", "nonsense"]  # nothing is to be trained here
    home = world.folder / "home"
    home.mkdir(exist_ok=True)
    (home / "kept.txt").write_text("kept")
    code, _, err = command(arguments, environment, home)
    assert code in (0, 1, 2), (code, err)
    if code == 2:
        assert err.startswith("error: "), err
        assert err.count("\n") == 1, err
        assert len(err) <= LONGEST + len("error: \n")
    assert (home / "kept.txt").read_text() == "kept"


def command(arguments: list[str], environment: dict[str, str], home: Path) -> tuple[int, str, str]:
    """`python -m reproduce …` in this process, in that folder: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with (
        surroundings(arguments, environment, home),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("it did not exit")


@contextlib.contextmanager
def surroundings(arguments: list[str], environment: dict[str, str], home: Path) -> Iterator[None]:
    """Arguments, environment and working folder of a command, put back afterwards."""
    folder, argv, before = Path.cwd(), sys.argv, dict(os.environ)
    sys.argv = ["reproduce", *arguments]
    os.environ.update(environment)
    os.chdir(home)
    try:
        yield
    finally:
        os.chdir(folder)
        sys.argv = argv
        os.environ.clear()
        os.environ.update(before)


def _file(name: str, few: int, many: int) -> Property:
    spoil = spoilt_csv if name.endswith(".csv") else spoilt_safetensors
    return Property(name, lambda world: spoil(world.intact(name)), record(name), few, many)


PROPERTIES = (
    Property("idx", idx_files, idx_is_refused, 50, 1_500),
    Property("manifest, bytes", lambda w: spoilt_bytes(w.intact(MANIFEST)), manifest_bytes, 30, 1_000),
    Property("manifest, vouched", lambda w: spoilt_json(w.document(MANIFEST)), manifest_content, 40, 1_500),
    Property("stamp", lambda w: spoilt_json_bytes(w.document(STAMP)), stamp, 10, 400),
    _file("images.csv", 20, 600),
    _file("pairs.csv", 15, 600),
    _file("digits.csv", 10, 300),
    _file("history.csv", 10, 300),
    Property(
        "scalars", lambda w: spoilt_json_bytes(w.document("scalars.json")), record("scalars.json"), 20, 800
    ),
    _file("samples.safetensors", 15, 600),
    Property("folder names", folder_names, foreign_folder, 20, 400),
    Property("checkpoint", CHECKPOINTS.raw, checkpoint, 10, 300),
    Property("checkpoint, resealed", CHECKPOINTS.resealed, checkpoint, 10, 300),
    *(
        Property(f"golden {name}", golden_file(name), golden_is_whole_or_refused, 8, 250)
        for name in (*(f"{name}.csv" for name in GOLDEN_FILES), "stamp.json")
    ),
    Property("drift ledger", lambda w: spoilt_csv(LEDGER), ledger, 15, 500),
    Property("claims", claims_file, claims, 15, 500),
    Property("command line", words, one_line_and_a_code, 15, 400),
    Property("environment", variables, one_line_and_a_code, 10, 250),
)


def counts() -> tuple[int, int]:
    """Cases that `make test` and `make test-all` try, at least."""
    few, many = sum(p.few for p in PROPERTIES), sum(p.many for p in PROPERTIES)
    return few, few + many


if __name__ == "__main__":
    print("{:,} cases in `make test`, {:,} in `make test-all`".format(*counts()))
