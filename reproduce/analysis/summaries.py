"""Records → models frame: the columns of Tables I and II, and further ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import ALL_METRICS, IMAGE_METRICS, REFERENCES, SLUGS
from reproduce.metrics import OTHER_IMAGE_METRICS
from reproduce.protocol import profile
from reproduce.storage.records import Records
from reproduce.storage.store import FRESH

DIAGNOSTICS: tuple[str, ...] = (
    "uniformity",
    "end_distance",
    "piq_over_floor",
    *OTHER_IMAGE_METRICS,
    "kl",
    "active_units",
    "code_sd",
    "code_size",
    "mse_ratio",
    "parameters",
    "parameters_encoder",
    "parameters_decoder",
    "training_seconds",
    "inference_microseconds",
    "peak_memory_mib",
)
PROCESSOR_CLOCK_ERROR, WALL_CLOCK_ERROR = 0.1, 0.8
"""SD of the logarithm of one run's time. Measured with five repetitions of an epoch beside other work, by the process's
own clock; and with three seeds of 16 models, by a wall clock on a machine that sometimes did other work."""
STILL: tuple[str, ...] = ("still_pairs", "test_still_pairs")
"""How many of the paper's 25 pairs, and of all pairs, do not move: for them PIQ over its floor is undefined."""


def verdicts_allowed(records: Records) -> bool:
    """Whether this profile's results may be compared with the paper: those trained on 5,000 digits may not. Raises
    ReproduceError for a profile that does not exist."""
    return profile(records.profile).verdicts


def finished(records: Records, variant: str | None = "") -> pd.DataFrame:
    """The rows of `runs` that are finished, including references: of one variant, or of every one for None."""
    done = records.runs[records.runs["status"] == FRESH]
    return done if variant is None else done[done["variant"] == variant]


def finished_seeds(records: Records, slug: str) -> tuple[int, ...]:
    """The seeds of one architecture's finished runs, in ascending order; if only one is shown, it is the first."""
    done = finished(records)
    return tuple(sorted(int(seed) for seed in done.loc[done["architecture"] == slug, "seed"]))


def measurements(records: Records, metric: str, variant: str = "") -> pd.DataFrame:
    """One metric on the paper's images (or pairs), as in the tables: columns architecture, seed, unit, value.

    `unit` is the test image of a reconstruction metric, the pair of an interpolation metric.
    """
    frame, path, unit = (
        (records.images, "sampled", "image")
        if metric in (*IMAGE_METRICS, *OTHER_IMAGE_METRICS)
        else (records.pairs, "main", "pair")
    )
    chosen = frame[(frame["variant"] == variant) & (frame["path"] == path)]
    return chosen[["architecture", "seed", unit, metric]].rename(columns={unit: "unit", metric: "value"})


def timed(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose training time says what the model costs: not those that a wall clock timed on a CPU, as earlier
    versions did, beside other work (one took seven times as long as another of the same model)."""
    return runs[runs["processor_clock"].notna() & runs["training_seconds"].notna()]


def seed_means(records: Records, metric: str) -> pd.DataFrame:
    """One metric's mean in each finished run: rows architectures, columns seeds, NaN where a run is missing."""
    runs = finished(records)
    return runs.set_index(["architecture", "seed"])[metric].unstack("seed")


def seeds(records: Records) -> tuple[int, ...]:
    """The seeds of the finished runs of the 22, in ascending order."""
    runs = finished(records)
    return tuple(sorted({int(seed) for seed in runs.loc[runs["architecture"].isin(SLUGS), "seed"]}))


def only_seeds(records: Records, seeds: Iterable[int]) -> Records:
    """The same campaign reduced to some seeds: frames with these seeds' rows only."""
    wanted, names = list(seeds), ("runs", "images", "pairs", "digits", "curves")
    frames = {name: getattr(records, name) for name in names}
    return replace(records, **{name: frame[frame["seed"].isin(wanted)] for name, frame in frames.items()})


def summarise(records: Records, variant: str = "") -> pd.DataFrame:
    """The models frame of one implementation, in Table I's order; architectures without any run have no row.

    `<metric>` is the mean over seeds of the runs' means. `<metric>_sd`, the tables' ±, is the SD over images
    (pairs) within a run, pooled over seeds: it never contains the spread between seeds, which is
    `<metric>_seed_sd` (SD of the seeds' means, NaN for one seed). A run's NaN makes the mean NaN. Times are the
    smallest of all seeds, because other work on the machine can only add to them: `epoch_seconds` is that of the
    fastest of the runs that are `timed`, and `training_seconds` this times the mean number of epochs. `timing_error` is
    the error of times, as the SD of their logarithm.
    """
    return _summarise(records, SLUGS, variant)


def references(records: Records) -> pd.DataFrame:
    """The same columns for the two baselines, PCA and the mean image."""
    return _summarise(records, REFERENCES, "")


def _summarise(records: Records, slugs: Iterable[str], variant: str) -> pd.DataFrame:
    fresh = finished(records, variant)
    own = ("test_", "diag_", *STILL)
    further = [column for column in fresh.columns if column.startswith(own)]
    by_architecture = fresh.groupby("architecture")
    summary = by_architecture[[*ALL_METRICS, *DIAGNOSTICS, *further]].mean(skipna=False)
    clocked = timed(fresh)
    per_epoch = clocked["training_seconds"] / clocked["epochs"]
    summary["epoch_seconds"] = per_epoch.groupby(clocked["architecture"]).min()
    summary["training_seconds"] = summary["epoch_seconds"] * by_architecture["epochs"].mean()
    summary["inference_microseconds"] = by_architecture["inference_microseconds"].min()
    own_clock = clocked["processor_clock"].eq(1).groupby(clocked["architecture"]).all().reindex(summary.index)
    summary["timing_error"] = np.where(own_clock.eq(True), PROCESSOR_CLOCK_ERROR, WALL_CLOCK_ERROR)
    summary.insert(0, "n_seeds", by_architecture.size())
    for metric in ALL_METRICS:
        summary[f"{metric}_sd"] = _pooled_sd(measurements(records, metric, variant))
        summary[f"{metric}_seed_sd"] = by_architecture[metric].std(ddof=1)
    summary["digit_frames"] = digit_frames(records, variant)
    summary["collapsed"] = by_architecture["collapsed"].any()

    attempted = records.runs[records.runs["variant"] == variant].groupby("architecture")["status"]
    failed = attempted.agg(lambda status: bool((status == "failed").any()))
    order = [slug for slug in slugs if slug in failed.index]
    summary = summary.reindex(order).assign(failed=failed.reindex(order).astype(bool))
    summary["n_seeds"] = summary["n_seeds"].fillna(0).astype(int)
    summary["collapsed"] = summary["collapsed"].eq(True)
    return summary.rename_axis("architecture")


def drift(records: Records, midway: int) -> pd.DataFrame:
    """The rows whose SSIM or PIQ moved by more than its margin between an epoch midway and the end of training.

    Index slug; columns ssim (difference) and piq (relative change), means over seeds. Empty without milestones.
    """
    frame = records.milestones[records.milestones["variant"] == ""]
    frame = frame[frame["architecture"].isin(SLUGS)]
    means = frame.groupby(["architecture", "seed", "epoch"])[["ssim", "piq"]].mean()
    if means.empty or midway not in means.index.get_level_values("epoch"):
        return pd.DataFrame(columns=["ssim", "piq"], dtype=float)
    before = means.xs(midway, level="epoch").groupby("architecture").mean()
    after = means.groupby(["architecture", "seed"]).last().groupby("architecture").mean()
    moved = pd.DataFrame(
        {"ssim": after["ssim"] - before["ssim"], "piq": after["piq"] / before["piq"] - 1}
    ).dropna()
    ssim, piq = MEASURES["ssim"].absolute, MEASURES["piq"].relative
    return moved[(moved["ssim"].abs() > ssim) | (moved["piq"].abs() > piq)]


MIDDLE = (4, 5)
"""The two middle frames of ten."""
AGREEMENT = 0.8
"""A frame looks like a digit if four of its five nearest training images are the same digit."""


def digit_frames(records: Records, variant: str = "") -> pd.Series:
    """Share of the frames in the middle of the 25 paths that look like a digit, in [0, 1]. Index slug."""
    frames = records.frames
    middle = frames[(frames["variant"] == variant) & frames["frame"].isin(MIDDLE)]
    return (middle["confidence"] >= AGREEMENT).groupby(middle["architecture"]).mean()


def _pooled_sd(values: pd.DataFrame) -> pd.Series:
    """Root mean square of the runs' SDs: every run has the same number of images."""
    within = values.groupby(["architecture", "seed"])["value"].var(ddof=1)
    return np.sqrt(within.groupby("architecture").mean())
