"""Which protocol, length and definition of SSIM a printed row agrees with, on campaigns made around the print."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import forensics
from reproduce.architectures.names import SSIMS
from reproduce.storage.records import Records
from tests.synthetic import make_records

LAST = ("notebook", "paper", 10, False)


@pytest.fixture(scope="module")
def exact() -> Records:
    """Ten epochs whose means and spreads are those of the paper's tables, under the stated definition of SSIM."""
    return make_records("notebook", (42,), seed_spread=0.0)


def investigated(records: Records) -> forensics.Forensics:
    found = forensics.investigate({records.profile: records})
    assert found is not None
    return found


def moved(records: Records, slug: str, metric: str, standard_errors: float) -> Records:
    """One model's metric moved by that many standard errors of the difference from the print, at every milestone."""
    printed = paper.models().loc[slug]
    n = 100 if metric in ("ssim", "mse", "psnr") else 25
    rows = records.milestones.copy()
    chosen = rows["architecture"] == slug
    last = rows[chosen & (rows["epoch"] == 10)][metric].dropna()
    error = math.sqrt((last.std() ** 2 + printed[f"{metric}_sd"] ** 2) / n)
    rows.loc[chosen, metric] += standard_errors * error
    return replace(records, milestones=rows)


def test_a_repetition_of_the_print_agrees_in_every_row_and_has_no_distance(exact: Records) -> None:
    found = investigated(exact).of((*LAST, "ssim"))
    assert found["agrees"].all()
    assert len(found) == 22
    assert found["distance"].max() < 1e-12


@pytest.mark.parametrize(("by", "agrees"), [(2.6, True), (2.7, False), (-2.7, False)])
@pytest.mark.parametrize("metric", ["ssim", "piq"])
def test_one_metric_beyond_its_simultaneous_interval_is_disagreement(
    exact: Records, metric: str, by: float, agrees: bool
) -> None:
    row = investigated(moved(exact, "vae", metric, by)).of((*LAST, "ssim")).loc["vae"]
    assert bool(row["agrees"]) == agrees
    assert row["worst"] == metric
    assert row["worst_z"] == pytest.approx(abs(by))


def test_the_limit_is_bonferronis_over_six_metrics() -> None:
    assert pytest.approx(2.638, abs=1e-3) == forensics.LIMIT


def test_the_definition_and_the_length_behind_the_print_have_most_agreement(exact: Records) -> None:
    best = investigated(exact).full.reset_index().iloc[0]
    assert (best["definition"], best["agree"], best["rows"]) == ("ssim", 22, 22)
    assert best["epoch"] in (0, 10)


def test_another_definition_that_made_the_print_is_found(exact: Records) -> None:
    rows = exact.milestones.copy()
    for name in ("ssim", "i_ssim"):
        columns = [name, f"{name}_uniform7_range2"]
        rows[columns] = rows[columns[::-1]].to_numpy()
    best = investigated(replace(exact, milestones=rows)).full.reset_index().iloc[0]
    assert best["definition"] == "ssim_uniform7_range2"


def test_rows_assigned_at_random_agree_less_often(exact: Records) -> None:
    table = investigated(exact).candidates
    chance = table.at[(*LAST, "ssim"), "chance"]
    assert 1 <= chance < table.at[(*LAST, "ssim"), "agree"]
    by_hand = []
    found = forensics.measured(exact, "").xs(10, level="epoch")
    printed = paper.models()
    for slug in printed.index:
        for other in found.index:
            n = np.array([100, 100, 100, 25, 25, 25])
            names = list(forensics.METRICS)
            sds = [f"{name}_sd" for name in names]
            error = np.sqrt(
                (printed.loc[slug, sds].to_numpy(float) ** 2 + found.loc[other, sds].to_numpy(float) ** 2) / n
            )
            gap = printed.loc[slug, names].to_numpy(float) - found.loc[other, names].to_numpy(float)
            by_hand.append((np.abs(gap) <= forensics.LIMIT * error).all())
    assert chance == pytest.approx(np.mean(by_hand) * 22)


def test_pythaes_implementation_takes_our_rows_where_the_class_is_pythaes() -> None:
    records = make_records("notebook", (42,), seed_spread=0.0, variants={"pythae": ["hvae"]})
    table = investigated(records).candidates.reset_index()
    rows = dict(table.groupby("implementation")["rows"].max())
    assert rows["paper"] == 22
    assert rows["pythae"] == 22 - 14 + 1


def test_what_nothing_explains_is_named_with_its_nearest_candidate(exact: Records) -> None:
    found = investigated(moved(exact, "svae", "mse", 50.0)).explained
    assert found.index[~found["agrees"]].tolist() == ["svae"]
    assert found["definition"].isin(SSIMS).all()


def test_the_nearest_epoch_is_that_of_the_least_distance(exact: Records) -> None:
    near = forensics.nearest_epochs(exact, "ssim")
    assert set(near["epoch"]) == {10}
    assert near["distance"].max() < 1e-12


def test_without_milestones_there_is_nothing_to_say(exact: Records) -> None:
    empty = replace(exact, milestones=exact.milestones.iloc[:0])
    assert forensics.investigate({"notebook": empty}) is None
    assert forensics.nearest_epochs(empty, "ssim").empty


def test_an_epoch_that_few_models_reached_is_no_candidate_but_their_best_weights_are(exact: Records) -> None:
    rows = exact.milestones
    stopped = rows["architecture"].isin(["ae", "vae"])
    early = replace(exact, milestones=pd.concat([rows[~stopped], rows[stopped].assign(epoch=9)]))
    found = investigated(early).candidates.reset_index()
    assert set(found["epoch"]) == {0, 5, 10}


def test_what_an_earlier_evaluation_noted_is_not_mixed_in(exact: Records) -> None:
    rows = exact.milestones
    old = replace(
        exact, milestones=rows.assign(revision=rows["revision"].where(rows["architecture"] != "ae", 1))
    )
    assert investigated(old).candidates["rows"].max() == 21
