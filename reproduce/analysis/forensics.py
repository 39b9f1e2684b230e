"""How were the printed numbers made? Compares every protocol, length and definition of SSIM that we have, row by row.

A *candidate* is a profile, an implementation (ours of the paper's text, or Pythae's class), the epoch whose weights are
measured, and a definition of SSIM. A printed row *agrees* with a candidate if none of its six values (SSIM, MSE, PSNR,
PIQ, ISS, I-SSIM) lies outside the simultaneous 95% interval of the difference (Bonferroni over the six); its standard
error is that of two independent samples of 100 images or 25 pairs, from the printed ± and from ours. MAE is left out:
the printed column is another quantity. Nothing here enters a table or a verdict: those use the paper's definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import norm

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.architectures.names import I_SSIMS, MILESTONE_IMAGES, MILESTONE_PAIRS, SLUGS, SSIMS
from reproduce.architectures.registry import PYTHAE, PYTHAE_VARIANT
from reproduce.paper import PAPER_SLUGS
from reproduce.protocol import PAPER_SEEDS
from reproduce.storage.records import Records
from reproduce.storage.revisions import EVALUATION_REVISION

METRICS = ("ssim", "mse", "psnr", "piq", "iss", "i_ssim")
IMPLEMENTATIONS = {"": "paper", PYTHAE_VARIANT: "pythae"}
"""Variant → what it implements: the paper's text, or Pythae's class."""
CONFIDENCE = 0.95
LIMIT = float(norm.ppf(1 - (1 - CONFIDENCE) / (2 * len(METRICS))))
"""One of six values disagrees if it is off by more than this many standard errors."""
SEED = PAPER_SEEDS[0]
CANDIDATE = ["profile", "implementation", "epoch", "best", "definition"]


def measured(records: Records, variant: str) -> pd.DataFrame:
    """Means, standard deviations (…_sd) and counts (…_n) at each milestone of seed 42: index (epoch, architecture).

    `best`: whether the epoch is the one whose weights were kept.
    """
    rows = records.milestones
    rows = rows[
        (rows["variant"] == variant) & (rows["seed"] == SEED) & rows["architecture"].isin(PAPER_SLUGS)
    ]
    # an earlier evaluation may have recorded another quantity, and its weights are gone
    rows = rows[rows["revision"] == EVALUATION_REVISION]
    if rows.empty:
        return pd.DataFrame()
    parts = []
    for record, names in (("image", MILESTONE_IMAGES), ("pair", MILESTONE_PAIRS)):
        grouped = rows[rows["record"] == record].groupby(["epoch", "architecture"])[list(names)]
        parts += [grouped.mean(), grouped.std(ddof=1).add_suffix("_sd"), grouped.count().add_suffix("_n")]
    runs = summaries.finished(records, variant)
    best = runs[runs["seed"] == SEED].set_index("architecture")["best_epoch"]
    table = pd.concat(parts, axis=1)
    epochs, slugs = (table.index.get_level_values(level) for level in (0, 1))
    return table.assign(best=epochs.to_numpy() == best.reindex(slugs).to_numpy())


def columns_of(definition: str) -> list[str]:
    """The measured columns behind METRICS under a definition of SSIM, one of `names.SSIMS`."""
    pair = I_SSIMS[SSIMS.index(definition)]
    return [{"ssim": definition, "i_ssim": pair}.get(metric, metric) for metric in METRICS]


def apart(ours: pd.DataFrame, columns: list[str], printed: pd.DataFrame) -> pd.DataFrame:
    """Differences of measured rows from printed rows of the same index, in standard errors: one column per metric."""
    found = {}
    for metric, column in zip(METRICS, columns, strict=True):
        variance = (ours[f"{column}_sd"] ** 2 + printed[f"{metric}_sd"] ** 2) / ours[f"{column}_n"]
        found[metric] = (ours[column] - printed[metric]) / np.sqrt(variance)
    return pd.DataFrame(found)


def distance(ours: pd.DataFrame, columns: list[str], printed: pd.DataFrame) -> pd.Series:
    """Root mean square over METRICS of the difference in standard deviations of the 22 printed rows."""
    spread = paper.models()[list(METRICS)].std(ddof=1).to_numpy()
    gaps = (ours[columns].to_numpy() - printed[list(METRICS)].to_numpy()) / spread
    return pd.Series(np.sqrt((gaps**2).mean(1)), index=ours.index)


def agreement(ours: pd.DataFrame, columns: list[str]) -> float:
    """The share of all pairs (printed row, measured row) that agree, as if rows were assigned at random."""
    printed = paper.models()
    each = ours.iloc[np.repeat(np.arange(len(ours)), len(printed))].reset_index(drop=True)
    beside = pd.concat([printed] * len(ours), ignore_index=True)
    return float((apart(each, columns, beside).abs() <= LIMIT).all(axis=1).mean())


@dataclass(frozen=True)
class Forensics:
    """rows: one row per candidate and architecture, with `distance` (in standard deviations of the printed columns),
    `worst` (the metric farthest off), `worst_z` (in standard errors) and `agrees`.
    chances: index CANDIDATE, the number of rows that would agree if they were assigned at random.
    """

    rows: pd.DataFrame
    chances: pd.Series

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """Index CANDIDATE; how many architectures it has (`rows`), how many of them agree (`agree`), how many would by
        chance (`chance`), and the root mean square of the distances (`distance`). Sorted by agreement, most first."""
        grouped = self.rows.groupby(CANDIDATE)
        table = pd.DataFrame(
            {
                "rows": grouped.size(),
                "agree": grouped["agrees"].sum(),
                "distance": grouped["distance"].apply(lambda values: float(np.sqrt((values**2).mean()))),
            }
        )
        table["chance"] = self.chances.reindex(table.index)
        return table.sort_values(["agree", "distance"], ascending=[False, True], kind="stable")

    @property
    def full(self) -> pd.DataFrame:
        """The candidates with the largest number of architectures, sorted by agreement, most first."""
        return self.candidates[self.candidates["rows"] == self.candidates["rows"].max()]

    @property
    def winner(self) -> pd.Series:
        """The first of `full`: CANDIDATE and the columns of `candidates`."""
        return self.full.reset_index().iloc[0]

    def of(self, candidate: tuple[object, ...]) -> pd.DataFrame:
        """The rows of one candidate, index architecture."""
        chosen = (self.rows[CANDIDATE] == list(candidate)).all(axis=1)
        return self.rows[chosen].set_index("architecture")

    @cached_property
    def explained(self) -> pd.DataFrame:
        """Each architecture's nearest candidate among those that agree with it, or else among all: index
        architecture."""
        ordered = self.rows.sort_values(["agrees", "distance"], ascending=[False, True], kind="stable")
        first = ordered.drop_duplicates("architecture").set_index("architecture")
        return first.reindex([slug for slug in SLUGS if slug in first.index])


def investigate(profiles: Mapping[str, Records]) -> Forensics | None:
    """Every candidate that the profiles' milestones allow; None if there is none.

    For Pythae's implementation, our own rows are used where our model is Pythae's class (all but `registry.PYTHAE`).
    """
    printed = paper.models()
    parts, chances = [], {}
    for profile, records in profiles.items():
        own = measured(records, "")
        for variant, implementation in IMPLEMENTATIONS.items():
            table = own if variant == "" else second_implementation(own, measured(records, variant))
            if table.empty:
                continue
            for (epoch, best), rows in groups(table):
                for definition in SSIMS:
                    columns = columns_of(definition)
                    beside = printed.loc[rows.index]
                    z = apart(rows, columns, beside).abs()
                    candidate = (profile, implementation, epoch, best, definition)
                    chances[candidate] = len(rows) * agreement(rows, columns)
                    found = {
                        **dict(zip(CANDIDATE, candidate, strict=True)),
                        "architecture": rows.index,
                        "distance": distance(rows, columns, beside),
                        "worst": z.idxmax(axis=1),
                        "worst_z": z.max(axis=1),
                        "agrees": (z <= LIMIT).all(axis=1),
                        **{metric: rows[column] for metric, column in zip(METRICS, columns, strict=True)},
                    }
                    parts.append(pd.DataFrame(found))
    if not parts:
        return None
    index = pd.MultiIndex.from_tuples(chances, names=CANDIDATE)
    return Forensics(pd.concat(parts, ignore_index=True), pd.Series(list(chances.values()), index=index))


def groups(table: pd.DataFrame) -> list[tuple[tuple[int, bool], pd.DataFrame]]:
    """(epoch, False) → rows after that epoch, for each epoch that most architectures have; and (0, True) → the rows of
    the kept weights, if they are from different epochs. If all are from one, it is (epoch, True). Index
    architecture."""
    by_epoch = dict(list(table.groupby(level="epoch")))
    most, kept = max(len(rows) for rows in by_epoch.values()), table[table["best"]]
    found = [
        ((int(epoch), len(kept) == len(rows) and bool(rows["best"].all())), rows.droplevel("epoch"))
        for epoch, rows in by_epoch.items()
        if len(rows) > most / 2
    ]
    if kept.empty or any(best for (_, best), _ in found):
        return found
    return [*found, ((0, True), kept.droplevel("epoch"))]


def second_implementation(own: pd.DataFrame, pythae: pd.DataFrame) -> pd.DataFrame:
    """Pythae's implementation of every architecture: `own` where that is Pythae's class, `pythae` elsewhere. Empty
    without runs of Pythae's own classes."""
    if pythae.empty:
        return pythae
    shared = own[~own.index.get_level_values("architecture").isin(PYTHAE)]
    return pd.concat([shared, pythae]).sort_index()


def nearest_epochs(records: Records, definition: str) -> pd.DataFrame:
    """For each architecture the epoch of the milestone nearest to the printed row, and its distance: index
    architecture, columns epoch and distance. Empty without milestones."""
    table = measured(records, "")
    if table.empty:
        return pd.DataFrame(columns=["epoch", "distance"])
    printed = paper.models().loc[table.index.get_level_values("architecture")]
    gaps = distance(table, columns_of(definition), printed)
    best = gaps.groupby(level="architecture").idxmin()
    return pd.DataFrame(
        {"epoch": [int(epoch) for epoch, _ in best], "distance": gaps.loc[list(best)].to_numpy()},
        index=best.index,
    )
