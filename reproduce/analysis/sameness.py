"""Where the paper calls models the same: the test of difference, which cannot show it, beside one that can."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import claims, statistics, summaries
from reproduce.analysis.measures import measure
from reproduce.names import IMAGE_METRICS, PAIR_METRICS
from reproduce.records import Records

KIND = "alike"
"""The kind of the claims that say so."""
EQUAL_IN = {"Table I": IMAGE_METRICS, "Table II": PAIR_METRICS}
"""The paper's tables and the means that they print."""
SAME, DIFFERENT, OPEN = "the same", "different", "not told"
"""Verdicts: the difference lies within the margin (TOST); it is beyond it and significant; neither."""


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

    Columns: claim, architecture, reference, metric; those of `statistics.sameness`, Holm over the claim's tests, as
    its verdict has it; verdict.
    """
    models = summaries.summarise(records)
    known = set(models.index[models["n_seeds"] > 0])
    names = pd.DataFrame(
        [pair for pair in (*pairs(), *equal_rows()) if {*pair[1:3]} <= known],
        columns=["claim", "architecture", "reference", "metric"],
    )
    tests = [
        statistics.sameness(
            [
                (
                    statistics.paired(records, [slug], [first], metric),
                    measure(metric).margin(float(models.at[first, metric])),
                )
                for _, slug, first, metric in rows.itertuples(index=False)
            ]
        ).set_index(rows.index)
        for _, rows in names.groupby("claim", sort=False)
    ]
    table = names.join(pd.concat(tests)) if tests else names
    if tests:
        table["verdict"] = np.select([table["same"], table["different"]], [SAME, DIFFERENT], default=OPEN)
    return table
