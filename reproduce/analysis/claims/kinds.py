"""The table of kinds: name → predicate. A predicate's docstring is the rule that the report prints."""

from __future__ import annotations

from collections.abc import Callable

from reproduce.analysis.claims.model import Claim, Finding, World

Predicate = Callable[[World, Claim], Finding]

KINDS: dict[str, Predicate] = {}
"""Kind → predicate, filled by the modules beside this one that `judgement` imports."""


FIELD: set[str] = set()
"""Kinds that compare with the whole field, whichever models a claim names: they need most of the 22 rows."""


def kind(name: str, *, field: bool = False) -> Callable[[Predicate], Predicate]:
    """Register a predicate under a name that the registry's `kind` column uses; `field` puts it into FIELD."""

    def register(predicate: Predicate) -> Predicate:
        if name in KINDS:
            raise ValueError(f"two predicates for the kind '{name}'")
        KINDS[name] = predicate
        if field:
            FIELD.add(name)
        return predicate

    return register
