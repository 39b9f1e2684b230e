"""Importance-weighted bounds by their definitions, and on a model whose evidence is known."""

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
    ImportanceWeighted,
    iwae_bound,
    miwae_bound,
)
from reproduce.architectures.settings import Backbone, Importance
from tests.architectures.exact import X, evidence, linear_decoder, linear_encoder, same_noise


def linear(
    kind: type[ImportanceWeighted], plane: Backbone, shift: float, *settings: float
) -> ImportanceWeighted:
    """The model with a posterior that is moved away from the exact one. settings: groups, samples, β."""
    model = kind(plane, Importance(*settings))  # type: ignore[arg-type]
    model.encoder, model.decoder = linear_encoder(shift), linear_decoder()
    return model


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
        found = linear(kind, plane, 0.0, 2, 3, 0.3).objective(log_weights)
        assert found.keys() == expected.keys()
        for player, bound in expected.items():
            np.testing.assert_allclose(found[player], bound, rtol=1e-12)


def test_bounds_survive_weights_beyond_the_range_of_exp() -> None:
    log_weights = torch.tensor([[[-2000.0, -2001.0]]])
    expected = -2000 + math.log((1 + math.exp(-1)) / 2)
    assert float(iwae_bound(log_weights)) == pytest.approx(expected)
    assert float(miwae_bound(log_weights)) == pytest.approx(expected)


def test_every_weight_is_the_evidence_at_the_exact_posterior(plane: Backbone) -> None:
    log_weights, _ = linear(IWAE, plane, 0.0, 2, 3, 0.0).log_weights(X.expand(5, -1, -1, -1))
    np.testing.assert_allclose(log_weights.detach(), np.full((5, 2, 3), evidence(X)[0]), rtol=1e-12)


def test_piwae_is_validated_on_the_tighter_bound(plane: Backbone) -> None:
    found = []
    for kind in (PIWAE, IWAE):
        with same_noise(3), torch.no_grad():
            found.append(float(linear(kind, plane, 0.3, 2, 5, 0.0).validation_loss(Batch(X))))
    assert found[0] == pytest.approx(found[1], rel=1e-12)
