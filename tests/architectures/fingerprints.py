"""The fingerprints on file (`revisions.json`) and what may be written there; `reproduce.fingerprints` computes them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TypedDict

from reproduce.architectures import registry
from reproduce.fingerprints import TOLERANCE, after_steps
from reproduce.revisions import TRAINING_REVISION

PATH = Path(__file__).with_name("revisions.json")


class Fingerprint(TypedDict):
    """One architecture's entry in revisions.json."""

    revisions: dict[str, int]
    losses: dict[str, float]
    gradient_norms: dict[str, float]


def revisions(slug: str) -> dict[str, int]:
    """The integers that stand for the numbers of this architecture."""
    return {
        "architecture": registry.REGISTRY[slug].revision,
        "backbone": registry.BACKBONE_REVISION,
        "training": TRAINING_REVISION,
    }


def fingerprint(slug: str) -> Fingerprint:
    """Losses and gradient norms by player, after three steps of training from fixed weights."""
    losses, gradient_norms = after_steps(slug)
    return {"revisions": revisions(slug), "losses": losses, "gradient_norms": gradient_norms}


def recorded() -> dict[str, Fingerprint]:
    """The fingerprints on file."""
    found: dict[str, Fingerprint] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.is_file() else {}
    return found


def same_numbers(first: Fingerprint, second: Fingerprint) -> bool:
    """Whether all losses and gradient norms agree to the tolerance."""
    return all(
        first[kind].keys() == second[kind].keys()
        and all(
            math.isclose(first[kind][name], second[kind][name], rel_tol=TOLERANCE) for name in first[kind]
        )
        for kind in ("losses", "gradient_norms")
    )


def updated(old: dict[str, Fingerprint], new: dict[str, Fingerprint]) -> dict[str, Fingerprint]:
    """What may be written: new numbers where an integer was raised or nothing was on file, else the old ones."""
    return {
        slug: found
        if slug not in old
        or any(found["revisions"][name] > old[slug]["revisions"][name] for name in found["revisions"])
        else old[slug]
        for slug, found in new.items()
    }
