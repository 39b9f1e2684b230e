"""Words that the data choose: the report says "rises with" only where an interval says so.

Every function maps results to a fixed vocabulary; templates contain no adjective that a number decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from reproduce.analysis import causes
from reproduce.analysis.carriers import Carriers
from reproduce.analysis.claims import IN_RESULTS, WITHIN_PAPER, Outcome
from reproduce.analysis.headline import BLUR_FREE
from reproduce.analysis.statistics import Correlation
from reproduce.rendering import numbers
from reproduce.rendering.numbers import SPACE


def seeds(known: Iterable[int]) -> str:
    """ "seed 42", or "seeds 42, 123 and 456"."""
    names = [str(seed) for seed in known]
    return f"seed{'s' * (len(names) > 1)} {numbers.listing(names)}"


BLUR_FREE_WORDS = dict(zip(BLUR_FREE, ("PIQ over its floor", "the unevenness of the steps"), strict=True))
"""Measures of smoothness that blur alone does not improve, in words."""


def relation(found: Correlation) -> str:
    """How y goes with x: "rises with", "falls with", "shows no clear relation to", or that none shows."""
    if not np.isfinite(found.low) or not np.isfinite(found.high):
        return "cannot be related, with so few models, to"
    if found.low > 0:
        return "rises with"
    if found.high < 0:
        return "falls with"
    return "shows no clear relation to"


def comparison(ours: Correlation, theirs: Correlation, y: str) -> str:
    """The relation to `y` here and there: once if it is the same word, else both."""
    here, there = relation(ours), relation(theirs)
    if here != there:
        return f"{here} {y} in our results and {there} it in the paper's tables"
    link = "or" if "no" in here.split() or "cannot" in here else "and"
    return f"{here} {y}, in our results {link} in the paper's tables"


LOOSE = 0.7
"""A rank correlation below which two orders share less than half of their variance."""


def agreement(found: Correlation) -> str:
    """How one order agrees with another, from their rank correlation."""
    if not np.isfinite(found.low) or not np.isfinite(found.high):
        return "cannot be compared with"
    if found.low > 0.8:
        return "agrees closely with"
    if found.low > 0:
        return "agrees with" if found.r > LOOSE else "agrees loosely with"
    if found.high < 0:
        return "is opposed to"
    return "shows no clear agreement with"


def statement(found: Correlation, symbol: str = "𝑟") -> str:
    """ "𝑟 = 0.769, 95% interval [0.51, 0.90], 𝑝 < 0.001, 𝑛 = 22", in italics that `latex` knows."""
    size = f"𝑛{SPACE}={SPACE}{found.n}"
    if not np.isfinite(found.r):
        return f"{symbol} is undefined for {size}"
    p = numbers.p_statement(found.p).replace("p", "𝑝", 1)
    interval = f"95%{SPACE}interval {numbers.interval(found.low, found.high, 2)}"
    return f"{symbol}{SPACE}={SPACE}{numbers.correlation(found.r)}, {interval}, {p}, {size}"


REMAINS = {"rises with": "remains by", "falls with": "is turned round by"}
"""Relation → what it says of a duality by another measure; any other relation: that none shows."""


def span(found: Carriers) -> str:
    """ "five to nine"."""
    return f"{numbers.in_words(found.low)} to {numbers.in_words(found.high)}"


def remains(found: Mapping[str, Correlation]) -> str:
    """What is left of a duality by other measures: "remains by PIQ over its floor, does not show by …"."""
    grouped: dict[str, list[str]] = {}
    for measure, correlation in found.items():
        cannot = "cannot be told by" if not np.isfinite(correlation.low) else "does not show by"
        grouped.setdefault(REMAINS.get(relation(correlation), cannot), []).append(measure)
    return numbers.listing(
        f"{words} {numbers.listing(measures) if words in REMAINS.values() else ' or '.join(measures)}"
        for words, measures in grouped.items()
    )


def across(found: Mapping[str, Correlation], x: str, y: str) -> str:
    """Each relation with the answers that it holds for, and how many models these rest on."""
    grouped: dict[str, list[str]] = {}
    for answer, correlation in found.items():
        counted = f"{answer}, 𝑛{SPACE}={SPACE}{correlation.n}"
        grouped.setdefault(relation(correlation), []).append(counted)
    return "; ".join(f"{x} {words} {y} ({'; '.join(answers)})" for words, answers in grouped.items())


def dependence(base: Correlation, found: Mapping[str, Correlation], x: str, y: str) -> str:
    """Whether a relation changes under other answers to one question, and to what."""
    changed = {answer: other for answer, other in found.items() if relation(other) != relation(base)}
    if not changed:
        return f"nothing changes ({'; '.join(found)})"
    same = [answer for answer in found if answer not in changed]
    return across(changed, x, y) + (f"; unchanged: {'; '.join(same)}" if same else "")


def among(inside: bool) -> str:
    """Whether the reported number is one of those counted."""
    return "the reported one among them" if inside else "the reported one not among them"


VERDICTS: Mapping[Outcome, tuple[str, str]] = {
    Outcome.HOLDS: ("stands", "stand"),
    Outcome.PARTLY: ("stands in part", "stand in part"),
    Outcome.FAILS: ("falls", "fall"),
    Outcome.MISMATCH: ("is of another scale or definition", "are of another scale or definition"),
    Outcome.UNTESTABLE: ("cannot be told", "cannot be told"),
}
"""Outcome in our results → what the report's prose says of one claim, and of several."""


def verdict(word: str, number: int = 1) -> str:
    """The verb phrase of a verdict in our results, for one claim or several."""
    outcome = next(outcome for outcome, known in IN_RESULTS.items() if known == word)
    return VERDICTS[outcome][number != 1]


def verdicts(words: Iterable[str]) -> str:
    """ "three stand, one falls and two cannot be told": a list of verdicts counted, in the fixed order of outcomes."""
    found = list(words)
    counts = {word: found.count(word) for word in IN_RESULTS.values()}
    if found and counts[IN_RESULTS[Outcome.UNTESTABLE]] == len(found):
        return "none can be told"
    return numbers.listing(f"{numbers.in_words(n)} {verdict(word, n)}" for word, n in counts.items() if n)


def within(words: Iterable[str]) -> str:
    """ "three are consistent and one is not checkable": verdicts within the paper, counted likewise."""
    found = list(words)
    counts = {word: found.count(word) for word in WITHIN_PAPER.values()}
    return numbers.listing(numbers.counted(n, f"is {word}", f"are {word}") for word, n in counts.items() if n)


def stated(statement: str, printed: str) -> str:
    """A statement of the paper with its printed numbers, unless our wording already has them."""
    return statement if not printed or printed in statement else f"{statement} (printed: {printed})"


def shared(ours: Iterable[str], theirs: Iterable[str]) -> str:
    """How many of the paper's set ours also holds: "five of the paper's seven", "all seven …"."""
    mine, printed = set(ours), tuple(theirs)
    common = sum(slug in mine for slug in printed)
    if common == len(printed):
        return f"all {numbers.in_words(common)} of the paper's"
    if common == 0:
        return f"none of the paper's {numbers.in_words(len(printed))}"
    return f"{numbers.in_words(common)} of the paper's {numbers.in_words(len(printed))}"


def extremes(values: pd.Series, metric: str, names: Sequence[str]) -> str:
    """ "0.590 (SVAE) to 0.908 (AE)" of a metric over models; `names` label the rows."""
    finite = values.dropna()
    if finite.empty:
        return numbers.DASH
    labels = dict(zip(values.index, names, strict=True))
    ends = (finite.idxmin(), finite.idxmax())
    return " to ".join(f"{numbers.value(metric, finite[end])} ({labels[end]})" for end in ends)


CAUSES = {
    causes.IGNORED: "the decoder ignores the code",
    causes.DRAWS: "draws land where the objective does not hold the decoder",
    causes.UNFINISHED: "training ended too early",
    causes.OUTWEIGHED: "the rest of the objective outweighs the reconstruction",
}
"""Cause of a collapse → what the prose says of it."""
REASONS = {
    "n too small": "too few models, images or seeds",
    "n too small to tell": "too few images or pairs for so small a difference",
}
"""Reason of the ledger → how prose says it, where it says it otherwise."""


def reason(text: str) -> str:
    """Why a claim cannot be told, in words of the prose and without the models that are named."""
    general = re.split("[:;]", text)[0]
    return REASONS.get(general, general)


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
