"""Adversarial-AE: three losses, three players, each moving its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from reproduce.architectures.adversarial import AdversarialAutoencoder
from reproduce.architectures.contract import Batch
from reproduce.architectures.settings import Adversarial, Backbone
from tests.architectures.exact import move, moved, same_noise, trained


@pytest.fixture
def model(plane: Backbone) -> AdversarialAutoencoder:
    settings = Adversarial(weight=1.0, widths=(16, 8), learning_rate=1e-4)
    return AdversarialAutoencoder(plane, settings).double()


@pytest.mark.parametrize(
    ("player", "modules"),
    [
        ("autoencoder", ("encoder.", "decoder.")),
        ("discriminator", ("discriminator.",)),
        ("generator", ("encoder.",)),
    ],
)
def test_each_step_moves_its_own_player_alone(
    model: AdversarialAutoencoder, images: Tensor, player: str, modules: tuple[str, ...]
) -> None:
    before = move(model, Batch(images), player)
    assert moved(model, before) == trained(model, *modules)


def test_all_three_step_together_from_one_forward_pass(model: AdversarialAutoencoder, images: Tensor) -> None:
    move(model, Batch(images))
    counts = [int(value) for name, value in model.named_buffers() if name.endswith("num_batches_tracked")]
    assert set(counts) == {1}


def test_discriminators_loss_is_cross_entropy_of_prior_and_codes(model: AdversarialAutoencoder) -> None:
    codes, prior = torch.randn(2, 5, 2, dtype=torch.float64)
    p_prior, p_codes = (expit(model.discriminator(z).detach().numpy()) for z in (prior, codes))
    expected = -0.5 * (np.log(p_prior).mean() + np.log(1 - p_codes).mean())
    assert float(model.discriminator_loss(codes, prior).detach()) == pytest.approx(expected, rel=1e-12)


def test_a_blind_discriminator_stands_at_log_2(model: AdversarialAutoencoder) -> None:
    for parameter in model.discriminator.parameters():
        parameter.data.zero_()
    codes, prior = torch.randn(2, 5, 2, dtype=torch.float64)
    assert float(model.discriminator_loss(codes, prior).detach()) == pytest.approx(math.log(2), rel=1e-12)


def test_reconstruction_has_no_kl_and_generator_wants_codes_taken_for_prior(
    model: AdversarialAutoencoder, images: Tensor
) -> None:
    model.eval()
    with torch.no_grad():
        with same_noise(1):
            losses = model.losses(Batch(images), 0.0).players
        with same_noise(1):
            z = model.sample(images)
        error = 0.5 * (model.decode(z) - images).square().sum((1, 2, 3)).mean()
        taken_for_prior = expit(model.discriminator(z).numpy())
    assert float(losses["autoencoder"]) == pytest.approx(float(error), rel=1e-12)
    assert float(losses["generator"]) == pytest.approx(-np.log(taken_for_prior).mean(), rel=1e-12)


def test_posterior_is_stochastic(model: AdversarialAutoencoder, images: Tensor) -> None:
    model.eval()
    assert not torch.equal(model.sample(images), model.sample(images))


def test_players_pull_the_encoder_and_the_discriminator_apart(
    model: AdversarialAutoencoder, images: Tensor
) -> None:
    """A generator step makes codes look more like the prior; a discriminator step less."""
    model.eval()
    for parameter in model.discriminator.parameters():
        parameter.data.mul_(4)

    def loss(name: str) -> float:
        with same_noise(2), torch.no_grad():
            return float(model.losses(Batch(images), 0.0).players[name])

    for name in ("generator", "discriminator"):
        before = loss(name)
        for _ in range(3):
            with same_noise(2):
                move(model, Batch(images), name)
        assert loss(name) < before


def test_validation_leaves_the_adversarial_terms_out(model: AdversarialAutoencoder, images: Tensor) -> None:
    model.eval()
    with torch.no_grad():
        with same_noise(4):
            found = float(model.validation_loss(Batch(images)))
        with same_noise(4):
            assert found == pytest.approx(
                float(model.losses(Batch(images), 1.0).players["autoencoder"]), rel=1e-12
            )
