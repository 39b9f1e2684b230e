"""No GPU was at hand: how many runs share a card is decided on made-up measurements."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

import pytest

from benchmarks.gpu_check import Share, sharing


def shares(*speeds: float) -> list[Share]:
    return [Share(n, speed, 600.0 * n) for n, speed in zip((1, 2, 4, 8), speeds, strict=False)]


@pytest.mark.parametrize(
    ("measured", "extra", "card", "number"),
    [
        (shares(100, 180, 300, 310), 0.0, 48_000, 4),
        (shares(100, 180, 300, 400), 0.0, 48_000, 8),
        (shares(100, 99, 98, 97), 0.0, 48_000, 1),
        (shares(100, 180, 300, 400), 0.0, 3_000, 4),
        (shares(100, 180, 300, 400), 900.0, 4_000, 2),
        ([*shares(100, 180), Share(4, error="OutOfMemoryError: x")], 0.0, 48_000, 2),
        ([Share(1, error="RuntimeError: x")], 0.0, 48_000, None),
        (shares(100), 0.0, 600, None),
    ],
    ids=["nearly best", "best", "alone", "memory", "heaviest", "error", "nothing ran", "nothing fits"],
)
def test_the_fewest_runs_with_nearly_the_best_speed_that_fit(
    measured: list[Share], extra: float, card: float, number: int | None
) -> None:
    assert sharing.recommend(measured, extra, card) == number


class Pool(Executor):
    """Tasks that end with an error, and no process."""

    error: Exception

    def __init__(self, *_: object) -> None: ...

    def submit(self, *_: Any, **__: Any) -> Any:
        found: Future[Any] = Future()
        found.set_exception(self.error)
        return found


def test_an_error_without_a_message_is_named_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "ProcessPoolExecutor", Pool)
    for error, told in (
        (NotImplementedError(), "NotImplementedError"),
        (ValueError("\na\nb"), "ValueError: a"),
    ):
        monkeypatch.setattr(Pool, "error", error, raising=False)
        assert sharing.measure(2, "cpu").error == told


@pytest.mark.slow
def test_processes_that_fail_are_a_row_and_not_a_hang() -> None:
    found = sharing.measure(2, "no such device", 1, 1)
    assert found.error.startswith("RuntimeError: ")
    assert "\n" not in found.error
