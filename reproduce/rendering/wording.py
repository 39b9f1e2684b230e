"""Words that the data choose: the report says "rises with" only where an interval says so.

Every function maps results to a fixed vocabulary; templates contain no adjective that a number decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from reproduce.analysis.statistics import Correlation
from reproduce.rendering import numbers
from reproduce.rendering.numbers import SPACE


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


def agreement(found: Correlation) -> str:
    """How one order agrees with another, from their rank correlation."""
    if not np.isfinite(found.low) or not np.isfinite(found.high):
        return "cannot be compared with"
    if found.low > 0.8:
        return "agrees closely with"
    if found.low > 0:
        return "agrees with"
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


def factor(new: float, old: float) -> str:
    """ "twice", "1.3 times": how many times `old` fits into `new`."""
    ratio = new / old if old else float("nan")
    if not np.isfinite(ratio):
        return numbers.DASH
    return "twice" if abs(ratio - 2) < 0.05 else f"{numbers.fixed(ratio, 1)} times"


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
