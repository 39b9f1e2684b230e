"""Importance-weighted bounds by their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from reproduce.architectures.contract import Batch
from reproduce.architectures.importance import (
    CIWAE,
    IWAE,
    MIWAE,
    PIWAE,
    iwae_bound,
    miwae_bound,
)
from reproduce.architectures.settings import Backbone, Importance
from tests.architectures.exact import same_noise


def test_each_player_ascends_its_bound(plane: Backbone) -> None:
    """ELBO, Burda et al. 2016, Eq. 8, and the three of Rainforth et al. 2018. β of 0.3 tells CIWAE's two apart."""
    log_weights = torch.randn(4, 2, 3, dtype=torch.float64)
    w = np.exp(log_weights.numpy())
    elbo, iwae, miwae = np.log(w).mean((1, 2)), np.log(w.mean((1, 2))), np.log(w.mean(2)).mean(1)
    for kind, expected in (
        (IWAE, {"autoencoder": iwae}),
        (MIWAE, {"autoencoder": miwae}),
        (CIWAE, {"autoencoder": 0.3 * elbo + 0.7 * iwae}),
        (PIWAE, {"encoder": miwae, "decoder": iwae}),
    ):
        found = kind(plane, Importance(groups=2, samples=3, beta=0.3)).objective(log_weights)
        assert found.keys() == expected.keys()
        for player, bound in expected.items():
            np.testing.assert_allclose(found[player], bound, rtol=1e-12)


def test_bounds_survive_weights_beyond_the_range_of_exp() -> None:
    log_weights = torch.tensor([[[-2000.0, -2001.0]]])
    expected = -2000 + math.log((1 + math.exp(-1)) / 2)
    assert float(iwae_bound(log_weights)) == pytest.approx(expected)
    assert float(miwae_bound(log_weights)) == pytest.approx(expected)


def test_piwae_is_validated_on_the_tighter_bound(plane: Backbone, images: torch.Tensor) -> None:
    model = PIWAE(plane, Importance(groups=2, samples=5, beta=0.0)).double().eval()
    with torch.no_grad():
        with same_noise(3):
            found = model.validation_loss(Batch(images))
        with same_noise(3):
            log_weights, _ = model.log_weights(images)
    assert float(found) == pytest.approx(-float(iwae_bound(log_weights).mean()), rel=1e-12)
