"""Both verdicts of the whole registry, and the rules that hold for all kinds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis.claims import (
    IN_RESULTS,
    WITHIN_PAPER,
    Outcome,
    Verdict,
    evaluate,
    judge,
    ledger,
    load,
    paper_world,
    rules,
    smoothness_restated,
    tally,
)
from reproduce.analysis.claims.judgement import Campaign
from reproduce.analysis.claims.kinds import KINDS
from reproduce.analysis.claims.protocol import PAPER_ONLY
from reproduce.analysis.claims.registry import cell_claim, statements
from reproduce.analysis.families import members
from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.paper import CELLS, Cell
from reproduce.records import Records
from tests.analysis.claims.worlds import claim, ours
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def verdicts(paperlike: Records) -> dict[str, Verdict]:
    return {verdict.claim.id: verdict for verdict in judge(paperlike)}


@pytest.mark.parametrize(
    ("identity", "within", "recomputed"),
    [
        ("Abstract.r", "consistent", "0.768"),
        ("Abstract.distinct", "inconsistent", "15 of 22"),
        ("III-H.total", "inconsistent", "11 to 33"),
        ("IV-A.r-ssim-mse", "inconsistent", "-0.986"),
        ("IV-B.wae-ssim-sd", "inconsistent", "0.051"),
        ("IV-D.vae-mse", "inconsistent", "0.03072"),
        ("III-F.equations", "inconsistent", "2.4e+04 times"),
        ("III-F.iss-equation", "not checkable", "one of the two departs"),
        ("IV-E.top-significant", "not checkable", "that 100 images allow: at most"),
        ("V-C.vq-vae-smoother", "not checkable", "that 25 pairs allow: at most"),
        ("V-F.r-i-ssim-piq", "inconsistent", "-0.771"),
        ("VI-C.pareto-set", "consistent", "7"),
        ("VI-D.reconstruction-members", "inconsistent", "vae"),
        ("VI-E.beta-vae-loss", "inconsistent", "3.2%"),
        ("VII-D.fastest", "not checkable", ""),
    ],
)
def test_what_follows_from_the_papers_own_tables(
    verdicts: dict[str, Verdict], identity: str, within: str, recomputed: str
) -> None:
    assert verdicts[identity].within_paper == within
    assert recomputed in verdicts[identity].recomputed


def test_a_campaign_like_the_paper_reproduces_its_tables(verdicts: dict[str, Verdict]) -> None:
    means = [
        v for v in verdicts.values() if v.claim.kind == "table-cell" and v.claim.arguments["part"] == "mean"
    ]
    assert {v.in_results for v in means} == {"reproduced"}
    assert {v.within_paper for v in means} == {"consistent"}


def test_verdicts_use_the_stated_words_only(verdicts: dict[str, Verdict]) -> None:
    assert {v.within_paper for v in verdicts.values()} <= set(WITHIN_PAPER.values())
    assert {v.in_results for v in verdicts.values()} == set(IN_RESULTS.values())


def test_the_words_in_the_results_are_those_of_the_issue() -> None:
    assert set(IN_RESULTS.values()) == {
        "reproduced",
        "same direction or rank only",
        "not reproduced",
        "not testable",
        "definition mismatch",
    }


def test_what_is_not_testable_says_why(verdicts: dict[str, Verdict]) -> None:
    assert all(v.reason for v in verdicts.values() if v.in_results in ("not testable", "definition mismatch"))


def flipped(text: str) -> str:
    """The same number with its first significant digit moved by three units: a change that no rounding explains."""
    at = next(place for place, digit in enumerate(text) if digit in "123456789")
    digit = int(text[at])
    return f"{text[:at]}{digit + 3 if digit <= 6 else digit - 3}{text[at + 1 :]}"


@pytest.mark.parametrize(
    ("text", "other"), [("0.908", "0.608"), ("1.196", "4.196"), ("21.74", "51.74"), ("0.014", "0.044")]
)
def test_what_a_flipped_number_is(text: str, other: str) -> None:
    assert flipped(text) == other


@pytest.fixture(scope="module")
def campaign(paperlike: Records) -> Campaign:
    return Campaign(paperlike, paper.models())


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ".".join(map(str, cell)))
def test_flipping_any_printed_number_of_the_tables_changes_a_verdict(cell: Cell, campaign: Campaign) -> None:
    """A campaign that reproduces the number as printed does not reproduce the other one."""
    tables = paper.tables()
    other = tables.with_cell(cell, flipped(tables.cells[cell]))
    before, after = (campaign.evaluate(cell_claim(version, cell)) for version in (tables, other))
    assert before.outcome is Outcome.HOLDS
    assert after.outcome is not Outcome.HOLDS


@pytest.fixture(scope="module")
def as_printed() -> dict[str, Outcome]:
    return {statement.id: evaluate(statement, paper_world()).outcome for statement in load()}


MEASURES_OF_ONE_ROW = {
    ("ssim", "sd"),
    ("mse", "sd"),
    ("piq", "sd"),
    ("iss", "sd"),
    ("i_ssim", "sd"),
    ("iss", "mean"),
}
"""What the paper's tables tie to nothing else, where no other row repeats it: no ± of these but of PSNR follows from
another column, and ISS only has an upper bound."""


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ".".join(map(str, cell)))
def test_within_the_paper_too_unless_nothing_there_is_tied_to_the_number(
    cell: Cell, as_printed: dict[str, Outcome]
) -> None:
    tables = paper.tables()
    other = tables.with_cell(cell, flipped(tables.cells[cell]))
    world = paper_world(other)
    same_row = [address for address in CELLS if address.architecture == cell.architecture]
    checkable = (statement for statement in statements() if statement.kind not in PAPER_ONLY)
    changed = any(
        evaluate(statement, world).outcome is not as_printed[statement.id]
        for statement in itertools.chain((cell_claim(other, address) for address in same_row), checkable)
    )
    assert changed or (cell.metric, cell.part) in MEASURES_OF_ONE_ROW


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ".".join(map(str, cell)))
def test_within_the_paper_no_number_is_consistent_whatever_it_is(cell: Cell) -> None:
    tables = paper.tables()

    def outcome(text: str) -> Outcome:
        version = tables.with_cell(cell, text)
        return evaluate(cell_claim(version, cell), paper_world(version)).outcome

    assert outcome(tables.cells[cell]) is Outcome.HOLDS
    assert Outcome.FAILS in (outcome("99999"), outcome("0.001"))


def test_a_row_that_repeats_another_but_for_one_number_is_found() -> None:
    cell = Cell(2, "iwae", "piq", "sd")
    version = paper.tables().with_cell(cell, "1.255")
    world = paper_world(version)
    assert evaluate(cell_claim(version, cell), world).outcome is Outcome.FAILS
    twin = cell._replace(architecture="miwae")
    assert evaluate(cell_claim(version, twin), world).outcome is Outcome.HOLDS, "three others repeat it"


@pytest.mark.parametrize(
    ("cell", "text", "identity"),
    [
        (Cell(1, "ae", "ssim", "mean"), "0.980", "IV-A.ssim-gap"),
        (Cell(1, "ae", "psnr", "mean"), "19.00", "T1.ae.psnr"),
        (Cell(1, "rae-gp", "mse", "mean"), "30.10", "IV-D.rae-alike"),
        (Cell(1, "vae", "ssim", "mean"), "0.600", "IV-E.disentanglement-mean"),
        (Cell(2, "svae", "piq", "mean"), "1.600", "V-B.smooth-members"),
        (Cell(2, "vae-linnf", "iss", "mean"), "5.00", "V-E.vae-linnf-lowest"),
    ],
)
def test_verdicts_within_the_paper_follow_its_tables(cell: Cell, text: str, identity: str) -> None:
    """A changed number turns the verdict, or the recomputed value, of a claim that it bears on."""
    (statement,) = [c for c in load() if c.id == identity]
    flipped = paper_world(paper.tables().with_cell(cell, text))
    before, after = evaluate(statement, paper_world()), evaluate(statement, flipped)
    if identity == "IV-E.disentanglement-mean":  # the VAE is in no family of IV-E: nothing may move
        assert before == after
    else:
        assert before.outcome is Outcome.HOLDS
        assert after.outcome in (Outcome.PARTLY, Outcome.FAILS)


def test_a_predicate_does_not_see_what_is_printed_about_others() -> None:
    """Evaluating twice, in any order, gives the same: no state, no look at verdicts."""
    first = [evaluate(c, paper_world()) for c in load()[:40]]
    second = [evaluate(c, paper_world()) for c in reversed(load()[:40])]
    assert first == second[::-1]


def reasons(records: Records, *identities: str) -> list[str]:
    chosen = [c for c in load() if c.id in identities]
    return [v.reason for v in sorted(judge(records, chosen), key=lambda v: identities.index(v.claim.id))]


def test_unsound_models_make_their_claims_untestable(damaged: Records) -> None:
    named = ("T1.beta-vae.ssim", "T1.svae.ssim", "T1.hvae.ssim", "T1.vamp.ssim", "T1.ae.ssim")
    assert reasons(damaged, *named) == [
        "collapsed: β-VAE",
        "failed: SVAE",
        "missing: HVAE",
        "not converged: VAMP",
        "",
    ]


def test_sizes_and_speeds_are_judged_whatever_became_of_training() -> None:
    named = ("III-A.capacity", "IV-D.flows-capacity", "VII-D.flow-inference", "VII-D.memory", "VII-D.fits")
    weak = make_records(seeds=(42,), unconverged=list(SLUGS), collapsed=["beta-vae"])
    assert reasons(weak, *named) == [""] * len(named)
    assert reasons(weak, "VII-D.fastest") == ["not converged: AE, VAE, VQ-VAE, HVAE, VAE-IAF, VAE-LinNF"]
    partly = make_records(seeds=(42,), missing=["vae-iaf"])
    assert reasons(partly, "IV-D.flows-capacity") == ["missing: VAE-IAF"]


def test_claims_about_the_field_go_on_without_the_unsound_rows(damaged: Records) -> None:
    (verdict,) = judge(damaged, [c for c in load() if c.id == "Abstract.r"])
    assert verdict.in_results != "not testable"
    assert "n = 18" in verdict.evidence
    assert "on 18 sound rows of 21" in verdict.evidence, "the missing one has no row"


def test_where_only_training_ended_early_the_models_as_trained_are_shown(damaged: Records) -> None:
    """Not so where a model collapsed, failed or is missing, or where the profile gives no verdicts at all."""
    named = ("T1.beta-vae.ssim", "T1.svae.ssim", "T1.hvae.ssim", "T1.vamp.ssim", "T1.ae.ssim")
    chosen = [c for c in load() if c.id in named]
    found = {verdict.claim.id: verdict for verdict in judge(damaged, chosen)}
    assert {name: found[name].as_trained for name in named} == dict.fromkeys(named, "") | {
        "T1.vamp.ssim": "reproduced"
    }
    assert found["T1.vamp.ssim"].in_results == "not testable"
    assert found["T1.vamp.ssim"].evidence.startswith("as trained, reproduced: ")
    (quick,) = judge(
        make_records("quick", (42,), unconverged=["vamp"]), [c for c in chosen if "vamp" in c.id]
    )
    assert (quick.as_trained, quick.evidence) == ("", "")


def test_a_field_of_which_most_were_still_improving_is_shown_as_trained() -> None:
    records = make_records(seeds=(42,), unconverged=list(SLUGS[:12]), collapsed=["iwae"])
    (verdict,) = judge(records, [c for c in load() if c.id == "Abstract.r"])
    assert verdict.reason.startswith("n too small: ")
    assert verdict.in_results == "not testable"
    assert verdict.as_trained
    assert "n = 21" in verdict.evidence
    assert "on 21 uncollapsed rows of 22" in verdict.evidence


def test_a_rank_among_a_few_sound_models_makes_no_verdict() -> None:
    """Far from the printed number, only the rank could make it "same direction or rank only"."""
    models = paper.models()
    models.loc["svae", "ssim"] -= 0.1
    still_improving = [slug for slug in SLUGS if slug not in ("vamp", "beta-tcvae", "factor-vae", "svae")]
    records = make_records(seeds=(42,), targets=models, unconverged=still_improving)
    (verdict,) = judge(records, [c for c in load() if c.id == "T1.svae.ssim"])
    assert verdict.in_results == "not testable"
    assert verdict.reason == "too few sound models for a rank: 4"
    assert verdict.as_trained == "same direction or rank only"


@pytest.mark.parametrize("identity", ["V-G.inverted", "VI-A.within-families", "VI-C.pareto-count"])
def test_a_claim_that_misses_members_of_a_family_or_a_set_is_shown_as_trained(identity: str) -> None:
    records = make_records(seeds=(42,), unconverged=["wae", "beta-vae", "vae-linnf"])
    (verdict,) = judge(records, [c for c in load() if c.id == identity])
    assert verdict.in_results == "not testable"
    assert verdict.as_trained
    assert verdict.evidence.startswith("as trained, ")


@pytest.mark.parametrize(
    "identity", ["IV-D.vamp-no-gain", "IV-E.top-significant", "IV-E.middle-not-significant"]
)
def test_a_comparison_with_the_vae_rests_on_the_vae_too(identity: str) -> None:
    records = make_records(seeds=(42,), unconverged=["vae"])
    (verdict,) = judge(records, [c for c in load() if c.id == identity])
    assert verdict.reason == "not converged: VAE"
    assert verdict.as_trained


def test_on_which_side_of_the_vae_a_group_lies_cannot_be_told_without_a_sound_vae() -> None:
    """Too far from the printed mean to be reproduced; the side would make it "same direction or rank only"."""
    group = members("IV-E", "Disentanglement")
    models = paper.models()
    models.loc[list(group), "ssim"] -= 0.1
    (chosen,) = [c for c in load() if c.id == "IV-E.disentanglement-mean"]
    (sound,) = judge(make_records(seeds=(42,), targets=models), [chosen])
    (verdict,) = judge(make_records(seeds=(42,), targets=models, unconverged=["vae"]), [chosen])
    assert sound.in_results == verdict.as_trained == "same direction or rank only"
    assert (verdict.in_results, verdict.reason) == ("not testable", "no sound VAE to tell the side by")


def test_a_rank_in_the_field_says_which_field(damaged: Records) -> None:
    """The pages rank unconverged rows too; the ledger does not, and says so."""
    (rank, own) = judge(damaged, [c for c in load() if c.id in ("IV-A.ae-best", "IV-B.ae-ssim")])
    assert "on 18 sound rows of 21" in rank.evidence
    assert "sound rows" not in own.evidence, "a model's own number has nothing to do with the others"


def test_the_systems_are_counted_whether_sound_or_not() -> None:
    unsound = make_records(seeds=(42,), collapsed=["beta-vae"], unconverged=["vamp", "ae"])
    chosen = [c for c in load() if c.id in ("Abstract.architectures", "Abstract.distinct")]
    rows, distinct = judge(unsound, chosen)
    assert (rows.in_results, rows.evidence) == ("reproduced", "22 of 22")
    assert distinct.in_results == "reproduced"


def test_repeated_rows_are_found_among_all_that_finished(damaged: Records) -> None:
    assert reasons(damaged, "Abstract.distinct") == ["n too small: 21 of 22 models were run"]


def test_a_count_that_the_rows_left_out_could_change_is_not_testable(damaged: Records) -> None:
    assert reasons(damaged, "VI-C.dominated-count") == ["4 rows left out could change it"]


def test_too_few_sound_rows_make_the_field_untestable() -> None:
    """Also for a claim that names one model, if it names it as the first of all."""
    records = make_records(seeds=(42,), collapsed=["ae", "wae", "vae", "iwae", "ciwae", "svae"])
    few = "n too small: 16 of 22 models are sound"
    assert reasons(records, "Abstract.r", "IV-B.vq-vae-third", "IV-B.vq-vae-ssim") == [few, few, ""]


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_profiles_on_5000_digits_give_no_verdict(profile: str, paperlike: Records) -> None:
    chosen = [c for c in load() if c.id in ("Abstract.r", "T1.ae.ssim")]
    for verdict in judge(replace(paperlike, profile=profile), chosen):
        assert verdict.in_results == "not testable"
        assert verdict.reason == f"profile {profile} gives no verdicts"
        assert verdict.evidence, "the number itself is still shown"


def test_a_setting_stays_a_setting_in_any_profile(paperlike: Records) -> None:
    assert reasons(replace(paperlike, profile="quick"), "III-A.batch") == ["a setting, not a result"]


@pytest.mark.parametrize(
    "partial",
    [
        {"architectures": ["ae", "vae"]},
        {"architectures": []},
        {"missing": ["vae"]},
        {"failed": SLUGS},
        {"collapsed": SLUGS},
    ],
    ids=["two models", "nothing yet", "no baseline", "all failed", "all collapsed"],
)
def test_a_partial_campaign_is_judged_as_far_as_it_goes(partial: dict[str, Iterable[str]]) -> None:
    verdicts = judge(make_records(seeds=(42,), **partial), [c for c in load() if c.kind != "table-cell"])
    assert len(verdicts) == len(statements())
    assert all(v.reason for v in verdicts if v.in_results == "not testable")


def test_without_records_only_the_paper_is_judged() -> None:
    (verdict,) = judge(None, [c for c in load() if c.id == "Abstract.r"])
    assert (verdict.within_paper, verdict.in_results, verdict.reason) == (
        "consistent",
        "not testable",
        "no results",
    )


def test_nan_never_passes(paperlike: Records) -> None:
    runs = paperlike.runs.assign(piq=np.nan)
    chosen = [c for c in load() if c.id in ("Abstract.r", "VI-C.pareto-set", "V-A.piq-gap", "T2.ae.piq")]
    verdicts = judge(replace(paperlike, runs=runs), chosen)
    assert {v.in_results for v in verdicts} == {"not testable"}


def test_collapsed_rows_that_would_change_the_verdict_are_mentioned() -> None:
    records = make_records(seeds=(42,), collapsed=["beta-vae"])
    (verdict,) = judge(records, [c for c in load() if c.id == "IV-A.ssim-lowest"])
    assert verdict.in_results == "reproduced"
    assert "with the rows left out" in verdict.evidence


def test_the_ledger_has_one_row_a_claim(verdicts: dict[str, Verdict]) -> None:
    frame = ledger(verdicts.values())
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["id"]) == [c.id for c in load()]
    assert {"section", "place", "printed", "within_paper", "recomputed", "in_results", "evidence"} <= set(
        frame
    )


def test_the_tally_counts_every_claim_once(verdicts: dict[str, Verdict]) -> None:
    counts = tally(verdicts.values())
    assert counts.to_numpy().sum() == len(load())
    assert counts.columns.tolist() == list(IN_RESULTS.values())
    assert counts.at["inconsistent", "reproduced"] == sum(
        (v.within_paper, v.in_results) == ("inconsistent", "reproduced") for v in verdicts.values()
    )


def test_smoothness_can_be_asked_again_of_measures_that_blur_does_not_improve(paperlike: Records) -> None:
    """Every model here has the same PIQ over its floor, up to noise: the order by PIQ is not its order."""
    table = smoothness_restated(paperlike)
    assert table.columns.tolist() == ["piq", "piq_over_floor", "uniformity"]
    assert table.at["VI-A.r", "piq"] == "reproduced"
    assert table.at["VI-A.r", "piq_over_floor"] == "not reproduced"
    assert table.at["V-A.ae-roughest", "piq"] == "reproduced"
    assert "V-A.piq-lowest" not in table.index
    assert "IV-A.ae-best" not in table.index


def test_sameness_and_difference_in_smoothness_are_asked_again_on_the_measures_own_values(
    paperlike: Records,
) -> None:
    """Two models as smooth by PIQ are not so by uniformity where one's steps are more uneven."""
    pairs, runs = paperlike.pairs, paperlike.runs
    uneven = replace(
        paperlike,
        pairs=pairs.assign(uniformity=pairs["uniformity"] * (1 + pairs["architecture"].eq("vamp"))),
        runs=runs.assign(uniformity=runs["uniformity"] * (1 + runs["architecture"].eq("vamp"))),
    )
    before, after = smoothness_restated(paperlike), smoothness_restated(uneven)
    assert after.at["V-D.vamp-as-vae", "uniformity"] == "not reproduced"
    assert after.at["V-D.vamp-as-vae", "piq"] == before.at["V-D.vamp-as-vae", "piq"] != "not reproduced"


@pytest.mark.parametrize(
    "identity",
    [
        "V-A.piq-more-sensitive",
        "V-B.svae-as-vae-linnf",
        "V-C.vq-vae-smoother",
        "V-D.iw-identical",
        "V-D.iw-no-gain",
        "V-G.robust-as-flows",
        "VII-A.interpolation-svae-smooth",
    ],
)
def test_every_comparison_by_smoothness_is_asked_again(paperlike: Records, identity: str) -> None:
    assert identity in smoothness_restated(paperlike, ()).index


def test_every_kind_states_its_rule() -> None:
    assert set(rules()) == set(KINDS)
    assert all(len(rule) > 40 for rule in rules().values())


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ReproduceError, match="unknown kind 'magic'"):
        evaluate(claim("magic"), paper_world())


def test_arguments_that_do_not_fit_are_told_from_the_papers_own_tables() -> None:
    statement = claim("family-place", "metric=ssim; family=IV-E/Nobody; place=1")
    with pytest.raises(
        ReproduceError, match=r"X.test: its arguments .* 'family-place' \(KeyError\('Nobody'\)\)$"
    ):
        evaluate(statement, paper_world())


def test_in_a_campaign_the_records_may_be_at_fault_and_the_message_says_so(paperlike: Records) -> None:
    bare = replace(paperlike, digits=paperlike.digits.drop(columns="n"))
    with pytest.raises(
        ReproduceError, match=r"do not fit the kind .*, or the records lack .* \(KeyError\('n'\)\)$"
    ):
        evaluate(claim("changed-digits", "architecture=vq-vae; to=ae"), ours(records=bare))


def test_a_mistake_in_a_predicate_is_not_blamed_on_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments are characters: no choice of them makes a TypeError."""
    monkeypatch.setitem(KINDS, "broken", lambda world, claim: len(None))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        evaluate(claim("broken"), paper_world())
