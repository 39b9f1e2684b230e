"""Claims of sameness and of significance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reproduce.analysis import statistics, summaries
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World
from reproduce.analysis.measures import measure
from reproduce.names import BASELINE, SLUGS

PRINTED_SEEDS = 3
"""Section III-G: three independent measurements a metric."""


@kind("alike")
def alike(world: World, claim: Claim) -> Finding:
    """Named models have the same value of every named metric. Paper: equal as printed, or within the metric's
    margin where the paper only calls them alike (`sense=similar`). Results: two one-sided tests (TOST, paired
    over the paper's images or pairs) against the first place every difference within the metric's margin, p ≤
    0.05 after Holm; "same direction or rank only" if all differences lie within the margin but a test does
    not say so."""
    first, *others = world.select(claim, "models")
    metrics = claim.text("metric").split()
    if world.is_paper:
        gaps = {name: float(np.ptp(world.rows((first, *others), name))) for name in metrics}
        shown = ", ".join(f"{name} differs by {gap:.3g}" for name, gap in gaps.items())
        similar = claim.text("sense", "identical") == "similar"
        allowed = {
            n: measure(n).margin(float(world.models.at[first, n])) if similar else 0.0 for n in metrics
        }
        return Finding(Outcome.HOLDS if all(gaps[n] <= allowed[n] for n in metrics) else Outcome.FAILS, shown)
    for name in metrics:
        world.rows((first, *others), name)
    if not set(metrics) <= set(summaries.METRICS):  # one number a model: nothing to test, only the margin
        off = {name: _relative_gap(world, (first, *others), name) for name in metrics}
        shown = ", ".join(f"{name} differs by {gap:.1%}" for name, gap in off.items())
        same = all(gap <= measure(name).relative for name, gap in off.items())
        return Finding(Outcome.HOLDS if same else Outcome.FAILS, shown)
    found = [
        statistics.equivalence(
            world.campaign(), slug, first, name, measure(name).margin(float(world.models.at[first, name]))
        )
        for name in metrics
        for slug in others
    ]
    p = statistics.holm(pd.Series([test.p for test in found]))
    if p.isna().any():
        raise Untestable("n too small")
    inside = all(abs(test.difference) <= test.margin for test in found)
    widest = max(found, key=lambda test: abs(test.difference) / test.margin)
    shown = f"largest difference {widest.difference:+.3g}, margin {widest.margin:.2g}, TOST p = {p.max():.2g}"
    if inside and (p <= statistics.ALPHA).all():
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if inside else Outcome.FAILS, shown)


def _relative_gap(world: World, slugs: tuple[str, ...], name: str) -> float:
    values = world.rows(slugs, name)
    return float(np.ptp(values) / values.min())


@kind("significant")
def significant(world: World, claim: Claim) -> Finding:
    """Named models differ from the VAE in a claimed direction, with a printed bound on the corrected p.
    Paper: the bound must be reachable at all by a paired t-test on three seeds with the printed means and ±,
    whatever the unprinted correlation. Results: over the paper's images, 22·p below the bound with that sign,
    for every model; "same direction or rank only" if every difference has the sign."""
    metric, named = claim.text("metric"), claim.slugs("models")
    sign = (1 if claim.text("sense") == "better" else -1) * measure(metric).better
    bound = claim.number.value
    world.rows((*named, BASELINE), metric)
    if world.is_paper:
        least = _smallest_p(world, named, metric, len(SLUGS))
        signed = (
            (world.models.loc[list(named), metric] - world.models.at[BASELINE, metric]) * sign > 0
        ).all()
        shown = "smallest corrected p that 3 seeds allow: " + ", ".join(
            f"{s} {p:.2g}" for s, p in least.items()
        )
        return Finding(Outcome.HOLDS if signed and (least < bound).all() else Outcome.FAILS, shown)
    tests = statistics.against_baseline(world.campaign(), metric, "images").reindex(list(named))
    if tests["p"].isna().any():
        raise Untestable("n too small")
    corrected = (tests["p"] * len(SLUGS)).clip(upper=1)
    signed = (tests["difference"] * sign > 0).all()
    shown = f"largest corrected p = {corrected.max():.2g}, n = {int(tests['n'].min())} images"
    if signed and (corrected < bound).all():
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if signed else Outcome.FAILS, shown)


def _smallest_p(world: World, named: tuple[str, ...], metric: str, comparisons: int) -> pd.Series:
    """The least corrected p of each model that the printed numbers, with rounding in its favour, allow."""
    assert world.half_units is not None, "only the paper's world has rounding"
    values, halves = world.models, world.half_units
    sd, base_sd = f"{metric}_sd", values.at[BASELINE, f"{metric}_sd"]
    found = {}
    for slug in named:
        difference = abs(values.at[slug, metric] - values.at[BASELINE, metric])
        difference += halves.at[slug, metric] + halves.at[BASELINE, metric]
        slack = halves.at[slug, sd] + halves.at[BASELINE, sd]
        spread = max(abs(values.at[slug, sd] - base_sd) - slack, 0.0)
        p = statistics.smallest_p(float(difference), float(spread), 0.0, 0.0, PRINTED_SEEDS)
        found[slug] = min(1.0, comparisons * p)
    return pd.Series(found)


@kind("not-significant")
def not_significant(world: World, claim: Claim) -> Finding:
    """Named models do not differ significantly from the VAE. Paper: not checkable (no p is printed, and any p
    is possible). Results: none has p < 0.05/22 over the paper's images; "same direction or rank only" if at
    most a third have."""
    metric, named = claim.text("metric"), claim.slugs("models")
    tests = statistics.against_baseline(world.campaign(), metric, "images").reindex(list(named))
    if tests["p"].isna().any():
        raise Untestable("n too small")
    hits = list(tests.index[tests["significant"]])
    shown = f"{len(hits)} of {len(named)} differ" + (f": {', '.join(hits)}" if hits else "")
    if not hits:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if len(hits) <= len(named) / 3 else Outcome.FAILS, shown)


@kind("largest-spread")
def largest_spread(world: World, claim: Claim) -> Finding:
    """A model's results vary most. Paper: its printed ± is the largest. Results: so is the SD of its seeds'
    means, which needs three seeds; "same direction or rank only" if among the three largest."""
    metric, (slug,) = claim.text("metric"), claim.slugs("architecture")
    column = f"{metric}_sd" if world.is_paper else f"{metric}_seed_sd"
    if not world.is_paper and (seeds := int(world.rows((slug,), "n_seeds")[slug])) < PRINTED_SEEDS:
        raise Untestable(f"n too small: {seeds} seeds")
    world.rows((slug,), column)
    spread = world.column(column)
    place = int(spread.rank(ascending=False, method="min")[slug])
    shown = (
        f"{spread[slug]:.4g}, place {place} of {spread.count()}; largest {spread.idxmax()} {spread.max():.4g}"
    )
    if place == 1:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if place <= 3 else Outcome.FAILS, shown)


@kind("seed-range")
def seed_range(world: World, claim: Claim) -> Finding:
    """A model's best and worst seed differ by at least a stated amount of a metric. "Same direction or rank
    only": the difference is at least that of any other model. Needs three seeds."""
    metric, (slug,) = claim.text("metric"), claim.slugs("architecture")
    seeds = summaries.seed_means(world.campaign(), metric).reindex(world.models.index.union([slug]))
    if (count := int(seeds.loc[slug].count())) < PRINTED_SEEDS:
        raise Untestable(f"n too small: {count} seeds")
    ranges = seeds.max(axis=1) - seeds.min(axis=1)
    shown = f"{ranges[slug]:.3g}; largest {ranges.idxmax()} {ranges.max():.3g}"
    if ranges[slug] >= claim.value("at_least"):
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if ranges[slug] >= ranges.max() else Outcome.FAILS, shown)
