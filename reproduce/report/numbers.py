"""How every number is written: decimals, scale and unit of each metric, signs, intervals, p values, lists.

Strings are plain Unicode ("0.908 ± 0.048", "−0.12", "–"); `latex.escape` turns them into LaTeX, and
Markdown and CSV use them unchanged. Nothing else in the project formats a number for print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from reproduce.analysis.measures import MEASURES, Measure

SPACE = "\u00a0"
"""A non-breaking space."""
DASH = "–"
"""Printed if there is no number."""
MINUS = "−"


def metric(name: str) -> Measure:
    """How the column `name` is printed; `test_` and the path's suffix `_mean_code` are ignored.

    Raises KeyError for a column that no table prints.
    """
    bare = name.removeprefix("test_")
    if bare not in MEASURES:
        bare = bare.removesuffix("_mean_code")
    return MEASURES[bare]


def missing(value: float | None) -> bool:
    """Whether there is no number: None, NaN or an infinity."""
    return value is None or not math.isfinite(value)


def fixed(value: float | None, decimals: int) -> str:
    """`value` with this many decimals, a real minus sign, separated thousands, no negative zero; or a dash."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def value(name: str, number: float | None) -> str:
    """One metric's value with its scale and decimals, without the unit."""
    form = metric(name)
    return fixed(None if number is None else number * form.scale, form.decimals)


def plus_minus(name: str, mean: float | None, spread: float | None) -> str:
    """ "0.908 ± 0.048"; the mean alone if there is no spread; a dash if there is no mean."""
    if missing(mean) or missing(spread):
        return value(name, mean)
    return f"{value(name, mean)}{SPACE}±{SPACE}{value(name, spread)}"


def interval(low: float | None, high: float | None, decimals: int) -> str:
    """ "[0.51, 0.90]", or a dash if either end is missing."""
    if missing(low) or missing(high):
        return DASH
    return f"[{fixed(low, decimals)},{SPACE}{fixed(high, decimals)}]"


def p_value(p: float | None) -> str:
    """ "< 0.001", otherwise three decimals; a dash if there was no test."""
    if p is None or not math.isfinite(p):
        return DASH
    return f"<{SPACE}0.001" if p < 0.001 else fixed(p, 3)


def p_statement(p: float | None) -> str:
    """ "p < 0.001", "p = 0.012" (spaces that do not break), or "no p value"."""
    if missing(p):
        return "no p value"
    text = p_value(p)
    return f"p{SPACE}{text}" if text.startswith("<") else f"p{SPACE}={SPACE}{text}"


def correlation(r: float | None, decimals: int = 3) -> str:
    """A correlation coefficient."""
    return fixed(r, decimals)


def percent(share: float | None, decimals: int = 0) -> str:
    """A fraction as a percentage: 0.54 → "54%"."""
    return DASH if share is None or not math.isfinite(share) else f"{fixed(100 * share, decimals)}%"


def integer(number: float | None) -> str:
    """A count with separated thousands; a dash if there is none."""
    return fixed(number, 0)


def significant(number: float | None, digits: int = 2) -> str:
    """The number with `digits` significant digits and without an exponent, for learning rates and thresholds."""
    if number is None or not math.isfinite(number):
        return DASH
    if number == 0:
        return "0"
    return fixed(number, max(0, digits - 1 - math.floor(math.log10(abs(number)))))


def power_of_ten(number: float) -> str:
    """ "10⁻⁴", "5 × 10⁻³": a learning rate as papers write it. `number` > 0."""
    exponent = math.floor(math.log10(number) + 1e-9)
    mantissa = number / 10.0**exponent
    power = "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if math.isclose(mantissa, 1.0) else f"{mantissa:.3g} × {power}"


_WORDS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


def in_words(number: int) -> str:
    """Zero to twelve as words ("no" for zero), the rest as digits."""
    return _WORDS[number] if 0 <= number < len(_WORDS) else integer(number)


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """ "one seed", "three seeds", "22 models"."""
    return f"{in_words(number)} {singular if number == 1 else plural or singular + 's'}"


def listing(items: Iterable[str]) -> str:
    """ "A", "A and B", "A, B and C"; "none" if there are no items."""
    names: Sequence[str] = tuple(items)
    if not names:
        return "none"
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"
