"""What would change the conclusion: r of SSIM and smoothness under every choice that could have been another.

A choice is a frame with the columns ssim and piq, whatever stands in them: other models, seeds, settings, profiles, or
another measure of either side. `table` puts the same statistics to each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import headline, readings, summaries
from reproduce.analysis.measures import measure, usable
from reproduce.architectures.registry import PYTHAE_VARIANT
from reproduce.names import ALL_METRICS, SLUGS
from reproduce.records import Records

SUBSETS = tuple(name for name in headline.SUBSETS if name not in ("all models", "with collapsed rows"))
WINDOWS = {
    "uniform 11×11": ("ssim_uniform11", "piq"),
    "uniform 7×7": ("ssim_uniform7", "piq"),
}
WHOLE = {
    "the whole test set, all pairs": ("test_ssim", "test_piq"),
    "the whole test set, mean codes": ("test_ssim_mean_code", "test_piq"),
}
SMOOTHNESS = {"PIQ over its floor": "piq_over_floor", "SD/mean of steps": "uniformity"}
AS_REPORTED, PRINTED = "as reported", "the paper's tables"
QUESTIONS = (
    "Result", "Collapse", "Convergence", "Seed", "Likelihood", "Reading", "SSIM window", "Images and codes", "Protocol",
    "Measure of smoothness", "Models",
)  # fmt: skip
"""All questions that `choices` may put, in its order."""


@dataclass(frozen=True)
class Choice:
    """One way in which the question could have been put. `models` has the columns ssim and piq."""

    question: str
    answer: str
    models: pd.DataFrame


def choices(records: Records, others: Mapping[str, Records] | None = None) -> Iterator[Choice]:
    """Every alternative that the records can answer, by question. The first is what the report states."""
    everything = summaries.summarise(records)
    sound = usable(everything)
    yield Choice("Result", AS_REPORTED, sound)
    if len(everything) > len(sound):
        yield Choice("Collapse", "with collapsed models", everything)
    converged = sound[sound["converged"].astype(bool)]
    if len(converged) < len(sound):
        yield Choice("Convergence", "converged models alone", converged)
    seeds = summaries.seeds(records)
    for seed in seeds if len(seeds) > 1 else ():
        one = usable(summaries.summarise(summaries.only_seeds(records, [seed])))
        yield Choice("Seed", f"seed {seed} alone", one)
    for collapsed in (True, False):
        yield from _likelihoods(records, collapsed)
    exchanged = readings.exchanged(records)
    if len(summaries.seeds(records, PYTHAE_VARIANT)):
        yield Choice("Reading", "Pythae's classes where they differ", usable(exchanged))
    windows = readings.path_means(records.images, ("ssim_uniform11", "ssim_uniform7"))
    if len(windows):
        sound = sound.join(windows.xs("sampled", level="path"))
        yield from (_measured("SSIM window", answer, sound, *names) for answer, names in WINDOWS.items())
    yield from (_measured("Images and codes", answer, sound, *names) for answer, names in WHOLE.items())
    for name, other in (others or {}).items():
        yield Choice("Protocol", f"profile {name}", usable(summaries.summarise(other)))
    yield Choice("Protocol", PRINTED, paper.models())
    for answer, name in SMOOTHNESS.items():
        yield _measured("Measure of smoothness", answer, sound, "ssim", name)
    subsets = {name: headline.SUBSETS[name](everything) for name in SUBSETS}
    yield from (Choice("Models", name, rows) for name, rows in subsets.items() if len(rows) < len(sound))


def _likelihoods(records: Records, collapsed: bool) -> Iterator[Choice]:
    """The same architectures under both likelihoods, with and without those that collapsed under either."""
    found = readings.two_likelihoods(records, collapsed=collapsed)
    if not np.isfinite(found.gaussian.r) or (not collapsed and not found.collapsed):
        return  # too few models, or the same once more
    suffix = f", {len(found.slugs)} models" + (
        " (collapsed ones too)" if collapsed and found.collapsed else ""
    )
    for words, variant in (("Gaussian", ""), ("binary cross-entropy", readings.BERNOULLI)):
        models = summaries.summarise(records, variant).loc[list(found.slugs)]
        yield Choice("Likelihood", words + suffix, models)


def _measured(question: str, answer: str, models: pd.DataFrame, quality: str, smoothness: str) -> Choice:
    return Choice(
        question, answer, pd.DataFrame({"ssim": models[quality], "piq": models[smoothness]}, dtype=float)
    )


def table(records: Records, others: Mapping[str, Records] | None = None) -> pd.DataFrame:
    """One row a choice: question, answer, and the statistics of `headline.association`."""
    rows = [
        {"question": choice.question, "answer": choice.answer, **headline.association(choice.models, "piq")}
        for choice in choices(records, others)
    ]
    return pd.DataFrame(rows)


def within_margins(models: pd.DataFrame, factor: float = 1.0) -> tuple[int, int]:
    """How many printed means of the given models ours meet within so many margins, and how many there are."""
    printed = paper.models().reindex([slug for slug in SLUGS if slug in models.index])
    hits = [
        (models.loc[printed.index, name] - printed[name]).abs()
        <= factor * np.array([measure(name).margin(value) for value in printed[name]])
        for name in ALL_METRICS
    ]
    return int(sum(hit.sum() for hit in hits)), len(printed) * len(ALL_METRICS)
