"""Geometry of codes, on clouds whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import helmert

from reproduce.analysis import latent
from reproduce.storage.records import Records

LABELS = np.repeat(np.arange(4), 50)
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])[LABELS]
ONE_CLOUD = np.random.default_rng(0).standard_normal((200, 2))
ISLANDS = 100 * CORNERS + ONE_CLOUD
STILL = np.zeros((200, 2))
ROTATION = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def test_islands_are_told_from_one_cloud() -> None:
    assert latent.silhouette(ISLANDS, LABELS) > 0.9
    assert latent.silhouette(ONE_CLOUD, LABELS) < 0.05
    assert latent.neighbour_accuracy(ISLANDS, LABELS) == 1.0
    assert latent.neighbour_accuracy(ONE_CLOUD, LABELS) == pytest.approx(0.25, abs=0.12)
    assert [latent.islands(points) for points in (ISLANDS, ONE_CLOUD)] == [4, 1]


def test_a_point_is_not_its_own_neighbour() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    assert latent.neighbour_accuracy(points, np.array([0, 1, 0, 1])) == 0.0


def test_a_stray_code_is_no_island() -> None:
    rng = np.random.default_rng(1)
    strays = [[1000.0 * at, 0.0] for at in range(1, 8)]
    assert latent.islands(np.concatenate([rng.standard_normal((1000, 2)), strays])) == 1


@pytest.mark.parametrize(
    "statistic",
    [latent.silhouette, latent.neighbour_accuracy, latent.axis_alignment, latent.alignment_p, latent.islands],
)
def test_codes_that_do_not_vary_have_no_geometry(statistic) -> None:
    assert np.isnan(statistic(STILL, LABELS))


def test_alignment_falls_when_the_grid_is_rotated() -> None:
    grid = CORNERS * [4, 1]
    assert latent.axis_alignment(grid, LABELS) == pytest.approx(1)
    assert latent.axis_alignment(grid @ ROTATION.T, LABELS) < 0.6


@pytest.mark.parametrize("dimension", [9, 144])
def test_alignment_is_held_against_rotations_in_any_dimension(dimension: int) -> None:
    """The share of squared entries on the diagonal falls with the dimension; its p does not."""
    labels = np.repeat(np.arange(10), 20)
    centres = np.zeros((10, dimension))
    centres[:, :9] = helmert(10).T * np.arange(1, 10)  # nine axes, by different amounts
    points = centres[labels] + 0.01 * np.random.default_rng(dimension).standard_normal((200, dimension))
    turn = stats.ortho_group.rvs(dimension, random_state=3)
    assert latent.alignment_p(points, labels) <= 0.05
    assert latent.alignment_p(points @ turn, labels) > 0.05


def test_unused_axes_are_no_sign_of_alignment() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    tilted = rng.standard_normal((10, 4)) @ rng.standard_normal((4, 4))
    points = np.concatenate([tilted[labels], 1e-3 * rng.standard_normal((200, 12))], axis=1)
    assert latent.alignment_p(points, labels) == latent.alignment_p(points[:, :4], labels)


def test_codes_come_with_every_finished_seed(paperlike: Records) -> None:
    found = latent.codes_by_seed(paperlike, "vq-vae")
    assert list(found) == [42, 123, 456]
    assert {points.shape for points, _ in found.values()} == {(1000, 144)}
    assert latent.codes_by_seed(paperlike, "nothing") == {}
