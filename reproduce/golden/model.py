"""What is compared, within which bands, and when two machines are of one class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.datasets import fingerprint
from reproduce.errors import ReproduceError
from reproduce.names import ALL_METRICS, IMAGE_METRICS, PAIR_METRICS
from reproduce.protocol import Protocol
from reproduce.runs import campaign_runs, training_key

FOLDER = Path("golden")
COMPARED = (*ALL_METRICS, "test_ssim", "test_mse", "test_piq", "code_sd", "validation_loss")
EXACT = ("parameters",)
BY_ROW: dict[tuple[str, str], tuple[str, str]] = {
    **{("images", metric): (f"{metric} by image", metric) for metric in IMAGE_METRICS},
    **{("pairs", metric): (f"{metric} by pair", metric) for metric in PAIR_METRICS},
    **{
        ("curves", metric): (f"{metric} by epoch", "validation_loss")
        for metric in ("training_loss", "validation_loss")
    },
}
"""Frame and column whose rows are compared one by one → what that is called, and the metric whose band it takes."""
INITIAL = "initial"
"""The band of the loss parts at initialisation."""
KEY = ["architecture", "seed"]
GPU = ("gpu", "cuda", "cudnn", "tf32_matmul", "tf32_convolution")
"""What a GPU adds to its machine; provenance of a CPU have none of it."""
MACHINE = ("device", "processor", "instruction_set", "kernels", "machine", "torch", "numpy", *GPU)
"""What must agree for two machines to be of one class."""


POOLED = "pooled"
"""In place of an architecture: the band was pooled over all that have none of their own."""


class CannotCompare(ReproduceError):
    """Fresh and golden are not of one kind: other profile, other data, missing runs, a damaged file."""


@dataclass(frozen=True)
class Band:
    """How far a metric may be off, and why. The four numbers are finite and not negative.

    architecture: the one whose own band it is, or `POOLED`: the band of all that have none of their own.
    """

    metric: str
    same_relative: float
    same_absolute: float
    other_relative: float
    other_absolute: float
    reason: str
    architecture: str = POOLED

    def allowance(self, expected: float, same_machine: bool) -> float:
        """Largest |difference| that is still inside, ≥ 0."""
        relative = self.same_relative if same_machine else self.other_relative
        absolute = self.same_absolute if same_machine else self.other_absolute
        return absolute + relative * abs(expected)


def band_of(bands: Mapping[tuple[str, str], Band], metric: str, architecture: str) -> Band:
    """The architecture's own band, else the pooled one. Raises KeyError when there is neither."""
    return bands.get((metric, architecture)) or bands[metric, POOLED]


@dataclass(frozen=True)
class Golden:
    """What `golden/<profile>/` holds: frames with the columns of `recording`, every number finite.

    bands: (metric, architecture or `POOLED`) → band.
    """

    profile: str
    runs: pd.DataFrame
    images: pd.DataFrame
    pairs: pd.DataFrame
    curves: pd.DataFrame
    losses: pd.DataFrame
    provenance: Mapping[str, Any]
    bands: Mapping[tuple[str, str], Band]

    def band(self, metric: str, architecture: str) -> Band:
        """See `band_of`."""
        return band_of(self.bands, metric, architecture)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were recorded, in order."""
        return tuple(sorted(set(map(int, self.runs["seed"]))))

    def of_seeds(self, seeds: Sequence[int]) -> Golden:
        """The part of these seeds. Raises CannotCompare when one was not recorded."""
        missing = [seed for seed in seeds if seed not in self.seeds]
        if missing:
            listed = ", ".join(map(str, self.seeds))
            raise CannotCompare(f"golden/{self.profile} has no seed {missing[0]}; it has {listed}")

        def part(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[frame["seed"].isin(list(seeds))].reset_index(drop=True)

        return replace(
            self,
            runs=part(self.runs),
            images=part(self.images),
            pairs=part(self.pairs),
            curves=part(self.curves),
        )


@dataclass(frozen=True)
class Comparison:
    """One number: golden, fresh, the band, and the paper's where it prints one (NaN else).

    seed: None for a number that no run made (loss parts at initialisation).
    """

    architecture: str
    seed: int | None
    metric: str
    golden: float
    fresh: float
    band: float
    paper: float = math.nan

    @property
    def run(self) -> str:
        """Which run the number is of, for people."""
        return self.architecture if self.seed is None else f"{self.architecture}/seed-{self.seed}"

    @property
    def difference(self) -> float:
        """fresh - golden."""
        return self.fresh - self.golden

    @property
    def inside(self) -> bool:
        """Whether the difference is inside the band; never for a NaN."""
        return abs(self.difference) <= self.band

    @property
    def deviation(self) -> float:
        """|difference| in units of the band; infinite for a NaN."""
        if math.isnan(self.difference):
            return math.inf
        if self.difference == 0:
            return 0.0
        return abs(self.difference) / self.band if self.band > 0 else math.inf


def machine_class(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    """What must agree for bits to agree."""
    return tuple(provenance.get(name) for name in MACHINE)


def machine_provenance(protocol: Protocol, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a comparison must know of the runs: profile, data, training keys, machine class, versions, commit.

    provenance: what the provenance of all runs agrees on (`commands.results.common`). keys: run → the first 16 digits
    of its training key, which changes with every setting and revision.
    """
    flags, versions = provenance.get("flags", {}), provenance.get("versions", {})
    names = ("device", "processor", "instruction_set", "machine", "threads")
    optional = (*GPU, "kernels")
    return {
        "profile": protocol.name,
        "data": fingerprint(protocol),
        "keys": {str(run): training_key(protocol, run)[:16] for run in campaign_runs(protocol)},
        "commit": provenance.get("commit", ""),
        "python": provenance.get("python", ""),
        **{name: flags.get(name) for name in names},
        **{name: flags[name] for name in optional if name in flags},
        **versions,
    }


def rekeyed(golden: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """Runs whose training key is another one than when golden was recorded: a setting or revision has changed."""
    before, now = golden.get("keys", {}), fresh.get("keys", {})
    return [run for run in before if run in now and before[run] != now[run]]
