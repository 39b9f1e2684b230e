"""`golden`: recorded from a clean commit only, and what changes is said before anything is written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reproduce import golden
from reproduce.commands import golden as commands
from reproduce.golden import Golden
from reproduce.golden.content import OF_RUNS
from reproduce.golden.folder import require_fresh
from reproduce.machine import version
from reproduce.protocol import profile
from reproduce.storage.records import Records
from reproduce.storage.runs import RunId, campaign_runs
from reproduce.storage.store import FRESH, MISSING, PROVENANCE, Status, Store
from tests import bare
from tests.golden.recorded import as_records
from tests.tiny import Command

CLEAN = "0123456789" * 4
RUN = RunId("vae", 123)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Golden:
    """A folder to work in with the recorded golden numbers and the provenance of a campaign that differs once."""
    found = golden.read("smoke")
    shutil.copytree(golden.FOLDER, tmp_path / "golden")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPRODUCE_COMMIT", CLEAN)
    for run in campaign_runs(profile("smoke")):
        ran_at(CLEAN, run)
    runs = found.runs.copy()
    runs.loc[(runs["architecture"] == "vae") & (runs["seed"] == 123), "mse"] = 0.5
    monkeypatch.setattr(golden, "require_fresh", lambda *_, **__: None)
    monkeypatch.setattr(golden, "initial_losses", lambda _: found.losses)
    measured(monkeypatch, as_records(found, runs=runs))
    return found


def measured(monkeypatch: pytest.MonkeyPatch, records: Records) -> None:
    """Have these records in the place of the campaign's."""
    monkeypatch.setattr(commands, "records_and_provenance", lambda *_: (records, {"commit": CLEAN}))


def ran_at(commit: str, run: RunId = RUN) -> None:
    """Have the run's provenance say so."""
    folder = Store(Path("results"), profile("smoke")).path(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROVENANCE).write_text(json.dumps({"commit": commit}))


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("golden").rglob("*") if path.is_file()}


SMOKE = ("--profile", "smoke")


def test_what_changes_is_said_before_anything_is_written(
    recorded: Golden, command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write, said = golden.write, []

    def heard(*arguments: Any) -> Path:
        said.append(capsys.readouterr().out)
        return write(*arguments)

    monkeypatch.setattr(golden, "write", heard)
    assert command("golden", *SMOKE)[0] == 0
    before = recorded.runs.set_index(["architecture", "seed"]).loc[("vae", 123), "mse"]
    (first,) = said
    assert first.splitlines()[0] == f"vae/seed-123 mse: {before:.6g} -> 0.5"
    after = golden.read("smoke")
    assert after.runs.set_index(["architecture", "seed"]).loc[("vae", 123), "mse"] == 0.5
    assert after.provenance["commit"] == CLEAN
    pd.testing.assert_frame_equal(after.tolerances, recorded.tolerances)


@pytest.mark.parametrize(
    "name", ["check", *(pytest.param(name, marks=pytest.mark.slow) for name in ("golden", "tolerances"))]
)
def test_outside_a_checkout_is_one_line(name: str, tmp_path: Path) -> None:
    found = bare.reproduce(f"{name} --profile smoke", tmp_path)
    assert (found.returncode, found.stdout) == (2, b"")
    assert found.stderr.decode() == (
        "error: there is no folder 'golden' here: give the command in the root of a checkout, which keeps the golden "
        "numbers\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("commit", ["", f"{CLEAN}+", "v1.0"])
@pytest.mark.parametrize("whose", ["the checkout's", "a run's"])
@pytest.mark.usefixtures("recorded")
def test_a_commit_that_is_changed_or_not_known_is_refused_and_nothing_written(
    command: Command, monkeypatch: pytest.MonkeyPatch, whose: str, commit: str
) -> None:
    monkeypatch.setattr(version, "ROOT", Path.cwd())
    monkeypatch.setattr(version, "ARCHIVED", Path.cwd() / "archived-commit.txt")
    monkeypatch.setenv("REPRODUCE_COMMIT", commit) if whose == "the checkout's" else ran_at(commit)
    before = contents()
    code, _, err = command("golden", *SMOKE)
    assert code == 2
    assert f"'{commit or 'unknown'}' is none: commit or put away your changes" in err
    assert contents() == before
    assert command("golden", *SMOKE, "--uncommitted")[0] == 0
    assert contents() != before


def test_what_is_finished_of_one_seed_is_recorded_and_checked_and_the_rest_named(
    recorded: Golden, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of a campaign that is not through; of a profile without a spread: between seeds, and so it is said."""
    shutil.rmtree("golden/smoke/spread")
    finished = {RunId("ae", 42), RunId("vae", 42)}

    def status(store: Store, run: RunId, verify: bool = False) -> Status:
        return Status(run, FRESH if run in finished else MISSING, "")

    monkeypatch.setattr(Store, "status", status)
    monkeypatch.setattr(golden, "require_fresh", require_fresh)
    code, _, err = command("golden", *SMOKE)
    n = len(campaign_runs(profile("smoke")))
    assert (code, f"{n - 2} of {n} runs are not fresh" in err) == (2, True)
    code, _, err = command("golden", *SMOKE, "--finished", "--seed", "42")
    assert (code, "golden/smoke has 42 runs that would be lost, the first: " in err) == (2, True)
    shutil.rmtree("golden/smoke")
    assert command("golden", *SMOKE, "--finished", "--seed", "42")[0] == 0
    assert golden.runs_in(golden.read("smoke").runs) == {("ae", 42), ("vae", 42)}

    ae = {name: getattr(recorded.only({("ae", 42)}), name) for name in OF_RUNS}
    measured(monkeypatch, as_records(recorded, **ae))
    finished.remove(RunId("vae", 42))
    code, out, _ = command("check", *SMOKE)
    assert code == 0
    assert "cannot be compared, since the results lack them: vae/seed-42" in out
    reason = "between seeds (42, 123) of 22 architectures: no other machine has run this profile"
    assert f"tolerances: {reason}" in out
    finished.clear()
    code, _, err = command("check", *SMOKE)
    assert code == 2
    assert "2 of 2 runs are not fresh, the first: ae/seed-42 is missing" in err
