"""The register of decisions, as data: where the paper is silent or contradicts itself or its software."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reproduce.errors import ReproduceError


@dataclass(frozen=True)
class Decision:
    """One decision. place: where in the paper; says: what the paper says there, in our words."""

    id: str
    topic: str
    place: str
    says: str
    decided: str
    why: str
    alternatives: str


@lru_cache(maxsize=1)
def load() -> tuple[Decision, ...]:
    """All decisions in the register's order. Raises ReproduceError for an entry that lacks a field or repeats an id."""
    path = Path(__file__).with_name("decisions.toml")
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["decision"]
    try:
        decisions = tuple(Decision(**entry) for entry in entries)
    except TypeError as error:
        raise ReproduceError(f"{path.name}: {error}") from error
    ids = [decision.id for decision in decisions]
    if len(set(ids)) != len(ids):
        raise ReproduceError(f"{path.name} has an id twice")
    return decisions
