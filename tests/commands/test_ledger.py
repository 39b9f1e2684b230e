"""What `claims` says of runs that are there and take no part."""

from __future__ import annotations

import sys

import pytest

from reproduce import cli, runs
from reproduce.commands import ledger
from reproduce.protocol import Protocol
from reproduce.runs import RunId
from reproduce.store import FAILED, FRESH, MISSING, STALE, Status, Store
from tests.tiny import RUNS


def test_stale_runs_are_counted_with_the_first_reason_and_the_remedy() -> None:
    states = [
        Status(RunId("ae", 1), FRESH, "done"),
        Status(RunId("vae", 1), STALE, "the evaluation has changed since"),
        Status(RunId("wae", 1), STALE, "another learning rate"),
        Status(RunId("svae", 1), MISSING, "not run yet"),
    ]
    assert ledger.stale_runs(states, "desk") == (
        "warning: 2 of 4 runs of profile desk are stale and take no part (vae/seed-1: the evaluation has changed "
        "since): see `make status PROFILE=desk`, then run `make reproduce PROFILE=desk`"
    )


def test_nothing_is_said_of_what_is_fresh_failed_or_missing() -> None:
    states = [Status(RunId("ae", 1), state, "") for state in (FRESH, FAILED, MISSING)]
    assert ledger.stale_runs(states, "desk") == ""
    assert ledger.stale_runs([], "desk") == ""


def test_claims_on_stale_runs_say_so_in_one_line(
    store: Store, tiny_profile: Protocol, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not only "no results": they are there, and one command away."""
    monkeypatch.setattr(runs, "EVALUATION_REVISION", runs.EVALUATION_REVISION + 1)
    words = ["claims", "--profile", "tiny", "--results", str(store.folder.parent), "--id", "III-A.capacity"]
    monkeypatch.setattr(sys, "argv", ["reproduce", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert not stop.value.code
    assert out.splitlines()[-1].endswith("no results")
    (line,) = err.splitlines()
    assert line.startswith(f"warning: {len(RUNS)} of ")
    assert "the evaluation has changed since" in line
    assert line.endswith("then run `make reproduce PROFILE=tiny`")
