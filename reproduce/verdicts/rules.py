"""The rules of judgement that predicates share.

Within the paper, numbers agree up to rounding. In results, a printed value is reproduced if the whole 95 % interval
of printed − ours lies within the margin, and not if the whole interval lies outside. An order is reproduced if the
whole interval of the lead lies beyond the margin, is "direction only" if it lies above zero, and is not reproduced
if it lies below zero or if the two are equivalent (two one-sided tests: the 90 % interval lies within the margin).
Everything else is undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from reproduce.analysis.measures import measure
from reproduce.architectures.names import LABELS
from reproduce.paper import Printed
from reproduce.verdicts.verdict import Finding, Outcome, Undecidable, decided
from reproduce.verdicts.world import Statistic, Values, World, listed

INTERVAL, EQUIVALENCE = (0.025, 0.975), (0.05, 0.95)
"""Quantiles: the 95 % interval, and the 90 % interval of two one-sided tests at 5 % (Schuirmann 1987)."""
SURE = 0.975
"""Something counts as certain if it holds in at least this share of draws."""
PERCENT_MARGIN = 0.10
"""Percentages and ratios are reproduced within a tenth of the printed one."""


def interval(draws: np.ndarray, quantiles: tuple[float, float] = INTERVAL) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends over the first axis."""
    low, high = np.quantile(draws, quantiles, axis=0)
    return low, high


# --- printed values -----------------------------------------------------------------------------------


def printed_value(
    world: World, printed: Printed, statistic: Statistic, *, margin: float, show: str = ".4g"
) -> Finding:
    """Compare a number that the paper prints with the same statistic of our values."""
    ours = float(statistic(world.values))
    if not np.isfinite(ours):
        raise Undecidable("undefined on these rows")
    difference = printed.value - ours
    low, high = map(float, interval(printed.value + _error(world, statistic) - statistic(world.draws)))
    if not np.isfinite([low, high]).all():
        raise Undecidable("undefined in some resamples")
    shown = f"{ours:{show}} against {printed.value:{show}} in the paper; difference {difference:+.3g} "
    shown += f"[{low:+.3g}, {high:+.3g}], margin {margin:.2g}"
    inside, outside = -margin <= low and high <= margin, low > margin or high < -margin
    return decided(shown, holds=inside, fails=outside, reason=COMPATIBLE)


COMPATIBLE = "compatible: the sampling error is larger than the margin"


def _error(world: World, statistic: Statistic) -> np.ndarray | float:
    """The paper's own sampling error of a statistic, as draws; 0 if its tables do not have the quantity."""
    try:
        return np.asarray(statistic(world.printed_draws) - statistic(world.printed_values))
    except KeyError:
        return 0.0


def rounding(world: World, statistic: Statistic, columns: Sequence[str], rows: Sequence[str]) -> float:
    """The largest effect of the printed cells' rounding on a statistic: the sum of each cell's largest effect."""
    assert world.half_units is not None, "only the paper's numbers are rounded"
    cells = [(column, world.slugs.index(row)) for column in columns for row in rows]
    base = {column: world.models[column].to_numpy(dtype=float) for column in columns}
    moved = {column: np.tile(values, (len(cells), 2, 1)) for column, values in base.items()}
    for at, (column, row) in enumerate(cells):
        moved[column][at, :, row] += np.array([1, -1]) * world.half_units[column].iloc[row]
    effects = np.abs(statistic(Values(world.slugs, moved.__getitem__)) - statistic(world.values))
    return float(np.nanmax(np.nan_to_num(effects), axis=1).sum())


def recomputed(
    world: World,
    printed: Printed,
    statistic: Statistic,
    columns: Sequence[str],
    *,
    rows: Sequence[str] = (),
    show: str = ".4g",
) -> Finding:
    """Within the paper: compare a printed number with the same statistic of the paper's tables, up to rounding of both.

    Two rounding intervals that only touch at their ends do not agree.
    """
    for column in columns:
        world.column(column)
    value = float(statistic(world.values))
    if not np.isfinite(value):
        raise Undecidable("undefined on these rows")
    off = abs(value - printed.value)
    allowed = printed.half_unit + rounding(world, statistic, columns, rows or world.slugs)
    return decided(f"{value:{show}}", holds=off < allowed * (1 - 1e-9))


# --- orders -------------------------------------------------------------------------------------------


class Lead(IntEnum):
    """How one value compares with another."""

    WORSE = -2
    SLIGHTLY_WORSE = -1
    SAME = 0
    UNKNOWN = 1
    SLIGHTLY_BETTER = 2
    BETTER = 3


def lead(draws: np.ndarray, margin: np.ndarray | float) -> np.ndarray:
    """The Lead of each difference by its draws (DRAWS, …), positive for better: (…,)."""
    low, high = interval(draws)
    inner_low, inner_high = interval(draws, EQUIVALENCE)
    same = (inner_low > -np.asarray(margin)) & (inner_high < margin)
    conditions = [low > margin, low > 0, high < -np.asarray(margin), high < 0, same]
    answers = [Lead.BETTER, Lead.SLIGHTLY_BETTER, Lead.WORSE, Lead.SLIGHTLY_WORSE, Lead.SAME]
    return np.select(conditions, answers, Lead.UNKNOWN)


@dataclass(frozen=True)
class Leads:
    """How far some models lead others in a metric: arrays (first, second); the entries of `sure` are each a `Lead`."""

    metric: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    points: np.ndarray
    low: np.ndarray
    high: np.ndarray
    margin: np.ndarray
    sure: np.ndarray

    def weakest(self) -> str:
        """The pair that is least favourable to the first models, in words."""
        order = np.where(self.sure == Lead.SAME, -1, self.sure) * 1e6 + self.low / np.maximum(
            self.margin, 1e-300
        )
        i, j = np.unravel_index(int(np.argmin(order)), order.shape)
        a, b = LABELS[self.first[i]], LABELS[self.second[j]]
        lead_, low, high = self.points[i, j], self.low[i, j], self.high[i, j]
        ends = f" [{short(low, '+')}, {short(high, '+')}]" if high > low else ""
        few = "" if self.points.size == 1 else "weakest case: "
        own = measure(self.metric)
        label, unit = own.label, f" {own.unit}" if own.unit else ""
        margin = f"margin {short(self.margin[i, j])}{unit}"
        if self.sure[i, j] == Lead.SAME:
            difference = f"{short(lead_, '+')}{unit}{ends}"
            return f"{few}{a} and {b} are equal in {label} within the {margin}: difference {difference}"
        if lead_ < 0:
            ends = f" [{short(-high)}, {short(-low)}]" if high > low else ""
            return f"{few}{b} leads {a} in {label} by {short(-lead_)}{unit}{ends}, {margin}"
        return f"{few}{a} leads {b} in {label} by {short(lead_)}{unit}{ends}, {margin}"


def short(value: float, sign: str = "") -> str:
    """The value with three significant digits, or, from 1000 on, as a whole number."""
    return f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"


def compare(world: World, metric: str, first: tuple[str, ...], second: tuple[str, ...]) -> Leads:
    """Compare each of the first models with each of the second in a metric; better is positive."""
    world.rows((*first, *second), metric)
    own = measure(metric)
    sign = own.better or +1  # for a metric without a good direction, "better" means higher
    a, b = world.values.of(metric, first), world.values.of(metric, second)
    points = sign * (a[:, None] - b[None, :])
    margin = np.array([[own.margin(float(value)) for value in b]] * len(a))
    drawn_a, drawn_b = world.draws.of(metric, first), world.draws.of(metric, second)
    draws = sign * (drawn_a[:, :, None] - drawn_b[:, None, :])
    low, high = interval(draws)
    sure = lead(draws, margin)
    return Leads(metric, first, second, points, low, high, margin, sure)


def by_leads(shown: str, sure: np.ndarray, unknown: str) -> Finding:
    """Whether every lead is certain and beyond the margin, or at least certain in direction.

    unknown: the reason for "undecided", if a lead may be zero.
    """
    certain, some = (sure == Lead.BETTER).all(), (sure > Lead.UNKNOWN).all()
    return decided(shown, holds=certain, partly=some, fails=(sure <= Lead.SAME).any(), reason=unknown)


def place(sure: np.ndarray, target: int) -> Outcome:
    """Whether something has a certain place, 1 for the best, by its leads over all others."""
    above, below = (sure < Lead.SAME).sum(), (sure > Lead.UNKNOWN).sum()
    others = sure.size
    if (sure == Lead.WORSE).sum() == target - 1 and (sure == Lead.BETTER).sum() == others - target + 1:
        return Outcome.HOLDS
    if above == target - 1 and below == others - target + 1:
        return Outcome.PARTLY
    if above > target - 1 or below > others - target + 1 or (sure == Lead.SAME).any():
        return Outcome.FAILS
    return Outcome.UNDECIDED


# --- shares of draws ----------------------------------------------------------------------------------


def by_share(shown: str, share: float, partly: float | None = None) -> Finding:
    """Decide by the share of draws in which something holds (partly: holds in part): certain, excluded, or neither."""
    excluded, half = share <= 1 - SURE, partly or 0.0
    in_part = "" if partly is None else f", in part in {partly:.0%}"
    return decided(
        f"{shown}; it holds in {share:.0%} of resamples{in_part}",
        holds=share >= SURE,
        partly=excluded and half >= SURE,
        fails=excluded and half <= 1 - SURE,
        reason="resampling images and pairs changes the answer",
    )


def certainly(world: World, shown: str, holds: Statistic) -> Finding:
    """Whether something holds: for the paper, by its values themselves; in results, by the share of draws."""
    if world.is_paper:
        return decided(shown, holds=bool(holds(world.values)))
    return by_share(shown, float(holds(world.draws).mean()))


def membership(world: World, named: Sequence[str], belong: Statistic, *, exactly: bool) -> Finding:
    """Whether the models that belong to a set are exactly those named, or (not `exactly`) include them; in results by
    the share of draws in which each belongs. belong: values → (…, models), boolean."""
    slugs, inside = world.slugs, belong(world.values)
    shares = inside.astype(float) if world.is_paper else belong(world.draws).mean(axis=0)
    if set(named) - set(slugs):
        raise Undecidable("a named model takes no part")
    wanted = np.isin(slugs, named)
    wrong = (wanted & (shares <= 1 - SURE)) | (exactly & ~wanted & (shares >= SURE))
    right = np.where(wanted, shares >= SURE, (shares <= 1 - SURE) | (not exactly))
    found = [slug for slug, here in zip(slugs, inside, strict=True) if here]
    shown = f"{int((inside & wanted).sum())} of the {int(wanted.sum())} named"
    if exactly:
        shown = f"{int(inside.sum())} of {len(slugs)}" + (f": {listed(found, most=8)}" if found else "")
    missing = [slug for slug, here, want in zip(slugs, inside, wanted, strict=True) if want and not here]
    extra = [slug for slug in found if exactly and not wanted[slugs.index(slug)]]
    shown += f"; not named: {listed(extra, most=8)}" if extra else ""
    shown += f"; named but outside: {listed(missing, most=8)}" if missing else ""
    unsure = [slug for slug, sure in zip(slugs, right, strict=True) if not sure]
    reason = f"undecided for {listed(unsure, most=8)}"
    return decided(shown, holds=right.all(), fails=wrong.any(), reason=reason)
