"""MS-SSIM-VAE: multi-scale similarity against a slow, plainly written reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.perceptual import (
    PerceptualVAE,
    gaussian_window,
    multi_scale_ssim,
    similarity_terms,
)
from reproduce.architectures.settings import Backbone, Perceptual
from tests.architectures.exact import same_noise

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = 1e-4, 9e-4


def slow_terms(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Luminance and contrast-structure, window by window, weight by weight (Wang et al. 2004)."""
    size = len(x)
    side = min(11, size)
    weights = np.array(
        [
            [
                math.exp(-((i - (side - 1) / 2) ** 2 + (j - (side - 1) / 2) ** 2) / (2 * 1.5**2))
                for j in range(side)
            ]
            for i in range(side)
        ]
    )
    weights /= weights.sum()
    luminances, contrasts = [], []
    for top in range(size - side + 1):
        for left in range(size - side + 1):
            a, b = (image[top : top + side, left : left + side] for image in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            variance_a = (weights * (a - mean_a) ** 2).sum()
            variance_b = (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            luminances.append((2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1))
            contrasts.append((2 * covariance + C2) / (variance_a + variance_b + C2))
    return float(np.mean(luminances)), float(np.mean(contrasts))


def slow_multi_scale(x: np.ndarray, y: np.ndarray) -> float:
    """Four scales of a 28×28 image; the first four exponents, renormalised."""
    exponents = np.array(SCALES[:4]) / sum(SCALES[:4])
    result = 1.0
    for scale, exponent in enumerate(exponents):
        luminance, contrast = slow_terms(x, y)
        result *= max(contrast, 1e-6) ** exponent
        if scale == 3:
            result *= max(luminance, 1e-6) ** exponent
        half = len(x) // 2
        x, y = (
            np.array(
                [
                    [image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean() for j in range(half)]
                    for i in range(half)
                ]
            )
            for image in (x, y)
        )
    return float(result)


def pair(images: Tensor) -> tuple[Tensor, Tensor]:
    """Smooth images and disturbed copies, so that every scale has something to compare."""
    smooth = torch.nn.functional.interpolate(images[:3, :, ::4, ::4], size=28, mode="bilinear")
    return smooth, (0.8 * smooth + 0.1 + 0.1 * images[3:6]).clamp(0, 1)


def test_equals_the_slow_reference(images: Tensor) -> None:
    x, y = pair(images)
    expected = [slow_multi_scale(a[0].numpy(), b[0].numpy()) for a, b in zip(x, y, strict=True)]
    assert all(0.1 < value < 0.99 for value in expected)
    np.testing.assert_allclose(multi_scale_ssim(x, y, SCALES), expected, rtol=1e-10)


def test_negative_structure_is_clamped_like_the_reference(images: Tensor) -> None:
    x, _ = pair(images)
    expected = [slow_multi_scale(a[0].numpy(), 1 - a[0].numpy()) for a in x]
    np.testing.assert_allclose(multi_scale_ssim(x, 1 - x, SCALES), expected, rtol=1e-10)


def test_one_scales_terms_multiply_to_scikit_images_ssim_where_windows_are_flat_in_luminance() -> None:
    """With equal means everywhere luminance is 1, so contrast-structure alone is SSIM."""
    board = np.indices((28, 28)).sum(0) % 2 * 0.2
    x, y = 0.5 + board - 0.1, 0.5 - board + 0.1
    _, contrast = similarity_terms(*(torch.from_numpy(image)[None, None] for image in (x, y)))
    expected = structural_similarity(
        x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    assert float(contrast) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("side", [3, 7, 11])
def test_window_is_a_normalised_gaussian(side: int) -> None:
    window = gaussian_window(side)
    assert float(window.sum()) == pytest.approx(1, rel=1e-14)
    middle = side // 2
    ratio = float(window[middle + 1] / window[middle])
    assert ratio == pytest.approx(math.exp(-1 / (2 * 1.5**2)), rel=1e-12)


def test_an_image_is_wholly_similar_to_itself(images: Tensor) -> None:
    for x in (images, torch.zeros_like(images), torch.ones_like(images)):
        torch.testing.assert_close(multi_scale_ssim(x, x, SCALES), torch.ones(8, dtype=torch.float64))


def test_is_symmetric_and_falls_with_disturbance(images: Tensor) -> None:
    x, _ = pair(images)
    noise = torch.rand_like(x) - 0.5
    near, far = (multi_scale_ssim(x, (x + scale * noise).clamp(0, 1), SCALES) for scale in (0.1, 0.6))
    assert (far < near).all()
    y = (x + 0.3 * noise).clamp(0, 1)
    torch.testing.assert_close(multi_scale_ssim(x, y, SCALES), multi_scale_ssim(y, x, SCALES))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_constant_equal_and_opposite_images(
    images: Tensor, dtype: torch.dtype
) -> None:
    target = images.to(dtype)
    constant = torch.full_like(target, 0.5)
    cases = [(constant, constant), (torch.zeros_like(target), target), (target, target), (1 - target, target)]
    cases += [(target, torch.zeros_like(target)), (torch.ones_like(target), torch.zeros_like(target))]
    for start, other in cases:
        x = start.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(multi_scale_ssim(x, other, SCALES).sum(), x)
        assert gradient.isfinite().all()


def test_images_are_judged_one_by_one(images: Tensor) -> None:
    x, y = pair(images)
    together = multi_scale_ssim(x, y, SCALES)
    for index in range(3):
        torch.testing.assert_close(
            multi_scale_ssim(x[index : index + 1], y[index : index + 1], SCALES)[0], together[index]
        )


def test_loss_is_dissimilarity_and_a_hundredth_of_the_kl(plane: Backbone, images: Tensor) -> None:
    model = PerceptualVAE(plane, Perceptual(SCALES, kl_weight=0.01)).double().eval()
    with torch.no_grad():
        with same_noise(1):
            loss = float(model.losses(Batch(images), 0.0).players["autoencoder"])
        with same_noise(1):
            reconstruction = model.decode(model.sample(images))
        kl = model.kl(images)
    assert kl is not None
    similarity = np.mean(
        [slow_multi_scale(a[0].numpy(), b[0].numpy()) for a, b in zip(reconstruction, images, strict=True)]
    )
    assert loss == pytest.approx(1 - similarity + 0.01 * float(kl.mean()), rel=1e-9)
