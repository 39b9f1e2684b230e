from __future__ import annotations

from typing import Any

import pytest

from reproduce.cluster.workers import DEATHS, SLOW_SECONDS, Watch
from reproduce.errors import ReproduceError


class World:
    """What a watch sees: the time, the workers that are up, how often a process died."""

    count = 2

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.up, self.deaths = 0.0, 0, 0
        self.said: list[str] = []
        monkeypatch.setattr("reproduce.cluster.workers.time.monotonic", lambda: self.now)

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": dict.fromkeys(range(self.up))}

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


def test_processes_that_start_slowly_are_waited_for_and_spoken_of_once(world: World) -> None:
    watch = world.watch()
    for world.now in range(0, 10 * SLOW_SECONDS, 60):
        watch.look()
    assert world.said == ["the workers are still starting"]


def test_an_existing_cluster_is_waited_for_as_long_as_it_takes(world: World) -> None:
    watch = world.watch("tcp://far:8786")
    for world.now in (0, 1e3, 1e6):
        watch.look()
    assert world.said == ["no worker at tcp://far:8786; waiting for one"]
