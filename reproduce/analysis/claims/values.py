"""Claims that print a number: it is recomputed, and compared up to rounding (paper) or a margin
(campaign)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from reproduce.analysis import statistics
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import (
    SMALLEST_FIELD,
    Claim,
    Finding,
    Outcome,
    Untestable,
    World,
    decided,
)
from reproduce.analysis.measures import measure, ranks
from reproduce.datasets import PIXELS
from reproduce.names import BASELINE, LABELS
from reproduce.paper import Printed

Statistic = Callable[[pd.DataFrame], float]

PERCENT_MARGIN = 0.10
"""Percentages and ratios are reproduced within a tenth of the printed one."""
RANK_MARGIN = 2
"""A value outside its margin still shows the same rank if the row moved by no more places than this."""
OTHER_SCALE = 1.0
"""A column that differs by at least this many powers of ten is on another scale: a definition mismatch …"""
SAME_POWER = 0.5
"""… if every row differs by the same power, give or take this much. One row that is far off is a plain failure."""
CORRELATION_MARGIN = 0.15
"""A correlation is reproduced within this distance, however wide our interval is."""


def rounding(statistic: Statistic, world: World, columns: Sequence[str], rows: Sequence[str] = ()) -> float:
    """How far rounding of the printed cells may have moved a statistic: the sum of each cell's largest
    effect."""
    if world.half_units is None:
        return 0.0
    models = world.models[list(columns)]
    base, total = statistic(models), 0.0
    for column in columns:
        for row in rows or models.index:
            effects = []
            for sign in (+1, -1):
                moved = models.copy()
                moved.loc[row, column] += sign * world.half_units.at[row, column]
                effects.append(abs(statistic(moved) - base))
            total += float(np.nanmax([0.0, *effects]))
    return total


def agree(
    world: World,
    printed: Printed,
    statistic: Statistic,
    columns: Sequence[str],
    *,
    margin: float,
    same_direction: Callable[[float], bool],
    rows: Sequence[str] = (),
    show: str = ".4g",
) -> Finding:
    """Compare a recomputed number with a printed one.

    Paper: they must agree within the rounding of both. Campaign: HOLDS within `margin`, PARTLY if
           `same_direction`.
    """
    for column in columns:
        world.column(column)
    value = statistic(world.models)
    if not np.isfinite(value):
        raise Untestable("undefined on these rows")
    off, shown = abs(value - printed.value), format(value, show)
    if world.is_paper:
        allowed = printed.half_unit
        if off > allowed:
            allowed += rounding(statistic, world, columns, rows)
        return decided(shown, holds=off <= allowed * (1 + 1e-9))
    if off <= margin:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if same_direction(value) else Outcome.FAILS, shown)


def _comparable(world: World, column: str, value: float, printed: Printed, theirs: float) -> Finding | None:
    """A finding if values of this column cannot be compared between studies, else None. NaN raises Untestable.

    theirs: the same quantity by the paper's own tables, NaN if they do not contain it.
    """
    if not np.isfinite(value):
        raise Untestable(f"no finite {column} on these rows")
    if world.is_paper or printed.value == 0:
        return None
    obstacle = measure(column).obstacle
    if not obstacle and abs(_powers(theirs, printed.value)) >= OTHER_SCALE:
        obstacle = "printed on another scale than in the paper's own tables"
    if not obstacle and _column_on_other_scale(world, column):
        obstacle = "the whole column is on another scale"
    return Finding(Outcome.MISMATCH, f"{value:.4g}", obstacle) if obstacle else None


def _powers(a: float, b: float) -> float:
    """How many powers of ten lie between two numbers; 0 where that is undefined."""
    return float(np.log10(a / b)) if np.isfinite(a) and a * b > 0 else 0.0


def _column_on_other_scale(world: World, column: str) -> bool:
    """Whether ours and the paper's column differ by about the same power of ten in every row of both."""
    if column not in world.paper:
        return False
    common = world.models.index.intersection(world.paper.index)
    pairs = zip(world.models.loc[common, column], world.paper.loc[common, column], strict=True)
    powers = np.array([_powers(ours, theirs) for ours, theirs in pairs])
    centre = float(np.median(powers))
    return abs(centre) >= OTHER_SCALE and float(np.abs(powers - centre).max()) <= SAME_POWER


def _same_rank(world: World, slug: str, column: str) -> bool:
    """Whether a row stands within RANK_MARGIN places of where it stands in the paper, among the rows of both. Raises
    Untestable where these are too few for a rank to say anything."""
    if column not in world.paper:
        return False
    common = world.models.index.intersection(world.paper.index)
    if len(common) < SMALLEST_FIELD:
        raise Untestable(f"too few sound models for a rank: {len(common)}")
    ours, theirs = (frame.loc[common, column].rank() for frame in (world.models, world.paper))
    return bool(abs(ours[slug] - theirs[slug]) <= RANK_MARGIN)


@kind("cell")
def cell(world: World, claim: Claim) -> Finding:
    """A printed mean or ± of one model. Paper: equals the cell of Table I or II up to rounding. Results:
    within the metric's margin (0.01 SSIM, 5 % PIQ, 15 % of a ±); "same direction or rank only" if the model's
    rank among the sound rows, if these are a field, moved by at most two places; "definition mismatch" if the
    number is printed at least a power of ten away from the paper's own table, if the whole column lies the same
    power of ten away from ours, or if the margin's table says why values are not compared."""
    (slug,) = claim.slugs("architecture")
    column = claim.text("metric") + ("_sd" if claim.text("part", "mean") == "sd" else "")
    value = float(world.rows((slug,), column).iloc[0])
    theirs = float(world.paper.at[slug, column]) if column in world.paper else float("nan")
    mismatch = _comparable(world, column, value, claim.number, theirs)
    return mismatch or agree(
        world,
        claim.number,
        lambda models: float(models.at[slug, column]),
        [column],
        margin=measure(column).margin(claim.number.value),
        same_direction=lambda _: _same_rank(world, slug, column),
        rows=[slug],
    )


@kind("table-cell")
def table_cell(world: World, claim: Claim) -> Finding:
    """A cell of Table I or II. Paper: it satisfies what mathematics demands of its row (mean PSNR ≥ −10·log₁₀
    of mean MSE; MSE ≤ MAE ≤ √MSE; ISS ≤ 8·784²·(PIQ² + SD²); no ± larger than the metric's range, or than √n
    times a mean of n non-negative numbers; PSNR's ± within a factor of two of what MSE's ± propagates to) and
    the printed sort order; and where the row repeats others in every other number, it repeats them here too.
    Results: as for `cell`."""
    if not world.is_paper:
        return cell(world, claim)
    (slug,) = claim.slugs("architecture")
    metric, part = claim.text("metric"), claim.text("part")
    broken = [name for name, slack in constraints(world, slug, metric, part).items() if slack < 0]
    if unlike_twins(world, slug, metric if part == "mean" else f"{metric}_sd"):
        broken.append("the rows that it repeats otherwise")
    if broken:
        return Finding(Outcome.FAILS, "violates " + " and ".join(broken))
    return Finding(Outcome.HOLDS, "satisfies the constraints of its row")


def unlike_twins(world: World, slug: str, column: str) -> bool:
    """Whether a row repeats others in every printed number but this one, in which it repeats none of them."""
    rows = world.models.dropna(axis="columns")
    others = rows.drop(index=slug)
    same = others.drop(columns=column).eq(rows.loc[slug].drop(column)).all(axis="columns")
    return bool(same.any() and (others.loc[same, column] != rows.at[slug, column]).all())


def constraints(world: World, slug: str, metric: str, part: str) -> dict[str, float]:
    """Inequality → its slack (negative if broken even after rounding in its favour), for one cell of the
    tables."""
    values, halves = world.models.loc[slug], world.half_units
    assert halves is not None, "only the paper's world has rounding"
    low, high = values - halves.loc[slug].fillna(0), values + halves.loc[slug].fillna(0)
    found: dict[str, float] = {}
    if metric in ("mse", "psnr"):
        propagated = 10 / np.log(10) * values["mse_sd"] / values["mse"]
        found["PSNR's ± as MSE's ± propagates"] = float(
            min(2 * propagated - low["psnr_sd"], high["psnr_sd"] - propagated / 2)
        )
    if part == "sd":
        found["the largest possible SD"] = _largest_sd(metric, float(high[metric])) - float(
            low[f"{metric}_sd"]
        )
        return found
    if metric in ("mse", "psnr"):
        found["Jensen's inequality for PSNR"] = float(high["psnr"] + 10 * np.log10(high["mse"]))
    if metric in ("mse", "mae"):
        found["MAE ≤ √MSE"] = float(np.sqrt(high["mse"]) - low["mae"])
        found["MSE ≤ MAE"] = float(high["mae"] - low["mse"])
    if metric in ("piq", "iss"):
        found["the largest ISS for this PIQ"] = float(
            8 * PIXELS**2 * (high["piq"] ** 2 + high["piq_sd"] ** 2) - low["iss"]
        )
    if metric in ("ssim", "i_ssim"):
        found["similarity ≤ 1"] = float(1 - low[metric])
    if metric in ("ssim", "piq"):
        found["the table's sort order"] = _sort_slack(world, slug, metric)
    return found


RANGES: dict[str, tuple[float, float]] = {
    "ssim": (-1, 1),
    "i_ssim": (-1, 1),
    "mse": (0, 1),
    "psnr": (0, np.inf),
    "piq": (0, 1),
    "iss": (0, PIXELS**2 / 4),
}
"""Metric → the least and the largest value that images in [0, 1] can give."""
SAMPLES = {1: 300, 2: 75}
"""Table → the most numbers that a cell can average: 100 images, or 25 sequences, in each of three runs."""


def _largest_sd(metric: str, mean: float) -> float:
    """The largest SD that numbers of this mean can have: Bhatia and Davis (2000), variance ≤ (max −
    mean)(mean − min), and √n · mean for n non-negative numbers, all of them zero but one."""
    bottom, top = RANGES[metric]
    bounded = float(np.sqrt(max((top - mean) * (mean - bottom), 0.0)))
    n = SAMPLES[2 if metric in ("piq", "iss") else 1]
    return bounded if bottom < 0 else min(bounded, mean * float(np.sqrt(n)))


def _sort_slack(world: World, slug: str, metric: str) -> float:
    """How far a row keeps clear of its printed neighbours in the sorted column (Table I by SSIM, Table II by
    PIQ)."""
    rows = world.row_order[metric]
    at = rows.index(slug)
    better = measure(metric).better
    assert world.half_units is not None
    column, half = world.models[metric] * better, world.half_units[metric]
    slack = [np.inf]
    for upper, lower in ((at - 1, at), (at, at + 1)):
        if upper >= 0 and lower < len(rows):
            a, b = rows[upper], rows[lower]
            slack.append(column[a] - column[b] + half[a] + half[b])
    return float(min(slack))


def _summary(claim: Claim, world: World, reduce: Callable[[pd.Series], float]) -> Finding:
    """A number that summarises one metric over the named rows (or all)."""
    metric = claim.text("metric")
    world.column(metric)
    rows = _group(claim, world)

    def statistic(models: pd.DataFrame) -> float:
        return reduce(models[metric].reindex(list(rows)))

    value = statistic(world.models)
    theirs = statistic(world.paper) if metric in world.paper else float("nan")
    mismatch = _comparable(world, metric, value, claim.number, theirs)
    return mismatch or agree(
        world,
        claim.number,
        statistic,
        [metric],
        margin=measure(metric).margin(claim.number.value),
        same_direction=lambda value: _same_side(world, metric, value, reduce, rows),
        rows=rows,
    )


def _group(claim: Claim, world: World) -> tuple[str, ...]:
    return world.select(claim, "family" if "family" in claim.arguments else "models")


def _same_side(
    world: World, metric: str, value: float, reduce: Callable[[pd.Series], float], rows: tuple[str, ...]
) -> bool:
    """Whether a group's summary lies on the same side of the VAE as in the paper (on neither side: no). Raises
    Untestable where this world has no VAE to take sides with."""
    if metric not in world.paper:
        return False
    if BASELINE not in world.models.index:
        raise Untestable(f"no sound {LABELS[BASELINE]} to tell the side by")
    theirs = reduce(world.paper[metric].reindex(list(rows))) - world.paper.at[BASELINE, metric]
    ours = value - world.models.at[BASELINE, metric]
    return bool(theirs * ours > 0)


@kind("mean")
def mean(world: World, claim: Claim) -> Finding:
    """A mean over named models. Paper: the mean of their cells, up to rounding. Results: within the metric's
    margin; "same direction or rank only" if it lies on the same side of the VAE as in the paper."""
    return _summary(claim, world, lambda values: float(values.mean(skipna=False)))


@kind("median")
def median(world: World, claim: Claim) -> Finding:
    """A median over named models; rules as for `mean`."""
    return _summary(claim, world, lambda values: float(values.median(skipna=False)))


@kind("extreme", field=True)
def extreme(world: World, claim: Claim) -> Finding:
    """The lowest or highest value over the models. Paper: up to rounding. Results: within the metric's
    margin; "same direction or rank only" if it lies on the same side of the VAE as in the paper."""
    lowest = claim.text("end") == "lowest"
    return _summary(claim, world, lambda values: float(values.min() if lowest else values.max()))


@kind("range")
def value_range(world: World, claim: Claim) -> Finding:
    """Two printed ends of a range over named models. Both ends must agree (rounding; the metric's margin).
    "Same direction or rank only": our range overlaps the printed one."""
    metric, rows = claim.text("metric"), _group(claim, world)
    values = world.rows(rows, metric)
    low, high = float(values.min()), float(values.max())
    shown = f"{low:.4g} to {high:.4g}"
    first, second = claim.numbers
    if world.half_units is not None:
        halves = world.half_units[metric]
        ends = ((first, low, halves[values.idxmin()]), (second, high, halves[values.idxmax()]))
        ok = all(abs(value - end.value) <= (end.half_unit + half) * (1 + 1e-9) for end, value, half in ends)
        return decided(shown, holds=ok)
    margin = measure(metric).margin
    within = (abs(value - end.value) <= margin(end.value) for end, value in ((first, low), (second, high)))
    return decided(shown, holds=all(within), partly=low <= second.value and first.value <= high)


@kind("gap", field=True)
def gap(world: World, claim: Claim) -> Finding:
    """(Highest − lowest) ÷ lowest over all models. Paper: up to rounding. Results: within a tenth of the
    printed percentage; "same direction or rank only" if it is at least half as large."""
    metric = claim.text("metric")
    world.column(metric)
    return agree(
        world,
        claim.number,
        lambda models: float(models[metric].max() / models[metric].min() - 1),
        [metric],
        margin=PERCENT_MARGIN * claim.number.value,
        same_direction=lambda value: value >= claim.number.value / 2,
        show=".1%",
    )


@kind("larger-gap", field=True)
def larger_gap(world: World, claim: Claim) -> Finding:
    """One metric's relative gap exceeds another's. True or false, by sign."""
    gaps = [world.column(claim.text(name)) for name in ("metric", "than")]
    if not all(values.max() > values.min() > 0 for values in gaps):
        raise Untestable("no spread between models")
    wide, narrow = (float(values.max() / values.min() - 1) for values in gaps)
    return decided(f"{wide:.0%} against {narrow:.0%}", holds=wide > narrow)


@kind("change")
def change(world: World, claim: Claim) -> Finding:
    """How far one model lies from another in percent. Paper: up to rounding. Results: within a tenth of the
    printed percentage; "same direction or rank only" if the difference has the claimed sign."""
    metric, (of,), (to,) = claim.text("metric"), claim.slugs("of"), claim.slugs("to")
    world.rows((of, to), metric)
    sign = -1.0 if claim.text("sense") == "below" else +1.0
    return agree(
        world,
        claim.number,
        lambda models: float(sign * (models.at[of, metric] / models.at[to, metric] - 1)),
        [metric],
        margin=PERCENT_MARGIN * claim.number.value,
        same_direction=lambda value: value > 0,
        rows=[of, to],
        show=".1%",
    )


@kind("change-range")
def change_range(world: World, claim: Claim) -> Finding:
    """Named models all lie a printed range of percent below another. Holds if every loss lies in the range
    (widened by rounding, or by a tenth in results); "same direction or rank only" if every one lies below."""
    metric, (to,) = claim.text("metric"), claim.slugs("to")
    losses = 1 - world.rows(claim.slugs("models"), metric) / float(world.rows((to,), metric).iloc[0])
    low, high = claim.numbers
    slack = (low.half_unit, high.half_unit) if world.is_paper else (0.1 * low.value, 0.1 * high.value)
    shown = f"{losses.min():.1%} to {losses.max():.1%}"
    return decided(
        shown,
        holds=losses.min() >= low.value - slack[0] and losses.max() <= high.value + slack[1],
        partly=(losses > 0).all(),
    )


@kind("ratio")
def ratio(world: World, claim: Claim) -> Finding:
    """How many times larger one group's mean is than another's. Paper: up to rounding. Results: within a
    tenth; "same direction or rank only" if the ratio lies on the same side of 1."""
    metric, top, bottom = claim.text("metric"), claim.slugs("of"), claim.slugs("over")
    world.rows((*top, *bottom), metric)
    return agree(
        world,
        claim.number,
        lambda models: float(models.loc[list(top), metric].mean() / models.loc[list(bottom), metric].mean()),
        [metric],
        margin=PERCENT_MARGIN * claim.number.value,
        same_direction=lambda value: (value > 1) == (claim.number.value > 1),
        rows=[*top, *bottom],
    )


@kind("spread", field=True)
def spread(world: World, claim: Claim) -> Finding:
    """The values of one metric differ by more than a printed amount among the models that another metric
    selects."""
    metric, by, bound = claim.text("metric"), claim.text("by"), claim.value("below")
    chosen = world.column(metric)[world.column(by) < bound].dropna()
    if len(chosen) < 2:
        raise Untestable(f"n too small: {len(chosen)} models with {by} < {bound:g}")
    width = float(chosen.max() - chosen.min())
    shown = f"{width:.3g} over {len(chosen)} models"
    return decided(shown, holds=width > claim.number.value)


@kind("correlation", field=True)
def correlation(world: World, claim: Claim) -> Finding:
    """Pearson's r over models. Paper: agrees up to rounding. Results: the same sign, the printed r in our 95
    % interval (Fisher z), and, so that a wide interval is no help, our r within 0.15 of it; "same direction
    or rank only" if r has the same sign and p < 0.05. With `sense=size` (a loss against a score, printed
    without its sign) −r is compared."""
    x, y = claim.text("x"), claim.text("y")
    sign = -1.0 if claim.text("sense", "signed") == "size" else +1.0
    found = statistics.pearson(world.column(x), sign * world.column(y))
    if not np.isfinite(found.r):
        raise Untestable(f"n too small: {found.n}")
    if world.is_paper:
        finding = agree(
            world,
            claim.number,
            lambda models: float(sign * models[x].corr(models[y])),
            [x, y],
            margin=0.0,
            same_direction=lambda _: False,
        )
        return Finding(finding.outcome, f"r = {sign * found.r:.3f}")
    printed = claim.number.value
    shown = f"r = {sign * found.r:.3f}, p = {found.p:.2g}, n = {found.n}"
    shown += f", 95 % [{found.low:.2f}, {found.high:.2f}]" + (" of -r" if sign < 0 else "")
    signed = found.r * printed > 0
    return decided(
        shown,
        holds=signed and found.low <= printed <= found.high and abs(found.r - printed) <= CORRELATION_MARGIN,
        partly=signed and found.p < statistics.ALPHA,
    )


@kind("correlation-sign", field=True)
def correlation_sign(world: World, claim: Claim) -> Finding:
    """Pearson's r over models has the sign that is printed. Paper: by any amount. Results: with p < 0.05;
    "same direction or rank only" if only the sign is the same."""
    found = statistics.pearson(world.column(claim.text("x")), world.column(claim.text("y")))
    if not np.isfinite(found.r):
        raise Untestable(f"n too small: {found.n}")
    shown = f"r = {found.r:.3f}, p = {found.p:.2g}, n = {found.n}"
    if found.r * claim.number.value <= 0:
        return Finding(Outcome.FAILS, shown)
    certain = world.is_paper or found.p < statistics.ALPHA
    return decided(shown, holds=certain, partly=True)


@kind("correlation-p", field=True)
def correlation_p(world: World, claim: Claim) -> Finding:
    """The p of a correlation. With `sense=below`, p must lie below the printed bound ("same direction or rank
    only" if it is below 0.05). Otherwise the printed p itself is recomputed: equal up to rounding of tables
    and p; in results, on the same side of 0.05. A claimed sign must be the sign of r."""
    x, y = claim.text("x"), claim.text("y")
    found = statistics.pearson(world.column(x), world.column(y))
    if not np.isfinite(found.p):
        raise Untestable(f"n too small: {found.n}")
    printed, shown = claim.number, f"p = {found.p:.2g} (r = {found.r:.3f}, n = {found.n})"
    sign = {"positive": 1, "negative": -1}.get(claim.text("sign", "any"), 0)
    if sign and found.r * sign <= 0:
        return Finding(Outcome.FAILS, shown, "r has the other sign")
    if claim.text("sense", "equal") == "below":
        return decided(shown, holds=found.p < printed.value, partly=found.p < statistics.ALPHA)
    if world.is_paper:
        finding = agree(
            world,
            printed,
            lambda models: statistics.pearson(models[x], models[y]).p,
            [x, y],
            margin=0.0,
            same_direction=lambda _: False,
        )
        return Finding(finding.outcome, shown)
    same_side = (found.p < statistics.ALPHA) == (printed.value < statistics.ALPHA)
    return decided(shown, holds=same_side)


@kind("weaker-correlation", field=True)
def weaker_correlation(world: World, claim: Claim) -> Finding:
    """|r| of one pair of metrics is below that of another pair. By sign; "same direction or rank only" does
    not apply."""
    weak, strong = (
        statistics.pearson(*(world.column(name) for name in claim.text(pair).split())).r
        for pair in ("weak", "strong")
    )
    if not np.isfinite([weak, strong]).all():
        raise Untestable("n too small")
    shown = f"|r| = {abs(weak):.3f} against {abs(strong):.3f}"
    return decided(shown, holds=abs(weak) < abs(strong))


@kind("rank", field=True)
def rank(world: World, claim: Claim) -> Finding:
    """A model's place in one metric, 1 the best, −1 the worst. Paper: among the places that its ties allow.
    Results: among those that the metric's margin allows; "same direction or rank only" within three places.
    Printed places in the lower half are counted from the bottom, so that rows left out do not move them."""
    (slug,) = claim.slugs("architecture")
    metric = claim.text("metric")
    values = world.column(metric).dropna() * measure(metric).better
    if slug not in values.index:
        raise Untestable(f"no finite {metric} for {slug}")
    n, of = len(values), len(world.paper)
    printed = int(claim.text("place")) if "place" in claim.arguments else int(claim.number.value)
    printed = printed if printed > 0 else of + 1 + printed
    target = printed if printed <= of / 2 else printed - (of - n)
    own = float(values[slug])
    margin = 0.0 if world.is_paper else measure(metric).margin(own)
    best, worst = 1 + int((values > own + margin).sum()), n - int((values < own - margin).sum())
    place = int(ranks(world.models, metric)[slug])
    shown = f"place {place} of {n} from the best" + (f" (ties: {best} to {worst})" if best != worst else "")
    return decided(shown, holds=best <= target <= worst, partly=abs(place - target) <= 3)


@kind("equation")
def equation(world: World, claim: Claim) -> Finding:
    """Columns of Table II follow their equations as printed, without a division by the number of pixels. Paper:
    together PIQ and ISS as printed leave ISS ≤ 8·(PIQ² + SD²), because nine non-negative steps have no larger
    variance; where they do not, of one column alone the tables cannot say whether it departs. Results: each
    printed column is nearer (median ratio over rows) to ours by the equation as printed than to ours divided by
    the pixels, or, for a variance, by their square; "same direction or rank only" if one of two is."""
    metrics = claim.text("metric").split()
    if world.is_paper:
        piq, sd, iss = (world.column(name) for name in ("piq", "piq_sd", "iss"))
        share = float((iss / (8 * (piq**2 + sd**2))).median())
        shown = f"ISS is {share:.2g} times the largest variance that the printed PIQ allows"
        if share > 1 and len(metrics) == 1:
            return Finding(
                Outcome.UNTESTABLE, f"{shown}: one of the two departs", "the tables cannot say which"
            )
        return decided(shown, holds=share <= 1)
    found = [_by_the_equation(world, metric) for metric in metrics]
    nearer = [by_it for by_it, _ in found]
    shown = "; ".join(shown for _, shown in found)
    return decided(shown, holds=all(nearer), partly=any(nearer))


def _by_the_equation(world: World, metric: str) -> tuple[bool, str]:
    """Whether a printed column is nearer to ours by its equation than to ours per pixel, with the ratios to both."""
    per_pixel, literal = {"piq": (1.0, PIXELS), "iss": (PIXELS**-2.0, 1.0)}[metric]
    powers = np.log10((world.paper[metric] / world.column(metric)).dropna().astype(float))
    if powers.empty:
        raise Untestable("n too small: no models")
    ratio = float(10 ** powers.median())
    shown = f"printed {measure(metric).label} is {ratio / literal:.2g} times ours by the equation"
    nearer = abs(np.log(ratio / literal)) < abs(np.log(ratio / per_pixel))
    return bool(nearer), f"{shown}, {ratio / per_pixel:.2g} times ours per pixel"
