"""VQ-VAE: a 3×3 map of discrete codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from reproduce.architectures.backbone import MAP, Encoder, Upsampler, expect
from reproduce.architectures.contract import Architecture, Batch, Losses, Path, mix, squared_error
from reproduce.architectures.settings import Backbone, Codebook

LEAST_COUNT = 1e-6
"""A code whose count has a smaller moving average does not move (after 1,375 steps without being chosen at 0.99)."""


class Quantiser(nn.Module):
    """A codebook updated by exponential moving averages (van den Oord et al. 2017, appendix A.1).

    It starts from encoder vectors of the first batch, with matching sums, so that no code starts far away;
    codes that are never chosen are not restarted.
    """

    codes: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(self, size: int, dim: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("codes", torch.zeros(size, dim))
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("sums", torch.zeros(size, dim))
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))
        # a host-side copy of `started`, so that a step need not read it from the device
        self._started = False

    @property
    def begun(self) -> bool:
        """Whether `start` has nothing left to do, without a read from the device."""
        return self._started

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the nearest code: (N, d) → (N,)."""
        # ‖v‖² is the same for all codes and left out
        distances = self.codes.square().sum(1) - 2 * vectors @ self.codes.T
        return distances.argmin(1)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, d) → nearest codes with the straight-through gradient (N, d), without any (N, d), their indices (N,)."""
        indices = self.nearest(vectors.detach())
        chosen = self.codes[indices]
        return vectors + (chosen - vectors).detach(), chosen, indices

    @torch.no_grad()
    def start(self, vectors: Tensor) -> None:
        """Set the codes to vectors of the first batch, drawn without replacement until all have been used."""
        if self._started or bool(self.started):
            self._started = True
            return
        size = len(self.codes)
        rounds = -(-size // len(vectors))
        order = torch.cat([torch.randperm(len(vectors), device=vectors.device) for _ in range(rounds)])
        self.codes.copy_(vectors[order[:size]])
        self.sums.copy_(self.codes)
        self.started.fill_(True)
        self._started = True

    @torch.no_grad()
    def update(self, vectors: Tensor, indices: Tensor) -> None:
        """One step of the moving averages of counts and sums; codes = sums / counts."""
        ones = torch.ones(len(indices), dtype=vectors.dtype, device=vectors.device)
        counts = torch.zeros_like(self.counts).index_add_(0, indices, ones)
        sums = torch.zeros_like(self.sums).index_add_(0, indices, vectors)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        # both averages of a code that is not chosen shrink by the same factor, so it stays where it is; once they are
        # almost zero, their ratio would move it to the origin
        counts = self.counts.unsqueeze(1)
        self.codes.copy_(
            torch.where(counts > LEAST_COUNT, self.sums / counts.clamp_min(LEAST_COUNT), self.codes)
        )


def code_use(indices: Tensor, size: int) -> dict[str, float]:
    """How many of `size` codes are chosen by (N,) indices, and the perplexity of their shares."""
    counts = torch.bincount(indices, minlength=size).double()
    shares = counts / counts.sum()
    entropy = -(shares * shares.clamp_min(1e-300).log()).sum()
    return {"codes_in_use": float((counts > 0).sum()), "perplexity": float(entropy.exp())}


class VectorQuantised(Architecture):
    """Squared error and commitment loss β‖z_e - sg[e]‖², summed per image.

    Source: van den Oord et al. 2017, Eq. 3. Departs: the codebook follows moving averages in place of the second
    term (their appendix A.1) and starts from the first batch.

    1×1 convolution 128 → 16, quantisation at each of the nine positions, 1×1 convolution back to 128, then the shared
    blocks; no linear layers. The code holds 144 numbers (81 bits), not 16. Pythae's class would treat a flat 16-vector
    as sixteen scalars and round each.
    """

    def __init__(self, backbone: Backbone, settings: Codebook) -> None:
        super().__init__()
        dim = backbone.latent_dim
        self.encoder = Encoder({})
        self.narrow = nn.Conv2d(MAP[0], dim, 1)
        self.code_shape = (dim, *MAP[1:])
        self.quantiser = Quantiser(settings.size, dim, settings.decay)
        self.widen = nn.Conv2d(dim, MAP[0], 1)
        self.decoder = Upsampler(backbone.final_block)
        self.settings = settings

    def ready_for_graph(self) -> bool:
        """Whether the codebook has started: the first batch initialises it, with reads from the device."""
        return self.quantiser.begun

    def raw_code(self, x: Tensor) -> Tensor:
        """Encoder vectors before quantisation: (B, 1, 28, 28) → (B, 16, 3, 3)."""
        return expect(self.narrow(self.encoder.feature_map(x)), *self.code_shape)  # type: ignore[operator]

    @staticmethod
    def as_vectors(code: Tensor) -> Tensor:
        """(B, d, 3, 3) → (B·9, d)."""
        return code.permute(0, 2, 3, 1).flatten(0, 2)

    @staticmethod
    def as_map(vectors: Tensor, like: Tensor) -> Tensor:
        """(B·9, d) → (B, d, 3, 3)."""
        batch, dim, height, width = like.shape
        return vectors.view(batch, height, width, dim).permute(0, 3, 1, 2)

    def quantise(self, code: Tensor) -> Tensor:
        """(B, d, 3, 3) → nearest codes, same shape."""
        return self.as_map(self.quantiser(self.as_vectors(code))[0], code)

    def encode(self, x: Tensor) -> Tensor:
        return self.quantise(self.raw_code(x))

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(self.widen(expect(z, *self.code_shape)))

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        raw = self.raw_code(batch.images)
        vectors = self.as_vectors(raw)
        if self.training:
            self.quantiser.start(vectors.detach())
        quantised, chosen, indices = self.quantiser(vectors)
        error = squared_error(self.decode(self.as_map(quantised, raw)), batch.images).mean()
        commitment = (vectors - chosen).square().sum() / len(batch.images)
        if self.training:
            self.quantiser.update(vectors.detach(), indices)
        loss = error + self.settings.commitment * commitment
        return Losses({"autoencoder": loss}, {"squared_error": error, "commitment": commitment})

    def other_paths(self) -> Mapping[str, Path]:
        def requantised(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
            codes = mix(first, second, weights)
            return self.decode_path(self.quantise(codes.flatten(0, 1)).reshape(codes.shape))

        return {"requantised": requantised}

    def averaged_parameters(self) -> int:
        return self.quantiser.codes.numel()

    @torch.no_grad()
    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        indices = torch.cat([self.quantiser.nearest(self.as_vectors(self.raw_code(x))) for x in batches])
        return code_use(indices, self.settings.size)
