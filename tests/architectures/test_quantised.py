"""VQ-VAE: nearest codes, straight-through gradient and moving averages by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.quantised import Quantiser, VectorQuantised
from reproduce.architectures.settings import Backbone, Codebook


def quantiser(codes: Tensor, decay: float = 0.9) -> Quantiser:
    """A quantiser that holds these codes, each as if chosen once."""
    built = Quantiser(len(codes), codes.shape[1], decay).double()
    built.start(codes)
    order = (built.codes[:, None] - codes[None]).square().sum(2).argmin(0)
    built.codes.copy_(built.codes[order])
    built.sums.copy_(built.codes)
    return built


@pytest.fixture
def model(plane: Backbone) -> VectorQuantised:
    return VectorQuantised(plane, Codebook(size=12, commitment=0.25, decay=0.99)).double()


def test_nearest_code_is_that_of_a_double_loop() -> None:
    codes, vectors = torch.randn(9, 3, dtype=torch.float64), torch.randn(40, 3, dtype=torch.float64)
    expected = [min(range(9), key=lambda j, v=v: math.dist(v, codes[j].tolist())) for v in vectors.tolist()]
    assert quantiser(codes).nearest(vectors).tolist() == expected


def test_a_quantised_vector_is_its_nearest_code() -> None:
    codes = torch.randn(5, 3, dtype=torch.float64)
    built = quantiser(codes)
    vectors = torch.randn(7, 3, dtype=torch.float64)
    passed, chosen, indices = built(vectors)
    assert torch.equal(indices, (vectors[:, None] - codes[None]).square().sum(2).argmin(1))
    assert torch.equal(chosen, codes[indices])
    torch.testing.assert_close(passed, codes[indices])


def test_moving_averages_over_three_steps_are_those_by_hand() -> None:
    codes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    built = quantiser(codes, decay=0.9)
    counts, sums = np.ones(3), codes.numpy().copy()
    for step in range(3):
        vectors = torch.tensor([[0.5, 0.1], [3.0, 1.0], [5.0, -1.0], [0.2, 0.3 * step]], dtype=torch.float64)
        chosen = [0, 1, 1, 0]
        assert built.nearest(vectors).tolist() == chosen
        built.update(vectors, built.nearest(vectors))
        for code in range(3):
            own = [vector for vector, index in zip(vectors.numpy(), chosen, strict=True) if index == code]
            counts[code] = 0.9 * counts[code] + 0.1 * len(own)
            sums[code] = 0.9 * sums[code] + 0.1 * np.sum(own, axis=0) if own else 0.9 * sums[code]
        np.testing.assert_allclose(built.counts, counts, rtol=1e-12)
        np.testing.assert_allclose(built.sums, sums, rtol=1e-12)
        np.testing.assert_allclose(built.codes, sums / counts[:, None], rtol=1e-12)
    # the third code was never chosen
    np.testing.assert_allclose(built.codes[2], [0, 9], rtol=1e-12)


def test_a_code_that_nothing_chooses_keeps_its_place_for_a_whole_training() -> None:
    """The 78,200 steps of 100 epochs (Section III-D) at decay 0.99, in the precision of training."""
    codes = torch.tensor([[0.0, 0.0], [50.0, -50.0]])
    built = Quantiser(2, 2, 0.99)
    built.start(codes)
    far = int(built.codes.abs().sum(1).argmax())
    vectors = torch.zeros(4, 2)
    indices = torch.full((4,), 1 - far)
    for _ in range(78_200):
        built.update(vectors, indices)
    torch.testing.assert_close(built.codes[far], codes[1], rtol=1e-3, atol=0)
    # and it comes back to life where something chooses it: the first choice is nearly all of its average
    built.update(torch.tensor([[40.0, -40.0]]), torch.tensor([far]))
    torch.testing.assert_close(built.codes[far], torch.tensor([40.0, -40.0]), rtol=1e-3, atol=0)


def test_codebook_starts_from_the_first_batchs_vectors_with_matching_sums() -> None:
    vectors = torch.randn(30, 3, dtype=torch.float64)
    built = Quantiser(12, 3, 0.99).double()
    built.start(vectors)
    distances = (built.codes[:, None] - vectors[None]).square().sum(2)
    assert (distances.min(1).values == 0).all()
    assert len(set(distances.argmin(1).tolist())) == 12
    torch.testing.assert_close(built.sums, built.codes * built.counts[:, None])
    kept = built.codes.clone()
    built.start(torch.randn(30, 3, dtype=torch.float64))
    assert torch.equal(built.codes, kept)


def test_few_vectors_start_a_larger_codebook() -> None:
    vectors = torch.randn(5, 3, dtype=torch.float64)
    built = Quantiser(12, 3, 0.99).double()
    built.start(vectors)
    used = (built.codes[:, None] - vectors[None]).square().sum(2).argmin(1).bincount(minlength=5)
    assert used.sum() == 12
    assert used.min() >= 2
    assert used.max() <= 3


def test_restored_codebook_does_not_start_again() -> None:
    first = Quantiser(4, 2, 0.99)
    first.start(torch.randn(9, 2))
    second = Quantiser(4, 2, 0.99)
    second.load_state_dict(first.state_dict())
    second.start(torch.randn(9, 2))
    assert torch.equal(second.codes, first.codes)


def test_code_is_a_map_of_nine_vectors_of_the_codebook(model: VectorQuantised, images: Tensor) -> None:
    model.losses(Batch(images), 0.0)
    code = model.eval().encode(images)
    assert code.shape == (8, 2, 3, 3)
    vectors = code.permute(0, 2, 3, 1).reshape(-1, 2)
    nearest = (vectors[:, None] - model.quantiser.codes[None]).square().sum(2).min(1).values
    assert float(nearest.max().detach()) < 1e-20
    raw = model.raw_code(images)
    for place in ((0, 0), (2, 1)):
        here = raw[:, :, place[0], place[1]]
        index = (here[:, None] - model.quantiser.codes[None]).square().sum(2).argmin(1)
        torch.testing.assert_close(code[:, :, place[0], place[1]], model.quantiser.codes[index])


def test_codes_of_another_shape_are_refused(model: VectorQuantised) -> None:
    with pytest.raises(AssertionError, match=r"expected \(B, 2, 3, 3\), found \(1, 2, 4, 3\)"):
        model.decode(torch.zeros(1, 2, 4, 3, dtype=torch.float64))


def test_loss_is_squared_error_and_a_quarter_of_the_commitment_per_image(
    model: VectorQuantised, images: Tensor
) -> None:
    model.losses(Batch(images), 0.0)
    model.eval()
    losses = model.losses(Batch(images), 0.0)
    with torch.no_grad():
        raw, code = model.raw_code(images), model.encode(images)
        error = (model.decode(code) - images).square().sum() / 8
        commitment = (raw - code).square().sum() / 8
    expected = float(error + 0.25 * commitment)
    assert float(losses.players["autoencoder"].detach()) == pytest.approx(expected, rel=1e-10)


def test_the_training_error_reaches_the_encoders_vectors_as_the_decoders_gradient_at_the_code(
    model: VectorQuantised, images: Tensor
) -> None:
    """Straight through, in the very loss that training descends: d error / d vector = d error / d code."""
    model.losses(Batch(images), 0.0)
    with torch.no_grad():
        raw = model.raw_code(images)
        code = model.quantise(raw)
    # the quantiser has work to do, or a gradient taken at the vector itself would pass
    assert float((raw - code).abs().max()) > 0.01
    code.requires_grad_()
    error = (model.decode(code) - images).square().sum() / len(images)
    (expected,) = torch.autograd.grad(error, code)
    caught: list[Tensor] = []
    handle = model.narrow.register_forward_hook(lambda module, args, out: caught.append(out))
    losses = model.losses(Batch(images), 0.0)
    handle.remove()
    found_error, found_loss = (
        torch.autograd.grad(value, caught[0], retain_graph=True)[0]
        for value in (losses.parts["squared_error"], losses.players["autoencoder"])
    )
    torch.testing.assert_close(found_error, expected)
    # and what is descended adds the commitment's own gradient, 0.25 · 2 (v - e) / B, and nothing else
    torch.testing.assert_close(found_loss, expected + 0.5 * (raw - code.detach()) / len(images))


def test_commitment_pulls_the_encoder_towards_its_code(model: VectorQuantised, images: Tensor) -> None:
    """d/dv of 0.25 ‖v - sg[e]‖² per image is 0.5 (v - e) / B; the codes themselves have no gradient."""
    model.losses(Batch(images), 0.0)
    model.eval()
    assert not model.quantiser.codes.requires_grad
    caught: list[Tensor] = []
    handle = model.narrow.register_forward_hook(lambda module, args, out: caught.append(out))
    losses = model.losses(Batch(images), 0.0)
    handle.remove()
    (found,) = torch.autograd.grad(losses.parts["commitment"] * 0.25, caught[0])
    torch.testing.assert_close(found, 0.5 * (caught[0] - model.encode(images)).detach() / 8)


def test_codebook_moves_in_training_alone(model: VectorQuantised, images: Tensor) -> None:
    model.losses(Batch(images), 0.0)
    before = model.quantiser.counts.clone()
    model.eval().losses(Batch(images), 0.0)
    assert torch.equal(model.quantiser.counts, before)
    model.train().losses(Batch(images), 0.0)
    assert not torch.equal(model.quantiser.counts, before)


def test_codes_in_use_and_perplexity_are_counted(model: VectorQuantised, images: Tensor) -> None:
    model.losses(Batch(images), 0.0)
    model.eval()
    model.quantiser.codes[6:] = 1e6  # never nearest
    found = model.diagnostics([images[:3], images[3:]])
    raw = model.raw_code(images).permute(0, 2, 3, 1).reshape(-1, 2)
    nearest = (raw[:, None] - model.quantiser.codes[None]).square().sum(2).argmin(1)
    shares = np.unique(nearest.numpy(), return_counts=True)[1] / len(raw)
    assert found["codes_in_use"] == len(shares) <= 6
    assert found["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)


def test_other_path_quantises_between_the_ends_again(model: VectorQuantised, images: Tensor) -> None:
    model.losses(Batch(images), 0.0)
    model.eval()
    model.quantiser.codes.normal_()
    codes = model.quantise(2 * torch.randn(8, 2, 3, 3, dtype=torch.float64))
    weights = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    plain = model.interpolate(codes[:4], codes[4:], weights)
    again = model.other_paths()["requantised"](codes[:4], codes[4:], weights)
    torch.testing.assert_close(plain[:, [0, 2]], again[:, [0, 2]])
    expected = model.decode(model.quantise(0.7 * codes[:4] + 0.3 * codes[4:]))[:, 0]
    torch.testing.assert_close(again[:, 1], expected)
    assert float((plain[:, 1] - again[:, 1]).abs().max().detach()) > 1e-4
