"""Maximum mean discrepancy against a double loop."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from reproduce.architectures.mmd import rbf_kernel, squared_mmd


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


@pytest.mark.parametrize("bandwidth", [0.5, 1.0, 2.0])
def test_equals_a_double_loop_over_pairs(bandwidth: float) -> None:
    first, second = torch.randn(7, 3, dtype=torch.float64), 0.5 + torch.randn(5, 3, dtype=torch.float64)
    expected = double_loop(first, second, bandwidth)
    assert float(squared_mmd(first, second, bandwidth)) == pytest.approx(expected, rel=1e-10)


def test_kernel_has_a_finite_gradient_on_the_diagonal() -> None:
    z = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(rbf_kernel(z, z, 1.0).sum(), z)
    assert gradient.isfinite().all()
