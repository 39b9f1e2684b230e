from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reproduce.cluster.workers import ANSWER_SECONDS, DEATHS, SLOW_SECONDS, Watch
from reproduce.errors import ReproduceError


class World:
    """What a watch sees: the time, the workers that are up, how often a process died."""

    count, frozen = 2, False
    scheduler = SimpleNamespace(identity=object())

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.up, self.deaths = 0.0, 0, 0
        self.said: list[str] = []
        monkeypatch.setattr("reproduce.cluster.workers.time.monotonic", lambda: self.now)

    def sync(self, asked: object, n_workers: int, callback_timeout: float) -> dict[str, Any]:
        assert (asked, n_workers, callback_timeout) == (self.scheduler.identity, 0, ANSWER_SECONDS)
        if self.frozen:
            raise TimeoutError
        return {"n_workers": self.up}

    def watch(self, scheduler: str | None = None) -> Watch:
        return Watch(self, scheduler, self if scheduler is None else None, self.said.append)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_processes_that_die_again_and_again_end_a_campaign(world: World) -> None:
    watch, world.deaths = world.watch(), 2 * DEATHS
    watch.look()
    world.deaths += 1
    with pytest.raises(ReproduceError, match=r"die while they start .* --jobs 1 needs none"):
        watch.look()


def test_a_worker_that_comes_up_makes_everything_good(world: World) -> None:
    watch = world.watch()
    for _ in range(3):
        for world.up in (0, 1):
            world.now += SLOW_SECONDS - 1
            world.deaths += DEATHS
            watch.look()
    assert world.said == []


END = "min so far (Ctrl-C ends this, and the same command goes on)"


def test_processes_that_start_slowly_are_waited_for_and_spoken_of_each_minute(world: World) -> None:
    watch = world.watch()
    for world.now in range(0, SLOW_SECONDS + 100, 5):
        watch.look()
    assert world.said == [f"the workers are still starting, {n} {END}" for n in (3, 4)]


def test_an_existing_cluster_is_waited_for_as_long_as_it_takes_and_spoken_of_each_minute(
    world: World,
) -> None:
    watch, waiting = world.watch("tcp://far:8786"), "no worker at tcp://far:8786; waiting for one"
    for world.now in range(0, 150, 5):
        watch.look()
    assert world.said == [waiting, f"{waiting}, 1 {END}", f"{waiting}, 2 {END}"]
    world.up = 1
    watch.look()
    world.up = 0
    watch.look()
    assert world.said[3:] == [waiting]


def test_a_scheduler_without_a_sign_is_spoken_of_after_minutes(world: World) -> None:
    watch, world.up = world.watch("tcp://far:8786"), 1
    for world.now in range(0, 1000, 5):
        world.frozen = 600 <= world.now < 900
        watch.look()
    assert world.said == [f"no scheduler answers at tcp://far:8786, {n} {END}" for n in (3, 4, 5)]
