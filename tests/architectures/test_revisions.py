"""Numbers do not move unless a revision says so: old runs must not be taken for new ones.

`python -m tests.architectures.test_revisions` writes revisions.json anew where a revision was raised. Numbers that
moved under an unchanged revision stay on file as they were, so that the test stays red.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reproduce.architectures import registry
from reproduce.architectures.fingerprints import TOLERANCE, after_steps
from reproduce.architectures.names import SLUGS
from reproduce.storage.revisions import TRAINING_REVISION

FILE = Path(__file__).with_name("revisions.json")
RECORDED: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))


def fingerprint(slug: str) -> dict[str, Any]:
    """Losses and gradient norms by player after three steps of training from fixed weights, and the revisions."""
    revisions = {
        "architecture": registry.REGISTRY[slug].revision,
        "backbone": registry.BACKBONE_REVISION,
        "training": TRAINING_REVISION,
    }
    losses, gradient_norms = after_steps(slug)
    return {"revisions": revisions, "losses": losses, "gradient_norms": gradient_norms}


def updated(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What may be written: new numbers where an integer was raised or nothing was on file, else the old ones."""

    def raised(slug: str) -> bool:
        before = old[slug]["revisions"]
        return any(value > before[name] for name, value in new[slug]["revisions"].items())

    return {slug: new[slug] if slug not in old or raised(slug) else old[slug] for slug in new}


def test_every_architecture_is_on_file() -> None:
    assert tuple(RECORDED) == SLUGS


@pytest.mark.parametrize("slug", SLUGS)
def test_numbers_on_file_are_those_of_the_code(slug: str) -> None:
    on_file, found = RECORDED[slug], fingerprint(slug)
    assert found["revisions"] == on_file["revisions"], "a revision was raised: record the new numbers"
    for kind in ("losses", "gradient_norms"):
        moved = f"{kind} moved without a new revision"
        assert found[kind] == pytest.approx(on_file[kind], rel=TOLERANCE, abs=0), moved


def test_new_numbers_are_written_only_under_a_raised_revision() -> None:
    old = {"ae": {"revisions": {"architecture": 1, "backbone": 1, "training": 1}, "losses": 60.0}}
    assert updated({}, old) == old
    assert updated(old, {"ae": old["ae"] | {"losses": 50.0}}) == old
    for name in ("architecture", "backbone", "training"):
        new = {"ae": {"revisions": {**old["ae"]["revisions"], name: 2}, "losses": 50.0}}  # type: ignore[dict-item]
        assert updated(old, new) == new


if __name__ == "__main__":
    kept = updated(RECORDED, {slug: fingerprint(slug) for slug in SLUGS})
    FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
