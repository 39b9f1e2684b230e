"""Hostile input is one clear line: never a traceback, a hang or gigabytes of memory, and nothing existing is lost.

A few hundred cases of every kind here, ten thousand in `make test-all`; `tests.hostile.properties` lists the kinds.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from reproduce import datasets, files, golden, runs, training, worker
from reproduce.campaign import execute
from reproduce.datasets import load
from reproduce.devices import KEPT_BYTES
from reproduce.errors import ReproduceError
from reproduce.runs import RunId
from reproduce.store import DAMAGED, FRESH, HISTORY, MANIFEST, TRAINED, WEIGHTS, Store
from tests.hostile.harness import MEMORY, Property, World, bounded, exercise, refused
from tests.hostile.properties import (
    CHECKPOINTS,
    LABELS,
    PROPERTIES,
    counts,
    golden_folder,
    in_the_campaign,
    intact_claims,
    judged,
)

USING = Path(__file__).parents[2] / "docs" / "USING.md"


@pytest.fixture(scope="module")
def world(finished: Store, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("hostile")
    made = World(folder, Store(folder / "results", finished.protocol), RunId("ae", 1), finished.folder.parent)
    shutil.copytree(finished.path(made.run), folder / "intact")
    shutil.copytree(folder / "intact", made.home)
    return made


@pytest.mark.parametrize("subject", PROPERTIES, ids=lambda subject: subject.name)
def test_a_few_cases(subject: Property, world: World) -> None:
    assert exercise(subject, world, subject.few) >= subject.few


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("subject", PROPERTIES, ids=lambda subject: subject.name)
def test_many_cases(subject: Property, world: World) -> None:
    assert exercise(subject, world, subject.many) >= subject.many


def test_there_are_at_least_ten_thousand_and_docs_say_how_many() -> None:
    few, many = counts()
    assert few >= 300
    assert many >= 10_000
    stated = re.search(
        r"([\d,]+) spoilt inputs \(([\d,]+) of them in `make test`\)", USING.read_text(encoding="utf-8")
    )
    assert stated is not None
    assert [int(number.replace(",", "")) for number in stated.groups()] == [many, few]


def test_what_is_not_spoilt_is_taken(world: World) -> None:
    """Else every property would hold for the wrong reason."""
    world.reset()
    world.vouched("images.csv", world.intact("images.csv"))
    assert world.store.status(world.run, verify=True).state == FRESH
    assert len(world.store.records([world.run]).runs) == 1
    assert golden.read("smoke", golden_folder(world).parent).profile == "smoke"
    assert judged(intact_claims()) > 5
    run = CHECKPOINTS.run(world)
    run.restore(CHECKPOINTS.intact)
    job = worker.Job(world.store.protocol, world.run, "cpu", "")
    worker.require_whole(job, {name: world.intact(name) for name in TRAINED})


# --- the harness can fail ---------------------------------------------------------------------------------------


def test_the_limit_on_memory_is_one() -> None:
    with pytest.raises(MemoryError), bounded():
        bytearray(KEPT_BYTES + MEMORY + (1 << 20))


def test_what_a_message_quotes_cannot_break_its_line() -> None:
    def quoting() -> None:
        raise ReproduceError(f"'a\nb\x00c' is {'x' * 10_000} and so on: do this")

    message = refused(quoting) or ""
    assert message.startswith("'a b c' is xxx")
    assert message.endswith("xxx and so on: do this")


# --- sizes -------------------------------------------------------------------------------------------------------


def test_a_gigabyte_of_zeros_behind_a_megabyte_of_gzip_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / f"{LABELS}.gz"
    with gzip.open(path, "wb", 1) as stream:
        for _ in range(64):
            stream.write(bytes(16 << 20))
    with bounded():
        assert "longer than the 10,008 bytes" in (
            refused(lambda: datasets.mnist.read_idx(path, LABELS)) or ""
        )


@pytest.mark.parametrize("name", [MANIFEST, "images.csv", "scalars.json", "samples.safetensors"])
def test_a_file_of_five_gigabytes_is_refused_unread(world: World, name: str) -> None:
    world.reset()
    world.changed.add(name)
    with (world.home / name).open("r+b") as stream:
        stream.truncate(5 << 30)
    with bounded():
        assert world.store.status(world.run, verify=True).state == DAMAGED


@pytest.mark.parametrize("name", ["runs.csv", "bands.csv", "provenance.json"])
def test_a_golden_file_of_five_gigabytes_is_refused_unread(tmp_path: Path, name: str) -> None:
    shutil.copytree(golden.FOLDER / "smoke", tmp_path / "smoke")
    with (tmp_path / "smoke" / name).open("r+b") as stream:
        stream.truncate(5 << 30)
    with bounded():
        assert f"{name} is larger than" in (refused(lambda: golden.read("smoke", tmp_path)) or "")


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    assert "is not a file" in (refused(lambda: files.read(tmp_path / "manifest.json")) or "")


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in (refused(lambda: files.read(tmp_path / ("x" * 300))) or "")


# --- what is read on evaluating again ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [WEIGHTS, HISTORY])
def test_what_cannot_be_evaluated_again_is_one_line_and_left_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.reset()
    world.vouched(name, world.intact(name)[:-40])
    monkeypatch.setattr(runs, "EVALUATION_REVISION", runs.EVALUATION_REVISION + 1)
    before = (world.home / name).read_bytes()
    message = refused(lambda: execute(world.store, [world.run], device="cpu", jobs=1)) or ""
    assert f"the {name} of ae/seed-1" in message
    assert (world.home / name).read_bytes() == before


def test_the_campaigns_folder_lets_commands_get_past_what_is_missing(world: World) -> None:
    """Else the property would hold for the wrong reason."""
    for words, code in (
        ("check", 0),
        ("golden", 2),
        ("where report", 0),
        ("status", 0),
        ("claims --id nothing", 2),
    ):
        found, out, err = in_the_campaign(words.split(), {}, world)
        assert found == code, (words, out, err)
        assert "is missing" not in err
        assert "no golden numbers" not in err


# --- nothing existing is lost ------------------------------------------------------------------------------------


def test_training_moves_a_spoilt_checkpoint_aside_and_starts_over(world: World, tmp_path: Path) -> None:
    protocol = world.store.protocol
    path = tmp_path / "checkpoint.bin"
    path.write_bytes(b"spoilt")

    def build() -> training.Architecture:
        return training.fresh_architecture("ae", "", protocol, 1)

    def measure(architecture: training.Architecture, epoch: int) -> pd.DataFrame:
        return pd.DataFrame({"epoch": [epoch]})

    events: list[dict[str, object]] = []
    trained = training.train(build, protocol, load(protocol), 1, "cpu", path, measure, events.append)
    assert len(trained.history) == protocol.epochs
    assert (tmp_path / "checkpoint.bin.damaged").read_bytes() == b"spoilt"
    assert "starting over" in str(events[0]["warning"])
