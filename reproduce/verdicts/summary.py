"""The overviews of the verdicts: the ten claims, the tally, and the errata for the author."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from reproduce.analysis import summaries
from reproduce.analysis.measures import measure
from reproduce.architectures.names import IMAGE_METRICS
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS
from reproduce.paper import models as paper_models
from reproduce.paper.tables import read
from reproduce.storage.records import Records
from reproduce.verdicts.rules import INTERVAL
from reproduce.verdicts.verdict import IN_RESULTS, Outcome, Verdict
from reproduce.verdicts.world import PRINTED_IMAGES, PRINTED_PAIRS

# --- ten claims -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ten:
    """One of the ten claims: its number, a plain sentence, and the verdicts on its statement by profile."""

    number: int
    claim: str
    verdicts: Mapping[str, Verdict]

    @property
    def any(self) -> Verdict:
        """The verdict of any profile, for the properties that do not depend on the profile."""
        return next(iter(self.verdicts.values()))


@cache
def ten_statements() -> tuple[tuple[int, str, str], ...]:
    """Number, statement and sentence of the ten claims."""
    return tuple((int(row.number), row.statement, row.claim) for row in read("ten.csv").itertuples())


def ten(judged: Mapping[str, Iterable[Verdict]]) -> tuple[Ten, ...]:
    """The ten claims with their verdicts by profile. Raises ReproduceError for a statement that does not exist."""
    found: dict[str, dict[str, Verdict]] = {statement: {} for _, statement, _ in ten_statements()}
    for profile, verdicts in judged.items():
        known = {name: verdict for verdict in verdicts for name in verdict.statement.ids}
        for statement, by_profile in found.items():
            if statement not in known:
                raise ReproduceError(
                    f"ten.csv names the statement '{statement}', which {profile} does not judge"
                )
            by_profile[profile] = known[statement]
    return tuple(Ten(number, claim, found[statement]) for number, statement, claim in ten_statements())


# --- ten epochs and a hundred ------------------------------------------------------------------------------


class Lengths(NamedTuple):
    """Names of statements that `notebook` (ten epochs) and `paper` (a hundred) both decide.

    short: those that hold, at least in direction, after ten epochs but not after a hundred. long: the reverse.
    """

    decided: int
    short: tuple[str, ...]
    long: tuple[str, ...]


def by_length(judged: Mapping[str, Sequence[Verdict]]) -> Lengths | None:
    """The statements whose verdict depends on the length of training; None if both profiles decide none."""
    hold: dict[str, dict[str, bool]] = {"notebook": {}, "paper": {}}
    for name, known in hold.items():
        for verdict in judged.get(name, ()):
            if verdict.about == "results" and verdict.verdict in DECIDED:
                known[verdict.statement.id] = DECIDED[verdict.verdict]
    short, long = hold["notebook"], hold["paper"]
    both = [statement for statement in short if statement in long]
    if not both:
        return None
    return Lengths(
        len(both),
        tuple(one for one in both if short[one] and not long[one]),
        tuple(one for one in both if long[one] and not short[one]),
    )


DECIDED = {
    IN_RESULTS[Outcome.HOLDS]: True,
    IN_RESULTS[Outcome.PARTLY]: True,
    IN_RESULTS[Outcome.FAILS]: False,
}
"""Verdict → whether the statement holds, at least in direction."""


# --- the tally --------------------------------------------------------------------------------------------


def tally(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """How many statements about results have each verdict. Rows: "cells" (of Tables I and II) and "statements";
    columns: the words in results. Statements about the paper's text are not counted."""
    about = [verdict for verdict in verdicts if verdict.about == "results" and verdict.verdict]
    frame = pd.DataFrame(
        [("cells" if one.statement.kind == "table-cell" else "statements", one.verdict) for one in about],
        columns=["what", "verdict"],
    )
    table = pd.crosstab(frame["what"], frame["verdict"])
    words = list(IN_RESULTS.values())
    return table.reindex(index=["statements", "cells"], columns=words, fill_value=0).rename_axis(None)


def counts(verdicts: Iterable[Verdict]) -> dict[str, dict[str, int]]:
    """The tally in JSON's types: for "statements" and "cells", each verdict → how many."""
    return {str(what): row.to_dict() for what, row in tally(verdicts).iterrows()}


REPETITIONS = 400


def common_share(records: Records, metric: str) -> float:
    """The share of a row's sampling variance that all rows of a campaign have in common, since they are measured on
    the same images or pairs: the mean correlation of two models' values over these. Rows that do not vary are left
    out; 0 if fewer than two rows are left."""
    measured = summaries.measurements(records, metric)
    table = measured.pivot_table(index="unit", columns="architecture", values="value")
    found = table.loc[:, table.std() > 0].corr().to_numpy()
    above = found[np.triu_indices(len(found), 1)]
    return float(np.clip(above.mean(), 0, 1)) if above.size else 0.0


def perfect_repetition(common: Mapping[str, float]) -> pd.DataFrame:
    """What a perfect repetition of the paper would get on the cells of Tables I and II: two campaigns with the same
    true means and spreads, each measured on its own 100 images and 25 pairs, which all rows of a campaign share.

    common: metric → `common_share`. It affects the spread of the tally over repetitions, not its mean. Rows: the words
    "reproduced", "undecided", "not reproduced"; columns: low, mean, high (95 % of the repetitions).
    """
    models = paper_models()
    rng = np.random.default_rng(0)
    counts = np.zeros((REPETITIONS, 3), dtype=int)

    def noise(error: np.ndarray, share: float) -> np.ndarray:
        together, apart = (rng.standard_normal((REPETITIONS, n)) for n in (1, len(error)))
        return np.asarray(error * (np.sqrt(share) * together + np.sqrt(1 - share) * apart))

    for metric in dict.fromkeys(cell.metric for cell in CELLS if cell.part == "sd"):
        n, share = PRINTED_IMAGES if metric in IMAGE_METRICS else PRINTED_PAIRS, common[metric]
        # the sample variances of two normal variables with correlation ρ have the correlation ρ²
        sd = models[f"{metric}_sd"].to_numpy(dtype=float)
        for column, error, shared in (
            (metric, sd * np.sqrt(2 / n), share),
            (f"{metric}_sd", sd / np.sqrt(n - 1), share**2),
        ):
            margin = np.array([measure(column).margin(float(value)) for value in models[column]])
            counts += _outcomes(noise(error, shared), error * NORMAL, margin)
    low, high = np.quantile(counts, INTERVAL, axis=0)
    words = [IN_RESULTS[outcome] for outcome in (Outcome.HOLDS, Outcome.UNDECIDED, Outcome.FAILS)]
    return pd.DataFrame({"low": low, "mean": counts.mean(axis=0), "high": high}, index=words)


NORMAL = 1.96


def _outcomes(difference: np.ndarray, half: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """(repetitions, 3): how many cells are reproduced, undecided, not reproduced."""
    size = np.abs(difference)
    inside, outside = size + half <= margin, size - half > margin
    return np.stack([inside.sum(1), (~inside & ~outside).sum(1), outside.sum(1)], axis=1)


# --- errata -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Erratum:
    """One cause of inconsistencies within the paper, with the verdicts that it explains."""

    cause: str
    follows: str
    correction: str
    verdicts: tuple[Verdict, ...]


def errata(verdicts: Sequence[Verdict]) -> tuple[Erratum, ...]:
    """The statements that are inconsistent within the paper, grouped by cause; each is in the first that it
    matches."""
    causes = list(read("errata.csv").itertuples())
    groups: dict[str, list[Verdict]] = {row.cause: [] for row in causes}
    for verdict in verdicts:
        if verdict.within_paper == "inconsistent":
            cause = next(row.cause for row in causes if _matches(verdict, row.matches))
            groups[cause].append(verdict)
    return tuple(
        Erratum(row.cause, row.follows, row.correction, tuple(groups[row.cause]))
        for row in causes
        if groups[row.cause]
    )


def _matches(verdict: Verdict, patterns: str) -> bool:
    """Whether a verdict's statement, or its kind ("kind:cell"), matches one of the patterns."""
    names = (verdict.statement.id, f"kind:{verdict.statement.kind}")
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns.split())
