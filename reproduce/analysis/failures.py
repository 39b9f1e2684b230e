"""Where models fail (IV-G), and what they cost (VII-D)."""

from __future__ import annotations

import pandas as pd

from reproduce.names import SLUGS
from reproduce.records import Records


def error_by_digit(records: Records, metric: str = "mse", variant: str = "") -> pd.DataFrame:
    """Mean of a metric on the whole test set: rows slugs in Table I's order, columns digits 0–9, mean over
    seeds."""
    digits = _chosen(records.digits, variant)
    table = digits.groupby(["architecture", "label"])[metric].mean(skipna=False).unstack("label")
    return table.reindex([slug for slug in SLUGS if slug in table.index])


def changed_share(records: Records, variant: str = "") -> pd.Series:
    """Share of test images whose reconstruction a 5-NN classifier calls another digit than the original.
    Index slug."""
    digits = _chosen(records.digits, variant)
    weighted = (digits["changed"] * digits["n"]).groupby(digits["architecture"]).sum(min_count=1)
    share = weighted / digits["n"].groupby(digits["architecture"]).sum()
    return share.reindex([slug for slug in SLUGS if slug in share.index]).rename("changed")


def costs(models: pd.DataFrame) -> pd.DataFrame:
    """What each model costs, beside the baseline (VII-D): parameters, minutes of training, µs of inference an
    image, MiB at the peak, and the last three divided by the VAE's. Index slug."""
    columns = {
        "parameters": models["parameters"],
        "training_minutes": models["training_seconds"] / 60,
        "inference_microseconds": models["inference_microseconds"],
        "peak_memory_mib": models["peak_memory_mib"],
    }
    out = pd.DataFrame(columns)
    for name in ("training_minutes", "inference_microseconds", "peak_memory_mib"):
        out[f"{name}_over_vae"] = out[name] / out[name].get("vae", float("nan"))
    return out


def _chosen(frame: pd.DataFrame, variant: str) -> pd.DataFrame:
    return frame[(frame["variant"] == variant) & frame["architecture"].isin(SLUGS)]
