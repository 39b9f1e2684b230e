"""Convolutions as matrix products, against torch's own layers in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from reproduce.architectures.products import strided_convolution, transposed_convolution

Function = Callable[[Tensor, Tensor], Tensor]


def strided(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, None, 2)


def transposed(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv_transpose2d(x, weight, None, 2)


@pytest.mark.parametrize(
    ("ours", "plain", "shape"),
    [
        (strided_convolution, strided, (5, 3, 7, 7)),
        (strided_convolution, strided, (2, 3, 9, 5)),
        (transposed_convolution, transposed, (5, 4, 3, 3)),
    ],
)
def test_values_and_both_derivatives_are_the_layers(
    ours: Function, plain: Function, shape: tuple[int, ...]
) -> None:
    x, weight = (
        torch.randn(shape).double().requires_grad_(),
        torch.randn(4, 3, 3, 3).double().requires_grad_(),
    )
    probe = torch.randn_like(plain(x, weight))

    def everything(function: Function) -> list[Tensor]:
        y = function(x, weight)
        first = torch.autograd.grad(y, (x, weight), probe, retain_graph=True)
        (by_x,) = torch.autograd.grad(y.square().sum() + (y * probe).sum(), x, create_graph=True)
        return [y, *first, *torch.autograd.grad(by_x.square().sum(), (x, weight))]

    for found, expected in zip(everything(ours), everything(plain), strict=True):
        torch.testing.assert_close(found, expected)
