"""Which protocol, length and definition of SSIM a printed row agrees with, on campaigns made around the print."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import forensics
from reproduce.analysis.forensics import Forensics
from reproduce.storage.records import Records
from tests.synthetic import make_records

LAST = ("notebook", "paper", 10, True, "ssim")


@pytest.fixture(scope="module")
def exact() -> Records:
    """Ten epochs whose means and spreads are those of the paper's tables, under the stated definition of SSIM."""
    return make_records("notebook", (42,), seed_spread=0.0)


@pytest.fixture(scope="module")
def repetition(exact: Records) -> Forensics:
    return investigated(exact)


def investigated(records: Records) -> Forensics:
    found = forensics.investigate({records.profile: records})
    assert found is not None
    return found


def moved(records: Records, slug: str, metric: str, standard_errors: float) -> Records:
    """One model's metric moved by that many standard errors of the difference from the print, at every milestone."""
    n = 100 if metric in ("ssim", "mse", "psnr") else 25
    rows = records.milestones.copy()
    chosen = rows["architecture"] == slug
    last = rows[chosen & (rows["epoch"] == 10)][metric].dropna()
    error = math.sqrt((last.std() ** 2 + paper.models().at[slug, f"{metric}_sd"] ** 2) / n)
    rows.loc[chosen, metric] += standard_errors * error
    return replace(records, milestones=rows)


def test_a_repetition_of_the_print_agrees_without_any_distance(exact: Records, repetition: Forensics) -> None:
    found = repetition.of(LAST)
    assert found["agrees"].all()
    assert len(found) == 22
    assert found["distance"].max() < 1e-12
    best = repetition.winner
    assert (best["definition"], best["agree"], best["rows"]) == ("ssim", 22, 22)
    near = forensics.nearest_epochs(exact, "ssim")
    assert set(near["epoch"]) == {10}
    assert near["distance"].max() < 1e-12


@pytest.mark.parametrize(
    ("metric", "by", "agrees"), [("ssim", 2.6, True), ("ssim", -2.7, False), ("piq", 2.7, False)]
)
def test_a_metric_beyond_its_interval_disagrees(exact: Records, metric: str, by: float, agrees: bool) -> None:
    """Bonferroni over six metrics: 2.638 standard errors."""
    row = investigated(moved(exact, "vae", metric, by)).of(LAST).loc["vae"]
    assert (row["agrees"], row["worst"]) == (agrees, metric)
    assert row["worst_z"] == pytest.approx(abs(by))


def test_another_definition_that_made_the_print_is_found(exact: Records) -> None:
    rows = exact.milestones.copy()
    for name in ("ssim", "i_ssim"):
        columns = [name, f"{name}_uniform7_range2"]
        rows[columns] = rows[columns[::-1]].to_numpy()
    best = investigated(replace(exact, milestones=rows)).winner
    assert best["definition"] == "ssim_uniform7_range2"


def test_rows_assigned_at_random_agree_less_often(exact: Records, repetition: Forensics) -> None:
    """As often as a printed and a measured row do over all pairs of them."""
    names, n = list(forensics.METRICS), np.array([100, 100, 100, 25, 25, 25])
    sds = [f"{name}_sd" for name in names]
    printed, found = paper.models(), forensics.measured(exact, "").xs(10, level="epoch")
    gaps = printed[names].to_numpy()[:, None] - found[names].to_numpy()
    errors = np.sqrt((printed[sds].to_numpy()[:, None] ** 2 + found[sds].to_numpy() ** 2) / n)
    share = (np.abs(gaps) <= forensics.LIMIT * errors).all(axis=2).mean()
    row = repetition.candidates.loc[LAST]
    assert row["chance"] == pytest.approx(22 * share)
    assert 1 <= row["chance"] < row["agree"]


def test_pythaes_implementation_takes_our_rows_where_the_class_is_pythaes() -> None:
    records = make_records("notebook", (42,), seed_spread=0.0, variants={"pythae": ["hvae"]})
    rows = investigated(records).candidates.reset_index().groupby("implementation")["rows"].max()
    assert rows.to_dict() == {"paper": 22, "pythae": 22 - 14 + 1}


def test_what_nothing_explains_is_named_with_its_nearest_candidate(exact: Records) -> None:
    found = investigated(moved(exact, "svae", "mse", 50.0)).explained
    assert found.index[~found["agrees"]].tolist() == ["svae"]


def test_without_milestones_there_is_nothing_to_say(exact: Records) -> None:
    empty = replace(exact, milestones=exact.milestones.iloc[:0])
    assert forensics.investigate({"notebook": empty}) is None
    assert forensics.nearest_epochs(empty, "ssim").empty


def test_an_epoch_that_few_models_reached_is_no_candidate_but_their_best_weights_are(exact: Records) -> None:
    rows = exact.milestones
    stopped = rows["architecture"].isin(["ae", "vae"])
    early = replace(
        exact, runs=exact.runs.copy(), milestones=pd.concat([rows[~stopped], rows[stopped].assign(epoch=9)])
    )
    early.runs.loc[early.runs["architecture"].isin(["ae", "vae"]), "best_epoch"] = 9
    assert set(investigated(early).rows["epoch"]) == {0, 5, 10}


def test_weights_that_all_are_from_one_epoch_are_one_candidate(repetition: Forensics) -> None:
    assert set(repetition.rows[["epoch", "best"]].itertuples(index=False, name=None)) == {
        (5, False),
        (10, True),
    }


def test_what_an_earlier_evaluation_noted_is_not_mixed_in(exact: Records) -> None:
    rows = exact.milestones
    old = rows.assign(revision=rows["revision"].where(rows["architecture"] != "ae", 1))
    assert investigated(replace(exact, milestones=old)).candidates["rows"].max() == 21


def test_only_the_first_seed_is_held_against_the_print(exact: Records, repetition: Forensics) -> None:
    other = exact.milestones.assign(seed=123, ssim=0.1)
    both = replace(exact, milestones=pd.concat([exact.milestones, other]))
    pd.testing.assert_frame_equal(investigated(both).rows, repetition.rows)
