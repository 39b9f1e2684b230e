from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console

from reproduce.campaign import progress
from reproduce.campaign.progress import Display, clock
from reproduce.campaign.schedule import Event
from reproduce.storage.runs import RunId

AE, VAE, MIWAE = RunId("ae", 1), RunId("vae", 1), RunId("miwae", 1)
DUE: Event = {"phase": "due", "state": "missing", "why": "not run yet"}
EPOCH: Event = {"epoch": 2, "epochs": 8, "training_loss": 12.3456, "validation_loss": 13.0}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock; a test sets its only entry."""
    time = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


def shown(events: list[tuple[RunId | None, Event]], terminal: bool = False) -> str:
    stream = io.StringIO()
    with Display(Console(file=stream, force_terminal=terminal, width=120)) as listener:
        for run, event in events:
            listener(run, event)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3599, "59:59"), (3723, "1:02:03")]
)
def test_times_are_written_like_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_without_a_terminal_there_is_one_line_a_result_and_no_control_codes() -> None:
    text = shown(
        [(AE, DUE), (AE, {"phase": "started"}), (AE, EPOCH), (AE, {"phase": "done", "seconds": 61.0})]
    )
    assert text == "ae/seed-1: done in 1:01  [1 of 1 done, 0:00 gone]\n"


def test_what_is_due_for_a_reason_says_so() -> None:
    stale: Event = {"phase": "due", "state": "stale", "why": "settings.beta was 4.0, is 2.0"}
    assert shown([(AE, DUE), (VAE, stale)]) == "vae/seed-1: stale (settings.beta was 4.0, is 2.0)\n"


def test_time_left_weighs_runs_by_their_cost(now: list[float]) -> None:
    stream = io.StringIO()
    listener = Display(Console(file=stream, width=120))
    for run in (AE, MIWAE):
        listener(run, DUE)
    now[0] += 60
    listener(AE, {"phase": "done", "seconds": 60.0})
    # the MIWAE costs nine times the AE
    assert "[1 of 2 done, 1:00 gone, about 9:00 left]" in stream.getvalue()


def test_time_left_counts_the_epochs_of_the_running_runs(now: list[float]) -> None:
    listener = Display(Console(file=io.StringIO()))
    for run in (AE, VAE):
        listener(run, DUE)
    assert listener.summary() == "[0 of 2 done, 0:00 gone]"
    now[0] += 60
    listener(AE, {**EPOCH, "epoch": 1})
    # an eighth of an AE took a minute; seven eighths and a VAE are left
    assert listener.summary() == "[0 of 2 done, 1 running, 1:00 gone, about 15:00 left]"


def test_epochs_of_an_earlier_campaign_do_not_flatter_the_pace(now: list[float]) -> None:
    listener = Display(Console(file=io.StringIO()))
    listener(AE, DUE)
    now[0] += 60
    for epoch in (5, 6):
        listener(AE, {**EPOCH, "epoch": epoch})
    # two of eight epochs in a minute, two are left
    assert listener.left(60.0) == pytest.approx(60.0)


def test_failures_are_counted_and_explained() -> None:
    failed: Event = {"phase": "failed", "reason": "epoch 3: training_loss is nan"}
    text = shown([(AE, DUE), (VAE, DUE), (AE, failed)])
    assert "ae/seed-1: failed (epoch 3: training_loss is nan)  [0 of 2 done, 1 failed" in text


def test_markup_in_a_reason_is_printed_as_it_is() -> None:
    text = shown([(AE, DUE), (AE, {"phase": "crashed", "reason": "OSError: [red]x[/nothing] :smile:"})])
    assert "crashed (OSError: [red]x[/nothing] :smile:)" in text


def test_a_warning_is_a_line() -> None:
    assert (
        shown([(AE, DUE), (AE, {"warning": "checkpoint is damaged"})]) == "ae/seed-1: checkpoint is damaged\n"
    )


def test_a_warning_of_the_whole_campaign_is_said_at_any_time_and_in_no_runs_name() -> None:
    lost: Event = {"warning": "no worker at tcp://far:8786; waiting for one"}
    text = shown([(AE, DUE), (None, lost), (AE, {"phase": "done"}), (None, lost)])
    first, _, last = text.splitlines()
    assert first == last == lost["warning"]


def test_on_a_terminal_the_running_epochs_are_shown() -> None:
    text = shown([(AE, DUE), (VAE, DUE), (AE, EPOCH)], terminal=True)
    assert "ae/seed-1" in text
    assert "epoch 2/8, loss 12.35, validation 13" in text
    assert "0 of 2 done, 1 running, 0:00 gone" in text
    assert "\x1b[" in text, "nothing moves the cursor back to draw over the old table"


def test_on_a_terminal_a_result_stays_and_its_row_goes() -> None:
    done: Event = {"phase": "done", "seconds": 61.0}
    text = shown([(AE, DUE), (VAE, DUE), (AE, EPOCH), (VAE, EPOCH), (AE, done)], terminal=True)
    assert "ae/seed-1: done in 1:01" in text
    last = text.split("ae/seed-1: done in 1:01")[1]
    assert "vae/seed-1" in last
    assert " ae/seed-1" not in last


def test_epochs_are_no_lines_without_a_terminal() -> None:
    text = shown([(AE, DUE), (AE, EPOCH), (AE, {"phase": "evaluating"})])
    assert text == ""


def test_an_event_that_comes_late_does_not_revive_a_run() -> None:
    listener = Display(Console(file=io.StringIO()))
    for event in (DUE, {"phase": "done"}, EPOCH):
        listener(AE, event)
    assert listener.running == {}


def test_events_may_come_from_several_threads() -> None:
    listener = Display(Console(file=io.StringIO()))
    runs = [RunId("ae", seed) for seed in range(200)]
    for run in runs:
        listener(run, DUE)

    def tell(own: list[RunId]) -> None:
        for run in own:
            listener(run, EPOCH)
            listener(run, {"phase": "done"})

    threads = [threading.Thread(target=tell, args=(runs[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listener.finished == set(runs)
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


def test_the_first_estimate_does_not_rest_on_what_is_only_fitted(now: list[float]) -> None:
    listener = Display(Console(file=io.StringIO()))
    for run in (RunId("pca-16", 0), AE):
        listener(run, DUE)
    now[0] += 60
    listener(RunId("pca-16", 0), {"phase": "done", "seconds": 60.0})
    assert listener.summary() == "[1 of 2 done, 1:00 gone]"
