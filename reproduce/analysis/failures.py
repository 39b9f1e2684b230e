"""Where models fail (IV-G), and what they cost (VII-D)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reproduce.architectures.names import SLUGS
from reproduce.storage.records import Records

DIGITS = range(10)


def mse_by_digit(records: Records) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean of MSE on the whole test set and over seeds, and its standard error over images: rows slugs in Table I's
    order, columns digits 0–9."""
    digits = _described(records.digits)
    digits = digits.assign(variance=digits["mse_sd"] ** 2 / digits["n"])
    by_digit = digits.groupby(["architecture", "label"])
    means, variances = (by_digit[name].mean(skipna=False).unstack("label") for name in ("mse", "variance"))
    order = [slug for slug in SLUGS if slug in means.index]
    return means.loc[order], np.sqrt(variances.loc[order])


def changed_share(records: Records) -> pd.DataFrame:
    """Share of test images whose reconstruction a 5-NN classifier assigns to another digit than the original, and its
    standard error over images: index slug, columns share and error."""
    digits = _described(records.digits)
    by_model = digits.assign(changed=digits["changed"] * digits["n"]).groupby("architecture")
    sums = by_model[["changed", "n"]].sum(min_count=len(DIGITS))
    share = sums["changed"] / sums["n"]
    images = sums["n"] / by_model["seed"].nunique()
    found = pd.DataFrame({"share": share, "error": np.sqrt(share * (1 - share) / images)})
    return found.loc[[slug for slug in SLUGS if slug in found.index]]


def costs(models: pd.DataFrame) -> pd.DataFrame:
    """What each model costs (VII-D): parameters, minutes of training, µs of inference per image, MiB of peak memory,
    and the last three divided by those of the VAE, the baseline. Index slug."""
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


def _described(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["variant"] == "") & frame["architecture"].isin(SLUGS)]
