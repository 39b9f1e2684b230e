"""Equations 2 to 9 of the paper, as pure functions on arrays of images in [0, 1].

A stack of images is (..., H, W); metrics reduce the last two axes. Nothing here depends on a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from reproduce.architectures import names

K1, K2 = 0.01, 0.03
"""SSIM's constants (below Eq. 4): C₁ = (K₁·L)², C₂ = (K₂·L)² for a data range L."""


def mse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean squared error (Eq. 2): (..., H, W) → (...), in [0, 1]."""
    return np.mean((np.asarray(x, np.float64) - y) ** 2, axis=(-2, -1))


def mae(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean absolute error (Eq. 5): (..., H, W) → (...), in [0, 1]."""
    return np.mean(np.abs(np.asarray(x, np.float64) - y), axis=(-2, -1))


def psnr(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB with MAX = 1 (Eq. 3): (..., H, W) → (...); infinite for equal images.

    It is computed per image: the table's value is the mean over images, not the PSNR of the mean error.
    """
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(mse(x, y))


@dataclass(frozen=True)
class SsimDefinition:
    """One of many definitions of SSIM (Wang et al. 2004). They differ by more than most models do.

    gaussian: a Gaussian window with σ = 1.5, or else a flat one. window: its side in pixels, odd. data_range: L in the
    constants. sample: sample covariance, as in scikit-image by default, or else population covariance, as in Wang et
    al. padded: windows extend over the border into zeros, or else lie completely inside the image.
    """

    gaussian: bool
    window: int
    data_range: float = 1.0
    sample: bool = False
    padded: bool = False

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """SSIM of two stacks of images: (..., H, W) twice → (...), in [-1, 1]."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        smooth = self.smooth
        mean_x, mean_y = smooth(x), smooth(y)
        n = self.window**2
        normalisation = n / (n - 1) if self.sample else 1.0
        variance_x = normalisation * (smooth(x * x) - mean_x * mean_x)
        variance_y = normalisation * (smooth(y * y) - mean_y * mean_y)
        covariance = normalisation * (smooth(x * y) - mean_x * mean_y)
        c1, c2 = (K1 * self.data_range) ** 2, (K2 * self.data_range) ** 2
        numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        denominator = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
        margin = self.window // 2
        inner = (...,) if self.padded else (..., slice(margin, -margin), slice(margin, -margin))
        return np.mean((numerator / denominator)[inner], axis=(-2, -1))

    def smooth(self, image: np.ndarray) -> np.ndarray:
        """The image's mean weighted by the window, at every pixel: (..., H, W) → (..., H, W)."""
        filter1d: Callable[..., np.ndarray]
        if self.gaussian:
            filter1d = partial(gaussian_filter1d, sigma=1.5, radius=self.window // 2, mode="constant")
        else:
            filter1d = partial(uniform_filter1d, size=self.window, mode="constant")
        return filter1d(filter1d(image, axis=-1), axis=-2)


ssim = SsimDefinition(gaussian=True, window=11)
"""Structural similarity (Eq. 4) as Wang et al. (2004) define it: the SSIM of every table.

Equal to scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
data_range=1)` per image, but for whole stacks at once.
"""

RIVAL_SSIMS: Mapping[str, SsimDefinition] = {
    "uniform11": SsimDefinition(gaussian=False, window=11, sample=True),
    "uniform7": SsimDefinition(gaussian=False, window=7, sample=True),
    "uniform7_range2": SsimDefinition(gaussian=False, window=7, data_range=2.0, sample=True),
    "zero_padded": SsimDefinition(gaussian=True, window=11, padded=True),
}
"""Other definitions that software uses under the same name.

uniform11, uniform7: scikit-image with flat windows and data_range=1. uniform7_range2: scikit-image before 0.20 on float
images by default (it used the range of the dtype, -1 to 1). zero_padded: windows over zero-padded borders, as in
convolutions with padding.
"""


assert tuple(RIVAL_SSIMS) == names.RIVAL_SSIMS


def sharpness(x: np.ndarray) -> np.ndarray:
    """Mean magnitude of the image's gradient (central differences): (..., H, W) → (...).

    Section IV-F gives sharpness scores without a definition; this one is ours.
    """
    dy, dx = np.gradient(np.asarray(x, np.float64), axis=(-2, -1))
    return np.mean(np.hypot(dx, dy), axis=(-2, -1))


ImageMetric = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Originals and reconstructions (..., H, W) → one value per image (...)."""
OTHER_IMAGE_METRICS: Mapping[str, ImageMetric] = {
    "sharpness": lambda originals, images: sharpness(images),
}
"""Further metrics of an image beside Table I's: a new one needs a line here and one in `analysis/measures.py`."""


@dataclass(frozen=True)
class Smoothness:
    """Eq. 7 to 9 for interpolation sequences; every field has one value per sequence.

    piq:          mean squared distance of neighbouring frames, per pixel. (Table II's values fit Eq. 7 only
                  when divided by the 784 pixels.)
    iss:          population variance of the K-1 squared distances (Eq. 8), not per pixel, as printed.
    i_ssim:       mean SSIM of neighbouring frames (Eq. 9).
    uniformity:   SD / mean of the squared distances: like ISS, but independent of the step's scale.
    end_distance: squared distance of first and last frame, per pixel.
    piq_over_floor: piq divided by end_distance / (K-1)², the smallest value for K-1 steps (by Cauchy-Schwarz);
                  NaN if end_distance < 1e-6, since a sequence that does not move has no smoothness.
    """

    piq: np.ndarray
    iss: np.ndarray
    i_ssim: np.ndarray
    uniformity: np.ndarray
    end_distance: np.ndarray
    piq_over_floor: np.ndarray


STILL = 1e-6
"""A sequence with a smaller end distance per pixel does not move (register of decisions: collapsed)."""


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


def i_ssim(frames: np.ndarray, definition: SsimDefinition = ssim) -> np.ndarray:
    """Mean SSIM of neighbouring frames (Eq. 9): (..., K, H, W) → (...), in [-1, 1]."""
    return definition(frames[..., :-1, :, :], frames[..., 1:, :, :]).mean(-1)


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
