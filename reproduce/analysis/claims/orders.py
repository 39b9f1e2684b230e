"""Claims of order: who is better than whom, who is best, which family leads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World
from reproduce.analysis.families import FAMILIES, family_means
from reproduce.analysis.headline import distinct
from reproduce.analysis.measures import measure, ranks
from reproduce.analysis.pareto import combined_rank, pareto_set
from reproduce.analysis.recommendations import PRIORITIES
from reproduce.analysis.regression import ssim_residuals
from reproduce.analysis.statistics import ALPHA, pearson
from reproduce.errors import ReproduceError


@kind("ordering")
def ordering(world: World, claim: Claim) -> Finding:
    """Every model of one list is better in a metric than every model of another. Paper: by more than rounding
    (a tie is not checkable). Results: by sign; "same direction or rank only" if some difference is smaller
    than the metric's margin."""
    metric = claim.text("metric")
    better, worse = (world.rows(claim.slugs(name), metric) for name in ("better", "worse"))
    sign = measure(metric).better or +1  # of a metric without a good direction, "better" means higher
    low, high = (better * sign).min(), (worse * sign).max()
    lead = float(low - high)
    shown = f"{abs(low):.4g} against {abs(high):.4g}"
    if world.half_units is not None:
        weakest, strongest = str((better * sign).idxmin()), str((worse * sign).idxmax())
        slack = float(world.half_units.at[weakest, metric] + world.half_units.at[strongest, metric])
        if abs(lead) <= slack * (1 - 1e-9):
            raise Untestable(f"tied within rounding: {shown}")
        return Finding(Outcome.HOLDS if lead > 0 else Outcome.FAILS, shown)
    if lead > measure(metric).margin(float(abs(high))):
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if lead > 0 else Outcome.FAILS, shown)


@kind("best-of-combined")
def best_of_combined(world: World, claim: Claim) -> Finding:
    """The named models lead a list of candidates (or all models) by the combined rank of Fig. 4, ties
    included. "Same direction or rank only": they are within the first three."""
    named = claim.slugs("models")
    rows = world.models.reindex(list(world.select(claim, "among")))
    table = combined_rank(rows)["combined"].rank(method="min")
    if not set(named) <= set(table.index):
        raise Untestable("a named model has no rank")
    places = table[list(named)].astype(int)
    shown = ", ".join(f"{slug} {place}" for slug, place in places.items())
    if places.max() <= len(named):
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if places.max() <= len(named) + 2 else Outcome.FAILS, shown)


@kind("same-ranking")
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
    if swapped == 0:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if rho >= 0.95 else Outcome.FAILS, shown)


@kind("residual")
def residual(world: World, claim: Claim) -> Finding:
    """Sign of the named models' residuals in the regression of SSIM on MSE over all models. Holds if all have
    the claimed sign; "same direction or rank only" if most have."""
    sign = {"positive": 1, "negative": -1}[claim.text("sign")]
    left = ssim_residuals(world.models, ("mse",)).reindex(list(claim.slugs("models")))
    if left.isna().any():
        raise Untestable("a named model has no residual")
    shown = ", ".join(f"{slug} {value:+.3f}" for slug, value in left.items())
    right = (left * sign > 0).mean()
    if right == 1:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if right > 0.5 else Outcome.FAILS, shown)


@kind("family-place")
def family_place(world: World, claim: Claim) -> Finding:
    """A family's place among the families of its grouping by mean of a metric; `place` counts from the best,
    −1 is the worst. "Same direction or rank only": one place off."""
    metric, (grouping, family) = claim.text("metric"), claim.text("family").split("/")
    world.column(metric)
    means = family_means(world.models, metric, grouping).dropna()
    if family not in means.index or len(means) < 3:
        raise Untestable("families are incomplete")
    places = ranks(means.to_frame(), metric)
    target = int(claim.text("place"))
    target = target if target > 0 else len(means) + 1 + target
    place = int(places[family])
    shown = f"place {place} of {len(means)} ({means[family]:.4g})"
    if place == target:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if abs(place - target) == 1 else Outcome.FAILS, shown)


@kind("inverted-families")
def inverted_families(world: World, claim: Claim) -> Finding:
    """The families' order by one metric is exactly the reverse of their order by another. "Same direction or
    rank only": the two orders are negatively related (Spearman's ρ < 0 of the places)."""
    grouping = claim.text("grouping")
    means = pd.DataFrame(
        {
            name: family_means(world.models, claim.text(name), grouping) * measure(claim.text(name)).better
            for name in "xy"
        }
    ).dropna()
    if len(means) < 4:
        raise Untestable(f"n too small: {len(means)} families")
    rho = float(stats.spearmanr(means["x"], means["y"]).statistic)
    shown = f"ρ = {rho:+.2f} over {len(means)} families"
    if rho == -1:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if rho < 0 else Outcome.FAILS, shown)


@kind("trade-off-in-families")
def trade_off_in_families(world: World, claim: Claim) -> Finding:
    """Two metrics rise together within each family of a grouping, not only between families. Holds if r > 0
    with p < 0.05 in every family of four or more; "same direction or rank only" if r > 0 in more than half of
    them."""
    grouping = claim.text("grouping")
    found = {}
    for family, slugs in FAMILIES[grouping].items():
        rows = world.models.reindex(list(slugs))
        r = pearson(rows[claim.text("x")], rows[claim.text("y")])
        if np.isfinite(r.r):
            found[family] = r
    if len(found) < 2:
        raise Untestable(f"n too small: {len(found)} families of four or more models")
    shown = ", ".join(f"{family} r = {r.r:.2f} (n = {r.n})" for family, r in found.items())
    if all(r.r > 0 and r.p < ALPHA for r in found.values()):
        return Finding(Outcome.HOLDS, shown)
    positive = float(np.mean([r.r > 0 for r in found.values()]))
    return Finding(Outcome.PARTLY if positive > 0.5 else Outcome.FAILS, shown)


@kind("slowest")
def slowest(world: World, claim: Claim) -> Finding:
    """The named models have the largest values of a cost of all models; "same direction or rank only" if at
    least one of them is among as many."""
    metric, named = claim.text("metric"), claim.slugs("models")
    costs = world.column(metric).dropna().sort_values(ascending=False)
    if not set(named) <= set(costs.index):
        raise Untestable(f"no finite {metric} for a named model")
    top = set(costs.index[: len(named)])
    shown = "largest: " + ", ".join(costs.index[: len(named)])
    if top == set(named):
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if top & set(named) else Outcome.FAILS, shown)


@kind("pareto-set")
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


@kind("pareto-member")
def pareto_member(world: World, claim: Claim) -> Finding:
    """The named models are (or, with `side=out`, are not) in the Pareto set. "Same direction or rank only":
    most of them."""
    front = set(pareto_set(world.models))
    named = claim.slugs("models")
    _require_points(world, named)
    inside = [slug in front for slug in named]
    share = float(np.mean(inside)) if claim.text("side") == "in" else 1 - float(np.mean(inside))
    shown = f"{sum(inside)} of {len(inside)} in the Pareto set"
    if share == 1:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if share > 0.5 else Outcome.FAILS, shown)


@kind("members")
def threshold_members(world: World, claim: Claim) -> Finding:
    """The models beyond printed bounds of one or more metrics are exactly those named ("all": every row).
    "Same direction or rank only": at least half of them are, and at most as many others."""
    inside = within_bounds(world, claim)
    return _same_set(world.select(claim, "models"), tuple(inside.index[inside]))


@kind("count")
def count(world: World, claim: Claim) -> Finding:
    """A printed number of models: beyond bounds of a metric, in the Pareto set, outside it, in a regime, or
    with values that no other row repeats (`of`). Exactly as many; "same direction or rank only" if one off,
    or a tenth of the number. Rows left out of a campaign are not counted."""
    of = claim.text("set")
    found = {
        "bounds": lambda: int(within_bounds(world, claim).sum()),
        "pareto": lambda: len(pareto_set(world.models)),
        "dominated": lambda: len(world.models) - len(pareto_set(world.models)),
        "distinct": lambda: len(distinct(world.models)),
        "rows": lambda: len(world.models),
    }[of]()
    printed = int(claim.number.value)
    shown = f"{found} of {len(world.models)}"
    if found == printed:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if abs(found - printed) <= max(1, printed / 10) else Outcome.FAILS, shown)


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


@kind("recommendation")
def recommendation(world: World, claim: Claim) -> Finding:
    """A cell of Table III. The named models are what the stated rules derive from the metrics: `role=first`
    is the one put first, `recommended` and `avoid` are all listed. "Same direction or rank only": the first
    is among the three recommended; some of the listed are."""
    row = world.recommendations.loc[claim.text("application")]
    if row["priority"] not in PRIORITIES:
        raise Untestable(f"{row['priority'].lower()} is not measured")
    named, role = claim.slugs("models"), claim.text("role")
    ours = tuple(row["avoid" if role == "avoid" else "recommended"])
    shown = "rules give " + ", ".join(ours)
    if role == "first":
        holds, partly = bool(ours) and ours[0] in named, any(slug in ours for slug in named)
    else:
        holds, partly = set(named) <= set(ours), any(slug in ours for slug in named)
    return Finding(Outcome.HOLDS if holds else Outcome.PARTLY if partly else Outcome.FAILS, shown)


def _same_set(named: tuple[str, ...], found: tuple[str, ...]) -> Finding:
    extra, absent = [s for s in found if s not in named], [s for s in named if s not in found]
    shown = f"{len(found)}: " + (", ".join(found) if len(found) <= 8 else "…")
    if extra:
        shown += f"; not named: {', '.join(extra)}"
    if absent:
        shown += f"; missing: {', '.join(absent)}"
    if not extra and not absent:
        return Finding(Outcome.HOLDS, shown)
    half = len(absent) <= len(named) / 2 and len(extra) <= len(named)
    return Finding(Outcome.PARTLY if half else Outcome.FAILS, shown)
