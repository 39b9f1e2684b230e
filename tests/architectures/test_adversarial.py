"""Adversarial-AE: what its discriminator and its encoder are trained for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from reproduce.architectures import registry
from reproduce.architectures.adversarial import AdversarialAutoencoder
from reproduce.architectures.contract import Batch


class Judge(nn.Module):
    """A discriminator that calls a code a draw from the prior if it is positive."""

    def forward(self, z: Tensor) -> Tensor:
        return 5 * z.sign().mean(1, keepdim=True)


@pytest.fixture
def model() -> AdversarialAutoencoder:
    found = registry.build("adversarial-ae", train_size=640, validation_size=64)
    assert isinstance(found, AdversarialAutoencoder)
    found.discriminator = Judge()
    return found


def test_the_discriminator_is_right_if_it_calls_the_prior_1_and_codes_0(
    model: AdversarialAutoencoder,
) -> None:
    """Makhzani et al. 2016, Section 2."""
    prior, codes = torch.ones(8, 16), -torch.ones(8, 16)
    five = torch.tensor(5.0)
    assert model.discriminator_loss(codes, prior) == pytest.approx(float(softplus(-five)), rel=1e-4)
    assert model.discriminator_loss(prior, codes) == pytest.approx(float(softplus(five)), rel=1e-4)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_encoder_succeeds_if_its_codes_are_called_draws_from_the_prior(
    model: AdversarialAutoencoder, monkeypatch: pytest.MonkeyPatch, sign: float
) -> None:
    def posterior(images: Tensor) -> tuple[Tensor, Tensor]:
        return torch.full((len(images), 16), 9 * sign), torch.full((len(images), 16), -20.0)

    monkeypatch.setattr(model, "posterior", posterior)
    found = model.losses(Batch(torch.rand(4, 1, 28, 28)), 0.5)
    assert found.players["generator"] == pytest.approx(
        model.settings.weight * float(softplus(torch.tensor(-5 * sign)))
    )
