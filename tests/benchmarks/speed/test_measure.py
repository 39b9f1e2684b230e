"""Two steps of the whole thing, what a worker answers, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.__main__ import app
from benchmarks.speed import measure, sides, work
from benchmarks.speed.measure import Measurement, Process
from benchmarks.speed.sides import OurSide, PythaeSide, workload
from benchmarks.speed.worker import Worker
from reproduce import cli
from reproduce.datasets import load
from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.protocol import profile
from reproduce.store import PROVENANCE

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # Pythae's SVAE


@pytest.mark.slow
def test_two_steps_of_one_architecture_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """One player with Pythae's class and with our plain form, coupled optimisers, adversarial with a second batch."""
    # threads of one process that wait for each other on a busy machine take minutes
    monkeypatch.setattr(measure, "cores", lambda: 1)
    slugs = ("ae", "rae-l2", "hvae", "factor-vae")
    seen: list[Measurement] = []
    found, products, convolutions = measure.measure(slugs, steps=2, rounds=2, notify=seen.append)
    assert tuple(seen) == found
    assert [m.slug for m in found] == list(slugs)
    assert [m.shared for m in found] == [True, True, False, False]
    assert len(products) == len(convolutions) == 2 * len(slugs)
    assert all(rate > 0 for rate in (*products, *convolutions))
    for m in found:
        assert m.steps == 2
        assert len(m.pythae) == len(m.ours) == len(m.alone) == 2
        assert all(len(values) == 1 for values in m.ours)
        assert all(value > 0 for value in (*m.pythae, *m.alone, *sum(m.ours, ())))
        assert m.flops >= found[0].flops > 0


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_both_sides_train_every_architecture(slug: str) -> None:
    theirs, ours = PythaeSide(slug, 2, 1), OurSide(slug, 2)
    before = [value.detach().clone() for value in theirs.trainer.model.parameters()]
    assert theirs.epoch() > 0
    assert ours.epoch() > 0
    after = theirs.trainer.model.parameters()
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert all(value.isfinite().all() for value in theirs.trainer.model.parameters())


@pytest.mark.parametrize(("slug", "batch"), [("vae", 64), ("factor-vae", 128)])
def test_pythaes_loader_gives_a_second_batch_where_one_is_asked_for(slug: str, batch: int) -> None:
    side = PythaeSide(slug, 3, 1)
    assert len(side.trainer.train_loader) == 3
    assert side.trainer.train_loader.batch_size == batch
    assert side.trainer.eval_loader is None


def test_both_sides_see_the_same_images() -> None:
    ours, theirs = OurSide("ae", 3), PythaeSide("ae", 3, 1)
    assert torch.equal(ours.run.train_images, theirs.trainer.train_dataset.data)
    assert len(ours.run.train_images) == 3 * 64
    assert ours.run.protocol.steps_per_epoch() == 3


@pytest.mark.parametrize("slug", ["vae", "piwae", "factor-vae"])
def test_both_sides_train_at_the_same_rate(slug: str) -> None:
    ours, theirs = OurSide(slug, 1), PythaeSide(slug, 1, 1)
    optimisers = [
        value for name, value in vars(theirs.trainer).items() if isinstance(value, torch.optim.Optimizer)
    ]
    rates = [group["lr"] for adam in (*ours.run.adams, *optimisers) for group in adam.param_groups]
    assert len(rates) == 2 * len(ours.run.players)
    assert rates == [pytest.approx(2e-3)] * len(rates)


def test_images_repeat_when_they_do_not_suffice() -> None:
    train = load(profile("quick")).train
    images = workload(len(train) + 5).train.images
    assert len(images) == len(train) + 5
    assert np.array_equal(images[-5:], train.images[:5])


def test_the_steps_of_an_epoch_are_timed_without_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = OurSide("ae", 1), PythaeSide("ae", 1, 1)
    monkeypatch.setattr(ours.run, "validation_loss", None)
    monkeypatch.setattr(theirs.trainer, "eval_step", None)
    clock = iter([10.0, 12.5, 20.0, 23.5])
    monkeypatch.setattr(sides.time, "perf_counter", lambda: next(clock))
    assert (ours.epoch(), theirs.epoch()) == (2.5, 3.5)


def test_a_whole_run_takes_its_parts_from_the_provenance_and_leaves_the_references_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Checkpoints, which are neither trained nor evaluated, are what is left of the run's own 70 seconds. On the CPU,
    as the rest of the bench."""
    own = {"training_seconds": 45.0, "evaluation_seconds": 6.0, "total_seconds": 70.0}
    reference = {"started": 100.0, "finished": 110.0}

    commands = []

    def run(command: list[str], **rest: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        for folder, provenance in (
            ("ae/seed-42", own),
            ("pca-16/seed-0", reference),
            ("mean-image/seed-0", reference),
        ):
            path = tmp_path / "quick" / folder / PROVENANCE
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(provenance))
        return subprocess.CompletedProcess(command, 0)

    clock = iter([1000.0, 1100.0])
    monkeypatch.setattr(measure, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(measure.subprocess, "run", run)
    found = measure.whole_run("ae", "quick", tmp_path)
    assert (found.total, found.training, found.evaluation, found.start_up) == (80.0, 45.0, 6.0, 29.0)
    assert [command[command.index("--device") + 1] for command in commands] == ["cpu"]


# --- arithmetic ---------------------------------------------------------------------------------------


def test_flops_of_the_autoencoder_by_hand() -> None:
    """Multiply-adds count two; backward twice forward, but for the gradient of the first layer's input."""
    batch = 2
    encoder = [(14 * 14, 1, 32), (7 * 7, 32, 64), (3 * 3, 64, 128)]
    decoder = [(3 * 3, 128, 128), (7 * 7, 128, 64), (14 * 14, 64, 32)]
    products = [9 * places * inputs * outputs for places, inputs, outputs in encoder + decoder]
    products += [1152 * 16, 16 * 1152, 28 * 28 * 32]
    expected = 2 * batch * (3 * sum(products) - products[0])
    assert work.step_flops("ae", batch) == expected


def test_more_decodes_are_more_flops() -> None:
    vae, iwae = (work.step_flops(slug, 2) for slug in ("vae", "iwae"))
    decoder = vae - 2 * 2 * (2 * 9 * 196 * 32 + 3 * (9 * 49 * 32 * 64 + 9 * 9 * 64 * 128 + 2 * 1152 * 16))
    assert iwae == pytest.approx(vae + 4 * decoder, rel=1e-3)


def test_counting_flops_leaves_the_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    work.step_flops("vae", 2)
    assert torch.equal(before, torch.get_rng_state())


def test_the_rate_of_matrix_products_is_operations_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.25, 0.5, 0.75])
    monkeypatch.setattr(sides.time, "perf_counter", lambda: next(clock))
    assert sides.sgemm_rate(0.6, size=10) == pytest.approx(3 * 2000 / 0.75)


def test_the_rate_of_the_convolution_counts_as_torch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = FlopCounterMode(display=False)
    with counter:
        F.conv_transpose2d(torch.rand(2, 3, 5, 5), torch.rand(3, 3, 3, 3), padding=1)
    clock = iter([0.0, 1.0])
    monkeypatch.setattr(sides.time, "perf_counter", lambda: next(clock))
    assert sides.convolution_rate(0.5, batch=2, channels=3, side=5) == counter.get_total_flops()


# --- workers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "epoch"},
        {"do": "dance"},
        {"do": "prepare", "side": "nobody", "slug": "ae", "steps": 1, "threads": 1},
        {"do": "prepare", "side": "ours", "slug": "ae", "steps": 1, "threads": 2},
    ],
)
def test_a_worker_refuses_what_it_does_not_understand(request_: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not understood"):
        Worker().answer(request_)


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process(1)
    yield process
    process.end()


def test_what_goes_wrong_in_a_worker_is_one_line_and_the_worker_lives_on(process: Process) -> None:
    process.ask("prepare", side="ours", slug="no-such", steps=1, threads=1)
    with pytest.raises(ReproduceError, match=r"^bench: 'prepare ours no-such' failed: KeyError: 'no-such'$"):
        process.answer()
    for what in ("sgemm", "convolution"):
        process.ask(what, seconds=0.01)
        assert process.answer()["rate"] > 0


def test_a_killed_worker_is_reported(process: Process) -> None:
    process.ask("sgemm", seconds=60)
    process.process.kill()
    with pytest.raises(ReproduceError, match="ended during 'sgemm'"):
        process.answer()
    process.process.wait()
    with pytest.raises(ReproduceError, match="ended before 'epoch'"):
        process.ask("epoch")


def test_all_workers_end_with_the_bench() -> None:
    with measure.processes(2) as (theirs, ours):
        assert [theirs.threads, *(process.threads for process in ours)] == [2, 1, 1]
        assert all(process.process.poll() is None for process in (theirs, *ours))
    assert all(process.process.poll() is not None for process in (theirs, *ours))


def test_all_workers_end_when_the_bench_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []

    class Interrupted(Process):
        def __init__(self, threads: int) -> None:
            if len(started) == 2:
                raise KeyboardInterrupt
            super().__init__(threads)
            started.append(self)

    monkeypatch.setattr(measure, "Process", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure.processes(2).__enter__()
    assert [process.process.poll() for process in started] == [-9, -9]


# --- the command line ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "no-such"], "error: unknown architecture 'no-such'"),
        (["--only", "vae@bce"], "error: bench knows no variants: name 'vae' without '@bce'"),
        (["--steps", "1"], "error: Invalid value for '--steps'"),
        (["--rounds", "0"], "error: Invalid value for '--rounds'"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "bench", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main(app)
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert err.count("\n") == 1
