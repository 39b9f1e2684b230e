"""The campaign in the ways in which users' machines differ, each in a process and a results root of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from reproduce import golden
from reproduce.errors import ReproduceError
from reproduce.golden import ways
from reproduce.golden.model import COMPARED, INITIAL
from reproduce.protocol import profile
from tests.golden.recorded import as_records
from tests.tiny import RUNS, Command

SHOWN = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR", "PROFILE", "SEEDS")
SHOW = f"""#!{sys.executable}
import json, os, pathlib, sys
found = {{name: os.environ[name] for name in {SHOWN!r} if name in os.environ}}
pathlib.Path(__file__).with_name("seen.json").write_text(json.dumps({{"words": sys.argv[1:], "environment": found}}))
raise SystemExit(int(os.environ.get("EXIT", "0")))
"""


HERE = golden.FOLDER.absolute()
RECORD = ways.record_tolerances


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the interpreter's place that writes down how it was called; returns its notes."""
    path = tmp_path / "python"
    path.write_text(SHOW)
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))
    return tmp_path / "seen.json"


@pytest.mark.parametrize(
    ("flags", "only", "older"),
    [
        ("sse4_1 avx avx2 avx512f", [], ["avx2", "avx", "aten-default"]),
        ("sse4_1 avx avx2", [], ["avx", "aten-default"]),
        ("", [], []),
        ("avx2 avx512f", ["avx"], ["avx"]),
    ],
)
def test_a_machine_is_made_to_look_like_older_ones_only(
    flags: str, only: list[str], older: list[str]
) -> None:
    assert list(ways.ways(frozenset(flags.split()), only)) == ["as-is", "again", *older]


def test_a_way_runs_on_the_cpu_in_its_own_root_with_its_own_variables_and_none_of_ours(
    interpreter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROFILE", "SEEDS", "ATEN_CPU_CAPABILITY"):
        monkeypatch.setenv(name, "ours")
    ways.run("avx", {"ONEDNN_MAX_CPU_ISA": "AVX"}, tmp_path / "avx", ["--profile", "smoke"])
    seen = json.loads(interpreter.read_text(encoding="utf-8"))
    options = ["--device", "cpu", "--results", str(tmp_path / "avx"), "--profile", "smoke"]
    assert seen == {
        "words": ["-m", "reproduce", "run", *options],
        "environment": {"ONEDNN_MAX_CPU_ISA": "AVX"},
    }


def test_a_way_that_fails_is_named(interpreter: Path, tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="the campaign 'avx' ended with exit code 3"):
        ways.run("avx", {"EXIT": "3"}, tmp_path, [])


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All ways come out as smoke's golden numbers, and nothing is written; the list of what was recorded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ways, "processor_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(
        ways, "run", lambda name, variables, root, words: (root / "smoke").mkdir(parents=True)
    )
    monkeypatch.setattr(ways, "require_fresh", lambda store, wanted: None)
    done: list[str] = []
    table = golden.read("smoke", HERE).tolerances

    def record(spreads: list[ways.Spread], name: str) -> pd.DataFrame:
        done.extend(spread.name for spread in spreads)
        return table[table["architecture"] == "pooled"]

    monkeypatch.setattr(ways, "record_tolerances", record)
    return done


def test_each_way_is_named_before_it_runs_and_what_else_lies_there_counts_too(recorded: list[str]) -> None:
    smoke = as_records(golden.read("smoke", HERE))
    Path("r/tolerances/another-machine/smoke").mkdir(parents=True)
    Path("r/tolerances/notes").mkdir()
    lines = ways.measure(profile("smoke"), Path("r"), lambda root: (smoke, {}), older=["avx"])
    for name in ("as-is", "again", "avx"):
        assert not Path("r/tolerances", name).exists()
        assert next(lines).startswith(f"{name}: ")
    *bands, last = lines
    assert recorded == ["again", "another-machine", "as-is", "avx"]
    assert [line.split()[0] for line in bands] == [*COMPARED, INITIAL]
    assert last == "recorded golden/smoke"


def test_a_wrong_name_costs_no_campaign(recorded: list[str]) -> None:
    with pytest.raises(ReproduceError, match="no older machine 'no-such' can be imitated here; there is avx"):
        next(ways.measure(profile("smoke"), Path("r"), lambda root: ({}, {}), older=["no-such"]))
    assert not Path("r").exists()


@pytest.mark.slow
def test_the_command_measures_and_records(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three ways. The profile `tiny` is unknown to other processes, so these are `tests.tiny`'s."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -m tests.tiny "$@" --only ae,vae,svae\n')
    python.chmod(0o755)
    root = tmp_path / "golden"
    root.mkdir()
    monkeypatch.setattr(golden, "FOLDER", root)
    monkeypatch.setattr(ways, "record_tolerances", lambda *given: RECORD(*given, root))
    monkeypatch.setattr(ways, "campaign_runs", lambda protocol: RUNS)
    monkeypatch.setattr(
        ways, "ways", lambda *_: {"as-is": {}, "again": {}, "aten": {"ATEN_CPU_CAPABILITY": "default"}}
    )
    monkeypatch.setattr(sys, "executable", str(python))
    words = ["--profile", "tiny", "--jobs", "1", "--results", str(tmp_path / "results")]
    code, out, _ = command("tolerances", *words)
    assert code == 0
    assert "same class: spread 0.00e+00, worst 0.00e+00 over 3 pooled runs (again)" in out
    assert {path.name for path in (root / "tiny" / "spread").glob("*.csv")} == {
        "as-is.csv", "again.csv", "aten.csv",
    }  # fmt: skip
