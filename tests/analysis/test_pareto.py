"""Pareto set and combined rank, on points one can draw."""

from __future__ import annotations

import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import pareto


def points(**rows: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=["ssim", "piq"])


def test_dominated_points_are_out_weakly_dominated_ones_too_and_exact_ties_stay() -> None:
    models = points(sharp=(0.9, 4.0), smooth=(0.5, 1.0), middle=(0.7, 2.0), beaten=(0.6, 3.0))
    assert pareto.pareto_set(models) == ("sharp", "smooth", "middle")
    models = points(a=(0.9, 2.0), b=(0.9, 2.0), c=(0.9, 3.0), d=(0.8, 2.0))
    assert pareto.pareto_set(models) == ("a", "b")
    assert pareto.pareto_set(points()) == ()


def test_the_papers_frontier_is_the_one_it_names() -> None:
    named = {"ae", "wae", "vq-vae", "vae-linnf", "vae-iaf", "rae-gp", "rae-l2"}
    assert set(pareto.pareto_set(paper.models())) == named


def test_combined_rank_by_hand() -> None:
    table = pareto.combined_rank(points(a=(0.9, 4.0), b=(0.5, 1.0), c=(0.8, 2.0)))
    assert table.index.tolist() == ["c", "a", "b"]  # by minmax_sum; a and b tie there too
    assert table["combined"].tolist() == [4, 4, 4]
    assert table.at["c", "minmax_sum"] == pytest.approx(0.75 + 2 / 3)
    assert pareto.normalised(pd.Series([2.0, 2.0])).tolist() == [0.5, 0.5]
