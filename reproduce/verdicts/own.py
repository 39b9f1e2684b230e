"""Statements with a predicate of their own: one function each, by section. In the registry their kind is `own`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from reproduce.analysis import failures, latent, statistics, summaries
from reproduce.analysis.headline import RECONSTRUCTION_OPTIMISED
from reproduce.analysis.measures import measure
from reproduce.analysis.pareto import REGIME_SIZE, places
from reproduce.architectures.names import LABELS
from reproduce.verdicts import registry, rules
from reproduce.verdicts.kinds import always, kind, own
from reproduce.verdicts.orders import PRINTED_SEEDS, family_values
from reproduce.verdicts.rules import Lead
from reproduce.verdicts.sizes import ZERO
from reproduce.verdicts.verdict import Finding, Outcome, Statement, Undecidable, decided
from reproduce.verdicts.world import DRAWS, Values, World, listed, resampled

# --- Abstract and I: the trade-off ------------------------------------------------------------------------


@own("Abstract.systematic", field=True)
def systematic(world: World, statement: Statement) -> Finding:
    """The trade-off is systematic: SSIM and PIQ rise together (r > 0, p < 0.05) also among the models that are not
    AE, WAE or VQ-VAE. "Direction only" if r is positive there."""
    rest = world.models.drop(index=list(RECONSTRUCTION_OPTIMISED), errors="ignore")
    found = statistics.pearson(rest["ssim"], rest["piq"])
    if not np.isfinite(found.r):
        raise Undecidable(f"r is undefined on {found.n} models")
    shown = f"without AE, WAE and VQ-VAE r = {found.r:.2f} [{found.low:.2f}, {found.high:.2f}], n = {found.n}"
    certain = found.p < statistics.ALPHA
    return decided(shown, holds=certain and found.r > 0, fails=world.is_paper or certain, reason=ZERO)


@own("V-F.three-metrics", field=True)
def duality_in_three_metrics(world: World, statement: Statement) -> Finding:
    """The duality shows in all three measures of smoothness: SSIM rises with PIQ, rises with ISS, and falls with
    I-SSIM, each with p < 0.05. Results: refuted if one correlation has the other sign with p < 0.05."""
    rougher = {"piq": 1, "iss": 1, "i_ssim": -1}
    found = {name: statistics.pearson(world.column("ssim"), world.column(name)) for name in rougher}
    if not all(np.isfinite(one.r) for one in found.values()):
        raise Undecidable("a correlation is undefined")
    shown = ", ".join(
        f"{measure(name).label} r = {one.r:+.2f} (p = {one.p:.2g})" for name, one in found.items()
    )
    certain = [one.p < statistics.ALPHA for one in found.values()]
    positive = [one.r * rougher[name] > 0 for name, one in found.items()]
    refuted = any(c and not p for c, p in zip(certain, positive, strict=True))
    reason = "the interval of one r includes zero"
    return decided(
        shown, holds=all(certain) and all(positive), fails=world.is_paper or refuted, reason=reason
    )


# --- III: run times ---------------------------------------------------------------------------------------

HARDWARE = "A40"
"""The GPU on which the paper's minutes were measured (III-H)."""
MINUTES_MARGIN = 0.10
"""Our minutes may be this share outside a printed range."""


@kind("run-time", size=always)
def run_time(world: World, statement: Statement) -> Finding:
    """Minutes of training on the paper's hardware. Paper: the range overlaps the one that the statement named by
    `there` prints for the same models. Results: judged only if the profile is `paper` and every run of the named
    models was trained on an A40: all must lie in the printed range, or at most a tenth outside. Otherwise the quantity
    does not exist; the order of the costs is a statement of its own."""
    low, high = (number.value for number in (statement.numbers[0], statement.numbers[-1]))
    if world.is_paper:
        there = [registry.row(identity) for identity in statement.text("there").split()]
        minutes = [number.value for other in there for number in other.numbers]
        first, last = min(minutes), max(minutes)
        shown = f"{there[0].section} has {first:g}{f' to {last:g}' * (last > first)} min"
        return decided(shown, holds=low <= last and first <= high)
    named = world.select(statement, "models")
    ours = world.rows(named, "training_seconds") / 60
    shown = f"{ours.min():.1f} to {ours.max():.1f} min here"
    if not _on_the_papers_hardware(world, named):
        return Finding(Outcome.UNDECIDED, shown, f"not the paper's protocol on an {HARDWARE}")
    inside = ours.min() >= low / (1 + MINUTES_MARGIN) and ours.max() <= high * (1 + MINUTES_MARGIN)
    return decided(shown, holds=inside)


def _on_the_papers_hardware(world: World, slugs: Sequence[str]) -> bool:
    """Whether the profile is the paper's, and all its runs of these models were trained on the paper's GPU."""
    records = world.campaign()
    if records.profile != "paper" or "hardware" not in records.runs:
        return False
    runs = records.runs[(records.runs["variant"] == "") & records.runs["architecture"].isin(slugs)]
    return bool(runs["hardware"].str.contains(HARDWARE, regex=False).all())


# --- IV: reconstruction -----------------------------------------------------------------------------------


@own("IV-C.aae-largest-spread", field=True)
def largest_spread(world: World, statement: Statement) -> Finding:
    """Adversarial-AE's SSIM varies most. Paper: its printed ± is the largest. Results: so is the SD of its seeds'
    means, which needs three seeds."""
    slug = "adversarial-ae"
    column = "ssim_sd" if world.is_paper else "ssim_seed_sd"
    if not world.is_paper and (seeds := int(world.rows((slug,), "n_seeds")[slug])) < PRINTED_SEEDS:
        raise Undecidable(f"{seeds} of {PRINTED_SEEDS} seeds")
    world.rows((slug,), column)
    spread = world.column(column)
    place = int(spread.rank(ascending=False, method="min")[slug])
    largest = str(spread.idxmax())
    shown = (
        f"{spread[slug]:.3g}, place {place} of {spread.count()}; largest {LABELS[largest]} {spread.max():.3g}"
    )
    return decided(shown, holds=place == 1)


@own("IV-D.rae-against-pca")
def rae_against_pca(world: World, statement: Statement) -> Finding:
    """Implied: an autoencoder with a code of 16 numbers reconstructs at least as well as PCA with 16 components, in
    SSIM, MSE and PSNR. Paper: the printed values of the two RAE against PCA's, measured here on MNIST. Results: by the
    interval of the lead."""
    if world.pca is None:
        raise Undecidable("needs MNIST: PCA with 16 components")
    named, shown, sure = ("rae-gp", "rae-l2"), [], []
    for metric in ("ssim", "mse", "psnr"):
        own, pca = measure(metric), world.pca[metric]
        points = world.rows(named, metric)
        shown.append(f"{own.label} {points['rae-gp']:.4g} and {points['rae-l2']:.4g}, PCA {pca:.4g}")
        drawn = world.values.of(metric, named)[None] if world.is_paper else world.draws.of(metric, named)
        sure.append(rules.lead(own.better * (drawn - pca), 0.0 if world.is_paper else own.margin(pca)))
    leads = np.concatenate(sure)
    certain, refuted = (leads != Lead.UNKNOWN).all(), (leads < Lead.SAME).any()
    reason = "an interval includes no difference"
    return decided("; ".join(shown), holds=certain and not refuted, fails=refuted, reason=reason)


@own("IV-F.sharper-than-mean", field=True)
def sharper_than_mean(world: World, statement: Statement) -> Finding:
    """VQ-VAE's and WAE's reconstructions are sharper than the mean of all models: by the interval of the lead."""
    named = ("vq-vae", "wae")
    world.rows(named, "sharpness")

    def lead(v: Values) -> np.ndarray:
        return np.asarray(v.of("sharpness", named) - v.of("sharpness").mean(axis=-1, keepdims=True))

    points, sure = lead(world.values), rules.lead(lead(world.draws), 0.0)
    shown = ", ".join(f"{LABELS[slug]} {value:+.3g}" for slug, value in zip(named, points, strict=True))
    certain, refuted = (sure == Lead.BETTER).all(), (sure < Lead.SAME).any()
    reason = "an interval includes zero"
    return decided(f"against the mean: {shown}", holds=certain, fails=refuted, reason=reason)


@own("IV-F.psnr-weaker", field=True)
def psnr_weaker(world: World, statement: Statement) -> Finding:
    """PSNR follows SSIM less closely than MSE does: |r| is smaller. Results: by the share of resamples."""

    def gap(v: Values) -> np.ndarray:
        of_mse, of_psnr = (np.abs(statistics.correlate(v.of(name), v.of("ssim"))) for name in ("mse", "psnr"))
        return np.asarray(of_mse - of_psnr)

    a, b = (abs(statistics.pearson(world.column(name), world.column("ssim")).r) for name in ("psnr", "mse"))
    if not np.isfinite([a, b]).all():
        raise Undecidable("a correlation is undefined")
    shown = f"|r| = {a:.3f} against {b:.3f}"
    return rules.certainly(world, shown, lambda v: gap(v) > 0)


@own("IV-F.psnr-spread", field=True, size=always)
def psnr_spread(world: World, statement: Statement) -> Finding:
    """PSNR differs by more than a printed amount among the models whose MSE lies below a printed bound."""
    bound = statement.numbers[1].value
    chosen = world.column("psnr")[world.column("mse") < bound].dropna()
    if len(chosen) < 2:
        raise Undecidable(f"{len(chosen)} models have an MSE below {bound:g}")
    width = float(chosen.max() - chosen.min())
    shown = f"{width:.3g} dB over {len(chosen)} models ({listed(chosen.index)})"
    return decided(shown, holds=width > statement.number.value)


@kind("hardest-digits")
def hardest_digits(world: World, statement: Statement) -> Finding:
    """Named models fail most on named digits. Results: averaged over the models, these digits have the largest MSE of
    the ten on the whole test set; "direction only" if at least half of them are among the same number of digits with
    the largest MSE. By the share of resamples, in which the models' sampling errors are fully correlated."""
    digits = [int(digit) for digit in statement.text("digits").split()]
    means, errors = (table.reindex(statement.slugs("models")) for table in _mse_by_digit(world))
    mean, error = means.mean().to_numpy(), errors.mean().to_numpy()
    if not np.isfinite([mean, error]).all():
        raise Undecidable("no errors by digit")
    drawn = mean + error * _noise((len(mean),))
    hits = np.isin(np.argsort(-drawn)[:, : len(digits)], digits).sum(axis=1)
    shown = "hardest: " + ", ".join(str(digit) for digit in np.argsort(-mean)[: len(digits)])
    return rules.by_share(shown, (hits == len(digits)).mean(), partly=float((hits >= len(digits) / 2).mean()))


def _mse_by_digit(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means and standard errors of this world's models."""
    means, errors = failures.mse_by_digit(world.campaign())
    present = means.index.isin(world.slugs)
    return means[present], errors[present]


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal, (DRAWS, *shape)."""
    return np.random.default_rng(0).standard_normal((DRAWS, *shape))


@own("IV-G.svae-uniform", field=True)
def svae_uniform(world: World, statement: Statement) -> Finding:
    """SVAE fails on all digits alike: the coefficient of variation of its MSE over the ten digits is the smallest
    of all models; "direction only" if below the median. By the share of resamples, in which the models' sampling errors
    are independent."""
    means, errors = (table.dropna() for table in _mse_by_digit(world))
    if "svae" not in means.index:
        raise Undecidable("no errors by digit")
    svae = means.index.get_loc("svae")

    def variation(by_digit: np.ndarray) -> np.ndarray:
        return np.asarray(by_digit.std(axis=-1, ddof=1) / by_digit.mean(axis=-1))

    points = variation(means.to_numpy())
    drawn = variation(means.to_numpy() + errors.to_numpy() * _noise(means.shape))
    own = drawn[:, [svae]]
    place = 1 + int((points < points[svae]).sum())
    shown = f"variation over digits {points[svae]:.2f}, place {place} of {len(points)} from the smallest"
    first, below = (own <= drawn).all(axis=1), own[:, 0] < np.median(drawn, axis=1)
    return rules.by_share(shown, first.mean(), partly=float(below.mean()))


@own("IV-G.vq-vae-digits")
def vq_vae_digits(world: World, statement: Statement) -> Finding:
    """VQ-VAE's reconstructions turn into another digit more often than the AE's, by the 5-NN label of test images: by
    the interval of the difference of two independent shares."""
    changed = failures.changed_share(world.campaign()).reindex(["vq-vae", "ae"])
    if changed.isna().any(axis=None):
        raise Undecidable("no classified reconstructions")
    (ours, theirs), errors = changed["share"], changed["error"].to_numpy()
    low, high = rules.interval((ours - theirs) + np.hypot(*errors) * _noise(()))
    shown = f"{ours:.1%} of test images against {theirs:.1%}, difference [{low:+.1%}, {high:+.1%}]"
    reason = "the interval of the difference includes zero"
    return decided(shown, holds=low > 0, fails=high <= 0, reason=reason)


@own("IV-G.aae-seeds")
def aae_seeds(world: World, statement: Statement) -> Finding:
    """Some Adversarial-AE runs are near perfect and others fail: SSIM of the seeds differs by 0.2 or more. Paper:
    three values with the printed mean and ± could reach the best printed SSIM. Results need three seeds."""
    slug = "adversarial-ae"
    if world.is_paper:
        mean, sd = (float(world.models.at[slug, name]) for name in ("ssim", "ssim_sd"))
        most = mean + 2 * sd / np.sqrt(3)  # two equal values and one different
        shown = f"three values with mean {mean:.3f} and SD {sd:.3f} cannot exceed {most:.3f}"
        return decided(shown, holds=most >= float(world.models["ssim"].max()))
    seeds = summaries.seed_means(world.campaign(), "ssim").reindex(world.models.index.union([slug]))
    if (count := int(seeds.loc[slug].count())) < PRINTED_SEEDS:
        raise Undecidable(f"{count} of {PRINTED_SEEDS} seeds")
    ranges = seeds.max(axis=1) - seeds.min(axis=1)
    widest = str(ranges.idxmax())
    shown = f"SSIM of the seeds differs by {ranges[slug]:.3g}; largest: {LABELS[widest]} {ranges.max():.3g}"
    return decided(shown, holds=ranges[slug] >= 0.2)


# --- V: interpolation -------------------------------------------------------------------------------------


@own("V-A.piq-more-sensitive", field=True)
def piq_more_sensitive(world: World, statement: Statement) -> Finding:
    """Models differ more in PIQ than in reconstruction: its gap, (highest − lowest) ÷ lowest, exceeds that of every
    metric of Table I."""
    gaps = {}
    for name in ("piq", "ssim", "mse", "psnr", "mae"):
        column = world.column(name).dropna()
        if not column.max() > column.min() > 0:
            raise Undecidable("no spread between models")
        gaps[name] = float(column.max() / column.min() - 1)
    shown = ", ".join(f"{measure(name).label} {gap:.0%}" for name, gap in gaps.items())
    return decided(shown, holds=gaps["piq"] > max(gap for name, gap in gaps.items() if name != "piq"))


@own("V-G.inverted", field=True)
def inverted_families(world: World, statement: Statement) -> Finding:
    """The families' order by PIQ is exactly the reverse of their order by SSIM. Results: not if two families
    certainly have the same order in both; "direction only" if the two orders are nevertheless negatively related."""
    families = world.families("V-G")

    def values(v: Values) -> list[np.ndarray]:
        return [family_values(statement, families, metric, v) for metric in ("ssim", "piq")]

    quality, smooth = values(world.values)
    rho = statistics.spearman(quality, smooth).r
    if not np.isfinite(rho):
        raise Undecidable("no spread between families")
    shown = f"ρ = {rho:+.2f} over {len(families)} families"
    if world.is_paper:
        return decided(shown, holds=np.isclose(rho, -1))
    low_a, low_b = (rules.interval(d[:, :, None] - d[:, None, :])[0] for d in values(world.draws))
    if ((low_a > 0) & (low_b > 0)).any():
        return decided(shown, holds=False, partly=rho < -0.5)
    reason = "no two families certainly break the order"
    return decided(shown, holds=np.isclose(rho, -1), fails=False, reason=reason)


class Word(NamedTuple):
    """How a word about latent spaces is interpreted: a statistic of codes and their digits, and which values fit the
    word."""

    name: str
    statistic: latent.Statistic
    fits: Callable[[float], bool]


STRUCTURE = 0.25
"""A smaller silhouette shows no substantial structure (Kaufman and Rousseeuw, 1990)."""
STRANGERS = 0.05
"""Digits overlap if at least this share of codes has a nearest neighbour of another digit."""
ORDER_MARGIN = 0.05
"""Silhouettes closer than this count as the same."""


WORDS: dict[str, Word] = {
    "clustered": Word("silhouette", latent.silhouette, lambda value: value >= STRUCTURE),
    "overlapping": Word(
        "nearest neighbours of the same digit",
        latent.neighbour_accuracy,
        lambda value: value <= 1 - STRANGERS,
    ),
    "fragmented": Word("clouds without connection", latent.islands, lambda value: value > 1),
    "continuous": Word("clouds without connection", latent.islands, lambda value: value == 1),
    "axis-aligned": Word(
        "p of an alignment with the axes", latent.alignment_p, lambda value: value <= statistics.ALPHA
    ),
}


@kind("latent")
def latent_word(world: World, statement: Statement) -> Finding:
    """A word about latent spaces, tested on the codes themselves and not on their picture by t-SNE. Results: codes are
    clustered if the silhouette by digit is at least 0.25; overlapping if at least one code in twenty has a nearest
    neighbour of another digit; fragmented if the graph of each code's five nearest others has several components of at
    least 1 % of the codes, and continuous if it has one; axis-aligned if the digits' means spread along the axes more
    than after random rotations, p ≤ 0.05 (worst seed, Holm over models), which compares codes of any dimension. The
    word must fit every named model in every seed; "direction only" if it fits in most cases. The evidence says how many
    of all models the word fits: a word that fits every model distinguishes none."""
    word, named = WORDS[statement.text("word")], statement.slugs("models")
    everyone = {slug: world.of_codes(word.statistic, slug) for slug in dict.fromkeys((*named, *world.slugs))}
    for slug in named:
        if not everyone[slug] or not np.isfinite(everyone[slug]).all():
            raise Undecidable(f"no codes of {LABELS[slug]}")
    values = {slug: everyone[slug] for slug in named}
    if statement.text("word") == "axis-aligned":
        adjusted = statistics.holm([max(p) for p in values.values()])
        values = {slug: [float(p)] for slug, p in zip(values, adjusted, strict=True)}
    fits = [word.fits(value) for found in values.values() for value in found]
    alike = sum(all(map(word.fits, everyone[slug])) for slug in world.slugs if everyone[slug])
    shown = f"{word.name} " + ", ".join(f"{LABELS[slug]} {_ends(found)}" for slug, found in values.items())
    shown += f"; the word fits {alike} of {len(world.slugs)} models"
    return decided(shown, holds=all(fits), partly=np.mean(fits) > 0.5)


@own("V-H.vq-vae-organised")
def vq_vae_organised(world: World, statement: Statement) -> Finding:
    """VQ-VAE's codes are better organised than the AE's. Results: by the interval of the lead in the silhouette by
    digit, image by image over the seeds that both have, with a margin of 0.05."""
    better, worse = (world.codes(slug) for slug in ("vq-vae", "ae"))
    if not (both := [seed for seed in better if seed in worse]):
        raise Undecidable("no seed that both have")
    own, other = (np.array([latent.silhouettes(*codes[seed]) for seed in both]) for codes in (better, worse))
    if not np.isfinite(own - other).all():
        raise Undecidable("codes that do not vary")
    drawn = resampled(own - other)
    low, high = rules.interval(drawn)
    shown = f"silhouette {own.mean():.3g} against {other.mean():.3g}, lead [{low:+.3g}, {high:+.3g}]"
    return rules.by_leads(shown, rules.lead(drawn, ORDER_MARGIN), "the interval of the lead includes zero")


def _ends(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


# --- VI: the trade-off ------------------------------------------------------------------------------------


@own("VI-A.within-families", field=True)
def within_families(world: World, statement: Statement) -> Finding:
    """SSIM and PIQ rise together also within each family of four or more. Holds if r > 0 with p < 0.05 after Holm in
    each. Results: not if r lies below zero in 97.5 % of resamples for one family; "direction only" if r > 0 in as many
    resamples for all."""
    large = {family: slugs for family, slugs in world.families("VI-A").items() if len(slugs) >= 4}
    if not large:
        raise Undecidable("no family of four models is left")
    found = {}
    for family, slugs in large.items():
        rows = pd.DataFrame({metric: world.rows(slugs, metric) for metric in ("ssim", "piq")})
        found[family] = statistics.pearson(rows["ssim"], rows["piq"])
        if not np.isfinite(found[family].r):
            raise Undecidable(f"no spread within {family}")
    p = statistics.holm([one.p for one in found.values()])
    shown = ", ".join(f"{family} r = {one.r:.2f} (n = {one.n})" for family, one in found.items())
    certain = all(one.r > 0 for one in found.values()) and bool((p < statistics.ALPHA).all())
    if world.is_paper or certain:
        return decided(shown, holds=certain)
    shares = [
        float((statistics.correlate(world.draws.of("ssim", slugs), world.draws.of("piq", slugs)) > 0).mean())
        for slugs in large.values()
    ]
    if min(shares) <= 1 - rules.SURE:
        return Finding(Outcome.FAILS, shown)
    if min(shares) >= rules.SURE:
        return Finding(Outcome.PARTLY, shown, "four or five models a family: r > 0, but not significant")
    return Finding(Outcome.UNDECIDED, shown, "the sign of r within a family is not certain")


@own("VI-D.distinct-regimes", field=True)
def distinct_regimes(world: World, statement: Statement) -> Finding:
    """The regimes are distinct: of the six models that reconstruct best and the six that interpolate most smoothly,
    none is both. Results: by the share of resamples."""

    def shared(v: Values) -> np.ndarray:
        best, smooth = (places(values) <= REGIME_SIZE for values in (v.of("ssim"), -v.of("piq")))
        return np.asarray(best & smooth)

    both = [slug for slug, twice in zip(world.slugs, shared(world.values), strict=True) if twice]
    shown = f"in both: {listed(both)}" if both else "no model is in both"
    return rules.certainly(world, shown, lambda v: np.logical_not(shared(v).any(axis=-1)))
