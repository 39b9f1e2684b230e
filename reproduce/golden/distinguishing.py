"""Which of the 231 pairs of architectures the bands can tell apart: a check that cannot is no check."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from reproduce.golden.model import COMPARED, Golden
from reproduce.names import SLUGS


def alike(golden: Golden, same_machine: bool) -> list[tuple[str, str]]:
    """Pairs whose numbers could change places without leaving a band, Table I's order.

    A pair is told apart if in some run of either one the other's number, put in its place, would be off.
    same_machine: whether the bands of one class of machine count, or the wide ones. Raises KeyError without a band.
    """
    values = {
        slug: frame.sort_values("seed").set_index("seed")[list(COMPARED)]
        for slug, frame in golden.runs.groupby("architecture")
    }
    allowances = {
        slug: frame.apply(
            lambda column, slug=slug: [
                golden.band(str(column.name), slug).allowance(value, same_machine) for value in column
            ]
        )
        for slug, frame in values.items()
    }
    found = []
    for first, second in combinations([slug for slug in SLUGS if slug in values], 2):
        difference = (values[first] - values[second]).abs()
        narrower = np.minimum(allowances[first], allowances[second])
        if not (difference > narrower).to_numpy().any():
            found.append((first, second))
    return found


def pair_count(golden: Golden) -> int:
    """Pairs of architectures that golden has."""
    n = golden.runs["architecture"].nunique()
    return n * (n - 1) // 2
