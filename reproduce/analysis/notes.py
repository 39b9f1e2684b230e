"""Notes on rows that would mislead without an explanation. They follow from the measurements alone.

A note is made for every model for which its condition holds. `Note.kind` names the condition, and `values` are the
numbers behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reproduce.analysis import summaries
from reproduce.architectures.names import BASELINE
from reproduce.architectures.registry import REGISTRY
from reproduce.storage.records import Records

CLEARLY = 0.05
"""A total correlation is clearly negative below minus this, in nats."""
SLIGHT_DECAY = 1e-5
"""A smaller weight decay does not constrain a decoder."""
SMALL_SHARE = 0.01
"""With a smaller share of the loss a penalty hardly acts."""
OUTGROWN, FULLER = 4.0, 2.0
"""Codes outgrow a gradient penalty if their SD is more than this multiple of the AE's. A model is pushed to a fuller
code if its target is more than this multiple of the VAE's KL."""


@dataclass(frozen=True)
class Note:
    """kind: a name of `KINDS`. architecture: whose row it is. values: the numbers in its sentence."""

    kind: str
    architecture: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One model's measurements: means over its seeds of `Records.runs` and of the last epoch of `Records.curves`."""

    slug: str
    run: pd.Series
    most: pd.Series
    """The largest value of any seed."""
    last: pd.Series
    others: pd.DataFrame
    """The same means as `run` for all models, index slug."""

    def part(self, name: str) -> float:
        """A recorded part of the training loss in its last epoch; NaN if the model has none of that name."""
        return float(self.last.get(f"part_{name}", np.nan))

    def other(self, slug: str, name: str) -> float:
        """A scalar of another model; NaN without a run."""
        return float(self.others.at[slug, name]) if slug in self.others.index else np.nan

    def setting(self, name: str) -> float:
        """A setting of the model; NaN if it has none of that name."""
        return float(getattr(REGISTRY[self.slug].settings, name, np.nan))


def stuck(row: Row) -> dict[str, float] | None:
    """Pixels whose sigmoid is saturated, in the seed with most of them."""
    return {"pixels": row.most["stuck_pixels"]} if row.most["stuck_pixels"] > 0 else None


def negative_correlation(row: Row) -> dict[str, float] | None:
    """A minibatch estimate of the total correlation that is clearly negative, which a divergence cannot be."""
    value = row.part("total_correlation")
    estimated = not np.isnan(row.part("dimensionwise_kl"))  # FactorVAE uses a discriminator
    return {"nats": value} if estimated and value < -CLEARLY else None


def outgrown(row: Row) -> dict[str, float] | None:
    """Codes that have grown so large that a gradient penalty hardly acts."""
    own, plain = row.run["code_sd"], row.other("ae", "code_sd")
    penalised = not np.isnan(row.part("gradient_penalty"))
    return {"sd": own, "ae": plain} if penalised and own > OUTGROWN * plain else None


def hardly_penalised(row: Row) -> dict[str, float] | None:
    """A penalty on the codes' size that hardly enters the loss, in a model without another one."""
    share = row.setting("embedding") * row.part("embedding") / row.last["training_loss"]
    alone = np.isnan(row.part("gradient_penalty")) and row.setting("decoder_decay") < SLIGHT_DECAY
    return {"share": share} if alone and share < SMALL_SHARE else None


def hardly_matched(row: Row) -> dict[str, float] | None:
    """A discrepancy from the prior that hardly enters the loss."""
    weight = row.setting("alpha") + row.setting("lambda_") - 1  # Zhao et al. 2017, Eq. 6
    share = abs(weight * row.part("mmd") / row.last["training_loss"])
    return {"share": share, "weight": weight} if share < SMALL_SHARE else None


def pushed(row: Row) -> dict[str, float] | None:
    """A target for the KL that is far larger than the VAE's KL."""
    target, baseline = row.setting("capacity"), row.other(BASELINE, "kl")
    return {"target": target, "kl": row.run["kl"], "vae": baseline} if target > FULLER * baseline else None


def chosen_without_adversary(row: Row) -> dict[str, float] | None:
    """A best epoch that is chosen by reconstruction alone: the adversarial term is left out of validation, and the
    model has no KL."""
    plays = not np.isnan(row.part("generator"))
    return {"epoch": row.run["best_epoch"]} if plays and np.isnan(row.part("kl")) else None


KINDS: Mapping[str, Callable[[Row], dict[str, float] | None]] = {
    "stuck": stuck,
    "negative-correlation": negative_correlation,
    "outgrown": outgrown,
    "hardly-penalised": hardly_penalised,
    "hardly-matched": hardly_matched,
    "pushed": pushed,
    "chosen-without-adversary": chosen_without_adversary,
}
"""Kind of note → its condition: the numbers behind it, or None if it does not hold."""


def notes(records: Records) -> tuple[Note, ...]:
    """All notes of the 22, by kind and in Table I's order."""
    runs = summaries.finished(records)
    if runs.empty:
        return ()
    grouped = runs.groupby("architecture")
    others, most = grouped.mean(numeric_only=True), grouped.max(numeric_only=True)
    curves = records.curves[records.curves["variant"] == ""]
    last = curves.sort_values("epoch").groupby(["architecture", "seed"]).tail(1)
    ends = last.groupby("architecture").mean(numeric_only=True)
    rows = [
        Row(slug, others.loc[slug], most.loc[slug], ends.loc[slug], others)
        for slug in REGISTRY
        if slug in others.index and slug in ends.index
    ]
    return tuple(
        Note(kind, row.slug, values)
        for kind, condition in KINDS.items()
        for row in rows
        if (values := condition(row)) is not None
    )
