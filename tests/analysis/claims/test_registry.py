"""The registry: complete, well-formed, and never a carrier of verdicts."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from reproduce.analysis.claims import Claim, load, registry
from reproduce.analysis.claims.kinds import KINDS
from reproduce.analysis.claims.registry import _arguments, statements
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS
from tests.analysis.claims.worlds import claim

SECTIONS = {
    "Abstract", "I", "II-A", "II-B", "II-D", "II-E", "II-H",
    "III-A", "III-B", "III-C", "III-D", "III-E", "III-F", "III-G", "III-H",
    "IV-A", "IV-B", "IV-C", "IV-D", "IV-E", "IV-F", "IV-G",
    "V-A", "V-B", "V-C", "V-D", "V-E", "V-F", "V-G", "V-H",
    "VI-A", "VI-B", "VI-C", "VI-D", "VI-E", "VII-A", "VII-B", "VII-C", "VII-D", "VIII-A", "VIII-B", "VIII-C",
}  # fmt: skip
VERDICT_WORDS = re.compile(r"\b(in)?consistent\b|reproduced|not testable|not checkable|mismatch", re.I)


def test_at_least_250_statements_beside_the_cells() -> None:
    assert len(statements()) >= 250
    assert len(load()) == len(statements()) + len(CELLS)


def test_every_section_is_covered() -> None:
    assert {claim.section for claim in statements()} == SECTIONS


def test_ids_are_unique() -> None:
    assert max(Counter(claim.id for claim in load()).values()) == 1


def test_every_kind_is_known_and_used() -> None:
    assert {claim.kind for claim in load()} == set(KINDS)


@pytest.mark.parametrize("statement", statements(), ids=lambda statement: statement.id)
def test_a_statement_is_well_formed(statement: Claim) -> None:
    assert statement.wording
    assert statement.place
    for number in statement.printed and statement.numbers:
        assert number.half_unit > 0
    statement.rests_on()  # raises on an unknown architecture or family
    for reference in re.findall(r"\$(\d)", " ".join(statement.arguments.values())):
        assert int(reference) <= len(statement.printed)


def test_no_verdict_is_typed_into_the_registry() -> None:
    for statement in statements():
        text = f"{statement.wording} {statement.arguments}"
        assert not VERDICT_WORDS.search(text), statement.id


def test_cells_carry_their_place_and_scale() -> None:
    (cell,) = [c for c in load() if c.id == "T2.ae.piq.sd"]
    assert cell.place == "Table II, AE, PIQ ±"
    assert cell.number.value == pytest.approx(0.001574)


def test_about_thirty_claims_are_important() -> None:
    assert 25 <= sum(claim.important for claim in load()) <= 40


@pytest.mark.parametrize("text", ["metric", "metric=", "=ssim", "metric=a; metric=b"])
def test_a_malformed_argument_is_refused(text: str) -> None:
    with pytest.raises(ReproduceError, match="malformed"):
        _arguments("file.csv", "X.test", text)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ReproduceError, match="unknown architecture 'vea'"):
        claim("cell", "architecture=vea; metric=ssim", "0.9").rests_on()


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(ReproduceError, match="needs the argument 'metric'"):
        claim("cell", "architecture=ae", "0.9").text("metric")


def test_a_missing_number_is_named() -> None:
    with pytest.raises(ReproduceError, match="needs a printed number"):
        _ = claim("cell", "architecture=ae; metric=ssim").number


@pytest.mark.parametrize(
    "statement",
    [statement for statement in statements() if "there" in statement.arguments],
    ids=lambda statement: statement.id,
)
def test_what_is_said_elsewhere_is_another_statement_of_the_registry(statement: Claim) -> None:
    others = [registry.statement(identity) for identity in statement.arguments["there"].split()]
    assert statement not in others


def test_an_unknown_statement_is_refused() -> None:
    with pytest.raises(ReproduceError, match=r"no claim 'IX-A\.nothing'"):
        registry.statement("IX-A.nothing")
