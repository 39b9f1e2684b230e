"""What a campaign would do, and its rough time and disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reproduce.campaign import estimate
from reproduce.campaign.estimate import Estimate, Task
from reproduce.campaign.worker import RunResult
from reproduce.protocol import profile
from reproduce.storage.runs import RunId
from reproduce.storage.store import HISTORY, Store
from tests.tiny import AE, RUNS, SVAE, VAE


def actions(store: Store, **options: bool) -> dict[str, str]:
    return {task.run.architecture: task.action for task in estimate.tasks(store, RUNS, **options)}


# --- what would be done -------------------------------------------------------------------------------


def test_every_run_is_finished_trained_resumed_or_evaluated(store: Store) -> None:
    checkpoint = store.checkpoint(AE)
    for run in (AE, VAE):
        shutil.rmtree(store.path(run))
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"")
    (store.path(SVAE) / "images.csv").unlink()
    expected = {
        "pca-16": "finished",
        "mean-image": "finished",
        "ae": "resume",
        "vae": "train",
        "svae": "evaluate",
    }
    assert actions(store) == expected
    takes_time = {task.run.architecture for task in estimate.tasks(store, RUNS) if task.seconds}
    assert takes_time == {"ae", "vae", "svae"}


def test_a_damaged_run_is_trained_from_its_beginning_though_it_has_a_checkpoint(store: Store) -> None:
    (store.path(AE) / HISTORY).unlink()
    store.checkpoint(AE).write_bytes(b"")
    assert actions(store)["ae"] == "train"


def test_a_failed_run_is_left_so_unless_asked_for(store: Store) -> None:
    store.publish(VAE, RunResult({}, {}, {"epoch": 1, "reason": "x"}))
    assert actions(store)["vae"] == "failed"
    assert actions(store, retry_failed=True)["vae"] == "train"


# --- how long -----------------------------------------------------------------------------------------


def test_a_plain_model_takes_forty_seconds_an_epoch_of_mnist() -> None:
    """As measured on one core (782 steps of 64 images); an importance-weighted one takes many times that."""
    notebook = profile("notebook")
    plain, heavy = (estimate.run_seconds(notebook, RunId(name, 42)) for name in ("vae", "piwae"))
    assert plain / notebook.epochs == pytest.approx(43, abs=4)
    assert 8 < heavy / plain < 11
    paper = estimate.run_seconds(profile("paper"), RunId("vae", 42))
    assert paper == pytest.approx(10 * plain, rel=0.05), "ten times as many epochs"


def of(*seconds: float) -> list[Task]:
    return [Task(RunId("ae", seed), "train", "", each) for seed, each in enumerate(seconds)]


@pytest.mark.parametrize(
    ("seconds", "jobs", "wall"),
    [([30, 20, 10], 1, 60), ([30, 20, 10], 2, 30), ([30, 20, 10], 9, 30), ([10, 10, 10], 2, 20)],
)
def test_each_run_goes_to_the_worker_that_is_free_first(seconds: list[float], jobs: int, wall: float) -> None:
    found = estimate.estimate(of(*seconds), jobs)
    assert (found.seconds, found.wall) == (sum(seconds), wall + estimate.START_SECONDS)
    assert estimate.estimate([], jobs) == Estimate(0, 0, 0)


def test_disk_is_that_of_what_is_due_and_of_checkpoints_meanwhile() -> None:
    found = estimate.estimate([*of(10, 10, 10), Task(AE, "finished", "done")], 2)
    assert found.disk == 3 * estimate.RUN_BYTES + 2 * estimate.CHECKPOINT_BYTES


# --- in words -----------------------------------------------------------------------------------------

LONG = Estimate(seconds=72_000, wall=36_000, disk=100_000_000)


@pytest.mark.parametrize(
    ("device", "jobs", "line"),
    [
        ("cpu", 2, "roughly 10 h at most with 2 runs at a time, and 100 MB of results"),
        ("cpu", None, "roughly 20 h of one core, shared by the cluster's workers, and 100 MB of results"),
        ("cuda", 4, "roughly 100 MB of results; how long it takes there: docs/GPU.md"),
    ],
)
def test_the_estimate_is_one_line(device: str, jobs: int | None, line: str) -> None:
    assert estimate.in_words(LONG, device, jobs) == line


def test_durations_are_rounded() -> None:
    known = {0: "1 min", 1500: "25 min", 5399: "90 min", 5400: "1.5 h", 4e4: "11 h", 4e6: "1,111 h"}
    assert {seconds: estimate.duration(seconds) for seconds in known} == known


def warned(name: str, device: str, folder: Path, found: Estimate = LONG) -> list[str]:
    rest = {"device": device, "only": ["vae"], "seeds": (42,), "jobs": 1, "folder": folder}
    return estimate.warnings(profile(name), found, **rest)


def test_the_papers_profile_on_a_cpu_is_warned_about_with_what_to_use_instead(tmp_path: Path) -> None:
    (line,) = warned("paper", "cpu", tmp_path / "not" / "yet")
    assert line == (
        "warning: profile paper is made for a GPU and takes up to 10 h on this CPU; use desk (7 min) or "
        "notebook (7 min) on the same data, or a GPU"
    )
    for name, device in (("paper", "cuda"), ("desk", "cpu"), ("paper-trial-1", "cpu")):
        assert warned(name, device, tmp_path) == []


def test_a_disk_that_is_too_small_is_warned_about(tmp_path: Path) -> None:
    (line,) = warned("desk", "cpu", tmp_path / "results", Estimate(1, 1, 10**18))
    assert line.endswith("MB free, and 1,000,000,000,000 MB are needed")
