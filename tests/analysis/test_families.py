"""The paper's groupings."""

from __future__ import annotations

import pytest

from reproduce.analysis.families import FAMILIES
from reproduce.architectures.names import SLUGS


@pytest.mark.parametrize("grouping", FAMILIES)
def test_families_of_one_grouping_are_disjoint_architectures(grouping: str) -> None:
    slugs = [slug for family in FAMILIES[grouping].values() for slug in family]
    assert len(slugs) == len(set(slugs))
    assert set(slugs) < set(SLUGS)
