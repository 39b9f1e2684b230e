"""MS-SSIM-VAE: multi-scale similarity against a slow, plainly written reference."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from reproduce.architectures.perceptual import multi_scale_ssim

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = 1e-4, 9e-4


def slow_terms(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Luminance and contrast-structure, window by window (Wang et al. 2004)."""
    side = min(11, len(x))
    profile = np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / (2 * 1.5**2))
    weights = np.outer(profile, profile) / profile.sum() ** 2
    luminances, contrasts = [], []
    for top, left in itertools.product(range(len(x) - side + 1), repeat=2):
        a, b = (image[top : top + side, left : left + side] for image in (x, y))
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        variance_a = (weights * (a - mean_a) ** 2).sum()
        variance_b = (weights * (b - mean_b) ** 2).sum()
        covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
        luminances.append((2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1))
        contrasts.append((2 * covariance + C2) / (variance_a + variance_b + C2))
    return float(np.mean(luminances)), float(np.mean(contrasts))


def halved(image: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels; an odd last row and column fall away."""
    half = len(image) // 2
    return image[: 2 * half, : 2 * half].reshape(half, 2, half, 2).mean((1, 3))


def slow_multi_scale(x: np.ndarray, y: np.ndarray) -> float:
    """Four scales of a 28×28 image; the first four exponents, renormalised."""
    exponents = np.array(SCALES[:4]) / sum(SCALES[:4])
    result = 1.0
    for scale, exponent in enumerate(exponents):
        luminance, contrast = slow_terms(x, y)
        result *= max(contrast, 1e-6) ** exponent
        if scale == 3:
            result *= max(luminance, 1e-6) ** exponent
        x, y = halved(x), halved(y)
    return float(result)


def test_equals_the_slow_reference_and_is_clamped_like_it_where_structure_is_negative(images: Tensor) -> None:
    smooth = torch.nn.functional.interpolate(images[:3, :, ::4, ::4], size=28, mode="bilinear")
    disturbed = (0.8 * smooth + 0.1 + 0.1 * images[3:6]).clamp(0, 1)
    for other in (disturbed, 1 - smooth):
        expected = [slow_multi_scale(a[0].numpy(), b[0].numpy()) for a, b in zip(smooth, other, strict=True)]
        np.testing.assert_allclose(multi_scale_ssim(smooth, other, SCALES), expected, rtol=1e-10)
        assert all(0 < value < 0.99 for value in expected)


def test_gradients_are_finite_at_extreme_images(images: Tensor) -> None:
    target = images.float()
    black, grey = torch.zeros_like(target), torch.full_like(target, 0.5)
    extremes = ((grey, grey), (black, target), (target, target), (1 - target, target), (1 - black, black))
    for start, other in extremes:
        x = start.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(multi_scale_ssim(x, other, SCALES).sum(), x)
        assert gradient.isfinite().all()
