"""The shared networks: counts, shapes, and the computation against plain functional layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reproduce.architectures import backbone as networks
from reproduce.architectures.backbone import Decoder, Encoder, Upsampler, count_parameters

GAUSSIAN = {"embedding": 16, "log_covariance": 16}


def layers(module: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    """The layers of one kind, in order."""
    return [found for found in module.modules() if isinstance(found, kind)]


def normalise(x: Tensor, norm: nn.Module, training: bool) -> Tensor:
    """Batch norm from its definition (Ioffe & Szegedy 2015, algorithm 1), then LeakyReLU(0.2)."""
    mean, variance = norm.running_mean, norm.running_var
    if training:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    each = (1, -1, 1, 1)
    x = (x - mean.view(each)) / (variance.view(each) + 1e-5).sqrt()
    x = x * norm.weight.view(each) + norm.bias.view(each)
    return torch.where(x > 0, x, 0.2 * x)


def plain_features(encoder: Encoder, x: Tensor, training: bool) -> Tensor:
    for convolution, norm, padding in zip(
        layers(encoder, nn.Conv2d), layers(encoder, nn.BatchNorm2d), (1, 1, 0), strict=True
    ):
        x = normalise(F.conv2d(x, convolution.weight, convolution.bias, 2, padding), norm, training)
    return x


def plain_images(upsampler: Upsampler, x: Tensor, training: bool) -> Tensor:
    norms = layers(upsampler, nn.BatchNorm2d)
    for index, convolution in enumerate(layers(upsampler, nn.ConvTranspose2d)):
        padding = 0 if index == 0 else 1
        x = F.conv_transpose2d(x, convolution.weight, convolution.bias, 2, padding, padding)
        if index < len(norms):
            x = normalise(x, norms[index], training)
    final = layers(upsampler, nn.Conv2d)[0]
    return 1 / (1 + torch.exp(-F.conv2d(x, final.weight, final.bias)))


def scrambled(module: nn.Module) -> nn.Module:
    """Batch norms away from their initial state, so that nothing hides behind ones and zeros."""
    for norm in layers(module, nn.BatchNorm2d):
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            value.data.uniform_(0.5, 1.5)
    return module.double()


def test_parameter_counts_are_the_registered_decision() -> None:
    assert count_parameters(Encoder(GAUSSIAN)) == 130_016
    assert count_parameters(Encoder({"embedding": 16})) == 111_568
    assert count_parameters(Decoder(16)) == 259_905
    assert count_parameters(Decoder(16, "linear")) == 259_905 - 2 * 32


@pytest.mark.parametrize("training", [True, False])
def test_encoder_is_three_strided_blocks_and_linear_heads(training: bool, images: Tensor) -> None:
    encoder = scrambled(Encoder({"embedding": 5, "log_covariance": 3})).train(training)
    expected = plain_features(encoder, images, training)
    output = encoder(images)
    for name, head in encoder.heads.items():
        torch.testing.assert_close(output[name], F.linear(expected.flatten(1), head.weight, head.bias))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("final_block", ["full", "linear"])
def test_decoder_is_a_linear_layer_and_three_transposed_blocks(training: bool, final_block: str) -> None:
    decoder = scrambled(Decoder(4, final_block)).train(training)
    z = torch.randn(3, 4, dtype=torch.float64)
    features = F.linear(z, decoder.linear.weight, decoder.linear.bias).view(3, 128, 3, 3)
    expected = plain_images(decoder.upsampler, features, training)
    torch.testing.assert_close(decoder(z).reconstruction, expected)
    torch.testing.assert_close(decoder.upsampler(features), expected)


@pytest.mark.parametrize("training", [True, False])
def test_a_pass_without_update_uses_the_batch_and_leaves_the_running_statistics(
    training: bool, images: Tensor
) -> None:
    encoder = scrambled(Encoder({"embedding": 4})).train(training)
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    found = encoder(images, update_statistics=False).embedding
    head = encoder.heads["embedding"]
    expected = F.linear(plain_features(encoder, images, True).flatten(1), head.weight, head.bias)
    torch.testing.assert_close(found, expected)
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())


@pytest.mark.parametrize(
    ("network", "x", "shapes"),
    [
        (Encoder(GAUSSIAN), torch.zeros(2, 1, 28, 28), "1×28×28 32×14×14 64×7×7 128×3×3 1152 16 16"),
        # columns of the merged layers as maps, what becomes of them, then the code
        (Decoder(16), torch.zeros(2, 16), "128×3×3 128×7×7 16 128×7×7 64×14×14 32×28×28 1×28×28"),
    ],
    ids=["encoder", "decoder"],
)
def test_every_map_of_section_iii_c_is_asserted_on_the_way(
    network: nn.Module, x: Tensor, shapes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match="expected"):
        network(x[..., :-1])
    seen = []

    def watched(value: Tensor, *shape: int) -> Tensor:
        seen.append("×".join(map(str, shape)))
        return value

    monkeypatch.setattr(networks, "expect", watched)
    network(x)
    assert " ".join(seen) == shapes


@pytest.mark.parametrize(
    ("counted", "build"),
    [("TRUNK_PARAMETERS", lambda: Encoder({})), ("UPSAMPLER_PARAMETERS", Upsampler)],
)
def test_a_changed_layer_is_noticed_when_the_network_is_built(
    counted: str, build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, counted, getattr(networks, counted) - 1)
    with pytest.raises(AssertionError):
        build()
