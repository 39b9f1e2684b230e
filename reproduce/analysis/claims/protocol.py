"""Claims about the paper's own protocol: arithmetic on its printed settings, and settings printed twice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from reproduce.analysis.claims import registry
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World, decided
from reproduce.errors import ReproduceError
from reproduce.paper import Printed

Interval = tuple[float, float]

PAPER_ONLY = frozenset(
    {"arithmetic", "restated", "list-length", "lists-apart", "same-list", "setting", "conjecture"}
)
"""Kinds that no campaign could test: what they say of the results does not depend on the campaign."""
HARDWARE = "A40"
"""The GPU on which the paper's minutes were measured (III-H)."""
MINUTES_MARGIN = 0.10
"""Our minutes may lie this far outside a printed range."""


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
    """A term: a number, a fraction, "$n" for the n-th printed number as an exact setting, "~$n" for one that
    was rounded, or a range "10..30"."""
    try:
        if text.startswith(("$", "~$")):
            number = claim.numbers[int(text.lstrip("~$")) - 1]
            slack = number.half_unit if text.startswith("~") else 0.0
            return number.value - slack, number.value + slack
        low, _, high = text.partition("..")
        return float(Fraction(low)), float(Fraction(high or low))
    except (ValueError, IndexError):
        raise ReproduceError(
            f"claim {claim.id}: '{text}' is no term; write 3, 1/60, 10..30, $2 or ~$2"
        ) from None


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
    ends = [OPERATIONS[operation](*corner) for corner in itertools.product(*terms)]
    low, high = min(ends), max(ends)
    printed = claim.number
    shown = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    inside = low - printed.half_unit <= printed.value <= high + printed.half_unit
    return decided(shown, holds=inside)


@kind("restated")
def restated(world: World, claim: Claim) -> Finding:
    """The paper states the same thing at another place, which is the claim (or claims) named by `there`.
    Paper: consistent if the numbers printed at the place that prints fewer are among those of the other (of
    two ranges `sense=range`, if one lies in the other), and likewise the models, and the word in which the
    registry says each (`says`). Results: a statement about the paper's own protocol, not testable."""
    if not world.is_paper:
        raise Untestable("a statement about the paper's own protocol")
    others = [registry.statement(identity) for identity in claim.text("there").split()]
    compare = _nested if claim.text("sense", "") == "range" else _among
    here, there = _stated([claim]), _stated(others)
    both = [name for name in here if here[name] and there[name]]
    if not both:
        raise ReproduceError(f"claim {claim.id}: nothing to compare with {claim.text('there')}")
    same = all(
        compare(here[name], there[name]) if name == "numbers" else _among(here[name], there[name])
        for name in both
    )
    shown = "; ".join(
        f"{_listed(here[name])} here, {_listed(there[name])} in {', '.join(other.section for other in others)}"
        for name in both
    )
    return decided(shown, holds=same)


Stated = tuple[float | str, ...]


def _stated(claims: Sequence[Claim]) -> dict[str, Stated]:
    """What claims print, name and say, to be compared with what others do."""
    return {
        "numbers": tuple(Printed(text, claim.scale).value for claim in claims for text in claim.printed),
        "models": tuple(
            slug for claim in claims if "models" in claim.arguments for slug in claim.slugs("models")
        ),
        "words": tuple(claim.arguments["says"] for claim in claims if "says" in claim.arguments),
    }


def _listed(values: Stated) -> str:
    return ", ".join(f"{value:.15g}" if isinstance(value, float) else value for value in values)


def _among(here: Stated, there: Stated) -> bool:
    """Whether the values of the shorter list are among those of the longer one."""
    few, many = sorted((set(here), set(there)), key=len)
    return few <= many


def _nested(here: Stated, there: Stated) -> bool:
    """Whether one of two ranges lies in the other."""
    (a, *_, b), (c, *_, d) = (sorted(float(value) for value in side) for side in (here, there))
    return (c <= a and b <= d) or (a <= c and d <= b)


@kind("list-length")
def list_length(world: World, claim: Claim) -> Finding:
    """A printed number of models is the number of models that the same passage names; or, with
    `count=values`, it prints as many values as it names models. Paper: counted. Results: a statement about
    the paper's own text, not testable."""
    if not world.is_paper:
        raise Untestable("a statement about the paper's own text")
    named = len(claim.slugs("models"))
    printed = len(claim.printed) if claim.text("count", "number") == "values" else claim.number.value
    return decided(f"{named} for {printed:g}", holds=named == printed)


@kind("lists-apart")
def lists_apart(world: World, claim: Claim) -> Finding:
    """Lists of models that the paper sets against one another share no model. Paper: compared pair by pair.
    Results: a statement about the paper's own text, not testable."""
    if not world.is_paper:
        raise Untestable("a statement about the paper's own text")
    lists = [claim.slugs(name) for name in ("first", "second", "third") if name in claim.arguments]
    shared = [slug for a, b in itertools.combinations(lists, 2) for slug in a if slug in b]
    shown = "in two of them: " + ", ".join(dict.fromkeys(shared)) if shared else "no model is in two of them"
    return decided(shown, holds=not shared)


@kind("same-list")
def same_list(world: World, claim: Claim) -> Finding:
    """Two lists of models to which the paper gives one name are the same. Paper: compared as sets. Results: a
    statement about the paper's own text, not testable."""
    if not world.is_paper:
        raise Untestable("a statement about the paper's own text")
    first, second = claim.slugs("first"), claim.slugs("second")
    apart = [slug for slug in (*first, *second) if (slug in first) != (slug in second)]
    shown = "only in one: " + ", ".join(apart) if apart else "the same models"
    return decided(shown, holds=not apart)


@kind("run-time")
def run_time(world: World, claim: Claim) -> Finding:
    """Minutes of training on the paper's hardware. Paper: the range overlaps the one that the claim named by
    `there` prints for the same models. Results: testable where the profile is `paper` and every run of the
    named models was trained on an A40: all lie in the printed range, or a tenth outside; "same direction or
    rank only" within a factor of two. Elsewhere our times stand in the evidence, and the order of the costs
    is claimed and tested on its own."""
    low, high = (number.value for number in (claim.numbers[0], claim.numbers[-1]))
    if world.is_paper:
        there = [registry.statement(identity) for identity in claim.text("there").split()]
        minutes = [number.value for other in there for number in other.numbers]
        first, last = min(minutes), max(minutes)
        shown = f"{there[0].section} has {first:g}{f' to {last:g}' * (last > first)} min"
        return decided(shown, holds=low <= last and first <= high)
    named = world.select(claim, "models")
    ours = world.rows(named, "training_seconds") / 60
    shown = f"{ours.min():.1f} to {ours.max():.1f} min"
    if not _on_the_papers_hardware(world, named):
        return Finding(Outcome.UNTESTABLE, f"ours {shown}", f"not the paper's protocol on an {HARDWARE}")

    def inside(slack: float) -> bool:
        return bool(ours.min() >= low / (1 + slack) and ours.max() <= high * (1 + slack))

    return decided(shown, holds=inside(MINUTES_MARGIN), partly=inside(1.0))


def _on_the_papers_hardware(world: World, slugs: Sequence[str]) -> bool:
    """Whether the profile is the paper's and its runs of these models all name its GPU."""
    records = world.campaign()
    if records.profile != "paper" or "hardware" not in records.runs:
        return False
    runs = records.runs[(records.runs["variant"] == "") & records.runs["architecture"].isin(slugs)]
    return bool(runs["hardware"].str.contains(HARDWARE, regex=False).all())


@kind("setting")
def setting(world: World, claim: Claim) -> Finding:
    """A setting of the protocol, stated once. It cannot be checked against tables, and is no result: not
    checkable, not testable. Listed so that every printed number has its row."""
    raise Untestable("a setting, not a result")


@kind("conjecture")
def conjecture(world: World, claim: Claim) -> Finding:
    """What would happen under settings that the paper did not run, a quality that it did not measure, or a
    statement about a method's mathematics: not checkable, not testable, for the reason that stands with
    it."""
    raise Untestable(claim.text("reason", "nothing of the kind was measured, in the paper or here"))
