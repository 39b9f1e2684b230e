"""The campaign in the ways in which users' machines differ, each in a process and a results root of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest

from reproduce import golden
from reproduce.errors import ReproduceError
from reproduce.golden import ways
from reproduce.golden.content import COMPARED, INITIAL
from reproduce.protocol import profile
from tests.golden.recorded import as_records
from tests.tiny import RUNS, Command

HERE = golden.FOLDER.absolute()
RECORD = ways.record_tolerances


@pytest.mark.parametrize(
    ("flags", "only", "older"),
    [
        ("sse4_1 avx avx2 avx512f", [], ["avx2", "avx", "aten-default"]),
        ("sse4_1 avx avx2", [], ["avx", "aten-default"]),
        ("", [], []),
        ("avx2 avx512f", ["avx"], ["avx"]),
    ],
)
def test_a_machine_can_only_look_like_older_ones(flags: str, only: list[str], older: list[str]) -> None:
    assert list(ways.ways(frozenset(flags.split()), only)) == ["as-is", "again", *older]


def test_a_way_runs_on_the_cpu_in_its_own_root_with_its_own_variables_and_none_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = ("PROFILE", "SEEDS", "RESULTS_DIR", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR")
    for name in ours:
        monkeypatch.setenv(name, "ours")
    started = Mock(return_value=Mock(returncode=0))
    monkeypatch.setattr(ways.subprocess, "run", started)
    ways.run("avx", {"MKL_CBWR": "AVX"}, Path("avx"), ["--profile", "smoke"])
    (command,), options = started.call_args
    words = "run --device cpu --results avx --profile smoke"
    assert command == [sys.executable, "-m", "reproduce", *words.split()]
    assert {name: options["env"][name] for name in ours if name in options["env"]} == {"MKL_CBWR": "AVX"}
    started.return_value.returncode = 3
    with pytest.raises(ReproduceError, match="the campaign 'avx' ended with exit code 3"):
        ways.run("avx", {}, Path("avx"), [])


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All ways come out as smoke's golden numbers, and nothing is written; the list of what was recorded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ways, "processor_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(ways, "run", lambda name, found, root, words: (root / "smoke").mkdir(parents=True))
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
def test_the_command_records(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ways. The profile `tiny` is unknown to other processes, so these are `tests.tiny`'s."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -m tests.tiny "$@" --only ae,vae,svae\n')
    python.chmod(0o755)
    root = tmp_path / "golden"
    root.mkdir()
    monkeypatch.setattr(golden, "FOLDER", root)
    monkeypatch.setattr(ways, "record_tolerances", lambda *given: RECORD(*given, root))
    monkeypatch.setattr(ways, "campaign_runs", lambda protocol: RUNS)
    three = {"as-is": {}, "again": {}, "aten": {"ATEN_CPU_CAPABILITY": "default"}}
    monkeypatch.setattr(ways, "ways", lambda *_: three)
    monkeypatch.setattr(sys, "executable", str(python))
    words = ["--profile", "tiny", "--jobs", "1", "--results", str(tmp_path / "results")]
    code, out, _ = command("tolerances", *words)
    assert code == 0
    assert "same class: spread 0.00e+00, worst 0.00e+00 over 3 pooled runs (again)" in out
    assert {path.name for path in (root / "tiny" / "spread").glob("*.csv")} == {
        "as-is.csv", "again.csv", "aten.csv",
    }  # fmt: skip
