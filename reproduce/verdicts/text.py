"""Statements about the paper's own text, settings and mathematics, which no result can change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from reproduce.analysis.headline import copies
from reproduce.architectures.names import LABELS
from reproduce.errors import ReproduceError
from reproduce.paper import Printed
from reproduce.verdicts import registry
from reproduce.verdicts.kinds import kind
from reproduce.verdicts.verdict import Finding, Outcome, Statement, Undecidable, decided
from reproduce.verdicts.world import World, listed

Interval = tuple[float, float]


def _scales(side: float, window: float) -> float:
    """The number of dyadic scales at which an image of this side is not smaller than a window."""
    return math.floor(math.log2(side / window)) + 1 if side >= window else 0


OPERATIONS: dict[str, Callable[..., float]] = {
    "sum": lambda *terms: math.fsum(terms),
    "product": lambda *terms: math.prod(terms),
    "quotient": lambda top, bottom: top / bottom,
    "floor-quotient": lambda top, bottom: math.floor(top / bottom),
    "difference": lambda top, *rest: top - math.fsum(rest),
    "scales": _scales,
}
"""Operation → function of its terms; each is monotone in every term, so that ranges propagate by their ends."""


def _term(statement: Statement, text: str) -> Interval:
    """A term: a number, a fraction, "$n" for the n-th printed number as an exact setting, "~$n" for one that
    was rounded, or a range "10..30"."""
    try:
        if text.startswith(("$", "~$")):
            number = statement.numbers[int(text.lstrip("~$")) - 1]
            slack = number.half_unit if text.startswith("~") else 0.0
            return number.value - slack, number.value + slack
        low, _, high = text.partition("..")
        return float(Fraction(low)), float(Fraction(high or low))
    except (ValueError, IndexError):
        raise ReproduceError(
            f"statement {statement.id}: '{text}' is no term; write 3, 1/60, 10..30, $2 or ~$2"
        ) from None


@kind("arithmetic", text=True)
def arithmetic(world: World, statement: Statement) -> Finding:
    """The first printed number follows from other printed settings by an operation (sum, product, quotient, …), up to
    its rounding, or inside the range that the settings leave."""
    operation = statement.text("operation")
    if operation not in OPERATIONS:
        raise ReproduceError(
            f"statement {statement.id}: unknown operation '{operation}'; known are {', '.join(OPERATIONS)}"
        )
    terms = [_term(statement, text) for text in statement.text("terms").split()]
    ends = [OPERATIONS[operation](*corner) for corner in itertools.product(*terms)]
    low, high = min(ends), max(ends)
    printed = statement.number
    shown = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    inside = low - printed.half_unit <= printed.value <= high + printed.half_unit
    return decided(_noted(shown, statement), holds=inside)


def _noted(shown: str, statement: Statement) -> str:
    """The text with the statement's note, if it has one."""
    return "; ".join(filter(None, (shown, statement.text("note", ""))))


@kind("restated", text=True)
def restated(world: World, statement: Statement) -> Finding:
    """The paper states the same thing at another place, which is the statement (or statements) named by `there`:
    consistent if the numbers printed at the place that prints fewer are among those of the other, and likewise the
    models, and the words by which the registry describes both (`says`)."""
    others = [registry.row(identity) for identity in statement.text("there").split()]
    here, there = _stated([statement]), _stated(others)
    both = [name for name in here if here[name] and there[name]]
    if not both:
        raise ReproduceError(f"statement {statement.id}: nothing to compare with {statement.text('there')}")
    same = all(_among(here[name], there[name]) for name in both)
    places = ", ".join(dict.fromkeys(other.section for other in others))
    shown = "; ".join(f"{_listed(here[name])} here, {_listed(there[name])} in {places}" for name in both)
    return decided(_noted(shown, statement), holds=same)


Stated = tuple[float | str, ...]


def _stated(statements: Sequence[Statement]) -> dict[str, Stated]:
    """The numbers that statements print, the models that they name, and what they say, for comparison with others."""
    return {
        "numbers": tuple(Printed(text, own.scale).value for own in statements for text in own.printed),
        "models": tuple(
            slug for own in statements if "models" in own.arguments for slug in own.slugs("models")
        ),
        "words": tuple(own.arguments["says"] for own in statements if "says" in own.arguments),
    }


def _listed(values: Stated) -> str:
    return ", ".join(f"{value:.15g}" if isinstance(value, float) else listed([value]) for value in values)


def _among(here: Stated, there: Stated) -> bool:
    """Whether the values of the shorter list are among those of the longer one."""
    few, many = sorted((set(here), set(there)), key=len)
    return few <= many


@kind("lists", text=True)
def lists(world: World, statement: Statement) -> Finding:
    """Lists of models in the text. `sense=length`: as many as the printed number says (`count=values`: as many as
    values are printed). `sense=apart`: lists that the paper contrasts with one another share no model. `sense=same`:
    two lists to which the paper gives the same name are equal."""
    sense = statement.text("sense")
    if sense == "length":
        named = len(statement.slugs("models"))
        by_values = statement.text("count", "number") == "values"
        printed = len(statement.printed) if by_values else statement.number.value
        return decided(f"{named} are named, {printed:g} stated", holds=named == printed)
    found = [statement.slugs(name) for name in ("first", "second", "third") if name in statement.arguments]
    if sense == "apart":
        shared = [slug for a, b in itertools.combinations(found, 2) for slug in a if slug in b]
        told = f"in two of them: {listed(dict.fromkeys(shared))}" if shared else "no model is in two of them"
        return decided(told, holds=not shared)
    first, second = found
    apart = [slug for slug in (*first, *second) if (slug in first) != (slug in second)]
    return decided(f"only in one: {listed(apart)}" if apart else "the same models", holds=not apart)


@kind("distinct-rows", text=True)
def distinct_rows(world: World, statement: Statement) -> Finding:
    """Every row of the tables is a separate measurement: no row repeats another, ± included, at printed precision."""
    found, rows = copies(world.models), len(world.models)
    equal = "; ".join(" = ".join(LABELS[slug] for slug in group) for group in found if len(group) > 1)
    shown = f"{len(found)} of {rows} are distinct" + (f": {equal}" if equal else "")
    return decided(shown, holds=len(found) == statement.number.value)


@kind("stated", text=True)
def stated(world: World, statement: Statement) -> Finding:
    """A setting, a definition, mathematics, or what would happen under settings that were not run. Not checkable
    against tables; inconsistent if the paper's own words or mathematics refute it (`refuted`, with the
    reason)."""
    if "refuted" in statement.arguments:
        return Finding(Outcome.FAILS, statement.text("refuted"))
    raise Undecidable(statement.text("reason", "a setting, not a result"))
