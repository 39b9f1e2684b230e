"""SVAE: von Mises-Fisher posterior on the unit sphere, uniform prior."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reproduce.architectures.backbone import Encoder
from reproduce.architectures.contract import (
    Architecture,
    Batch,
    Losses,
    Path,
    average,
    mix,
    negative_log_likelihood,
)
from reproduce.architectures.pythae_objective import decoder
from reproduce.architectures.settings import Backbone, Spherical

RECURRENCE_START = 128
"""Order at which the downward recurrence of Bessel ratios starts; its error vanishes within a few dozen orders."""


def bessel_ratios(kappa: Tensor, order: int) -> Tensor:
    """I_{j+1}(κ)/I_j(κ) for j = 0 … order, by downward recurrence: (B,) float64 → (order + 1, B).

    1/r_{j-1} = 2j/κ + r_j, started from Amos's (1974) bound at a high order. κ > 0.
    """
    top = RECURRENCE_START
    ratio = kappa / (top + 0.5 + ((top + 1.5) ** 2 + kappa.square()).sqrt())
    found = []
    for j in range(top, 0, -1):
        ratio = kappa / (2 * j + kappa * ratio)
        if j - 1 <= order:
            found.append(ratio)
    return torch.stack(found[::-1])


LARGE = 400.0
"""From this concentration on Hankel's expansion is used: the error of the recurrence vanishes too slowly there."""
HANKEL_TERMS = 16


def hankel_sum(kappa: Tensor, order: int) -> Tensor:
    """√(2πκ)·exp(-κ)·I_order(κ) for large κ (Abramowitz & Stegun, 9.7.1)."""
    term = torch.ones_like(kappa)
    total = term
    for k in range(1, HANKEL_TERMS):
        term = term * ((2 * k - 1) ** 2 - 4 * order**2) / (8 * k * kappa)
        total = total + term
    return total


def bessel(kappa: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """I_{order+1}(κ)/I_order(κ) and log I_order(κ): (B,) float64 → (B,) twice."""
    small, large = kappa.clamp_max(LARGE), kappa.clamp_min(LARGE)
    ratios = bessel_ratios(small, order)
    # log I_order(κ) = log I_0(κ) + Σ log ratios; i0e includes the factor exp(-κ)
    log_small = torch.special.i0e(small).log() + small + ratios[:order].log().sum(0)
    here, above = hankel_sum(large, order), hankel_sum(large, order + 1)
    log_large = here.log() + large - 0.5 * (2 * math.pi * large).log()
    near = kappa < LARGE
    return torch.where(near, ratios[order], above / here), torch.where(near, log_small, log_large)


class _UniformKL(torch.autograd.Function):
    """KL(vMF(μ, κ) ‖ uniform) on the (d-1)-sphere with its exact derivative κ·A'(κ)."""

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, dim: int) -> Tensor:
        order = dim // 2 - 1
        k = kappa.double()
        mean_length, log_bessel = bessel(k, order)
        log_constant = order * k.log() - log_bessel - dim / 2 * math.log(2 * math.pi)
        log_area = math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)
        slope = 1 - mean_length.square() - (dim - 1) / k * mean_length
        ctx.save_for_backward(k * slope)
        return (k * mean_length + log_constant + log_area).to(kappa)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope.to(gradients[0]), None


def uniform_kl(kappa: Tensor, dim: int) -> Tensor:
    """KL(vMF(·, κ) ‖ uniform on the unit sphere of R^dim) in nats (Davidson et al. 2018): (B,) → (B,).

    dim: even, ≥ 4; κ > 0.
    """
    if dim % 2 or dim < 4:
        raise ValueError(f"the sphere's dimension must be even and at least 4, not {dim}")
    return _UniformKL.apply(kappa, dim)


def sample_along_mean(kappa: Tensor, dim: int, proposals: int) -> Tensor:
    """A draw of ⟨μ, z⟩ by Wood's (1994) rejection sampler, (B,) → (B,).

    Each draw makes a fixed number of proposals and takes the first accepted one, so that nothing waits for the host.
    Acceptance is above 0.65, so all of 32 are rejected once in 10¹⁴ draws; then the last is taken. The gradient goes
    through the proposal's transformation (Davidson et al. 2018, algorithm 1, without the correction term, as in
    their code and Pythae's).
    """
    m = dim - 1
    root = (4 * kappa.square() + m**2).sqrt()
    b = m / (2 * kappa + root)
    a = (m + 2 * kappa + root) / 4
    d = 4 * a * b / (1 + b) - m * math.log(m)
    half = torch.full((len(kappa), proposals), m / 2, dtype=kappa.dtype, device=kappa.device)
    epsilon = torch.distributions.Beta(half, half, validate_args=False).sample()
    b, a, d = b[:, None], a[:, None], d[:, None]
    along = (1 - (1 + b) * epsilon) / (1 - (1 - b) * epsilon)
    with torch.no_grad():
        t = 2 * a * b / (1 - (1 - b) * epsilon)
        accepted = m * t.log() - t + d >= torch.rand_like(epsilon).log()
        accepted[:, -1] = True
        first = accepted.byte().argmax(1, keepdim=True)
    return along.gather(1, first).squeeze(1)


def sample_von_mises_fisher(mean: Tensor, kappa: Tensor, proposals: int) -> Tensor:
    """Draws on the unit sphere: unit vectors (B, d), concentrations (B,) → (B, d)."""
    along = sample_along_mean(kappa, mean.shape[1], proposals).unsqueeze(1)
    noise = torch.randn_like(mean)
    tangent = F.normalize(noise - (noise * mean).sum(1, keepdim=True) * mean, dim=1)
    return along * mean + (1 - along.square()).clamp_min(1e-12).sqrt() * tangent


class SphericalVAE(Architecture):
    """q(z|x) = vMF(μ(x), κ(x)) with κ = least + softplus, uniform prior on the 15-sphere.

    Source: Davidson et al. 2018, algorithm 1, and their KL divergence between the von Mises-Fisher and the uniform
    distribution. Departs: a bounded number of proposals per draw, and the gradient without the correction term, as in
    their code. Interpolation follows the great circle: the decoder is not trained on points off the sphere, and V-B and
    V-E of the paper mention great circles for this model. Eq. 6's chord and its projection onto the sphere are further
    paths.
    """

    def __init__(self, backbone: Backbone, settings: Spherical) -> None:
        super().__init__()
        self.encoder = Encoder({"embedding": backbone.latent_dim, "log_concentration": 1})
        self.decoder = decoder(backbone)
        self.settings = settings
        self.likelihood = backbone.likelihood

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean direction (B, d) and concentration (B,)."""
        output = self.encoder(x)
        kappa = F.softplus(output.log_concentration.squeeze(1)) + self.settings.least_concentration
        return F.normalize(output.embedding, dim=1), kappa

    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0]

    def sample(self, x: Tensor) -> Tensor:
        return sample_von_mises_fisher(*self.posterior(x), self.settings.proposals)

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        mean, kappa = self.posterior(batch.images)
        z = sample_von_mises_fisher(mean, kappa, self.settings.proposals)
        error = negative_log_likelihood(self.decode(z), batch.images, self.likelihood).mean()
        kl = uniform_kl(kappa, mean.shape[1]).mean()
        return Losses({"autoencoder": error + kl}, {"reconstruction": error, "kl": kl})

    def kl(self, x: Tensor) -> Tensor | None:
        mean, kappa = self.posterior(x)
        return uniform_kl(kappa, mean.shape[1])

    def interpolate(self, first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
        """Frames along the great circle, at constant speed."""
        cosine = (first * second).sum(1).clamp(-1 + 1e-7, 1 - 1e-7)
        angle = cosine.arccos()[:, None, None]
        w = weights.view(1, -1, 1)
        path = ((1 - w) * angle).sin() * first[:, None] + (w * angle).sin() * second[:, None]
        return self.decode_path(path / angle.sin())

    def other_paths(self) -> Mapping[str, Path]:
        def chord(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
            return self.decode_path(mix(first, second, weights))

        def projected_chord(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
            return self.decode_path(F.normalize(mix(first, second, weights), dim=2))

        return {"chord": chord, "projected-chord": projected_chord}

    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        return {"concentration": average(lambda x: self.posterior(x)[1], batches)}
