from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce.analysis.claims import IN_RESULTS, WITHIN_PAPER, Outcome
from reproduce.analysis.statistics import Correlation, pearson
from reproduce.rendering import wording
from reproduce.rendering.numbers import SPACE

RISES = Correlation(0.8, 0.001, 22, 0.5, 0.9)
FALLS = Correlation(-0.8, 0.001, 22, -0.9, -0.5)
UNCLEAR = Correlation(0.2, 0.4, 22, -0.3, 0.6)
UNDEFINED = pearson([1.0], [1.0])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (RISES, "rises with"),
        (FALLS, "falls with"),
        (UNCLEAR, "shows no clear relation to"),
        (UNDEFINED, "cannot"),
    ],
)
def test_the_interval_chooses_the_verb(found: Correlation, words: str) -> None:
    assert wording.relation(found).startswith(words)


def test_orders_agree_as_far_as_the_interval_says() -> None:
    assert wording.agreement(Correlation(0.95, 0, 22, 0.85, 0.99)) == "agrees closely with"
    assert wording.agreement(RISES) == "agrees with"
    assert wording.agreement(Correlation(0.5, 0.02, 17, 0.03, 0.8)) == "agrees loosely with"
    assert wording.agreement(UNCLEAR) == "shows no clear agreement with"
    assert wording.agreement(FALLS) == "is opposed to"
    assert wording.agreement(UNDEFINED) == "cannot be compared with"


def test_a_comparison_says_a_shared_relation_once() -> None:
    assert (
        wording.comparison(RISES, RISES, "SSIM")
        == "rises with SSIM, in our results and in the paper's tables"
    )
    assert " or in the paper's tables" in wording.comparison(UNCLEAR, UNCLEAR, "SSIM")
    both = wording.comparison(FALLS, RISES, "SSIM")
    assert both == "falls with SSIM in our results and rises with it in the paper's tables"


def test_what_remains_of_a_duality_is_told_by_measure() -> None:
    assert wording.remains({"a": RISES, "b": RISES}) == "remains by a and b"
    assert wording.remains({"a": UNCLEAR, "b": FALLS}) == "does not show by a and is turned round by b"
    assert wording.remains({"a": UNDEFINED}) == "cannot be told by a"


def test_a_choice_that_changes_a_relation_is_told_apart_from_one_that_does_not() -> None:
    assert wording.dependence(RISES, {"a": RISES, "b": RISES}, "PIQ", "SSIM") == "nothing changes (a; b)"
    changed = wording.dependence(RISES, {"a": FALLS, "b": RISES, "c": UNCLEAR}, "PIQ", "SSIM")
    n = f"𝑛{SPACE}={SPACE}22"
    assert (
        changed == f"PIQ falls with SSIM (a, {n}); PIQ shows no clear relation to SSIM (c, {n}); unchanged: b"
    )
    both = wording.dependence(RISES, {"a": FALLS, "b": FALLS}, "PIQ", "SSIM")
    assert both == f"PIQ falls with SSIM (a, {n}; b, {n})"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_verdict_has_words_for_one_claim_and_for_several(outcome: Outcome) -> None:
    word = IN_RESULTS[outcome]
    assert (wording.verdict(word), wording.verdict(word, 2)) == wording.VERDICTS[outcome]
    others = {words for other, words in wording.VERDICTS.items() if other is not outcome}
    assert wording.VERDICTS[outcome] not in others


def test_verdicts_are_counted_in_one_order() -> None:
    holds, fails, untold = (IN_RESULTS[o] for o in (Outcome.HOLDS, Outcome.FAILS, Outcome.UNTESTABLE))
    assert wording.verdicts([untold, fails, holds, untold]) == "one stands, one falls and two cannot be told"
    assert wording.verdicts([untold, untold]) == "none can be told"
    assert wording.verdicts([]) == "none"


def test_verdicts_within_the_paper_are_counted_with_their_verb() -> None:
    one, none = (WITHIN_PAPER[o] for o in (Outcome.HOLDS, Outcome.FAILS))
    assert wording.within([none, one, none]) == "one is consistent and two are inconsistent"
    assert wording.within([]) == "none"


def test_a_statement_has_its_printed_numbers_once() -> None:
    assert wording.stated("Gap between two", "54%") == "Gap between two (printed: 54%)"
    assert wording.stated("A gap of 54%", "54%") == "A gap of 54%"
    assert wording.stated("A gap", "") == "A gap"


def test_a_statement_carries_interval_p_and_n() -> None:
    text = wording.statement(RISES).replace("\u00a0", " ")
    assert text == "𝑟 = 0.800, 95% interval [0.50, 0.90], 𝑝 = 0.001, 𝑛 = 22"
    assert "undefined" in wording.statement(UNDEFINED)


def test_shares_of_a_set() -> None:
    assert wording.shared(["a", "b", "x"], ["a", "b"]) == "all two of the paper's"
    assert wording.shared(["a"], ["a", "b"]) == "one of the paper's two"
    assert wording.shared([], ["a", "b"]) == "none of the paper's two"


def test_extremes_name_their_models() -> None:
    values = pd.Series({"ae": 0.9, "svae": 0.5, "vae": np.nan})
    assert wording.extremes(values, "ssim", ["AE", "SVAE", "VAE"]) == "0.500 (SVAE) to 0.900 (AE)"
    assert wording.extremes(values.iloc[2:], "ssim", ["VAE"]) == "–"
