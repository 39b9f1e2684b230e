"""The fingerprints on file (`revisions.json`), and what may be written there.

`python -m tests.architectures.fingerprints` records architectures whose revision was raised. Numbers that moved under
an unchanged revision stay on file as they were, so that the test stays red.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

from reproduce.architectures import registry
from reproduce.fingerprints import after_steps
from reproduce.names import SLUGS
from reproduce.revisions import TRAINING_REVISION

PATH = Path(__file__).with_name("revisions.json")


class Fingerprint(TypedDict):
    """One architecture's entry in revisions.json."""

    revisions: dict[str, int]
    losses: dict[str, float]
    gradient_norms: dict[str, float]


def fingerprint(slug: str) -> Fingerprint:
    """Losses and gradient norms by player, after three steps of training from fixed weights."""
    revisions = {
        "architecture": registry.REGISTRY[slug].revision,
        "backbone": registry.BACKBONE_REVISION,
        "training": TRAINING_REVISION,
    }
    losses, gradient_norms = after_steps(slug)
    return {"revisions": revisions, "losses": losses, "gradient_norms": gradient_norms}


def recorded() -> dict[str, Fingerprint]:
    """The fingerprints on file."""
    found: dict[str, Fingerprint] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def updated(old: dict[str, Fingerprint], new: dict[str, Fingerprint]) -> dict[str, Fingerprint]:
    """What may be written: new numbers where an integer was raised or nothing was on file, else the old ones."""
    return {
        slug: found
        if slug not in old
        or any(value > old[slug]["revisions"][name] for name, value in found["revisions"].items())
        else old[slug]
        for slug, found in new.items()
    }


if __name__ == "__main__":
    kept = updated(recorded(), {slug: fingerprint(slug) for slug in SLUGS})
    PATH.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
