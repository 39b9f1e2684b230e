"""Disentangled β-VAE's capacity."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reproduce.architectures import registry
from reproduce.architectures.contract import Batch
from reproduce.architectures.gaussian import CapacityVariationalAutoencoder


def test_capacity_rises_with_progress_and_its_gap_is_taken_image_by_image(images: Tensor) -> None:
    """Progress is a number, or a tensor where steps are captured in a graph. KLs on both sides of the capacity cost
    their distances; their batch mean would cost nothing."""
    model = registry.build("disent-beta-vae", train_size=64).double().eval()
    assert isinstance(model, CapacityVariationalAutoencoder)
    for progress in (0.0, 0.5, 1.0):
        for given in (progress, torch.tensor(progress, dtype=torch.float64)):
            assert float(model.capacity(given)) == 25 * progress
    with torch.no_grad():
        kl = model.kl(images)
        assert kl is not None
        parts = model.losses(Batch(images), float(kl.mean()) / 25).parts
    assert float(parts["gap"]) == pytest.approx(float((kl - kl.mean()).abs().mean()), rel=1e-9)
