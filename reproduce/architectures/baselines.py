"""Two baselines beside the 22, outside all rankings: 16 principal components, and the mean training image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from reproduce.architectures.contract import Architecture, Batch, Losses
from reproduce.datasets import PIXELS, SIDE, Split
from reproduce.errors import ReproduceError

COMPONENTS = 16


class AffineReference(Architecture):
    """Code (x - mean)·W, image mean + Wᵀ·code clipped to [0, 1]; nothing is trained by gradients."""

    mean: Tensor
    components: Tensor

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("components", components)

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        raise NotImplementedError("a reference is fitted, not trained")

    def encode(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self.mean) @ self.components.T

    def decode(self, z: Tensor) -> Tensor:
        return (self.mean + z @ self.components).clamp(0, 1).view(-1, 1, SIDE, SIDE)

    def raw_code(self, x: Tensor) -> Tensor:
        return self.encode(x)


def fit(name: str, train: Split) -> Mapping[str, Tensor]:
    """The buffers of a reference, fitted on the training images. name: "pca-16" or "mean-image"."""
    images = train.images.reshape(-1, PIXELS).astype(np.float64) / 255
    if name == "mean-image":
        components = np.zeros((COMPONENTS, PIXELS))
    elif name == "pca-16":
        components = PCA(COMPONENTS, svd_solver="covariance_eigh").fit(images).components_
    else:
        raise ReproduceError(f"unknown reference '{name}'; they are pca-16, mean-image")
    return {
        "mean": torch.from_numpy(images.mean(0)).float(),
        "components": torch.from_numpy(np.ascontiguousarray(components)).float(),
    }


def build(weights: Mapping[str, Tensor]) -> AffineReference:
    """The reference with these buffers."""
    return AffineReference(weights["mean"], weights["components"])
