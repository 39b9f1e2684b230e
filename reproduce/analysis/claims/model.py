"""What a claim is, and the words in which it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

from reproduce.analysis.families import members
from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.paper import Printed
from reproduce.records import Records

SMALLEST_FIELD = 17
"""Whatever compares with the whole field needs more than three quarters of the 22 rows, else n is too small."""
SLUG_ARGUMENTS = ("architecture", "models", "family", "better", "worse", "of", "to", "over", "among")
"""The arguments that name architectures; a claim rests on those it names, or else on the whole field."""
WHOLE = ("all", "others")
"""What such an argument may hold instead of names: every row, or every row that the claim does not name."""


@dataclass(frozen=True)
class Claim:
    """One checkable statement of the paper.

    id:        section and name, "IV-A.ssim-gap".
    place:     where in the section: "text", "Fig. 2", "Table I, AE, SSIM".
    printed:   its numbers, as characters.
    wording:   what it says, in our words.
    kind:      the predicate that decides it; `arguments` are that predicate's parameters. An argument "$2"
               stands for the second printed number.
    important: whether it belongs in the body of the report.
    scale:     what a printed unit is worth (Table I prints MSE × 10³).
    """

    id: str
    section: str
    place: str
    printed: tuple[str, ...]
    wording: str
    kind: str
    arguments: Mapping[str, str]
    important: bool = False
    scale: str = "1"

    @property
    def number(self) -> Printed:
        """The first printed number: the one under test."""
        return self.numbers[0]

    @property
    def numbers(self) -> tuple[Printed, ...]:
        """All printed numbers."""
        if not self.printed:
            raise ReproduceError(f"claim {self.id}: kind '{self.kind}' needs a printed number")
        return tuple(Printed(text, self.scale) for text in self.printed)

    def text(self, name: str, default: str | None = None) -> str:
        """An argument's characters; raises ReproduceError if it is absent and has no default."""
        value = self.arguments.get(name, default)
        if value is None:
            raise ReproduceError(f"claim {self.id}: kind '{self.kind}' needs the argument '{name}'")
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
                raise ReproduceError(f"claim {self.id}: unknown architecture '{slug}' in '{name}'")
        return slugs

    def rests_on(self) -> tuple[str, ...]:
        """The architectures that the claim names, in order; empty if it is about the whole field."""
        named = [
            slug
            for name in SLUG_ARGUMENTS
            if self.arguments.get(name, "all") not in WHOLE
            for slug in self.slugs(name)
        ]
        return tuple(dict.fromkeys(named))

    @property
    def about_everyone(self) -> bool:
        """Whether it names no architectures, or sets those that it names against all others."""
        return not self.rests_on() or any(self.arguments.get(name) in WHOLE for name in SLUG_ARGUMENTS)


def command(claim_id: str, profile: str = "") -> str:
    """The command that recomputes one claim: in a profile, or in the one that the user has chosen."""
    chosen = f" --profile {profile}" if profile else ""
    return f"python -m reproduce claims{chosen} --id {claim_id}"


class Outcome(StrEnum):
    """What a predicate finds."""

    HOLDS = "holds"
    PARTLY = "partly"
    FAILS = "fails"
    UNTESTABLE = "untestable"
    MISMATCH = "mismatch"


@dataclass(frozen=True)
class Finding:
    """A predicate's answer.

    shown:      the recomputed numbers, as a short string.
    reason:     why it is not testable, where it is not.
    as_trained: what it would be if models that were still improving counted, where nothing else stands in the way.
    """

    outcome: Outcome
    shown: str
    reason: str = ""
    as_trained: Outcome | None = None


def decided(shown: str, *, holds: bool | np.bool, partly: bool | np.bool = False) -> Finding:
    """The answer that a claim holds, or else does partly, or else fails."""
    return Finding(Outcome.HOLDS if holds else Outcome.PARTLY if partly else Outcome.FAILS, shown)


class Untestable(Exception):
    """Raised inside a predicate where the world lacks what it needs; the message is the reason."""


@dataclass(frozen=True)
class World:
    """Where a predicate is evaluated: the paper's tables, or a campaign.

    models:     the rows that may take part.
    paper:      the paper's models frame (the same frame, in the paper's world).
    half_units: rounding of each number; None in a campaign, whose numbers are not rounded.
    records:    the campaign; None in the paper's world.
    row_order:  metric → slugs in the printed order of the table sorted by it; empty in a campaign.
    attempted:  every row of the campaign, whatever became of it (failed ones hold NaN); None means `models`.
    """

    models: pd.DataFrame
    paper: pd.DataFrame
    half_units: pd.DataFrame | None = None
    records: Records | None = None
    row_order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attempted: pd.DataFrame | None = None

    @property
    def is_paper(self) -> bool:
        """Whether this is the paper's own world, in which numbers agree up to rounding."""
        return self.records is None

    def column(self, name: str) -> pd.Series:
        """A column of the models frame; raises Untestable if there is none."""
        if name not in self.models:
            raise Untestable("Tables I and II have no such column" if self.is_paper else "no such metric")
        return self.models[name]

    def rows(self, slugs: tuple[str, ...], name: str) -> pd.Series:
        """A column at the given rows; raises Untestable if one is missing or not finite."""
        values = self.column(name).reindex(list(slugs))
        if values.isna().any():
            raise Untestable(f"no finite {name} for {', '.join(values.index[values.isna()])}")
        return values.astype(float)

    @property
    def left_out(self) -> int:
        """How many of the paper's rows take no part here."""
        return len(self.paper.index.difference(self.models.index))

    def select(self, claim: Claim, name: str) -> tuple[str, ...]:
        """The architectures of an argument; "all", or an absent argument, means every row of this world,
        "others" every row that the claim does not name."""
        chosen = claim.arguments.get(name, "all")
        if chosen not in WHOLE:
            return claim.slugs(name)
        rows = self.models.index
        if chosen == "others":
            rows = rows.difference(list(claim.rests_on()), sort=False)
        if rows.empty:
            raise Untestable("n too small: no models")
        return tuple(rows)

    def campaign(self) -> Records:
        """The records; raises Untestable in the paper's world, where there are none."""
        if self.records is None:
            raise Untestable("the paper's tables do not contain it")
        return self.records


@dataclass(frozen=True)
class Verdict:
    """A claim with both verdicts and their evidence. `within_paper` and `in_results` hold the words below.

    as_trained: where a claim is not testable for no other reason than that models were still improving, the word that
    the same rule gives of them as they are; else "".
    """

    claim: Claim
    within_paper: str
    recomputed: str
    in_results: str
    reason: str
    evidence: str
    as_trained: str = ""

    def fields(self) -> Iterator[tuple[str, object]]:
        """Name and value of every column of the ledger."""
        claim = self.claim
        yield from (
            ("id", claim.id),
            ("section", claim.section),
            ("place", claim.place),
            ("printed", "; ".join(claim.printed)),
            ("wording", claim.wording),
            ("kind", claim.kind),
            ("within_paper", self.within_paper),
            ("recomputed", self.recomputed),
            ("in_results", self.in_results),
            ("reason", self.reason),
            ("evidence", self.evidence),
            ("as_trained", self.as_trained),
            ("important", claim.important),
            ("command", command(claim.id)),
        )


AS_TRAINED = "as trained, "
"""Before the word that stands in the evidence beside "not testable"."""
WITHIN_PAPER: Mapping[Outcome, str] = {
    Outcome.HOLDS: "consistent",
    Outcome.PARTLY: "inconsistent",
    Outcome.FAILS: "inconsistent",
    Outcome.MISMATCH: "not checkable",
    Outcome.UNTESTABLE: "not checkable",
}
IN_RESULTS: Mapping[Outcome, str] = {
    Outcome.HOLDS: "reproduced",
    Outcome.PARTLY: "same direction or rank only",
    Outcome.FAILS: "not reproduced",
    Outcome.UNTESTABLE: "not testable",
    Outcome.MISMATCH: "definition mismatch",
}
