"""Table III by rule."""

from __future__ import annotations

import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.analysis.pareto import pareto_set
from reproduce.analysis.recommendations import PRIORITIES, avoided, recommend, recommended
from reproduce.records import Records


def test_reconstruction_weighs_ssim_twice() -> None:
    # normalised (ssim, smoothness): a (1, 0), b (0.5, 0.9), c (0, 1) → 2.0, 1.9, 1.0
    models = pd.DataFrame({"ssim": [0.9, 0.7, 0.5], "piq": [2.0, 1.1, 1.0]}, index=["a", "b", "c"])
    assert recommended(models, "Reconstruction") == ("a", "b", "c")
    assert recommended(models, "Interpolation") == ("b", "c", "a")


@pytest.mark.parametrize("priority", PRIORITIES)
def test_only_the_frontier_is_recommended_and_never_avoided(priority: str) -> None:
    models = paper.models()
    best, worst = recommended(models, priority), avoided(models, priority)
    assert set(best) <= set(pareto_set(models))
    assert not set(best) & set(worst)
    assert len(best) == len(worst) == 3


@pytest.mark.parametrize("priority", PRIORITIES)
def test_collapsed_and_failed_rows_are_in_neither_list(priority: str, damaged: Records) -> None:
    models = summaries.summarise(damaged)
    assert models.at["beta-vae", "piq"] < models["piq"].drop("beta-vae").min(), "the collapse looks smooth"
    assert not {"beta-vae", "svae"} & {*recommended(models, priority), *avoided(models, priority)}


def test_disentanglement_is_not_testable() -> None:
    table = recommend(paper.models()).set_index("application")
    assert table.index[~table["testable"]].tolist() == ["Disentanglement"]
    assert table.at["Disentanglement", "recommended"] == ()


def test_applications_of_one_priority_share_their_lists() -> None:
    table = recommend(paper.models())
    assert (table.groupby("priority")["recommended"].nunique() == 1).all()
