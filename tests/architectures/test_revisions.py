"""Numbers do not move unless a revision says so: old runs must not be taken for new ones."""

from __future__ import annotations

import copy

import pytest

from reproduce.names import SLUGS
from tests.architectures.fingerprints import (
    Fingerprint,
    fingerprint,
    recorded,
    revisions,
    same_numbers,
    updated,
)


def test_every_architecture_is_on_file() -> None:
    assert tuple(recorded()) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_numbers_on_file_are_those_of_the_code(slug: str) -> None:
    """After a wanted change: raise the revision, then `python -m tests.architectures.record_revisions`."""
    on_file = recorded()[slug]
    assert on_file["revisions"] == revisions(slug), "a revision was raised: record the new numbers"
    found = fingerprint(slug)
    assert same_numbers(found, on_file), f"numbers moved without a new revision: {on_file} became {found}"


EXAMPLE: Fingerprint = {
    "revisions": {"architecture": 1, "backbone": 1, "training": 1},
    "losses": {"autoencoder": 60.0},
    "gradient_norms": {"autoencoder": 9.0},
}


def test_a_relative_change_of_1e_7_counts_and_one_of_1e_10_does_not() -> None:
    for change, same in ((1e-7, False), (1e-10, True)):
        other = copy.deepcopy(EXAMPLE)
        other["gradient_norms"]["autoencoder"] *= 1 + change
        assert same_numbers(EXAMPLE, other) == same


@pytest.mark.parametrize("raised", ["architecture", "backbone", "training", None])
def test_new_numbers_are_written_only_under_a_raised_revision(raised: str | None) -> None:
    new = copy.deepcopy(EXAMPLE)
    new["losses"]["autoencoder"] = 50.0
    if raised:
        new["revisions"][raised] = 2
    expected = new if raised else EXAMPLE
    assert updated({"ae": EXAMPLE}, {"ae": new}) == {"ae": expected}


def test_what_is_not_on_file_is_written() -> None:
    assert updated({}, {"ae": EXAMPLE}) == {"ae": EXAMPLE}
