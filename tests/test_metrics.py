"""Equations 2 to 9 against hand-computed cases and scikit-image."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from reproduce.metrics import (
    RIVAL_SSIMS,
    STILL,
    SsimDefinition,
    i_ssim,
    iss,
    mae,
    mse,
    piq,
    psnr,
    sharpness,
    smoothness,
    squared_steps,
    ssim,
)

X = np.array([[0.0, 0.5, 1.0], [0.25, 0.5, 0.75], [1.0, 1.0, 0.0]])
Y = np.array([[0.1, 0.5, 0.7], [0.25, 0.0, 0.75], [1.0, 0.8, 0.4]])
"""Differences 0.1, 0, 0.3 / 0, 0.5, 0 / 0, 0.2, 0.4: squares sum to 0.55, absolutes to 1.5."""


@pytest.fixture
def stack() -> tuple[np.ndarray, np.ndarray]:
    """Six pairs of 28×28 images of different kinds: noise, gradients, flat, a bar."""
    rng = np.random.default_rng(3)
    ramp = np.linspace(0, 1, 28)[:, None] * np.ones(28)
    bar = np.zeros((28, 28))
    bar[4:24, 12:16] = 1
    first = np.stack([rng.random((28, 28)), ramp, np.zeros((28, 28)), bar, bar, 1 - bar])
    second = np.stack([rng.random((28, 28)), ramp.T, np.full((28, 28), 0.4), bar, 0.5 * bar, bar])
    return first, second


# --- Eq. 2, 3, 5 --------------------------------------------------------------------------------------


def test_mse_by_hand() -> None:
    assert float(mse(X, Y)) == pytest.approx(0.55 / 9, rel=1e-14)


def test_mae_by_hand() -> None:
    assert float(mae(X, Y)) == pytest.approx(1.5 / 9, rel=1e-14)


def test_psnr_by_hand() -> None:
    assert float(psnr(X, Y)) == pytest.approx(10 * math.log10(9 / 0.55), rel=1e-14)
    assert float(psnr(np.zeros((3, 3)), np.full((3, 3), 0.1))) == pytest.approx(20, rel=1e-14)


def test_psnr_of_equal_images_is_infinite() -> None:
    assert psnr(X, X) == np.inf


def test_errors_are_those_of_scikit_image(stack: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = stack
    np.testing.assert_allclose(
        mse(x, y), [mean_squared_error(a, b) for a, b in zip(x, y, strict=True)], rtol=1e-13
    )
    different = [0, 1, 2, 4, 5]
    expected = [peak_signal_noise_ratio(x[i], y[i], data_range=1) for i in different]
    np.testing.assert_allclose(psnr(x, y)[different], expected, rtol=1e-13)


def test_single_precision_images_are_measured_in_double() -> None:
    x = np.full((3, 3), 1 / 3, np.float32)
    assert mse(x, x + np.float32(1e-4)).dtype == np.float64
    assert float(mse(x, x.astype(np.float64))) == 0


@pytest.mark.parametrize("metric", [mse, mae, psnr, ssim])
def test_every_image_of_a_stack_has_its_own_value(metric, stack: tuple[np.ndarray, np.ndarray]) -> None:  # type: ignore[no-untyped-def]
    x, y = stack
    together = metric(x.reshape(2, 3, 28, 28), y.reshape(2, 3, 28, 28))
    assert together.shape == (2, 3)
    np.testing.assert_allclose(
        together.ravel(), [metric(a, b) for a, b in zip(x, y, strict=True)], rtol=1e-12
    )


# --- Eq. 4 --------------------------------------------------------------------------------------------


def test_ssim_is_scikit_images(stack: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = stack
    expected = [
        structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
        )
        for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("uniform11", {"win_size": 11, "data_range": 1}),
        ("uniform7", {"data_range": 1}),
        ("uniform7_range2", {"data_range": 2}),
    ],
)
def test_flat_windows_are_scikit_images_defaults(
    name: str, options: dict[str, int], stack: tuple[np.ndarray, np.ndarray]
) -> None:
    """Data range 2 is what scikit-image before 0.20 took for float images when nothing was specified."""
    x, y = stack
    expected = [structural_similarity(a, b, **options) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(RIVAL_SSIMS[name](x, y), expected, rtol=0, atol=1e-12)


def test_zero_padded_ssim_is_that_of_images_with_a_black_frame(stack: tuple[np.ndarray, np.ndarray]) -> None:
    """Every window of the framed images whose centre lies in the image."""
    x, y = (np.pad(images, ((0, 0), (5, 5), (5, 5))) for images in stack)
    np.testing.assert_allclose(RIVAL_SSIMS["zero_padded"](*stack), ssim(x, y), rtol=0, atol=1e-12)


def test_ssim_of_flat_images_is_their_luminance_by_hand() -> None:
    """No variance: (2·0.2·0.6 + C1) / (0.2² + 0.6² + C1)."""
    found = ssim(np.full((11, 11), 0.2), np.full((11, 11), 0.6))
    assert float(found) == pytest.approx((0.24 + 1e-4) / (0.4 + 1e-4), rel=1e-12)


def test_uniform_ssim_of_one_3_by_3_window_by_hand() -> None:
    """One window, so Eq. 4 on nine pixels with population moments."""
    mean_x, mean_y = 5 / 9, 4.5 / 9
    variance_x = (0 + 0.25 + 1 + 0.0625 + 0.25 + 0.5625 + 1 + 1 + 0) / 9 - mean_x**2
    variance_y = (0.01 + 0.25 + 0.49 + 0.0625 + 0 + 0.5625 + 1 + 0.64 + 0.16) / 9 - mean_y**2
    covariance = (0 + 0.25 + 0.7 + 0.0625 + 0 + 0.5625 + 1 + 0.8 + 0) / 9 - mean_x * mean_y
    expected = ((2 * mean_x * mean_y + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_x**2 + mean_y**2 + 1e-4) * (variance_x + variance_y + 9e-4)
    )
    assert float(SsimDefinition(gaussian=False, window=3)(X, Y)) == pytest.approx(expected, rel=1e-12)


def test_ssim_of_one_gaussian_window_by_hand() -> None:
    """On 11×11 one window lies wholly inside, so Eq. 4 once with Gaussian weights."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 11, 11))
    w = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    w = np.outer(w, w) / np.outer(w, w).sum()
    mean_x, mean_y = (w * x).sum(), (w * y).sum()
    variance_x, variance_y = (w * (x - mean_x) ** 2).sum(), (w * (y - mean_y) ** 2).sum()
    covariance = (w * (x - mean_x) * (y - mean_y)).sum()
    expected = ((2 * mean_x * mean_y + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_x**2 + mean_y**2 + 1e-4) * (variance_x + variance_y + 9e-4)
    )
    assert float(ssim(x, y)) == pytest.approx(expected, rel=1e-10)


def test_ssim_of_single_pixels_under_the_gaussian_window_by_hand() -> None:
    """One pixel p in the middle of one window of weight w there: mean wp, variance w(1-w)p², covariance w(1-w)pq."""
    # of eleven weights exp(-k²/(2·1.5²)) with sum 1, along both axes
    w = (1 / (1 + 2 * sum(math.exp(-(k**2) / 4.5) for k in range(1, 6)))) ** 2
    assert w == pytest.approx(0.0707622, abs=1e-7)
    spread = w * (1 - w)
    black, dot = np.zeros((11, 11)), np.zeros((11, 11))
    dot[5, 5] = 1
    against_black = 1e-4 * 9e-4 / ((w**2 + 1e-4) * (spread + 9e-4))
    assert float(ssim(dot, black)) == pytest.approx(against_black, rel=1e-9)
    against_half = ((w**2 + 1e-4) * (spread + 9e-4)) / ((1.25 * w**2 + 1e-4) * (1.25 * spread + 9e-4))
    assert float(ssim(dot, 0.5 * dot)) == pytest.approx(against_half, rel=1e-9)
    # a pixel aside has its own weight: three columns away exp(-9/4.5) of the middle's
    aside = np.roll(dot, 3, axis=1)
    v = w * math.exp(-2)
    apart = ((2 * w * v + 1e-4) * (-2 * w * v + 9e-4)) / (
        (w**2 + v**2 + 1e-4) * (spread + v * (1 - v) + 9e-4)
    )
    assert float(ssim(dot, aside)) == pytest.approx(apart, rel=1e-9)


def test_ssim_is_one_at_identity_and_negative_for_the_inverse(stack: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = stack
    np.testing.assert_allclose(ssim(x, x), np.ones(6), rtol=1e-12)
    assert ssim(x[0], 1 - x[0]) < 0


# --- Eq. 7, 8, 9 --------------------------------------------------------------------------------------


FRAMES = np.array(
    [
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]],
    ]
)
"""Four frames of 3×3. Steps: one pixel by 1; one by 0.5; one by 0.5 and two by 1. First to last: three by 1."""


def test_squared_steps_by_hand() -> None:
    assert squared_steps(FRAMES).tolist() == [1, 0.25, 2.25]


def test_piq_by_hand() -> None:
    """Eq. 7, a third of 3.5, and per pixel a ninth of it."""
    assert float(piq(FRAMES)) == pytest.approx(3.5 / 3 / 9, rel=1e-14)


def test_iss_by_hand() -> None:
    """Eq. 8 of 1, 0.25 and 2.25, not per pixel: mean 7/6, squares 1 + 1/16 + 81/16, so 49/24 - 49/36."""
    assert float(iss(FRAMES)) == pytest.approx(49 / 72, rel=1e-14)


def test_interpolation_ssim_by_hand() -> None:
    """Eq. 9 on frames of one window: flat ones have their luminance alone, equal ones 1."""
    frames = np.stack([np.full((11, 11), grey) for grey in (0.2, 0.6, 0.6, 0.0)])
    steps = [(0.24 + 1e-4) / (0.4 + 1e-4), 1, 1e-4 / (0.36 + 1e-4)]
    assert float(i_ssim(frames)) == pytest.approx(sum(steps) / 3, rel=1e-12)


def frames_3_by_3() -> np.ndarray:
    """The four frames in the middle of 13×13 black ones, where SSIM's window fits."""
    return np.pad(FRAMES, ((0, 0), (5, 5), (5, 5)))


def test_smoothness_by_hand() -> None:
    frames = frames_3_by_3()
    distances = np.array([1, 0.25, 2.25])
    found = smoothness(frames)
    mean = 3.5 / 3
    assert float(found.piq) == pytest.approx(mean / 169, rel=1e-13)
    variance = (1 + 0.0625 + 5.0625) / 3 - mean**2
    assert float(found.iss) == pytest.approx(variance, rel=1e-12)
    assert float(found.uniformity) == pytest.approx(math.sqrt(variance) / mean, rel=1e-12)
    # first to last: pixels (0, 0), (2, 0) and (2, 1) differ by 1
    assert float(found.end_distance) == pytest.approx(3 / 169, rel=1e-13)
    assert float(found.piq_over_floor) == pytest.approx(mean * 9 / 3, rel=1e-12)
    expected = [
        structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
        )
        for a, b in pairwise(frames)
    ]
    assert float(found.i_ssim) == pytest.approx(np.mean(expected), rel=1e-10)
    assert float(found.iss) == pytest.approx(np.var(distances), rel=1e-12)


def test_even_cross_fade_stands_on_the_floor() -> None:
    """Equal steps along a straight line: PIQ = D / (K-1)², and no variance."""
    rng = np.random.default_rng(1)
    first, last = rng.random((2, 28, 28))
    t = np.linspace(0, 1, 10)[:, None, None]
    found = smoothness((1 - t) * first + t * last)
    assert float(found.piq_over_floor) == pytest.approx(1, rel=1e-12)
    assert float(found.piq) == pytest.approx(float(found.end_distance) / 81, rel=1e-12)
    assert float(found.iss) == pytest.approx(0, abs=1e-20)
    assert float(found.uniformity) == pytest.approx(0, abs=1e-10)


def test_no_sequence_falls_below_the_floor() -> None:
    frames = np.random.default_rng(2).random((50, 10, 12, 12))
    found = smoothness(frames)
    assert found.piq_over_floor.shape == (50,)
    assert (found.piq_over_floor >= 1).all()


def test_a_still_sequence_has_no_ratio() -> None:
    still = np.full((10, 28, 28), 0.3)
    moving = still.copy()
    moving[-1] += 2 * math.sqrt(STILL)
    found = smoothness(np.stack([still, moving]))
    assert found.piq.tolist()[0] == 0
    assert found.i_ssim[0] == pytest.approx(1)
    assert np.isnan(found.piq_over_floor[0])
    assert np.isnan(found.uniformity[0])
    assert np.isfinite(found.piq_over_floor[1])


def test_a_jump_is_less_smooth_than_a_fade_in_every_measure() -> None:
    first, last = np.zeros((28, 28)), np.zeros((28, 28))
    first[5:12, 5:12], last[15:22, 15:22] = 1, 1
    t = np.linspace(0, 1, 10)[:, None, None]
    fade, jump = smoothness((1 - t) * first + t * last), smoothness(np.where(t < 0.5, first, last))
    assert fade.piq < jump.piq
    assert fade.iss < jump.iss
    assert fade.uniformity < jump.uniformity
    assert fade.end_distance == jump.end_distance


def test_sharpness_of_a_ramp_is_its_slope() -> None:
    ramp = np.outer(np.ones(28), np.arange(28) * 0.03)
    tilted = ramp + np.outer(np.arange(28) * 0.04, np.ones(28))
    np.testing.assert_allclose(sharpness(np.stack([ramp, tilted, ramp * 0])), [0.03, 0.05, 0], rtol=1e-12)
