"""The registry: complete, well-formed, one statement for what is said twice, and never a carrier of verdicts."""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd
import pytest

from reproduce import paper
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS
from reproduce.paper.tables import read
from reproduce.verdicts import registry
from reproduce.verdicts.judge import evaluate
from reproduce.verdicts.kinds import KINDS, OWN, kind_of
from reproduce.verdicts.registry import COLUMNS, arguments, load, parsed, rows
from reproduce.verdicts.verdict import Statement
from tests.verdicts.worlds import registered, statement, theirs

SECTIONS = """
Abstract I II-A II-B II-D II-E II-H III-A III-B III-C III-D III-E III-F III-G III-H IV-A IV-B IV-C IV-D IV-E IV-F IV-G
V-A V-B V-C V-D V-E V-F V-G V-H VI-A VI-B VI-C VI-D VI-E VII-A VII-B VII-C VII-D VIII-A VIII-B VIII-C
"""
VERDICT_WORDS = re.compile(r"\b(in)?consistent\b|reproduced|undecided|not checkable|direction only", re.I)


def test_every_row_and_every_cell_is_one_place_of_one_statement() -> None:
    places = Counter(place.id for own in load() for place in own.places)
    cells = {registry.cell_statement(paper.tables(), cell).id for cell in CELLS}
    assert set(places) == {own.id for own in rows()} | cells
    assert {own.section for own in rows()} == set(SECTIONS.split())
    assert set(places.values()) == {1}
    names = Counter(name for own in load() for name in own.ids)
    assert set(names.values()) == {1}


def test_every_statement_is_well_formed() -> None:
    for own in load():
        assert own.wording, own.id
        assert all(place.section and place.where for place in own.places), own.id
        assert all(number.half_unit > 0 for number in own.printed and own.numbers), own.id
        own.rests_on()  # raises on an unknown architecture or family
        kind_of(own)
        references = re.findall(r"\$(\d)", " ".join(own.arguments.values()))
        assert all(int(reference) <= len(own.printed) for reference in references), own.id
        assert not VERDICT_WORDS.search(own.wording), f"{own.id}: no verdict is typed into the registry"


def test_every_kind_is_used_and_says_its_rule() -> None:
    assert {own.kind for own in load()} - {"own"} == set(KINDS)
    assert {own.id for own in load() if own.kind == "own"} == set(OWN)
    assert all(len(kind.rule) > 40 for kind in (*KINDS.values(), *OWN.values()))


def test_what_the_registry_names_exists() -> None:
    known = {one.id for one in rows()}
    for one in rows():
        for name in ("there", "of") if one.kind in ("restated", "run-time", "again") else ():
            assert set(one.arguments.get(name, "").split()) <= known - {one.id}, one.id
    assert all(registered(identity) for identity in read("ten.csv")["statement"])


@pytest.mark.parametrize("names", [
    ("VI-A.r", "Abstract.r", "I.r", "VI-A.fig5-r", "VIII-A.r"),
    ("IV-A.ssim-gap", "Abstract.ssim-gap", "VI-A.ssim-gap"),
    ("T1.ae.ssim", "Abstract.ae-ssim", "IV-B.ae-ssim", "VI-C.ae-ssim"),
    ("T2.wae.piq", "VI-A.wae-piq", "V-C.wae-piq"),  # 0.00295 for 2.949
    ("Abstract.wae-piq",),  # 0.00293
    ("IV-C.aae-largest-spread", "IV-G.aae-spread"),
    ("III-A.batch",),
    ("III-D.batch",),
], ids=lambda names: names[0])  # fmt: skip
def test_what_is_said_at_several_places_is_one_statement(names: tuple[str, ...]) -> None:
    own = registered(names[0])
    assert set(names) <= set(own.ids)
    assert own.id == names[0]
    assert len(names) > 1 or own.ids == names


def test_a_statement_is_important_if_one_of_its_places_is() -> None:
    assert registered("Abstract.r").important
    assert 25 <= sum(own.important for own in load()) <= 60


def row(**fields: str) -> Statement:
    """One row of a file, parsed."""
    given = {"id": "X.a", "place": "text", "wording": "w", "kind": "stated"} | fields
    frame = pd.DataFrame([{column: given.get(column, "") for column in COLUMNS}])
    return next(parsed(frame, "x.csv"))


def merged(*own: Statement) -> list[Statement]:
    return list(registry._merged(own, []))


def test_merging() -> None:
    cell = {"printed": "0.9", "kind": "cell", "arguments": "architecture=ae; metric=ssim"}
    one, two = row(id="X.a", **cell), row(id="Y.b", important="yes", **cell)
    (both,) = merged(one, two)
    assert both.id == "Y.b", "what is important comes first"
    assert both.important
    assert [place.id for place in both.places] == ["Y.b", "X.a"]
    assert len(merged(one, row(id="Y.b", **cell | {"printed": "0.8"}))) == 2
    assert len(merged(one, row(id="Y.b", **cell | {"arguments": "architecture=ae; metric=mse"}))) == 2
    assert len(merged(row(id="X.a"), row(id="Y.b"))) == 2, "settings are what restatements are about"
    (with_place,) = merged(one, row(id="Z.c", kind="again", arguments="of=X.a"))
    assert with_place.ids == ("X.a", "Z.c")


@pytest.mark.parametrize("text", ["metric", "metric=", "=ssim", "metric=a; metric=b"])
def test_a_malformed_argument_is_refused(text: str) -> None:
    with pytest.raises(ReproduceError, match=r"file.csv: statement X.test has the malformed argument"):
        arguments("file.csv", "X.test", text)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(
        ReproduceError, match=r"file.csv: statement X.test has the unknown metric 'mea'; known are"
    ):
        arguments("file.csv", "X.test", "metric=ssim mea")


def test_other_columns_rows_of_one_id_and_unknown_ids_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReproduceError, match=r"no statement 'IX-A\.nothing'"):
        registry.row("IX-A.nothing")
    with pytest.raises(ReproduceError, match=r"x.csv: the columns must be id, place, printed"):
        list(parsed(pd.DataFrame({"id": ["a"]}), "x.csv"))
    monkeypatch.setattr(registry, "rows", lambda: (row(), row()))
    with pytest.raises(ReproduceError, match=r"two statements with the id X.a; rename one"):
        registry.from_tables(paper.tables())


@pytest.mark.parametrize(("kind", "text", "numbers", "message"), [
    ("magic", "", "", "unknown kind 'magic'; known are own, alike, arithmetic"),
    ("own", "", "", "statement X.test: write its predicate in reproduce/verdicts/own.py"),
    ("cell", "architecture=vea; metric=ssim", "0.9", "unknown architecture 'vea' in 'architecture'"),
    ("cell", "architecture=ae", "0.9", "kind 'cell' needs the argument 'metric'"),
    ("cell", "architecture=ae; metric=ssim", "", "kind 'cell' needs a printed number"),
    ("family-place", "metric=ssim; family=IV-E/Nobody; place=1", "", "no family 'Nobody' in grouping 'IV-E'"),
    ("rank", "architecture=ae; metric=ssim; place=first", "", "do not fit the kind 'rank'"),
])  # fmt: skip
def test_a_statement_that_does_not_fit_is_one_line(kind: str, text: str, numbers: str, message: str) -> None:
    with pytest.raises(ReproduceError, match=message):
        evaluate(statement(kind, text, numbers), theirs())


@pytest.mark.parametrize(
    ("identity", "within", "recomputed"),
    [
        ("VI-C.fig6-interpolation", "holds", ""),
        ("III-E.sampled", "fails", "deterministic in VI-B"),
        ("IV-G.aae-seeds", "fails", "cannot exceed 0.731"),
        ("VII-A.medical-first", "fails", "first by the tables: AE"),
        ("VII-A.generation-first", "fails", "3 models first for one priority"),
        ("VII-A.balanced-first", "holds", "RAE-GP, RAE-L2"),
        ("V-A.piq-more-sensitive", "fails", "MSE 332%"),
        ("III-D.capacity", "fails", "epoch 100"),
        ("VII-A.reconstruction-wae", "fails", "place 21 of 22"),
        ("III-C.bottleneck-side", "holds", "only with padding"),
        ("V-F.three-metrics", "fails", "ISS r = +0.12"),
        ("V-B.rae-gp-penalty", "holds", "0.001334 against 0.004034"),
        ("Abstract.r", "holds", "0.768"),
        ("Abstract.distinct", "fails", "15 of 22"),
        ("III-H.total", "fails", "11 to 33"),
        ("IV-A.r-ssim-mse", "fails", "-0.986"),
        ("IV-B.wae-ssim-sd", "fails", "0.051"),
        ("III-F.equations", "fails", "2.4e+04 times"),
        ("VI-C.pareto-set", "holds", "7 of 22"),
        ("VI-E.beta-vae-loss", "fails", "3.2%"),
    ],
)
def test_what_follows_within_the_paper(identity: str, within: str, recomputed: str) -> None:
    found = evaluate(registered(identity), theirs())
    assert found.outcome == within
    assert recomputed in found.shown
