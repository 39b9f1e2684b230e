"""Numbers do not move unless a revision says so: old runs must not be taken for new ones."""

from __future__ import annotations

import pytest

from reproduce.fingerprints import TOLERANCE
from reproduce.names import SLUGS
from tests.architectures.fingerprints import Fingerprint, fingerprint, recorded, updated


def test_every_architecture_is_on_file() -> None:
    assert tuple(recorded()) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_numbers_on_file_are_those_of_the_code(slug: str) -> None:
    """After a wanted change: raise the revision, then `python -m tests.architectures.fingerprints`."""
    on_file, found = recorded()[slug], fingerprint(slug)
    assert found["revisions"] == on_file["revisions"], "a revision was raised: record the new numbers"
    for kind in ("losses", "gradient_norms"):
        moved = f"{kind} moved without a new revision"
        assert found[kind] == pytest.approx(on_file[kind], rel=TOLERANCE, abs=0), moved


def numbers(loss: float, **revisions: int) -> Fingerprint:
    return {
        "revisions": {"architecture": 1, "backbone": 1, "training": 1, **revisions},
        "losses": {"autoencoder": loss},
        "gradient_norms": {"autoencoder": 9.0},
    }


def test_new_numbers_are_written_only_under_a_raised_revision() -> None:
    old = {"ae": numbers(60.0)}
    assert updated(old, {"ae": numbers(50.0)}) == old
    assert updated({}, old) == old
    for name in ("architecture", "backbone", "training"):
        new = {"ae": numbers(50.0, **{name: 2})}
        assert updated(old, new) == new
