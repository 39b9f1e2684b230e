"""Posteriors transformed by a flow: VAE-IAF and VAE-LinNF."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reproduce.architectures.backbone import Encoder
from reproduce.architectures.distributions import (
    gaussian_log_density,
    gaussian_sample,
    standard_log_density,
)
from reproduce.architectures.gaussian import OneSampleKL, OwnOneSampleKL
from reproduce.architectures.pythae_objective import GAUSSIAN_HEADS
from reproduce.architectures.settings import Affine, Autoregressive, Backbone

FORGET_BIAS = 1.5
"""Added to the gate's logit, so that a block starts near the identity (Kingma et al. 2016, Section 3)."""


class FlowPosterior(OneSampleKL):
    """q(z|x): a Gaussian draw z₀ transformed by an invertible map, z = f(z₀).

    log q(z|x) = log N(z₀; μ, σ²) - log|det ∂f/∂z₀|; the KL is a one-sample estimate. The deterministic code is
    f(μ), which Pythae does not provide.
    """

    def flow(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """z₀ (B, d) → z (B, d) and log|det ∂z/∂z₀| (B,)."""
        raise NotImplementedError

    def context(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Mean, log-variance and the flow's context."""
        return *self.posterior(x), None

    def encode(self, x: Tensor) -> Tensor:
        mean, _, context = self.context(x)
        return self.flow(mean, context)[0]

    def sample(self, x: Tensor) -> Tensor:
        return self.sample_with_kl(x)[0]

    def sample_with_kl(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance, context = self.context(x)
        start = gaussian_sample(mean, log_variance)
        z, log_determinant = self.flow(start, context)
        log_q = gaussian_log_density(start, mean, log_variance) - log_determinant
        return z, log_q - standard_log_density(z)


class OwnFlow(FlowPosterior, OwnOneSampleKL):
    """A flow with our own losses instead of Pythae's."""


class MaskedLinear(nn.Linear):
    """A linear layer with some weights fixed at zero."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)


class AutoregressiveNetwork(nn.Module):
    """MADE (Germain et al. 2015) with a context vector.

    Output i depends on inputs 0 … i-1 and, except for the first output, on the context.
    """

    def __init__(self, dim: int, hidden: int, hidden_layers: int, context: int) -> None:
        super().__init__()
        inputs = torch.arange(1, dim + 1)
        units = torch.arange(hidden) % max(dim - 1, 1) + 1
        degrees = [inputs, *[units] * hidden_layers]
        self.hidden = nn.ModuleList(
            MaskedLinear((after[:, None] >= before[None, :]).float()) for before, after in pairwise(degrees)
        )
        self.context = nn.Linear(context, hidden, bias=False)
        self.out = MaskedLinear((inputs[:, None] > units[None, :]).float().repeat(2, 1))

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, d), (B, c) → shift and gate logit, each (B, d)."""
        hidden = self.hidden[0](z) + self.context(context)
        for layer in self.hidden[1:]:
            hidden = layer(F.relu(hidden))
        shift, gate = self.out(F.relu(hidden)).chunk(2, dim=1)
        return shift, gate


class InverseAutoregressiveFlow(OwnFlow):
    """Two blocks z ← σ·z + (1-σ)·m with σ, m autoregressive in z and given a context.

    Source: Kingma et al. 2016, Eq. 14; the order of the dimensions is reversed between blocks as in the source.
    Departs: dense masked networks, in which the first dimension of a block gets no context (it is another dimension in
    each block, so every dimension gets some). Without context, as in Pythae, the flow would be the same for all images:
    a learned prior rather than a richer posterior.
    """

    def __init__(self, backbone: Backbone, settings: Autoregressive) -> None:
        super().__init__(backbone)
        widths = {**dict.fromkeys(GAUSSIAN_HEADS, backbone.latent_dim), "context": settings.context}
        self.encoder = Encoder(widths)
        self.blocks = nn.ModuleList(
            AutoregressiveNetwork(
                backbone.latent_dim, settings.hidden, settings.hidden_layers, settings.context
            )
            for _ in range(settings.blocks)
        )

    def context(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        output = self.encoder(x)
        return output.embedding, output.log_covariance, output.context

    def flow(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(len(z))
        for index, block in enumerate(self.blocks):
            if index:
                z = z.flip(1)
            shift, gate = block(z, context)
            log_scale = F.logsigmoid(gate + FORGET_BIAS)
            scale = log_scale.exp()
            z = scale * z + (1 - scale) * shift
            total = total + log_scale.sum(1)
        return z, total


class AffineFlow(nn.Module):
    """z ← T z + b with a triangular T with positive diagonal, initialised as the identity."""

    def __init__(self, dim: int, lower: bool) -> None:
        super().__init__()
        self.lower = lower
        self.off_diagonal = nn.Parameter(torch.zeros(dim, dim))
        self.log_diagonal = nn.Parameter(torch.zeros(dim))
        self.shift = nn.Parameter(torch.zeros(dim))

    def matrix(self) -> Tensor:
        """T, (d, d)."""
        triangle = self.off_diagonal.tril(-1) if self.lower else self.off_diagonal.triu(1)
        return triangle + self.log_diagonal.exp().diag()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(B, d) → (B, d) and log det T, ()."""
        return z @ self.matrix().T + self.shift, self.log_diagonal.sum()


class LinearFlow(OwnFlow):
    """Four affine flows with triangular matrices, alternately lower and upper, as Section II-D describes them.

    Source: Rezende & Mohamed 2015, Eq. 7, the density after a chain of maps. Departs: their maps are planar, and
    so are Pythae's; the work that the paper cites (Ziegler & Rush 2019) has autoregressive flows over sequences and
    no affine ones; in linear IAF (Tomczak & Welling 2017) the matrix depends on the image. Here it does not, so the
    composed flows are one affine map for all images, the posterior is a Gaussian shaped by one shared matrix, and the
    decoder's first layer could absorb it. Expect the VAE's numbers; "non-Gaussian posterior" is wrong.
    """

    def __init__(self, backbone: Backbone, settings: Affine) -> None:
        super().__init__(backbone)
        self.flows = nn.ModuleList(
            AffineFlow(backbone.latent_dim, lower=index % 2 == 0) for index in range(settings.flows)
        )

    def flow(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(len(z))
        for flow in self.flows:
            z, log_determinant = flow(z)
            total = total + log_determinant
        return z, total
