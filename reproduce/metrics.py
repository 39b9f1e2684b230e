"""Equations 2 to 9 of the paper, as pure functions on arrays of images in [0, 1].

A stack of images is (..., H, W); metrics reduce the last two axes. Nothing here knows a model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

C1, C2 = 0.01**2, 0.03**2
"""SSIM's constants for MAX = 1 (below Eq. 4)."""


def mse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean squared error (Eq. 2): (..., H, W) → (...), in [0, 1]."""
    return np.mean((np.asarray(x, np.float64) - y) ** 2, axis=(-2, -1))


def mae(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean absolute error (Eq. 5): (..., H, W) → (...), in [0, 1]."""
    return np.mean(np.abs(np.asarray(x, np.float64) - y), axis=(-2, -1))


def psnr(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB with MAX = 1 (Eq. 3): (..., H, W) → (...); infinite for equal images.

    Of one image: the table's value is the mean over images, not the PSNR of the mean error.
    """
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(mse(x, y))


def _separable(image: np.ndarray, filter1d: Callable[..., np.ndarray]) -> np.ndarray:
    return filter1d(filter1d(image, axis=-1), axis=-2)


def _ssim(
    x: np.ndarray, y: np.ndarray, smooth: Callable[[np.ndarray], np.ndarray], margin: int
) -> np.ndarray:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    mean_x, mean_y = smooth(x), smooth(y)
    # population covariance (Wang et al. 2004), like scikit-image with use_sample_covariance=False
    variance_x = smooth(x * x) - mean_x * mean_x
    variance_y = smooth(y * y) - mean_y * mean_y
    covariance = smooth(x * y) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    denominator = (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    inner = (..., slice(margin, -margin), slice(margin, -margin))
    return np.mean((numerator / denominator)[inner], axis=(-2, -1))


def ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Structural similarity (Eq. 4; Wang et al. 2004): (..., H, W) → (...), in [-1, 1].

    Gaussian window, σ = 1.5, 11×11, population covariance, windows wholly inside the image, data range 1.
    Equal to scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1)` per image, but for whole stacks at once.
    """
    return _ssim(x, y, partial(_separable, filter1d=partial(gaussian_filter1d, sigma=1.5, radius=5)), 5)


def ssim_uniform(x: np.ndarray, y: np.ndarray, window: int) -> np.ndarray:
    """SSIM with a flat window×window window, otherwise as `ssim`. window: odd."""
    smooth = partial(_separable, filter1d=partial(uniform_filter1d, size=window))
    return _ssim(x, y, smooth, window // 2)


def sharpness(x: np.ndarray) -> np.ndarray:
    """Mean magnitude of the image's gradient (central differences): (..., H, W) → (...).

    Section IV-F quotes sharpness scores and never defines them; this is ours.
    """
    dy, dx = np.gradient(np.asarray(x, np.float64), axis=(-2, -1))
    return np.mean(np.hypot(dx, dy), axis=(-2, -1))


@dataclass(frozen=True)
class Smoothness:
    """Eq. 7 to 9 of interpolation sequences; every field has one value a sequence.

    piq:          mean squared distance of neighbouring frames, per pixel. (Table II's values fit Eq. 7 only
                  when divided by the 784 pixels.)
    iss:          population variance of the K-1 squared distances (Eq. 8), not per pixel, as printed.
    i_ssim:       mean SSIM of neighbouring frames (Eq. 9).
    uniformity:   SD / mean of the squared distances: what ISS measures, free of the step's scale.
    end_distance: squared distance of first and last frame, per pixel.
    piq_over_floor: piq divided by end_distance / (K-1)², the least that K-1 steps can have (by
                  Cauchy-Schwarz), NaN where end_distance < 1e-6: there is no movement to be smooth about.
    """

    piq: np.ndarray
    iss: np.ndarray
    i_ssim: np.ndarray
    uniformity: np.ndarray
    end_distance: np.ndarray
    piq_over_floor: np.ndarray


STILL = 1e-6
"""End distance per pixel below which a sequence does not move (DECISIONS: collapsed)."""


def squared_steps(frames: np.ndarray) -> np.ndarray:
    """Σ over pixels of the squared difference of neighbouring frames, the summand of Eq. 7 and 8: (..., K, H, W) →
    (..., K-1).
    """
    frames = np.asarray(frames, np.float64)
    return np.sum((frames[..., 1:, :, :] - frames[..., :-1, :, :]) ** 2, axis=(-2, -1))


def piq(frames: np.ndarray) -> np.ndarray:
    """Perceptual interpolation quality (Eq. 7) per pixel: (..., K, H, W) → (...), in [0, 1]."""
    return squared_steps(frames).mean(-1) / (frames.shape[-1] * frames.shape[-2])


def iss(frames: np.ndarray) -> np.ndarray:
    """Interpolation smoothness score (Eq. 8), the population variance of the squared steps: (..., K, H, W) → (...)."""
    return squared_steps(frames).var(-1)


def i_ssim(frames: np.ndarray) -> np.ndarray:
    """Mean SSIM of neighbouring frames (Eq. 9): (..., K, H, W) → (...), in [-1, 1]."""
    return ssim(frames[..., :-1, :, :], frames[..., 1:, :, :]).mean(-1)


def smoothness(frames: np.ndarray) -> Smoothness:
    """The smoothness of sequences of decoded frames, (..., K, H, W) in [0, 1] with K ≥ 2."""
    distances = squared_steps(frames)
    per_pixel = piq(frames)
    end_distance = mse(frames[..., 0, :, :], frames[..., -1, :, :])
    moves = end_distance >= STILL
    with np.errstate(divide="ignore", invalid="ignore"):
        uniformity = np.where(moves, distances.std(-1) / distances.mean(-1), np.nan)
        over_floor = np.where(moves, per_pixel * distances.shape[-1] ** 2 / end_distance, np.nan)
    return Smoothness(
        piq=per_pixel,
        iss=iss(frames),
        i_ssim=i_ssim(frames),
        uniformity=uniformity,
        end_distance=end_distance,
        piq_over_floor=over_floor,
    )
