"""The tests beneath claims of sameness: one-sided, two-sided, and corrected for how many there are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reproduce.analysis.claims import Outcome
from reproduce.analysis.claims.differences import _same, p_below, p_different, p_same, paired
from reproduce.records import Records

SPREAD = np.tile([-1.0, 1.0], 50)
"""A hundred differences of mean zero and standard error about 0.1."""


def test_differences_are_paired_by_image_and_averaged_over_seeds(paperlike: Records) -> None:
    found = paired(paperlike, ["ae"], ["vae"], "ssim")
    assert len(found) == 100
    assert found.mean() == pytest.approx(0.908 - 0.630)
    both = paired(paperlike, ["ae", "vae"], ["vae"], "ssim")
    assert both == pytest.approx(found / 2)
    assert paired(paperlike, ["ae"], ["no such model"], "ssim").size == 0


def test_a_bound_is_tested_from_one_side() -> None:
    expected = stats.ttest_1samp(SPREAD, 0.2, alternative="less").pvalue
    assert p_below(SPREAD, 0.2) == pytest.approx(expected)
    assert p_below(SPREAD - 5, 0.2) < 1e-9, "being worse is no gain"
    assert p_below(SPREAD + 5, 0.2) > 0.999


def test_sameness_needs_both_sides() -> None:
    assert p_same(SPREAD, 0.3) < 0.01
    assert p_same(SPREAD + 5, 0.3) > 0.99
    assert p_same(SPREAD - 5, 0.3) > 0.99


def test_differences_that_do_not_vary_need_no_test() -> None:
    assert (p_below(np.zeros(5), 0.1), p_different(np.zeros(5)), p_same(np.ones(5), 0.1)) == (0.0, 1.0, 1.0)
    assert p_different(np.ones(5)) == 0.0


@pytest.mark.parametrize("test", [lambda d: p_below(d, 0.1), p_different, lambda d: p_same(d, 0.1)])
def test_one_difference_is_no_sample(test) -> None:
    assert np.isnan(test(np.ones(1)))


def test_several_comparisons_are_corrected_for() -> None:
    """One comparison with p = 0.03 proves sameness; two of them do not."""
    margin = stats.t.isf(0.03, 99) * float(stats.sem(SPREAD))
    assert p_same(SPREAD, margin) == pytest.approx(0.03)
    assert _same([(SPREAD, margin)]).outcome is Outcome.HOLDS
    assert _same([(SPREAD, margin)] * 2).outcome is Outcome.PARTLY
