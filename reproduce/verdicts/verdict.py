"""What a statement of the paper is, and the words of its verdicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, NamedTuple

from reproduce.analysis.families import members
from reproduce.architectures.names import SLUGS
from reproduce.errors import ReproduceError
from reproduce.paper import Printed

SLUG_ARGUMENTS = ("architecture", "models", "family", "better", "worse", "of", "to", "over", "among")
"""The arguments that name architectures; a statement depends on those it names, or else on all 22."""
WHOLE = ("all", "others")
"""Values of such an argument instead of names: every row, or every row that the statement does not name."""


class Place(NamedTuple):
    """Where the paper says something: the name of that row of the registry, the section, and where in the section."""

    id: str
    section: str
    where: str


@dataclass(frozen=True)
class Statement:
    """One checkable statement of the paper, with every place where the paper makes it.

    id:        section and name, "IV-A.ssim-gap".
    places:    where the paper says it, the first one first.
    printed:   its numbers, as printed characters.
    wording:   what it says, in our words.
    kind:      the predicate that decides it; `arguments` are that predicate's parameters. An argument "$2" stands for
               the second printed number.
    important: whether it belongs in the body of the report.
    scale:     the value of a printed unit (Table I prints MSE × 10³).
    """

    id: str
    places: tuple[Place, ...]
    printed: tuple[str, ...]
    wording: str
    kind: str
    arguments: Mapping[str, str]
    important: bool = False
    scale: str = "1"

    @property
    def section(self) -> str:
        """The section of its first place."""
        return self.places[0].section

    @property
    def told_places(self) -> tuple[str, ...]:
        """Its places in words, such as "IV-A, text", without repetition."""
        return tuple(dict.fromkeys(f"{place.section}, {place.where}" for place in self.places))

    @property
    def ids(self) -> tuple[str, ...]:
        """Every name of the statement: its own, and those of its places."""
        return tuple(dict.fromkeys((self.id, *(place.id for place in self.places))))

    @property
    def numbers(self) -> tuple[Printed, ...]:
        """All printed numbers. Raises ReproduceError if there is none."""
        if not self.printed:
            raise ReproduceError(f"statement {self.id}: kind '{self.kind}' needs a printed number")
        return tuple(Printed(text, self.scale) for text in self.printed)

    @property
    def number(self) -> Printed:
        """The first printed number: the one under test."""
        return self.numbers[0]

    def text(self, name: str, default: str | None = None) -> str:
        """An argument's characters; raises ReproduceError if it is absent and has no default."""
        value = self.arguments.get(name, default)
        if value is None:
            raise ReproduceError(f"statement {self.id}: kind '{self.kind}' needs the argument '{name}'")
        return value

    def value(self, name: str) -> float:
        """A numeric argument; "$n" is the n-th printed number."""
        text = self.text(name)
        if text.startswith("$"):
            return self.numbers[int(text[1:]) - 1].value
        return Printed(text).value

    def slugs(self, name: str) -> tuple[str, ...]:
        """An argument's architectures: slugs, or a family such as "IV-E/Disentanglement"."""
        text = self.text(name)
        if "/" in text:
            grouping, family = text.split("/")
            return members(grouping, family)
        slugs = tuple(text.split())
        for slug in slugs:
            if slug not in SLUGS:
                raise ReproduceError(f"statement {self.id}: unknown architecture '{slug}' in '{name}'")
        return slugs

    def rests_on(self) -> tuple[str, ...]:
        """The architectures that it names, in order; empty if it is about the whole field."""
        named = [
            slug
            for name in SLUG_ARGUMENTS
            if self.arguments.get(name, "all") not in WHOLE
            for slug in self.slugs(name)
        ]
        return tuple(dict.fromkeys(named))

    def among(self, slugs: Collection[str]) -> Statement | None:
        """The same statement about only those of its models that are in `slugs`; None if a list would become empty.

        A family's place (`family-place`) names a family, whichever of its members are left.
        """
        asked = dict(self.arguments)
        for name in SLUG_ARGUMENTS:
            if asked.get(name, "all") in WHOLE or self.kind == "family-place":
                continue
            if not (present := [slug for slug in self.slugs(name) if slug in slugs]):
                return None
            asked[name] = " ".join(present)
        return replace(self, arguments=asked)

    @property
    def about_everyone(self) -> bool:
        """Whether it names no architectures, or compares those that it names with all others."""
        return not self.rests_on() or any(self.arguments.get(name) in WHOLE for name in SLUG_ARGUMENTS)


def command(statement_id: str, profile: str = "") -> str:
    """The command that shows one verdict with its evidence, in the given profile or in the user's default one."""
    chosen = f" --profile {profile}" if profile else ""
    return f"python -m reproduce claims{chosen} --id {statement_id}"


class Outcome(StrEnum):
    """What a predicate finds."""

    HOLDS = "holds"
    PARTLY = "partly"
    FAILS = "fails"
    UNDECIDED = "undecided"
    OTHER = "other"
    UNJUDGED = "unjudged"


WITHIN_PAPER: Mapping[Outcome, str] = {
    Outcome.HOLDS: "consistent",
    Outcome.PARTLY: "inconsistent",
    Outcome.FAILS: "inconsistent",
    Outcome.OTHER: "not checkable",
    Outcome.UNDECIDED: "not checkable",
}
IN_RESULTS: Mapping[Outcome, str] = {
    Outcome.HOLDS: "reproduced",
    Outcome.PARTLY: "direction only",
    Outcome.FAILS: "not reproduced",
    Outcome.UNDECIDED: "undecided",
    Outcome.OTHER: "defined differently",
    Outcome.UNJUDGED: "not judged",
}
"""The last one is for absolute sizes in a profile whose schedule is not the paper's."""
Grade = Literal["A", "B", "C", "D", ""]
GRADES: Mapping[Grade, str] = {
    "A": "the paper's protocol, three seeds",
    "B": "the paper's protocol, fewer seeds",
    "C": "desk: a tenth of the epochs, another schedule",
    "D": "notebook: ten epochs at the paper's learning rate",
}


@dataclass(frozen=True)
class Finding:
    """A predicate's answer.

    shown:  the recomputed numbers, as a short sentence.
    reason: why it is undecided or defined differently, in one phrase.
    beside: the same numbers without collapsed rows, if they differ.
    """

    outcome: Outcome
    shown: str
    reason: str = ""
    beside: str = ""


def decided(
    shown: str, *, holds: object, partly: object = False, fails: object = True, reason: str = ""
) -> Finding:
    """The first outcome whose condition is true: holds, partly, fails; else undecided, for that reason."""
    for outcome, true in ((Outcome.HOLDS, holds), (Outcome.PARTLY, partly), (Outcome.FAILS, fails)):
        if true:
            return Finding(outcome, shown)
    return Finding(Outcome.UNDECIDED, shown, reason)


class Undecidable(Exception):
    """Raised by a predicate if the world lacks what it needs; the message is the reason."""


@dataclass(frozen=True)
class Verdict:
    """A statement with both verdicts and their evidence: `within_paper` and `verdict` hold the words above.

    about:    "results", or "text": settings, mathematics and the paper's own wording have no verdict in results.
    looks:    in how many looks (each seed; during and at the end of training) the verdict is the same, and the number
              of looks.
    """

    statement: Statement
    about: str
    within_paper: str
    recomputed: str
    verdict: str = ""
    reason: str = ""
    shown: str = ""
    beside: str = ""
    grade: Grade = ""
    looks: tuple[int, int] = (0, 0)

    @property
    def evidence(self) -> str:
        """The numbers over all rows, and those without collapsed ones if they differ."""
        return "; ".join(filter(None, (self.shown, self.beside)))

    @property
    def firm(self) -> bool:
        """Whether at least three looks could be taken and all agree."""
        k, n = self.looks
        return n >= SMALLEST_FIRM and k == n

    @property
    def looks_in_words(self) -> str:
        """ "2 of 3", or "" if no look could be taken."""
        return f"{self.looks[0]} of {self.looks[1]}" if self.looks[1] else ""

    def fields(self) -> dict[str, object]:
        """Name and value of every column of the ledger."""
        own = self.statement
        return {
            "id": own.id,
            "section": own.section,
            "places": list(own.told_places),
            "printed": list(own.printed),
            "wording": own.wording,
            "kind": own.kind,
            "about": self.about,
            "models": list(own.rests_on()),
            "within_paper": self.within_paper,
            "recomputed": self.recomputed,
            "verdict": self.verdict,
            "reason": self.reason,
            "grade": self.grade,
            "looks": self.looks_in_words,
            "firm": self.firm,
            "evidence": self.evidence,
            "important": own.important,
            "aliases": list(own.ids),
        }


SMALLEST_FIRM = 3
