"""Equations 2 to 9 against hand-computed cases and scikit-image."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from reproduce.metrics import (
    RIVAL_SSIMS,
    STILL,
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


def test_errors_by_hand() -> None:
    assert float(mse(X, Y)) == pytest.approx(0.55 / 9, rel=1e-14)
    assert float(mae(X, Y)) == pytest.approx(1.5 / 9, rel=1e-14)
    assert float(psnr(X, Y)) == pytest.approx(10 * math.log10(9 / 0.55), rel=1e-14)
    assert psnr(X, X) == np.inf


def test_single_precision_images_are_measured_in_double() -> None:
    x = np.full((3, 3), 1 / 3, np.float32)
    assert mse(x, x + np.float32(1e-4)).dtype == np.float64
    assert float(mse(x, x.astype(np.float64))) == 0


@pytest.mark.parametrize("metric", [mse, mae, psnr, ssim])
def test_every_image_of_a_stack_has_its_own_value(metric: Any, stack: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = stack
    together = metric(x.reshape(2, 3, 28, 28), y.reshape(2, 3, 28, 28))
    assert together.shape == (2, 3)
    np.testing.assert_allclose(
        together.ravel(), [metric(a, b) for a, b in zip(x, y, strict=True)], rtol=1e-12
    )


# --- Eq. 4 --------------------------------------------------------------------------------------------


GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}


@pytest.mark.parametrize(
    ("definition", "options"),
    [
        (ssim, GAUSSIAN),
        (RIVAL_SSIMS["uniform11"], {"win_size": 11, "data_range": 1}),
        (RIVAL_SSIMS["uniform7"], {"data_range": 1}),
        (RIVAL_SSIMS["uniform7_range2"], {"data_range": 2}),
    ],
)
def test_ssim_is_scikit_images(
    definition: Callable[..., np.ndarray], options: dict[str, Any], stack: tuple[np.ndarray, np.ndarray]
) -> None:
    """Data range 2 is what scikit-image before 0.20 took for float images when nothing was specified."""
    expected = [structural_similarity(a, b, **options) for a, b in zip(*stack, strict=True)]
    np.testing.assert_allclose(definition(*stack), expected, rtol=0, atol=1e-12)


def test_zero_padded_ssim_is_that_of_images_with_a_black_frame(stack: tuple[np.ndarray, np.ndarray]) -> None:
    """Every window of the framed images whose centre lies in the image."""
    x, y = (np.pad(images, ((0, 0), (5, 5), (5, 5))) for images in stack)
    np.testing.assert_allclose(RIVAL_SSIMS["zero_padded"](*stack), ssim(x, y), rtol=0, atol=1e-12)


# --- Eq. 7, 8, 9 --------------------------------------------------------------------------------------


FRAMES = np.array(
    [
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]],
    ]
)
"""Steps: one pixel by 1; one by 0.5; one by 0.5 and two by 1."""


def test_smoothness_by_hand() -> None:
    """Squared steps 1, 0.25 and 2.25: Eq. 7 is their mean per pixel, Eq. 8 their variance, not per pixel."""
    assert squared_steps(FRAMES).tolist() == [1, 0.25, 2.25]
    assert float(piq(FRAMES)) == pytest.approx(3.5 / 3 / 9, rel=1e-14)
    assert float(iss(FRAMES)) == pytest.approx(49 / 72, rel=1e-14)
    # in the middle of 13×13 black pixels, where SSIM's window fits
    frames = np.pad(FRAMES, ((0, 0), (5, 5), (5, 5)))
    found = smoothness(frames)
    assert float(found.piq) == pytest.approx(3.5 / 3 / 169, rel=1e-13)
    assert float(found.iss) == pytest.approx(49 / 72, rel=1e-12)
    assert float(found.uniformity) == pytest.approx(math.sqrt(49 / 72) / (3.5 / 3), rel=1e-12)
    # first to last: pixels (0, 0), (2, 0) and (2, 1) differ by 1
    assert float(found.end_distance) == pytest.approx(3 / 169, rel=1e-13)
    assert float(found.piq_over_floor) == pytest.approx(3.5, rel=1e-12)
    expected = [structural_similarity(a, b, **GAUSSIAN) for a, b in pairwise(frames)]
    assert float(found.i_ssim) == pytest.approx(np.mean(expected), rel=1e-10)


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


def test_sharpness_of_a_ramp_is_its_slope() -> None:
    ramp = np.outer(np.ones(28), np.arange(28) * 0.03)
    tilted = ramp + np.outer(np.arange(28) * 0.04, np.ones(28))
    np.testing.assert_allclose(sharpness(np.stack([ramp, tilted, ramp * 0])), [0.03, 0.05, 0], rtol=1e-12)
