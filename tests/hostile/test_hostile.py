"""Hostile input is one clear line: never a traceback, a hang or gigabytes of memory, and nothing existing is lost.

`tests.hostile.properties` lists what is spoilt and how often.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reproduce import golden
from reproduce.campaign import worker
from reproduce.campaign.schedule import execute
from reproduce.machine.devices import KEPT_BYTES
from reproduce.storage import files, runs
from reproduce.storage.runs import RunId
from reproduce.storage.store import DAMAGED, FRESH, HISTORY, MANIFEST, TRAINED, WEIGHTS, Store
from tests.hostile.harness import MEMORY, Property, World, bounded, exercise, refused
from tests.hostile.properties import (
    PROPERTIES,
    golden_folder,
    in_the_campaign,
    intact_claims,
    judged,
    training_run,
)
from tests.packaging.tree import ROOT
from tests.tiny import assembled


@pytest.fixture(scope="module")
def world(finished: Store, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("hostile")
    made = World(folder, Store(folder / "results", finished.protocol), RunId("ae", 1), finished.folder.parent)
    shutil.copytree(finished.path(made.run), folder / "intact")
    shutil.copytree(folder / "intact", made.home)
    return made


@pytest.mark.parametrize("subject", PROPERTIES, ids=lambda subject: subject.name)
def test_spoilt_input_is_refused_in_one_line_or_read_whole(subject: Property, world: World) -> None:
    assert exercise(subject, world) >= subject.count


def test_docs_say_how_many_cases_there_are() -> None:
    total = sum(subject.count for subject in PROPERTIES)
    assert f"{total} " in (ROOT / "docs" / "USING.md").read_text(encoding="utf-8")


def test_what_is_not_spoilt_is_taken(world: World) -> None:
    world.reset()
    world.vouched("images.csv", world.intact("images.csv"))
    assert world.store.status(world.run, verify=True).state == FRESH
    assert len(assembled(world.store, [world.run]).runs) == 1
    assert golden.read("smoke", golden_folder(world).parent).profile == "smoke"
    assert judged(intact_claims()) > 5
    run, state = training_run(world.store.protocol)
    run.restore(state)
    job = worker.Job(world.store.protocol, world.run, "cpu", "")
    worker.require_whole(job, {name: world.intact(name) for name in TRAINED})


@pytest.mark.parametrize(
    ("words", "code"),
    [("check", 0), ("golden", 2), ("where report", 0), ("status", 0), ("claims --id nothing", 2)],
)
def test_commands_in_the_campaigns_folder_miss_nothing(words: str, code: int, world: World) -> None:
    found, out, err = in_the_campaign(words.split(), {}, world)
    assert found == code, (out, err)
    assert "is missing" not in err
    assert "no golden numbers" not in err


def test_the_limit_on_memory_is_one() -> None:
    with pytest.raises(MemoryError), bounded():
        bytearray(KEPT_BYTES + MEMORY + (1 << 20))


@pytest.mark.parametrize("name", [MANIFEST, "images.csv", "scalars.json", "samples.safetensors"])
def test_a_file_of_five_gigabytes_is_refused_unread(world: World, name: str) -> None:
    world.reset()
    world.changed.add(name)
    os.truncate(world.home / name, 5 << 30)
    with bounded():
        assert world.store.status(world.run, verify=True).state == DAMAGED


@pytest.mark.parametrize("name", ["runs.csv", "provenance.json"])
def test_a_golden_file_of_five_gigabytes_is_refused_unread(tmp_path: Path, name: str) -> None:
    shutil.copytree(golden.FOLDER / "smoke", tmp_path / "smoke")
    os.truncate(tmp_path / "smoke" / name, 5 << 30)
    with bounded():
        assert f"{name} is larger than" in (refused(lambda: golden.read("smoke", tmp_path)) or "")


def test_a_pipe_that_nobody_writes_to_and_a_name_that_is_too_long_are_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    assert "is not a file" in (refused(lambda: files.read(tmp_path / "manifest.json")) or "")
    assert "cannot be read" in (refused(lambda: files.read(tmp_path / ("x" * 300))) or "")


@pytest.mark.parametrize("name", [WEIGHTS, HISTORY])
def test_what_cannot_be_evaluated_again_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world.reset()
    world.vouched(name, world.intact(name)[:-40])
    monkeypatch.setattr(runs, "EVALUATION_REVISION", runs.EVALUATION_REVISION + 1)
    before = (world.home / name).read_bytes()
    message = refused(lambda: execute(world.store, [world.run], device="cpu", jobs=1)) or ""
    assert f"the {name} of ae/seed-1" in message
    assert (world.home / name).read_bytes() == before
