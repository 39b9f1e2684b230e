"""Claims of order: who is better than whom, who is best, which family leads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from reproduce.analysis import statistics
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World, decided
from reproduce.analysis.families import FAMILIES, family_means
from reproduce.analysis.headline import distinct
from reproduce.analysis.measures import measure, ranks
from reproduce.analysis.pareto import combined_rank, pareto_set
from reproduce.analysis.recommendations import PRIORITIES, avoided, recommended
from reproduce.analysis.regression import ssim_residuals
from reproduce.errors import ReproduceError
from reproduce.paper import table3


@kind("ordering")
def ordering(world: World, claim: Claim) -> Finding:
    """Every model of one list is better in a metric than every model of another ("others": than all the
    rest). A tie is no lead. Paper: by more than rounding (a tie within rounding is not checkable). Results:
    by more than the metric's margin; "same direction or rank only" if by less, but with that sign."""
    better, worse = (world.select(claim, name) for name in ("better", "worse"))
    return _ordered(world, claim.text("metric"), better, worse)


def _ordered(world: World, metric: str, leaders: tuple[str, ...], others: tuple[str, ...]) -> Finding:
    """Whether every leader is better than every other one, by the rule of `ordering`."""
    better, worse = (world.rows(slugs, metric) for slugs in (leaders, others))
    sign = measure(metric).better or +1  # of a metric without a good direction, "better" means higher
    low, high = (better * sign).min(), (worse * sign).max()
    lead = float(low - high)
    shown = f"{measure(metric).label} {abs(low):.4g} against {abs(high):.4g}"
    if world.half_units is not None:
        weakest, strongest = str((better * sign).idxmin()), str((worse * sign).idxmax())
        slack = float(world.half_units.at[weakest, metric] + world.half_units.at[strongest, metric])
        if abs(lead) <= slack * (1 - 1e-9):
            raise Untestable(f"tied within rounding: {shown}")
        return decided(shown, holds=lead > 0)
    return decided(shown, holds=lead > measure(metric).margin(float(abs(high))), partly=lead > 0)


@kind("above-mean", field=True)
def above_mean(world: World, claim: Claim) -> Finding:
    """Every named model lies above the mean of all models in a metric. Paper: by any amount. Results: by more
    than the metric's margin; "same direction or rank only" if by less."""
    metric = claim.text("metric")
    lowest = float(world.rows(claim.slugs("models"), metric).min())
    centre = float(world.column(metric).mean())
    margin = 0.0 if world.is_paper else measure(metric).margin(centre)
    lead, shown = lowest - centre, f"{lowest:.4g} against a mean of {centre:.4g}"
    return decided(shown, holds=lead > margin, partly=lead > 0)


@kind("best-of-combined", field=True)
def best_of_combined(world: World, claim: Claim) -> Finding:
    """The named models lead a list of candidates (or all models) by the combined rank of Fig. 4, the sum of
    both ranks among all models. A tie is no lead: each must stand before every other candidate. "Same
    direction or rank only": tied for the lead, or at most two places behind it among the candidates."""
    named = claim.slugs("models")
    # ranks taken among the candidates alone tie whatever is measured where the two metrics order them in reverse
    field = combined_rank(world.models)["combined"]
    sums = field[field.index.isin(world.select(claim, "among"))]
    if not set(named) <= set(sums.index):
        raise Untestable("a named model has no rank")
    rivals = sums.drop(list(named))
    if rivals.empty:
        raise Untestable("n too small: no other candidate")
    places = sums.rank(method="min")[list(named)].astype(int)
    shown = ", ".join(f"{slug} {place}" for slug, place in places.items())
    tied = [str(slug) for slug in rivals.index[rivals == sums[list(named)].max()]]
    shown += f"; tied with {', '.join(tied)}" if tied else ""
    return decided(shown, holds=sums[list(named)].max() < rivals.min(), partly=places.max() <= len(named) + 2)


@kind("same-ranking", field=True)
def same_ranking(world: World, claim: Claim) -> Finding:
    """Two metrics rank all models identically (rows tied in either metric may stand either way). "Same
    direction or rank only": Spearman's ρ of at least 0.95."""
    x, y = (world.column(claim.text(name)) * measure(claim.text(name)).better for name in ("x", "y"))
    rho = float(stats.spearmanr(x, y).statistic)
    if not np.isfinite(rho):
        raise Untestable("n too small")
    dx, dy = (np.sign(np.subtract.outer(v.to_numpy(), v.to_numpy())) for v in (x, y))
    swapped = int((dx * dy < 0).sum()) // 2
    shown = f"{swapped} pairs change places, ρ = {rho:.3f}"
    return decided(shown, holds=swapped == 0, partly=rho >= 0.95)


@kind("residual", field=True)
def residual(world: World, claim: Claim) -> Finding:
    """Sign of the named models' residuals in the regression of SSIM on MSE over all models. Holds if all have
    the claimed sign by more than a margin (paper: a unit of SSIM's last place; results: 0.01 SSIM); "same
    direction or rank only" if most have the sign."""
    sign = {"positive": 1, "negative": -1}[claim.text("sign")]
    left = ssim_residuals(world.models, ("mse",)).reindex(list(claim.slugs("models")))
    if left.isna().any():
        raise Untestable("a named model has no residual")
    shown = ", ".join(f"{slug} {value:+.3f}" for slug, value in left.items())
    margin = measure("ssim").absolute if world.half_units is None else 2 * world.half_units["ssim"].max()
    return decided(shown, holds=(left * sign > margin).all(), partly=(left * sign > 0).mean() > 0.5)


def _whole_families(
    world: World, metric: str, grouping: str, statistic: Literal["mean", "median"] = "mean"
) -> pd.Series:
    """A metric's mean over each family; raises Untestable if any misses a member, which might change the
    order."""
    world.column(metric)
    means = family_means(world.models, metric, grouping, statistic)
    if means.isna().any():
        raise Untestable(f"families with members left out: {', '.join(means.index[means.isna()])}")
    return means


@kind("family-place", field=True)
def family_place(world: World, claim: Claim) -> Finding:
    """A family's place among the families of its grouping by mean (or median) of a metric; `place` counts
    from the best, −1 is the worst. Not testable if any family misses a member. "Same direction or rank only":
    one place off."""
    metric, (grouping, family) = claim.text("metric"), claim.text("family").split("/")
    statistic: Literal["mean", "median"] = "median" if claim.text("by", "mean") == "median" else "mean"
    means = _whole_families(world, metric, grouping, statistic)
    places = ranks(means.to_frame(metric), metric)
    target = int(claim.text("place"))
    target = target if target > 0 else len(means) + 1 + target
    place = int(places[family])
    shown = f"place {place} of {len(means)} ({means[family]:.4g})"
    return decided(shown, holds=place == target, partly=abs(place - target) == 1)


@kind("inverted-families", field=True)
def inverted_families(world: World, claim: Claim) -> Finding:
    """The families' order by one metric is exactly the reverse of their order by another. Not testable if any
    family misses a member. "Same direction or rank only": the two orders are negatively related (Spearman's ρ
    < 0)."""
    grouping = claim.text("grouping")
    x, y = (
        _whole_families(world, metric, grouping) * measure(metric).better
        for metric in (claim.text("x"), claim.text("y"))
    )
    rho = statistics.spearman(x, y).r
    if not np.isfinite(rho):
        raise Untestable("no spread between families")
    shown = f"ρ = {rho:+.2f} over {len(x)} families"
    return decided(shown, holds=np.isclose(rho, -1), partly=rho < 0)


@kind("trade-off-in-families", field=True)
def trade_off_in_families(world: World, claim: Claim) -> Finding:
    """Two metrics rise together within each family of a grouping, not only between families. Holds if r > 0
    with p < 0.05 after Holm in every family of four or more; "same direction or rank only" if r > 0 in more
    than half of them. Not testable if such a family misses a member."""
    grouping, x, y = (claim.text(name) for name in ("grouping", "x", "y"))
    large = {family: slugs for family, slugs in FAMILIES[grouping].items() if len(slugs) >= 4}
    found = {}
    for family, slugs in large.items():
        rows = world.models.reindex(list(slugs))
        found[family] = statistics.pearson(rows[x], rows[y])
        if found[family].n < len(slugs):
            raise Untestable(f"families with members left out: {family}")
        if not np.isfinite(found[family].r):
            raise Untestable(f"no spread within {family}")
    p = statistics.holm(pd.Series({family: r.p for family, r in found.items()}))
    shown = ", ".join(f"{family} r = {r.r:.2f} (n = {r.n})" for family, r in found.items())
    positive = float(np.mean([r.r > 0 for r in found.values()]))
    return decided(shown, holds=positive == 1 and (p < statistics.ALPHA).all(), partly=positive > 0.5)


@kind("slowest", field=True)
def slowest(world: World, claim: Claim) -> Finding:
    """The named models have the largest values of a cost of all models; "same direction or rank only" if at
    least one of them is among as many."""
    metric, named = claim.text("metric"), claim.slugs("models")
    costs = world.column(metric).dropna().sort_values(ascending=False)
    if not set(named) <= set(costs.index):
        raise Untestable(f"no finite {metric} for a named model")
    top = set(costs.index[: len(named)])
    shown = "largest: " + ", ".join(costs.index[: len(named)])
    return decided(shown, holds=top == set(named), partly=bool(top & set(named)))


@kind("pareto-set", field=True)
def pareto_members(world: World, claim: Claim) -> Finding:
    """The Pareto set of SSIM and PIQ consists of exactly the named models. "Same direction or rank only": it
    contains at least half of them and at most as many others."""
    named = claim.slugs("models")
    _require_points(world, named)
    return _same_set(named, pareto_set(world.models))


def _require_points(world: World, slugs: tuple[str, ...]) -> None:
    """Raise Untestable unless the rows have both coordinates of the trade-off."""
    for metric in ("ssim", "piq"):
        world.rows(slugs, metric)


@kind("pareto-member", field=True)
def pareto_member(world: World, claim: Claim) -> Finding:
    """The named models are (or, with `side=out`, are not) in the Pareto set. "Same direction or rank only":
    most of them."""
    front = set(pareto_set(world.models))
    named = claim.slugs("models")
    _require_points(world, named)
    inside = [slug in front for slug in named]
    share = float(np.mean(inside)) if claim.text("side") == "in" else 1 - float(np.mean(inside))
    shown = f"{sum(inside)} of {len(inside)} in the Pareto set"
    return decided(shown, holds=share == 1, partly=share > 0.5)


@kind("members", field=True)
def threshold_members(world: World, claim: Claim) -> Finding:
    """The models beyond printed bounds of one or more metrics are exactly those named ("all": every row).
    "Same direction or rank only": at least half of them are, and at most as many others."""
    inside = within_bounds(world, claim)
    return _same_set(world.select(claim, "models"), tuple(inside.index[inside]))


@kind("inside")
def inside_bounds(world: World, claim: Claim) -> Finding:
    """Every named model lies within printed bounds of one or more metrics (others may too). "Same direction
    or rank only": more than half of them do."""
    named = world.select(claim, "models")
    inside = within_bounds(world, claim).reindex(list(named))
    if inside.isna().any():
        raise Untestable("a named model is left out")
    outside = [str(slug) for slug in inside.index[~inside.astype(bool)]]
    shown = f"{len(named) - len(outside)} of {len(named)}" + (
        f"; outside: {', '.join(outside)}" if outside else ""
    )
    return decided(shown, holds=not outside, partly=len(outside) < len(named) / 2)


@kind("count", field=True)
def count(world: World, claim: Claim) -> Finding:
    """A printed number of models: within bounds of a metric, in the Pareto set, outside it, finished at all,
    or with values (± included) that no other row repeats at printed precision. Exactly as many; "same
    direction or rank only" if one off, or a tenth of the number. Results: rows left out could count or not;
    the verdict stands if it is the same either way, else the claim is not testable. The last two sorts count
    all finished rows, and need 22 that were tried."""
    of, printed = claim.text("set"), int(claim.number.value)
    if counts_finished_rows(claim):
        found, possible, n = _finished(world, of)
    else:
        n, left_out = len(world.models), world.left_out
        front = len(pareto_set(world.models))
        fronts = range(1 if left_out else front, front + left_out + 1)
        found, possible = {
            "bounds": lambda: _between(int(within_bounds(world, claim).sum()), left_out),
            "pareto": lambda: (front, fronts),
            "dominated": lambda: (n - front, [n + left_out - size for size in fronts]),
        }[of]()
    shown = f"{found} of {n}"
    outcomes = {_as_many(value, printed) for value in possible}
    if len(outcomes) > 1:
        return Finding(Outcome.UNTESTABLE, shown, f"{world.left_out} rows left out could change it")
    return Finding(outcomes.pop(), shown)


def counts_finished_rows(claim: Claim) -> bool:
    """Whether a claim counts the finished rows of a campaign, sound or not."""
    return claim.kind == "count" and claim.text("set") in ("rows", "distinct")


def _between(found: int, more: int) -> tuple[int, Collection[int]]:
    return found, range(found, found + more + 1)


def _as_many(found: int, printed: int) -> Outcome:
    if found == printed:
        return Outcome.HOLDS
    return Outcome.PARTLY if abs(found - printed) <= max(1, printed / 10) else Outcome.FAILS


def _finished(world: World, of: str) -> tuple[int, Collection[int], int]:
    """How many rows are finished, or are finished and differ; and how many were tried."""
    if world.is_paper and of == "rows":
        raise Untestable("true by construction: the tables are read as 22 rows")
    tried = world.models if world.attempted is None else world.attempted
    if len(tried) < len(world.paper):
        raise Untestable(f"n too small: {len(tried)} of {len(world.paper)} models were run")
    finished = tried[np.isfinite(tried["ssim"])]
    if of == "distinct" and len(finished) < len(tried):
        raise Untestable(f"n too small: {len(finished)} of {len(tried)} models finished")
    found = len(finished if of == "rows" else distinct(finished))
    return found, [found], len(tried)


SIDES: dict[str, Callable[[pd.Series, float], pd.Series]] = {
    "_above": pd.Series.gt,
    "_below": pd.Series.lt,
    "_at_least": pd.Series.ge,
    "_at_most": pd.Series.le,
}
"""Suffix of an argument such as `ssim_at_least=$1` → the comparison it stands for."""


def within_bounds(world: World, claim: Claim) -> pd.Series:
    """Which rows lie within all bounds among the claim's arguments: True or False a row."""
    inside = pd.Series(True, index=world.models.index)
    bounds = 0
    for argument in claim.arguments:
        for suffix, compare in SIDES.items():
            if argument.endswith(suffix):
                bounds += 1
                inside &= compare(world.column(argument.removesuffix(suffix)), claim.value(argument))
    if not bounds:
        raise ReproduceError(f"claim {claim.id}: no bound such as ssim_above=0.88 among its arguments")
    return inside


@kind("recommendation", field=True)
def recommendation(world: World, claim: Claim) -> Finding:
    """A cell of Table III: `role=first` is the model put first, `recommended` and `avoid` are all listed.
    Paper: only what Tables I and II decide. A recommended model must not be beaten in SSIM and PIQ at once
    (which of the unbeaten comes first they cannot say); an avoided one must be worse than every recommended
    one in the metric that has priority, or, if none has, be beaten by one in both. Results: the stated rules
    derive as many models as are named, and the same; "same direction or rank only": half of them (none of them
    recommended, where they are to be avoided), or a first choice that is among the first three."""
    named, role = claim.slugs("models"), claim.text("role")
    row = table3().set_index("application").loc[claim.text("application")]
    if row["priority"] not in PRIORITIES:
        raise Untestable(f"{row['priority'].lower()} is not measured")
    if world.is_paper:
        if role == "avoid":
            return _avoidable(world, named, row["recommended"], row["priority"])
        return _recommendable(world, named, role)
    rule = avoided if role == "avoid" else recommended
    ours = rule(world.models, row["priority"], max(3, len(named)))
    shown = "rules give " + ", ".join(ours)
    if role == "first":
        near = any(slug in ours[:3] for slug in named)
        holds = bool(ours) and ours[0] in named
    else:
        hits = set(named) & set(ours[: len(named)])
        holds, near = len(hits) == len(named), len(hits) >= len(named) / 2
    if role == "avoid" and (liked := set(named) & set(recommended(world.models, row["priority"]))):
        shown += f"; recommended: {', '.join(sorted(liked))}"
        holds = near = False
    return decided(shown, holds=holds, partly=near)


def _recommendable(world: World, named: tuple[str, ...], role: str) -> Finding:
    """Whether the tables speak against recommending these models."""
    beaten = {slug: by for slug in named if (by := _beaten_by(world, slug, world.models.index))}
    if beaten:
        shown = "; ".join(f"{slug} is beaten in both by {', '.join(by)}" for slug, by in beaten.items())
        return Finding(Outcome.FAILS, shown)
    if role == "first":
        raise Untestable("not beaten; which of the unbeaten comes first, the tables cannot say")
    if not set(named) <= set(pareto_set(world.models)):
        raise Untestable("tied within rounding with a model that beats it")
    return Finding(Outcome.HOLDS, "none is beaten in both metrics")


def _avoidable(world: World, named: tuple[str, ...], instead: tuple[str, ...], priority: str) -> Finding:
    """Whether the tables speak for avoiding these models where others are recommended."""
    metric = {"Reconstruction": "ssim", "Interpolation": "piq"}.get(priority)
    if metric is not None:
        return _ordered(world, metric, instead, named)
    wrong = [slug for slug in instead if _beaten_by(world, slug, named)]
    if wrong:
        return Finding(Outcome.FAILS, f"{', '.join(wrong)} would be beaten in both by an avoided model")
    if all(_beaten_by(world, slug, instead) for slug in named):
        return Finding(Outcome.HOLDS, "each is beaten in both metrics by a recommended model")
    raise Untestable("neither list beats the other in both metrics")


def _beaten_by(world: World, slug: str, rivals: Iterable[str]) -> tuple[str, ...]:
    """The rivals that are at least as good in SSIM and PIQ however the numbers were rounded, and better in
    one."""
    assert world.half_units is not None, "only the paper's world has rounding"
    points = world.models[["ssim", "piq"]].assign(piq=-world.models["piq"])
    halves = world.half_units[["ssim", "piq"]] * (1 - 1e-9)
    lead = points.loc[list(rivals)] - points.loc[slug]
    slack = halves.loc[list(rivals)] + halves.loc[slug]
    return tuple(lead.index[(lead >= slack).all(axis=1)])


def _same_set(named: tuple[str, ...], found: tuple[str, ...]) -> Finding:
    extra, absent = [s for s in found if s not in named], [s for s in named if s not in found]
    shown = f"{len(found)}: {', '.join(found) if len(found) <= 8 else '…'}" if found else "none"
    if extra:
        shown += f"; not named: {', '.join(extra)}"
    if absent:
        shown += f"; missing: {', '.join(absent)}"
    half = len(absent) <= len(named) / 2 and len(extra) <= len(named)
    return decided(shown, holds=not extra and not absent, partly=half)
