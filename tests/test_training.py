from __future__ import annotations

import io
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from reproduce import training
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.names import SLUGS
from reproduce.datasets import Dataset
from reproduce.machine import devices
from reproduce.protocol import Protocol, shortened
from reproduce.storage import files
from reproduce.training import Progress, Run, TrainingFailed


def run_of(slug: str, protocol: Protocol, data: Dataset, seed: int = 1) -> Run:
    devices.configure("cpu")
    return Run(training.fresh_architecture(slug, "", protocol, seed), protocol, data, seed, "cpu")


def train(slug: str, protocol: Protocol, data: Dataset, checkpoint: Path, **options: Any) -> training.Trained:
    def build() -> Architecture:
        return training.fresh_architecture(slug, "", protocol, 1)

    devices.configure("cpu")
    options.setdefault("measure", code_spread)
    return training.train(build, protocol, data, 1, "cpu", checkpoint, **options)


def code_spread(architecture: Architecture, epoch: int) -> pd.DataFrame:
    """A milestone that draws random numbers and depends on the weights."""
    with torch.no_grad():
        codes = architecture.eval().encode(torch.rand(8, 1, 28, 28))
    return pd.DataFrame({"epoch": [epoch], "spread": [float(codes.std())]})


# --- early stopping, on synthetic losses --------------------------------------------------------------


def epochs_until_stop(losses: list[float], protocol: Protocol) -> int:
    progress = Progress()
    for loss in losses:
        if progress.finished(protocol):
            break
        progress.record({"validation_loss": loss})
    return progress.epoch


@pytest.fixture
def patient(tiny: Protocol) -> Protocol:
    return shortened(tiny, epochs=100, patience=10)


def test_ten_epochs_in_a_row_without_improvement_stop_a_run(patient: Protocol) -> None:
    assert epochs_until_stop([5.0, 4.0] + [4.5] * 50, patient) == 2 + 10


def test_nine_do_not(patient: Protocol) -> None:
    assert epochs_until_stop([5.0] + [6.0] * 9 + [4.9] + [6.0] * 50, patient) == 1 + 9 + 1 + 10


def test_an_equal_loss_is_no_improvement(patient: Protocol) -> None:
    assert epochs_until_stop([5.0] * 60, patient) == 1 + 10


def test_the_least_improvement_is_one(patient: Protocol) -> None:
    falling = [5.0]
    for _ in range(59):
        falling.append(math.nextafter(falling[-1], 0))
    assert epochs_until_stop(falling, patient) == 60


def test_the_protocols_epochs_are_the_most(patient: Protocol) -> None:
    assert epochs_until_stop([1 / n for n in range(1, 500)], patient) == 100


def test_without_patience_a_run_never_stops_early(patient: Protocol) -> None:
    assert epochs_until_stop([1.0] * 500, replace(patient, patience=None)) == 100


def test_the_best_epoch_is_the_first_of_the_lowest() -> None:
    progress = Progress()
    better = [progress.record({"validation_loss": loss}) for loss in (3.0, 2.0, 2.0, 4.0)]
    assert better == [True, True, False, False]
    assert (progress.best_epoch, progress.best_loss, progress.epoch) == (2, 2.0, 4)


def test_the_best_weights_are_kept_not_the_last(
    tiny: Protocol, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0])
    seen: list[dict[str, torch.Tensor]] = []

    def scripted(run: Run) -> float:
        seen.append({name: value.clone() for name, value in run.architecture.state_dict().items()})
        return next(losses)

    monkeypatch.setattr(Run, "validation_loss", scripted)
    trained = train("ae", shortened(tiny, epochs=3), digits, tmp_path / "checkpoint")
    assert training.serialise(trained.weights) == training.serialise(seen[1])
    assert training.serialise(trained.weights) != training.serialise(seen[2])


# --- milestones ---------------------------------------------------------------------------------------


def milestones_of(found: training.Trained) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(found.milestones))


def test_milestones_are_noted_with_the_last_epoch_and_the_best(
    tiny: Protocol, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 4.0])
    monkeypatch.setattr(Run, "validation_loss", lambda run: next(losses))
    found = milestones_of(train("ae", shortened(tiny, epochs=4, milestones=(1,)), digits, tmp_path / "c"))
    assert found["epoch"].tolist() == [1, 4, 2]
    assert found["spread"].nunique() == 3


def test_the_best_weights_have_one_row_where_they_are_a_milestone(
    tiny: Protocol, digits: Dataset, tmp_path: Path
) -> None:
    found = milestones_of(train("ae", shortened(tiny, milestones=(1, 2)), digits, tmp_path / "checkpoint"))
    assert found["epoch"].tolist() == [1, 2]


@pytest.mark.parametrize("slug", ["vae", "vq-vae", "factor-vae", "svae"])
def test_looking_at_milestones_does_not_change_training(
    slug: str, tiny: Protocol, digits: Dataset, tmp_path: Path
) -> None:
    longer = shortened(tiny, epochs=3)
    looked = train(slug, shortened(longer, milestones=(1, 2)), digits, tmp_path / "a")
    not_looked = train(slug, shortened(longer, milestones=()), digits, tmp_path / "b")
    assert looked.history == not_looked.history
    assert training.serialise(looked.weights) == training.serialise(not_looked.weights)


def test_milestones_before_an_interruption_are_kept(tiny: Protocol, digits: Dataset, tmp_path: Path) -> None:
    protocol = shortened(tiny, epochs=3, milestones=(1, 2))

    def stop(event: dict[str, Any]) -> None:
        if event["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("vae", protocol, digits, tmp_path / "a", notify=stop)
    found = train("vae", protocol, digits, tmp_path / "a")
    assert found.resumed == 1
    assert found.milestones == train("vae", protocol, digits, tmp_path / "b").milestones


def test_the_first_epochs_of_a_longer_run_are_the_shorter_run_to_the_bit(
    tiny: Protocol, digits: Dataset, tmp_path: Path
) -> None:
    """Of all but Disent-β-VAE, whose capacity rises over the whole protocol; and where the rates are constant."""
    short, long = (shortened(tiny, epochs=epochs, milestones=(1, 2)) for epochs in (2, 4))
    for slug in SLUGS:
        first, second = (
            train(slug, protocol, digits, tmp_path / f"{slug}-{protocol.epochs}")
            for protocol in (short, long)
        )
        same = first.history == second.history[:2]
        rows = milestones_of(second)
        assert same == (slug != "disent-beta-vae"), slug
        if same:
            pd.testing.assert_frame_equal(
                milestones_of(first), rows[rows["epoch"] <= 2].reset_index(drop=True)
            )


def test_a_cosine_falls_from_the_profiles_rate_to_nothing(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[float]] = []

    def step(
        architecture: Any, players: Any, adams: Any, batch: Any, progress: float
    ) -> dict[str, torch.Tensor]:
        seen.append([adam.param_groups[0]["lr"] for adam in adams])
        return {f"loss_{players[0].name}": torch.tensor(0.0)}

    monkeypatch.setattr(training, "step", step)
    run = run_of("factor-vae", shortened(tiny, schedule="cosine", learning_rate_scale=20.0, epochs=3), digits)
    for epoch in range(3):
        run.train_epoch(epoch)
    expected = [0.5 * (1 + math.cos(math.pi * index / 5)) * 2e-3 for index in range(6)]
    np.testing.assert_allclose(seen, [[rate, rate] for rate in expected], atol=1e-18)


# --- validation ---------------------------------------------------------------------------------------


def test_validation_images_are_shuffled_once_for_all(tiny: Protocol, digits: Dataset) -> None:
    first, second = run_of("ae", tiny, digits, seed=1), run_of("vae", tiny, digits, seed=2)
    assert torch.equal(first.validation_images, second.validation_images)
    in_file_order = training.as_tensor(digits.validation.images, "cpu")
    assert not torch.equal(first.validation_images, in_file_order)
    as_sets = [
        sorted(image.numpy().tobytes() for image in images)
        for images in (first.validation_images, in_file_order)
    ]
    assert as_sets[0] == as_sets[1]


# --- batches ------------------------------------------------------------------------------------------


def batches_of(run: Run, monkeypatch: pytest.MonkeyPatch, epochs: int) -> list[list[np.ndarray]]:
    """Images of each batch, epoch by epoch, without training."""
    seen: list[list[np.ndarray]] = []

    def step(
        architecture: Any, players: Any, adams: Any, batch: Batch, progress: float
    ) -> dict[str, torch.Tensor]:
        seen[-1].append(batch.images.numpy().copy())
        return {f"loss_{run.players[0].name}": torch.tensor(0.0)}

    monkeypatch.setattr(training, "step", step)
    for epoch in range(epochs):
        seen.append([])
        run.train_epoch(epoch)
    return seen


def test_the_last_short_batch_is_kept_and_every_image_seen_once(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (epoch,) = batches_of(run_of("ae", tiny, digits), monkeypatch, 1)
    assert [len(batch) for batch in epoch] == [64, 8]
    seen = {image.tobytes() for batch in epoch for image in batch}
    assert seen == {(image / np.float32(255)).tobytes() for image in digits.train.images.astype(np.float32)}


def test_images_are_reshuffled_every_epoch(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = batches_of(run_of("ae", tiny, digits), monkeypatch, 3)
    assert not np.array_equal(first[0], second[0])


def test_two_architectures_of_one_seed_see_the_same_batches(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = batches_of(run_of("ae", tiny, digits), monkeypatch, 2)
    theirs = batches_of(run_of("factor-vae", tiny, digits), monkeypatch, 2)
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_another_seed_sees_other_batches(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ours,) = batches_of(run_of("ae", tiny, digits, seed=1), monkeypatch, 1)
    (theirs,) = batches_of(run_of("ae", tiny, digits, seed=2), monkeypatch, 1)
    assert not np.array_equal(ours[0], theirs[0])


def test_losses_of_an_epoch_are_weighted_by_batch_size() -> None:
    means = training.WeightedMeans()
    means.add({"loss": torch.tensor(1.0)}, 64)
    means.add({"loss": torch.tensor(10.0)}, 8)
    assert means.means() == {"loss": pytest.approx((64 * 1 + 8 * 10) / 72)}


def test_progress_runs_from_0_to_1(tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    run = run_of("ae", tiny, digits)

    def step(
        architecture: Any, players: Any, adams: Any, batch: Batch, progress: float
    ) -> dict[str, torch.Tensor]:
        seen.append(progress)
        return {"loss_autoencoder": torch.tensor(0.0)}

    monkeypatch.setattr(training, "step", step)
    for epoch in range(tiny.epochs):
        run.train_epoch(epoch)
    assert seen == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_adam_is_the_papers_and_the_profile_scales_its_rate(tiny: Protocol, digits: Dataset) -> None:
    run = run_of("factor-vae", tiny, digits)
    assert len(run.adams) == len(run.players) == 2
    for player, adam in zip(run.players, run.adams, strict=True):
        assert adam.defaults["betas"] == (0.9, 0.999)
        assert adam.defaults["eps"] == 1e-8
        assert adam.defaults["lr"] == pytest.approx(10 * player.learning_rate)


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


def test_validation_does_not_move_the_weights_and_repeats_itself(tiny: Protocol, digits: Dataset) -> None:
    run = run_of("vae", tiny, digits)
    before = training.serialise(run.architecture.state_dict())
    assert run.validation_loss() == run.validation_loss()
    assert training.serialise(run.architecture.state_dict()) == before


# --- failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_fails_the_run_with_epoch_and_reason(
    tiny: Protocol, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    losses = iter([1.0, value])
    monkeypatch.setattr(Run, "validation_loss", lambda run: next(losses))
    with pytest.raises(TrainingFailed, match=f"epoch 2: validation_loss is {value}") as caught:
        train("ae", tiny, digits, tmp_path / "checkpoint")
    assert caught.value.epoch == 2


def test_images_may_be_read_only_and_are_copied() -> None:
    images = np.full((2, 28, 28), 255, np.uint8)
    images.setflags(write=False)
    torch.set_warn_always(True)
    try:
        tensor = training.as_tensor(images, "cpu")
    finally:
        torch.set_warn_always(False)
    assert tensor.shape == (2, 1, 28, 28)
    assert bool((tensor == 1).all())


# --- resuming -----------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def test_a_resumed_run_does_not_train_its_epochs_again(
    tiny: Protocol, digits: Dataset, tmp_path: Path
) -> None:
    def stop(event: dict[str, Any]) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        train("ae", tiny, digits, tmp_path / "checkpoint", notify=stop)
    events: list[dict[str, Any]] = []
    found = train("ae", tiny, digits, tmp_path / "checkpoint", notify=events.append)
    assert [event["epoch"] for event in events] == [2]
    assert found.resumed == 1


@pytest.mark.parametrize(
    "damage", ["truncated", "flipped", "foreign", "empty", "other architecture", "too large"]
)
def test_a_damaged_checkpoint_is_moved_aside_and_the_run_starts_over(
    tiny: Protocol, digits: Dataset, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "checkpoint"
    expected = train("ae", tiny, digits, path)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "truncated": content[:half],
            "flipped": content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :],
            "foreign": b"something else",
            "empty": b"",
            "other architecture": training.sealed(training.serialise({"weights/x": torch.zeros(1)})),
            "too large": content,
        }[damage]
    )
    if damage == "too large":
        os.truncate(path, files.LARGEST + 1)
    events: list[dict[str, Any]] = []
    found = train("ae", tiny, digits, path, notify=events.append)
    assert "is damaged" in events[0]["warning"]
    assert "checkpoint.damaged" in events[0]["warning"]
    assert (tmp_path / "checkpoint.damaged").is_file()
    assert [event["epoch"] for event in events[1:]] == [1, 2]
    assert found.resumed == 0
    assert training.serialise(found.weights) == training.serialise(expected.weights)


def test_a_device_that_is_full_is_not_the_checkpoints_fault(
    tiny: Protocol, digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    train("ae", tiny, digits, path)
    content = path.read_bytes()

    def full(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(training, "like", full)
        with pytest.raises(torch.OutOfMemoryError):
            train("ae", tiny, digits, path)
    assert path.read_bytes() == content
    assert train("ae", tiny, digits, path).resumed == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", "x"),
        ("epoch", 1.0),
        ("resumed", None),
        ("best_loss", None),
        ("seconds", "long"),
        ("history", []),
        ("more", 1),
    ],
)
def test_progress_of_another_kind_is_not_a_checkpoint(field: str, value: object) -> None:
    honest = {"epoch": 1, "best_epoch": 1, "resumed": 0, "best_loss": math.inf, "seconds": 1.5}
    honest |= {"history": [{"epoch": 1.0}]}
    assert training.Progress.of(honest).epoch == 1
    with pytest.raises(TypeError):
        training.Progress.of(honest | {field: value})
