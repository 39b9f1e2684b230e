"""VQ-VAE: nearest codes, straight-through gradient and moving averages by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.quantised import Quantiser, VectorQuantised
from reproduce.architectures.settings import Backbone, Codebook


@pytest.fixture
def model(plane: Backbone, images: Tensor) -> VectorQuantised:
    """In training mode, its codebook begun."""
    built = VectorQuantised(plane, Codebook(size=12, commitment=0.25, decay=0.99)).double()
    built.losses(Batch(images), 0.0)
    return built


def test_a_code_that_nothing_chooses_keeps_its_place_for_a_whole_training() -> None:
    """At decay 0.99 its averages vanish in the precision of training within 10,500 of 78,200 steps."""
    codes = torch.tensor([[0.0, 0.0], [50.0, -50.0]])
    built = Quantiser(2, 2, decay=0.99)
    built.start(codes)
    built.codes.copy_(codes)
    built.sums.copy_(codes)
    vectors, nearest = torch.zeros(4, 2), torch.zeros(4, dtype=torch.long)
    for _ in range(11_000):
        built.update(vectors, nearest)
    torch.testing.assert_close(built.codes[1], codes[1], rtol=1e-3, atol=0)
    # and it comes back to life where something chooses it: the first choice is nearly all of its average
    built.update(torch.tensor([[40.0, -40.0]]), torch.tensor([1]))
    torch.testing.assert_close(built.codes[1], torch.tensor([40.0, -40.0]), rtol=1e-3, atol=0)


@pytest.mark.parametrize(("vectors", "least", "most"), [(30, 0, 1), (5, 2, 3)])
def test_codebook_starts_once_from_the_first_batch(vectors: int, least: int, most: int) -> None:
    given = torch.randn(vectors, 3, dtype=torch.float64)
    built = Quantiser(12, 3, 0.99).double()
    built.start(given)
    distances = (built.codes[:, None] - given[None]).square().sum(2)
    assert not distances.min(1).values.any()
    used = distances.argmin(1).bincount(minlength=vectors)
    assert least <= used.min() <= used.max() <= most
    torch.testing.assert_close(built.sums, built.codes * built.counts[:, None])
    restored = Quantiser(12, 3, 0.99).double()
    restored.load_state_dict(built.state_dict())
    for again in (built, restored):
        again.start(torch.randn(30, 3, dtype=torch.float64))
        torch.testing.assert_close(again.codes, given[distances.argmin(1)])


def test_code_is_a_map_of_nine_nearest_codes(model: VectorQuantised, images: Tensor) -> None:
    code, raw = model.eval().encode(images), model.raw_code(images)
    assert code.shape == (8, 2, 3, 3)
    for row, column in np.ndindex(3, 3):
        distances = (raw[:, None, :, row, column] - model.quantiser.codes[None]).square().sum(2)
        torch.testing.assert_close(code[:, :, row, column], model.quantiser.codes[distances.argmin(1)])


def test_codes_in_use_and_perplexity_are_counted(model: VectorQuantised, images: Tensor) -> None:
    model.eval().quantiser.codes[6:] = 1e6  # never nearest
    found = model.diagnostics([images[:3], images[3:]])
    raw = model.raw_code(images).permute(0, 2, 3, 1).reshape(-1, 2)
    nearest = (raw[:, None] - model.quantiser.codes[None]).square().sum(2).argmin(1)
    shares = np.unique(nearest.numpy(), return_counts=True)[1] / len(raw)
    assert found["codes_in_use"] == len(shares) <= 6
    assert found["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)


def test_other_path_quantises_between_the_ends_again(model: VectorQuantised) -> None:
    model.eval().quantiser.codes.normal_()
    codes = model.quantise(2 * torch.randn(8, 2, 3, 3, dtype=torch.float64))
    weights = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    with torch.no_grad():
        plain = model.interpolate(codes[:4], codes[4:], weights)
        again = model.other_paths()["requantised"](codes[:4], codes[4:], weights)
        expected = model.decode(model.quantise(0.7 * codes[:4] + 0.3 * codes[4:]))[:, 0]
    torch.testing.assert_close(plain[:, [0, 2]], again[:, [0, 2]])
    torch.testing.assert_close(again[:, 1], expected)
    assert float((plain[:, 1] - again[:, 1]).abs().max()) > 1e-4
