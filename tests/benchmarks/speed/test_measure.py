"""Two steps of the whole thing, what a worker answers, and what is refused."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed import measure, sides, work
from benchmarks.speed.measure import Measurement, Process
from benchmarks.speed.sides import OurSide, PythaeSide, workload
from reproduce.architectures.names import SLUGS
from reproduce.datasets import load
from reproduce.errors import ReproduceError
from reproduce.protocol import profile
from reproduce.storage.store import PROVENANCE

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # Pythae's SVAE


@pytest.mark.slow
def test_two_steps_of_one_architecture_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """One player with Pythae's class and with our plain form, coupled optimisers, adversarial with a second batch."""
    # threads of one process that wait for each other on a busy machine take minutes
    monkeypatch.setattr(measure, "cores", lambda: 1)
    slugs = ("ae", "rae-l2", "hvae", "factor-vae")
    seen: list[Measurement] = []
    found, products, convolutions = measure.measure(slugs, steps=2, rounds=2, notify=seen.append, workers=1)
    assert tuple(seen) == found
    assert [m.slug for m in found] == list(slugs)
    assert [m.shared for m in found] == [True, True, False, False]
    assert len(products) == len(convolutions) == 2 * len(slugs)
    assert all(rate > 0 for rate in (*products, *convolutions))
    for m in found:
        assert m.steps == len(m.pythae) == len(m.ours) == len(m.alone) == 2
        assert all(value > 0 for value in (*m.pythae, *m.alone, *sum(m.ours, ())))
        assert m.flops >= found[0].flops > 0


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_both_sides_train_every_architecture(slug: str) -> None:
    theirs, ours = PythaeSide(slug, 2, 1), OurSide(slug, 2)
    before = nn.utils.parameters_to_vector(theirs.trainer.model.parameters()).detach()
    assert theirs.epoch() > 0
    assert ours.epoch() > 0
    after = nn.utils.parameters_to_vector(theirs.trainer.model.parameters())
    assert after.isfinite().all()
    assert not torch.equal(before, after)


@pytest.mark.parametrize(("slug", "batch"), [("ae", 64), ("piwae", 64), ("factor-vae", 128)])
def test_both_sides_take_the_same_steps_of_the_same_images_at_the_same_rate(slug: str, batch: int) -> None:
    """Pythae's loader gives a second batch where one is asked for; of its images none counts."""
    ours, theirs = OurSide(slug, 3), PythaeSide(slug, 3, 1)
    assert len(theirs.trainer.train_loader) == ours.run.protocol.steps_per_epoch() == 3
    assert theirs.trainer.train_loader.batch_size == batch
    assert torch.equal(ours.run.train_images, theirs.trainer.train_dataset.data[: 3 * 64])
    given = vars(theirs.trainer).values()
    optimisers = [value for value in given if isinstance(value, torch.optim.Optimizer)]
    rates = [group["lr"] for adam in (*ours.run.adams, *optimisers) for group in adam.param_groups]
    assert rates == [pytest.approx(2e-3)] * 2 * len(ours.run.players)


def test_images_repeat_when_they_do_not_suffice() -> None:
    train = load(profile("quick")).train
    images = workload(len(train) + 5).train.images
    assert len(images) == len(train) + 5
    assert np.array_equal(images[-5:], train.images[:5])


def test_the_steps_of_an_epoch_are_timed_without_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = OurSide("ae", 1), PythaeSide("ae", 1, 1)
    assert theirs.trainer.eval_loader is None
    monkeypatch.setattr(ours.run, "validation_loss", None)
    clock = iter([10.0, 12.5, 20.0, 23.5])
    monkeypatch.setattr(sides.time, "perf_counter", lambda: next(clock))
    assert (ours.epoch(), theirs.epoch()) == (2.5, 3.5)


def test_a_whole_run_leaves_the_references_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Checkpoints, which are neither trained nor evaluated, are what is left of the run's own 70 seconds. On the CPU,
    as the rest of the bench."""
    reference = {"started": 100.0, "finished": 110.0}
    provenances = {
        "ae/seed-42": {"training_seconds": 45.0, "evaluation_seconds": 6.0, "total_seconds": 70.0},
        "pca-16/seed-0": reference,
        "mean-image/seed-0": reference,
    }

    def run(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        assert command[command.index("--device") + 1] == "cpu"
        for folder, provenance in provenances.items():
            path = tmp_path / "quick" / folder / PROVENANCE
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(provenance))
        return subprocess.CompletedProcess(command, 0)

    clock = iter([1000.0, 1100.0])
    monkeypatch.setattr(measure, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(measure.subprocess, "run", run)
    found = measure.whole_run("ae", "quick", tmp_path)
    assert (found.total, found.training, found.evaluation, found.start_up) == (80.0, 45.0, 6.0, 29.0)


def test_flops_of_the_autoencoder_by_hand() -> None:
    """Multiply-adds count two; backward twice forward, but for the gradient of the first layer's input."""
    encoder = [(14 * 14, 1, 32), (7 * 7, 32, 64), (3 * 3, 64, 128)]
    decoder = [(3 * 3, 128, 128), (7 * 7, 128, 64), (14 * 14, 64, 32)]
    products = [9 * places * inputs * outputs for places, inputs, outputs in encoder + decoder]
    products += [1152 * 16, 16 * 1152, 28 * 28 * 32]
    assert work.step_flops("ae", 2) == 2 * 2 * (3 * sum(products) - products[0])


def test_rates_are_operations_as_torch_counts_them_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with FlopCounterMode(display=False) as counter:
        F.conv_transpose2d(torch.rand(2, 3, 5, 5), torch.rand(3, 3, 3, 3), padding=1)
    clock = iter([0.0, 0.25, 0.5, 0.75, 0.0, 1.0])
    monkeypatch.setattr(sides.time, "perf_counter", lambda: next(clock))
    assert sides.sgemm_rate(0.6, size=10) == pytest.approx(3 * 2000 / 0.75)
    assert sides.convolution_rate(0.5, batch=2, channels=3, side=5) == counter.get_total_flops()


def test_an_error_in_a_worker_is_one_line_and_not_its_end() -> None:
    with measure.processes(1, "cpu") as (_, (worker,)):
        worker.ask("prepare", side="ours", slug="no-such", steps=1, threads=1)
        with pytest.raises(
            ReproduceError, match=r"^bench: 'prepare ours no-such' failed: KeyError: 'no-such'$"
        ):
            worker.answer()
        for what in ("sgemm", "convolution"):
            worker.ask(what, seconds=0.01)
            assert worker.answer()["rate"] > 0
        worker.ask("sgemm", seconds=60)
        worker.process.kill()
        with pytest.raises(ReproduceError, match="ended during 'sgemm'"):
            worker.answer()
        worker.process.wait()
        with pytest.raises(ReproduceError, match="ended before 'epoch'"):
            worker.ask("epoch")


@pytest.mark.parametrize("interrupted", [False, True])
def test_all_workers_end_with_the_bench(interrupted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []

    class Counted(Process):
        def __init__(self, threads: int, device: str) -> None:
            if interrupted and len(started) == 2:
                raise KeyboardInterrupt
            super().__init__(threads, device)
            started.append(self)

    monkeypatch.setattr(measure, "Process", Counted)
    monkeypatch.setattr(measure, "cores", lambda: 2)
    with contextlib.suppress(KeyboardInterrupt), measure.processes(2, "cpu"):
        assert [process.threads for process in started] == [2, 1, 1]
        assert all(process.process.poll() is None for process in started)
    assert [process.process.poll() for process in started] == [-9] * (2 if interrupted else 3)
