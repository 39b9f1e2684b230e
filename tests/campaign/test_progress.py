from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from reproduce.campaign import progress
from reproduce.campaign.progress import Display
from reproduce.campaign.schedule import Event
from reproduce.storage.runs import RunId
from tests.tiny import AE, VAE

MIWAE = RunId("miwae", 1)
DUE: Event = {"phase": "due", "state": "missing", "why": "not run yet"}
EPOCH: Event = {"epoch": 2, "epochs": 8, "training_loss": 12.3456, "validation_loss": 13.0}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock; a test sets its only entry."""
    time = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


@pytest.fixture
def listener() -> Display:
    return Display(Console(file=io.StringIO(), width=120))


def told(listener: Display, *events: tuple[RunId, Event]) -> None:
    for run, event in events:
        listener(run, event)


def shown(events: list[tuple[RunId | None, Event]], terminal: bool = False) -> str:
    stream = io.StringIO()
    with Display(Console(file=stream, force_terminal=terminal, width=120)) as listener:
        for run, event in events:
            listener(run, event)
    return stream.getvalue()


def test_without_a_terminal_there_is_one_line_a_result_and_no_control_codes() -> None:
    phases: list[Event] = [
        {"phase": "started"},
        EPOCH,
        {"phase": "evaluating"},
        {"phase": "done", "seconds": 3723.0},
    ]
    text = shown([(AE, DUE), *((AE, event) for event in phases)])
    assert text == "ae/seed-1: done in 1:02:03  [1 of 1 done, 0:00 gone]\n"


def test_what_is_due_for_a_reason_says_so() -> None:
    stale: Event = {"phase": "due", "state": "stale", "why": "settings.beta was 4.0, is 2.0"}
    assert shown([(AE, DUE), (VAE, stale)]) == "vae/seed-1: stale (settings.beta was 4.0, is 2.0)\n"


def test_time_left_weighs_runs_by_their_cost_and_counts_the_epochs_of_running_ones(
    now: list[float], listener: Display
) -> None:
    told(listener, (AE, DUE), (MIWAE, DUE))
    assert listener.summary() == "[0 of 2 done, 0:00 gone]"
    now[0] += 60
    told(listener, (AE, {**EPOCH, "epoch": 1}))
    # an eighth of an AE took a minute; seven eighths and a MIWAE, which costs nine times as much, are left
    assert listener.summary() == "[0 of 2 done, 1 running, 1:00 gone, about 1:19:00 left]"
    told(listener, (AE, {"phase": "done", "seconds": 60.0}))
    assert listener.summary() == "[1 of 2 done, 1:00 gone, about 9:00 left]"


def test_neither_epochs_of_an_earlier_campaign_nor_what_is_only_fitted_flatter_the_pace(
    now: list[float], listener: Display
) -> None:
    told(listener, (RunId("pca-16", 0), DUE), (AE, DUE))
    told(listener, (RunId("pca-16", 0), {"phase": "done", "seconds": 60.0}))
    assert listener.summary() == "[1 of 2 done, 0:00 gone]"
    now[0] += 60
    told(listener, (AE, {**EPOCH, "epoch": 5}), (AE, {**EPOCH, "epoch": 6}))
    # two of eight epochs in a minute, two are left
    assert listener.left(60.0) == pytest.approx(60.0)


def test_failures_are_counted_and_explained_whatever_markup_their_reason_holds() -> None:
    failed: Event = {"phase": "failed", "reason": "OSError: [red]x[/nothing] :smile:"}
    text = shown([(AE, DUE), (VAE, DUE), (AE, failed)])
    assert "ae/seed-1: failed (OSError: [red]x[/nothing] :smile:)  [0 of 2 done, 1 failed" in text


def test_a_warning_is_a_line_and_one_of_the_whole_campaign_stands_in_no_runs_name() -> None:
    lost: Event = {"warning": "no worker at tcp://far:8786; waiting for one"}
    text = shown([(AE, DUE), (None, lost), (AE, lost), (AE, {"phase": "done"}), (None, lost)])
    first, own, _, last = text.splitlines()
    assert first == last == lost["warning"]
    assert own == f"ae/seed-1: {lost['warning']}"


def test_on_a_terminal_running_epochs_are_shown_a_result_stays_and_its_row_goes() -> None:
    done: Event = {"phase": "done", "seconds": 61.0}
    text = shown([(AE, DUE), (VAE, DUE), (AE, EPOCH), (VAE, EPOCH), (AE, done)], terminal=True)
    _, after = text.split("ae/seed-1: done in 1:01")
    assert "epoch 2/8, loss 12.35, validation 13" in after
    assert "1 of 2 done, 1 running, 0:00 gone" in after
    assert "\x1b[" in text, "nothing moves the cursor back to draw over the old table"
    assert "vae/seed-1" in after
    assert " ae/seed-1" not in after


def test_an_event_that_comes_late_does_not_revive_a_run(listener: Display) -> None:
    told(listener, (AE, DUE), (AE, {"phase": "done"}), (AE, EPOCH))
    assert listener.running == {}


def test_a_log_hears_of_a_long_run_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENCE", 0.05)
    stream = io.StringIO()
    with Display(Console(file=stream, width=200)) as listener:
        for event in (DUE, {"phase": "started"}, EPOCH):
            listener(AE, event)
        time.sleep(0.4)
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 8
    assert lines[0].startswith("ae/seed-1: epoch 2/8, loss 12.35, validation 13  [0 of 1 done, 1 running, ")
    assert "left]" in lines[0]
