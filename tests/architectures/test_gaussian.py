"""VAE and disentangled β-VAE on a model whose evidence is known."""

from __future__ import annotations

import pytest
import torch

from reproduce.architectures.contract import Batch
from reproduce.architectures.gaussian import CapacityVariationalAutoencoder, VariationalAutoencoder
from reproduce.architectures.settings import Backbone, Capacity, NoSettings
from tests.architectures.exact import X, corners, draws, evidence, linear_decoder, linear_encoder, shortfall

BATCH = Batch(X.expand(4, -1, -1, -1))
"""One image for each corner of the noise, so that losses are exact expectations."""


@pytest.mark.parametrize(("shift", "widen"), [(0.0, 0.0), (0.4, 0.5)])
def test_elbo_is_the_evidence_less_the_kl_to_the_posterior(
    plane: Backbone, shift: float, widen: float
) -> None:
    model = VariationalAutoencoder(plane, NoSettings())
    model.pythae.encoder, model.pythae.decoder = linear_encoder(shift, widen), linear_decoder()
    with draws(corners(2)), torch.no_grad():
        loss = float(model.losses(BATCH, 1.0).players["autoencoder"])
    assert -loss == pytest.approx(evidence(X)[0] - shortfall(shift, widen), rel=1e-12)


@pytest.fixture
def capacity(plane: Backbone) -> CapacityVariationalAutoencoder:
    model = CapacityVariationalAutoencoder(plane, Capacity(weight=10.0, capacity=25.0))
    model.encoder, model.decoder = linear_encoder(), linear_decoder()
    return model


def test_capacity_rises_with_progress(capacity: CapacityVariationalAutoencoder) -> None:
    """Progress is a number, or a tensor where steps are captured in a graph."""
    for progress in (0.0, 0.5, 1.0):
        for given in (progress, torch.tensor(progress, dtype=torch.float64)):
            assert float(capacity.capacity(given)) == 25 * progress
    with draws(corners(2), corners(2)), torch.no_grad():
        end = capacity.losses(BATCH, 1.0).players["autoencoder"]
        assert float(capacity.validation_loss(BATCH)) == float(end)


def test_the_gap_to_the_capacity_is_taken_image_by_image(capacity: CapacityVariationalAutoencoder) -> None:
    """KLs on both sides of C cost twice their distances; their batch mean would cost nothing."""
    images = torch.cat([X, X + 8])
    with torch.no_grad():
        kl = capacity.kl(images)
        assert kl is not None
        middle = float(kl.mean()) / 25
        parts = capacity.losses(Batch(images), middle).parts
    assert 0 < middle < 1
    assert float(parts["gap"]) == pytest.approx(float(kl.max() - kl.min()) / 2, rel=1e-9)
