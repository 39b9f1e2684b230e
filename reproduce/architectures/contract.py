"""The interface of all 22 architectures, independent of Pythae's names.

`training` differentiates each player's loss with respect to that player's own parameters only and then steps all
players, so no gradient can leak from one into another.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEARNING_RATE = 1e-4
"""Adam's learning rate of every player (Section III-D); a profile scales it."""


@dataclass(frozen=True)
class Player:
    """A set of parameters that is trained by an Adam optimizer of its own."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    learning_rate: float = LEARNING_RATE
    weight_decay: float = 0.0
    """Coupled (L2) weight decay of Adam."""

    @classmethod
    def of(cls, name: str, *modules: nn.Module, **settings: float) -> Player:
        """The player that owns all trained parameters of the modules."""
        return cls(name, tuple(p for m in modules for p in m.parameters() if p.requires_grad), **settings)


@dataclass(frozen=True)
class Batch:
    """images: (B, 1, 28, 28) in [0, 1]; other: a second, independent batch for architectures that need one."""

    images: Tensor
    other: Tensor | None = None


@dataclass(frozen=True)
class Losses:
    """One scalar per player (mean over the batch), and named scalars to record."""

    players: dict[str, Tensor]
    parts: dict[str, Tensor] = field(default_factory=dict)


Path = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(codes a (N, d…), codes b (N, d…), weights (K,)) → decoded frames (N, K, 28, 28)."""


def mix(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Linear interpolation of codes (Eq. 6): (N, …), (N, …), (K,) → (N, K, …)."""
    weights = weights.view(1, -1, *[1] * (first.dim() - 1))
    return (1 - weights) * first.unsqueeze(1) + weights * second.unsqueeze(1)


def squared_error(reconstruction: Tensor, images: Tensor) -> Tensor:
    """Σ over pixels of the squared error: (B, 1, H, W) twice → (B,)."""
    return (reconstruction - images).square().flatten(1).sum(1)


def negative_log_likelihood(reconstruction: Tensor, images: Tensor, likelihood: str) -> Tensor:
    """-log p(x|z) without additive constants, (B, 1, H, W) twice → (B,) nats.

    "gaussian": unit variance, so half the squared error (Pythae's default). "bernoulli": binary cross-entropy.
    """
    if likelihood == "gaussian":
        return 0.5 * squared_error(reconstruction, images)
    return F.binary_cross_entropy(reconstruction, images, reduction="none").flatten(1).sum(1)


class Architecture(nn.Module):
    """One of the 22: an encoder, a decoder, and the losses of its players."""

    encoder: nn.Module
    decoder: nn.Module
    wants_other: bool = False
    """Whether `losses` needs a second batch."""
    capturable: bool = True
    """Whether a training step may be captured in a CUDA graph: it reads no value back from the device."""

    # --- training -------------------------------------------------------------------------------------

    def players(self) -> tuple[Player, ...]:
        """What is trained: one player that owns every parameter, unless a subclass says otherwise."""
        return (Player.of("autoencoder", self),)

    def ready_for_graph(self) -> bool:
        """Whether the next step reads no value back from the device; a first step may have to initialise something."""
        return True

    @abstractmethod
    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        """One loss per player. progress in [0, 1]: the share of the protocol's steps already taken; a 0-d float64
        tensor if the step is captured in a graph."""

    def validation_loss(self, batch: Batch) -> Tensor:
        """The loss for early stopping: the first player's, without adversarial terms, ()."""
        losses = self.losses(batch, 1.0).players
        return next(iter(losses.values()))

    # --- codes and images -----------------------------------------------------------------------------

    def encode(self, x: Tensor) -> Tensor:
        """The deterministic code used for interpolation: (B, 1, 28, 28) → (B, 16) here."""
        return self.encoder(x).embedding

    def sample(self, x: Tensor) -> Tensor:
        """A draw of z ~ q(z|x), used for reconstruction; `encode` for deterministic models."""
        return self.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        """Images in [0, 1]: (B, 16) → (B, 1, 28, 28)."""
        return self.decoder(z).reconstruction

    def raw_code(self, x: Tensor) -> Tensor:
        """The output of the encoder's first head, without quantiser, flow and normalisation.

        Pythae's `predict` decodes this; it is used to test where printed rows may come from.
        """
        return self.encoder(x).embedding

    def interpolate(self, first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
        """Eq. 6, decoded: two stacks of codes (N, …) and K weights → frames (N, K, 28, 28)."""
        return self.decode_path(mix(first, second, weights))

    def decode_path(self, codes: Tensor) -> Tensor:
        """Codes (N, K, …) → frames (N, K, 28, 28)."""
        images = self.decode(codes.flatten(0, 1))
        return images.view(codes.shape[0], codes.shape[1], *images.shape[-2:])

    def other_paths(self) -> Mapping[str, Path]:
        """Other definitions of the interpolation, by name, from the same codes."""
        return {}

    # --- what is recorded -----------------------------------------------------------------------------

    def kl(self, x: Tensor) -> Tensor | None:
        """KL(q(z|x) ‖ p(z)) per image in nats, (B,), or None if the model has no posterior."""
        return None

    def averaged_parameters(self) -> int:
        """How many numbers of the model are updated by moving averages instead of gradients: those of a codebook."""
        return 0

    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        """Scalars over the test set that are specific to this architecture, by name."""
        return {}


@torch.no_grad()
def average(function: Callable[[Tensor], Tensor], batches: Iterable[Tensor]) -> float:
    """Mean of a function's values over all images of the batches, summed in double precision."""
    total, count = 0.0, 0
    for batch in batches:
        values = function(batch)
        total += float(values.double().sum())
        count += values.numel()
    return total / max(count, 1)
