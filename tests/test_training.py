from __future__ import annotations

import io
import itertools
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from reproduce import training
from reproduce.architectures.contract import Architecture, Batch
from reproduce.datasets import Dataset, load
from reproduce.machine import devices
from reproduce.protocol import Protocol
from reproduce.storage import files
from reproduce.training import Progress, Run, TrainingFailed
from tests.faults import KINDS


def run_of(slug: str, protocol: Protocol, data: Dataset, seed: int = 1) -> Run:
    devices.configure("cpu")
    return Run(training.fresh_architecture(slug, "", protocol, seed), protocol, data, seed, "cpu")


Train = Callable[..., training.Trained]


@pytest.fixture
def train(tiny: Protocol, digits: Dataset, tmp_path: Path) -> Train:
    """Training of one architecture by the tiny protocol, or another, with a checkpoint of that name."""
    devices.configure("cpu")

    def call(
        slug: str,
        protocol: Protocol = tiny,
        checkpoint: str = "checkpoint",
        data: Dataset = digits,
        **options: Any,
    ) -> training.Trained:
        build = partial(training.fresh_architecture, slug, "", protocol, 1)
        options = {"measure": code_spread} | options
        return training.train(build, protocol, data, 1, "cpu", tmp_path / checkpoint, **options)

    return call


def code_spread(architecture: Architecture, epoch: int) -> pd.DataFrame:
    """A milestone that draws random numbers and depends on the weights."""
    with torch.no_grad():
        codes = architecture.eval().encode(torch.rand(8, 1, 28, 28))
    return pd.DataFrame({"epoch": [epoch], "spread": [float(codes.std())]})


def milestones_of(found: training.Trained) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(found.milestones))


# --- early stopping -----------------------------------------------------------------------------------


FALLING = list(itertools.accumulate(range(200), lambda loss, _: math.nextafter(loss, 0), initial=5.0))


@pytest.mark.parametrize(
    ("losses", "patience", "epochs"),
    [
        ([5.0, 4.0] + [4.5] * 50, 10, 2 + 10),
        ([5.0] + [6.0] * 9 + [4.9] + [6.0] * 50, 10, 1 + 9 + 1 + 10),
        ([5.0] * 60, 10, 1 + 10),
        (FALLING, 10, 100),
        ([1.0] * 500, None, 100),
    ],
    ids=["ten in a row", "nine do not", "an equal loss", "the least improvement", "no patience"],
)
def test_a_run_stops_after_ten_epochs_without_improvement_or_at_the_protocols_last(
    tiny: Protocol, losses: list[float], patience: int | None, epochs: int
) -> None:
    protocol, progress = replace(tiny, epochs=100, patience=patience), Progress()
    for loss in losses:
        if progress.finished(protocol):
            break
        progress.record({"validation_loss": loss}, "a processor")
    assert progress.epoch == epochs
    assert progress.devices == ["a processor"]


def test_the_best_weights_are_kept_and_milestones_noted_with_the_last_epoch_and_the_best(
    train: Train, tiny: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 4.0])
    seen: list[bytes] = []

    def scripted(run: Run) -> float:
        seen.append(training.serialise(run.architecture.state_dict()))
        return next(losses)

    monkeypatch.setattr(Run, "validation_loss", scripted)
    trained = train("ae", replace(tiny, epochs=4, milestones=(1,)))
    assert training.serialise(trained.weights) == seen[1]
    assert len(set(seen)) == 4
    found = milestones_of(trained)
    assert found["epoch"].tolist() == [1, 4, 2]
    assert found["spread"].nunique() == 3


# --- milestones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["vae", "vq-vae", "factor-vae"])
def test_looking_at_milestones_does_not_change_training(slug: str, train: Train, tiny: Protocol) -> None:
    looked, not_looked = (
        train(slug, replace(tiny, epochs=3, milestones=milestones), f"{len(milestones)}")
        for milestones in ((1, 2), ())
    )
    assert looked.history == not_looked.history
    assert training.serialise(looked.weights) == training.serialise(not_looked.weights)


@pytest.mark.parametrize("slug", KINDS.values(), ids=KINDS)
def test_an_interrupted_run_goes_on_with_its_milestones_and_names_every_device(
    slug: str, train: Train, tiny: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best epoch is the first, so that its weights too must come out of the checkpoint."""
    protocol = replace(tiny, epochs=3, milestones=(1, 2, 3))
    honest = Run.validation_loss
    monkeypatch.setattr(Run, "validation_loss", lambda run: honest(run) + 1000 * run.progress.epoch)
    monkeypatch.setattr(devices, "name", lambda device: "a card")

    def stop(event: dict[str, Any]) -> None:
        if event["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(slug, protocol, "a", notify=stop)
    monkeypatch.setattr(devices, "name", lambda device: "a processor")
    events: list[dict[str, Any]] = []
    found = train(slug, protocol, "a", notify=events.append)
    assert [event["epoch"] for event in events] == [3]
    assert (found.resumed, found.devices) == (1, ["a card", "a processor"])
    assert milestones_of(found)["epoch"].tolist() == [1, 2, 3], "the last and the best come once"
    whole = train(slug, protocol, "b")
    assert (found.milestones, found.history) == (whole.milestones, whole.history)
    assert training.serialise(found.weights) == training.serialise(whole.weights)


@pytest.mark.parametrize("slug", [*KINDS.values(), "disent-beta-vae"])
def test_the_first_epochs_of_a_longer_run_are_the_shorter_run_to_the_bit(
    slug: str, train: Train, tiny: Protocol
) -> None:
    """Of all but Disent-β-VAE, whose capacity rises over the whole protocol; and where the rates are constant."""
    small = replace(tiny, train=24, validation=16, batch_size=16, milestones=(1, 2))
    short, long = (train(slug, replace(small, epochs=n), f"{n}", load(small)) for n in (2, 3))
    same = short.history == long.history[:2]
    assert same == (slug != "disent-beta-vae")
    if same:
        rows = milestones_of(long)
        pd.testing.assert_frame_equal(milestones_of(short), rows[rows["epoch"] <= 2])


def steps_of(
    monkeypatch: pytest.MonkeyPatch, slug: str, protocol: Protocol, data: Dataset, seed: int = 1
) -> tuple[Sequence[bytes], Sequence[float], Sequence[list[float]]]:
    """The images of each step of a run, its progress and its learning rates. No step is taken."""
    found: list[tuple[bytes, float, list[float]]] = []

    def step(_: Any, players: Any, adams: Any, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        rates = [adam.param_groups[0]["lr"] for adam in adams]
        found.append((batch.images.numpy().tobytes(), progress, rates))
        return {f"loss_{players[0].name}": torch.tensor(0.0)}

    monkeypatch.setattr(training, "step", step)
    run = run_of(slug, protocol, data, seed)
    for epoch in range(protocol.epochs):
        run.train_epoch(epoch)
    images, progress, rates = zip(*found, strict=True)
    return images, progress, rates


def test_a_cosine_falls_from_the_profiles_rate_to_nothing(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosine = replace(tiny, schedule="cosine", learning_rate_scale=20.0, epochs=3)
    _, _, seen = steps_of(monkeypatch, "factor-vae", cosine, digits)
    expected = [0.5 * (1 + math.cos(math.pi * index / 5)) * 2e-3 for index in range(6)]
    np.testing.assert_allclose(seen, [[rate, rate] for rate in expected], atol=1e-18)


# --- validation ---------------------------------------------------------------------------------------


def test_validation_images_are_shuffled_once_for_all(tiny: Protocol, digits: Dataset) -> None:
    first, second = run_of("ae", tiny, digits, seed=1), run_of("vae", tiny, digits, seed=2)
    assert torch.equal(first.validation_images, second.validation_images)
    shuffled, in_file_order = first.validation_images, training.as_tensor(digits.validation.images, "cpu")
    assert not torch.equal(shuffled, in_file_order)
    sums = [images.sum((1, 2, 3)).sort().values for images in (shuffled, in_file_order)]
    assert torch.equal(*sums)


def test_validation_draws_the_same_noise_at_every_epoch_and_changes_nothing(
    tiny: Protocol, digits: Dataset
) -> None:
    run = run_of("vae", tiny, digits)
    before, first = training.serialise(run.architecture.state_dict()), run.validation_loss()
    run.progress.epoch = 1
    assert run.validation_loss() == first
    assert training.serialise(run.architecture.state_dict()) == before


# --- batches ------------------------------------------------------------------------------------------


def test_every_epoch_sees_each_image_once_in_an_order_of_its_own_that_the_seed_alone_decides(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, progress, _ = steps_of(monkeypatch, "ae", tiny, digits)
    size = len(images[0]) // 64
    assert [len(each) // size for each in images] == [64, 8, 64, 8], "a short batch is kept"
    assert progress == pytest.approx([0, 1 / 3, 2 / 3, 1])
    epochs = [b"".join(images[:2]), b"".join(images[2:])]
    wanted = sorted(image.tobytes() for image in digits.train.images / np.float32(255))
    for epoch in epochs:
        assert sorted(epoch[start : start + size] for start in range(0, len(epoch), size)) == wanted
    assert epochs[0] != epochs[1]
    assert steps_of(monkeypatch, "factor-vae", tiny, digits)[0] == images
    assert steps_of(monkeypatch, "ae", tiny, digits, seed=2)[0][0] != images[0]


def test_noise_and_second_batches_are_others_in_every_epoch(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise: list[float] = []

    def step(_: Any, players: Any, adams: Any, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        assert batch.other is not None
        assert not torch.equal(batch.images, batch.other)
        noise.append(float(torch.rand(())))
        return {f"loss_{players[0].name}": torch.tensor(0.0)}

    monkeypatch.setattr(training, "step", step)
    for seed in (1, 2):
        run = run_of("factor-vae", tiny, digits, seed)
        for epoch in range(2):
            run.train_epoch(epoch)
    assert len(set(noise)) == len(noise) == 8


def test_initial_weights_are_the_seeds(tiny: Protocol) -> None:
    first, again, other = (
        training.serialise(training.fresh_architecture("ae", "", tiny, seed).state_dict())
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_losses_of_an_epoch_are_weighted_by_batch_size() -> None:
    means = training.WeightedMeans()
    means.add({"loss": torch.tensor(1.0)}, 64)
    means.add({"loss": torch.tensor(10.0)}, 8)
    assert means.means(72) == {"loss": pytest.approx((64 * 1 + 8 * 10) / 72)}
    means.reset()
    means.add({"loss": torch.tensor(3.0)}, 4)
    assert means.means(4) == {"loss": 3.0}


@pytest.mark.parametrize("slug", ["ae", "rae-gp", "vamp"])
def test_adam_moves_every_weight_against_its_own_gradient(slug: str, tiny: Protocol, digits: Dataset) -> None:
    """Whatever its layout in memory: Adam's first step is the learning rate against the gradient's sign."""
    run = run_of(slug, tiny, digits)
    model, players = run.architecture.train(), run.players
    batch = Batch(run.train_images[:16])
    torch.manual_seed(0)
    gradients = training.player_gradients(players, model.losses(batch, 0.0).players)
    before = [[value.detach().clone() for value in player.parameters] for player in players]
    torch.manual_seed(0)
    training.step(model, players, run.adams, batch, 0.0)
    for player, old in zip(players, before, strict=True):
        for value, was, gradient in zip(player.parameters, old, gradients[player.name], strict=True):
            clear = gradient.abs() > 1e-3 * gradient.abs().max()
            assert torch.equal((was - value.detach()).sign()[clear], gradient.sign()[clear])


# --- failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_fails_the_run_with_epoch_and_reason(
    train: Train, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    losses = iter([1.0, value])
    monkeypatch.setattr(Run, "validation_loss", lambda run: next(losses))
    with pytest.raises(TrainingFailed, match=f"epoch 2: validation_loss is {value}"):
        train("ae")


# --- checkpoints --------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["flipped", "foreign", "other architecture", "too large"])
def test_a_damaged_checkpoint_is_moved_aside_and_the_run_starts_over(
    train: Train, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "checkpoint"
    expected = train("ae")
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "flipped": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
            "foreign": b"something else",
            "other architecture": training.sealed(training.serialise({"weights/x": torch.zeros(1)})),
            "too large": content,
        }[damage]
    )
    if damage == "too large":
        os.truncate(path, files.LARGEST + 1)
    events: list[dict[str, Any]] = []
    found = train("ae", notify=events.append)
    assert "is damaged" in events[0]["warning"]
    assert (tmp_path / "checkpoint.damaged").is_file()
    assert [event["epoch"] for event in events[1:]] == [1, 2]
    assert found.resumed == 0
    assert training.serialise(found.weights) == training.serialise(expected.weights)


def test_a_device_that_is_full_is_not_the_checkpoints_fault(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    train("ae")
    content = path.read_bytes()

    def full(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(training, "like", full)
        with pytest.raises(torch.OutOfMemoryError):
            train("ae")
    assert path.read_bytes() == content
    assert train("ae").resumed == 1


def test_progress_of_another_kind_is_not_a_checkpoint() -> None:
    honest = {"epoch": 1, "best_epoch": 1, "resumed": 0, "best_loss": math.inf, "seconds": 1.5}
    honest |= {"history": [{"epoch": 1.0}]}
    assert Progress.of(honest).epoch == 1
    others = {"epoch": 1.0, "resumed": None, "best_loss": None, "seconds": "long", "history": [], "more": 1}
    others |= {"devices": [1]}
    for field_name, value in others.items():
        with pytest.raises(TypeError):
            Progress.of(honest | {field_name: value})
