"""Which pairs of architectures could change places without the check noticing."""

from __future__ import annotations

import pandas as pd
import pytest

from reproduce import golden
from reproduce.golden import COMPARED, Band, Golden
from tests.synthetic import make_records

BANDS = [Band(metric, 1e-6, 0.0, 0.05, 0.0, "for the test") for metric in COMPARED]
NO_LOSSES = pd.DataFrame(columns=["architecture", "part", "value"])


@pytest.fixture(scope="module")
def recorded() -> Golden:
    return golden.of_records(make_records("smoke", (42, 123)), NO_LOSSES, {}, BANDS)


def with_twins(recorded: Golden, factor: float, seeds: tuple[int, ...] = (42, 123)) -> Golden:
    """Golden in which the VAE's numbers are the AE's, times a factor."""
    runs = recorded.runs.copy()
    for seed in seeds:
        source = (runs["architecture"] == "ae") & (runs["seed"] == seed)
        target = (runs["architecture"] == "vae") & (runs["seed"] == seed)
        runs.loc[target, list(COMPARED)] = runs.loc[source, list(COMPARED)].to_numpy() * factor
    return golden.Golden(**{**recorded.__dict__, "runs": runs})


def test_there_are_231_pairs_and_narrow_bands_tell_all_apart(recorded: Golden) -> None:
    assert golden.pair_count(recorded) == 231
    assert golden.alike(recorded, same_machine=True) == []


def test_two_models_whose_numbers_lie_inside_each_others_bands_are_alike(recorded: Golden) -> None:
    assert ("ae", "vae") in golden.alike(with_twins(recorded, 1.04), same_machine=False)
    assert ("ae", "vae") not in golden.alike(with_twins(recorded, 1.06), same_machine=False)
    assert ("ae", "vae") not in golden.alike(with_twins(recorded, 1.04), same_machine=True)


def test_one_seed_is_enough_to_tell_a_pair_apart(recorded: Golden) -> None:
    one = with_twins(with_twins(recorded, 1.06, (42,)), 1.0, (123,))
    assert ("ae", "vae") not in golden.alike(one, same_machine=False)
