"""Adversarial-AE: what its three players descend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from reproduce.architectures.adversarial import AdversarialAutoencoder
from reproduce.architectures.contract import Batch
from reproduce.architectures.settings import Adversarial, Backbone
from tests.architectures.exact import move, same_noise


@pytest.fixture
def model(plane: Backbone) -> AdversarialAutoencoder:
    settings = Adversarial(weight=1.0, widths=(16, 8), learning_rate=1e-4)
    return AdversarialAutoencoder(plane, settings).double().eval()


def test_discriminators_loss_is_cross_entropy_with_label_1_for_the_prior(
    model: AdversarialAutoencoder,
) -> None:
    codes, prior = torch.randn(2, 5, 2, dtype=torch.float64)
    p_prior, p_codes = (expit(model.discriminator(z).detach().numpy()) for z in (prior, codes))
    expected = -0.5 * (np.log(p_prior).mean() + np.log(1 - p_codes).mean())
    assert float(model.discriminator_loss(codes, prior).detach()) == pytest.approx(expected, rel=1e-12)


def test_generator_wants_codes_taken_for_draws_of_the_prior(
    model: AdversarialAutoencoder, images: Tensor
) -> None:
    with torch.no_grad():
        with same_noise(1):
            losses = model.losses(Batch(images), 0.0).players
        with same_noise(1):
            taken_for_prior = expit(model.discriminator(model.sample(images)).numpy())
    assert float(losses["generator"]) == pytest.approx(-np.log(taken_for_prior).mean(), rel=1e-12)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_players_steps_lower_its_own_loss(
    model: AdversarialAutoencoder, images: Tensor, player: str
) -> None:
    """A generator step makes codes look more like the prior; a discriminator step less."""

    def loss() -> float:
        with same_noise(2), torch.no_grad():
            return float(model.losses(Batch(images), 0.0).players[player])

    before = loss()
    for _ in range(3):
        with same_noise(2):
            move(model, Batch(images), player)
    assert loss() < before
