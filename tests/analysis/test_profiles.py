"""Several profiles beside the paper: which lies nearest to a printed row, over the same seeds and rows."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import profiles
from reproduce.names import SLUGS
from reproduce.records import Records
from tests.synthetic import make_records


def fitted(**campaigns: Records) -> profiles.Fit:
    found = profiles.fit(campaigns)
    assert found is not None
    return found


def away(by: float, profile: str, seeds: tuple[int, ...] = (42,), **options: object) -> Records:
    """A campaign whose every SSIM lies so many standard deviations of the printed column off the paper's."""
    records = make_records(profile, seeds, seed_spread=0.0, references=False, **options)  # type: ignore[arg-type]
    runs = records.runs.copy()
    runs["ssim"] += by * paper.models()["ssim"].std(ddof=1)
    return Records(**{**vars(records), "runs": runs})


def test_the_profile_that_was_not_moved_away_is_nearest_in_every_row() -> None:
    found = fitted(desk=away(1.0, "desk"), notebook=away(0.0, "notebook"))
    assert set(found.nearest.values()) == {("notebook",)}
    assert found.wins().to_dict() == {"desk": 0, "notebook": 22}
    together = found.together().loc[22]
    assert together[["desk", "notebook"]].tolist() == pytest.approx([1 / math.sqrt(3), 0.0])


def test_sources_that_cannot_be_told_apart_are_all_named_and_nobody_wins() -> None:
    found = fitted(desk=away(0.15, "desk"), notebook=away(0.0, "notebook"))
    assert set(found.nearest.values()) == {("notebook", "desk")}
    assert found.wins().to_dict() == {"desk": 0, "notebook": 0}


def test_only_seeds_that_all_profiles_have_are_compared() -> None:
    three = away(0.0, "desk", (42, 123))
    runs = three.runs.copy()
    runs.loc[runs["seed"] == 123, "ssim"] = 0.0
    three = Records(**{**vars(three), "runs": runs})
    one = away(0.5, "notebook")
    assert profiles.common_seeds({"desk": three, "notebook": one}) == (42,)
    assert fitted(desk=three, notebook=one).wins().to_dict() == {"desk": 22, "notebook": 0}


def test_rows_of_one_source_alone_have_no_nearest_and_totals_are_over_common_rows() -> None:
    some = away(1.0, "notebook", missing=["svae", "hvae"])
    found = fitted(desk=away(0.0, "desk"), notebook=some)
    assert "svae" not in found.nearest
    assert list(found.together().index) == [20]
    assert math.isnan(found.table.at["svae", "notebook"])


def test_pythaes_reading_is_a_source_of_its_own() -> None:
    both = away(0.0, "notebook", variants={"pythae": ["vamp", "hvae"]})
    found = fitted(desk=away(1.0, "desk"), notebook=both)
    assert list(found.table.columns) == ["desk", "notebook", "notebook@pythae"]
    together = found.together()
    assert list(together.index) == [22, 2]
    assert together["notebook@pythae"].isna().tolist() == [True, False]
    assert found.nearest["vamp"] == ("notebook", "notebook@pythae")


def test_a_profile_with_few_models_does_not_narrow_the_comparison_of_the_others() -> None:
    few = away(0.0, "paper", architectures=["ae", "vae"])
    found = fitted(desk=away(1.0, "desk"), notebook=away(0.0, "notebook"), paper=few)
    assert list(found.together().index) == [22]
    assert found.together()["paper"].isna().all()
    assert found.nearest["ae"] == ("notebook", "paper")


def test_every_source_within_a_tie_of_the_least_is_named_nearest_first() -> None:
    distances = pd.Series({"desk": 0.30, "notebook": 0.25, "paper": math.nan, "quick": 1.0})
    assert profiles.within_tie(distances) == ("notebook", "desk")


def test_the_yardstick_is_a_row_of_the_printed_means_and_never_the_nearest() -> None:
    """A metric's distances from its mean have a root mean square of √(21/22) of its standard deviation."""
    found = fitted(desk=away(9.0, "desk"), notebook=away(9.0, "notebook"))
    assert found.together().at[22, profiles.YARDSTICK] == pytest.approx(math.sqrt(21 / 22))
    assert profiles.within_tie(found.together().loc[22]) == ("desk", "notebook")
    assert found.near() == {"desk": (0, 22), "notebook": (0, 22)}
    assert fitted(desk=away(0.0, "desk"), notebook=away(9.0, "notebook")).near()["desk"] == (len(SLUGS), 22)


def test_profiles_without_a_common_seed_are_not_compared() -> None:
    assert profiles.fit({"desk": away(0.0, "desk", (123,)), "notebook": away(0.0, "notebook")}) is None
