"""The rules that hold for all kinds: what is needed, collapsed rows, sizes, grades, looks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.architectures.names import SLUGS
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS, Cell
from reproduce.storage.records import Records
from reproduce.verdicts import judge as judging
from reproduce.verdicts.judge import (
    Campaign,
    evaluate,
    judge,
    ledger,
    paper_world,
    rules,
)
from reproduce.verdicts.kinds import KINDS, OWN, Kind, kind_of
from reproduce.verdicts.model import IN_RESULTS, WITHIN_PAPER, Outcome, Statement, Verdict
from reproduce.verdicts.registry import cell_statement, load
from tests.synthetic import make_records, paperlike
from tests.verdicts.test_own import codes
from tests.verdicts.worlds import edited, registered, statement

BEST, WORST = "architecture=ae; metric=ssim; place=1", "architecture=svae; metric=ssim; place=-1"


@cache
def records(profile: str = "paper", seeds: int = 1, **plan: Any) -> Records:
    plan = {name: list(slugs) if isinstance(slugs, tuple) else slugs for name, slugs in plan.items()}
    return make_records(profile, (42, 123, 456)[:seeds], **({"seed_spread": 0.0} | plan))


def verdict(what: Records | None, own: Statement | str) -> Verdict:
    own = registered(own) if isinstance(own, str) else own
    return judge(what, [own])[0]


def told(what: Records, *statements: Statement | str) -> list[str]:
    """The verdicts, each with its reason."""
    found = [verdict(what, own) for own in statements]
    return [f"{one.verdict}: {one.reason}" if one.reason else one.verdict for one in found]


@pytest.fixture(scope="module")
def verdicts() -> tuple[Verdict, ...]:
    return judge(records("paper", 3))


def test_verdicts_use_the_stated_words_and_say_why_not(verdicts: tuple[Verdict, ...]) -> None:
    assert {one.within_paper for one in verdicts} == set(WITHIN_PAPER.values())
    about = [one for one in verdicts if one.about == "results"]
    assert {one.verdict for one in about} == set(IN_RESULTS.values()) - {"not judged"}
    assert all(one.reason for one in about if one.verdict in ("undecided", "defined differently"))
    assert all(one.evidence for one in about if one.verdict not in ("undecided", "defined differently"))


def test_what_is_about_the_text_has_no_verdict_in_results(verdicts: tuple[Verdict, ...]) -> None:
    for one in verdicts:
        assert (one.about == "text") == kind_of(one.statement).text
        assert one.about == "results" or (one.verdict, one.grade, one.looks) == ("", "", (0, 0))


def test_without_records_only_the_paper_is_judged() -> None:
    found = verdict(None, "Abstract.r")
    assert (found.within_paper, found.verdict, found.looks) == ("consistent", "", (0, 0))


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_profiles_on_5000_digits_give_no_verdict(profile: str) -> None:
    assert told(records(profile), "Abstract.r", "T1.ae.ssim") == [
        f"not judged: profile {profile} gives no verdicts"
    ] * 2  # fmt: skip


# --- which runs a statement needs ---------------------------------------------------------------------------


def test_a_missing_or_failed_run_leaves_what_needs_it_undecided() -> None:
    damaged = records(failed=("svae",), missing=("hvae",))
    field = "undecided: 2 of 22 models have no finished run"
    ordering = statement("ordering", "metric=ssim; better=ae; worse=others")
    assert told(
        damaged, "T1.hvae.ssim", "T1.svae.ssim", statement("alike", "models=svae hvae; metric=piq")
    ) == [
        "undecided: no finished run of HVAE",
        "undecided: failed SVAE",
        "undecided: no finished run of SVAE, HVAE",
    ]
    assert told(damaged, "Abstract.r", statement("rank", BEST), ordering, "IV-B.top-members") == [field] * 4


@pytest.mark.parametrize(
    "own",
    [
        "V-C.vq-vae-before",
        "IV-D.vamp-no-gain",
        "IV-G.vq-vae-digits",
        "IV-D.rae-against-pca",
        "V-H.vq-vae-organised",
        "IV-E.deterministic-mean",
        "VI-C.fig6-interpolation",
    ],
)
def test_a_statement_about_a_few_models_needs_no_others(own: str) -> None:
    few = records(missing=("svae", "miwae", "hvae"))
    assert "finished run" not in verdict(few, own).reason
    assert verdict(few, own).evidence


@pytest.mark.parametrize(
    "partial",
    [
        {"architectures": ["ae", "vae"]},
        {"architectures": []},
        {"missing": ["vae"]},
        {"failed": SLUGS},
        {"collapsed": SLUGS},
        {"collapsed": SLUGS[1:]},
    ],
    ids=["two models", "nothing yet", "no baseline", "all failed", "all collapsed", "all but one collapsed"],
)
def test_a_partial_campaign_is_judged_as_far_as_it_goes(partial: dict[str, Iterable[str]]) -> None:
    cells = [own for own in load() if own.kind == "table-cell"]
    found = judge(
        make_records("paper", (42,), **partial), [*(own for own in load() if own not in cells), *cells[::9]]
    )
    assert all(one.reason for one in found if one.verdict == "undecided")


def test_nan_never_passes() -> None:
    spoilt = replace(records(), runs=records().runs.assign(piq=np.nan))
    named = (
        "Abstract.r",
        "VI-C.pareto-set",
        "V-A.piq-gap",
        "T2.ae.piq",
        "V-G.inverted",
        "VI-D.distinct-regimes",
    )
    assert {verdict(spoilt, name).verdict for name in named} == {"undecided"}


# --- collapsed rows -----------------------------------------------------------------------------------------


def test_collapse_under_printed_settings_is_a_result() -> None:
    collapsed = records(collapsed=("beta-vae",))
    last = statement("rank", "architecture=beta-vae; metric=ssim; place=-1")
    assert told(collapsed, "T1.beta-vae.ssim", "IV-D.beta-tcvae-over-beta-vae", last) == [
        "not reproduced", "reproduced", "reproduced"
    ]  # fmt: skip


def test_where_collapsed_rows_change_the_answer_it_is_undecided_and_both_are_told() -> None:
    found = verdict(records(collapsed=("beta-vae",)), statement("rank", WORST))
    assert found.verdict == "undecided"
    assert found.reason == "collapsed rows change the answer"
    assert found.evidence.startswith("all rows: not reproduced (place 21 of 22")
    assert "; without 1 collapsed: " in found.evidence
    assert "place 21 of 21" in found.evidence


def test_where_they_do_not_the_main_line_over_all_rows_stands() -> None:
    found = verdict(records(collapsed=("beta-vae",)), statement("rank", BEST))
    assert (found.verdict, found.reason) == ("reproduced", "")
    assert found.evidence.startswith("place 1 of 22")


def test_a_quantity_that_collapsed_rows_do_not_have_is_asked_of_the_others() -> None:
    found = Campaign(records(collapsed=("beta-vae",))).evaluate(
        statement("rank", "architecture=ae; metric=piq_over_floor; place=-1")
    )
    assert "1 collapsed have no such value" in found.shown


# --- sizes --------------------------------------------------------------------------------------------------


def test_a_stand_in_shows_how_far_a_size_lies_and_judges_directions_only() -> None:
    desk = records("desk")
    found = verdict(desk, "T1.ae.ssim")
    assert (found.verdict, found.grade, found.looks) == ("not judged", "", (0, 0))
    assert found.reason == "a size, and desk has another schedule than the paper"
    assert "against 0.908 in the paper" in found.evidence
    loss = "VI-E.beta-vae-loss"
    assert told(desk, loss, "IV-A.ae-best", "Abstract.r") == [
        "direction only: its direction; the size is judged in paper and notebook", "reproduced", "reproduced"
    ]  # fmt: skip
    assert verdict(desk, loss).grade == "C"
    other = edited(paper.models(), {("beta-vae", "ssim"): 0.7})
    risen = make_records("desk", (42,), targets=other, seed_spread=0.0)
    assert told(risen, loss) == ["not reproduced: the direction is another"]


# --- grades -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "seeds", "grade"),
    [("paper", 3, "A"), ("paper", 2, "B"), ("paper-tf32", 3, "A"), ("desk", 3, "C"), ("notebook", 1, "D")],
)
def test_every_verdict_has_a_grade(profile: str, seeds: int, grade: str) -> None:
    found = judge(records(profile, seeds), [registered(name) for name in ("Abstract.r", "IV-A.ae-best")])
    assert {one.grade for one in found} == {grade}


def test_three_seeds_of_what_it_needs_make_an_a() -> None:
    """SVAE has one seed: what does not name it, and does not compare with all, has three."""
    whole = records("paper", 3)
    runs = whole.runs[(whole.runs["architecture"] != "svae") | (whole.runs["seed"] == 42)]
    short = replace(whole, runs=runs)
    pair = statement("ordering", "metric=ssim; better=ae; worse=vae")
    assert [
        verdict(short, own).grade for own in (pair, "T1.svae.ssim", "Abstract.r", "IV-A.ae-best")
    ] == list("ABBB")


# --- looks --------------------------------------------------------------------------------------------------

PAIR = statement("ordering", "metric=ssim; better=ae; worse=vae")


def with_milestones(what: Records, **epochs: int) -> Records:
    """The made-up milestones, epochs 5 and 10, at other epochs; the weights kept are those of the epoch before the
    last."""
    moved = {5: epochs["middle"], 10: epochs["last"]}
    return replace(
        what,
        milestones=what.milestones.assign(epoch=what.milestones["epoch"].map(moved)),
        runs=what.runs.assign(best_epoch=what.runs["epochs"] - 1),
    )


def swapped(frame: pd.DataFrame, where: pd.Series) -> pd.DataFrame:
    """AE and VAE change places in some rows."""
    other = frame["architecture"].map({"ae": "vae", "vae": "ae"}).fillna(frame["architecture"])
    return frame.assign(architecture=frame["architecture"].where(~where, other))


@pytest.mark.parametrize(
    ("profile", "seeds", "middle", "looks", "firm"),
    [
        ("paper", 3, 50, (5, 5), True),
        ("paper", 1, 50, (3, 3), True),
        ("paper", 1, 30, (2, 2), False),
        ("desk", 3, 8, (5, 5), True),
        ("notebook", 1, 5, (3, 3), True),
    ],
)
def test_looks_are_seeds_and_milestones(
    profile: str, seeds: int, middle: int, looks: tuple[int, int], firm: bool
) -> None:
    found = verdict(with_milestones(records(profile, seeds), middle=middle, last=100), PAIR)
    assert (found.looks, found.firm) == (looks, firm)
    assert found.looks_in_words == f"{looks[0]} of {looks[1]}"


def test_the_last_epoch_is_no_look_of_its_own_where_its_weights_were_kept() -> None:
    """The same weights would be asked twice."""
    whole = with_milestones(records("paper", 1), middle=50, last=100)
    kept = replace(whole, runs=whole.runs.assign(best_epoch=whole.runs["epochs"]))
    found = verdict(kept, PAIR)
    assert (found.looks, found.firm) == ((2, 2), False)


def test_a_milestone_that_says_otherwise_is_a_look_that_does_not_agree() -> None:
    whole = with_milestones(records("paper", 3), middle=50, last=100)
    early = replace(whole, milestones=swapped(whole.milestones, whole.milestones["epoch"] == 50))
    found = verdict(early, PAIR)
    assert (found.verdict, found.looks, found.firm) == ("reproduced", (4, 5), False)


def test_a_seed_that_says_otherwise_is_one_too() -> None:
    """And its spread widens the interval of the lead."""
    whole = records("paper", 3)
    frames = {name: getattr(whole, name) for name in ("runs", "images", "pairs")}
    other = replace(whole, **{name: swapped(frame, frame["seed"] == 456) for name, frame in frames.items()})
    found = verdict(replace(other, milestones=whole.milestones.iloc[:0]), PAIR)
    assert (found.verdict, found.looks) == ("undecided", (0, 0)), (
        "what is undecided has nothing to agree with"
    )


def test_a_look_that_cannot_be_asked_is_not_agreement() -> None:
    """Milestones note no sharpness, no codes, no seeds beside one another; a seed may lack a run."""
    whole = with_milestones(records("paper", 3), middle=50, last=100)
    assert verdict(whole, "IV-F.sharper-than-mean").looks == (3, 3)
    assert verdict(whole, "V-H.continuous").looks[1] == 3
    assert verdict(whole, "IV-C.aae-largest-spread").looks[1] == 0
    assert verdict(whole, "VII-A.visualization").looks[1] == 3
    runs = whole.runs[(whole.runs["architecture"] != "ae") | (whole.runs["seed"] != 456)]
    assert verdict(replace(whole, runs=runs), PAIR).looks == (4, 4)
    assert verdict(records("paper", missing=("ae",)), PAIR).looks == (0, 0)


def test_the_weights_of_a_milestone_are_held_against_the_same_tables() -> None:
    """Halfway PIQ is a tenth lower: PIQ of AE in the made-up milestones."""
    campaign = Campaign(with_milestones(records("paper", 3), middle=50, last=100))
    middle, last = campaign.looks[-2:]
    ratio = middle.summary["piq"] / last.summary["piq"]
    assert ratio.to_numpy() == pytest.approx(0.9, rel=1e-6)
    assert last.summary["ssim_sd"].to_numpy() == pytest.approx(
        campaign.summary["ssim_sd"].to_numpy(), rel=1e-6
    )
    assert (middle.everything.draws.of("ssim").std(axis=0) > 0).all()


# --- printed cells one by one, and rows in another order ------------------------------------------------------


def flipped(text: str) -> str:
    """The same number with its first significant digit moved by three units: a change that no sampling explains."""
    at = next(place for place, digit in enumerate(text) if digit in "123456789")
    digit = int(text[at])
    return f"{text[:at]}{digit + 3 if digit <= 6 else digit - 3}{text[at + 1 :]}"


@pytest.mark.parametrize(
    ("text", "other"), [("0.908", "0.608"), ("1.196", "4.196"), ("21.74", "51.74"), ("0.014", "0.044")]
)
def test_what_a_flipped_number_is(text: str, other: str) -> None:
    assert flipped(text) == other


@cache
def as_printed() -> Campaign:
    return Campaign(replace(paperlike(), profile="paper"))


def after(cell: Cell, text: str) -> Outcome:
    """What a campaign that measured the printed numbers says of a cell that is printed otherwise."""
    return as_printed().evaluate(cell_statement(paper.tables().with_cell(cell, text), cell)).outcome


def tenfold(text: str) -> str:
    return f"{float(text) * 10:.{len(text.partition('.')[2])}f}"


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ".".join(map(str, cell)))
def test_changing_any_printed_number_of_the_tables_changes_its_verdict(cell: Cell) -> None:
    """What is reproduced, or compatible, is not so once the number lies beyond margin and interval."""
    printed = paper.tables().cells[cell]
    assert after(cell, printed) in (Outcome.HOLDS, Outcome.UNDECIDED)
    assert after(cell, tenfold(printed)) in (Outcome.FAILS, Outcome.OTHER)


def test_most_numbers_need_no_more_than_three_units_of_their_first_digit() -> None:
    """A ± over 25 pairs and 0.7 for 0.4 may still be compatible."""
    outcomes = {cell: after(cell, flipped(paper.tables().cells[cell])) for cell in CELLS}
    assert Outcome.HOLDS not in outcomes.values()
    compatible = [cell for cell, found in outcomes.items() if found is Outcome.UNDECIDED]
    assert len(compatible) <= len(CELLS) / 7
    assert all(cell.part == "sd" or cell.metric == "iss" for cell in compatible)


@pytest.mark.parametrize(
    ("cell", "text", "identity"),
    [
        (Cell(1, "ae", "ssim", "mean"), "0.980", "IV-A.ssim-gap"),
        (Cell(1, "ae", "psnr", "mean"), "19.00", "T1.ae.psnr"),
        (Cell(1, "rae-gp", "mse", "mean"), "30.10", "IV-D.rae-alike"),
        (Cell(2, "svae", "piq", "mean"), "1.600", "V-B.smooth-members"),
        (Cell(2, "vae-linnf", "iss", "mean"), "5.00", "V-E.vae-linnf-lowest"),
    ],
)
def test_verdicts_within_the_paper_follow_its_tables(cell: Cell, text: str, identity: str) -> None:
    other = paper_world(paper.tables().with_cell(cell, text))
    before, after = (evaluate(registered(identity), world) for world in (paper_world(), other))
    assert before.outcome is Outcome.HOLDS
    assert after.outcome is Outcome.FAILS


def test_verdicts_fall_with_the_rows_of_a_results_table_shuffled() -> None:
    """The same measurements under other names: what was reproduced of orders, ranks and sets falls."""
    order = np.random.default_rng(5).permutation(len(SLUGS))
    targets = paper.models()
    shuffled = make_records(
        "paper", (42,), targets=targets.iloc[order].set_index(targets.index), seed_spread=0.0
    )
    kinds = {"rank", "ordering", "family-place", "pareto", "best-of-combined", "members"}
    chosen = [own for own in load() if own.kind in kinds]
    before = [
        one for one in judge(records("paper"), chosen) if one.verdict in ("reproduced", "direction only")
    ]
    lasting = [one for one in judge(shuffled, [b.statement for b in before]) if one.verdict == "reproduced"]
    assert len(before) > 20
    assert len(lasting) <= len(before) / 4


# --- the rest ---------------------------------------------------------------------------------------------


def test_the_ledger_has_one_row_a_statement(verdicts: tuple[Verdict, ...]) -> None:
    frame = ledger(verdicts)
    assert list(frame["id"]) == [own.id for own in load()]
    assert {"places", "within_paper", "recomputed", "verdict", "reason", "grade", "looks", "evidence"} <= set(
        frame
    )


def test_a_statement_is_judged_alike_alone_and_among_all(verdicts: tuple[Verdict, ...]) -> None:
    chosen = [one.statement for one in verdicts if one.about == "results"][::20]
    alone = judge(records("paper", 3), chosen[::-1])
    by_id = {one.statement.id: one for one in verdicts}
    assert [(one.verdict, one.evidence) for one in alone] == [
        (by_id[own.id].verdict, by_id[own.id].evidence) for own in chosen[::-1]
    ]


def test_with_mnist_the_papers_own_equation_and_pca_can_be_asked() -> None:
    """Codes here are invented, but the distance of two images and PCA's SSIM are there."""
    assert verdict(None, "III-F.piq-equation").within_paper == "not checkable"
    found = verdict(records(), "III-F.piq-equation")
    assert found.within_paper == "inconsistent"
    assert found.recomputed.startswith("two digits of the test set demand a PIQ of ")
    assert verdict(records(), "IV-D.rae-against-pca").within_paper == "inconsistent"
    assert codes("apart").shape == (1000, 4)


def test_rules_are_told_of_every_kind() -> None:
    assert set(rules()) == {*KINDS, *OWN}


def test_records_that_lack_what_is_asked_are_told_from_wrong_arguments() -> None:
    bare = replace(records(), digits=records().digits.drop(columns="n"))
    with pytest.raises(ReproduceError, match=r"or the records lack what that asks for \(KeyError\('n'\)\)$"):
        verdict(bare, "IV-G.vq-vae-digits")


def test_a_mistake_in_a_predicate_is_not_blamed_on_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments are characters: no choice of them makes a TypeError."""
    monkeypatch.setitem(KINDS, "broken", Kind(lambda world, own: len(None)))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        evaluate(statement("broken"), paper_world())


@pytest.mark.slow
def test_a_whole_campaign_is_judged_in_seconds() -> None:
    """Four to five seconds of CPU where nothing else runs."""
    whole = with_milestones(make_records("paper"), middle=50, last=100)
    start = time.process_time()
    judging.judge(whole)
    assert time.process_time() - start < 8


def test_what_refutes_a_statement_about_each_of_several_needs_no_missing_model() -> None:
    """The AE must lead all others; one that is as good refutes that, whoever is missing."""
    models = paper.models()
    models.loc["rae-l2"] = models.loc["ae"]
    statement = next(own for own in load() if own.id == "V-F.fig4-reconstruction")
    records = make_records("paper", (42,), targets=models, missing=["hvae"], seed_spread=0)
    (found,) = judge(records, [statement])
    assert found.verdict == "not reproduced"
    assert found.reason == "refuted by the models at hand (1 of 22 models have no finished run)"
    (open_still,) = judge(make_records("paper", (42,), missing=["hvae"], seed_spread=0), [statement])
    assert open_still.verdict == "undecided"


def test_a_familys_mean_needs_all_its_members() -> None:
    statement = next(own for own in load() if own.id == "V-G.robust-as-flows")
    (found,) = judge(make_records("paper", (42,), missing=["svae"]), [statement])
    assert found.verdict == "undecided"
