"""Table III by rule."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.analysis.pareto import pareto_set
from reproduce.analysis.recommendations import LOOK_LIKE_DIGITS, PRIORITIES, avoided, recommend, recommended
from reproduce.storage.records import Records


def invented(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=list("abcdef"))


SIX = invented(ssim=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], piq=[6.0, 3.0, 5.0, 2.0, 4.0, 1.0])


@pytest.mark.parametrize(
    ("priority", "best", "worst"),
    [
        ("Reconstruction", ("b", "a"), ("f", "e")),  # a and b have the best SSIM, b the lower PIQ of the two
        ("Interpolation", ("d", "f"), ("a", "c")),
        (
            "Balanced",
            ("b", "d", "a", "f"),
            ("e", "c"),
        ),  # c and e are beaten; of equal sums the rescaled values decide
    ],
)
def test_the_metric_of_the_priority_filters_and_the_other_orders(
    priority: str, best: tuple[str, ...], worst: tuple[str, ...]
) -> None:
    assert recommended(SIX, priority) == best
    assert avoided(SIX, priority) == worst


def test_a_model_that_is_best_in_both_comes_first_and_is_never_avoided() -> None:
    models = SIX.assign(piq=[0.1, 3.0, 5.0, 2.0, 4.0, 1.0])
    assert all(recommended(models, priority)[0] == "a" for priority in PRIORITIES)
    assert recommended(models, "Balanced") == ("a",)
    assert all(not set(recommended(models, p)) & set(avoided(models, p)) for p in PRIORITIES)


def test_models_whose_paths_leave_the_digits_are_recommended_for_reconstruction_only() -> None:
    blurred = SIX.assign(digit_frames=[0.9, 0.2, 0.9, 0.2, 0.9, LOOK_LIKE_DIGITS])
    assert recommended(blurred, "Reconstruction") == ("b", "a")
    assert recommended(blurred, "Interpolation") == ("f",)
    assert recommended(blurred, "Balanced") == ("a", "f")
    unknown = SIX.assign(digit_frames=np.nan)
    assert recommended(unknown, "Balanced") == recommended(SIX, "Balanced")


@pytest.mark.parametrize("priority", PRIORITIES)
def test_a_third_of_the_papers_models_is_recommended_and_none_of_it_avoided(priority: str) -> None:
    models = paper.models()
    best, worst = recommended(models, priority), avoided(models, priority)
    assert not set(best) & set(worst)
    assert len(worst) == 8
    if priority == "Balanced":
        assert set(best) == set(pareto_set(models))
        assert best[:2] == ("rae-l2", "rae-gp") or best[:2] == ("rae-gp", "rae-l2")
    else:
        assert len(best) == 8


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
