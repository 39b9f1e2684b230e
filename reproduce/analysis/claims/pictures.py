"""Claims about what the paper describes in words only: failure cases (IV-G) and latent spaces (V-H)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reproduce.analysis import failures, latent, statistics
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Untestable, World, decided


@kind("hardest-digits")
def hardest_digits(world: World, claim: Claim) -> Finding:
    """Named models fail most on named digits. Results: averaged over the models, these digits have the
    largest MSE of the ten on the whole test set; "same direction or rank only" if at least half of them are
    among as many."""
    digits = {int(digit) for digit in claim.text("digits").split()}
    errors = failures.error_by_digit(world.campaign(), "mse")
    named = list(claim.slugs("models"))
    if not set(named) <= set(errors.index):
        raise Untestable("no errors by digit")
    worst = errors.loc[named].mean().sort_values(ascending=False).index[: len(digits)]
    hits = digits & set(worst)
    shown = "hardest: " + ", ".join(str(digit) for digit in worst)
    return decided(shown, holds=hits == digits, partly=len(hits) >= len(digits) / 2)


@kind("uniform-over-digits", field=True)
def uniform_over_digits(world: World, claim: Claim) -> Finding:
    """A model fails alike on all digits. Results: the coefficient of variation of its MSE over the ten digits
    is the smallest of all sound models; "same direction or rank only" if below the median."""
    (slug,) = claim.slugs("architecture")
    errors = failures.error_by_digit(world.campaign(), "mse")
    errors = errors[errors.index.isin(world.models.index)]
    return _lowest(errors.std(axis=1, ddof=1) / errors.mean(axis=1), slug)


@kind("changed-digits")
def changed_digits(world: World, claim: Claim) -> Finding:
    """A model's reconstructions turn into another digit more often than the baseline's. Results: by the share
    of test images whose 5-NN label changes; "same direction or rank only" does not apply."""
    (slug,), (to,) = claim.slugs("architecture"), claim.slugs("to")
    changed = failures.changed_share(world.campaign())
    if not {slug, to} <= set(changed.dropna().index):
        raise Untestable("no classified reconstructions")
    shown = f"{changed[slug]:.1%} against {changed[to]:.1%}"
    return decided(shown, holds=changed[slug] > changed[to])


def _lowest(values: pd.Series, slug: str) -> Finding:
    values = values.dropna()
    if slug not in values.index or len(values) < 3:
        raise Untestable("n too small")
    shown = f"{values[slug]:.3g}, place {int(values.rank()[slug])} of {len(values)} from the smallest"
    return decided(shown, holds=values[slug] <= values.min(), partly=values[slug] < values.median())


@dataclass(frozen=True)
class Word:
    """How a word about latent spaces is read: a statistic of codes and their digits, and when it bears the word out."""

    name: str
    statistic: Callable[[np.ndarray, np.ndarray], float]
    fits: Callable[[float], bool]


STRUCTURE = 0.25
"""A smaller silhouette is no substantial structure (Kaufman and Rousseeuw, 1990)."""
STRANGERS = 0.05
"""Digits overlap where at least this share of codes has a nearest neighbour of another digit."""
ORDER_MARGIN = 0.05
"""Silhouettes closer than this count as the same."""
WORDS: dict[str, Word] = {
    "clustered": Word("silhouette", latent.silhouette, lambda value: value >= STRUCTURE),
    "overlapping": Word(
        "neighbour accuracy", latent.neighbour_accuracy, lambda value: value <= 1 - STRANGERS
    ),
    "fragmented": Word(
        "islands", lambda points, _: latent.islands(points) or np.nan, lambda value: value > 1
    ),
    "continuous": Word(
        "islands", lambda points, _: latent.islands(points) or np.nan, lambda value: value == 1
    ),
    "axis-aligned": Word("alignment p", latent.alignment_p, lambda value: value <= statistics.ALPHA),
}


@kind("latent")
def latent_word(world: World, claim: Claim) -> Finding:
    """A word about latent spaces, of the codes themselves, of which t-SNE only makes a picture. Results:
    clustered, the silhouette by digit is at least 0.25; overlapping, at least one code in twenty has a
    nearest neighbour of another digit; fragmented or continuous, the graph of each code's five nearest others
    has several, or one, component of at least 1 % of the codes; axis-aligned, the digits' means spread along
    the axes more than after random rotations, p ≤ 0.05 (worst seed, Holm over models), which compares codes
    of any dimension. Every named model in every seed; "same direction or rank only" for most of them."""
    word = WORDS[claim.text("word")]
    values = {slug: list(_over_seeds(world, slug, word.statistic)) for slug in claim.slugs("models")}
    if word.name == "alignment p":
        adjusted = statistics.holm(pd.Series({slug: max(p) for slug, p in values.items()}))
        values = {str(slug): [p] for slug, p in adjusted.items()}
    fits = [word.fits(value) for found in values.values() for value in found]
    shown = f"{word.name} " + ", ".join(f"{slug} {_ends(found)}" for slug, found in values.items())
    return decided(shown, holds=all(fits), partly=np.mean(fits) > 0.5)


@kind("latent-order")
def latent_order(world: World, claim: Claim) -> Finding:
    """One model's codes are better organised than another's. Results: seed by seed, over the seeds that both
    have, the silhouette by digit is larger by at least 0.05 in each; "same direction or rank only" if it is
    larger on average."""
    better, worse = (
        _over_seeds(world, claim.slugs(name)[0], latent.silhouette) for name in ("better", "worse")
    )
    both = better.index.intersection(worse.index)
    if both.empty:
        raise Untestable("no seed that both have")
    lead = better[both] - worse[both]
    shown = f"silhouette {_ends(better[both])} against {_ends(worse[both])}, lead {_ends(lead)}"
    return decided(shown, holds=(lead >= ORDER_MARGIN).all(), partly=lead.mean() > 0)


def _over_seeds(world: World, slug: str, statistic: Callable[[np.ndarray, np.ndarray], float]) -> pd.Series:
    """A statistic of a model's codes, index seed; raises Untestable where there are none, or they do not vary."""
    codes = latent.codes_by_seed(world.campaign(), slug)
    values = pd.Series({seed: statistic(*found) for seed, found in codes.items()}, dtype=float)
    if values.empty or not np.isfinite(values).all():
        raise Untestable(f"no codes of {slug}")
    return values


def _ends(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"
