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

SSIM, PIQ = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [6.0, 3.0, 5.0, 2.0, 4.0, 1.0]
SIX = pd.DataFrame({"ssim": SSIM, "piq": PIQ}, index=list("abcdef"))


@pytest.mark.parametrize(
    ("priority", "best", "worst"),
    [
        ("Reconstruction", "ba", "fe"),  # a and b have the best SSIM, b the lower PIQ of the two
        ("Interpolation", "df", "ac"),
        ("Balanced", "bdaf", "ec"),  # c and e are beaten; of equal sums the rescaled values decide
    ],
)
def test_the_prioritys_metric_filters_and_the_other_orders(priority: str, best: str, worst: str) -> None:
    assert recommended(SIX, priority) == tuple(best)
    assert avoided(SIX, priority) == tuple(worst)


def test_a_model_that_is_best_in_both_comes_first_and_is_never_avoided() -> None:
    models = SIX.assign(piq=[0.1, 3.0, 5.0, 2.0, 4.0, 1.0])
    assert all(recommended(models, priority)[0] == "a" for priority in PRIORITIES)
    assert recommended(models, "Balanced") == ("a",)
    assert all(not set(recommended(models, p)) & set(avoided(models, p)) for p in PRIORITIES)


def test_models_whose_paths_leave_the_digits_are_recommended_for_reconstruction_only() -> None:
    blurred = SIX.assign(digit_frames=[0.9, 0.2, 0.9, 0.2, 0.9, LOOK_LIKE_DIGITS])
    assert [recommended(blurred, priority) for priority in PRIORITIES] == [("b", "a"), ("f",), ("a", "f")]
    unknown = SIX.assign(digit_frames=np.nan)
    assert recommended(unknown, "Balanced") == recommended(SIX, "Balanced")


def test_a_third_of_the_papers_models_is_recommended_and_a_third_avoided() -> None:
    models = paper.models()
    sizes = {p: (len(recommended(models, p)), len(avoided(models, p))) for p in PRIORITIES}
    assert sizes == {"Reconstruction": (8, 8), "Interpolation": (8, 8), "Balanced": (7, 8)}
    best = recommended(models, "Balanced")
    assert set(best) == set(pareto_set(models))
    assert set(best[:2]) == {"rae-l2", "rae-gp"}


@pytest.mark.parametrize("priority", PRIORITIES)
def test_collapsed_and_failed_rows_are_in_neither_list(priority: str, damaged: Records) -> None:
    models = summaries.summarise(damaged)
    assert models.at["beta-vae", "piq"] < models["piq"].drop("beta-vae").min(), "the collapse looks smooth"
    assert not {"beta-vae", "svae"} & {*recommended(models, priority), *avoided(models, priority)}


def test_applications_of_one_priority_share_their_lists_and_disentanglement_is_not_testable() -> None:
    table = recommend(paper.models())
    assert (table.groupby("priority")["recommended"].nunique() == 1).all()
    (untestable,) = table[~table["testable"]].itertuples()
    assert (untestable.application, untestable.recommended) == ("Disentanglement", ())
