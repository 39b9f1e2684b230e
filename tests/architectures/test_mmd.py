"""Maximum mean discrepancy against a double loop and the closed form for Gaussians."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from reproduce.architectures.mmd import rbf_kernel, squared_mmd
from tests.architectures.exact import within


def double_loop(first: Tensor, second: Tensor, bandwidth: float) -> float:
    """The discrepancy pair by pair, in plain Python."""

    def kernel(a: Tensor, b: Tensor) -> float:
        squared = sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True))
        return math.exp(-squared / (2 * len(a) * bandwidth**2))

    def within_one(z: Tensor) -> float:
        pairs = [kernel(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(a, b) for a in first for b in second]
    return within_one(first) + within_one(second) - 2 * sum(across) / len(across)


def gaussian_discrepancy(shift: Tensor, bandwidth: float) -> float:
    """The squared MMD of N(0, I) and N(shift, I) in closed form: the kernel convolved with N(0, 2I)."""
    d = len(shift)
    scale = d * bandwidth**2
    same = (scale / (scale + 2)) ** (d / 2)
    return 2 * same * (1 - math.exp(-float(shift.square().sum()) / (2 * (scale + 2))))


@pytest.mark.parametrize("bandwidth", [0.5, 1.0, 2.0])
def test_equals_a_double_loop_over_pairs(bandwidth: float) -> None:
    first, second = torch.randn(7, 3, dtype=torch.float64), 0.5 + torch.randn(5, 3, dtype=torch.float64)
    expected = double_loop(first, second, bandwidth)
    assert float(squared_mmd(first, second, bandwidth)) == pytest.approx(expected, rel=1e-10)


def test_kernel_is_one_on_the_diagonal_with_a_finite_gradient_there() -> None:
    z = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    kernel = rbf_kernel(z, z, 1.0)
    assert torch.allclose(kernel.diagonal(), torch.ones(6, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(kernel.sum(), z)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_is_unbiased_zero_for_equal_gaussians_and_the_closed_form_for_shifted_ones(shift: float) -> None:
    offset = torch.full((4,), shift, dtype=torch.float64)
    found = torch.stack(
        [
            squared_mmd(torch.randn(32, 4, dtype=torch.float64), offset + torch.randn(32, 4).double(), 1.0)
            for _ in range(1500)
        ]
    )
    expected = gaussian_discrepancy(offset, 1.0)
    assert (expected == 0) == (shift == 0)
    assert within(float(found.mean()), expected, found)
    assert float(found.std()) / math.sqrt(len(found)) < 0.002
