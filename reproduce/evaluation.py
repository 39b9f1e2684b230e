"""Weights → per-image and per-pair records, codes, sample images: everything that later stages read.

The columns of each record are listed in `IMAGE_COLUMNS`, `PAIR_COLUMNS`, `FRAME_COLUMNS`, `DIGIT_COLUMNS`,
`MILESTONE_COLUMNS`; scalars in `Evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from reproduce import metrics
from reproduce.architectures.backbone import count_parameters
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.names import (
    I_SSIMS,
    IMAGE_METRICS,
    MILESTONE_IMAGES,
    MILESTONE_PAIRS,
    RECOGNISED,
)
from reproduce.datasets import PIXELS, Dataset, evaluation_indices
from reproduce.machine import devices
from reproduce.protocol import COLLAPSED, FRAMES, Protocol, stream
from reproduce.storage.revisions import EVALUATION_REVISION
from reproduce.training import as_tensor, player_gradients

CHUNK = 250
"""Images per forward pass; in evaluation mode results do not depend on it."""
ACTIVE = 0.01
"""A dimension is active if its mean code has a larger variance (Burda et al. 2016, Section 5.3)."""
NEIGHBOURS, REFERENCE_DIGITS = 5, 10_000
"""The small classifier that detects changed digits: 5 nearest neighbours among the first 10,000 training images."""
WORST = 8
GREYS = 64
"""Grey levels of the sample images, which are for pictures only; 256 levels would take twice the bytes."""
STUCK_SD, EXTREME, LIVELY = 0.01, 0.02, 0.05
"""A pixel is stuck if its SD over the test set is below STUCK_SD and its mean is within EXTREME of 1, or within EXTREME
of 0 while the training images' mean is above LIVELY. (A model that returns their mean has no stuck pixel.)"""

PATHS = ("sampled", "mean", "raw")
IMAGE_COLUMNS = (
    "path", "image", "label", *MILESTONE_IMAGES, *metrics.OTHER_IMAGE_METRICS, *RECOGNISED,
    *(f"{name}_original" for name in RECOGNISED),
)  # fmt: skip
SMOOTHNESS = tuple(field.name for field in fields(metrics.Smoothness))
PAIR_COLUMNS = ("path", "pair", "first", "second", "first_label", "second_label", *SMOOTHNESS, *I_SSIMS[1:])
FRAME_COLUMNS = ("pair", "frame", *RECOGNISED)
DIGIT_COLUMNS = ("label", "n", *IMAGE_METRICS, *(f"{name}_sd" for name in IMAGE_METRICS), "changed")
MILESTONE_COLUMNS = ("epoch", "revision", "record", "item", *MILESTONE_IMAGES, *MILESTONE_PAIRS)


@dataclass(frozen=True)
class Evaluation:
    """All measurements of one run.

    images: IMAGE_COLUMNS, 100 rows per path ("sampled", "mean", "raw"); pairs: PAIR_COLUMNS, 25 rows per path ("main",
            "sampled", "raw", and the architecture's own); frames: FRAME_COLUMNS, 10 rows per pair of the main path;
            digits: DIGIT_COLUMNS over the whole test set, 10 rows.
    samples: reconstructions (100, 28, 28), frames (25, 10, 28, 28), worst_originals and worst_reconstructions
            (8, 28, 28), uint8; worst_images (8,); codes (≤1000, d) float32 with code_labels and code_images;
            stuck (28, 28) uint8, 1 where a pixel is stuck.
    scalars: means over the paper's images and pairs; means and SDs over the whole test set (test_<metric>,
            test_<metric>_sd; test_<metric>_mean_code and _raw_code for the other two paths); KL in nats, active units,
            SD and size of the code, MSE divided by the mean image's, how many pairs do not move, stuck pixels,
            parameter counts, the architecture's own diagnostics (diag_…).
    timing: depends on the machine: inference_microseconds per image.
    """

    images: pd.DataFrame
    pairs: pd.DataFrame
    frames: pd.DataFrame
    digits: pd.DataFrame
    samples: dict[str, np.ndarray]
    scalars: dict[str, float]
    timing: dict[str, float]


def as_uint8(images: np.ndarray) -> np.ndarray:
    """[0, 1] → 0 … 255 in GREYS levels: for pictures only, never for metrics."""
    levels = np.round(np.clip(images, 0, 1) * (GREYS - 1))
    return np.round(levels * (255 / (GREYS - 1))).astype(np.uint8)


@lru_cache(maxsize=1)
def neighbour_search(protocol: Protocol) -> tuple[NearestNeighbors, np.ndarray]:
    """A brute-force search for nearest neighbours in pixel space, and the labels (n,) of the images that it searches;
    cached for the next run of the same process."""
    from reproduce.datasets import load

    train = load(protocol).train
    images = train.images[:REFERENCE_DIGITS].reshape(-1, PIXELS).astype(np.float32) / 255
    search = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute", n_jobs=1).fit(images)
    return search, train.labels[:REFERENCE_DIGITS]


@dataclass(frozen=True)
class Recognition:
    """The small classifier's outputs for images, each (n,).

    predicted: the label. confidence: the share of the 5 neighbours that have it, 0.2 to 1. nearest_distance: mean
    squared difference per pixel from the nearest training image. (Blur lowers it: compare only equally sharp images.)
    """

    predicted: np.ndarray
    confidence: np.ndarray
    nearest_distance: np.ndarray


def recognise(protocol: Protocol, images: np.ndarray) -> Recognition:
    """Classify images (..., 28, 28) in [0, 1], flattened to a list. In a tie between labels the smallest wins."""
    search, labels = neighbour_search(protocol)
    distances, neighbours = search.kneighbors(images.reshape(-1, PIXELS))
    votes = (labels[neighbours][:, :, None] == np.arange(labels.max() + 1)).sum(1)
    return Recognition(votes.argmax(1), votes.max(1) / NEIGHBOURS, distances[:, 0] ** 2 / PIXELS)


@lru_cache(maxsize=1)
def recognised_originals(protocol: Protocol) -> Recognition:
    """The classifier's outputs for the test set's own images; cached for the next run of the same process."""
    from reproduce.datasets import load

    return recognise(protocol, load(protocol).test.images.astype(np.float32) / 255)


def image_metrics(originals: np.ndarray, images: np.ndarray) -> dict[str, np.ndarray]:
    """MILESTONE_IMAGES of reconstructions: (n, 28, 28) twice → (n,) each."""
    found = {"ssim": metrics.ssim(originals, images)}
    found |= {f"ssim_{name}": ssim(originals, images) for name, ssim in metrics.RIVAL_SSIMS.items()}
    return found | {name: getattr(metrics, name)(originals, images) for name in ("mse", "psnr", "mae")}


def pair_metrics(frames: np.ndarray) -> dict[str, np.ndarray]:
    """Smoothness and every I-SSIM of sequences: (n, K, 28, 28) → (n,) each."""
    measured = metrics.smoothness(frames)
    found = {name: getattr(measured, name) for name in SMOOTHNESS}
    return found | {
        f"i_ssim_{name}": metrics.i_ssim(frames, ssim) for name, ssim in metrics.RIVAL_SSIMS.items()
    }


def stuck_pixels(images: np.ndarray, data_mean: np.ndarray) -> np.ndarray:
    """Pixels that hardly vary over a test set, at an extreme value that the data do not have: reconstructions (N, H, W)
    and the training images' mean (H, W), in [0, 1] → (H, W) bool.

    Such a pixel's sigmoid is saturated, so training can no longer change it. It is a defect of training that affects
    every metric without being noticed.
    """
    mean, still = images.mean(0, np.float64), images.std(0, dtype=np.float64) < STUCK_SD
    black = (mean < EXTREME) & (data_mean > LIVELY)
    return np.asarray(still & (black | (mean > 1 - EXTREME)))


class Evaluator:
    """One architecture in evaluation mode on one data set."""

    def __init__(
        self, architecture: Architecture, protocol: Protocol, data: Dataset, seed: int, device: str
    ) -> None:
        self.architecture = architecture.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.protocol, self.data, self.seed = protocol, data, seed
        self.tensors = as_tensor(data.test.images, device)
        self.originals = data.test.images.astype(np.float32) / 255
        self.data_mean = data.train.images.mean(axis=0, dtype=np.float64) / 255
        self.indices = evaluation_indices(protocol)

    def chunks(self) -> Iterator[Tensor]:
        """The test set in chunks of CHUNK images."""
        return iter(self.tensors.split(CHUNK))

    def seeded(self, what: str) -> None:
        """Start a separate random stream for each measurement, so that a new one does not change the others."""
        torch.manual_seed(stream(self.seed, f"evaluation-{what}"))

    @torch.no_grad()
    def through(self, path: str, images: Iterable[Tensor], what: str) -> np.ndarray:
        """Images encoded and decoded: (n, 28, 28) float32. path: one of PATHS."""
        model = self.architecture
        code = {"sampled": model.sample, "mean": model.encode, "raw": model.raw_code}[path]
        self.seeded(what)
        return torch.cat([model.decode(code(x)).squeeze(1).cpu() for x in images]).numpy()

    def reconstructions(self, path: str = "sampled") -> np.ndarray:
        """The paper's 100 images by that path, (100, 28, 28). The draws of z do not depend on the rest of the test set:
        a milestone and the evaluation of the same weights agree."""
        chosen = torch.from_numpy(self.indices.images).to(self.tensors.device)
        return self.through(path, [self.tensors[chosen]], f"images-{path}")

    # --- interpolation --------------------------------------------------------------------------------

    @torch.no_grad()
    def main_frames(self, pairs: np.ndarray) -> np.ndarray:
        """Frames (n, K, 28, 28) between the deterministic codes of each pair (n, 2) of test images (Eq. 6)."""
        first, second = self.ends(pairs)
        model = self.architecture
        return model.interpolate(model.encode(first), model.encode(second), self.steps()).cpu().numpy()

    def ends(self, pairs: np.ndarray) -> tuple[Tensor, Tensor]:
        """The images of each pair: (n, 2) → (n, 1, 28, 28) twice."""
        index = torch.from_numpy(pairs).to(self.tensors.device)
        return self.tensors[index[:, 0]], self.tensors[index[:, 1]]

    def steps(self) -> Tensor:
        """The K weights of Eq. 6."""
        return torch.linspace(0, 1, FRAMES, device=self.tensors.device)

    @torch.no_grad()
    def other_frames(self, pairs: np.ndarray) -> dict[str, np.ndarray]:
        """Path → frames (n, K, 28, 28): between draws of z ("sampled"), between the codes that Pythae's `predict` uses
        ("raw": no flow, no quantiser, no sphere), and the architecture's own other paths."""
        model, weights = self.architecture, self.steps()
        first, second = self.ends(pairs)
        self.seeded("interpolation")
        found = {"sampled": model.interpolate(model.sample(first), model.sample(second), weights)}
        raw = model.raw_code(first), model.raw_code(second)
        found["raw"] = Architecture.interpolate(model, *raw, weights)
        means = model.encode(first), model.encode(second)
        found |= {name: path(*means, weights) for name, path in model.other_paths().items()}
        return {path: frames.cpu().numpy() for path, frames in found.items()}

    def many_pairs(self) -> dict[str, np.ndarray]:
        """Smoothness of the main path over the protocol's `whole_pairs`: metric → (n,)."""
        parts = np.array_split(self.indices.whole_pairs, max(1, self.protocol.whole_pairs // 50))
        found = [metrics.smoothness(self.main_frames(pairs)) for pairs in parts]
        return {name: np.concatenate([getattr(part, name) for part in found]) for name in SMOOTHNESS}

    def pair_records(self, frames: dict[str, np.ndarray]) -> pd.DataFrame:
        """Rows with PAIR_COLUMNS. frames: path → (n, K, 28, 28)."""
        labels = self.data.test.labels
        first, second = self.indices.pairs.T
        rows = []
        for path, sequence in frames.items():
            head = {"path": path, "pair": np.arange(len(first)), "first": first, "second": second}
            head |= {"first_label": labels[first], "second_label": labels[second]}
            rows.append(pd.DataFrame(head | pair_metrics(sequence)))
        return pd.concat(rows, ignore_index=True)

    def frame_records(self, frames: np.ndarray) -> pd.DataFrame:
        """FRAME_COLUMNS of sequences (n, K, 28, 28): do the frames in the middle look like digits?"""
        n, k = frames.shape[:2]
        found = recognise(self.protocol, frames)
        return pd.DataFrame(
            {"pair": np.repeat(np.arange(n), k), "frame": np.tile(np.arange(k), n)} | vars(found)
        )

    # --- reconstruction -------------------------------------------------------------------------------

    def image_records(self, reconstructed: dict[str, np.ndarray]) -> pd.DataFrame:
        """IMAGE_COLUMNS for the paper's 100 images."""
        chosen = self.indices.images
        originals = self.originals[chosen]
        known = recognised_originals(self.protocol)
        rows = []
        for path, images in reconstructed.items():
            row: dict[str, object] = {"path": path, "image": chosen, "label": self.data.test.labels[chosen]}
            row |= image_metrics(originals, images)
            row |= {name: of(originals, images) for name, of in metrics.OTHER_IMAGE_METRICS.items()}
            row |= vars(recognise(self.protocol, images))
            row |= {f"{name}_original": values[chosen] for name, values in vars(known).items()}
            rows.append(pd.DataFrame(row)[list(IMAGE_COLUMNS)])
        return pd.concat(rows, ignore_index=True)

    def digit_records(self, measured: dict[str, np.ndarray], changed: np.ndarray) -> pd.DataFrame:
        """DIGIT_COLUMNS. measured: metric → (N,) over the whole test set; changed: (N,) bool."""
        frame = pd.DataFrame(
            {name: measured[name] for name in IMAGE_METRICS} | {"changed": changed.astype(float)}
        )
        grouped = frame.groupby(self.data.test.labels.astype(int))
        digits = grouped.mean().join(grouped[list(IMAGE_METRICS)].std(ddof=0).add_suffix("_sd"))
        digits.insert(0, "n", grouped.size())
        return digits.rename_axis("label").reset_index()[list(DIGIT_COLUMNS)]

    # --- codes ----------------------------------------------------------------------------------------

    @torch.no_grad()
    def codes(self) -> np.ndarray:
        """Deterministic codes of the whole test set, flattened: (N, d) float32."""
        return torch.cat([self.architecture.encode(x).flatten(1).cpu() for x in self.chunks()]).numpy()

    @torch.no_grad()
    def kl(self) -> float:
        """Mean KL in nats over the test set; NaN for models without a posterior."""
        self.seeded("kl")
        values = [self.architecture.kl(x) for x in self.chunks()]
        known = [value.cpu().double() for value in values if value is not None]
        return float(torch.cat(known).mean()) if known else float("nan")

    def inference_microseconds(self, repeats: int = 5) -> float:
        """Shortest time of encoding and decoding 64 images, per image, by `devices.clock`."""
        x, clock = self.tensors[:64], devices.clock(self.tensors.device.type)
        times = []
        with torch.no_grad():
            for _ in range(repeats):
                started = clock()
                self.architecture.decode(self.architecture.encode(x)).cpu()
                times.append(clock() - started)
        return min(times) / len(x) * 1e6

    def evaluate(self) -> Evaluation:
        """All measurements. Deterministic except for `timing`."""
        images = {path: self.reconstructions(path) for path in PATHS}
        frames = {"main": self.main_frames(self.indices.pairs)} | self.other_frames(self.indices.pairs)
        whole = {path: self.through(path, self.chunks(), path) for path in PATHS}
        measured = {
            path: {name: getattr(metrics, name)(self.originals, found) for name in IMAGE_METRICS}
            for path, found in whole.items()
        }
        changed = (
            recognise(self.protocol, whole["sampled"]).predicted
            != recognised_originals(self.protocol).predicted
        )
        stuck = stuck_pixels(whole["mean"], self.data_mean)
        codes = self.codes()
        records, pairs = self.image_records(images), self.pair_records(frames)
        scalars = self.means(records, pairs) | self.whole_scalars(measured, self.many_pairs())
        scalars |= {"test_changed": float(changed.mean()), "stuck_pixels": float(stuck.sum())}
        worst = np.argsort(-measured["sampled"]["mse"], kind="stable")[:WORST]
        chosen = self.indices.codes
        samples = {
            "reconstructions": as_uint8(images["sampled"]),
            "frames": as_uint8(frames["main"]),
            "codes": codes[chosen],
            "code_labels": self.data.test.labels[chosen],
            "code_images": chosen.astype(np.uint16),
            "worst_images": worst.astype(np.uint16),
            "worst_originals": self.data.test.images[worst],
            "worst_reconstructions": as_uint8(whole["sampled"][worst]),
            "stuck": stuck.astype(np.uint8),
        }
        return Evaluation(
            images=records,
            pairs=pairs,
            frames=self.frame_records(frames["main"]),
            digits=self.digit_records(measured["sampled"], changed),
            samples=samples,
            scalars=scalars | self.diagnostics(codes) | self.sizes(),
            timing={"inference_microseconds": self.inference_microseconds()},
        )

    def milestone(self, epoch: int) -> pd.DataFrame:
        """MILESTONE_COLUMNS: one row per image and per pair, with the weights after that epoch (from 1). Leaves the
        architecture in evaluation mode and changes the state of torch's generator."""
        originals = self.originals[self.indices.images]
        pairs = pair_metrics(self.main_frames(self.indices.pairs))
        parts = {
            "image": (self.indices.images, image_metrics(originals, self.reconstructions())),
            "pair": (np.arange(len(self.indices.pairs)), {name: pairs[name] for name in MILESTONE_PAIRS}),
        }
        rows = [
            pd.DataFrame(
                {"epoch": epoch, "revision": EVALUATION_REVISION, "record": record, "item": items} | found
            )
            for record, (items, found) in parts.items()
        ]
        return pd.concat(rows, ignore_index=True)[list(MILESTONE_COLUMNS)]

    # --- scalars --------------------------------------------------------------------------------------

    def means(self, images: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, float]:
        """Means over the paper's images and pairs."""
        sampled, main = images[images["path"] == "sampled"], pairs[pairs["path"] == "main"]
        found = {name: float(sampled[name].mean()) for name in (*IMAGE_METRICS, *metrics.OTHER_IMAGE_METRICS)}
        # a ratio that is undefined for one sequence is undefined for the run
        found |= {name: float(main[name].mean(skipna=False)) for name in SMOOTHNESS}
        return found | {"still_pairs": float(main["piq_over_floor"].isna().sum())}

    def whole_scalars(
        self, measured: dict[str, dict[str, np.ndarray]], pairs: dict[str, np.ndarray]
    ) -> dict[str, float]:
        """Means over the whole test set for each path, and over `whole_pairs`; with SDs for the main paths."""
        found: dict[str, float] = {}
        for path, suffix in {"sampled": "", "mean": "_mean_code", "raw": "_raw_code"}.items():
            found |= {f"test_{name}{suffix}": float(values.mean()) for name, values in measured[path].items()}
        for name, values in (measured["sampled"] | pairs).items():
            found |= {f"test_{name}": float(values.mean()), f"test_{name}_sd": float(values.std())}
        mean_image_mse = float(metrics.mse(self.originals, self.data_mean).mean())
        return found | {
            "mse_ratio": found["test_mse"] / mean_image_mse,
            "test_still_pairs": float(np.isnan(pairs["piq_over_floor"]).sum()),
        }

    def diagnostics(self, codes: np.ndarray) -> dict[str, float]:
        """Statistics of the codes (N, d), and the architecture's own diagnostics (diag_…)."""
        variances = codes.astype(np.float64).var(axis=0)
        found = {
            "kl": self.kl(),
            "active_units": float((variances > ACTIVE).sum()),
            "code_sd": float(np.sqrt(variances.mean())),
            "code_size": float(codes.shape[1]),
        }
        self.seeded("diagnostics")
        own = self.architecture.diagnostics(self.chunks())
        return found | {f"diag_{name}": float(value) for name, value in own.items()}

    def sizes(self) -> dict[str, float]:
        """Parameter counts, and the memory that one training step of 64 images holds.

        parameters: trained by gradients. parameters_frozen: biases before a batch norm, which cancels them.
        parameters_averaged: updated by moving averages, as a codebook is.
        """
        model = self.architecture
        total = count_parameters(model, trained=True)
        parts = {
            name: count_parameters(getattr(model, name, torch.nn.Identity()), trained=True)
            for name in ("encoder", "decoder")
        }
        return {
            "parameters": total,
            "parameters_encoder": parts["encoder"],
            "parameters_decoder": parts["decoder"],
            "parameters_other": total - sum(parts.values()),
            "parameters_frozen": count_parameters(model) - total,
            "parameters_averaged": model.averaged_parameters(),
            "peak_memory_mib": self.step_memory(),
        }

    def step_memory(self) -> float:
        """MiB of parameters, gradients, Adam's moments and all tensors that the step's autograd graph keeps.

        Counted, not sampled from the process, so it is the same on every machine and for every data set. 0 if nothing
        is trained.
        """
        players = self.architecture.players()
        trained = [p for player in players for p in player.parameters]
        if not trained:
            return 0.0
        counted = {p.untyped_storage().data_ptr() for p in trained}
        # a reference to each storage keeps its address from being used again
        kept: dict[int, torch.UntypedStorage] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in counted:
                kept[storage.data_ptr()] = storage
            return tensor

        state = {name: value.clone() for name, value in self.architecture.state_dict().items()}
        self.architecture.train()
        self.seeded("memory")
        # copies, because a view's storage would be the whole test set
        batch = Batch(self.tensors[:64].clone(), self.tensors[64:128].clone())
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            losses = self.architecture.losses(batch, 0.5)
            player_gradients(players, losses.players)
        self.architecture.eval()
        self.architecture.load_state_dict(state)
        # each parameter, its gradient and Adam's two moments
        parameters = 4 * sum(p.nbytes for p in trained)
        return (parameters + sum(storage.nbytes() for storage in kept.values())) / 2**20


def evaluate(
    architecture: Architecture, protocol: Protocol, data: Dataset, seed: int, device: str
) -> Evaluation:
    """All measurements of one run: see `Evaluation`."""
    return Evaluator(architecture, protocol, data, seed, device).evaluate()


def originals(protocol: Protocol, data: Dataset) -> dict[str, np.ndarray]:
    """The test images behind the sample images: images (100, 28, 28), labels, pairs (25, 2), pair_originals."""
    indices = evaluation_indices(protocol)
    return {
        "images": data.test.images[indices.images],
        "labels": data.test.labels[indices.images],
        "indices": indices.images,
        "pairs": indices.pairs,
        "pair_originals": data.test.images[indices.pairs],
    }


def collapsed(scalars: dict[str, float]) -> bool:
    """Whether MSE is above 0.95 of the mean image's, or no unit is active."""
    return scalars["mse_ratio"] > COLLAPSED or scalars["active_units"] == 0
