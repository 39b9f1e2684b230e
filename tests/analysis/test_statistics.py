"""The paper's statistics and the ones beside them, against cases that can be worked by hand."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from reproduce import paper
from reproduce.analysis import statistics
from reproduce.storage.records import Records
from tests.synthetic import make_records


def test_pearson_on_five_points() -> None:
    found = statistics.pearson([1, 2, 3, 4, 5, np.nan], [2, 1, 4, 3, 5, 0])
    assert found.r == pytest.approx(0.8)
    assert found.n == 5
    half = 1.959964 / np.sqrt(2)
    assert (found.low, found.high) == pytest.approx(tuple(np.tanh(np.arctanh(0.8) + np.array([-half, half]))))


@pytest.mark.parametrize("correlate", [statistics.pearson, statistics.spearman])
@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_or_constant_points_have_no_correlation(correlate, x, y) -> None:
    assert np.isnan([correlate(x, y).r, correlate(x, y).p]).all()


def test_spearman_sees_order_only() -> None:
    found = statistics.spearman([1, 2, 3, 4, 5], [1, 8, 27, 64, 1000])
    assert found.r == pytest.approx(1)
    assert found.low <= found.r <= found.high + 1e-9
    # by hand: Fisher's z of 0.8 is 1.0986, and its error by Bonett and Wright √((1 + 0.32)/2)
    found = statistics.spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    ends = np.tanh(1.098612 + 1.959964 * np.sqrt(0.66) * np.array([-1, 1]))
    assert [found.r, found.low, found.high] == pytest.approx([0.8, *ends])


def test_correlations_are_symmetric_with_a_unit_diagonal() -> None:
    r, p = statistics.correlations(paper.models(), ["ssim", "mse", "piq"])
    assert np.allclose(np.diag(r), 1)
    assert np.allclose(r, r.T)
    assert r.at["ssim", "piq"] == pytest.approx(0.768, abs=5e-4)
    assert p.at["ssim", "piq"] < 0.001


def test_over_images_the_top_three_beat_the_vae(paperlike: Records) -> None:
    tests = statistics.against_baseline(paperlike, "ssim")
    assert "vae" not in tests.index
    assert (tests.loc[["ae", "wae", "vq-vae"], "p_bonferroni"] < statistics.ALPHA).all()
    assert tests.at["ae", "difference"] == pytest.approx(0.278)
    assert tests.at["ae", "n"] == 100
    assert statistics.against_baseline(paperlike, "piq").at["ae", "n"] == 25, "pairs"
    assert tests["p_bonferroni"].max() <= 1


def test_equal_differences_have_no_p_and_without_the_baseline_there_is_no_test() -> None:
    records = make_records(seeds=(42,), architectures=("vae", "ae"))
    same = dataclasses.replace(records, images=records.images.assign(ssim=0.5))
    assert statistics.against_baseline(same, "ssim").loc["ae", ["p_bonferroni", "effect_size"]].isna().all()
    assert statistics.against_baseline(make_records(seeds=(42,), architectures=("ae",)), "ssim").empty


@pytest.mark.parametrize("p", [[0.3], [0.04, 0.01, 0.5, 0.011, 0.02], [0.1, 0.1, 0.0, 0.0, 0.9], [0.0, 0.0]])
def test_holm_is_the_closed_test_of_bonferroni(p: list[float]) -> None:
    """A hypothesis is as significant as the least significant of all sets that it is in."""
    at = range(len(p))
    sets = [each for size in range(1, len(p) + 1) for each in combinations(at, size)]
    whole = {each: min(1.0, len(each) * min(p[i] for i in each)) for each in sets}
    expected = [max(value for each, value in whole.items() if i in each) for i in at]
    assert statistics.holm([np.nan, *p]) == pytest.approx([np.nan, *expected], nan_ok=True)


def test_the_smallest_p_that_printed_numbers_allow() -> None:
    # best case: perfectly correlated pairs, SD of differences |0.5 − 0.2| = 0.3; t = 1/(0.3/√3), 2 degrees
    assert statistics.smallest_p(1.0, 0.3, 3) == pytest.approx(0.0287, abs=5e-5)
    assert statistics.smallest_p(1.0, 0.0, 3) == 0.0
    assert statistics.smallest_p(0.0, 0.0, 3) == 1.0
    assert np.isnan(statistics.smallest_p(0.0, 0.0, 1))
