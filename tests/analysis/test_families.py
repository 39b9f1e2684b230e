"""The paper's groupings."""

from __future__ import annotations

import numpy as np
import pytest

from reproduce import paper
from reproduce.analysis.families import FAMILIES, family_means, members
from reproduce.errors import ReproduceError
from reproduce.names import SLUGS


@pytest.mark.parametrize("grouping", FAMILIES)
def test_families_of_one_grouping_are_disjoint_architectures(grouping: str) -> None:
    slugs = [slug for family in FAMILIES[grouping].values() for slug in family]
    assert len(slugs) == len(set(slugs))
    assert set(slugs) < set(SLUGS)


def test_means_by_hand() -> None:
    means = family_means(paper.models(), "ssim", "IV-E")
    assert means["Deterministic"] == pytest.approx((0.908 + 0.890 + 0.885) / 3)
    assert list(means.index) == list(FAMILIES["IV-E"])


def test_a_missing_member_makes_the_mean_nan() -> None:
    assert np.isnan(family_means(paper.models().drop("wae"), "ssim", "IV-E")["Deterministic"])


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ReproduceError, match="no family 'Flows'"):
        members("V-G", "Flows")
    with pytest.raises(ReproduceError, match="no grouping 'IX'"):
        family_means(paper.models(), "ssim", "IX")
