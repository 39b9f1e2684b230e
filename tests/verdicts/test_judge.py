"""The rules that hold for all kinds: what is needed, collapsed rows, sizes, grades, looks."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS, PAPER_SLUGS, Cell
from reproduce.storage.records import Records
from reproduce.verdicts.judge import Campaign, evaluate, judge, ledger, paper_world, rules
from reproduce.verdicts.kinds import KINDS, OWN, Kind, kind_of
from reproduce.verdicts.registry import cell_statement, load
from reproduce.verdicts.verdict import IN_RESULTS, WITHIN_PAPER, Outcome, Statement, Verdict
from tests.synthetic import make_records
from tests.verdicts.worlds import edited, registered, repeated, statement

PAIR = statement("ordering", "metric=ssim; better=ae; worse=vae")
BEST = statement("rank", "architecture=ae; metric=ssim; place=1")
WORST = statement("rank", "architecture=svae; metric=ssim; place=-1")


@cache
def records(profile: str = "paper", seeds: int = 1, **plan: Any) -> Records:
    """A campaign that measured what is printed; the plan is that of `make_records`."""
    if seeds == 3 and not plan:
        return replace(repeated(), profile=profile)
    return make_records(profile, (42, 123, 456)[:seeds], seed_spread=0.0, **plan)


def judged(what: Records | None, *statements: Statement | str) -> tuple[Verdict, ...]:
    return judge(what, [registered(own) if isinstance(own, str) else own for own in statements])


def told(what: Records, *statements: Statement | str) -> list[str]:
    """The verdicts, each with its reason."""
    return [": ".join(filter(None, (one.verdict, one.reason))) for one in judged(what, *statements)]


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


def test_without_records_and_on_5000_digits_only_the_paper_is_judged() -> None:
    (found,) = judged(None, "Abstract.r")
    assert (found.within_paper, found.verdict, found.looks) == ("consistent", "", (0, 0))
    unjudged = "not judged: profile quick gives no verdicts"
    assert told(records("quick"), "Abstract.r", "T1.ae.ssim") == [unjudged] * 2


def test_a_statement_is_judged_alike_alone_and_among_all(verdicts: tuple[Verdict, ...]) -> None:
    chosen = [one for one in verdicts if one.about == "results"][::40][::-1]
    assert list(judged(repeated(), *(one.statement for one in chosen))) == chosen


def test_the_ledger_has_one_row_a_statement(verdicts: tuple[Verdict, ...]) -> None:
    frame = ledger(verdicts)
    assert list(frame["id"]) == [own.id for own in load()]
    assert {"places", "within_paper", "verdict", "reason", "grade", "looks", "evidence"} <= set(frame)
    assert set(rules()) == {*KINDS, *OWN}


# --- which runs a statement needs ---------------------------------------------------------------------------


def test_a_missing_or_failed_run_leaves_what_needs_it_undecided() -> None:
    alike, family = statement("alike", "models=svae hvae; metric=piq"), "V-G.robust-as-flows"
    first = statement("ordering", "metric=ssim; better=ae; worse=others")
    damaged = records(failed=("svae",), missing=("hvae",))
    assert told(damaged, "T1.hvae.ssim", "T1.svae.ssim", alike, family) == [
        "undecided: no finished run of HVAE",
        "undecided: failed SVAE",
        "undecided: no finished run of SVAE, HVAE",
        "undecided: failed SVAE",
    ]
    field = "undecided: 2 of 22 models have no finished run"
    assert told(damaged, "Abstract.r", BEST, first, "IV-B.top-members") == [field] * 4


def test_a_statement_about_a_few_models_needs_no_others() -> None:
    named = ["V-C.vq-vae-before", "IV-D.vamp-no-gain", "IV-G.vq-vae-digits", "IV-D.rae-against-pca"]
    named += ["V-H.vq-vae-organised", "IV-E.deterministic-mean", "VI-C.fig6-interpolation"]
    for one in judged(records(missing=("svae", "miwae", "hvae")), *named):
        assert "finished run" not in one.reason, one.statement.id
        assert one.evidence, one.statement.id


def test_what_refutes_a_statement_about_each_of_several_needs_no_missing_model() -> None:
    """The AE must lead all others; one that is as good refutes that, whoever is missing."""
    models = paper.models()
    models.loc["rae-l2"] = models.loc["ae"]
    ties = make_records("paper", (42,), targets=models, missing=["hvae"], seed_spread=0)
    missing = "1 of 22 models have no finished run"
    refuted = f"not reproduced: refuted by the models at hand ({missing})"
    assert told(ties, "V-F.fig4-reconstruction", "IV-A.ae-best", "VI-C.ae-ssim-rank") == [refuted] * 3
    assert told(records(missing=("hvae",)), "V-F.fig4-reconstruction") == [f"undecided: {missing}"]


def test_a_collapsed_model_does_not_save_a_statement_that_others_refute() -> None:
    models = paper.models()
    models.loc["disent-beta-vae", "ssim"] = 0.8
    sharper = {"missing": ["factor-vae"], "collapsed": ["beta-vae"], "seed_spread": 0}
    (found,) = told(make_records("paper", (42,), targets=models, **sharper), "IV-C.disentangling-no-gain")
    assert found == "not reproduced: refuted by the models at hand (no finished run of FactorVAE)"


@pytest.mark.parametrize(
    "partial",
    [
        pytest.param({"architectures": ["ae", "vae"]}, id="two models"),
        pytest.param({"architectures": []}, id="nothing yet"),
        pytest.param({"missing": ["vae"]}, id="no baseline"),
        pytest.param({"failed": PAPER_SLUGS}, id="all failed"),
        pytest.param({"collapsed": PAPER_SLUGS}, id="all collapsed"),
        pytest.param({"collapsed": PAPER_SLUGS[1:]}, id="all but one collapsed"),
        pytest.param({"architectures": ["ae"], "collapsed": ["ae"]}, id="one model, collapsed"),
    ],
)
def test_a_partial_campaign_is_judged_as_far_as_it_goes(partial: dict[str, Any]) -> None:
    """Statements of every kind with every choice of arguments."""
    shapes = {(own.kind, own.id if own.kind == "own" else tuple(own.arguments)): own for own in load()}
    found = judge(make_records("paper", (42,), **partial), shapes.values())
    assert all(one.reason for one in found if one.verdict == "undecided")


def test_nan_never_passes() -> None:
    spoilt = replace(records(), runs=records().runs.assign(piq=np.nan))
    named = ["Abstract.r", "VI-C.pareto-set", "V-A.piq-gap", "T2.ae.piq", "V-G.inverted"]
    assert {one.verdict for one in judged(spoilt, *named, "VI-D.distinct-regimes")} == {"undecided"}


# --- collapsed rows -----------------------------------------------------------------------------------------


def test_collapsed_rows_are_results_and_leave_undecided_what_they_change() -> None:
    collapsed = records(collapsed=("beta-vae",))
    last = statement("rank", "architecture=beta-vae; metric=ssim; place=-1")
    own, over_twin, own_place, first, worst = judged(
        collapsed, "T1.beta-vae.ssim", "IV-D.beta-tcvae-over-beta-vae", last, BEST, WORST
    )
    assert [own.verdict, over_twin.verdict, own_place.verdict] == ["not reproduced", *["reproduced"] * 2]
    assert (first.verdict, first.reason) == ("reproduced", "")
    assert first.evidence.startswith("place 1 of 22"), "the main line over all rows stands"
    assert "; without 1 collapsed: place 1 of 21" in first.evidence
    words = "all rows not reproduced, without 1 collapsed undecided"
    assert (worst.verdict, worst.reason) == ("undecided", f"collapsed rows change the answer: {words}")
    assert worst.evidence.startswith("all rows: place 21 of 22")
    assert "; without 1 collapsed: " in worst.evidence
    assert "place 21 of 21" in worst.evidence
    (beside,) = judged(collapsed, statement("rank", "architecture=ae; metric=piq_over_floor; place=-1"))
    assert "1 collapsed have no such value" in beside.evidence


def test_lists_and_families_are_asked_again_without_their_collapsed_members() -> None:
    """SVAE's PIQ is the smallest of the printed ones but VAE-LinNF's; a collapsed row is smoother still."""
    collapsed = records(collapsed=("vae-iaf",))
    named = statement("pareto", "models=vae-iaf svae; sense=out")
    (found,) = judged(collapsed, named)
    assert found.verdict == "undecided"
    assert found.reason.startswith("collapsed rows change the answer")
    all_rows = "all rows: 1 of the 2 named; named but outside: VAE-IAF"
    assert found.evidence.startswith(f"{all_rows}; without 1 collapsed: ")
    flows = statement("family-place", "metric=piq; family=V-G/Flow-based; place=1")
    assert judged(collapsed, flows)[0].evidence.count("of 6") == 2
    assert named.among({"svae"}) == statement("pareto", "models=svae; sense=out")
    assert named.among({"ae"}) is None
    assert flows.among({"ae"}) == flows


# --- sizes and grades ---------------------------------------------------------------------------------------


def test_a_stand_in_shows_how_far_a_size_lies_and_judges_directions_only() -> None:
    desk, loss = records("desk"), "VI-E.beta-vae-loss"
    (size,) = judged(desk, "T1.ae.ssim")
    assert (size.verdict, size.grade, size.looks) == ("not judged", "", (0, 0))
    assert size.reason == "a size, and desk has another schedule than the paper"
    counts = judged(desk, "IV-B.top-count", "VI-C.pareto-count")
    assert [one.verdict == "not judged" for one in counts] == [True, False], (
        "only the first is by bounds of SSIM"
    )
    assert "against 0.908 in the paper" in size.evidence
    direction = "direction only: its direction; the size is judged in paper and notebook"
    assert told(desk, loss, "IV-A.ae-best", "Abstract.r") == [direction, "reproduced", "reproduced"]
    other = edited(paper.models(), {("beta-vae", "ssim"): 0.7})
    risen = make_records("desk", (42,), targets=other, seed_spread=0.0)
    assert told(risen, loss) == ["not reproduced: the direction is another"]


@pytest.mark.parametrize(
    ("profile", "seeds", "grade"),
    [("paper", 3, "A"), ("paper", 2, "B"), ("paper-tf32", 3, "A"), ("desk", 3, "C"), ("notebook", 1, "D")],
)
def test_every_verdict_has_a_grade(profile: str, seeds: int, grade: str) -> None:
    campaign = Campaign(records(profile, seeds))
    assert {campaign.grade(own) for own in (registered("Abstract.r"), PAIR)} == {grade}


def test_three_seeds_of_what_it_needs_make_an_a() -> None:
    """SVAE has one seed: what does not name it, and does not compare with all, has three."""
    whole = records("paper", 3)
    runs = whole.runs[(whole.runs["architecture"] != "svae") | (whole.runs["seed"] == 42)]
    campaign = Campaign(replace(whole, runs=runs))
    asked = (PAIR, *map(registered, ("T1.svae.ssim", "Abstract.r", "IV-A.ae-best")))
    assert [campaign.grade(own) for own in asked] == list("ABBB")


# --- looks --------------------------------------------------------------------------------------------------


def with_milestones(what: Records, middle: int = 50, last: int = 100) -> Records:
    """The made-up milestones at other epochs; the weights kept are those of the epoch before the last."""
    epochs = what.milestones["epoch"].map({5: middle, 10: last})
    runs = what.runs.assign(best_epoch=what.runs["epochs"] - 1)
    return replace(what, milestones=what.milestones.assign(epoch=epochs), runs=runs)


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
    (found,) = judged(with_milestones(records(profile, seeds), middle), PAIR)
    assert (found.looks, found.firm) == (looks, firm)
    assert found.looks_in_words == f"{looks[0]} of {looks[1]}"


def test_the_last_epoch_is_no_look_of_its_own_where_its_weights_were_kept() -> None:
    """The same weights would be asked twice."""
    whole = with_milestones(records())
    kept = replace(whole, runs=whole.runs.assign(best_epoch=whole.runs["epochs"]))
    assert judged(kept, PAIR)[0].looks == (2, 2)


def test_a_milestone_or_a_seed_that_says_otherwise_is_a_look_that_does_not_agree() -> None:
    whole = with_milestones(records("paper", 3))
    early = replace(whole, milestones=swapped(whole.milestones, whole.milestones["epoch"] == 50))
    (found,) = judged(early, PAIR)
    assert (found.verdict, found.looks, found.firm) == ("reproduced", (4, 5), False)
    frames = {name: getattr(whole, name) for name in ("runs", "images", "pairs")}
    other = replace(whole, **{name: swapped(frame, frame["seed"] == 456) for name, frame in frames.items()})
    (found,) = judged(other, PAIR)
    assert (found.verdict, found.looks) == ("undecided", (0, 0)), "its spread widens the interval of the lead"


def test_a_look_that_comes_out_undecided_was_asked_and_does_not_agree() -> None:
    """Halfway AE and VAE are equal in the mean and differ from image to image."""
    whole = with_milestones(records("paper", 1))
    rows = whole.milestones.reset_index(drop=True)
    early = (rows["epoch"] == 50) & rows["architecture"].isin(["ae", "vae"]) & (rows["record"] == "image")
    noise = np.random.default_rng(0).normal(0, 0.2, len(rows))
    equal = replace(whole, milestones=rows.assign(ssim=rows["ssim"].where(~early, 0.7 + noise)))
    (found,) = judged(equal, PAIR)
    assert (found.verdict, found.looks) == ("reproduced", (2, 3))


def test_a_look_that_cannot_be_asked_is_not_agreement() -> None:
    """Milestones note no sharpness, no codes, no seeds beside one another; a seed may lack a run."""
    whole = with_milestones(records("paper", 3))
    named = "IV-F.sharper-than-mean", "V-H.continuous", "IV-C.aae-largest-spread", "VII-A.visualization"
    assert [one.looks[1] for one in judged(whole, *named)] == [3, 3, 0, 3]
    runs = whole.runs[(whole.runs["architecture"] != "ae") | (whole.runs["seed"] != 456)]
    assert judged(replace(whole, runs=runs), PAIR)[0].looks == (4, 4)


def test_the_weights_of_a_milestone_are_held_against_the_same_tables() -> None:
    """Halfway PIQ is a tenth lower: PIQ of AE in the made-up milestones."""
    campaign = Campaign(with_milestones(records("paper", 3)))
    middle, last = (look.summary for look in campaign.looks[-2:])
    assert (middle["piq"] / last["piq"]).to_numpy() == pytest.approx(0.9, rel=1e-6)
    assert last["ssim_sd"].to_numpy() == pytest.approx(campaign.summary["ssim_sd"].to_numpy(), rel=1e-6)
    assert (campaign.looks[-2].everything.draws.of("ssim").std(axis=0) > 0).all()


# --- printed cells one by one, and rows in another order ------------------------------------------------------


def flipped(text: str) -> str:
    """The same number with its first significant digit moved by three units: a change that no sampling explains."""
    at = next(place for place, digit in enumerate(text) if digit in "123456789")
    digit = int(text[at])
    return f"{text[:at]}{digit + 3 if digit <= 6 else digit - 3}{text[at + 1 :]}"


def tenfold(text: str) -> str:
    return f"{float(text) * 10:.{len(text.partition('.')[2])}f}"


@cache
def as_printed() -> Campaign:
    return Campaign(repeated())


def after(cell: Cell, text: str) -> Outcome:
    """What a campaign that measured the printed numbers says of a cell that is printed otherwise."""
    return as_printed().evaluate(cell_statement(paper.tables().with_cell(cell, text), cell)).outcome


def test_changing_any_printed_number_of_the_tables_changes_its_verdict() -> None:
    """What is reproduced, or compatible, is not so once the number lies beyond margin and interval. Most need no more
    than three units of their first digit: a ± over 25 pairs and 0.7 for 0.4 may still be compatible."""
    assert [flipped(text) for text in ("0.908", "1.196", "0.014")] == ["0.608", "4.196", "0.044"]
    printed = paper.tables().cells
    for cell in CELLS:
        assert after(cell, tenfold(printed[cell])) in (Outcome.FAILS, Outcome.OTHER), cell
    outcomes = {cell: after(cell, flipped(printed[cell])) for cell in CELLS}
    assert Outcome.HOLDS not in outcomes.values()
    compatible = [cell for cell, found in outcomes.items() if found is Outcome.UNDECIDED]
    assert len(compatible) <= len(CELLS) / 7
    assert all(cell.part == "sd" or cell.metric == "iss" for cell in compatible)


def test_with_mnist_the_papers_own_equation_and_pca_can_be_asked() -> None:
    """Codes here are invented, but the distance of two images and PCA's SSIM are there."""
    named = "III-F.piq-equation", "IV-D.rae-against-pca"
    assert [one.within_paper for one in judged(None, *named)] == ["not checkable"] * 2
    found = judged(records(), *named)
    assert [one.within_paper for one in found] == ["inconsistent"] * 2
    assert found[0].recomputed.startswith("two digits of the test set demand a PIQ of ")


def test_records_without_what_is_asked_are_told_from_our_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(records(), digits=records().digits.drop(columns="n"))
    with pytest.raises(ReproduceError, match=r"or the records lack what that asks for \(KeyError\('n'\)\)$"):
        judged(bare, "IV-G.vq-vae-digits")
    # arguments are characters: no choice of them makes a TypeError
    monkeypatch.setitem(KINDS, "broken", Kind(lambda world, own: len(None)))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        evaluate(statement("broken"), paper_world())


@pytest.mark.slow
def test_a_whole_campaign_is_judged_in_seconds() -> None:
    """Four to five seconds of CPU where nothing else runs."""
    whole = with_milestones(make_records("paper"))
    start = time.process_time()
    judge(whole)
    assert time.process_time() - start < 8
