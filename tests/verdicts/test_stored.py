"""Verdicts kept beside a report: taken only if they rest on what is there now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reproduce.verdicts import stored, summary
from reproduce.verdicts.judge import judge
from reproduce.verdicts.registry import load
from reproduce.verdicts.verdict import Verdict

RUN = ("manifest.json", "images.csv")
CONTENT = {"key": "k", "profile": "desk", "ten": [], "tally": {}, "statements": [{"id": "β"}]}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two profiles with a run each, and sources that may change."""
    names = [f"{profile}/ae/seed-42/{name}" for profile in ("desk", "paper") for name in RUN]
    for name in (*names, "sources/a.py", "sources/paper/table1.csv", "sources/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(stored, "PACKAGE", tmp_path / "sources")
    return tmp_path


def test_the_key_is_that_of_what_is_there(root: Path) -> None:
    before = stored.key((root,), ["desk"])
    assert stored.key((root,), ["desk"]) == before
    assert stored.key((root, root / "nowhere"), ["desk"]) == before
    assert stored.key((root,), ["desk", "paper"]) != before


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("desk/ae/seed-42/manifest.json", True),
        ("desk/ae/seed-42/images.csv", True),
        ("desk/ae/seed-42/new.csv", True),
        ("desk/vae/seed-42/manifest.json", True),
        ("sources/a.py", True),
        ("sources/b.py", True),
        ("sources/paper/table1.csv", True),
        ("sources/notes.md", False),
        ("paper/ae/seed-42/manifest.json", False),
        ("desk/report/report.pdf", False),
        ("desk/ae/seed-42/checkpoint-7.bin", False),
    ],
)
def test_what_changes_the_key(root: Path, path: str, changes: bool) -> None:
    before = stored.key((root,), ["desk"])
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("something else")
    assert (stored.key((root,), ["desk"]) != before) == changes


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-5],
        lambda text: "",
        lambda text: "[1, 2]",
        lambda text: "[" * 100_000,
        lambda text: "\xff",
        lambda text: text.replace("desk", "disk"),
        lambda text: text.replace('"ten": [],', ""),
        lambda text: '{"key": "k"}',
    ],
    ids=["cut", "empty", "a list", "deep", "bytes", "a word", "a part gone", "only a key"],
)
def test_a_damaged_document_is_none(tmp_path: Path, spoil: Callable[[str], str]) -> None:
    stored.write(tmp_path, CONTENT)
    path = tmp_path / stored.NAME
    path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="latin-1", errors="replace")
    assert stored.read(tmp_path, "k") is None


def test_the_document_has_all_that_is_asked_of_it(tmp_path: Path, verdicts: tuple[Verdict, ...]) -> None:
    ten = summary.ten({"paper": verdicts, "desk": judge(None)})
    content = stored.document(verdicts, ten, "paper", "k", {"cells": {"reproduced": 3}})
    stored.write(tmp_path, content)
    assert stored.read(tmp_path, "another key") is None
    assert stored.read(tmp_path / "nowhere", "k") is None
    read = stored.read(tmp_path, "k")
    assert read is not None
    assert read == json.loads(json.dumps(content))
    assert [own["id"] for own in read["statements"]] == [own.id for own in load()]
    assert [claim["number"] for claim in read["ten"]] == list(range(1, 11))
    first = read["ten"][0]
    assert (first["id"], first["place"]) == ("VI-A.p", "VI-A, text")
    assert list(first["verdicts"]) == ["paper", "desk"]
    assert first["verdicts"]["paper"]["grade"] == "A"
    (cell,) = [own for own in read["statements"] if own["id"] == "T1.ae.ssim"]
    assert cell["command"] == "python -m reproduce claims --profile paper --id T1.ae.ssim"
    assert cell["printed"] == ["0.908"]
    assert {"places", "aliases", "verdict", "reason", "evidence", "looks", "firm", "about"} <= set(cell)
