"""Claims about the paper's own protocol: arithmetic on its printed settings, and settings printed twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World
from reproduce.errors import ReproduceError

Interval = tuple[float, float]

PAPER_ONLY = frozenset({"arithmetic", "restated", "setting", "conjecture"})
"""Kinds that no campaign could test: what they say of the results does not depend on the campaign."""


def _scales(side: float, window: float) -> float:
    """How many dyadic scales of an image of this side still hold a window."""
    return math.floor(math.log2(side / window)) + 1 if side >= window else 0


OPERATIONS: dict[str, Callable[..., float]] = {
    "sum": lambda *terms: math.fsum(terms),
    "product": lambda *terms: math.prod(terms),
    "quotient": lambda top, bottom: top / bottom,
    "floor-quotient": lambda top, bottom: math.floor(top / bottom),
    "difference": lambda top, *rest: top - math.fsum(rest),
    "scales": _scales,
}
"""Operation → function of its terms; each is monotone in every term, so that ranges propagate by their
ends."""


def _term(claim: Claim, text: str) -> Interval:
    """A term: a number, a fraction, "$n" for the n-th printed number, or a range "10..30"."""
    try:
        if text.startswith("$"):
            number = claim.numbers[int(text[1:]) - 1].value
            return number, number
        low, _, high = text.partition("..")
        return float(Fraction(low)), float(Fraction(high or low))
    except (ValueError, IndexError):
        raise ReproduceError(f"claim {claim.id}: '{text}' is no term; write 3, 1/60, 10..30 or $2") from None


@kind("arithmetic")
def arithmetic(world: World, claim: Claim) -> Finding:
    """The first printed number follows from other printed settings by an operation (sum, product, quotient,
    …). Paper: up to its rounding, or inside the range that the settings leave. Results: a statement about the
    paper's own protocol, not testable."""
    if not world.is_paper:
        raise Untestable("a statement about the paper's own protocol")
    operation = claim.text("operation")
    if operation not in OPERATIONS:
        raise ReproduceError(
            f"claim {claim.id}: unknown operation '{operation}'; known are {', '.join(OPERATIONS)}"
        )
    terms = [_term(claim, text) for text in claim.text("terms").split()]
    ends = [OPERATIONS[operation](*(term[side] for term in terms)) for side in (0, 1)]
    low, high = min(ends), max(ends)
    printed = claim.number
    shown = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    inside = low - printed.half_unit <= printed.value <= high + printed.half_unit
    return Finding(Outcome.HOLDS if inside else Outcome.FAILS, shown)


@kind("restated")
def restated(world: World, claim: Claim) -> Finding:
    """The paper states the same thing in two places (`here`, `there`). Paper: consistent if both say the
    same; ranges "15..25" if one lies in the other. Results: a statement about the paper's own protocol, not
    testable."""
    if not world.is_paper:
        raise Untestable("a statement about the paper's own protocol")
    here, there = claim.text("here"), claim.text("there")
    shown = f"{here} here, {there} in {claim.text('where')}"
    return Finding(Outcome.HOLDS if here == there or _nested(claim, here, there) else Outcome.FAILS, shown)


def _nested(claim: Claim, here: str, there: str) -> bool:
    if ".." not in here + there:
        return False
    (a, b), (c, d) = _term(claim, here), _term(claim, there)
    return (c <= a and b <= d) or (a <= c and d <= b)


@kind("run-time")
def run_time(world: World, claim: Claim) -> Finding:
    """Minutes of training on the paper's hardware. Paper: the range overlaps the one that another section
    prints for the same models (`elsewhere`). Results: measured on other hardware, not testable; our times
    stand in the evidence, and the order of the costs is claimed and tested on its own."""
    if not world.is_paper:
        named = world.select(claim, "models")
        minutes = world.rows(named, "training_seconds") / 60
        raise Untestable(f"other hardware; ours {minutes.min():.1f} to {minutes.max():.1f} min")
    low, high = (number.value for number in (claim.numbers[0], claim.numbers[-1]))
    first, last = _term(claim, claim.text("elsewhere"))
    shown = f"{claim.text('where')} has {first:g} to {last:g} min"
    return Finding(Outcome.HOLDS if low <= last and first <= high else Outcome.FAILS, shown)


@kind("setting")
def setting(world: World, claim: Claim) -> Finding:
    """A setting of the protocol, stated once. It cannot be checked against tables, and is no result: not
    checkable, not testable. Listed so that every printed number has its row."""
    raise Untestable("a setting, not a result")


@kind("conjecture")
def conjecture(world: World, claim: Claim) -> Finding:
    """What would happen under settings that the paper did not run, or a quality that it did not measure: not
    checkable, not testable."""
    raise Untestable("nothing of the kind was measured, in the paper or here")
