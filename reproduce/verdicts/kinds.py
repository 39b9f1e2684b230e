"""The table of kinds: name → predicate, with the properties of all statements of that kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from reproduce.errors import ReproduceError
from reproduce.verdicts.verdict import Finding, Statement
from reproduce.verdicts.world import World

Predicate = Callable[[World, Statement], Finding]
Property = Callable[[Statement], bool]


def never(statement: Statement) -> bool:
    """False for every statement."""
    return False


def always(statement: Statement) -> bool:
    """True for every statement."""
    return True


@dataclass(frozen=True)
class Kind:
    """A predicate and its properties.

    field: it compares with the whole field, whichever models a statement names.
    size:  whether a statement is about absolute sizes, which a substitute for the paper's schedule cannot show.
    text:  it is about the paper's own text, settings or mathematics, independent of any result.
    each:  whether a statement says something about each model that it names, so that some of them can refute it,
           whatever the others do.
    """

    predicate: Predicate
    field: bool = False
    size: Property = never
    text: bool = False
    each: Property = never

    @property
    def rule(self) -> str:
        """The predicate's docstring on one line."""
        return " ".join((self.predicate.__doc__ or "").split())


KINDS: dict[str, Kind] = {}
"""Name → kind, filled by the modules that `judge` imports."""
OWN: dict[str, Kind] = {}
"""Statement → its kind, for statements with a predicate of their own."""


def kind(
    name: str,
    *,
    field: bool = False,
    size: Property = never,
    text: bool = False,
    each: Property = never,
    table: dict[str, Kind] = KINDS,
) -> Callable[[Predicate], Predicate]:
    """Register a predicate under a name that the registry's `kind` column uses."""

    def register(predicate: Predicate) -> Predicate:
        if name in table:
            raise ValueError(f"two predicates for the kind '{name}'")
        table[name] = Kind(predicate, field=field, size=size, text=text, each=each)
        return predicate

    return register


own = partial(kind, table=OWN)
"""Register the predicate of a single statement, under its name; its kind is `own`."""


def kind_of(statement: Statement) -> Kind:
    """The kind of a statement. Raises ReproduceError if there is none of that name."""
    found = OWN.get(statement.id) if statement.kind == "own" else KINDS.get(statement.kind)
    if found is None:
        unknown = f"unknown kind '{statement.kind}'; known are own, {', '.join(sorted(KINDS))}"
        no_function = "write its predicate in reproduce/verdicts/own.py"
        raise ReproduceError(
            f"statement {statement.id}: {no_function if statement.kind == 'own' else unknown}"
        )
    return found
