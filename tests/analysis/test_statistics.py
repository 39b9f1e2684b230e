"""The paper's statistics and the ones beside them, against cases that can be worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from reproduce import paper
from reproduce.analysis import statistics
from reproduce.errors import ReproduceError
from reproduce.records import Records
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


def test_the_whole_sets_difference_is_told_in_sds_of_one_image(paperlike: Records) -> None:
    tests = statistics.against_baseline(paperlike, "ssim", "images")
    runs = paperlike.runs.assign(test_ssim=paperlike.runs["architecture"].map({"vae": 0.5, "ae": 0.7}))
    effects = statistics.whole_set_effects(replace(paperlike, runs=runs), "ssim")
    assert effects.at["ae", "difference"] == pytest.approx(0.2)
    one_sd = tests.at["ae", "difference"] / tests.at["ae", "effect_size"]
    assert effects.at["ae", "effect_size"] == pytest.approx(0.2 / one_sd)


def test_a_difference_is_tested_over_the_same_images(paperlike: Records) -> None:
    tests = statistics.against_baseline(paperlike, "ssim", "images")
    found = statistics.p_different(statistics.paired(paperlike, ["wae"], ["vae"], "ssim"))
    assert found == pytest.approx(tests.at["wae", "p"])


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


SPREAD = np.tile([-1.0, 1.0], 50)
"""A hundred differences of mean zero and standard error about 0.1."""


def test_differences_are_paired_by_image_and_averaged_over_seeds(paperlike: Records) -> None:
    found = statistics.paired(paperlike, ["ae"], ["vae"], "ssim")
    assert len(found) == 100
    assert found.mean() == pytest.approx(0.908 - 0.630)
    both = statistics.paired(paperlike, ["ae", "vae"], ["vae"], "ssim")
    assert both == pytest.approx(found / 2)
    assert statistics.paired(paperlike, ["ae"], ["no such model"], "ssim").size == 0


def test_a_bound_is_tested_from_one_side() -> None:
    expected = stats.ttest_1samp(SPREAD, 0.2, alternative="less").pvalue
    assert statistics.p_below(SPREAD, 0.2) == pytest.approx(expected)
    assert statistics.p_below(SPREAD - 5, 0.2) < 1e-9, "being worse is no gain"
    assert statistics.p_below(SPREAD + 5, 0.2) > 0.999


def test_sameness_needs_both_sides() -> None:
    assert statistics.p_same(SPREAD, 0.3) == pytest.approx(ttost_paired(SPREAD, 0 * SPREAD, -0.3, 0.3)[0])
    assert statistics.p_same(SPREAD + 5, 0.3) > 0.99
    assert statistics.p_same(SPREAD - 5, 0.3) > 0.99


def test_differences_that_do_not_vary_need_no_test() -> None:
    none, one = np.zeros(5), np.ones(5)
    assert (statistics.p_below(none, 0.1), statistics.p_same(one, 0.1)) == (0.0, 1.0)
    assert (statistics.p_different(none), statistics.p_different(one)) == (1.0, 0.0)


def test_one_difference_is_no_sample() -> None:
    single = np.ones(1)
    assert np.isnan(statistics.p_below(single, 0.1))
    assert np.isnan(statistics.p_different(single))
    assert np.isnan(statistics.p_same(single, 0.1))


def test_sameness_is_neither_shown_nor_refuted_by_noise() -> None:
    found = statistics.sameness([(SPREAD, 0.5), (SPREAD + 0.9, 0.1), (SPREAD + 0.15, 0.1), (np.ones(1), 0.1)])
    assert found["same"].tolist() == [True, False, False, False]
    assert found["different"].tolist() == [False, True, False, False]
    assert found["beyond"].tolist() == [False, True, True, True]
    gains = statistics.sameness([(SPREAD - 5, 0.1)], one_sided=True)
    assert (gains["same"].item(), gains["different"].item()) == (True, False)


def test_intervals_by_hand() -> None:
    records = make_records(architectures=["ae", "vae"])
    runs = records.runs.assign(ssim=records.runs["seed"].map({42: 0.6, 123: 0.7, 456: 0.8, 0: 0.5}))
    row = statistics.intervals(replace(records, runs=runs), "ssim").loc["ae"]
    error = 0.1 / np.sqrt(3)
    assert row["mean"] == pytest.approx(0.7)
    assert row["student_high"] - 0.7 == pytest.approx(4.302653 * error)
    assert row["printed_high"] - 0.7 == pytest.approx(1.96 * error)
    assert row["df"] == 4
    assert row["pooled_high"] - 0.7 == pytest.approx(2.776445 * error)


def test_one_seed_has_no_interval() -> None:
    row = statistics.intervals(make_records(seeds=(42,), architectures=["ae"]), "ssim").loc["ae"]
    assert row[["student_low", "printed_low", "pooled_low"]].isna().all()


def test_collapsed_models_do_not_lend_their_spread() -> None:
    records = make_records(architectures=["ae", "vae", "beta-vae"], collapsed=["beta-vae"])
    found = statistics.intervals(records, "ssim")
    assert found["df"].unique().tolist() == [4]
    assert found["pooled_low"].isna().to_dict() == {"ae": False, "vae": False, "beta-vae": True}


@pytest.mark.parametrize(
    ("seeds", "printed", "student", "pairs"),
    [
        (1, "without an SD", "without an SD", "one pair"),
        (2, "6.5 times too small for n = 2", "12.71", "2 pairs"),
        (3, "2.2 times too small for n = 3", "4.30", "3 pairs"),
    ],
)
def test_methods_are_explained_for_the_seeds_at_hand(
    seeds: int, printed: str, student: str, pairs: str
) -> None:
    told = statistics.methods(seeds)
    assert printed in told["printed interval"]
    assert student in told["student interval"]
    assert pairs in told["t-test over seeds"]


def test_the_smallest_p_that_printed_numbers_allow() -> None:
    # best case: perfectly correlated pairs, SD of differences |0.5 − 0.2| = 0.3; t = 1/(0.3/√3), 2 degrees
    assert statistics.smallest_p(1.0, 0.3, 3) == pytest.approx(0.0287, abs=5e-5)
    assert statistics.smallest_p(1.0, 0.0, 3) == 0.0
    assert statistics.smallest_p(0.0, 0.0, 3) == 1.0
    assert np.isnan(statistics.smallest_p(0.0, 0.0, 1))
