"""Statements about the paper's own text: arithmetic, restatements, lists, settings."""

from __future__ import annotations

import pytest

from reproduce.errors import ReproduceError
from reproduce.verdicts.judge import evaluate
from reproduce.verdicts.verdict import Outcome
from tests.verdicts.worlds import ours, outcome, statement, theirs

HOLDS, FAILS, UNDECIDED = Outcome.HOLDS, Outcome.FAILS, Outcome.UNDECIDED


@pytest.mark.parametrize(("kind", "text", "numbers", "expected"), [
    ("arithmetic", "operation=sum; terms=$2 $3", "70 50 20", HOLDS),
    ("arithmetic", "operation=sum; terms=$2 $3", "70 50 10", FAILS),
    ("arithmetic", "operation=product; terms=22 3 10..30 1/60", "30", HOLDS),
    ("arithmetic", "operation=product; terms=22 3 10..30 1/60", "45", FAILS),
    ("arithmetic", "operation=quotient; terms=$2 $3", "0.0023 0.05 22", HOLDS),
    ("arithmetic", "operation=quotient; terms=~$2 3", "1 1.2", FAILS),
    ("arithmetic", "operation=quotient; terms=~$2 3", "1 3", HOLDS),
    ("arithmetic", "operation=difference; terms=22 1", "21", HOLDS),
    ("arithmetic", "operation=difference; terms=22 1", "22", FAILS),
    ("arithmetic", "operation=floor-quotient; terms=28 8", "3", HOLDS),
    ("arithmetic", "operation=scales; terms=28 11", "2", HOLDS),
    ("arithmetic", "operation=scales; terms=28 11", "5", FAILS),
    ("arithmetic", "operation=scales; terms=10 11", "0", HOLDS),
    ("restated", "there=III-D.batch", "64", HOLDS),
    ("restated", "there=III-D.batch", "128", FAILS),
    ("restated", "says=MMD; there=V-C.wae-regulariser", "", FAILS),
    ("restated", "models=vae; there=VII-A.semi-supervised", "", HOLDS),
    ("restated", "models=ae; there=VII-A.semi-supervised", "", FAILS),
    ("lists", "models=ae wae; sense=length", "2", HOLDS),
    ("lists", "models=ae wae; sense=length", "3", FAILS),
    ("lists", "models=ae wae; count=values; sense=length", "1 5", HOLDS),
    ("lists", "first=ae wae; second=vae; sense=apart", "", HOLDS),
    ("lists", "first=ae wae; second=vae; third=wae; sense=apart", "", FAILS),
    ("lists", "first=ae wae; second=wae ae; sense=same", "", HOLDS),
    ("lists", "first=ae wae; second=wae; sense=same", "", FAILS),
    ("stated", "", "64", UNDECIDED),
    ("stated", "refuted=affine maps keep Gaussians", "", FAILS),
])  # fmt: skip
def test_a_statement_about_the_text(kind: str, text: str, numbers: str, expected: Outcome) -> None:
    assert outcome(theirs(), kind, text, numbers) is expected
    assert outcome(ours(), kind, text, numbers) is expected, "no result bears on it"


def test_a_reason_is_told() -> None:
    assert evaluate(statement("stated", "reason=not run"), theirs()).reason == "not run"


@pytest.mark.parametrize(("kind", "text", "message"), [
    ("arithmetic", "operation=power; terms=2 3", "unknown operation 'power'; known are sum, product"),
    ("arithmetic", "operation=sum; terms=x", "'x' is no term"),
    ("arithmetic", "operation=sum; terms=$7", r"'\$7' is no term"),
    ("restated", "there=III-D.nothing", "there is no statement 'III-D.nothing'"),
    ("restated", "says=x; there=III-D.batch", "nothing to compare"),
])  # fmt: skip
def test_what_cannot_be_read_is_one_line(kind: str, text: str, message: str) -> None:
    with pytest.raises(ReproduceError, match=message):
        outcome(theirs(), kind, text, "8" if kind == "arithmetic" else "")
