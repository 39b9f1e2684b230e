from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from reproduce import evaluation, metrics, training
from reproduce.architectures import baselines
from reproduce.architectures.contract import Architecture, Losses, Player
from reproduce.architectures.names import MILESTONE_IMAGES, MILESTONE_PAIRS
from reproduce.datasets import Dataset, Split, evaluation_indices
from reproduce.evaluation import MILESTONE_COLUMNS, Evaluation, Evaluator
from reproduce.machine import devices
from reproduce.protocol import Protocol


@pytest.fixture(scope="module")
def vae(tiny: Protocol, digits: Dataset) -> Evaluation:
    """An untrained VAE."""
    devices.configure("cpu")
    return evaluation.evaluate(training.fresh_architecture("vae", "", tiny, 1), tiny, digits, 1, "cpu")


def baseline(name: str, digits: Dataset) -> Architecture:
    """A fitted reference: a model that can be computed by hand."""
    return baselines.build(baselines.fit(name, digits.train))


@pytest.fixture(scope="module")
def pca(tiny: Protocol, digits: Dataset) -> Evaluation:
    """Sixteen components."""
    return evaluation.evaluate(baseline("pca-16", digits), tiny, digits, 0, "cpu")


def test_digit_rows_weighted_by_their_counts_give_the_whole_test_set(vae: Evaluation, tiny: Protocol) -> None:
    assert vae.digits["n"].sum() == tiny.test
    for name in ("ssim", "mse", "psnr", "mae"):
        mean = np.average(vae.digits[name], weights=vae.digits["n"])
        assert mean == pytest.approx(vae.scalars[f"test_{name}"], rel=1e-5)


def test_image_records_are_the_papers_metrics_of_those_images(
    pca: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    model, chosen = baseline("pca-16", digits), evaluation_indices(tiny).images
    x = training.as_tensor(digits.test.images[chosen], "cpu")
    originals, y = x.squeeze(1).numpy(), model.decode(model.encode(x)).squeeze(1).numpy()
    rows = pca.images[pca.images["path"] == "sampled"]
    np.testing.assert_array_equal(rows["image"], chosen)
    np.testing.assert_array_equal(rows["label"], digits.test.labels[chosen])
    for name in ("ssim", "mse", "psnr", "mae"):
        np.testing.assert_allclose(rows[name], getattr(metrics, name)(originals, y), rtol=1e-4)
    for name, rival in metrics.RIVAL_SSIMS.items():
        np.testing.assert_allclose(rows[f"ssim_{name}"], rival(originals, y), rtol=1e-4)


def test_pair_records_are_ten_frames_between_the_papers_pairs(
    pca: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    model, pairs = baseline("pca-16", digits), evaluation_indices(tiny).pairs
    codes = model.encode(training.as_tensor(digits.test.images[pairs.reshape(-1)], "cpu")).view(25, 2, 16)
    steps = [model.decode(codes[:, 0] * (1 - t) + codes[:, 1] * t).squeeze(1) for t in np.linspace(0, 1, 10)]
    frames = torch.stack(steps, dim=1).numpy()
    expected = metrics.smoothness(frames)
    rows = pca.pairs[pca.pairs["path"] == "main"]
    np.testing.assert_array_equal(rows[["first", "second"]], pairs)
    np.testing.assert_array_equal(rows[["first_label", "second_label"]], digits.test.labels[pairs])
    for name in ("piq", "iss", "i_ssim"):
        np.testing.assert_allclose(rows[name], getattr(expected, name), rtol=1e-3)
    default = metrics.i_ssim(frames, metrics.RIVAL_SSIMS["uniform7_range2"])
    np.testing.assert_allclose(rows["i_ssim_uniform7_range2"], default, rtol=1e-4)
    # from the first image to the second, up to one of 64 grey levels
    np.testing.assert_allclose(pca.samples["frames"], 255 * frames, atol=6)


def test_frames_are_recognised_on_the_main_path(vae: Evaluation, tiny: Protocol, digits: Dataset) -> None:
    of = Evaluator(training.fresh_architecture("vae", "", tiny, 1), tiny, digits, 1, "cpu")
    found = evaluation.recognise(tiny, of.main_frames(of.indices.pairs))
    np.testing.assert_array_equal(vae.frames["nearest_distance"], found.nearest_distance)


def test_other_paths_go_between_draws_and_straight_between_raw_codes(tiny: Protocol, digits: Dataset) -> None:
    """SVAE's own interpolation follows the sphere, on which raw codes do not lie."""
    of = Evaluator(training.fresh_architecture("svae", "", tiny, 1), tiny, digits, 1, "cpu")
    model, pairs = of.architecture, of.indices.pairs[:2]
    found = of.other_frames(pairs)
    with torch.no_grad():
        raw = [model.raw_code(images) for images in of.ends(pairs)]
        expected = [model.decode(raw[0] * (1 - t) + raw[1] * t).squeeze(1) for t in np.linspace(0, 1, 10)]
    np.testing.assert_allclose(found["raw"], torch.stack(expected, dim=1), atol=1e-5)
    ends = of.main_frames(pairs)[:, [0, -1]]
    assert np.abs(found["sampled"][:, [0, -1]] - ends).max() > 1e-3


def test_whole_means_are_named_after_their_path_and_spread_over_images(
    tiny: Protocol, digits: Dataset
) -> None:
    of = Evaluator(baseline("pca-16", digits), tiny, digits, 0, "cpu")
    by_path = {"sampled": [1.0, 5.0], "mean": [4.0, 4.0], "raw": [5.0, 5.0]}
    measured = {path: {"mse": np.array(values)} for path, values in by_path.items()}
    found = of.whole_scalars(measured, {"piq_over_floor": np.array([2.0, np.nan])})
    names = ("test_mse", "test_mse_sd", "test_mse_mean_code", "test_mse_raw_code", "test_still_pairs")
    assert [found[name] for name in names] == [3, 2, 4, 5, 1]


def test_changed_digits_and_kl_are_means_over_the_test_images(
    vae: Evaluation, pca: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    x = training.as_tensor(digits.test.images, "cpu")
    model = baseline("pca-16", digits)
    before, after = (
        evaluation.recognise(tiny, images.numpy()).predicted for images in (x, model.decode(model.encode(x)))
    )
    assert 0 < pca.scalars["test_changed"] == (before != after).mean()
    with torch.no_grad():
        kl = training.fresh_architecture("vae", "", tiny, 1).eval().kl(x)
    assert kl is not None
    assert vae.scalars["kl"] == pytest.approx(float(kl.mean()), rel=1e-5)


def test_inference_is_the_shortest_of_five_times_an_image(
    tiny: Protocol, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0, 9, 10, 19, 20, 20.64, 30, 39, 40, 49])
    monkeypatch.setattr(devices, "clock", lambda device: lambda: next(times))
    of = Evaluator(baseline("pca-16", digits), tiny, digits, 0, "cpu")
    assert of.inference_microseconds() == pytest.approx(10_000)


def test_sampled_and_mean_paths_of_a_deterministic_model_are_equal_and_of_a_stochastic_one_not(
    pca: Evaluation, vae: Evaluation
) -> None:
    for found, equal in ((pca, True), (vae, False)):
        by_path = dict(list(found.images.groupby("path")))
        assert np.array_equal(by_path["sampled"]["mse"], by_path["mean"]["mse"]) == equal
        assert math.isnan(found.scalars["kl"]) == equal


def test_the_worst_reconstructions_are_shown_the_worst_first(vae: Evaluation) -> None:
    originals, found = (vae.samples[f"worst_{name}"] / 255 for name in ("originals", "reconstructions"))
    errors = metrics.mse(originals, found)
    # the pictures have 64 grey levels
    assert (np.diff(errors) < 1e-3).all()
    assert errors.min() > vae.scalars["test_mse"]


def test_parameters_add_up_and_a_codebook_counts_apart(
    vae: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    scalars = vae.scalars
    quantised = Evaluator(training.fresh_architecture("vq-vae", "", tiny, 1), tiny, digits, 1, "cpu")
    assert quantised.sizes()["parameters_averaged"] == 512 * 16
    # the paper's backbone, less the biases of five convolutions before a batch norm
    assert scalars["parameters"] == 130_016 + 259_905 - 448
    assert (scalars["parameters_frozen"], scalars["parameters_averaged"]) == (448, 0)
    parts = ("parameters_encoder", "parameters_decoder", "parameters_other")
    assert scalars["parameters"] == sum(scalars[name] for name in parts)
    # parameters, gradients and two moments, four bytes each, and the graph
    assert scalars["peak_memory_mib"] > 16 * scalars["parameters"] / 2**20


def test_a_steps_memory_is_the_same_for_every_data_set(tiny: Protocol, digits: Dataset) -> None:
    """The batch is part of a larger tensor, whose memory is not the step's."""

    def mib(test: Split) -> float:
        model = training.fresh_architecture("ae", "", tiny, 1)
        return Evaluator(model, tiny, replace(digits, test=test), 1, "cpu").step_memory()

    few = digits.train.images[:1].repeat(128, axis=0)
    many = few.repeat(8, axis=0)
    assert mib(Split(few, np.zeros(len(few), np.uint8))) == mib(Split(many, np.zeros(len(many), np.uint8)))


def test_weights_that_a_steps_graph_keeps_count_once(tiny: Protocol, digits: Dataset) -> None:
    """A linear layer's graph keeps its weight (for the input's gradient) and its input of 64 images."""
    model = baseline("pca-16", digits)
    hidden, outer = torch.nn.Linear(784, 8, bias=False), torch.nn.Linear(8, 784, bias=False)
    parameters = (hidden.weight, outer.weight)
    model.players = lambda: (Player("model", parameters),)
    model.losses = lambda batch, _: Losses({"model": outer(hidden(batch.images.flatten(1))).sum()}, {})
    held = 4 * sum(p.numel() for p in parameters) + 64 * (784 + 8)
    assert Evaluator(model, tiny, digits, 1, "cpu").step_memory() == pytest.approx(4 * held / 2**20)


def test_a_stuck_pixel_is_counted_and_its_place_kept_and_a_blurred_one_is_none(
    tiny: Protocol, digits: Dataset
) -> None:
    model = baseline("pca-16", digits)
    decode, mean = model.decode, float(digits.test.images[:, 10, 10].mean() / 255)

    def planted(z: Tensor) -> Tensor:
        images = decode(z).clone()
        images[:, :, 14, 14], images[:, :, 14, 13], images[:, :, 10, 10] = 1, 0, mean
        return images

    model.decode = planted
    found = evaluation.evaluate(model, tiny, digits, 0, "cpu")
    assert found.scalars["stuck_pixels"] == 2
    assert np.argwhere(found.samples["stuck"]).tolist() == [[14, 13], [14, 14]]


def test_a_training_image_is_recognised_with_all_its_neighbours_near(tiny: Protocol, digits: Dataset) -> None:
    images = digits.train.images[:20].astype(np.float32) / 255
    found = evaluation.recognise(tiny, images)
    np.testing.assert_allclose(found.nearest_distance, 0, atol=1e-6)
    assert set(np.round(found.confidence * 5)) <= {1, 2, 3, 4, 5}
    search = KNeighborsClassifier(5, algorithm="brute").fit(
        digits.train.images.reshape(-1, 784) / 255, digits.train.labels
    )
    np.testing.assert_array_equal(found.predicted, search.predict(images.reshape(-1, 784)))


def test_a_milestone_of_the_evaluated_weights_has_the_evaluations_numbers(
    vae: Evaluation, tiny: Protocol, digits: Dataset
) -> None:
    model = training.fresh_architecture("vae", "", tiny, 1)
    found = Evaluator(model, tiny, digits, 1, "cpu").milestone(3)
    assert tuple(found.columns) == MILESTONE_COLUMNS
    assert set(found["epoch"]) == {3}
    images, pairs = (found[found["record"] == record] for record in ("image", "pair"))
    sampled, main = vae.images[vae.images["path"] == "sampled"], vae.pairs[vae.pairs["path"] == "main"]
    np.testing.assert_array_equal(images["item"], sampled["image"])
    np.testing.assert_array_equal(images[list(MILESTONE_IMAGES)], sampled[list(MILESTONE_IMAGES)])
    np.testing.assert_array_equal(pairs["item"], main["pair"])
    np.testing.assert_array_equal(pairs[list(MILESTONE_PAIRS)], main[list(MILESTONE_PAIRS)])


def test_active_units_and_collapse(pca: Evaluation, tiny: Protocol, digits: Dataset) -> None:
    blur = evaluation.evaluate(baseline("mean-image", digits), tiny, digits, 0, "cpu")
    assert blur.scalars["stuck_pixels"] == 0
    assert pca.scalars["active_units"] == 16
    assert not evaluation.collapsed(pca.scalars)
    assert blur.scalars["active_units"] == 0
    assert blur.scalars["mse_ratio"] == pytest.approx(1, rel=1e-4)
    assert evaluation.collapsed(blur.scalars)
    for ratio, units, expected in ((0.95, 1, False), (0.951, 16, True), (0.5, 0, True)):
        assert evaluation.collapsed({"mse_ratio": ratio, "active_units": units}) is expected
