"""Maximum mean discrepancy between two samples."""

from __future__ import annotations

import torch
from torch import Tensor


def rbf_kernel(first: Tensor, second: Tensor, bandwidth: float) -> Tensor:
    """exp(-‖a-b‖² / (2·d·bandwidth²)) for all pairs: (N, d), (M, d) → (N, M)."""
    squared = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").square()
    return torch.exp(-squared / (2 * first.shape[1] * bandwidth**2))


def squared_mmd(first: Tensor, second: Tensor, bandwidth: float) -> Tensor:
    """Unbiased within each sample, with all pairs across (Gretton et al. 2012, Eq. 3 with Pythae's cross term), ()."""

    def within(z: Tensor) -> Tensor:
        kernel = rbf_kernel(z, z, bandwidth)
        return (kernel.sum() - kernel.diagonal().sum()) / (len(z) * (len(z) - 1))

    return within(first) + within(second) - 2 * rbf_kernel(first, second, bandwidth).mean()
