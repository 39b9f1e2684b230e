"""Made-up campaigns with the shape of real ones, so that analysis and rendering can be tested without training.

`make_records()` draws per-image and per-pair measurements around given targets (by default the paper's own
Tables I and II) and derives every other frame from them, as the real store does. Deterministic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from zlib import crc32

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from reproduce import paper
from reproduce.architectures.names import (
    BASELINE,
    IMAGE_METRICS,
    MILESTONE_IMAGES,
    MILESTONE_PAIRS,
    PAIR_METRICS,
    REFERENCES,
)
from reproduce.metrics import OTHER_IMAGE_METRICS
from reproduce.storage.records import Arrays, Records
from reproduce.storage.revisions import EVALUATION_REVISION

KEY = ("architecture", "variant", "seed")
SEEDS = (42, 123, 456)
IMAGES, PAIRS, FRAMES, SIDE = 100, 25, 10, 28
PIXELS = SIDE * SIDE
COLLAPSED = {
    "ssim": 0.25, "mse": 0.067, "psnr": 11.8, "mae": 0.14, "piq": 2e-10, "iss": 1e-13, "i_ssim": 0.9999,
}  # fmt: skip
"""What a model does that decodes the same blur whatever its code."""
PCA = {"ssim": 0.70, "mse": 0.0268, "psnr": 16.3, "mae": 0.098, "piq": 0.0016, "iss": 0.35, "i_ssim": 0.96}
RIVALS = {"uniform11": 0.05, "uniform7": 0.01, "uniform7_range2": 0.1, "zero_padded": 0.02}
"""Rival definition of SSIM → by which share of the distance from 1 it lies higher."""
MEAN_IMAGE_MSE = 0.0673
DETERMINISTIC = ("ae", "wae", "vq-vae", "rae-gp", "rae-l2", "pca-16", "mean-image")
BASES = (*IMAGE_METRICS, *OTHER_IMAGE_METRICS)
IMAGE_PATHS, PAIR_PATHS = {"sampled": 1.0, "mean": 0.95}, {"main": 1.0, "sampled": 1.05}
"""Path → how much worse measurements are on it; tables take the first."""
PAIR_COLUMNS = (*PAIR_METRICS, "uniformity", "end_distance", "piq_over_floor")


def make_records(
    profile: str = "desk",
    seeds: tuple[int, ...] = SEEDS,
    *,
    architectures: Iterable[str] = paper.PAPER_SLUGS,
    variants: Mapping[str, Iterable[str]] | None = None,
    collapsed: Iterable[str] = (),
    failed: Iterable[str] = (),
    missing: Iterable[str] = (),
    targets: pd.DataFrame | None = None,
    seed_spread: float = 0.01,
    references: bool = True,
) -> Records:
    """A campaign whose summary lies near `targets`, a models frame (default: the paper's tables).

    variants:    variant name → slugs that also have runs of that variant, e.g. {"pythae": ["vae"]}.
    collapsed, failed, missing: slugs whose runs are so in every seed.
    seed_spread: relative SD of a run's mean around its target; 0 meets means and SDs exactly.
    """
    targets = paper.models() if targets is None else targets
    collapsed, failed, missing = map(frozenset, (collapsed, failed, missing))
    plan = [(slug, "", seed) for slug in architectures if slug not in missing for seed in seeds]
    others = [(slug, name) for name, slugs in (variants or {}).items() for slug in slugs]
    plan += [(slug, name, seed) for slug, name in others for seed in seeds]
    plan += [(slug, "", 0) for slug in REFERENCES if references]
    names = ("runs", "images", "pairs", "frames", "digits", "curves", "milestones")
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in names}
    for slug, variant, seed in plan:
        run = {"architecture": slug, "variant": variant, "seed": seed}
        if slug in failed:
            failure = {"status": "failed", "reason": "loss not finite in epoch 2"}
            frames["runs"].append(pd.DataFrame([run | failure]))
            continue
        measured = _measure(run, _targets(slug, targets, slug in collapsed), seed_spread)
        measured["runs"] = _run(run, measured, slug in collapsed)
        for name, frame in measured.items():
            frames[name].append(frame)
    nothing = pd.DataFrame(columns=list(KEY))
    joined = {name: pd.concat(parts or [nothing], ignore_index=True) for name, parts in frames.items()}
    if frames["runs"]:  # failed runs have neither
        joined["runs"]["reason"] = joined["runs"]["reason"].fillna("")
        known = joined["runs"].get("collapsed", pd.Series(False, joined["runs"].index))
        joined["runs"]["collapsed"] = known.eq(True)
    return Records(profile=profile, load_samples=_samples, **joined)


@cache
def paperlike() -> Records:
    """The campaign whose means and spreads are those of the paper's tables. Shared: do not change it."""
    return make_records(seed_spread=0.0)


def _targets(slug: str, models: pd.DataFrame, collapsed: bool) -> dict[str, float]:
    if slug == "mean-image" or collapsed:
        means = COLLAPSED
    elif slug == "pca-16":
        means = PCA
    else:
        # the paper prints no row of a further architecture
        row = models.loc[slug if slug in models.index else BASELINE]
        return {str(name): float(value) for name, value in row.items()}
    errors = {name: 1 - value if "ssim" in name else value for name, value in means.items()}
    return dict(means) | {f"{name}_sd": 0.1 * error for name, error in errors.items()}


def _rng(*key: object) -> np.random.Generator:
    return np.random.default_rng(crc32("/".join(map(str, key)).encode()))


def _draw(metric: str, mean: float, sd: float, difficulty: np.ndarray) -> np.ndarray:
    """Values of that mean, that SD and the metric's range, worse where difficulty is high."""
    if metric == "psnr":
        values = mean - sd * difficulty
        return values - values.mean() + mean
    bounded = "ssim" in metric  # similarity lies below 1: model its distance from 1
    centre = 1 - mean if bounded else mean
    sd = sd if np.isfinite(sd) and sd > 0 else 0.4 * centre
    # log-normal, hence positive and skewed, of exactly this mean and SD
    shape = brentq(lambda s: _variation(np.exp(s * difficulty)) - sd / centre, 1e-6, 20)
    values = np.exp(shape * difficulty)
    values *= centre / values.mean()
    return 1 - values if bounded else values


def _variation(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / values.mean())


def _measure(
    run: Mapping[str, object], target: Mapping[str, float], spread: float
) -> dict[str, pd.DataFrame]:
    """All frames of one run but `runs`. Difficulty is shared between models, as images are."""
    rng = _rng(run["architecture"], run["variant"], run["seed"])
    shift = 1 + spread * rng.standard_normal()

    def mean_of(metric: str, factor: float) -> float:
        value, worse = target[metric], shift * factor
        if metric == "psnr":
            return value / worse
        return 1 - (1 - value) * worse if "ssim" in metric else value * worse

    def difficulty(purpose: str, n: int) -> np.ndarray:
        mixed = np.sqrt(0.8) * _rng(purpose).standard_normal(n) + np.sqrt(0.2) * rng.standard_normal(n)
        return np.asarray((mixed - mixed.mean()) / mixed.std(ddof=1))

    labels = np.arange(IMAGES) % 10
    images, pairs = [], []
    for path, factor in IMAGE_PATHS.items():
        hard = difficulty("images", IMAGES)
        values = {m: _draw(m, mean_of(m, factor), target[f"{m}_sd"], hard) for m in IMAGE_METRICS}
        images.append(
            pd.DataFrame(
                dict(run)
                | {"path": path, "image": np.arange(IMAGES) * 37, "label": labels}
                | values
                | {f"ssim_{name}": _shifted(values["ssim"], share) for name, share in RIVALS.items()}
                | {
                    name: 0.05 + 0.04 * values["ssim"] + 0.002 * rng.standard_normal(IMAGES)
                    for name in OTHER_IMAGE_METRICS
                }
            )
        )
    for path, factor in PAIR_PATHS.items():
        hard = difficulty("pairs", PAIRS)
        values = {m: _draw(m, mean_of(m, factor), target[f"{m}_sd"], hard) for m in PAIR_METRICS}
        over_floor = 1.1 + 0.5 * rng.random(PAIRS)
        distance = 81 * values["piq"] / over_floor
        flat = distance < 1e-6
        pairs.append(
            pd.DataFrame(
                dict(run)
                | {"path": path, "pair": np.arange(PAIRS)}
                | {"first": np.arange(PAIRS) * 2, "second": np.arange(PAIRS) * 2 + 1}
                | {"first_label": np.arange(PAIRS) % 10, "second_label": (np.arange(PAIRS) + 3) % 10}
                | values
                | {f"i_ssim_{name}": _shifted(values["i_ssim"], share) for name, share in RIVALS.items()}
                | {"uniformity": np.where(flat, np.nan, np.sqrt(values["iss"]) / (PIXELS * values["piq"]))}
                | {"end_distance": distance, "piq_over_floor": np.where(flat, np.nan, over_floor)}
            )
        )
    by_digit = {}
    for m in IMAGE_METRICS:
        by_digit[m] = _draw(m, mean_of(m, 1.0), 0.05 * abs(target[m]), difficulty("digits", 10))
    digits = pd.DataFrame(
        dict(run)
        | {"label": np.arange(10), "n": 1000}
        | by_digit
        | {f"{name}_sd": abs(value) / 5 for name, value in by_digit.items()}
        | {"changed": (4 * by_digit["mse"]).clip(0, 1)}
    )
    epochs = np.arange(1, 11)
    loss = PIXELS * target["mse"] * (1 + 2 * np.exp(-epochs / 2.0))
    losses = {"training_loss": loss, "validation_loss": 1.02 * loss}
    curves = pd.DataFrame(dict(run) | {"epoch": epochs} | losses)
    kept = slice(None if run["architecture"] not in REFERENCES else 0)
    middle = np.abs(np.arange(FRAMES) - (FRAMES - 1) / 2)
    frames = pd.DataFrame(
        dict(run)
        | {"pair": np.repeat(np.arange(PAIRS), FRAMES), "frame": np.tile(np.arange(FRAMES), PAIRS)}
        | {"predicted": np.repeat(np.arange(PAIRS) % 10, FRAMES)}
        | {"confidence": np.tile(np.round(0.6 + 0.08 * middle, 1), PAIRS)}
    )
    found = {"images": pd.concat(images, ignore_index=True), "pairs": pd.concat(pairs, ignore_index=True)}
    milestones = pd.concat([_milestone(found, epoch) for epoch in (5, 10)], ignore_index=True)
    found |= {"frames": frames, "digits": digits}
    return found | {"curves": curves[kept], "milestones": milestones[kept]}


def _shifted(values: np.ndarray, share: float) -> np.ndarray:
    """A similarity nearer to 1 by that share of its distance from it."""
    return values + share * (1 - values)


def _milestone(found: Mapping[str, pd.DataFrame], epoch: int) -> pd.DataFrame:
    """The rows after that epoch of ten: errors larger and steps smaller before the last."""
    images, pairs = found["images"], found["pairs"]
    images, pairs = images[images["path"] == "sampled"].copy(), pairs[pairs["path"] == "main"].copy()
    images["mse"] *= 1 + (10 - epoch) / 50
    pairs["piq"] *= 1 - (10 - epoch) / 50
    rows = [
        images[[*KEY, "image", *MILESTONE_IMAGES]].rename(columns={"image": "item"}).assign(record="image"),
        pairs[[*KEY, "pair", *MILESTONE_PAIRS]].rename(columns={"pair": "item"}).assign(record="pair"),
    ]
    return pd.concat(rows, ignore_index=True).assign(epoch=epoch, revision=EVALUATION_REVISION)


def _run(run: Mapping[str, object], measured: Mapping[str, pd.DataFrame], collapsed: bool) -> pd.DataFrame:
    """The row of `runs`: means of the other frames, and plausible diagnostics."""
    rng = _rng("run", *run.values())
    images, pairs = measured["images"].groupby("path"), measured["pairs"].groupby("path")
    means = images.get_group("sampled")[list(BASES)].mean()
    smooth = pairs.get_group("main")[list(PAIR_COLUMNS)].mean()
    whole = {
        f"test_{metric}{suffix}": images.get_group(path)[metric].mean()
        for suffix, path in (("", "sampled"), ("_mean_code", "mean"))
        for metric in IMAGE_METRICS
    }
    dead = collapsed or run["architecture"] == "mean-image"
    slow = 1.0 + 3.0 * rng.random()
    still = float(pairs.get_group("main")["piq_over_floor"].isna().sum())
    kl = np.nan if run["architecture"] in DETERMINISTIC else 1e-4 if dead else 8 + 4 * rng.random()
    row = (
        dict(run)
        | {"status": "fresh", "reason": ""}
        | means.to_dict()
        | smooth.to_dict()
        | whole
        | {f"test_{name}": value for name, value in smooth.items()}
        | {"kl": kl, "collapsed": dead}
        | {"active_units": 0 if dead else int(rng.integers(8, 17)), "stuck_pixels": 0}
        | {"code_sd": 0.01 if dead else 1 + rng.random(), "mse_ratio": means["mse"] / MEAN_IMAGE_MSE}
        | {"epochs": 10, "best_epoch": 10, "validation_loss": PIXELS * means["mse"]}
        | {"parameters": 389_921 + int(rng.integers(0, 50_000)), "parameters_encoder": 129_792}
        | {"parameters_decoder": 259_681, "code_size": 144 if run["architecture"] == "vq-vae" else 16}
        | {
            "training_seconds": 600 * slow,
            "processor_clock": 1.0,
            "hardware": "AMD EPYC",
            "inference_microseconds": 80 * slow,
        }
        | {"peak_memory_mib": 900 + 100 * slow, "still_pairs": still, "test_still_pairs": still}
    )
    return pd.DataFrame([row])


def _blobs(labels: np.ndarray, sharpness: float) -> np.ndarray:
    """Images (n, 28, 28) uint8: a ring whose radius and place depend on the label."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    centre = np.stack([10 + labels % 4, 16 - labels % 3], axis=1)[:, :, None, None]
    radius = np.hypot(y - centre[:, 0], x - centre[:, 1])
    ring = np.exp(-sharpness * (radius - 4 - (labels % 5)[:, None, None]) ** 2)
    return np.asarray(255 * ring, dtype=np.uint8)


def _samples(architecture: str, seed: int, variant: str = "") -> Arrays:
    """The sample arrays of one run, or of ("originals", 0)."""
    labels = np.arange(IMAGES) % 10
    first, second = np.arange(PAIRS) % 10, (np.arange(PAIRS) + 3) % 10
    if architecture == "originals":
        return {
            "images": _blobs(labels, 0.3),
            "labels": labels,
            "pairs": np.stack([np.arange(PAIRS) * 2, np.arange(PAIRS) * 2 + 1], axis=1),
            "pair_originals": np.stack([_blobs(first, 0.3), _blobs(second, 0.3)], axis=1),
        }
    rng = _rng("samples", architecture, variant, seed)
    code_labels = np.arange(1000) % 10
    centres = _rng("centres", architecture).standard_normal((10, 16)) * 2
    dimension = 144 if architecture == "vq-vae" else 16
    codes = np.tile(centres[code_labels], (1, dimension // 16)) + rng.standard_normal((1000, dimension))
    if architecture == "svae":
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
    steps = np.linspace(0, 1, FRAMES)[None, :, None, None]
    ends = _blobs(first, 0.15).astype(float)[:, None], _blobs(second, 0.15).astype(float)[:, None]
    return {
        "reconstructions": _blobs(labels, 0.15),
        "frames": np.asarray((1 - steps) * ends[0] + steps * ends[1], dtype=np.uint8),
        "codes": codes.astype(np.float32),
        "code_labels": code_labels,
        "code_images": np.arange(1000),
        "worst_images": np.arange(8) * 11,
        "worst_originals": _blobs(np.arange(8), 0.3),
        "worst_reconstructions": _blobs(np.arange(8), 0.08),
        "stuck": np.zeros((SIDE, SIDE), np.uint8),
    }
