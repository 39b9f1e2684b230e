"""Claims about what the paper describes in words only: failure cases (IV-G) and latent spaces (V-H)."""

from __future__ import annotations

import pandas as pd

from reproduce.analysis import failures
from reproduce.analysis.claims.kinds import kind
from reproduce.analysis.claims.model import Claim, Finding, Outcome, Untestable, World


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
    if hits == digits:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if len(hits) >= len(digits) / 2 else Outcome.FAILS, shown)


@kind("uniform-over-digits")
def uniform_over_digits(world: World, claim: Claim) -> Finding:
    """A model fails alike on all digits. Results: the coefficient of variation of its MSE over the ten digits
    is the smallest of all models; "same direction or rank only" if below the median."""
    (slug,) = claim.slugs("architecture")
    errors = failures.error_by_digit(world.campaign(), "mse")
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
    return Finding(Outcome.HOLDS if changed[slug] > changed[to] else Outcome.FAILS, shown)


def _lowest(values: pd.Series, slug: str) -> Finding:
    values = values.dropna()
    if slug not in values.index or len(values) < 3:
        raise Untestable("n too small")
    shown = f"{values[slug]:.3g}, place {int(values.rank()[slug])} of {len(values)} from the smallest"
    if values[slug] <= values.min():
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if values[slug] < values.median() else Outcome.FAILS, shown)


LATENT_SENSES: dict[str, tuple[str, int]] = {
    "clustered": ("silhouette", +1),
    "fragmented": ("silhouette", +1),
    "continuous": ("silhouette", -1),
    "overlapping": ("neighbour_accuracy", -1),
    "axis-aligned": ("axis_alignment", +1),
}
"""Word → the statistic of the codes that it is read as, and the side of the median on which it lies.
"Fragmented" and "clustered" both say that codes of one digit lie apart from the others, "continuous" says the
opposite."""


@kind("latent")
def latent_word(world: World, claim: Claim) -> Finding:
    """A word about latent spaces. Results: the statistic that stands for the word (silhouette by digit,
    accuracy of the nearest neighbour, axis alignment; computed on the codes, of which t-SNE only makes a
    picture) lies on the claimed side of the median of all models, for every named model; "same direction or
    rank only" for most of them."""
    statistic, side = LATENT_SENSES[claim.text("word")]
    table = world.codes
    named = table[statistic].reindex(list(claim.slugs("models")))
    if named.isna().any() or table[statistic].count() < 3:
        raise Untestable("no codes")
    centre = table[statistic].median()
    right = float(((named - centre) * side > 0).mean())
    shown = f"{statistic} " + ", ".join(f"{s} {v:.3f}" for s, v in named.items()) + f"; median {centre:.3f}"
    if right == 1:
        return Finding(Outcome.HOLDS, shown)
    return Finding(Outcome.PARTLY if right > 0.5 else Outcome.FAILS, shown)
