from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from reproduce import devices, evaluation, metrics, references, training
from reproduce.architectures.contract import Batch, Losses, Player
from reproduce.datasets import Dataset, Split, evaluation_indices
from reproduce.evaluation import DIGIT_COLUMNS, IMAGE_COLUMNS, PAIR_COLUMNS, Evaluation, Evaluator
from reproduce.protocol import Protocol


def evaluated(slug: str, tiny: Protocol, digits: Dataset) -> Evaluation:
    devices.configure("cpu")
    return evaluation.evaluate(training.fresh_architecture(slug, "", tiny, 1), tiny, digits, 1, "cpu")


@pytest.fixture(scope="module")
def vae(tiny: Protocol, digits: Dataset) -> Evaluation:
    """An untrained VAE."""
    return evaluated("vae", tiny, digits)


@pytest.fixture(scope="module")
def pca(tiny: Protocol, digits: Dataset) -> Evaluation:
    """Sixteen components: a model that can be computed by hand."""
    model = references.build(references.fit("pca-16", digits.train))
    return evaluation.evaluate(model, tiny, digits, 0, "cpu")


def test_records_have_the_described_columns_and_rows(vae: Evaluation) -> None:
    assert tuple(vae.images.columns) == IMAGE_COLUMNS
    assert tuple(vae.pairs.columns) == PAIR_COLUMNS
    assert tuple(vae.digits.columns) == DIGIT_COLUMNS
    assert vae.images.groupby("path").size().to_dict() == {"mean": 100, "raw": 100, "sampled": 100}
    assert {"described", "sampled", "raw"} <= set(vae.pairs["path"])
    assert set(vae.pairs.groupby("path").size()) == {25}
    assert vae.digits["label"].tolist() == list(range(10))


def test_digit_rows_weighted_by_their_counts_give_the_whole_test_set(vae: Evaluation, tiny: Protocol) -> None:
    assert vae.digits["n"].sum() == tiny.test
    for name in ("ssim", "mse", "psnr", "mae"):
        mean = np.average(vae.digits[name], weights=vae.digits["n"])
        assert mean == pytest.approx(vae.scalars[f"whole_{name}"], rel=1e-5)


def test_image_records_are_the_papers_metrics_of_those_images(
    pca: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    model = references.build(references.fit("pca-16", digits.train))
    chosen = evaluation_indices(tiny).images
    x = training.as_tensor(digits.test.images[chosen], "cpu")
    y = model.decode(model.encode(x)).squeeze(1).numpy()
    rows = pca.images[pca.images["path"] == "sampled"]
    np.testing.assert_array_equal(rows["image"], chosen)
    np.testing.assert_array_equal(rows["label"], digits.test.labels[chosen])
    originals = digits.test.images[chosen].astype(np.float32) / 255
    for name in ("ssim", "mse", "psnr", "mae"):
        np.testing.assert_allclose(rows[name], getattr(metrics, name)(originals, y), rtol=1e-4)


def test_pair_records_are_ten_frames_between_the_papers_pairs(
    pca: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    model = references.build(references.fit("pca-16", digits.train))
    pairs = evaluation_indices(tiny).pairs
    codes = model.encode(training.as_tensor(digits.test.images[pairs.reshape(-1)], "cpu")).view(25, 2, 16)
    frames = [model.decode(codes[:, 0] * (1 - t) + codes[:, 1] * t).squeeze(1) for t in np.linspace(0, 1, 10)]
    expected = metrics.smoothness(torch.stack(frames, dim=1).numpy())
    rows = pca.pairs[pca.pairs["path"] == "described"]
    np.testing.assert_array_equal(rows[["first", "second"]], pairs)
    for name in ("piq", "iss", "i_ssim"):
        np.testing.assert_allclose(rows[name], getattr(expected, name), rtol=1e-3)


def test_a_deterministic_model_has_equal_sampled_and_mean_paths(pca: Evaluation) -> None:
    by_path = {path: rows.drop(columns="path").to_numpy() for path, rows in pca.images.groupby("path")}
    np.testing.assert_array_equal(by_path["sampled"], by_path["mean"])


def test_a_stochastic_model_does_not(vae: Evaluation) -> None:
    by_path = dict(list(vae.images.groupby("path")))
    assert not np.array_equal(by_path["sampled"]["mse"], by_path["mean"]["mse"])


def test_evaluating_twice_gives_the_same_bits(vae: Evaluation, tiny: Protocol, digits: Dataset) -> None:
    again = evaluated("vae", tiny, digits)
    assert again.images.equals(vae.images)
    assert again.pairs.equals(vae.pairs)
    assert {name: repr(value) for name, value in again.scalars.items()} == {
        name: repr(value) for name, value in vae.scalars.items()
    }
    for name, values in vae.samples.items():
        np.testing.assert_array_equal(again.samples[name], values)


def test_evaluating_does_not_change_the_weights(tiny: Protocol, digits: Dataset) -> None:
    # its batch norms and its codebook would move in training mode
    model = training.fresh_architecture("vq-vae", "", tiny, 1)
    before = training.serialise(model.state_dict())
    evaluation.evaluate(model, tiny, digits, 1, "cpu")
    assert training.serialise(model.state_dict()) == before


def test_no_kl_where_there_is_no_posterior(pca: Evaluation, vae: Evaluation) -> None:
    assert math.isnan(pca.scalars["kl"])
    assert vae.scalars["kl"] >= 0


def test_parameters_add_up(vae: Evaluation) -> None:
    scalars = vae.scalars
    parts = ("parameters_encoder", "parameters_decoder", "parameters_other")
    assert scalars["parameters"] == sum(scalars[name] for name in parts)
    # parameters, gradients and two moments, four bytes each, and the graph
    assert scalars["peak_memory_mib"] > 16 * scalars["parameters"] / 2**20


def test_a_steps_memory_is_the_same_for_every_data_set(tiny: Protocol, digits: Dataset) -> None:
    """The batch is part of a larger tensor, whose memory is not the step's; weights that the graph keeps count once."""

    def mib(test: Split) -> float:
        model = training.fresh_architecture("ae", "", tiny, 1)
        return Evaluator(model, tiny, replace(digits, test=test), 1, "cpu").step_memory()

    few = digits.train.images[:1].repeat(128, axis=0)
    many = few.repeat(8, axis=0)
    assert mib(Split(few, np.zeros(len(few), np.uint8))) == mib(Split(many, np.zeros(len(many), np.uint8)))


def test_weights_that_a_steps_graph_keeps_count_once(tiny: Protocol, digits: Dataset) -> None:
    """A linear layer's graph keeps its weight (for the input's gradient) and its input of 64 images."""
    model = references.build(references.fit("pca-16", digits.train))
    hidden, outer = torch.nn.Linear(784, 8, bias=False), torch.nn.Linear(8, 784, bias=False)

    def losses(batch: Batch, progress: float) -> Losses:
        del progress
        decoded = outer(hidden(batch.images.flatten(1)))
        return Losses({"model": decoded.sum()}, {})

    parameters = [*hidden.parameters(), *outer.parameters()]
    model.players = lambda: (Player("model", tuple(parameters)),)
    model.losses = losses
    held = 4 * sum(p.numel() for p in parameters) + 64 * (784 + 8)
    assert Evaluator(model, tiny, digits, 1, "cpu").step_memory() == pytest.approx(4 * held / 2**20)


def test_the_worst_images_are_the_worst(vae: Evaluation) -> None:
    errors = vae.whole["sampled/mse"]
    worst = vae.samples["worst_images"]
    assert errors[worst].tolist() == sorted(errors, reverse=True)[:8]


def test_active_units_and_collapse(pca: Evaluation, tiny: Protocol, digits: Dataset) -> None:
    blur = evaluation.evaluate(
        references.build(references.fit("mean-image", digits.train)), tiny, digits, 0, "cpu"
    )
    assert pca.scalars["active_units"] == 16
    assert not evaluation.collapsed(pca.scalars)
    assert blur.scalars["active_units"] == 0
    assert blur.scalars["mse_ratio"] == pytest.approx(1, rel=1e-4)
    assert evaluation.collapsed(blur.scalars)


@pytest.mark.parametrize(
    ("ratio", "units", "expected"), [(0.95, 1, False), (0.951, 16, True), (0.5, 0, True), (0.5, 1, False)]
)
def test_collapse_is_a_blur_or_no_active_unit(ratio: float, units: float, expected: bool) -> None:
    assert evaluation.collapsed({"mse_ratio": ratio, "active_units": units}) is expected


@pytest.mark.parametrize(
    ("losses", "expected"),
    [([3.0, 2.0], False), ([5.0, 100.0, 99.5, 99.1], True), ([100.0, 99.0, 98.9], False),
     ([-100.0, -100.5, -102.0], False), ([1.0, 2.0, 3.0], True)],
)  # fmt: skip
def test_converged_means_less_than_one_percent_in_two_epochs(losses: list[float], expected: bool) -> None:
    assert evaluation.converged(losses) is expected


def test_pictures_are_rounded_and_clipped() -> None:
    assert evaluation.as_uint8(np.array([-1, 0, 0.4999, 1, 2])).tolist() == [0, 0, 127, 255, 255]


def test_a_stream_of_its_own_for_every_measurement(tiny: Protocol, digits: Dataset) -> None:
    evaluator = Evaluator(training.fresh_architecture("vae", "", tiny, 1), tiny, digits, 1, "cpu")

    def draw(what: str) -> Tensor:
        evaluator.seeded(what)
        return torch.rand(3)

    assert torch.equal(draw("kl"), draw("kl"))
    assert not torch.equal(draw("kl"), draw("sampled"))
