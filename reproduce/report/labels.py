"""Places the names in a scatter plot: beside their points, without overlap, with a leader line where needed.

Pure geometry on arrays (the callers use points of 1/72 inch, but any unit works). Each label has candidate places on
rings around its point. Labels choose in turn, then move as long as one of them can improve. This is done from several
starting orders, and the best outcome is kept. There is no randomness: equal input gives an equal figure. (adjustText,
tried on these figures, leaves names on marks and lines.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RINGS = (2.5, 4.5, 7.0, 10.0, 14.0, 19.0, 25.0, 32.0, 40.0, 50.0, 62.0, 76.0, 92.0, 110.0)
"""The gaps between a point's mark and its label that are tried."""
DIRECTIONS = 32
CANDIDATES = 280
"""How many candidates of a label are kept: the best ones without regard to the other labels."""
ROUNDS = 30
LEADER_FROM = 5.0
"""A larger gap gets a leader line, since the name no longer obviously belongs to its mark."""

NOTHING = np.zeros((0, 4))

_OVERLAP, _OVER_MARK, _OVER_OBSTACLE = 1e4, 3e3, 4e2
_LEADER_THROUGH_LABEL, _LEADERS_CROSS, _LEADER_OVER_MARK = 4e2, 2.5e2, 80.0
_INWARD, _AMBIGUOUS = 6.0, 18.0


@dataclass(frozen=True)
class Placement:
    """One label's box (its lower left corner and size), and the point of the box where a leader line ends."""

    x: float
    y: float
    width: float
    height: float
    anchor: tuple[float, float]
    gap: float
    """Distance from the mark's edge to the box."""

    @property
    def needs_leader(self) -> bool:
        """Whether the label is far enough away to need a line."""
        return self.gap > LEADER_FROM


@dataclass(frozen=True)
class _Options:
    """The candidates of one label."""

    boxes: np.ndarray
    """(n, 4): x0, y0, x1, y1, padding included."""
    leaders: np.ndarray
    """(n, 4): from the point to the box."""
    gaps: np.ndarray
    cost: np.ndarray
    """Each candidate's cost without regard to the other labels: (n,)."""


def _segments_meet_boxes(segments: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Whether segment i (n, 4) passes through the inside of box j (m, 4): (n, m), by clipping it."""
    start, step = segments[:, None, :2], (segments[:, 2:] - segments[:, :2])[:, None, :]
    safe = np.where(np.abs(step) < 1e-9, 1e-9, step)
    one, two = (boxes[None, :, :2] - start) / safe, (boxes[None, :, 2:] - start) / safe
    enter = np.minimum(one, two).max(axis=2)
    leave = np.maximum(one, two).min(axis=2)
    return np.asarray(np.maximum(enter, 0) < np.minimum(leave, 1))


def _segments_cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether segment i of (n, 4) properly crosses segment j of (m, 4): (n, m)."""

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        u, v = b - a, c - a
        return np.asarray(np.sign(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]))

    a, b = first[:, None, :2], first[:, None, 2:]
    c, d = second[None, :, :2], second[None, :, 2:]
    return np.asarray((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0))


def _shared_area(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area that box i of (n, 4) shares with all of `others` (m, 4): (n,)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.prod(np.clip(high - low, 0, None), axis=2).sum(axis=1))


def _options(
    index: int,
    points: np.ndarray,
    size: np.ndarray,
    mark: float,
    bounds: np.ndarray,
    obstacles: np.ndarray,
    lines: np.ndarray,
) -> _Options:
    point = points[index]
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    gaps, turns = (grid.ravel() for grid in np.meshgrid(np.array(RINGS), angles, indexing="ij"))
    toward = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    anchors = point + toward * (gaps + mark)[:, None]
    # the side of the box that faces the point touches the anchor, at a place that moves to a corner with the angle
    centres = anchors + np.clip(toward * 1.25, -1, 1) * size / 2
    boxes = np.concatenate([centres - size / 2, centres + size / 2], axis=1)
    inside = np.all(boxes[:, :2] >= bounds[:2], axis=1) & np.all(boxes[:, 2:] <= bounds[2:], axis=1)
    if not inside.any():  # a window smaller than the label
        inside[:] = True
    boxes, anchors, gaps, toward = boxes[inside], anchors[inside], gaps[inside], toward[inside]
    leaders = np.concatenate([np.broadcast_to(point, anchors.shape), anchors], axis=1)

    marks = np.concatenate([points - mark, points + mark], axis=1)
    away = point - points
    distance = np.linalg.norm(away, axis=1)
    pull = (away * np.exp(-distance / 25.0)[:, None]).sum(axis=0)
    outward = pull / np.linalg.norm(pull) if np.linalg.norm(pull) > 1e-6 else np.array([1.0, 0.0])
    others = marks[distance > mark]  # points under the same mark cannot be distinguished anyway
    cost = gaps + _INWARD * (1 - toward @ outward) + 2.0 * np.abs(toward[:, 1])
    over = (_shared_area(boxes, obstacles) > 0) | _segments_meet_boxes(lines, boxes).any(axis=0)
    cost = cost + _OVER_MARK * _shared_area(boxes, marks) + _OVER_OBSTACLE * over
    # a reader assigns a name without a line to the nearest mark, which must be its own
    nearest = np.clip(points[None], boxes[:, None, :2], boxes[:, None, 2:])
    stranger = (
        np.linalg.norm(nearest - points[None], axis=2)[:, distance > mark] < (gaps + mark + 1.0)[:, None]
    )
    cost = cost + _AMBIGUOUS * (stranger.any(axis=1) & (gaps <= LEADER_FROM))
    if len(others):
        cost = cost + _LEADER_OVER_MARK * _segments_meet_boxes(leaders, others).sum(axis=1)
    kept = np.argsort(cost, kind="stable")[:CANDIDATES]
    return _Options(boxes[kept], leaders[kept], gaps[kept], cost[kept])


def place(
    points: np.ndarray,
    sizes: np.ndarray,
    bounds: tuple[float, float, float, float],
    *,
    mark: float = 3.0,
    obstacles: np.ndarray = NOTHING,
    lines: np.ndarray = NOTHING,
    padding: float = 0.8,
) -> list[Placement]:
    """Boxes for the labels of `points` (n, 2) with `sizes` (n, 2) inside `bounds` (x0, y0, x1, y1).

    As long as there is room within the last of `RINGS`, no two boxes overlap and none covers a point; leader
    lines avoid each other and the boxes where possible. `mark` is the radius of a point's mark; labels avoid the
    boxes `obstacles` (m, 4) and the straight lines `lines` (k, 4) where possible. Placements are in the points' order.
    """
    count = len(points)
    points = np.asarray(points, float).reshape(count, 2)
    padded = np.asarray(sizes, float).reshape(count, 2) + 2 * padding
    options = [
        _options(i, points, padded[i], mark, np.asarray(bounds, float), obstacles, lines)
        for i in range(count)
    ]

    def costs(i: int, choice: np.ndarray) -> np.ndarray:
        """Cost of every candidate of label i, given the labels already placed (choice ≥ 0)."""
        own = options[i]
        others = [j for j in range(count) if j != i and choice[j] >= 0]
        if not others:
            return own.cost
        boxes = np.array([options[j].boxes[choice[j]] for j in others])
        leaders = np.array([options[j].leaders[choice[j]] for j in others])
        return np.asarray(
            own.cost
            + _OVERLAP * _shared_area(own.boxes, boxes)
            + _LEADER_THROUGH_LABEL * _segments_meet_boxes(own.leaders, boxes).sum(axis=1)
            + _LEADER_THROUGH_LABEL * _segments_meet_boxes(leaders, own.boxes).sum(axis=0)
            + _LEADERS_CROSS * _segments_cross(own.leaders, leaders).sum(axis=1)
        )

    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    crowding = np.exp(-distances / 20.0).sum(axis=1)
    orders = [np.argsort(key, kind="stable") for key in (-crowding, crowding, points[:, 0], -points[:, 1])]
    best: tuple[float, np.ndarray] | None = None
    for order in orders:
        choice = np.full(count, -1)
        for i in order:
            choice[i] = int(np.argmin(costs(i, choice)))
        for _ in range(ROUNDS):
            before = choice.copy()
            for i in order:
                choice[i] = int(np.argmin(costs(i, choice)))
            if np.array_equal(before, choice):
                break
        total = float(sum(costs(i, choice)[choice[i]] for i in range(count)))
        if best is None or total < best[0]:
            best = (total, choice)
    if best is None:
        return []
    return [
        Placement(
            x=float(own.boxes[k][0] + padding),
            y=float(own.boxes[k][1] + padding),
            width=float(padded[i][0] - 2 * padding),
            height=float(padded[i][1] - 2 * padding),
            anchor=(float(own.leaders[k][2]), float(own.leaders[k][3])),
            gap=float(own.gaps[k]),
        )
        for i, (own, k) in enumerate(zip(options, best[1], strict=True))
    ]
