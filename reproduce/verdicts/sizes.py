"""Statements that print a size: a value, a mean, a range, a percentage, a correlation."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from reproduce.analysis import statistics
from reproduce.analysis.measures import measure
from reproduce.architectures.names import IMAGE_METRICS, PAIR_METRICS
from reproduce.datasets import PIXELS
from reproduce.paper import Printed
from reproduce.verdicts import rules
from reproduce.verdicts.kinds import always, kind
from reproduce.verdicts.verdict import Finding, Outcome, Statement, Undecidable, decided
from reproduce.verdicts.world import OTHER_SCALE, Statistic, Values, World, listed, powers

CORRELATION_MARGIN = 0.15


def of_metric(
    world: World, statement: Statement, statistic: Statistic, column: str, rows: tuple[str, ...]
) -> Finding:
    """Compare a printed number in the metric's own unit with a statistic of one column."""
    world.rows(rows, column)
    if world.is_paper:
        return rules.recomputed(world, statement.number, statistic, [column], rows=rows)
    theirs = float(statistic(world.printed_values)) if column in world.paper else float("nan")
    if obstacle := _obstacle(world, column, statement.number, theirs):
        return Finding(Outcome.OTHER, f"{float(statistic(world.values)):.4g} here", obstacle)
    margin = measure(column).margin(statement.number.value)
    return rules.printed_value(world, statement.number, statistic, margin=margin)


def _obstacle(world: World, column: str, printed: Printed, theirs: float) -> str:
    """Why values of this column cannot be compared between studies, or ""."""
    if printed.value == 0:
        return ""
    if measure(column).obstacle:
        return measure(column).obstacle
    if abs(powers(theirs, printed.value)) >= OTHER_SCALE:
        return "printed on another scale than in the paper's own tables"
    return "the paper's whole column is on another scale" if column in world.on_other_scale else ""


@kind("cell", size=always)
def cell(world: World, statement: Statement) -> Finding:
    """A printed mean or ± of one model. Paper: equals the cell of Table I or II up to rounding. Results: by the
    interval of printed − ours and the metric's margin (0.01 SSIM, 5 % PIQ, 15 % of a ±); defined differently if the
    number is printed at least a power of ten away from the paper's own table, if the whole column lies the same
    power of ten away from ours, or if the table of margins says why values are not compared."""
    (slug,) = statement.slugs("architecture")
    column = statement.text("metric") + ("_sd" if statement.text("part", "mean") == "sd" else "")
    return of_metric(world, statement, lambda v: v.of(column, (slug,))[..., 0], column, (slug,))


@kind("table-cell", size=always)
def table_cell(world: World, statement: Statement) -> Finding:
    """A cell of Table I or II. Paper: it satisfies the inequalities that mathematics requires of its row (mean PSNR ≥
    −10·log₁₀ of mean MSE; MSE ≤ MAE ≤ √MSE; ISS ≤ 8·784²·(PIQ² + SD²); no ± larger than the metric's range, or than
    √n times a mean of n non-negative numbers; PSNR's ± within a factor of two of what MSE's ± propagates to) and the
    printed sort order; and if the row repeats others in every other number, it repeats them in this one, too. Results:
    as for `cell`."""
    if not world.is_paper:
        return cell(world, statement)
    (slug,) = statement.slugs("architecture")
    metric, part = statement.text("metric"), statement.text("part")
    broken = [name for name, slack in constraints(world, slug, metric, part).items() if slack < 0]
    if unlike_twins(world, slug, metric if part == "mean" else f"{metric}_sd"):
        broken.append("the rows that it repeats otherwise")
    if broken:
        return Finding(Outcome.FAILS, "violates " + " and ".join(broken))
    return Finding(Outcome.HOLDS, "satisfies the constraints of its row")


def unlike_twins(world: World, slug: str, column: str) -> bool:
    """Whether a row repeats others in every printed number but this one, in which it repeats none of them."""
    rows = world.models.dropna(axis="columns")
    equal = rows.to_numpy() == rows.loc[slug].to_numpy()
    here = equal[:, rows.columns.get_loc(column)]
    same = (equal.sum(axis=1) - here == equal.shape[1] - 1) & (rows.index != slug)
    return bool(same.any() and not here[same].any())


def constraints(world: World, slug: str, metric: str, part: str) -> dict[str, float]:
    """Inequality → its slack (negative if broken even after rounding in its favour), for one cell of the tables."""
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
        largest = _largest_sd(metric, float(high[metric]))
        found["the largest possible SD"] = largest - float(low[f"{metric}_sd"])
        return found
    if metric in ("mse", "psnr"):
        found["Jensen's inequality for PSNR"] = float(high["psnr"] + 10 * np.log10(high["mse"]))
    if metric in ("mse", "mae"):
        found["MAE ≤ √MSE"] = float(np.sqrt(high["mse"]) - low["mae"])
        found["MSE ≤ MAE"] = float(high["mae"] - low["mse"])
    if metric in ("piq", "iss"):
        most = 8 * PIXELS**2 * (high["piq"] ** 2 + high["piq_sd"] ** 2)
        found["the largest ISS for this PIQ"] = float(most - low["iss"])
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
"""Metric → the smallest and the largest possible value for images in [0, 1]."""
SAMPLES = {1: 300, 2: 75}
"""Table → the largest number of values that a cell can average: 100 images, or 25 sequences, in each of three runs."""


def _largest_sd(metric: str, mean: float) -> float:
    """The largest SD that numbers of this mean can have: Bhatia and Davis (2000), variance ≤ (max − mean)(mean −
    min), and √n · mean for n non-negative numbers, all of them zero but one."""
    bottom, top = RANGES[metric]
    bounded = float(np.sqrt(max((top - mean) * (mean - bottom), 0.0)))
    n = SAMPLES[2 if metric in ("piq", "iss") else 1]
    return bounded if bottom < 0 else min(bounded, mean * float(np.sqrt(n)))


def _sort_slack(world: World, slug: str, metric: str) -> float:
    """By how much a row keeps its order with its printed neighbours in the sorted column (Table I by SSIM, Table II by
    PIQ), with rounding in its favour; negative if it does not."""
    rows = world.row_order[metric]
    at = rows.index(slug)
    assert world.half_units is not None
    column, half = world.models[metric] * measure(metric).better, world.half_units[metric]
    slack = [np.inf]
    for upper, lower in ((at - 1, at), (at, at + 1)):
        if upper >= 0 and lower < len(rows):
            a, b = rows[upper], rows[lower]
            slack.append(column[a] - column[b] + half[a] + half[b])
    return float(min(slack))


REDUCE: dict[str, Any] = {"mean": np.mean, "median": np.median, "lowest": np.min, "highest": np.max}


@kind("summary", size=always)
def summary(world: World, statement: Statement) -> Finding:
    """A mean, median, lowest or highest value over named models, or all. Paper: it is that of their cells, up to
    rounding. Results: as for `cell`."""
    return _reduced(world, statement, REDUCE[statement.text("as")])


def _reduced(world: World, statement: Statement, reduce: Any) -> Finding:
    metric = statement.text("metric")
    rows = world.select(statement, "family" if "family" in statement.arguments else "models")
    return of_metric(
        world, statement, lambda v: np.asarray(reduce(v.of(metric, rows), axis=-1)), metric, rows
    )


@kind("range", size=always)
def value_range(world: World, statement: Statement) -> Finding:
    """Two printed ends of a range over named models: both must agree, each as for `cell`."""
    ends = [
        _reduced(world, replace(statement, printed=(text,)), reduce)
        for text, reduce in zip(statement.printed, (np.min, np.max), strict=True)
    ]
    worst = max(ends, key=lambda found: SEVERITY.index(found.outcome))
    return Finding(worst.outcome, "; ".join(found.shown for found in ends), worst.reason)


SEVERITY = (Outcome.HOLDS, Outcome.UNDECIDED, Outcome.OTHER, Outcome.FAILS)


# --- percentages and ratios -----------------------------------------------------------------------------


def _relative(statement: Statement, world: World) -> tuple[Statistic, tuple[str, ...]]:
    """The statistic that a percentage or ratio is about, positive as claimed, and the rows that it is computed from."""
    metric, what = statement.text("metric"), statement.text("as")
    if what == "gap":
        rows = world.slugs
        return lambda v: v.of(metric, rows).max(axis=-1) / v.of(metric, rows).min(axis=-1) - 1, rows
    if what == "ratio":
        top, bottom = statement.slugs("of"), statement.slugs("over")
        return (
            lambda v: v.of(metric, top).mean(axis=-1) / v.of(metric, bottom).mean(axis=-1),
            (*top, *bottom),
        )
    below = _below(statement)
    return lambda v: below(v).min(axis=-1), (*statement.slugs("of"), *statement.slugs("to"))


def _below(statement: Statement) -> Statistic:
    """By how much each named model lies below another, as a share of its value: values → (…, models)."""
    metric, of, to = statement.text("metric"), statement.slugs("of"), statement.slugs("to")
    return lambda v: np.asarray(1 - v.of(metric, of) / v.of(metric, to))


def _by_model(world: World, statement: Statement) -> str:
    """These shares in words: "SSIM below VAE's: β-VAE 3.2%, β-TCVAE 1.3%"."""
    shares = zip(statement.slugs("of"), _below(statement)(world.values), strict=True)
    each = ", ".join(f"{listed([slug])} {share:.1%}" for slug, share in shares)
    return f"{measure(statement.text('metric')).label} below {listed(statement.slugs('to'))}'s: {each}"


@kind("relative", size=always)
def relative(world: World, statement: Statement) -> Finding:
    """A percentage or ratio: (highest − lowest) ÷ lowest over all models (`gap`), how far models lie below
    another, or how many times larger one group's mean is than another's (`ratio`). Paper: up to rounding. Results: by
    the interval of printed − ours with a margin of a tenth of the printed number; two printed numbers are the ends
    of a range in which each named model must lie, widened by a tenth. Where sizes are not judged, only the direction
    is, by the interval of our value: every named model must lie on the printed side."""
    metric = statement.text("metric")
    statistic, rows = _relative(statement, world)
    world.rows(rows, metric)
    if len(statement.printed) == 2:
        return _within_range(world, statement)
    show = ".3g" if statement.text("as") == "ratio" else ".1%"
    if world.is_paper:
        return rules.recomputed(world, statement.number, statistic, [metric], rows=rows, show=show)
    if measure(metric).obstacle and not measure(metric).timing:
        return Finding(Outcome.OTHER, f"{float(statistic(world.values)):{show}}", measure(metric).obstacle)
    margin = rules.PERCENT_MARGIN * statement.number.value
    return rules.printed_value(world, statement.number, statistic, margin=margin, show=show)


def _within_range(world: World, statement: Statement) -> Finding:
    """Whether every named model lies below another by a percentage within a printed range."""
    low, high = statement.numbers
    slack = rules.PERCENT_MARGIN
    ends = (
        (low.value - low.half_unit, high.value + high.half_unit)
        if world.is_paper
        else (low.value * (1 - slack), high.value * (1 + slack))
    )
    below = _below(statement)
    drawn = below(world.values)[None] if world.is_paper else below(world.draws)
    inside = ((drawn >= ends[0]) & (drawn <= ends[1])).mean(axis=0)
    certain, refuted = (inside >= rules.SURE).all(), (inside <= 1 - rules.SURE).any()
    reason = "the interval lies on both sides of the range"
    return decided(_by_model(world, statement), holds=certain, fails=refuted, reason=reason)


def direction(world: World, statement: Statement) -> Finding | None:
    """Judge only the direction of a percentage or ratio; None for a statement without one."""
    if statement.kind != "relative" or statement.text("as") == "gap":
        return None
    statistic, rows = _relative(statement, world)
    world.rows(rows, statement.text("metric"))
    neutral = 1.0 if statement.text("as") == "ratio" else 0.0
    sign = 1.0 if statement.number.value > neutral else -1.0
    low, high = rules.interval(sign * (statistic(world.draws) - neutral))
    value = float(statistic(world.values))
    shown = f"{value:.3g}" if neutral else _by_model(world, statement)
    if low > 0:
        return Finding(Outcome.PARTLY, shown, "its direction; the size is judged in paper and notebook")
    reason = "the direction is another" if high < 0 else "the interval includes no difference"
    return Finding(Outcome.FAILS if high < 0 else Outcome.UNDECIDED, shown, reason)


# --- correlations ---------------------------------------------------------------------------------------


@kind("correlation", field=True)
def correlation(world: World, statement: Statement) -> Finding:
    """Pearson's r over models. `sense=value` (a printed r; `size` for one printed without its sign): paper, up to
    rounding; results, as any printed value, by the interval of printed − ours and a margin of 0.15; "direction only"
    where that lies outside and r has the printed sign with p < 0.05 over models. `sense=sign`: r has the printed sign;
    results, with p < 0.05. `sense=below`: p lies below the printed bound and r has the sign `sign`; "direction only" if
    p is below 0.05 with that sign. `sense=p`: the printed p itself, up to rounding; results, on the same side of 0.05.
    """
    x, y, sense = statement.text("x"), statement.text("y"), statement.text("sense", "value")
    found = statistics.pearson(world.column(x), world.column(y))
    if not np.isfinite(found.r):
        raise Undecidable(f"r is undefined on {found.n} models")
    shown = f"r = {found.r:.3f}, p = {found.p:.2g}, n = {found.n}"
    if sense in ("below", "p"):
        return _probability(world, statement, found, shown)
    printed, flip = statement.number, -1.0 if sense == "size" else 1.0

    def statistic(v: Values) -> np.ndarray:
        return flip * statistics.correlate(v.of(x), v.of(y))

    same = found.r * flip * printed.value > 0
    agrees = Finding(Outcome.HOLDS, shown)
    if sense == "sign" and world.is_paper:
        return decided(shown, holds=same)
    if sense != "sign":
        if world.is_paper:
            return replace(rules.recomputed(world, printed, statistic, [x, y]), shown=f"r = {found.r:.3f}")
        finding = rules.printed_value(world, printed, statistic, margin=CORRELATION_MARGIN, show=".3f")
        if finding.outcome is not Outcome.FAILS:
            return replace(finding, shown=f"{shown}; {finding.shown}")
        far = f"further than {CORRELATION_MARGIN} from the printed r"
        if sense == "size":
            return Finding(Outcome.FAILS, shown, far)
        agrees = Finding(Outcome.PARTLY, shown, far)
    if found.p >= statistics.ALPHA:
        return Finding(Outcome.UNDECIDED, shown, ZERO)
    return agrees if same else Finding(Outcome.FAILS, shown, OTHER_SIGN)


ZERO, OTHER_SIGN = "the interval of r includes zero", "r has the other sign"


def _probability(world: World, statement: Statement, found: statistics.Correlation, shown: str) -> Finding:
    """Judge a bound on p (`sense=below`), or p itself."""
    printed, certain = statement.number, found.p < statistics.ALPHA
    sign = {"positive": 1, "negative": -1}.get(statement.text("sign", "any"), 0)
    if sign and found.r * sign <= 0:
        return Finding(Outcome.FAILS, shown, OTHER_SIGN)
    if statement.text("sense") == "below":
        partly = certain and not world.is_paper
        below = found.p < printed.value
        return decided(shown, holds=below, partly=partly, fails=world.is_paper, reason=ZERO)
    if not world.is_paper:
        return decided(shown, holds=certain == (printed.value < statistics.ALPHA))
    x, y = statement.text("x"), statement.text("y")

    def statistic(v: Values) -> np.ndarray:
        """Two-sided p of Pearson's r along the last axis."""
        r = statistics.correlate(v.of(x), v.of(y))
        t = r * np.sqrt((found.n - 2) / np.maximum(1 - r**2, 1e-300))
        return np.asarray(2 * stats.t.sf(np.abs(t), found.n - 2))

    return replace(rules.recomputed(world, printed, statistic, [x, y]), shown=shown)


# --- equations and spreads --------------------------------------------------------------------------------


@kind("equation", field=True)
def equation(world: World, statement: Statement) -> Finding:
    """Columns of Table II follow their equations as printed, without a division by the number of pixels. Paper: PIQ
    and ISS as printed imply ISS ≤ 8·(PIQ² + SD²), because nine non-negative steps have no larger variance; PIQ alone
    must be at least D/81, since nine steps join end frames with the squared distance D, and for MNIST's own pairs this
    is near 1. Results: each printed column is nearer (median ratio over rows) to ours by the equation than to ours
    divided by the number of pixels, or, for a variance, by its square."""
    metrics = statement.text("metric").split()
    if world.is_paper:
        return _equations_within_the_paper(world, metrics)
    nearer, shown = zip(*(_by_the_equation(world, metric) for metric in metrics), strict=True)
    return decided("; ".join(shown), holds=all(nearer))


def _equations_within_the_paper(world: World, metrics: list[str]) -> Finding:
    piq, sd, iss = (world.column(name) for name in ("piq", "piq_sd", "iss"))
    share = float((iss / (8 * (piq**2 + sd**2))).median())
    if metrics == ["piq"]:
        floor = world.piq_floor
        if floor is None:
            raise Undecidable("needs MNIST: the distance of two digits")
        shown = f"two digits of the test set demand a PIQ of {floor:.2g}; printed are {piq.median():.2g}"
        return decided(shown, holds=piq.median() >= floor / 10)
    shown = f"ISS is {share:.2g} times the largest variance that the printed PIQ allows"
    reason = "the tables cannot say which of the two departs"
    return decided(shown, holds=share <= 1, fails=len(metrics) > 1, reason=reason)


def _by_the_equation(world: World, metric: str) -> tuple[bool, str]:
    """Whether a printed column is nearer to ours by its equation than to ours per pixel, with the ratios to both."""
    per_pixel, literal = {"piq": (1.0, PIXELS), "iss": (PIXELS**-2.0, 1.0)}[metric]
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.log10((world.paper[metric] / world.column(metric)).dropna().astype(float))
    powers = powers[np.isfinite(powers)]
    if powers.empty:
        raise Undecidable("no models")
    ratio = float(10 ** powers.median())
    shown = f"printed {measure(metric).label} is {ratio / literal:.2g} times ours by the equation"
    nearer = abs(np.log(ratio / literal)) < abs(np.log(ratio / per_pixel))
    return bool(nearer), f"{shown}, {ratio / per_pixel:.2g} times ours per pixel"


@kind("spread-over-seeds", field=True)
def spread_over_seeds(world: World, statement: Statement) -> Finding:
    """The printed ± of the named metrics is a standard deviation over three runs. Paper: decided for MSE alone. The
    mean of −10·log₁₀ of an error exceeds −10·log₁₀ of its mean by about 10/(2·ln 10) times the square of its
    relative spread over whatever was averaged; if the printed ± already explains half of that excess in the median
    row, it is the spread over images. Results, with three seeds: the printed ± is nearer to our SD of the seeds'
    means than to our SD over images (pairs), by the median ratio over rows, for every metric; "direction only" if for
    most. With one seed it is refuted if the printed ± agrees with our SD over images (pairs) within a factor of 1.5, by
    the median ratio over rows, for every metric of Table I, or of Table II but ISS."""
    metrics = statement.text("metric").split()
    if world.is_paper:
        if "mse" not in metrics:
            raise Undecidable("the tables do not contain the spread over seeds")
        mse, sd, psnr = (world.column(name) for name in ("mse", "mse_sd", "psnr"))
        share = float((10 / np.log(10) / 2 * (sd / mse) ** 2 / (psnr + 10 * np.log10(mse))).median())
        shown = f"the ± of MSE explains {share:.0%} of PSNR's excess: it runs over images"
        return decided(shown, holds=share < 0.5)
    if world.models.empty:
        raise Undecidable("no models")
    over_images = {name: _median_ratio(world, name, "sd") for name in metrics}
    if int(world.column("n_seeds").min()) < 2:
        shown = "printed ± over our SD over images or pairs: " + _by_metric(over_images)
        tables = [
            [
                1 / 1.5 <= ratio <= 1.5
                for name, ratio in over_images.items()
                if name in names and name != "iss"
            ]
            for names in (IMAGE_METRICS, PAIR_METRICS)
        ]
        refuted = any(alike and all(alike) for alike in tables)
        return decided(shown, holds=False, fails=refuted, reason="one seed has no spread over seeds")
    over_seeds = {name: _median_ratio(world, name, "seed_sd") for name in metrics}
    shown = (
        f"printed ± over our SD over seeds: {_by_metric(over_seeds)}; over images: {_by_metric(over_images)}"
    )
    nearer = [abs(np.log(over_seeds[name])) < abs(np.log(over_images[name])) for name in metrics]
    return decided(shown, holds=all(nearer), partly=np.mean(nearer) > 0.5)


def _by_metric(ratios: dict[str, float]) -> str:
    return ", ".join(f"{measure(name).label} {ratio:.2g}" for name, ratio in ratios.items())


def _median_ratio(world: World, metric: str, spread: str) -> float:
    """Median over rows of the printed ± divided by our spread; raises Undecidable if ours is zero throughout."""
    ratio = world.paper[f"{metric}_sd"] / world.column(f"{metric}_{spread}")
    ratio = ratio.replace(np.inf, np.nan).dropna()
    if ratio.empty:
        raise Undecidable(f"{metric} does not vary")
    return float(ratio.median())


# --- within bounds ----------------------------------------------------------------------------------------

SIDES = {"_above": np.greater, "_below": np.less, "_at_least": np.greater_equal, "_at_most": np.less_equal}
"""Suffix of an argument such as `ssim_at_least=$1` → the comparison it stands for."""


def bounds(statement: Statement) -> list[tuple[str, np.ufunc, float]]:
    """Column, comparison and bound of every argument that is a bound."""
    return [
        (name.removesuffix(suffix), compare, statement.value(name))
        for name, (suffix, compare) in itertools.product(statement.arguments, SIDES.items())
        if name.endswith(suffix)
    ]


def within(statement: Statement, values: Values) -> np.ndarray:
    """Which models lie within all bounds among the statement's arguments: (…, models)."""
    found = [compare(values.of(column), bound) for column, compare, bound in bounds(statement)]
    return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*found)))


def of_training(statement: Statement) -> bool:
    """Whether one of its bounds is on a quantity that depends on the training schedule, unlike memory."""
    return any(column != "peak_memory_mib" for column, _, _ in bounds(statement))


@kind("members", field=True, size=of_training)
def members(world: World, statement: Statement) -> Finding:
    """The models that satisfy printed bounds on one or more metrics are exactly those named, or, with `sense=inside`,
    include them. Results: by the share of resamples in which each model satisfies them; 97.5 % count as certain."""
    for column, _, _ in bounds(statement):
        world.column(column)
    exactly = statement.text("sense", "exactly") == "exactly"
    named = world.select(statement, "models")
    return rules.membership(world, named, lambda v: within(statement, v), exactly=exactly)
