"""The encoder and decoder that all architectures share (Section III-C).

Encoder: three blocks of 3×3 convolution (stride 2, padding 1, 1, 0: the only symmetric paddings that
lead to 28 → 14 → 7 → 3), batch norm and LeakyReLU(0.2); then one linear head per output. Decoder: linear 16 → 1152
without activation, three blocks of transposed convolution, batch norm and LeakyReLU (3 → 7 → 14 → 28), a 1×1
convolution and a sigmoid. PyTorch's default initialisation.

The shapes are asserted on every pass and the parameter counts when a network is built. Both checks use sizes that the
host knows anyway, so they cost nothing and do not wait for the device.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn

from reproduce.architectures.products import strided_convolution, transposed_convolution

SLOPE = 0.2
FEATURES = 1152
"""128 channels of 3×3."""
MAP = (128, 3, 3)

TRUNK_PARAMETERS = 93_120
"""320 + 18,496 + 73,856 of the convolutions and 448 of the batch norms."""
UPSAMPLER_PARAMETERS = 240_321
"""Parameters of the three blocks (full) and the 1×1 convolution."""


def linear_parameters(inputs: int, outputs: int) -> int:
    """Number of parameters of a linear layer with biases: a head, or the decoder's first layer."""
    return (inputs + 1) * outputs


ENCODER_PARAMETERS = TRUNK_PARAMETERS + 2 * linear_parameters(FEATURES, 16)
DECODER_PARAMETERS = UPSAMPLER_PARAMETERS + linear_parameters(16, FEATURES)
assert (ENCODER_PARAMETERS, DECODER_PARAMETERS) == (130_016, 259_905), "the VAE's, with 16 dimensions"


def expect(x: Tensor, *shape: int) -> Tensor:
    """The tensor itself. Raises AssertionError unless it has this shape after the batch axis."""
    if x.shape[1:] != shape:
        raise AssertionError(f"backbone: expected (B, {', '.join(map(str, shape))}), found {tuple(x.shape)}")
    return x


def count_parameters(module: nn.Module, trained: bool = False) -> int:
    """Number of scalar parameters; trained: without the frozen biases before a batch norm."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trained)


def freeze_biases(*convolutions: nn.Module) -> None:
    """Keep the biases of convolutions before a batch norm at their initial values.

    Batch norm subtracts them again with the mean, so their exact gradient is zero. The computed one is rounding noise,
    which Adam would scale up to steps of full size.
    """
    for convolution in convolutions:
        convolution.bias.requires_grad_(False)


class NormActivation(nn.BatchNorm2d):
    """Batch norm and LeakyReLU.

    With `update_statistics=False` the batch is normalised by its own statistics, even in evaluation mode, and the
    running ones do not change: for pseudo-inputs and second batches.
    """

    def forward(self, x: Tensor, update_statistics: bool = True) -> Tensor:
        if update_statistics:
            x = super().forward(x)
        else:
            x = F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return F.leaky_relu(x, SLOPE, inplace=True)


class Encoder(BaseEncoder):
    """Trunk and named linear heads. heads: output name → width."""

    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(1, 32, 3, stride=2, padding=1),
                nn.Conv2d(32, 64, 3, stride=2, padding=1),
                nn.Conv2d(64, 128, 3, stride=2, padding=0),
            ]
        )
        self.norms = nn.ModuleList([NormActivation(width) for width in (32, 64, 128)])
        assert count_parameters(self) == TRUNK_PARAMETERS, count_parameters(self)
        freeze_biases(*self.convolutions)
        self.heads = nn.ModuleDict({name: nn.Linear(FEATURES, width) for name, width in heads.items()})
        self.widths = dict(heads)
        expected = TRUNK_PARAMETERS + sum(linear_parameters(FEATURES, width) for width in heads.values())
        assert count_parameters(self) == expected, count_parameters(self)

    def feature_map(self, x: Tensor, update_statistics: bool = True) -> Tensor:
        """(B, 1, 28, 28) → (B, 128, 3, 3)."""
        expect(x, 1, 28, 28)
        shapes = ((32, 14, 14), (64, 7, 7), MAP)
        for index, (norm, shape) in enumerate(zip(self.norms, shapes, strict=True)):
            x = expect(norm(self.convolve(index, x), update_statistics), *shape)
        return x

    def convolve(self, index: int, x: Tensor) -> Tensor:
        """One of the three convolutions; the last, which has no padding, as a matrix product."""
        convolution = self.convolutions[index]
        assert isinstance(convolution, nn.Conv2d)
        if index < 2:
            found: Tensor = convolution(x)
            return found
        assert convolution.bias is not None
        return strided_convolution(x, convolution.weight) + convolution.bias.view(1, -1, 1, 1)

    def forward(self, x: Tensor, update_statistics: bool = True) -> ModelOutput:
        """(B, 1, 28, 28) → one (B, width) per head, by name."""
        features = expect(self.feature_map(x, update_statistics).flatten(1), FEATURES)
        return ModelOutput(
            **{name: expect(head(features), self.widths[name]) for name, head in self.heads.items()}
        )


class Upsampler(nn.Module):
    """(B, 128, 3, 3) → images (B, 1, 28, 28) in [0, 1].

    final_block: "full" has batch norm and LeakyReLU in all three blocks; "linear" omits them in the third (the other
    interpretation of "except final layer"), which makes it a single linear map together with the 1×1 convolution.
    """

    def __init__(self, final_block: str = "full") -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.ConvTranspose2d(128, 128, 3, stride=2, padding=0, output_padding=0),
                nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1, output_padding=1),
                nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
            ]
        )
        widths = (128, 64, 32) if final_block == "full" else (128, 64)
        self.norms = nn.ModuleList([NormActivation(width) for width in widths])
        self.final = nn.Conv2d(32, 1, 1)
        freeze_biases(*self.convolutions[: len(widths)])
        expected = UPSAMPLER_PARAMETERS - (0 if final_block == "full" else 64)
        assert count_parameters(self) == expected, count_parameters(self)

    @property
    def first(self) -> nn.ConvTranspose2d:
        """The first transposed convolution."""
        convolution = self.convolutions[0]
        assert isinstance(convolution, nn.ConvTranspose2d)
        return convolution

    def forward(self, x: Tensor) -> Tensor:
        return self.from_first(self.first(expect(x, *MAP)))

    def from_first(self, x: Tensor) -> Tensor:
        """The layers after the first transposed convolution: (B, 128, 7, 7) → images."""
        x = self.norms[0](expect(x, 128, 7, 7))
        for index, shape in ((1, (64, 14, 14)), (2, (32, 28, 28))):
            x = expect(self.convolutions[index](x), *shape)
            if index < len(self.norms):
                x = self.norms[index](x)
        # the 1×1 convolution as a matrix product over channels: a quarter of the time, forward and backward
        logits = F.linear(x.permute(0, 2, 3, 1), self.final.weight.view(1, 32), self.final.bias)
        return expect(torch.sigmoid(logits.permute(0, 3, 1, 2)), 1, 28, 28)


class Decoder(BaseDecoder):
    """Linear layer and upsampler: codes (B, latent_dim) → images.

    There is no non-linearity between the linear layer and the first transposed convolution, so together they are one
    affine map of the code. Its matrix is computed once per pass by applying the convolution to the layer's columns and
    bias, instead of to every image: the same function and the same gradients in a fraction of the time. The 128×3×3
    map of an image is never computed. It would be the sum of the layer's columns, weighted by the code; the shape of
    these columns is asserted.
    """

    def __init__(self, latent_dim: int, final_block: str = "full") -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.linear = nn.Linear(latent_dim, FEATURES)
        assert count_parameters(self.linear) == linear_parameters(latent_dim, FEATURES)
        self.upsampler = Upsampler(final_block)

    def affine_map(self) -> tuple[Tensor, Tensor]:
        """Matrix (latent_dim, 49·128) and offset (49·128,) from the code to the first feature map, channels last."""
        first = self.upsampler.first
        columns = torch.cat([self.linear.weight.T, self.linear.bias.unsqueeze(0)])
        assert columns.shape == (self.latent_dim + 1, FEATURES), columns.shape
        maps = expect(columns.view(-1, *MAP), *MAP).contiguous(memory_format=torch.channels_last)
        assert first.bias is not None
        mapped = expect(transposed_convolution(maps, first.weight), 128, 7, 7).permute(0, 2, 3, 1)
        return mapped[:-1].flatten(1), (mapped[-1] + first.bias).flatten()

    def forward(self, z: Tensor) -> ModelOutput:
        matrix, offset = self.affine_map()
        features = (
            torch.addmm(offset, expect(z, self.latent_dim), matrix).view(-1, 7, 7, MAP[0]).permute(0, 3, 1, 2)
        )
        return ModelOutput(reconstruction=self.upsampler.from_first(features))
