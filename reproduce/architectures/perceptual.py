"""MS-SSIM-VAE: multi-scale structural similarity in place of the squared error."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from reproduce.architectures.contract import Batch, Losses
from reproduce.architectures.distributions import gaussian_kl, gaussian_sample
from reproduce.architectures.gaussian import OwnGaussian
from reproduce.architectures.settings import Backbone, Perceptual
from reproduce.machine.devices import CPU

C1, C2 = 0.01**2, 0.03**2
WINDOW, SIGMA = 11, 1.5
LEAST_CONTRAST = 1e-6
"""Lower bound of a contrast term before it is raised to a power, which is undefined below zero."""


@lru_cache(maxsize=16)
def gaussian_window(side: int, dtype: torch.dtype = torch.float64, device: torch.device = CPU) -> Tensor:
    """Weights of a window of `side` pixels, σ = 1.5, sum 1: (side,), computed in float64.

    Cached on the device, so that no step copies them there.
    """
    offsets = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    weights = torch.exp(-offsets.square() / (2 * SIGMA**2))
    return (weights / weights.sum()).to(device, dtype)


def similarity_terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure (Wang et al. 2004, Eq. 6 and 13 with C3 = C2/2), mean over windows.

    (B, 1, S, S) twice → (B,) twice. Windows of side min(11, S), completely inside the image.
    """
    window = gaussian_window(min(WINDOW, x.shape[-1]), x.dtype, x.device)
    planes = torch.cat([x, y, x * x, y * y, x * y], dim=1)
    side = len(window)
    kernel = (window[:, None] * window[None, :]).expand(planes.shape[1], 1, side, side)
    mean_x, mean_y, square_x, square_y, product = F.conv2d(planes, kernel, groups=planes.shape[1]).unbind(1)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x.square() + mean_y.square() + C1)
    variances = square_x - mean_x.square() + square_y - mean_y.square()
    contrast = (2 * (product - mean_x * mean_y) + C2) / (variances + C2)
    return luminance.flatten(1).mean(1), contrast.flatten(1).mean(1)


def multi_scale_ssim(x: Tensor, y: Tensor, scales: tuple[float, ...]) -> Tensor:
    """MS-SSIM per image (Wang et al. 2003, Eq. 7): (B, 1, 28, 28) twice → (B,) in (0, 1].

    scales: exponents, finest first. One is used for each halving of the image with a side of at least 3 (28, 14, 7, 3:
    four), renormalised to sum 1. 2×2 average pooling between scales; luminance at the coarsest scale only.
    """
    count, side = 1, x.shape[-1]
    while count < len(scales) and side // 2 >= 3:
        side //= 2
        count += 1
    total = sum(scales[:count])
    exponents = [weight / total for weight in scales[:count]]
    result = torch.ones_like(x[:, 0, 0, 0])
    for index, exponent in enumerate(exponents):
        luminance, contrast = similarity_terms(x, y)
        result = result * contrast.clamp_min(LEAST_CONTRAST) ** exponent
        if index == count - 1:
            result = result * luminance.clamp_min(LEAST_CONTRAST) ** exponent
        else:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


class PerceptualVAE(OwnGaussian):
    """1 - MS-SSIM in place of the squared error, and a weighted KL.

    Source: Snell et al. 2017, “Learning to generate images with perceptual similarity metrics”, with the measure of
    Wang et al. 2003, Eq. 7. Departs: only four of five scales fit into 28×28, with smaller windows. The KL weight is
    not stated; at 1 the KL, in nats, would outweigh a loss in [0, 1] and collapse the posterior.
    """

    def __init__(self, backbone: Backbone, settings: Perceptual) -> None:
        super().__init__(backbone)
        self.settings = settings

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        mean, log_variance = self.posterior(batch.images)
        reconstruction = self.decode(gaussian_sample(mean, log_variance))
        dissimilarity = 1 - multi_scale_ssim(reconstruction, batch.images, self.settings.scales).mean()
        kl = gaussian_kl(mean, log_variance).mean()
        loss = dissimilarity + self.settings.kl_weight * kl
        return Losses({"autoencoder": loss}, {"dissimilarity": dissimilarity, "kl": kl})
