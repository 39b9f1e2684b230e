"""Statements about order: which models are better, which are the same, which family leads, which no other beats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from reproduce.analysis import statistics
from reproduce.analysis.measures import measure
from reproduce.analysis.pareto import places, undominated
from reproduce.analysis.recommendations import MERITS, PRIORITIES, avoided, recommended
from reproduce.architectures.names import IMAGE_METRICS, LABELS
from reproduce.paper import PAPER_SLUGS, table3
from reproduce.verdicts import rules
from reproduce.verdicts.kinds import always, kind
from reproduce.verdicts.rules import Lead
from reproduce.verdicts.sizes import bounds, within
from reproduce.verdicts.verdict import Finding, Outcome, Statement, Undecidable, decided
from reproduce.verdicts.world import PRINTED_IMAGES, PRINTED_PAIRS, Values, World, listed

PRINTED_SEEDS = 3
"""Section III-G: three independent measurements per metric."""


@kind("ordering", each=always)
def ordering(world: World, statement: Statement) -> Finding:
    """Every model of one list is better in a metric than every model of another ("others": than all the rest). Paper:
    by more than rounding (a tie within rounding is not checkable). Results: by the interval of the lead and the
    metric's margin, for every pair."""
    better, worse = (world.select(statement, name) for name in ("better", "worse"))
    metric = statement.text("metric")
    if world.is_paper:
        return ordered_as_printed(world, metric, better, worse)
    found = rules.compare(world, metric, better, worse)
    return rules.by_leads(found.weakest(), found.sure, "the interval of the lead includes zero")


def ordered_as_printed(
    world: World, metric: str, leaders: tuple[str, ...], others: tuple[str, ...]
) -> Finding:
    """Whether every leader is better than every other model in the tables."""
    better, worse = (world.rows(slugs, metric) for slugs in (leaders, others))
    sign = measure(metric).better or +1
    low, high = (better * sign).min(), (worse * sign).max()
    shown = f"{measure(metric).label} {abs(low):.4g} against {abs(high):.4g}"
    assert world.half_units is not None
    weakest, strongest = str((better * sign).idxmin()), str((worse * sign).idxmax())
    slack = float(world.half_units.at[weakest, metric] + world.half_units.at[strongest, metric])
    if abs(low - high) <= slack * (1 - 1e-9):
        raise Undecidable(f"tied within rounding: {shown}")
    return decided(shown, holds=low > high)


def printed_place(statement: Statement) -> int:
    """The place that a statement gives a model, from 1 for the best of the paper's rows; −1 stands for the last one."""
    given = statement.arguments.get("place")
    place = int(given) if given else int(statement.number.value)
    return place if place > 0 else len(PAPER_SLUGS) + 1 + place


# one model beyond the leader or the last one is enough to refute the statement
@kind("rank", field=True, each=lambda statement: printed_place(statement) in (1, len(PAPER_SLUGS)))
def rank(world: World, statement: Statement) -> Finding:
    """A model's place in one metric, 1 the best, −1 the worst. Paper: among the places that its ties allow.
    Results: by its lead over each other model; if rows are left out, places in the lower half are counted from
    the bottom."""
    (slug,) = statement.slugs("architecture")
    metric = statement.text("metric")
    world.rows((slug,), metric)
    n, of, printed = len(world.slugs), len(world.paper), printed_place(statement)
    target = printed if printed <= of / 2 else printed - (of - n)
    values = world.column(metric) * measure(metric).better
    best, worst = 1 + int((values > values[slug]).sum()), n - int((values < values[slug]).sum())
    shown = f"place {best} of {n}" if best == worst else f"places {best} to {worst} of {n}, tied"
    if world.is_paper:
        return decided(shown, holds=best <= target <= worst)
    others = tuple(other for other in world.slugs if other != slug)
    found = rules.compare(world, metric, (slug,), others)
    sure = found.sure[0]
    outcome = rules.place(sure, target)
    for how, words in ((Lead.SAME, "equal within the margin to"), (Lead.UNKNOWN, "not certainly apart from")):
        near = [other for other, lead in zip(others, sure, strict=True) if lead == how]
        shown += f"; {words} {listed(near, most=7)}" if near else ""
    reason = "too close to others to tell its place" if outcome is Outcome.UNDECIDED else ""
    return Finding(outcome, shown, reason)


# --- sameness ---------------------------------------------------------------------------------------------


@kind("alike", each=always)
def alike(world: World, statement: Statement) -> Finding:
    """Named models have the same value of every named metric as the first; with `of` and `to`, two families have the
    same mean. Paper: equal as printed, ± included, or within the metric's margin where the paper only calls them
    alike (`sense=similar`). Results: every difference is within the margin by two one-sided tests (its 90 %
    interval lies within); one whose 95 % interval lies beyond the margin refutes it."""
    metrics = statement.text("metric").split()
    if "of" in statement.arguments:
        return _families_alike(world, metrics[0], statement.slugs("of"), statement.slugs("to"))
    first, *others = world.select(statement, "models")
    if not others:
        raise Undecidable("only one model")
    if world.is_paper:
        similar = statement.text("sense", "identical") == "similar"
        return _alike_as_printed(world, (first, *others), metrics, similar=similar)
    found = [rules.compare(world, metric, tuple(others), (first,)) for metric in metrics]
    same, beyond = (np.concatenate(parts) for parts in zip(*map(_sameness, found), strict=True))
    worst = max(found, key=lambda c: float(_over_margin(c).max()))
    return decided(_widest(worst), holds=same.all() and not beyond.any(), fails=beyond.any(), reason=NEITHER)


NEITHER = "neither shown to be the same nor to differ by the margin"


def _sameness(found: rules.Leads) -> tuple[np.ndarray, np.ndarray]:
    """Whether each difference is within the margin by two one-sided tests, or by its 95 % interval (which is stricter,
    but also holds for equal numbers); and whether that interval lies beyond the margin."""
    within = (found.low >= -found.margin) & (found.high <= found.margin)
    beyond = (found.low > found.margin) | (found.high < -found.margin)
    return ((found.sure == Lead.SAME) | within).ravel(), beyond.ravel()


def _over_margin(found: rules.Leads) -> np.ndarray:
    """The absolute differences, in units of the margin."""
    return np.abs(found.points) / np.maximum(found.margin, 1e-300)


def _widest(found: rules.Leads) -> str:
    """The difference that is largest in units of its margin, in words."""
    ratio = _over_margin(found)
    i, j = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    a, b = LABELS[found.first[i]], LABELS[found.second[j]]
    low, point, high = (rules.short(own[i, j], "+") for own in (found.low, found.points, found.high))
    ends = f" [{low}, {high}]" if low != high else ""
    margin = rules.short(found.margin[i, j])
    return f"largest difference: {a} and {b} in {measure(found.metric).label}, {point}{ends}, margin {margin}"


def _alike_as_printed(world: World, slugs: tuple[str, ...], metrics: list[str], *, similar: bool) -> Finding:
    columns = list(metrics)
    if not similar:
        columns += [f"{name}_sd" for name in metrics if f"{name}_sd" in world.models and name != "mae"]
    values = {name: world.rows(slugs, name) for name in columns}
    gaps = {name: float((rows - rows.iloc[0]).abs().max()) for name, rows in values.items()}
    allowed = {
        name: measure(name).margin(float(values[name].iloc[0])) if similar else 0.0 for name in columns
    }
    shown = ", ".join(
        f"{measure(name.removesuffix('_sd')).label}{' ±' * name.endswith('_sd')} differs by {gap:.3g}"
        for name, gap in gaps.items()
        if gap or name in metrics
    )
    return decided(shown, holds=all(gaps[n] <= allowed[n] for n in columns))


def _families_alike(world: World, metric: str, first: tuple[str, ...], second: tuple[str, ...]) -> Finding:
    world.rows((*first, *second), metric)

    def difference(v: Values) -> np.ndarray:
        return np.asarray(v.of(metric, first).mean(axis=-1) - v.of(metric, second).mean(axis=-1))

    margin = measure(metric).margin(float(world.values.of(metric, second).mean()))
    point = float(difference(world.values))
    if world.is_paper:
        return decided(f"they differ by {point:.3g}, margin {margin:.2g}", holds=abs(point) <= margin)
    low, high = rules.interval(difference(world.draws))
    shown = f"they differ by {point:+.3g} [{low:+.3g}, {high:+.3g}], margin {margin:.2g}"
    same = rules.lead(difference(world.draws), margin) == Lead.SAME or (low >= -margin and high <= margin)
    return decided(shown, holds=same, fails=low > margin or high < -margin, reason=NEITHER)


@kind("no-gain", each=always)
def no_gain(world: World, statement: Statement) -> Finding:
    """Named models do not improve substantially on another (being as good, or worse, is no gain). Paper: none is
    better by more than the metric's margin. Results: every gain lies below the margin by a one-sided test at 5 %;
    one whose 95 % interval lies beyond the margin refutes it."""
    metric, named, (other,) = statement.text("metric"), statement.slugs("models"), statement.slugs("to")
    if world.is_paper:
        gains = (world.rows(named, metric) - world.rows((other,), metric)[other]) * measure(metric).better
        margin = measure(metric).margin(float(world.models.at[other, metric]))
        largest = str(gains.idxmax())
        shown = f"largest gain {gains[largest]:+.3g} ({LABELS[largest]}), margin {margin:.2g}"
        return decided(shown, holds=gains[largest] <= margin)
    found = rules.compare(world, metric, named, (other,))
    draws = measure(metric).better * (world.draws.of(metric, named) - world.draws.of(metric, (other,)))
    _, high = rules.interval(draws, rules.EQUIVALENCE)
    below, beyond = high < found.margin[:, 0], found.low[:, 0] > found.margin[:, 0]
    at = int(np.argmax(found.points[:, 0]))
    shown = (
        f"largest gain {found.points[at, 0]:+.3g} ({LABELS[named[at]]}) "
        f"[{found.low[at, 0]:+.3g}, {found.high[at, 0]:+.3g}], margin {found.margin[at, 0]:.2g}"
    )
    reason = "the interval of a gain lies on both sides of the margin"
    return decided(shown, holds=below.all(), fails=beyond.any(), reason=reason)


@kind("significant", each=always)
def significant(world: World, statement: Statement) -> Finding:
    """Named models differ from those of `to` in a claimed direction, with a printed bound on the corrected p.
    Paper: a paired t-test with the printed means and ±, whatever the unprinted correlation, must be able to reach
    the bound, both if the ± and the test are over three seeds, as printed, and if they are over images or pairs;
    not checkable where only one of the two is. Results: over the paper's images or pairs, 22·p (the paper's
    correction) below the bound with that sign, for every model; "direction only" if every difference has the sign
    with p < 0.05. With `sense=none`: no model differs. Results: not if one does (p ≤ 0.05 after Holm); reproduced
    only if two one-sided tests also place every difference within the margin, since a difference that is not
    significant may just be too small to measure."""
    metric, named, others = statement.text("metric"), statement.slugs("models"), statement.slugs("to")
    if statement.text("sense") == "none":
        return _not_significant(world, metric, named, others)
    sign = (1 if statement.text("sense") == "better" else -1) * measure(metric).better
    bound = statement.value("bound") if "bound" in statement.arguments else statement.number.value
    values = world.rows((*named, *others), metric)
    pairs = [(slug, other) for slug in named for other in others]
    if world.is_paper:
        if not all((values[slug] - values[other]) * sign > 0 for slug, other in pairs):
            return Finding(Outcome.FAILS, "the order is another")
        return _reachable(world, pairs, metric, bound)
    p, leads = _tests(world, metric, pairs)
    corrected = np.minimum(p * statistics.COMPARISONS, 1)
    signed = leads * sign
    at = int(np.argmax(np.where(signed > 0, corrected, 2)))
    shown = f"weakest case: {LABELS[pairs[at][0]]} against {LABELS[pairs[at][1]]}, "
    shown += f"difference {leads[at]:+.3g}, corrected p = {corrected[at]:.2g}"
    certain = p < statistics.ALPHA
    return decided(
        shown,
        holds=((signed > 0) & (corrected < bound)).all(),
        partly=((signed > 0) & certain).all(),
        fails=((signed < 0) & certain).any(),
        reason="a difference is not significant",
    )


def _tests(world: World, metric: str, pairs: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided p of paired t-tests over images or pairs, and the mean differences."""
    table = world.by_unit(metric, tuple(dict.fromkeys(slug for pair in pairs for slug in pair)))
    differences = [(table[first] - table[second]).to_numpy() for first, second in pairs]
    p = np.array([statistics.p_different(values) for values in differences])
    if np.isnan(p).any():
        raise Undecidable("too few images or pairs")
    return p, np.array([values.mean() for values in differences])


def _not_significant(world: World, metric: str, named: tuple[str, ...], others: tuple[str, ...]) -> Finding:
    if world.is_paper:
        raise Undecidable("no p is printed, and any p is possible")
    pairs = [(slug, others[0]) for slug in named]
    p, _ = _tests(world, metric, pairs)
    hits = np.array(named)[statistics.holm(p) <= statistics.ALPHA]
    shown = f"{len(hits)} of {len(named)} differ significantly" + (f": {listed(hits)}" if len(hits) else "")
    same = not len(hits) and (rules.compare(world, metric, named, others).sure == Lead.SAME).all()
    reason = "not significant, but not shown to be the same either"
    return decided(shown, holds=same, fails=len(hits), reason=reason)


def _reachable(world: World, pairs: Sequence[tuple[str, str]], metric: str, bound: float) -> Finding:
    """Whether the printed numbers allow every pair a corrected p below the bound, over three seeds and over units."""
    unit, n = ("images", PRINTED_IMAGES) if metric in IMAGE_METRICS else ("pairs", PRINTED_PAIRS)
    least = {
        what: max(_smallest_p(world, slug, other, metric, size) for slug, other in pairs)
        for what, size in (("seeds", PRINTED_SEEDS), (unit, n))
    }
    shown = f"smallest corrected p that {PRINTED_SEEDS} seeds allow: {least['seeds']:.2g}; "
    shown += f"that {n} {unit} allow: {least[unit]:.2g}"
    reached = [p < bound for p in least.values()]
    reason = "no p is printed, and the unit decides whether it is possible"
    return decided(shown, holds=all(reached), fails=not any(reached), reason=reason)


def _smallest_p(world: World, slug: str, other: str, metric: str, n: int) -> float:
    """The smallest corrected p of one model against another that the printed numbers allow over n values, with rounding
    in its favour."""
    assert world.half_units is not None, "only the paper's world has rounding"
    values, halves, sd = world.models, world.half_units, f"{metric}_sd"
    difference = abs(values.at[slug, metric] - values.at[other, metric])
    difference += halves.at[slug, metric] + halves.at[other, metric]
    slack = halves.at[slug, sd] + halves.at[other, sd]
    spread = max(abs(values.at[slug, sd] - values.at[other, sd]) - slack, 0.0)
    p = statistics.smallest_p(float(difference), float(spread), n)
    return min(1.0, statistics.COMPARISONS * p)


@kind("same-ranking", field=True)
def same_ranking(world: World, statement: Statement) -> Finding:
    """Two metrics rank all models identically (rows tied in either metric may have either order). Results: not if a
    pair of models certainly has one order in one metric and the opposite order in the other; "direction only" if
    Spearman's ρ is nevertheless at least 0.95."""
    x, y = (statement.text(name) for name in ("x", "y"))
    a, b = (world.rows(world.slugs, name) * measure(name).better for name in (x, y))
    rho = statistics.spearman(a, b).r
    if not np.isfinite(rho):
        raise Undecidable("no spread between models")
    dx, dy = (np.sign(np.subtract.outer(v.to_numpy(), v.to_numpy())) for v in (a, b))
    swapped = int((dx * dy < 0).sum()) // 2
    shown = f"{swapped} pairs of models change places, ρ = {rho:.3f}"
    if world.is_paper:
        return decided(shown, holds=swapped == 0)
    sure = [rules.compare(world, name, world.slugs, world.slugs) for name in (x, y)]
    if apart := ((sure[0].low > 0) & (sure[1].high < 0)).sum():
        return decided(f"{shown}; {apart} of them certainly", holds=False, partly=rho >= 0.95)
    reason = "none of the changes of place is certain"
    return decided(shown, holds=not swapped, fails=False, reason=reason)


@kind("residual", field=True)
def residual(world: World, statement: Statement) -> Finding:
    """Sign of the named models' residuals in the regression of SSIM on MSE over all models. Paper: by more than a
    unit of SSIM's last place. Results: by the interval of the residual and the margin of SSIM."""
    sign = {"positive": 1, "negative": -1}[statement.text("sign")]
    named = statement.slugs("models")
    world.rows(named, "ssim")

    def residuals(v: Values) -> np.ndarray:
        y, x = v.of("ssim"), v.of("mse")
        a, b = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
        left = b - a * ((a * b).sum(-1) / (a * a).sum(-1))[..., None]
        return np.asarray(sign * left[..., [v.slugs.index(slug) for slug in named]])

    points = residuals(world.values)
    shown = ", ".join(
        f"{LABELS[slug]} {sign * value:+.3f}" for slug, value in zip(named, points, strict=True)
    )
    if world.half_units is not None:
        return decided(shown, holds=(points > 2 * world.half_units["ssim"].max()).all())
    sure = rules.lead(residuals(world.draws), measure("ssim").absolute)
    return rules.by_leads(shown, sure, "the interval of a residual includes zero")


# --- families ---------------------------------------------------------------------------------------------


def family_values(
    statement: Statement, families: Mapping[str, tuple[str, ...]], metric: str, values: Values
) -> np.ndarray:
    """A metric's mean (or median) over each family, times ±1 so that larger is better: (…, families).

    Raises Undecidable if a family lacks a member, which might change the order."""
    reduce = np.median if statement.text("by", "mean") == "median" else np.mean
    found = [reduce(values.of(metric, slugs), axis=-1) for slugs in families.values()]
    return measure(metric).better * np.stack(found, axis=-1)


@kind("family-place", field=True)
def family_place(world: World, statement: Statement) -> Finding:
    """A family's place among the families of its grouping by mean (or median) of a metric; `place` counts from the
    best, −1 is the worst. Results: by its lead over each other family."""
    metric, (grouping, family) = statement.text("metric"), statement.text("family").split("/")
    families = world.families(grouping)
    points = family_values(statement, families, metric, world.values)
    names = list(families)
    if family not in names:
        raise Undecidable(f"collapsed: {listed(statement.slugs('family'))}")
    at = names.index(family)
    target = int(statement.text("place"))
    target = target if target > 0 else len(names) + 1 + target
    own = 1 + int((points > points[at]).sum())
    shown = f"place {own} of {len(names)} ({abs(points[at]):.4g})"
    if world.is_paper:
        return decided(shown, holds=own == target)
    drawn = family_values(statement, families, metric, world.draws)
    others = [i for i in range(len(names)) if i != at]
    margin = np.array([measure(metric).margin(abs(float(points[i]))) for i in others])
    outcome = rules.place(rules.lead(drawn[:, [at]] - drawn[:, others], margin), target)
    reason = "too close to other families" if outcome is Outcome.UNDECIDED else ""
    return Finding(outcome, shown, reason)


# --- SSIM against PIQ -------------------------------------------------------------------------------------


def pareto(values: Values) -> np.ndarray:
    """Which models no other beats in SSIM and PIQ at once: (…, models)."""
    return undominated(values.of("ssim"), values.of("piq"))


def combined(values: Values) -> np.ndarray:
    """Fig. 4's combined rank among all models, the sum of both places: (…, models)."""
    return places(values.of("ssim")) + places(-values.of("piq"))


def _require_points(world: World, slugs: tuple[str, ...]) -> None:
    for metric in ("ssim", "piq"):
        world.rows(slugs, metric)


@kind("pareto", field=True)
def pareto_members(world: World, statement: Statement) -> Finding:
    """The Pareto set of SSIM and PIQ consists of exactly the named models, or the named models are in it (`sense=in`)
    or not in it (`sense=out`). Results: by the share of resamples in which each model belongs to it; 97.5 % count as
    certain."""
    named, sense = statement.slugs("models"), statement.text("sense", "exactly")
    _require_points(world, named)
    return rules.membership(world, named, lambda v: pareto(v) != (sense == "out"), exactly=sense == "exactly")


@kind("best-of-combined", field=True)
def best_of_combined(world: World, statement: Statement) -> Finding:
    """The named models lead a list of candidates (or all models) by the combined rank of Fig. 4. A tie is no lead:
    each must be ahead of every other candidate. Results: by the share of resamples in which they are."""
    named = statement.slugs("models")
    candidates = world.select(statement, "among")
    _require_points(world, tuple(dict.fromkeys((*named, *candidates))))
    rivals = [world.slugs.index(slug) for slug in candidates if slug not in named]
    own = [world.slugs.index(slug) for slug in named]
    if not rivals:
        raise Undecidable("no other candidate")

    def leads(v: Values) -> np.ndarray:
        sums = combined(v)
        return np.asarray(sums[..., own].max(-1) < sums[..., rivals].min(-1))

    sums = combined(world.values)
    first = sums[[*own, *rivals]].min()
    top = [world.slugs[i] for i in (*own, *rivals) if sums[i] == first]
    shown = f"sum of both ranks among {len(world.slugs)}: first {listed(top)} with {first}"
    behind = {slug: sums[at] for slug, at in zip(named, own, strict=True) if slug not in top}
    shown += "".join(f"; {LABELS[slug]} has {rank}" for slug, rank in behind.items())
    return rules.certainly(world, shown, leads)


@kind("count", field=True, size=lambda statement: statement.text("set") == "bounds")
def count(world: World, statement: Statement) -> Finding:
    """A printed number of models: in the Pareto set, outside it, within bounds of a metric (which is a size), or
    finished at all. Results: reproduced if at least 97.5 % of resamples give that number, not if at most 2.5 % do."""
    of, printed, n = statement.text("set"), int(statement.number.value), len(world.slugs)
    if of == "rows":
        if world.is_paper:
            raise Undecidable("true by construction: the tables are read as 22 rows")
        # a collapsed model was trained and measured like the others
        trained = n + len(world.left_out)
        return decided(f"{trained} of {len(world.paper)}", holds=trained == printed)
    if of == "bounds":
        for column, _, _ in bounds(statement):
            world.column(column)

    def counted(v: Values) -> np.ndarray:
        inside = within(statement, v) if of == "bounds" else pareto(v)
        return np.asarray((inside if of != "dominated" else ~inside).sum(-1))

    shown = f"{int(counted(world.values))} of {n}"
    return rules.certainly(world, shown, lambda v: counted(v) == printed)


# --- Table III --------------------------------------------------------------------------------------------


@kind("recommendation", field=True)
def recommendation(world: World, statement: Statement) -> Finding:
    """A cell of Table III: `role=first` is the model put first, `recommended` and `avoid` are all listed models. Paper:
    the first must be first by the rule of its priority (SSIM for reconstruction, PIQ for interpolation, Fig. 4's
    combined rank for both); a recommended model must not be beaten in SSIM and PIQ at once; an avoided one must be
    worse than every recommended one in the metric of its priority, or, for both, be beaten by one in both metrics.
    Results: our Table III (see its rules) puts it first, has the same models first on its list of recommended ones, or
    avoids them; "direction only" if it is among our first three, or if at least half of them are there."""
    named, role = statement.slugs("models"), statement.text("role")
    row = table3().set_index("application").loc[statement.text("application")]
    priority = row["priority"]
    if priority not in PRIORITIES:
        raise Undecidable(f"{priority.lower()} is not measured")
    _require_points(world, named)
    if world.is_paper:
        if role == "first":
            return _first(world, named, priority)
        return (
            _recommendable(world, named)
            if role == "recommended"
            else _avoidable(world, named, row["recommended"], priority)
        )
    if priority != "Reconstruction":
        world.column("digit_frames")  # our rules need it
    ours = (avoided if role == "avoid" else recommended)(world.models, priority)
    shown = f"ours: {listed(ours[: 3 if role == 'first' else len(named)])}"
    if role == "first":
        return decided(shown, holds=bool(ours) and ours[0] in named, partly=set(named) & set(ours[:3]))
    if role == "avoid":
        shown = f"ours, worst first: {listed(ours)}"
    hits = len(set(named) & set(ours if role == "avoid" else ours[: len(named)]))
    return decided(shown, holds=hits == len(named), partly=hits >= len(named) / 2)


def _first(world: World, named: tuple[str, ...], priority: str) -> Finding:
    """Whether a first choice is first in the paper's tables, and whether the paper names only one for that
    priority."""
    table = table3()
    firsts = dict.fromkeys(rows[0] for rows in table.loc[table["priority"] == priority, "recommended"])
    if priority == "Balanced":
        merits = -combined(world.values)
    else:
        metric, _ = MERITS[priority]
        merits = world.values.of(metric) * measure(metric).better
    best = [slug for slug, merit in zip(world.slugs, merits, strict=True) if merit == merits.max()]
    shown = f"first by the tables: {listed(best)}"
    if len(firsts) > 1 and not set(named) <= set(best):
        shown += f"; the paper puts {len(firsts)} models first for one priority: {listed(firsts)}"
    return decided(shown, holds=set(named) <= set(best))


def _recommendable(world: World, named: tuple[str, ...]) -> Finding:
    """Whether the tables contradict recommending these models."""
    beaten = [
        f"{LABELS[slug]} is beaten in both by {listed(by[:4])}"
        for slug in named
        if (by := _beaten_by(world, slug, world.slugs))
    ]
    if beaten:
        return Finding(Outcome.FAILS, "; ".join(beaten))
    front = pareto(world.values)
    if not all(front[world.slugs.index(slug)] for slug in named):
        raise Undecidable("tied within rounding with a model that beats it")
    return Finding(Outcome.HOLDS, "none is beaten in both metrics")


def _avoidable(world: World, named: tuple[str, ...], instead: tuple[str, ...], priority: str) -> Finding:
    """Whether the tables support avoiding these models while others are recommended."""
    if priority in MERITS:
        return ordered_as_printed(world, MERITS[priority][0], instead, named)
    if wrong := [slug for slug in instead if _beaten_by(world, slug, named)]:
        return Finding(Outcome.FAILS, f"{listed(wrong)} would be beaten in both by an avoided model")
    if all(_beaten_by(world, slug, instead) for slug in named):
        return Finding(Outcome.HOLDS, "each is beaten in both metrics by a recommended model")
    raise Undecidable("neither list beats the other in both metrics")


def _beaten_by(world: World, slug: str, rivals: Iterable[str]) -> tuple[str, ...]:
    """The rivals that are at least as good in SSIM and PIQ, and better in one, however the numbers were rounded."""
    assert world.half_units is not None, "only the paper's world has rounding"
    points = world.models[["ssim", "piq"]].assign(piq=-world.models["piq"])
    halves = world.half_units[["ssim", "piq"]] * (1 - 1e-9)
    lead = points.loc[list(rivals)] - points.loc[slug]
    slack = halves.loc[list(rivals)] + halves.loc[slug]
    return tuple(lead.index[(lead >= slack).all(axis=1)])
