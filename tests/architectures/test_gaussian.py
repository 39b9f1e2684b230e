"""Disentangled β-VAE; `test_against_pythae.py` has the capacity, and the other Gaussian models."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reproduce.architectures import registry
from reproduce.architectures.contract import Batch


def test_the_gap_to_the_capacity_is_taken_image_by_image(images: Tensor) -> None:
    """KLs on both sides of the capacity cost their distances; their batch mean would cost nothing."""
    model = registry.build("disent-beta-vae", train_size=64).double().eval()
    with torch.no_grad():
        kl = model.kl(images)
        assert kl is not None
        parts = model.losses(Batch(images), float(kl.mean()) / 25).parts
    assert float(parts["gap"]) == pytest.approx(float((kl - kl.mean()).abs().mean()), rel=1e-9)
