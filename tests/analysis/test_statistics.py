"""The paper's statistics and the ones beside them, against cases that can be worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import statistics
from reproduce.errors import ReproduceError
from reproduce.storage.records import Records
from tests.synthetic import make_records


def test_pearson_on_five_points() -> None:
    found = statistics.pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert found.r == pytest.approx(0.8)
    assert found.n == 5
    half = 1.959964 / np.sqrt(2)
    assert (found.low, found.high) == pytest.approx(tuple(np.tanh(np.arctanh(0.8) + np.array([-half, half]))))


def test_pearson_leaves_nan_out() -> None:
    assert statistics.pearson([1, 2, 3, 4, np.nan], [1, 2, 3, 4, 0]).n == 4


@pytest.mark.parametrize("correlate", [statistics.pearson, statistics.spearman])
@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_or_constant_points_have_no_correlation(correlate, x, y) -> None:
    assert np.isnan(correlate(x, y).r)
    assert np.isnan(correlate(x, y).p)


def test_spearman_sees_order_only() -> None:
    found = statistics.spearman([1, 2, 3, 4, 5], [1, 8, 27, 64, 1000])
    assert found.r == pytest.approx(1)
    assert found.low <= found.r <= found.high + 1e-9


def test_correlations_are_symmetric_with_a_unit_diagonal() -> None:
    r, p = statistics.correlations(paper.models(), ["ssim", "mse", "piq"])
    assert np.allclose(np.diag(r), 1)
    assert np.allclose(r, r.T)
    assert r.at["ssim", "piq"] == pytest.approx(0.768, abs=5e-4)
    assert p.at["ssim", "piq"] < 0.001


def test_over_images_the_top_three_beat_the_vae(paperlike: Records) -> None:
    tests = statistics.against_baseline(paperlike, "ssim", "images")
    assert "vae" not in tests.index
    assert tests.loc[["ae", "wae", "vq-vae"], "significant"].all()
    assert tests.at["ae", "difference"] == pytest.approx(0.278)
    assert tests.at["ae", "n"] == 100
    assert (tests["p_holm"] >= tests["p"]).all()


def test_bonferroni_is_the_printed_threshold_turned_round(paperlike: Records) -> None:
    tests = statistics.against_baseline(paperlike, "ssim", "images")
    assert ((tests["p_bonferroni"] < 0.05) == tests["significant"]).all()
    assert tests["p_bonferroni"].max() <= 1
    assert (tests["p_holm"] <= tests["p_bonferroni"]).all()


def test_pairs_are_the_unit_of_interpolation_metrics(paperlike: Records) -> None:
    assert statistics.against_baseline(paperlike, "piq", "images").at["ae", "n"] == 25


def test_three_seeds_are_three_pairs() -> None:
    tests = statistics.against_baseline(make_records(architectures=["vae", "ae", "svae"]), "ssim", "seeds")
    assert tests["n"].tolist() == [3, 3]
    assert tests["p"].between(0, 1).all()


def test_one_seed_gives_no_p() -> None:
    tests = statistics.against_baseline(
        make_records(seeds=(42,), architectures=["vae", "ae"]), "ssim", "seeds"
    )
    assert tests["p"].isna().all()
    assert tests["p_holm"].isna().all()
    assert not tests["significant"].any()


def test_equal_runs_give_no_p(paperlike: Records) -> None:
    """Without seed spread every difference is the same: there is nothing to test against."""
    assert statistics.against_baseline(paperlike, "ssim", "seeds")["p"].isna().all()


def test_without_the_baseline_there_is_no_test() -> None:
    assert statistics.against_baseline(
        make_records(seeds=(42,), architectures=["ae"]), "ssim", "images"
    ).empty


def test_an_unknown_unit_is_refused(paperlike: Records) -> None:
    with pytest.raises(ReproduceError, match="seeds or images"):
        statistics.against_baseline(paperlike, "ssim", "models")


def test_holm_by_hand() -> None:
    p = pd.Series({"a": 0.01, "b": np.nan, "c": 0.04, "d": 0.03})
    assert statistics.holm(p).round(10).fillna(-1).to_dict() == {"a": 0.03, "b": -1, "c": 0.06, "d": 0.06}


def step_down(p: np.ndarray, alpha: float) -> set[int]:
    """What Holm (1979) rejects: the smallest p at alpha/n, the next at alpha/(n − 1), until one is larger."""
    rejected: set[int] = set()
    for i in map(int, np.argsort(p, kind="stable")):
        if p[i] > alpha / (len(p) - len(rejected)):
            break
        rejected.add(i)
    return rejected


@pytest.mark.parametrize("n", [1, 2, 21, 200])
def test_holms_p_values_reject_what_his_procedure_rejects(n: int) -> None:
    rng = np.random.default_rng(n)
    for p in (rng.random(n), rng.random(n) ** 6, np.round(rng.random(n), 1), np.zeros(n)):
        adjusted = statistics.holm_of(p)
        for alpha in (0.001, 0.0123, 0.0512, 0.31, 0.97):
            assert set(np.flatnonzero(adjusted <= alpha)) == step_down(p, alpha)


SPREAD = np.tile([-1.0, 1.0], 50)
"""A hundred differences of mean zero and standard error about 0.1."""


def test_the_smallest_p_that_printed_numbers_allow() -> None:
    # best case: perfectly correlated pairs, SD of differences |0.5 − 0.2| = 0.3; t = 1/(0.3/√3), 2 degrees
    assert statistics.smallest_p(1.0, 0.3, 3) == pytest.approx(0.0287, abs=5e-5)
    assert statistics.smallest_p(1.0, 0.0, 3) == 0.0
    assert statistics.smallest_p(0.0, 0.0, 3) == 1.0
    assert np.isnan(statistics.smallest_p(0.0, 0.0, 1))
