from __future__ import annotations

from typing import Any

import pytest

from reproduce.cluster.watch import GONE_SECONDS, SLOW_SECONDS, STARTS, Watch
from reproduce.errors import ReproduceError


class World:
    """What a watch sees: the time, the workers that are up, the processes that live."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.up, self.alive = 0.0, 0, set[int]()
        self.said: list[str] = []
        monkeypatch.setattr("reproduce.cluster.watch.time.monotonic", lambda: self.now)

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": dict.fromkeys(range(self.up))}

    def watch(self, scheduler: str | None = None, workers: int = 2) -> Watch:
        return Watch(self, scheduler, workers, self.said.append, lambda: set(self.alive))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_processes_that_are_gone_for_good_end_a_campaign(world: World) -> None:
    watch = world.watch()
    world.now = GONE_SECONDS
    watch.look()
    world.now += 1
    with pytest.raises(ReproduceError, match=r"die while they start .* --jobs 1 needs none"):
        watch.look()


def test_processes_that_die_again_and_again_end_it_too(world: World) -> None:
    watch = world.watch(workers=2)
    for pid in range(2 * STARTS):
        world.alive = {pid}
        watch.look()
    world.alive = {4711}
    with pytest.raises(ReproduceError, match="die while they start"):
        watch.look()


def test_processes_that_start_slowly_are_waited_for_and_spoken_of_once(world: World) -> None:
    watch, world.alive = world.watch(), {1, 2}
    for world.now in range(0, 10 * SLOW_SECONDS, 60):
        watch.look()
    assert world.said == ["the workers are still starting"]


def test_a_worker_that_came_up_makes_everything_good(world: World) -> None:
    watch = world.watch()
    for _ in range(3):
        for world.up in (0, 1):
            world.now += GONE_SECONDS - 1
            watch.look()
    assert world.said == []


def test_an_existing_cluster_is_waited_for_as_long_as_it_takes(world: World) -> None:
    watch = world.watch("tcp://far:8786")
    for world.now in (0, 1e3, 1e6):
        watch.look()
    assert world.said == ["no worker at tcp://far:8786; waiting for one"]
