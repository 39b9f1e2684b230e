"""Convolutions as matrix products, against torch's own layers in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from reproduce.architectures.products import strided_convolution, transposed_convolution

Function = Callable[[Tensor, Tensor], Tensor]

CASES = [
    pytest.param(
        strided_convolution, lambda x, w: F.conv2d(x, w, None, 2), (5, 3, 7, 7), (4, 3, 3, 3), id="strided"
    ),
    pytest.param(
        strided_convolution, lambda x, w: F.conv2d(x, w, None, 2), (2, 3, 9, 5), (4, 3, 3, 3), id="oblong"
    ),
    pytest.param(
        transposed_convolution,
        lambda x, w: F.conv_transpose2d(x, w, None, 2),
        (5, 4, 3, 3),
        (4, 3, 3, 3),
        id="transposed",
    ),
]


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(("ours", "plain", "shape", "kernel"), CASES)
def test_function_and_gradients_are_those_of_the_layer(
    ours: Function, plain: Function, shape: tuple[int, ...], kernel: tuple[int, ...]
) -> None:
    x, weight = drawn(*shape), drawn(*kernel)
    found, expected = ours(x, weight), plain(x, weight)
    torch.testing.assert_close(found, expected)
    probe = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, (x, weight), probe),
        torch.autograd.grad(expected, (x, weight), probe),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("ours", "plain", "shape", "kernel"), CASES)
def test_second_derivatives_are_those_of_the_layer(
    ours: Function, plain: Function, shape: tuple[int, ...], kernel: tuple[int, ...]
) -> None:
    x, weight = drawn(*shape), drawn(*kernel)
    probe = torch.randn_like(plain(x, weight))

    def penalty(function: Function) -> tuple[Tensor, ...]:
        y = function(x, weight)
        (by_x,) = torch.autograd.grad(y.square().sum() + (y * probe).sum(), x, create_graph=True)
        return torch.autograd.grad(by_x.square().sum(), (x, weight))

    for one, other in zip(penalty(ours), penalty(plain), strict=True):
        torch.testing.assert_close(one, other)
