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
    assert isinstance(norm, nn.BatchNorm2d)
    if training:
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    else:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
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
    assert expected.shape == (8, 128, 3, 3)
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
    found = decoder(z).reconstruction
    assert found.shape == (3, 1, 28, 28)
    torch.testing.assert_close(found, expected)


def test_linear_final_block_is_affine_before_the_sigmoid() -> None:
    def logits(final_block: str, z: Tensor) -> Tensor:
        torch.manual_seed(0)
        upsampler = scrambled(Upsampler(final_block)).eval()
        # the map after the second block enters through the third transposed convolution alone
        third, final = layers(upsampler, nn.ConvTranspose2d)[2], layers(upsampler, nn.Conv2d)[0]
        x = F.conv_transpose2d(z, third.weight, third.bias, 2, 1, 1)
        norms = layers(upsampler, nn.BatchNorm2d)
        x = normalise(x, norms[2], False) if len(norms) == 3 else x
        return F.conv2d(x, final.weight, final.bias)

    first, second = torch.randn(2, 1, 64, 14, 14, dtype=torch.float64)
    for final_block, affine in (("full", False), ("linear", True)):
        halfway = logits(final_block, (first + second) / 2)
        mean = (logits(final_block, first) + logits(final_block, second)) / 2
        assert torch.allclose(halfway, mean) == affine


def test_running_statistics_follow_the_batch_with_momentum_a_tenth(images: Tensor) -> None:
    encoder = Encoder(GAUSSIAN).double()
    encoder(images)
    convolution, norm = layers(encoder, nn.Conv2d)[0], layers(encoder, nn.BatchNorm2d)[0]
    x = F.conv2d(images, convolution.weight, convolution.bias, 2, 1)
    torch.testing.assert_close(norm.running_mean, 0.1 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * x.var((0, 2, 3), unbiased=True))


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


@pytest.mark.parametrize("shape", [(1, 27, 27), (1, 32, 32), (3, 28, 28)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError, match="expected"):
        Encoder(GAUSSIAN)(torch.zeros(2, *shape))


def test_maps_and_codes_of_another_shape_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"expected \(B, 128, 3, 3\), found \(2, 128, 4, 4\)"):
        Upsampler()(torch.zeros(2, 128, 4, 4))
    with pytest.raises(AssertionError, match=r"expected \(B, 16\), found \(2, 15\)"):
        Decoder(16)(torch.zeros(2, 15))


def shapes_of_a_pass(monkeypatch: pytest.MonkeyPatch, network: nn.Module, x: Tensor) -> list[tuple[int, ...]]:
    """The shapes that a pass asserts, in order, without the batch."""
    seen: list[tuple[int, ...]] = []

    def watched(x: Tensor, *shape: int) -> Tensor:
        assert tuple(x.shape[1:]) == shape
        seen.append(shape)
        return x

    monkeypatch.setattr(networks, "expect", watched)
    network(x)
    return seen


def test_every_map_of_section_iii_c_is_asserted_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = shapes_of_a_pass(monkeypatch, Encoder(GAUSSIAN), torch.zeros(2, 1, 28, 28))
    assert encoder == [(1, 28, 28), (32, 14, 14), (64, 7, 7), (128, 3, 3), (1152,), (16,), (16,)]
    upward = [(128, 7, 7), (64, 14, 14), (32, 28, 28), (1, 28, 28)]
    # of the merged layers: the columns as 128×3×3 maps, what becomes of them, then the code
    decoder = shapes_of_a_pass(monkeypatch, Decoder(16), torch.zeros(2, 16))
    assert decoder == [(128, 3, 3), (128, 7, 7), (16,), *upward]
    assert shapes_of_a_pass(monkeypatch, Upsampler(), torch.zeros(2, 128, 3, 3)) == [(128, 3, 3), *upward]


def test_the_merged_layers_are_a_sum_of_maps_of_128_by_3_by_3() -> None:
    """What the decoder's docstring says: column by column through the first transposed convolution, then added up."""
    decoder = Decoder(3).double()
    first, z = decoder.upsampler.first, torch.randn(2, 3, dtype=torch.float64)
    maps = torch.einsum("bd,cd->bc", z, decoder.linear.weight) + decoder.linear.bias
    expected = F.conv_transpose2d(maps.view(2, 128, 3, 3), first.weight, first.bias, 2)
    matrix, offset = decoder.affine_map()
    found = (z @ matrix + offset).view(2, 7, 7, 128).permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected)


def without_biases(inputs: int, outputs: int) -> int:
    return inputs * outputs


@pytest.mark.parametrize(
    ("counted", "wrong", "build"),
    [
        ("TRUNK_PARAMETERS", 93_119, lambda: Encoder({})),
        ("UPSAMPLER_PARAMETERS", 240_320, Upsampler),
        ("linear_parameters", without_biases, lambda: Encoder({"embedding": 16})),
        ("linear_parameters", without_biases, lambda: Decoder(16)),
    ],
)
def test_a_changed_layer_is_noticed_when_the_network_is_built(
    counted: str, wrong: object, build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    monkeypatch.setattr(networks, counted, wrong)
    with pytest.raises(AssertionError):
        build()
