"""Names of points stand beside them, over nothing else."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from reproduce.report import labels

WINDOW = (0.0, 0.0, 450.0, 220.0)
POINT, SIZE = np.array([[200.0, 100.0]]), np.array([[30.0, 8.0]])


def box(placed: labels.Placement) -> np.ndarray:
    return np.array([placed.x, placed.y, placed.x + placed.width, placed.y + placed.height])


def overlap(a: labels.Placement, b: labels.Placement) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


@pytest.mark.parametrize("seed", [0, 1])
def test_twenty_two_labels_of_a_dense_cluster_neither_overlap_nor_cover_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cluster, others = rng.normal((120, 90), (25, 20), (17, 2)), rng.uniform((300, 100), (430, 200), (5, 2))
    points = np.concatenate([cluster, others])
    sizes = np.stack([rng.uniform(15, 55, 22), np.full(22, 8.0)], axis=1)
    placed = labels.place(points, sizes, WINDOW)
    assert placed == labels.place(points, sizes, WINDOW)
    assert not any(overlap(a, b) for a, b in combinations(placed, 2))
    low_x, low_y, high_x, high_y = np.stack([box(label) for label in placed], axis=1)
    assert low_x.min() >= 0
    assert low_y.min() >= 0
    assert high_x.max() <= WINDOW[2]
    assert high_y.max() <= WINDOW[3]
    x, y = points.T[:, :, None]
    assert not ((low_x < x) & (x < high_x) & (low_y < y) & (y < high_y)).any()


def test_equal_points_get_different_places() -> None:
    placed = labels.place(np.full((5, 2), 100.0), np.full((5, 2), (40.0, 8.0)), WINDOW)
    assert not any(overlap(a, b) for a, b in combinations(placed, 2))
    assert labels.place(np.zeros((0, 2)), np.zeros((0, 2)), WINDOW) == []


def test_a_lonely_label_stands_beside_its_point_without_a_line_and_avoids_an_obstacle() -> None:
    obstacle = np.array([[203.0, 60.0, 260.0, 140.0]])  # where the label would stand
    (free,) = labels.place(POINT, SIZE, WINDOW)
    (moved,) = labels.place(POINT, SIZE, WINDOW, obstacles=obstacle)
    assert not free.needs_leader
    assert free.x > 200
    assert moved.x + moved.width <= 203


def test_a_line_is_kept_clear_of() -> None:
    """A slanting line to the point from the side on which its label would stand."""
    line = np.array([[200.0, 100.0, 300.0, 105.0]])
    (only,) = labels.place(POINT, SIZE, WINDOW, lines=line)
    assert not labels._segments_meet_boxes(line, box(only)[None]).any()


@pytest.mark.parametrize(
    ("segment", "meets"),
    [
        ((0, 0, 10, 10), True),
        ((0, 0, 10, 0), False),
        ((0, 5, 10, 5), True),
        ((5, 5, 5.5, 5.5), True),  # wholly inside
        ((0, 0, 3, 3), False),  # ends before
    ],
)
def test_a_segment_meets_a_box(segment: tuple[float, ...], meets: bool) -> None:
    square = np.array([[4.0, 4, 6, 6]])
    assert labels._segments_meet_boxes(np.array([segment], float), square).item() is meets


def test_lines_do_not_run_through_names_in_a_tight_row() -> None:
    points = np.array([[100.0, 100.0], [101.0, 101.0], [102.0, 99.0], [101.0, 100.0], [108.0, 100.0]])
    placed = labels.place(points, np.full((5, 2), (45.0, 8.0)), WINDOW)
    lines = np.array([[*point, *p.anchor] for point, p in zip(points, placed, strict=True)])
    through = labels._segments_meet_boxes(lines, np.array([box(p) for p in placed]))
    assert not through[~np.eye(5, dtype=bool)].any()
