"""Table III derived from results, by rules written here and nowhere else.

1. Collapsed and failed rows are neither recommended nor listed under "avoid".
2. Only the Pareto set is recommended: whatever lies below it is beaten on both metrics at once.
3. Reconstruction and interpolation score SSIM and −PIQ, each rescaled to [0, 1] over the rows, with weight 2
   on the metric that has priority and 1 on the other. Balanced takes the paper's own combined rank (Fig. 4), ties
   by the sum of the two rescaled.
4. The best three are recommended, the first being the "1st".
5. To avoid are the worst three by the priority's metric alone; for balanced, by combined rank. A model that
   rule 4 recommends is never among them.
6. Disentanglement is not testable: neither the paper nor this project measures it.

Two metrics cannot tell applications of the same priority apart, so they share one list; where the paper gives
them different ones, the difference rests on nothing that was measured.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis.measures import usable
from reproduce.analysis.pareto import combined_rank, normalised, pareto_set

LENGTH = 3
WEIGHTS: dict[str, tuple[float, float]] = {"Reconstruction": (2.0, 1.0), "Interpolation": (1.0, 2.0)}
"""Priority → weights of SSIM and −PIQ."""
PRIORITIES: tuple[str, ...] = (*WEIGHTS, "Balanced")
"""The priorities that the metrics can speak to."""


def scores(models: pd.DataFrame, priority: str) -> pd.Series:
    """Rule 3's score of every row, higher is better."""
    if priority == "Balanced":
        order = combined_rank(models).index
        return pd.Series(-np.arange(len(order), dtype=float), order).reindex(models.index)
    ssim, smooth = WEIGHTS[priority]
    return ssim * normalised(models["ssim"]) + smooth * (1 - normalised(models["piq"]))


def recommended(models: pd.DataFrame, priority: str, length: int = LENGTH) -> tuple[str, ...]:
    """Rules 1–4: the best of the Pareto set, best first; `length` of them instead of three where asked."""
    rows = usable(models)
    front = scores(rows, priority).reindex(list(pareto_set(rows)))
    return tuple(front.sort_values(ascending=False, kind="stable").index[:length])


def avoided(models: pd.DataFrame, priority: str, length: int = LENGTH) -> tuple[str, ...]:
    """Rule 5: the worst, worst first; `length` of them instead of three where asked."""
    rows = usable(models)
    merit = {"Reconstruction": rows["ssim"], "Interpolation": -rows["piq"]}.get(priority)
    if merit is None:
        merit = scores(rows, "Balanced")
    merit = merit.drop(list(recommended(models, priority)))
    return tuple(merit.sort_values(kind="stable").index[:length])


def recommend(models: pd.DataFrame) -> pd.DataFrame:
    """Our Table III: the paper's applications and priorities; recommended and avoid (tuples of slugs);
    testable."""
    table = paper.table3()[["application", "priority"]]
    testable = table["priority"].isin(PRIORITIES)
    for column, rule in (("recommended", recommended), ("avoid", avoided)):
        lists = {priority: rule(models, priority) for priority in PRIORITIES}
        table[column] = [lists.get(priority, ()) for priority in table["priority"]]
    return table.assign(testable=testable)
