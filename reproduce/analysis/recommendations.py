"""Table III derived from results, by these rules.

1. Collapsed and failed rows are neither recommended nor listed under "avoid". For the priorities interpolation and
   balanced, only models are recommended whose frames in the middle of a path look like digits
   (`summaries.digit_frames`).
2. Filter first: the third of the models that is best in the metric that has priority (SSIM for reconstruction, PIQ for
   interpolation) is recommended, in the order of the other metric. A model that is best in both respects comes first.
3. For the priority balanced, the models that no other beats in SSIM and PIQ are recommended, in the order of Fig. 4's
   combined rank.
4. To be avoided is the third that is worst in the metric that has priority; for the priority balanced, the third that
   is worst by combined rank.
5. Disentanglement is not judged: neither the paper nor this project measures it.

Two metrics cannot distinguish applications of the same priority, so they share one list. Where the paper gives
them different ones, no measurement supports the difference.
"""

from __future__ import annotations

import math

import pandas as pd

from reproduce import paper
from reproduce.analysis.measures import measure, usable
from reproduce.analysis.pareto import combined_rank, pareto_set

SHARE = 1 / 3
"""The share of the models that counts as the best, and as the worst, in a metric."""
MERITS: dict[str, tuple[str, str]] = {"Reconstruction": ("ssim", "piq"), "Interpolation": ("piq", "ssim")}
"""Priority → the metric that filters, and the one that orders."""
PRIORITIES: tuple[str, ...] = (*MERITS, "Balanced")
"""The priorities that the metrics can judge."""
LOOK_LIKE_DIGITS = 0.5
"""At least this share of the middle frames must look like digits (rule 1)."""


def third(rows: pd.DataFrame) -> int:
    """How many of these models are the best, or the worst, third."""
    return math.ceil(len(rows) * SHARE)


def _best_first(rows: pd.DataFrame, metric: str) -> pd.Index:
    return (rows[metric] * measure(metric).better).sort_values(ascending=False, kind="stable").index


def recommended(models: pd.DataFrame, priority: str) -> tuple[str, ...]:
    """The recommended slugs by rules 1 to 3, best first."""
    rows = usable(models)
    if priority == "Balanced":
        order = combined_rank(rows).index
        order = order[order.isin(pareto_set(rows))]
    else:
        filtering, ordering = MERITS[priority]
        order = _best_first(rows.loc[_best_first(rows, filtering)[: third(rows)]], ordering)
    if priority != "Reconstruction" and "digit_frames" in rows:
        order = order[~(rows.loc[order, "digit_frames"] < LOOK_LIKE_DIGITS)]
    return tuple(str(slug) for slug in order)


def avoided(models: pd.DataFrame, priority: str) -> tuple[str, ...]:
    """The slugs to avoid by rule 4, worst first, without any that are recommended."""
    rows = usable(models)
    order = combined_rank(rows).index if priority == "Balanced" else _best_first(rows, MERITS[priority][0])
    liked = recommended(models, priority)
    return tuple(str(slug) for slug in order[::-1][: third(rows)] if slug not in liked)


def recommend(models: pd.DataFrame) -> pd.DataFrame:
    """Our Table III: the paper's applications and priorities; recommended and avoid (tuples of slugs); testable."""
    table = paper.table3()[["application", "priority"]]
    testable = table["priority"].isin(PRIORITIES)
    for column, rule in (("recommended", recommended), ("avoid", avoided)):
        lists = {priority: rule(models, priority) for priority in PRIORITIES}
        table[column] = [lists.get(priority, ()) for priority in table["priority"]]
    return table.assign(testable=testable)
