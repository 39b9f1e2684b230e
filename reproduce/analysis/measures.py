"""The quantities in tables and statements: label, direction, unit, decimals, and the margins that were fixed before any
result was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reproduce.architectures.names import SSIMS
from reproduce.errors import ReproduceError


@dataclass(frozen=True)
class Measure:
    """A column of the models frame: how it is compared, and how it is printed.

    better:   +1 if high values are good, −1 if low ones are, 0 if neither.
    absolute, relative: two values closer than `absolute + relative · |value|` count as the same.
    obstacle: why values of two studies cannot be compared ("" if they can); orders still can.
    timing:   measured by a clock, and only as exact as the clock.
    decimals, scale, unit: a value is printed as value × scale with this many decimals; Tables I and II print MSE and
              PIQ × 10³ and ISS × 10.
    """

    label: str
    better: int
    decimals: int
    scale: float = 1.0
    unit: str = ""
    absolute: float = 0.0
    relative: float = 0.0
    obstacle: str = ""
    timing: bool = False

    def margin(self, value: float) -> float:
        """How far another value may lie from `value` and still count as the same."""
        return self.absolute + self.relative * abs(value)

    @property
    def head(self) -> str:
        """Label, factor or unit, and direction, as at the head of a column: "MSE (×10³) ↓"."""
        unit = self.unit or FACTORS.get(self.scale, "")
        arrow = {1: "↑", -1: "↓", 0: ""}[self.better]
        return " ".join(filter(None, [self.label, f"({unit})" if unit else "", arrow]))


FACTORS = {1e3: "×10³", 10.0: "×10"}
OTHER_HARDWARE = "measured on other hardware"
MEASURES: dict[str, Measure] = {
    "ssim": Measure("SSIM", +1, 3, absolute=0.01),
    "mse": Measure("MSE", -1, 2, scale=1e3, relative=0.05),
    "psnr": Measure("PSNR", +1, 2, unit="dB", absolute=0.25),
    "mae": Measure("MAE", -1, 3, relative=0.05),
    "piq": Measure("PIQ", -1, 3, scale=1e3, relative=0.05),
    "iss": Measure("ISS", -1, 2, scale=10.0, relative=0.10),
    "i_ssim": Measure("I-SSIM", +1, 3, absolute=0.01),
    "piq_over_floor": Measure("PIQ over its floor", -1, 2, relative=0.05),
    "uniformity": Measure("SD/mean of steps", -1, 3, relative=0.05),
    "end_distance": Measure("End-frame distance", 0, 3, relative=0.05),
    "sharpness": Measure(
        "Sharpness", 0, 3, relative=0.05, obstacle="the paper does not define its sharpness score"
    ),
    "training_seconds": Measure(
        "Training time", -1, 1, unit="s", relative=0.10, obstacle=OTHER_HARDWARE, timing=True
    ),
    "inference_microseconds": Measure(
        "Inference time", -1, 0, unit="µs/image", relative=0.10, obstacle=OTHER_HARDWARE, timing=True
    ),
    "peak_memory_mib": Measure("Peak memory", -1, 0, unit="MiB", relative=0.05, obstacle=OTHER_HARDWARE),
    "parameters": Measure("Parameters", 0, 0, relative=0.01),
    "parameters_encoder": Measure("Encoder size", 0, 0, relative=0.01),
    "parameters_decoder": Measure("Decoder size", 0, 0, relative=0.01),
    "kl": Measure("KL", 0, 2, unit="nats"),
    "active_units": Measure("Active units", 0, 1),
    "code_sd": Measure("Code SD", 0, 2),
    "mse_ratio": Measure("Relative MSE", -1, 2),
    "digit_frames": Measure("Frames like digits", +1, 2),
}
"""All quantities, by column. 0.01 SSIM and 5 % PIQ are the equivalence margins of the claims; the other margins follow
from them by scale. A quantity without a margin is shown and never judged."""

SPREAD = Measure("SD", 0, 3, relative=0.15)
"""The margin of every "±" column: an SD over 100 images is itself known to about 7 %."""


SSIM_DEFINITIONS: dict[str, str] = {
    "ssim": "Gaussian 11×11",
    "ssim_uniform11": "uniform 11×11",
    "ssim_uniform7": "uniform 7×7",
    "ssim_uniform7_range2": "uniform 7×7, range 2",
    "ssim_zero_padded": "Gaussian, zeros around",
}
"""Definition of SSIM, as in `names.SSIMS` → its short name. The first is the paper's."""
assert tuple(SSIM_DEFINITIONS) == SSIMS


def measure(column: str) -> Measure:
    """The measure of a models-frame column; raises ReproduceError for a column that is not in `MEASURES`."""
    if column.endswith("_sd"):
        return SPREAD
    if column not in MEASURES:
        raise ReproduceError(f"unknown metric '{column}'; known are {', '.join(MEASURES)}")
    return MEASURES[column]


def usable(models: pd.DataFrame) -> pd.DataFrame:
    """The rows that may enter rankings and correlations: not failed, not collapsed, SSIM and PIQ finite.

    A frame without the flags, such as the paper's tables, keeps all its rows.
    """
    keep = np.isfinite(models[["ssim", "piq"]].to_numpy(dtype=float)).all(axis=1)
    for flag in ("collapsed", "failed"):
        if flag in models:
            keep &= ~models[flag].to_numpy(dtype=bool)
    return models[keep]


def ranks(models: pd.DataFrame, metric: str) -> pd.Series:
    """Rank of each row, 1 for the best; tied rows share the best of their ranks; NaN stays NaN."""
    return models[metric].rank(ascending=measure(metric).better < 0, method="min")
