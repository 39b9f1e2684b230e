"""Weights → per-image and per-pair records, codes, sample images: everything that later stages read.

The columns of each record are listed in `IMAGE_COLUMNS`, `PAIR_COLUMNS`, `DIGIT_COLUMNS`; scalars in `Evaluation`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from reproduce import metrics
from reproduce.architectures.backbone import count_parameters
from reproduce.architectures.contract import Architecture, Batch
from reproduce.datasets import PIXELS, Dataset, evaluation_indices
from reproduce.names import IMAGE_METRICS
from reproduce.protocol import COLLAPSED, CONVERGED, FRAMES, Protocol, fell, stream
from reproduce.training import as_tensor, player_gradients

CHUNK = 250
"""Images a forward pass; evaluation mode does not depend on it."""
ACTIVE = 0.01
"""Variance of a code's mean above which a dimension is active (Burda et al. 2016, Section 5.3)."""
NEIGHBOURS, REFERENCE_DIGITS = 5, 10_000
"""The small classifier of digit changes: 5 nearest neighbours among the first 10,000 training images."""
WORST = 8

PATHS = ("sampled", "mean", "raw")
IMAGE_COLUMNS = (
    "path", "image", "label", "predicted", "predicted_original",
    "ssim", "ssim_uniform11", "ssim_uniform7", "mse", "psnr", "mae", "sharpness",
)  # fmt: skip
SMOOTHNESS = tuple(field.name for field in fields(metrics.Smoothness))
PAIR_COLUMNS = ("path", "pair", "first", "second", "first_label", "second_label", *SMOOTHNESS)
DIGIT_COLUMNS = ("label", "n", *IMAGE_METRICS, "changed")


@dataclass(frozen=True)
class Evaluation:
    """All measurements of one run.

    images: IMAGE_COLUMNS, 100 rows a path; pairs: PAIR_COLUMNS, 25 rows a path; digits: DIGIT_COLUMNS, 10 rows.
    whole:  arrays over the whole test set: <path>/<metric> (N,), pairs/<metric> (n_pairs,), predicted (N,).
    samples: reconstructions (100, 28, 28) uint8, frames (25, 10, 28, 28) uint8, codes (≤1000, d) float32 with
            code_labels and code_images, worst_images (8,) with worst_originals and worst_reconstructions uint8.
    scalars: means over the paper's images and pairs, over the whole test set (whole_…), KL, active units, SD of the
            codes, MSE over the mean image's, how many pairs do not move, parameter counts, the architecture's own
            diagnostics (diag_…).
    timing: what depends on the machine: inference_microseconds per image.
    """

    images: pd.DataFrame
    pairs: pd.DataFrame
    digits: pd.DataFrame
    whole: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]
    scalars: dict[str, float]
    timing: dict[str, float]


def as_uint8(images: np.ndarray) -> np.ndarray:
    """[0, 1] → 0 … 255, rounded: for pictures only, never for metrics."""
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


@lru_cache(maxsize=1)
def digit_classifier(protocol: Protocol) -> KNeighborsClassifier:
    """5 nearest neighbours in pixel space, brute force; kept for the next run of the same process."""
    from reproduce.datasets import load

    train = load(protocol).train
    images = train.images[:REFERENCE_DIGITS].reshape(-1, PIXELS).astype(np.float32) / 255
    classifier = KNeighborsClassifier(NEIGHBOURS, algorithm="brute", n_jobs=1)
    classifier.fit(images, train.labels[:REFERENCE_DIGITS])
    return classifier


class Evaluator:
    """One architecture in evaluation mode on one data set."""

    def __init__(
        self, architecture: Architecture, protocol: Protocol, data: Dataset, seed: int, device: str
    ) -> None:
        self.architecture = architecture.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.protocol, self.data, self.seed = protocol, data, seed
        self.tensors = as_tensor(data.test.images, device)
        self.originals = data.test.images.astype(np.float32) / 255
        self.indices = evaluation_indices(protocol)

    def chunks(self) -> Iterator[Tensor]:
        """The test set, a chunk at a time."""
        return iter(self.tensors.split(CHUNK))

    def seeded(self, what: str) -> None:
        """Every measurement starts a random stream of its own: adding one does not move another."""
        torch.manual_seed(stream(self.seed, f"evaluation-{what}"))

    @torch.no_grad()
    def through(self, code: Callable[[Tensor], Tensor], what: str) -> np.ndarray:
        """The whole test set through a code and back: (N, 28, 28) float32."""
        self.seeded(what)
        decoded = [self.architecture.decode(code(x)).squeeze(1).cpu() for x in self.chunks()]
        return torch.cat(decoded).numpy()

    def reconstructions(self) -> dict[str, np.ndarray]:
        """Path → reconstructions of the whole test set."""
        model = self.architecture
        codes = {"sampled": model.sample, "mean": model.encode, "raw": model.raw_code}
        return {path: self.through(codes[path], path) for path in PATHS}

    def predicted(self, images: np.ndarray) -> np.ndarray:
        """Labels that the small classifier gives, (N,)."""
        return np.asarray(digit_classifier(self.protocol).predict(images.reshape(-1, PIXELS)))

    # --- interpolation --------------------------------------------------------------------------------

    @torch.no_grad()
    def frames(self, pairs: np.ndarray) -> dict[str, np.ndarray]:
        """Path → frames (n, K, 28, 28) between the images of each pair."""
        model = self.architecture
        weights = torch.linspace(0, 1, FRAMES, device=self.tensors.device)
        first, second = (self.tensors[torch.from_numpy(pairs[:, side])] for side in (0, 1))
        means = model.encode(first), model.encode(second)
        self.seeded("interpolation")
        ends = {"described": means, "sampled": (model.sample(first), model.sample(second))}
        found = {path: model.interpolate(*codes, weights) for path, codes in ends.items()}
        # as Pythae's `predict` would see the codes: no flow, no quantiser, no sphere
        raw = model.raw_code(first), model.raw_code(second)
        found["raw"] = Architecture.interpolate(model, *raw, weights)
        found |= {name: path(*means, weights) for name, path in model.other_paths().items()}
        return {path: frames.cpu().numpy() for path, frames in found.items()}

    @torch.no_grad()
    def whole_pairs(self) -> dict[str, np.ndarray]:
        """Smoothness over the many pairs, described path: metric → (n,)."""
        model, found = self.architecture, []
        weights = torch.linspace(0, 1, FRAMES, device=self.tensors.device)
        for pairs in np.array_split(self.indices.whole_pairs, max(1, self.protocol.whole_pairs // 50)):
            first, second = (self.tensors[torch.from_numpy(pairs[:, side])] for side in (0, 1))
            frames = model.interpolate(model.encode(first), model.encode(second), weights)
            found.append(metrics.smoothness(frames.cpu().numpy()))
        return {name: np.concatenate([getattr(part, name) for part in found]) for name in SMOOTHNESS}

    def pair_records(self, frames: dict[str, np.ndarray]) -> pd.DataFrame:
        """PAIR_COLUMNS."""
        labels = self.data.test.labels
        first, second = self.indices.pairs.T
        rows = []
        for path, sequence in frames.items():
            measured = metrics.smoothness(sequence)
            head = {"path": path, "pair": np.arange(len(first)), "first": first, "second": second}
            head |= {"first_label": labels[first], "second_label": labels[second]}
            rows.append(pd.DataFrame(head | {name: getattr(measured, name) for name in SMOOTHNESS}))
        return pd.concat(rows, ignore_index=True)

    # --- reconstruction -------------------------------------------------------------------------------

    def image_records(
        self, reconstructed: dict[str, np.ndarray], predicted_original: np.ndarray
    ) -> pd.DataFrame:
        """IMAGE_COLUMNS for the paper's 100 images."""
        chosen = self.indices.images
        originals = self.originals[chosen]
        rows = []
        for path, images in reconstructed.items():
            y = images[chosen]
            rows.append(
                pd.DataFrame(
                    {
                        "path": path,
                        "image": chosen,
                        "label": self.data.test.labels[chosen],
                        "predicted": self.predicted(y),
                        "predicted_original": predicted_original[chosen],
                        "ssim": metrics.ssim(originals, y),
                        "ssim_uniform11": metrics.ssim_uniform(originals, y, 11),
                        "ssim_uniform7": metrics.ssim_uniform(originals, y, 7),
                        "mse": metrics.mse(originals, y),
                        "psnr": metrics.psnr(originals, y),
                        "mae": metrics.mae(originals, y),
                        "sharpness": metrics.sharpness(y),
                    }
                )
            )
        return pd.concat(rows, ignore_index=True)

    def digit_records(self, whole: dict[str, np.ndarray], changed: np.ndarray) -> pd.DataFrame:
        """DIGIT_COLUMNS over the whole test set."""
        frame = pd.DataFrame({name: whole[f"sampled/{name}"] for name in IMAGE_METRICS})
        frame["changed"] = changed.astype(float)
        grouped = frame.groupby(self.data.test.labels.astype(int))
        digits = grouped.mean().rename_axis("label").reset_index()
        digits.insert(1, "n", grouped.size().to_numpy())
        return digits

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
        """Least wall time of encoding and decoding 64 images, per image."""
        x = self.tensors[:64]
        times = []
        with torch.no_grad():
            for _ in range(repeats):
                started = time.perf_counter()
                self.architecture.decode(self.architecture.encode(x)).cpu()
                times.append(time.perf_counter() - started)
        return min(times) / len(x) * 1e6

    def evaluate(self) -> Evaluation:
        """Everything. Deterministic but for `timing`."""
        reconstructed = self.reconstructions()
        frames = self.frames(self.indices.pairs)
        codes = self.codes()
        whole = {
            f"{path}/{name}": getattr(metrics, name)(self.originals, images)
            for path, images in reconstructed.items()
            for name in IMAGE_METRICS
        }
        whole |= {f"pairs/{name}": values for name, values in self.whole_pairs().items()}
        predicted_original = self.predicted(self.originals)
        predicted = self.predicted(reconstructed["sampled"])
        images = self.image_records(reconstructed, predicted_original)
        pairs = self.pair_records(frames)
        scalars = self.scalars(images, pairs, whole, codes)
        whole = {name: values.astype(np.float32) for name, values in whole.items()}
        whole |= {
            "predicted": predicted.astype(np.uint8),
            "predicted_original": predicted_original.astype(np.uint8),
        }
        worst = np.argsort(-whole["sampled/mse"], kind="stable")[:WORST]
        chosen = self.indices.codes
        samples = {
            "reconstructions": as_uint8(reconstructed["sampled"][self.indices.images]),
            "frames": as_uint8(frames["described"]),
            "codes": codes[chosen],
            "code_labels": self.data.test.labels[chosen],
            "code_images": chosen,
            "worst_images": worst,
            "worst_originals": self.data.test.images[worst],
            "worst_reconstructions": as_uint8(reconstructed["sampled"][worst]),
        }
        return Evaluation(
            images=images,
            pairs=pairs,
            digits=self.digit_records(whole, predicted != predicted_original),
            whole=whole,
            samples=samples,
            scalars=scalars,
            timing={"inference_microseconds": self.inference_microseconds()},
        )

    def scalars(
        self, images: pd.DataFrame, pairs: pd.DataFrame, whole: dict[str, np.ndarray], codes: np.ndarray
    ) -> dict[str, float]:
        """See `Evaluation`."""
        sampled = images[images["path"] == "sampled"]
        described = pairs[pairs["path"] == "described"]
        found = {name: float(sampled[name].mean()) for name in (*IMAGE_METRICS, "sharpness")}
        # a ratio that one sequence leaves undefined is undefined for the run: it is not averaged away
        found |= {name: float(described[name].mean(skipna=False)) for name in SMOOTHNESS}
        for path in PATHS:
            suffix = "" if path == "sampled" else f"_{path}"
            for name in IMAGE_METRICS:
                found[f"whole_{name}{suffix}"] = float(whole[f"{path}/{name}"].mean())
        for name in SMOOTHNESS:
            found[f"whole_{name}"] = float(whole[f"pairs/{name}"].mean())
        variances = codes.astype(np.float64).var(axis=0)
        mean_image = self.data.train.images.astype(np.float64).mean(axis=0) / 255
        mean_image_mse = float(metrics.mse(self.originals, mean_image).mean())
        found |= {
            "kl": self.kl(),
            "active_units": float((variances > ACTIVE).sum()),
            "code_sd": float(np.sqrt(variances.mean())),
            "mse_ratio": found["whole_mse"] / mean_image_mse,
            "still_pairs": float(described["piq_over_floor"].isna().sum()),
            "whole_still_pairs": float(np.isnan(whole["pairs/piq_over_floor"]).sum()),
        }
        self.seeded("diagnostics")
        diagnostics = self.architecture.diagnostics(self.chunks())
        found |= {f"diag_{name}": float(value) for name, value in diagnostics.items()}
        return found | self.sizes()

    def sizes(self) -> dict[str, float]:
        """Parameter counts, and the memory that one training step of 64 images holds."""
        total = count_parameters(self.architecture)
        parts = {
            name: count_parameters(getattr(self.architecture, name, torch.nn.Identity()))
            for name in ("encoder", "decoder")
        }
        return {
            "parameters": total,
            "parameters_encoder": parts["encoder"],
            "parameters_decoder": parts["decoder"],
            "parameters_other": total - sum(parts.values()),
            "peak_memory_mib": self.step_memory(),
        }

    def step_memory(self) -> float:
        """MiB of parameters, gradients, Adam's moments and all tensors that the step's graph keeps.

        Counted, not sampled from the process: the same on every machine and for every data set. 0 where nothing is
        trained.
        """
        players = self.architecture.players()
        trained = [p for player in players for p in player.parameters]
        if not trained:
            return 0.0
        counted = {p.untyped_storage().data_ptr() for p in trained}
        # holding the storages themselves keeps an address from being used twice
        kept: dict[int, torch.UntypedStorage] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in counted:
                kept[storage.data_ptr()] = storage
            return tensor

        state = {name: value.clone() for name, value in self.architecture.state_dict().items()}
        self.architecture.train()
        self.seeded("memory")
        # storages of their own: a view's is the whole test set
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


def converged(validation_losses: list[float]) -> bool:
    """Whether the validation loss hardly fell any more over the last epochs; False before there are enough."""
    return fell(validation_losses) <= CONVERGED


def collapsed(scalars: dict[str, float]) -> bool:
    """MSE above 0.95 of the mean image's, or no active unit."""
    return scalars["mse_ratio"] > COLLAPSED or scalars["active_units"] == 0
