"""The correlation of quality and smoothness, taken apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reproduce import evaluation, paper
from reproduce.analysis import headline
from reproduce.analysis.headline import SUBSETS, association, leave_one_out, removal_path
from reproduce.analysis.summaries import summarise
from reproduce.storage.records import Records
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return headline.headline(make_records(seeds=(42, 123), collapsed=["beta-vae"]))


def row(table: pd.DataFrame, source: str, metric: str, subset: str) -> pd.Series:
    (found,) = [
        r
        for _, r in table.iterrows()
        if (r.source, r.smoothness_metric, r.subset) == (source, metric, subset)
    ]
    return found


def test_one_row_a_source_metric_and_subset(table: pd.DataFrame) -> None:
    assert set(table["source"]) == {"paper", "ours", "ours, seed 42", "ours, seed 123"}
    assert len(table) == len(SUBSETS) * (1 + 3 * 4)
    assert not table.duplicated(["source", "smoothness_metric", "subset"]).any()


def test_three_points_carry_the_papers_correlation(table: pd.DataFrame) -> None:
    everything = row(table, "paper", "piq", "all models")
    assert everything["r"] == pytest.approx(0.768, abs=5e-4)
    rest = row(table, "paper", "piq", "without AE, WAE, VQ-VAE")
    assert rest["n"] == 19
    assert rest["r"] < 0
    assert rest["p"] > 0.05


def test_distinct_rows_of_the_paper_are_fifteen(table: pd.DataFrame) -> None:
    assert row(table, "paper", "piq", "distinct rows")["n"] == 15


def test_collapsed_rows_are_left_out_unless_asked_for(table: pd.DataFrame) -> None:
    assert row(table, "ours", "piq", "all models")["n"] == 21
    assert row(table, "ours", "piq", "with collapsed rows")["n"] == 22


def test_the_ae_like_cluster_follows_its_rule() -> None:
    models = paper.models()
    assert headline.ae_like(models) == ("ae", "wae")  # VQ-VAE: SSIM 0.023 below, MSE 14 % above
    assert headline.ae_like(models.drop("ae")) == ()


def test_intervals_enclose_r_and_leave_one_out_has_its_extremes() -> None:
    found = association(paper.models(), "piq")
    assert found["low"] < found["r"] < found["high"]
    assert found["boot_low"] < found["r"] < found["boot_high"]
    assert found["permutation_p"] < 0.01
    assert found["null_low"] < 0 < found["null_high"] < found["r"]
    assert found["loo_low"] <= found["r"] <= found["loo_high"]
    assert found["loo_model"] == "ae"


def test_leave_one_out_by_hand() -> None:
    models = pd.DataFrame({"ssim": [0.0, 1, 2, 9], "piq": [0.0, 1, 2, 0]}, index=list("abcd"))
    left = leave_one_out(models)
    assert left["d"] == pytest.approx(1)
    assert left["a"] < 0


def test_few_points_are_not_testable() -> None:
    found = association(paper.models().iloc[:3], "piq")
    assert np.isnan([found["r"], found["p"], found["permutation_p"], found["boot_low"]]).all()


def test_removal_path_starts_with_the_points_that_carry_most() -> None:
    path = removal_path(paper.models(), steps=3)
    assert path["removed"].tolist() == ["", "ae", "wae", "vq-vae"]
    assert path["r"].is_monotonic_decreasing


def test_the_floor_counts_the_steps_of_the_evaluations_frames() -> None:
    assert headline.STEPS == evaluation.FRAMES - 1


def test_the_same_seed_gives_the_same_resamples() -> None:
    assert association(paper.models(), "piq") == association(paper.models(), "piq")


# --- the mechanism ----------------------------------------------------------------------------------------


def drawn(n: int = 40) -> pd.DataFrame:
    x, y, z = np.random.default_rng(2).standard_normal((3, n))
    return pd.DataFrame({"x": x + z, "y": y + 0.5 * x + z, "z": z})


def test_a_partial_correlation_by_the_formula_of_three_correlations() -> None:
    rows = drawn()
    r = rows.corr()
    by_formula = (r.at["x", "y"] - r.at["x", "z"] * r.at["y", "z"]) / np.sqrt(
        (1 - r.at["x", "z"] ** 2) * (1 - r.at["y", "z"] ** 2)
    )
    found = headline.partial(rows["x"], rows["y"], rows["z"])
    assert found.r == pytest.approx(by_formula)
    assert found.n == len(rows)


def test_its_p_is_that_of_the_coefficient_in_a_regression_on_both() -> None:
    rows = drawn()
    design = np.column_stack([np.ones(len(rows)), rows["x"], rows["z"]])
    slopes, (squares,), _, _ = np.linalg.lstsq(design, rows["y"], rcond=None)
    freedom = len(rows) - 3
    error = np.sqrt(squares / freedom * np.linalg.inv(design.T @ design)[1, 1])
    p = 2 * stats.t.sf(abs(slopes[1] / error), freedom)
    assert headline.partial(rows["x"], rows["y"], rows["z"]).p == pytest.approx(p)


def test_its_interval_is_fishers_with_one_point_less() -> None:
    rows = drawn()
    found = headline.partial(rows["x"], rows["y"], rows["z"])
    half = 1.959964 / np.sqrt(len(rows) - 1 - 3)
    assert np.arctanh([found.low, found.high]) == pytest.approx(np.arctanh(found.r) + np.array([-half, half]))


def test_given_what_explains_both_nothing_is_left() -> None:
    """SSIM and PIQ both follow D: strongly correlated, and not at all once D is given."""
    x, y, d = np.random.default_rng(4).standard_normal((3, 200))
    models = pd.DataFrame(
        {"ssim": d + 0.3 * x, "piq": d + 0.3 * y, "mse": 1.0, "end_distance": d, "piq_over_floor": y}
    )
    found = headline.mechanism(models)
    assert found is not None
    assert found.distance.r > 0.9
    assert found.partial.low < 0 < found.partial.high
    assert abs(found.over_floor.r) < 0.2
    assert found.cluster == ()


def test_near_copies_of_the_ae_are_merged_into_one_row(paperlike: Records) -> None:
    models = summarise(paperlike)
    models.loc["wae", ["ssim", "mse"]] = models.loc["ae", ["ssim", "mse"]] * 1.01
    found = headline.mechanism(models)
    assert found is not None
    assert found.cluster == ("ae", "wae")
    assert found.merged.n == found.distance.n - 1 == len(models) - 1


def test_few_models_have_no_mechanism(paperlike: Records) -> None:
    assert headline.mechanism(summarise(paperlike).iloc[:5]) is None
