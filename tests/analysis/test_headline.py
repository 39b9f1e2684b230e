"""The correlation of quality and smoothness, taken apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reproduce import paper
from reproduce.analysis import headline
from reproduce.analysis.headline import SUBSETS, leave_one_out, removal_path
from reproduce.analysis.summaries import summarise
from reproduce.storage.records import Records
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Index source, metric and subset."""
    records = make_records(seeds=(42, 123), collapsed=["beta-vae"])
    return headline.headline(summarise(records)).sort_index()


def test_one_row_a_source_metric_and_subset(table: pd.DataFrame) -> None:
    assert set(table.index.levels[0]) == {"paper", "ours"}
    assert len(table) == len(SUBSETS) * (1 + 3)
    assert table.index.is_unique


def test_three_points_carry_the_papers_correlation(table: pd.DataFrame) -> None:
    printed = table.loc[("paper", "piq")]
    assert printed.at["all models", "r"] == pytest.approx(0.768, abs=5e-4)
    rest = printed.loc["without AE, WAE, VQ-VAE"]
    assert rest["n"] == 19
    assert rest["r"] < 0
    assert rest["p"] > 0.05
    assert printed.at["distinct rows", "n"] == 15
    path = removal_path(paper.models(), steps=3)
    assert path["removed"].tolist() == ["", "ae", "wae", "vq-vae"]
    assert path["r"].is_monotonic_decreasing


def test_collapsed_rows_are_left_out_unless_asked_for(table: pd.DataFrame) -> None:
    ours = table.loc[("ours", "piq")]["n"]
    assert (ours["all models"], ours["with collapsed rows"]) == (21, 22)


def test_the_ae_like_cluster_follows_its_rule() -> None:
    models = paper.models()
    assert headline.ae_like(models) == ("ae", "wae")  # VQ-VAE: SSIM 0.023 below, MSE 14 % above
    assert headline.ae_like(models.drop("ae")) == ()


def test_leave_one_out_by_hand() -> None:
    models = pd.DataFrame({"ssim": [0.0, 1, 2, 9], "piq": [0.0, 1, 2, 0]}, index=list("abcd"))
    left = leave_one_out(models)
    assert left["d"] == pytest.approx(1)
    assert left["a"] < 0


def test_nothing_is_said_of_the_mechanism_of_few_models(paperlike: Records) -> None:
    assert headline.mechanism(summarise(paperlike).iloc[:5]) is None


def test_a_partial_correlation_is_that_of_three_correlations_and_of_a_regression() -> None:
    """r by the formula of three correlations, p that of x in a regression of y on both, Fisher's interval with one
    point less."""
    x, y, z = np.random.default_rng(2).standard_normal((3, 40))
    rows = pd.DataFrame({"x": x + z, "y": y + 0.5 * x + z, "z": z})
    found = headline.partial(rows["x"], rows["y"], rows["z"])
    xy, xz, yz = (rows[a].corr(rows[b]) for a, b in ("xy", "xz", "yz"))
    assert found.r == pytest.approx((xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2)))
    assert found.n == 40
    design = np.column_stack([np.ones(40), rows["x"], rows["z"]])
    coefficients, (squares,), *_ = np.linalg.lstsq(design, rows["y"].to_numpy())
    error = np.sqrt(np.linalg.inv(design.T @ design)[1, 1] * squares / 37)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(coefficients[1] / error), 37))
    half = 1.959964 / np.sqrt(40 - 1 - 3)
    assert np.arctanh([found.low, found.high]) == pytest.approx(np.arctanh(found.r) + np.array([-half, half]))


def test_given_what_explains_both_nothing_is_left() -> None:
    """SSIM and PIQ both follow D: strongly correlated, and not at all once D is given."""
    x, y, d = np.random.default_rng(4).standard_normal((3, 200))
    both = {"ssim": d + 0.3 * x, "piq": d + 0.3 * y}
    models = pd.DataFrame(both | {"mse": 1.0, "end_distance": d, "piq_over_floor": y})
    found = headline.mechanism(models)
    assert found is not None
    assert found.distance.r > 0.9
    assert found.partial.low < 0 < found.partial.high
    assert found.cluster == ()


def test_near_copies_of_the_ae_are_merged_into_one_row(paperlike: Records) -> None:
    models = summarise(paperlike)
    models.loc["wae", ["ssim", "mse"]] = models.loc["ae", ["ssim", "mse"]] * 1.01
    found = headline.mechanism(models)
    assert found is not None
    assert found.cluster == ("ae", "wae")
    assert found.merged.n == found.distance.n - 1 == len(models) - 1
