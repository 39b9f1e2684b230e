"""The rule of sameness: a claim holds, falls, or cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reproduce.analysis.claims import Outcome
from reproduce.analysis.claims.differences import _same
from reproduce.analysis.claims.model import Untestable
from reproduce.analysis.statistics import p_same

SPREAD = np.tile([-1.0, 1.0], 50)
"""A hundred differences of mean zero and standard error about 0.1."""


@pytest.mark.parametrize(
    ("differences", "margin", "two_sided", "no_gain"),
    [
        (SPREAD, 0.3, Outcome.HOLDS, Outcome.HOLDS),
        (SPREAD, 0.1, Outcome.PARTLY, Outcome.PARTLY),
        (SPREAD + 0.15, 0.1, Outcome.UNTESTABLE, Outcome.UNTESTABLE),
        (SPREAD + 0.5, 0.1, Outcome.FAILS, Outcome.FAILS),
        (SPREAD - 0.5, 0.1, Outcome.FAILS, Outcome.HOLDS),
        (SPREAD + 0.5, 0.9, Outcome.HOLDS, Outcome.HOLDS),
    ],
    ids=[
        "shown",
        "within, not shown",
        "beyond, not significant",
        "beyond",
        "beyond, worse",
        "significant but small",
    ],
)
def test_sameness_falls_only_by_a_significant_difference_beyond_the_margin(
    differences: np.ndarray, margin: float, two_sided: Outcome, no_gain: Outcome
) -> None:
    assert _same([(differences, margin)]).outcome is two_sided
    assert _same([(differences, margin)], one_sided=True).outcome is no_gain


def test_what_cannot_be_told_says_why() -> None:
    assert _same([(SPREAD + 0.15, 0.1)]).reason == "n too small to tell"
    with pytest.raises(Untestable, match="n too small"):
        _same([(np.ones(1), 0.1)])


def test_several_comparisons_are_corrected_for() -> None:
    """One comparison with p = 0.03 decides; two of them do not."""
    reach = stats.t.isf(0.03, 99) * float(stats.sem(SPREAD))
    assert p_same(SPREAD, reach) == pytest.approx(0.03)
    assert _same([(SPREAD, reach)]).outcome is Outcome.HOLDS
    assert _same([(SPREAD, reach)] * 2).outcome is Outcome.PARTLY
    shift = stats.t.isf(0.015, 99) * float(stats.sem(SPREAD))
    assert _same([(SPREAD + shift, 0.1)]).outcome is Outcome.FAILS
    assert _same([(SPREAD + shift, 0.1)] * 2).outcome is Outcome.UNTESTABLE
