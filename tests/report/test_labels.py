from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproduce.report import labels

WINDOW = (0.0, 0.0, 450.0, 220.0)


def _covers(placed: labels.Placement, point: np.ndarray) -> bool:
    return bool(
        placed.x < point[0] < placed.x + placed.width and placed.y < point[1] < placed.y + placed.height
    )


def _overlap(a: labels.Placement, b: labels.Placement) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_twenty_two_labels_of_a_dense_cluster_neither_overlap_nor_cover_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.concatenate(
        [rng.normal((120, 90), (25, 20), (17, 2)), rng.uniform((300, 100), (430, 200), (5, 2))]
    )
    sizes = np.stack([rng.uniform(15, 55, 22), np.full(22, 8.0)], axis=1)
    placed = labels.place(points, sizes, WINDOW)
    assert not any(_overlap(a, b) for a, b in combinations(placed, 2))
    assert not any(_covers(label, point) for label in placed for point in points)
    for label in placed:
        assert WINDOW[0] <= label.x
        assert WINDOW[1] <= label.y
        assert label.x + label.width <= WINDOW[2]
        assert label.y + label.height <= WINDOW[3]


def test_equal_points_get_different_places() -> None:
    placed = labels.place(np.full((5, 2), 100.0), np.full((5, 2), (40.0, 8.0)), WINDOW)
    assert not any(_overlap(a, b) for a, b in combinations(placed, 2))


def test_a_lonely_label_stands_beside_its_point_without_a_line() -> None:
    (only,) = labels.place(np.array([[200.0, 100.0]]), np.array([[30.0, 8.0]]), WINDOW)
    assert not only.needs_leader
    assert not _covers(only, np.array([200.0, 100.0]))


def test_a_label_at_the_border_stays_inside() -> None:
    (only,) = labels.place(np.array([[449.0, 219.0]]), np.array([[30.0, 8.0]]), WINDOW)
    assert only.x + only.width <= WINDOW[2]
    assert only.y + only.height <= WINDOW[3]


def test_an_obstacle_is_avoided() -> None:
    point, size = np.array([[200.0, 100.0]]), np.array([[30.0, 8.0]])
    obstacle = np.array([[203.0, 60.0, 260.0, 140.0]])  # where the label would stand
    (free,), (moved,) = (
        labels.place(point, size, WINDOW),
        labels.place(point, size, WINDOW, obstacles=obstacle),
    )
    assert free.x > 200
    assert moved.x + moved.width <= 203


def test_a_line_is_kept_clear_of() -> None:
    """A slanting line to the point from the side on which its label would stand."""
    point, size = np.array([[200.0, 100.0]]), np.array([[30.0, 8.0]])
    line = np.array([[200.0, 100.0, 300.0, 105.0]])
    (only,) = labels.place(point, size, WINDOW, lines=line)
    box = np.array([[only.x, only.y, only.x + only.width, only.y + only.height]])
    assert not labels._segments_meet_boxes(line, box).any()


def test_the_same_input_gives_the_same_places() -> None:
    points, sizes = np.random.default_rng(0).uniform(50, 150, (12, 2)), np.full((12, 2), (30.0, 8.0))
    assert labels.place(points, sizes, WINDOW) == labels.place(points, sizes, WINDOW)


def test_nothing_to_place() -> None:
    assert labels.place(np.zeros((0, 2)), np.zeros((0, 2)), WINDOW) == []


@pytest.mark.parametrize(
    ("segment", "box", "meets"),
    [
        ((0, 0, 10, 10), (4, 4, 6, 6), True),
        ((0, 0, 10, 0), (4, 4, 6, 6), False),
        ((0, 5, 10, 5), (4, 4, 6, 6), True),
        ((5, 5, 5.5, 5.5), (4, 4, 6, 6), True),  # wholly inside
        ((0, 0, 3, 3), (4, 4, 6, 6), False),  # ends before
    ],
)
def test_a_segment_meets_a_box(segment: tuple[float, ...], box: tuple[float, ...], meets: bool) -> None:
    assert labels._segments_meet_boxes(np.array([segment], float), np.array([box], float)).item() is meets


def test_lines_do_not_run_through_names_in_a_tight_row() -> None:
    points = np.array([[100.0, 100.0], [101.0, 101.0], [102.0, 99.0], [101.0, 100.0], [108.0, 100.0]])
    placed = labels.place(points, np.full((5, 2), (45.0, 8.0)), WINDOW)
    boxes = np.array([[p.x, p.y, p.x + p.width, p.y + p.height] for p in placed])
    lines = np.array([[*point, *p.anchor] for point, p in zip(points, placed, strict=True)])
    through = labels._segments_meet_boxes(lines, boxes)
    assert not through[~np.eye(5, dtype=bool)].any()
