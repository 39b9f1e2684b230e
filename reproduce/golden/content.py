"""What is compared, within which tolerances, and when two machines are of one class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.architectures.names import ALL_METRICS, IMAGE_METRICS, PAIR_METRICS
from reproduce.datasets import fingerprint
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.storage.runs import campaign_runs, training_key

FOLDER = Path("golden")
KEY = ["architecture", "seed"]
COMPARED = (*ALL_METRICS, "test_ssim", "test_mse", "test_piq", "code_sd", "validation_loss")
EXACT = ("parameters",)
LOSS_CURVES = ("training_loss", "validation_loss")
INITIAL = "initial"
"""Name of the tolerance of the loss parts at initialisation."""
POOLED = "pooled"
"""Name in place of an architecture, for the tolerance of all that have none of their own."""
LIMITS = ("same_relative", "same_absolute", "other_relative", "other_absolute")
"""A metric's two-sided tolerance: absolute + relative·|golden|, on the same class of machine and on others."""
ROWS: dict[str, list[str]] = {
    "runs": KEY,
    "images": [*KEY, "image", "label"],
    "pairs": [*KEY, "pair", "first", "second"],
    "curves": [*KEY, "epoch"],
    "losses": ["architecture", "part"],
    "tolerances": ["metric", "architecture"],
}
"""Table → the columns that identify a row."""
COLUMNS: dict[str, list[str]] = {
    "runs": [*ROWS["runs"], *COMPARED, "best_epoch", "active_units", *EXACT],
    "images": [*ROWS["images"], *IMAGE_METRICS],
    "pairs": [*ROWS["pairs"], *PAIR_METRICS],
    "curves": [*ROWS["curves"], *LOSS_CURVES],
    "losses": [*ROWS["losses"], "value"],
    "tolerances": [*ROWS["tolerances"], *LIMITS, "reason"],
}
WORDS = ("architecture", "part", "metric", "reason")
"""Columns of text; every other one holds finite numbers."""
OF_RUNS = ("runs", "images", "pairs", "curves")
"""Tables with rows of runs."""
BY_ROW: dict[tuple[str, str], tuple[str, str]] = {
    **{("images", metric): (f"{metric} by image", metric) for metric in IMAGE_METRICS},
    **{("pairs", metric): (f"{metric} by pair", metric) for metric in PAIR_METRICS},
    **{("curves", column): (f"{column} by epoch", "validation_loss") for column in LOSS_CURVES},
}
"""Table and column that are compared row by row → name of that comparison, and the metric whose tolerance it uses."""
GPU = ("gpu", "cuda", "cudnn", "tf32_matmul", "tf32_convolution")
"""Entries that only the provenance of a GPU has."""
MACHINE = ("device", "processor", "instruction_set", "kernels", "machine", "torch", "numpy", *GPU)
"""Entries of the provenance that must agree for two machines to be of one class."""


def of_runs(frame: pd.DataFrame, runs: set[tuple[str, int]]) -> pd.DataFrame:
    """The rows of these runs (architecture, seed)."""
    return frame[pd.MultiIndex.from_frame(frame[KEY]).isin(list(runs))].reset_index(drop=True)


def runs_in(frame: pd.DataFrame) -> set[tuple[str, int]]:
    """(architecture, seed) of every row."""
    return set(frame[KEY].itertuples(index=False, name=None))


def run_name(run: tuple[str, int]) -> str:
    """The run's name in messages."""
    return f"{run[0]}/seed-{run[1]}"


@dataclass(frozen=True)
class Golden:
    """The content of `golden/<profile>/`, or fresh results in the same form; maybe only some of the profile's runs.

    The tables have the columns `COLUMNS`. A tolerance is for one architecture, or (`POOLED`) for all without their own.
    """

    profile: str
    runs: pd.DataFrame
    images: pd.DataFrame
    pairs: pd.DataFrame
    curves: pd.DataFrame
    losses: pd.DataFrame
    provenance: Mapping[str, Any]
    tolerances: pd.DataFrame

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were recorded, in order."""
        return tuple(sorted(set(map(int, self.runs["seed"]))))

    def of_seeds(self, seeds: Sequence[int]) -> Golden:
        """The part with these seeds. Raises ReproduceError when one was not recorded."""
        if missing := [seed for seed in seeds if seed not in self.seeds]:
            listed = ", ".join(map(str, self.seeds))
            raise ReproduceError(f"golden/{self.profile} has no seed {missing[0]}; it has {listed}")
        return self.only({run for run in runs_in(self.runs) if run[1] in seeds})

    def only(self, runs: set[tuple[str, int]]) -> Golden:
        """The part with these runs."""
        return replace(self, **{name: of_runs(getattr(self, name), runs) for name in OF_RUNS})


def same_class(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two provenances are of one class of machine, on which equal runs agree to the bit."""
    return all(first.get(name) == second.get(name) for name in MACHINE)


def machine_provenance(protocol: Protocol, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What a comparison must know about the runs: profile, data, training keys, machine class, versions, commit.

    provenance: what all runs have in common in theirs (`commands.results.common`). keys: run → the first 16 digits
    of its training key, which changes with every setting and revision.
    """
    flags = provenance.get("flags", {})
    names = ("device", "processor", "instruction_set", "machine", "threads")
    return {
        "profile": protocol.name,
        "data": fingerprint(protocol),
        "keys": {str(run): training_key(protocol, run)[:16] for run in campaign_runs(protocol)},
        "commit": provenance.get("commit", ""),
        "python": provenance.get("python", ""),
        **{name: flags.get(name) for name in names},
        **{name: flags[name] for name in (*GPU, "kernels") if name in flags},
        **provenance.get("versions", {}),
    }


def rekeyed(golden: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """Runs whose training key has changed since golden was recorded, because a setting or revision has."""
    before, now = golden.get("keys", {}), fresh.get("keys", {})
    return [run for run in before if run in now and before[run] != now[run]]
