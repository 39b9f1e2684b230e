"""Where the paper calls models the same: the test of difference, which cannot show it, beside one that can."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import claims, statistics, summaries
from reproduce.analysis.measures import measure
from reproduce.records import Records

KIND = "alike"
"""The kind of the claims that say so."""
EQUAL_IN = {"Table I": summaries.IMAGE_METRICS, "Table II": summaries.PAIR_METRICS}
"""The paper's tables and the means that they print."""
SAME, DIFFERENT, OPEN = "the same", "different", "not told"
"""Verdicts: the difference lies within the margin (TOST); it is significant and beyond it; neither."""


def pairs() -> Iterator[tuple[str, str, str, str]]:
    """Claim, model, the model that it is said to equal, metric; in the registry's order.

    Only metrics that are measured on every image or pair: the others leave one number a model and nothing to test.
    """
    for claim in (claim for claim in claims.load() if claim.kind == KIND):
        metrics = [name for name in claim.text("metric").split() if name in summaries.BY_UNIT]
        if metrics:
            first, *others = claim.slugs("models")
            yield from ((claim.id, slug, first, metric) for metric in metrics for slug in others)


def equal_rows() -> Iterator[tuple[str, str, str, str]]:
    """The same for rows of one table that are printed equal in all of its means, by that table's first metric."""
    for table, metrics in EQUAL_IN.items():
        for _, rows in paper.models().groupby(list(metrics), sort=False):
            first, *others = rows.index
            yield from ((f"{table}, equal rows", str(slug), str(first), metrics[0]) for slug in others)


def sameness(records: Records) -> pd.DataFrame:
    """Each pair that a claim calls the same, or that is printed so, over the paper's images or pairs; with runs alone.

    Columns: claim, architecture, reference, metric; difference, margin, n; t_p (paired t-test of a difference), p and
    p_holm (TOST within the margin, Holm over the claim's tests, as its verdict has it), verdict.
    """
    models = summaries.summarise(records)
    known = set(models.index[models["n_seeds"] > 0])
    rows = []
    for claim, slug, first, metric in (*pairs(), *equal_rows()):
        if {slug, first} <= known:
            margin = measure(metric).margin(float(models.at[first, metric]))
            found = statistics.equivalence(records, slug, first, metric, margin)
            t_p = statistics.difference_p(records, slug, first, metric)
            rows.append((claim, slug, first, metric, found.difference, margin, found.n, t_p, found.p))
    columns = ["claim", "architecture", "reference", "metric", "difference", "margin", "n", "t_p", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table["p_holm"] = table.groupby("claim", sort=False)["p"].transform(statistics.holm)
    beyond = table["difference"].abs() > table["margin"]
    table["verdict"] = np.select(
        [table["p_holm"] <= statistics.ALPHA, beyond & (table["t_p"] <= statistics.ALPHA)],
        [SAME, DIFFERENT],
        default=OPEN,
    )
    return table
