"""The campaign in the ways in which users' machines differ, each in a process and a results root of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reproduce import cli, golden
from reproduce.errors import ReproduceError
from reproduce.golden import tolerances
from reproduce.golden.tolerances import Way
from reproduce.protocol import Protocol, profile
from tests.golden.recorded import as_records

SHOWN = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_CBWR",
    "PROFILE",
    "REPRODUCE_COMMIT",
    "OMP_NUM_THREADS",
)
SHOW = f"""#!{sys.executable}
import json, os, pathlib, sys
names = {SHOWN!r}
found = {{name: os.environ[name] for name in names if name in os.environ}}
pathlib.Path("seen.json").write_text(json.dumps({{"words": sys.argv[1:], "environment": found}}))
raise SystemExit(int(os.environ.get("EXIT", "0")))
"""


@pytest.fixture
def interpreter(tmp_path: Path) -> str:
    """A program in an interpreter's place that writes down how it was called."""
    path = tmp_path / "python"
    path.write_text(SHOW)
    path.chmod(0o755)
    return str(path)


def test_a_machine_is_made_to_look_like_older_ones_only() -> None:
    def names(*flags: str) -> list[str]:
        return [way.name for way in tolerances.ways("python", (), frozenset(flags))]

    avx2 = ["avx", "aten-default"]
    assert names("sse4_1", "avx", "avx2", "avx512f") == ["as-is", "again", "avx2", *avx2]
    assert names("sse4_1", "avx", "avx2") == ["as-is", "again", *avx2]
    assert names() == ["as-is", "again"]


def test_a_choice_is_among_older_machines_and_the_rest_comes_with_it() -> None:
    ways = (*tolerances.ways("p", (), frozenset({"avx512f", "avx2"})), Way("python-3", "q"))
    assert [way.name for way in tolerances.chosen(ways, ["avx"])] == ["as-is", "again", "avx", "python-3"]
    assert [way.name for way in tolerances.chosen(ways, ["as-is"])] == ["as-is", "again", "python-3"]
    with pytest.raises(ReproduceError, match="there is no way 'sse2' here; there is as-is, again, avx2"):
        tolerances.chosen(ways, ["avx", "sse2"])


def test_another_interpreter_is_named_by_its_versions_and_once() -> None:
    (name,) = [way.name for way in tolerances.ways("p", (sys.executable,), frozenset())][2:]
    assert name.startswith(f"python-{sys.version_info.major}.{sys.version_info.minor}.")
    assert "-torch-2." in name
    with pytest.raises(ReproduceError, match="two interpreters have the same versions"):
        tolerances.ways("p", (sys.executable, sys.executable), frozenset())


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/false", "/bin/echo"])
def test_what_is_no_interpreter_is_one_line(python: str) -> None:
    with pytest.raises(ReproduceError, match=f"'{python}' is no interpreter with this project's packages"):
        tolerances.interpreter_name(python)


def test_a_way_runs_on_the_cpu_in_its_own_root_with_its_own_variables_and_none_of_ours(
    interpreter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILE", "paper")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    root = tmp_path / "roots" / "sse41"
    way = Way("sse41", interpreter, {"ONEDNN_MAX_CPU_ISA": "SSE41"})
    tolerances.run(way, root, ["--profile", "smoke"], {"REPRODUCE_COMMIT": "abc"})
    seen = json.loads((root / "seen.json").read_text())
    options = ["--device", "cpu", "--results", str(root), "--profile", "smoke"]
    assert seen["words"] == ["-m", "reproduce", "run", *options]
    assert seen["environment"] == {
        "ONEDNN_MAX_CPU_ISA": "SSE41", "REPRODUCE_COMMIT": "abc", "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def test_a_way_that_fails_is_named(interpreter: str, tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="the campaign 'avx' ended with exit code 3"):
        tolerances.run(Way("avx", interpreter, {"EXIT": "3"}), tmp_path, [], {})


def test_a_campaign_is_told_of_in_its_own_words_only_where_there_are_any() -> None:
    smoke = profile("smoke")
    assert tolerances.options(smoke, (), None, None) == ("--profile", "smoke")
    assert tolerances.options(smoke, ["ae", "vae"], (42, 7), 2) == (
        "--profile", "smoke", "--jobs", "2", "--only", "ae", "--only", "vae", "--seeds", "42,7",
    )  # fmt: skip


def test_a_process_that_starts_elsewhere_is_told_the_commit_and_where_full_mnist_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REPRODUCE_COMMIT", "abc")
    monkeypatch.setattr(tolerances, "find_mnist", lambda: Path("data"))
    assert tolerances.surroundings(profile("smoke")) == {"REPRODUCE_COMMIT": "abc"}
    assert tolerances.surroundings(profile("desk")) == {
        "REPRODUCE_COMMIT": "abc", "MNIST_DIR": str(Path("data").absolute()),
    }  # fmt: skip


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All ways come out as smoke's golden numbers, and nothing is written; the list of what ran."""
    done: list[str] = []
    monkeypatch.setattr(tolerances, "processor_flags", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(tolerances, "run", lambda way, root, words, settings: done.append(f"run {root}"))
    monkeypatch.setattr(tolerances, "require_fresh", lambda store, wanted: None)
    monkeypatch.setattr(tolerances, "record_bands", lambda spreads, name: [Path(f"{name}: {len(spreads)}")])
    monkeypatch.setattr(tolerances, "from_other_machines", lambda name, spreads: [spreads[-1]])
    return done


def lines_of(**options: Any) -> Iterator[str]:
    recorded = golden.read("smoke")
    return tolerances.measure(
        profile("smoke"), Path("r"), lambda root: (as_records(recorded), {}), **{"older": ["avx"], **options}
    )


def test_each_way_is_named_before_it_runs_below_the_results(alike: list[str]) -> None:
    lines = lines_of()
    for name in ("as-is", "again", "avx"):
        assert name not in " ".join(alike)
        assert next(lines).startswith(f"{name}: ")
    assert [*lines]
    assert alike == [f"run r/tolerances/{name}" for name in ("as-is", "again", "avx")]


def test_bands_are_shown_tried_on_the_rows_and_recorded_with_what_other_machines_left(
    alike: list[str],
) -> None:
    _, _, _, *lines = lines_of()
    bands, tried, kept = lines[: len(golden.COMPARED) + 1], lines[-3:-1], lines[-1]
    assert [line.split()[0] for line in bands] == [*golden.COMPARED, golden.INITIAL]
    assert [line.split(" bands off")[0] for line in tried] == [
        "again: rows at most 0.00", "avx: rows at most 0.00",
    ]  # fmt: skip
    assert kept == "recorded smoke: 4"


@pytest.mark.parametrize("part", [{"only": ["ae"]}, {"seeds": (42,)}])
def test_the_bands_of_a_part_are_shown_only(alike: list[str], part: dict[str, Any]) -> None:
    assert [*lines_of(**part)][-1] == "not recorded: only a complete campaign is"


@pytest.mark.parametrize("wrong", [{"only": ["no-such"]}, {"older": ["no-such"]}])
def test_a_wrong_name_costs_no_campaign(alike: list[str], wrong: dict[str, Any]) -> None:
    with pytest.raises(ReproduceError, match="'no-such'"):
        next(lines_of(**wrong))
    assert alike == []


def test_the_help_names_one_default_profile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["reproduce", "tolerances", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "--profile" in line]
    assert "[default: smoke]" in line
    assert "by the device" not in line


@pytest.mark.slow
def test_the_command_measures_shows_and_records_nothing_of_a_part(
    tiny_profile: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two ways, one model. The profile `tiny` is unknown to other processes, so these are `tests.tiny`'s."""
    here = Path.cwd()
    monkeypatch.setattr(golden, "FOLDER", tmp_path / "golden")
    monkeypatch.setattr(tolerances, "PACKAGE_ROOT", here)
    monkeypatch.setattr(
        tolerances,
        "ways",
        lambda python, others, flags: tuple(
            Way(name, str(wrapped(tmp_path)), environment)
            for name, environment in (
                ("as-is", {}),
                ("again", {}),
                ("aten", {"ATEN_CPU_CAPABILITY": "default"}),
            )
        ),
    )
    words = ["reproduce", "tolerances", "--profile", "tiny", "--only", "ae", "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", [*words, "--results", str(tmp_path / "results")])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    out = capfd.readouterr().out
    assert "not recorded: only a complete campaign is" in out
    assert "same class: spread 0.00e+00, worst 0.00e+00 over 1 pooled runs (again)" in out
    assert not (tmp_path / "golden").exists()
    assert (
        tmp_path / "results" / "tolerances" / "aten" / "tiny" / "ae" / "seed-1" / "manifest.json"
    ).is_file()


def wrapped(folder: Path) -> Path:
    """An interpreter for which `-m reproduce` is `-m tests.tiny`."""
    path = folder / "tiny-python"
    path.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} -m tests.tiny "$@"\n')
    path.chmod(0o755)
    return path
