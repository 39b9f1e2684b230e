"""Claims of sameness and of significance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reproduce.analysis import statistics, summaries
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World, decided
from reproduce.analysis.measures import measure
from reproduce.analysis.statistics import p_different, p_same, paired
from reproduce.names import IMAGE_METRICS

PRINTED_SEEDS, PRINTED_IMAGES, PRINTED_PAIRS = 3, 100, 25
"""Section III-G: three independent measurements a metric; Sections III-E and III-F: images and pairs measured."""


def _holm(p: Sequence[float]) -> pd.Series:
    """Holm's adjusted p values of one claim's comparisons; raises Untestable if one has none."""
    adjusted = statistics.holm(pd.Series(p, dtype=float))
    if adjusted.isna().any():
        raise Untestable("n too small")
    return adjusted


@kind("alike")
def alike(world: World, claim: Claim) -> Finding:
    """Named models have the same value of every named metric as the first. Paper: equal as printed, ±
    included, or within the metric's margin where the paper only calls them alike (`sense=similar`). Results:
    two one-sided tests (TOST, paired over the paper's images or pairs) place every difference within the
    metric's margin, p ≤ 0.05 after Holm; "same direction or rank only" if all differences lie within the
    margin but a test does not say so; "not reproduced" only if one lies beyond it and is significant, p ≤ 0.05
    after Holm, else a difference beyond it is not testable."""
    first, *others = world.select(claim, "models")
    metrics = claim.text("metric").split()
    if world.is_paper:
        similar = claim.text("sense", "identical") == "similar"
        return _alike_as_printed(world, (first, *others), metrics, similar)
    for name in metrics:
        world.rows((first, *others), name)
    if not set(metrics) <= set(summaries.BY_UNIT):  # one number a model: nothing to test, only the margin
        off = {name: _relative_gap(world, (first, *others), name) for name in metrics}
        shown = ", ".join(f"{measure(name).label} differs by {gap:.1%}" for name, gap in off.items())
        same = all(gap <= measure(name).relative for name, gap in off.items())
        return decided(shown, holds=same)
    return _same(
        [
            (
                paired(world.campaign(), [slug], [first], name),
                measure(name).margin(float(world.models.at[first, name])),
            )
            for name in metrics
            for slug in others
        ]
    )


def _alike_as_printed(world: World, slugs: Sequence[str], metrics: Sequence[str], similar: bool) -> Finding:
    columns = list(metrics)
    if not similar:
        columns += [f"{name}_sd" for name in metrics if f"{name}_sd" in world.models and name != "mae"]
    values = {name: world.rows(tuple(slugs), name) for name in columns}
    gaps = {name: float((rows - rows.iloc[0]).abs().max()) for name, rows in values.items()}
    allowed = {
        name: measure(name).margin(float(values[name].iloc[0])) if similar else 0.0 for name in columns
    }
    shown = ", ".join(f"{name} differs by {gap:.3g}" for name, gap in gaps.items() if gap or name in metrics)
    return decided(shown, holds=all(gaps[n] <= allowed[n] for n in columns))


def _same(comparisons: Sequence[tuple[np.ndarray, float]], *, one_sided: bool = False) -> Finding:
    """A claim of sameness (one_sided: of no gain) by the rule of `statistics.sameness`."""
    found = statistics.sameness(comparisons, one_sided=one_sided)
    if found["p_holm"].isna().any():
        raise Untestable("n too small")
    size = found["difference"] if one_sided else found["difference"].abs()
    widest = found.loc[(size / found["margin"]).idxmax()]
    what, test = ("gain", "p") if one_sided else ("difference", "TOST p")
    shown = f"largest {what} {widest['difference']:+.3g}, margin {widest['margin']:.2g}"
    shown += f", {test} = {found['p_holm'].max():.2g}"
    if found["different"].any():
        return Finding(Outcome.FAILS, shown)
    if found["beyond"].any():
        return Finding(Outcome.UNTESTABLE, shown, "n too small to tell")
    return decided(shown, holds=found["same"].all(), partly=True)


@kind("families-alike")
def families_alike(world: World, claim: Claim) -> Finding:
    """Two families have the same mean of a metric. Paper: within the metric's margin. Results: TOST of the
    families' means over the paper's images or pairs, p ≤ 0.05; "same direction or rank only" if only the
    difference lies within the margin; "not reproduced" only if it lies beyond and is significant, else not
    testable."""
    metric, first, second = claim.text("metric"), claim.slugs("of"), claim.slugs("to")
    of, to = (float(world.rows(slugs, metric).mean()) for slugs in (first, second))
    margin = measure(metric).margin(to)
    if world.is_paper:
        same = abs(of - to) <= margin
        return decided(f"{of:.4g} against {to:.4g}, margin {margin:.2g}", holds=same)
    return _same([(paired(world.campaign(), first, second, metric), margin)])


@kind("no-gain")
def no_gain(world: World, claim: Claim) -> Finding:
    """Named models do not improve substantially on another (being as good, or worse, is no gain). Paper: none
    is better by more than the metric's margin. Results: one-sided paired tests over the paper's images or
    pairs place every gain below the margin, p ≤ 0.05 after Holm; "same direction or rank only" if every gain
    is below it but a test does not say so; "not reproduced" only if one lies beyond it and is significant,
    p ≤ 0.05 after Holm, else a gain beyond it is not testable."""
    metric, named = claim.text("metric"), claim.slugs("models")
    (other,) = claim.slugs("to")
    baseline = float(world.rows((other,), metric)[other])
    gains = (world.rows(named, metric) - baseline) * measure(metric).better
    margin = measure(metric).margin(baseline)
    if world.is_paper:
        largest = gains.idxmax()
        shown = f"largest gain {gains[largest]:+.3g} ({largest}), margin {margin:.2g}"
        return decided(shown, holds=gains[largest] <= margin)
    found = (paired(world.campaign(), [slug], [other], metric) * measure(metric).better for slug in named)
    return _same([(differences, margin) for differences in found], one_sided=True)


def _relative_gap(world: World, slugs: tuple[str, ...], name: str) -> float:
    values = world.rows(slugs, name)
    return float(np.ptp(values) / values.min())


@kind("significant")
def significant(world: World, claim: Claim) -> Finding:
    """Named models differ from those of `to` in a claimed direction, with a printed bound on the corrected p.
    Paper: a paired t-test with the printed means and ±, whatever the unprinted correlation, must be able to
    reach the bound, both if the ± and the test are over three seeds, as printed, and if they are over images or
    pairs; not checkable where only one of the two is. Results: over the paper's images or pairs, 22·p (the
    paper's correction, stricter than Holm's over the claim's own comparisons) below the bound with that sign,
    for every model; "same direction or rank only" if every difference has the sign."""
    metric, named, others = claim.text("metric"), claim.slugs("models"), claim.slugs("to")
    sign = (1 if claim.text("sense") == "better" else -1) * measure(metric).better
    bound = claim.value("bound") if "bound" in claim.arguments else claim.number.value
    values = world.rows((*named, *others), metric)
    pairs = [(slug, other) for slug in named for other in others]
    if world.is_paper:
        signed = all((values[slug] - values[other]) * sign > 0 for slug, other in pairs)
        if not signed:
            return Finding(Outcome.FAILS, "the order is another")
        return _reachable(world, pairs, metric, bound)
    found = [paired(world.campaign(), [slug], [other], metric) for slug, other in pairs]
    corrected = pd.Series([p_different(differences) * statistics.COMPARISONS for differences in found]).clip(
        upper=1
    )
    if corrected.isna().any():
        raise Untestable("n too small")
    signed = all(differences.mean() * sign > 0 for differences in found)
    shown = f"largest corrected p = {corrected.max():.2g}, n = {min(map(len, found))}"
    return decided(shown, holds=signed and (corrected < bound).all(), partly=signed)


def _reachable(world: World, pairs: Sequence[tuple[str, str]], metric: str, bound: float) -> Finding:
    """Whether the printed numbers allow every pair a corrected p below the bound, over three seeds and over units."""
    unit, n = ("images", PRINTED_IMAGES) if metric in IMAGE_METRICS else ("pairs", PRINTED_PAIRS)
    least = {
        what: {f"{slug}/{other}": _smallest_p(world, slug, other, metric, size) for slug, other in pairs}
        for what, size in (("seeds", PRINTED_SEEDS), (unit, n))
    }
    reached = {what: max(found.values()) < bound for what, found in least.items()}
    shown = f"smallest corrected p that {PRINTED_SEEDS} seeds allow: "
    shown += ", ".join(f"{slug} {p:.2g}" for slug, p in least["seeds"].items())
    shown += f"; that {n} {unit} allow: at most {max(least[unit].values()):.2g}"
    if all(reached.values()):
        return Finding(Outcome.HOLDS, shown)
    if any(reached.values()):
        return Finding(
            Outcome.UNTESTABLE, shown, "no p is printed, and the unit decides whether it is possible"
        )
    return Finding(Outcome.FAILS, shown)


def _smallest_p(world: World, slug: str, other: str, metric: str, n: int) -> float:
    """The least corrected p of a model against another that the printed numbers allow over n values, with rounding in
    its favour."""
    assert world.half_units is not None, "only the paper's world has rounding"
    values, halves, sd = world.models, world.half_units, f"{metric}_sd"
    difference = abs(values.at[slug, metric] - values.at[other, metric])
    difference += halves.at[slug, metric] + halves.at[other, metric]
    slack = halves.at[slug, sd] + halves.at[other, sd]
    spread = max(abs(values.at[slug, sd] - values.at[other, sd]) - slack, 0.0)
    p = statistics.smallest_p(float(difference), float(spread), n)
    return min(1.0, statistics.COMPARISONS * p)


@kind("not-significant")
def not_significant(world: World, claim: Claim) -> Finding:
    """Named models do not differ from another. Paper: not checkable (no p is printed, and any p is possible).
    Results: over the paper's images or pairs none differs significantly (p ≤ 0.05 after Holm), and, since
    that alone may only mean that too little was measured, TOST places every difference within the metric's
    margin (p ≤ 0.05 after Holm); "same direction or rank only" if one of the two holds."""
    metric, named = claim.text("metric"), claim.slugs("models")
    if world.is_paper:
        raise Untestable("no p is printed, and any p is possible")
    (other,) = claim.slugs("to")
    margin = measure(metric).margin(float(world.rows((*named, other), metric)[other]))
    found = [paired(world.campaign(), [slug], [other], metric) for slug in named]
    p = _holm([p_different(differences) for differences in found])
    hits = [slug for slug, value in zip(named, p, strict=True) if value <= statistics.ALPHA]
    same = _holm([p_same(differences, margin) for differences in found])
    shown = f"{len(hits)} of {len(named)} differ" + (f": {', '.join(hits)}" if hits else "")
    shown += f"; TOST p = {same.max():.2g}"
    proven = (same <= statistics.ALPHA).all()
    return decided(shown, holds=not hits and proven, partly=proven or not hits)


@kind("largest-spread", field=True)
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
    return decided(shown, holds=place == 1, partly=place <= 3)


@kind("seed-range", field=True)
def seed_range(world: World, claim: Claim) -> Finding:
    """A model's best and worst seed differ by at least a stated amount of a metric. "Same direction or rank
    only": the difference is at least that of any other model. Needs three seeds."""
    metric, (slug,) = claim.text("metric"), claim.slugs("architecture")
    seeds = summaries.seed_means(world.campaign(), metric).reindex(world.models.index.union([slug]))
    if (count := int(seeds.loc[slug].count())) < PRINTED_SEEDS:
        raise Untestable(f"n too small: {count} seeds")
    ranges = seeds.max(axis=1) - seeds.min(axis=1)
    shown = f"{ranges[slug]:.3g}; largest {ranges.idxmax()} {ranges.max():.3g}"
    return decided(shown, holds=ranges[slug] >= claim.value("at_least"), partly=ranges[slug] >= ranges.max())


@kind("spread-over-seeds", field=True)
def spread_over_seeds(world: World, claim: Claim) -> Finding:
    """The printed ± of the named metrics is a standard deviation over three runs. Paper: decided for MSE
    alone. The mean of −10·log₁₀ of an error exceeds −10·log₁₀ of its mean by about 10/(2·ln 10) times the
    square of its relative spread over whatever was averaged; if the printed ± already explains half of that
    excess in the median row, it is the spread over images. Results: the printed ± must be nearer to our SD of
    the seeds' means than to our SD over images (pairs), by the median ratio over rows, for every metric;
    "same direction or rank only" for most."""
    metrics = claim.text("metric").split()
    if world.is_paper:
        if "mse" not in metrics:
            raise Untestable("the tables do not contain the spread over seeds")
        share = _explained_excess(world)
        shown = f"the ± of MSE explains {share:.0%} of PSNR's excess: it runs over images"
        return decided(shown, holds=share < 0.5)
    if world.models.empty or (seeds := int(world.column("n_seeds").min())) < PRINTED_SEEDS:
        raise Untestable("n too small: no models" if world.models.empty else f"n too small: {seeds} seeds")
    ratios = {
        name: tuple(_median_ratio(world, name, spread) for spread in ("seed_sd", "sd")) for name in metrics
    }
    shown = "printed ± over ours (seeds, images): " + ", ".join(
        f"{name} {over_seeds:.2g}, {over_images:.2g}" for name, (over_seeds, over_images) in ratios.items()
    )
    nearer = [abs(np.log(a)) < abs(np.log(b)) for a, b in ratios.values()]
    return decided(shown, holds=all(nearer), partly=np.mean(nearer) > 0.5)


def _explained_excess(world: World) -> float:
    """Median share of mean PSNR's excess over that of the mean MSE which the relative ± of MSE explains."""
    mse, sd, psnr = (world.column(name) for name in ("mse", "mse_sd", "psnr"))
    return float((10 / np.log(10) / 2 * (sd / mse) ** 2 / (psnr + 10 * np.log10(mse))).median())


def _median_ratio(world: World, metric: str, spread: str) -> float:
    """Median over rows of the printed ± divided by a spread of ours; raises Untestable where ours is zero."""
    ratio = (
        (world.paper[f"{metric}_sd"] / world.column(f"{metric}_{spread}")).replace(np.inf, np.nan).dropna()
    )
    if ratio.empty:
        raise Untestable(f"{metric} does not vary")
    return float(ratio.median())
