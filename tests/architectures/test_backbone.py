"""The shared networks: counts, shapes, and the computation against plain layers and torch's own convolutions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import zip_longest

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.speed import plain
from reproduce.architectures import backbone as networks
from reproduce.architectures.backbone import Decoder, Encoder
from reproduce.architectures.products import strided_convolution, transposed_convolution

GAUSSIAN = {"embedding": 16, "log_covariance": 16}


def scrambled(module: nn.Module) -> nn.Module:
    """Batch norms away from their initial state, so that nothing hides behind ones and zeros."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                value.data.uniform_(0.5, 1.5)
    return module.double()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("update", [True, False])
def test_encoder_is_three_blocks_and_linear_heads(training: bool, update: bool, images: Tensor) -> None:
    """Without update a pass uses the batch's own statistics and leaves the running ones."""
    ours = scrambled(Encoder({"embedding": 5, "log_covariance": 3})).train(training)
    theirs, before = plain.plain_network(ours).train(training), copy.deepcopy(ours.state_dict())
    found, expected = (network(images, update_statistics=update) for network in (ours, theirs))
    for name in expected:
        torch.testing.assert_close(found[name], expected[name])
    unmoved = all(torch.equal(value, before[name]) for name, value in ours.state_dict().items())
    assert unmoved != (training and update)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("final_block", ["full", "linear"])
def test_decoder_is_a_linear_layer_and_three_transposed_blocks(training: bool, final_block: str) -> None:
    """The linear reading has no batch norm and no activation in the third."""
    ours = scrambled(Decoder(4, final_block))
    blocks: list[nn.Module] = []
    for convolution, norm in zip_longest(ours.upsampler.convolutions, ours.upsampler.norms):
        blocks.append(convolution)
        if norm is not None:
            plain_norm = nn.BatchNorm2d(norm.num_features).double()
            plain_norm.load_state_dict(norm.state_dict())
            blocks += [plain_norm, nn.LeakyReLU(0.2)]
    unflatten = nn.Unflatten(1, (128, 3, 3))
    theirs = nn.Sequential(ours.linear, unflatten, *blocks, ours.upsampler.final, nn.Sigmoid())
    z = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(ours.train(training)(z).reconstruction, theirs.train(training)(z))


def test_every_map_of_section_iii_c_is_asserted_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, decoder, seen = Encoder(GAUSSIAN), Decoder(16), []
    for network, wrong in ((encoder, torch.zeros(2, 1, 28, 27)), (decoder, torch.zeros(2, 15))):
        with pytest.raises(AssertionError, match="expected"):
            network(wrong)
    monkeypatch.setattr(networks, "expect", lambda x, *shape: seen.append(shape) or x)
    encoder(torch.zeros(2, 1, 28, 28))
    assert seen == [(1, 28, 28), (32, 14, 14), (64, 7, 7), (128, 3, 3), (1152,), (16,), (16,)]
    seen.clear()
    decoder(torch.zeros(2, 16))
    # columns of the merged layers as maps, what becomes of them, then the code
    assert seen[:3] == [(128, 3, 3), (128, 7, 7), (16,)]
    assert seen[3:] == [(128, 7, 7), (64, 14, 14), (32, 28, 28), (1, 28, 28)]


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
