"""Geometry of codes, on clouds whose shape is known."""

from __future__ import annotations

import numpy as np
import pytest

from reproduce.analysis import latent
from reproduce.records import Records

LABELS = np.repeat(np.arange(4), 50)
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])[LABELS]
NOISE = np.random.default_rng(0).standard_normal((200, 2))
ROTATION = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def test_silhouette_tells_islands_from_one_cloud() -> None:
    assert latent.silhouette(100 * CORNERS + NOISE, LABELS) > 0.9
    assert latent.silhouette(NOISE, LABELS) < 0.05


def test_nearest_neighbours_agree_on_islands_and_guess_in_one_cloud() -> None:
    assert latent.neighbour_accuracy(100 * CORNERS + NOISE, LABELS) == 1.0
    assert latent.neighbour_accuracy(NOISE, LABELS) == pytest.approx(0.25, abs=0.12)


def test_a_point_is_not_its_own_neighbour() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    assert latent.neighbour_accuracy(points, np.array([0, 1, 0, 1])) == 0.0


def test_alignment_falls_when_the_grid_is_rotated() -> None:
    grid = CORNERS * [4, 1]
    assert latent.axis_alignment(grid, LABELS) == pytest.approx(1)
    assert latent.axis_alignment(grid @ ROTATION.T, LABELS) < 0.6


@pytest.mark.parametrize("statistic", [latent.silhouette, latent.neighbour_accuracy, latent.axis_alignment])
def test_codes_that_do_not_vary_have_no_geometry(statistic) -> None:
    assert np.isnan(statistic(np.zeros((200, 2)), LABELS))


def test_embedding_repeats_itself() -> None:
    codes = (10 * CORNERS + NOISE)[::4]
    first, second = latent.embed(codes), latent.embed(codes)
    assert first.shape == (50, 2)
    assert np.array_equal(first, second)


def test_geometry_has_a_row_a_model(paperlike: Records) -> None:
    table = latent.geometry(paperlike, ("ae", "vq-vae"))
    assert table.index.tolist() == ["ae", "vq-vae"]
    assert table.columns.tolist() == list(latent.COLUMNS)
    assert np.isfinite(table).all(axis=None)
