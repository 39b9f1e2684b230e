"""Equality with Pythae's own classes where these are right: same weights, same noise, same batch.

Every reference is a raw Pythae model with the settings as registered, on plain layers that take over our weights.
`tests/benchmarks/speed/test_plain.py` compares the others with formulas that are written down plainly.
"""

from __future__ import annotations

import pytest
import torch
from pythae.models import BaseAE
from torch import Tensor, nn

from benchmarks.speed.opponents import SHARED, opponent
from reproduce.architectures import registry, spherical
from reproduce.architectures.contract import Architecture, Batch
from tests.architectures.exact import same_noise

TOLERANCE = 1e-7
WARM_UP = 100
"""Epochs of DisentangledBetaVAE: its C stands at 25 · epoch / 101, at its end from the next one on."""
SURROGATES = {"iwae", "ciwae"}
"""Pythae's value is Σ w̃ log w there, whose gradient with fixed w̃ is that of log mean w."""

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # Pythae's SVAE


def pair(slug: str) -> tuple[Architecture, BaseAE]:
    """Ours as registered and Pythae's class, with the same weights, in double precision."""
    ours = registry.build(slug, train_size=64).double().train()
    model = opponent(slug, 64).double().train()
    model.encoder.load_state_dict(ours.encoder.state_dict())
    model.decoder.load_state_dict(ours.decoder.state_dict())
    if slug == "vamp":
        model.pseudo_inputs[0].load_state_dict(ours.pseudo.state_dict())  # type: ignore[union-attr]
        model.idle_input = model.idle_input.double()
    return ours, model


def gradients(loss: Tensor, *networks: nn.Module) -> tuple[Tensor, ...]:
    return torch.autograd.grad(
        loss, [p for network in networks for p in network.parameters() if p.requires_grad]
    )


@pytest.mark.parametrize(
    ("slug", "epoch"),
    [*((slug, WARM_UP + 1) for slug in sorted(SHARED)), ("disent-beta-vae", 0), ("disent-beta-vae", 37)],
)
def test_loss_and_gradients_are_pythaes(
    slug: str, epoch: int, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, model = pair(slug)
    if slug == "svae":  # theirs rejects draws as often as it takes, ours draws a fixed number
        noise = torch.randn(len(images), 16, dtype=torch.float64)

        def draw(mean: Tensor, kappa: Tensor, *_: int) -> Tensor:
            return nn.functional.normalize(mean * kappa.view(-1, 1) + noise, dim=1)

        monkeypatch.setattr(spherical, "sample_von_mises_fisher", draw)
        monkeypatch.setattr(model, "_sample_von_mises", draw)
    with same_noise(3):
        loss = next(iter(ours.losses(Batch(images), epoch / (WARM_UP + 1)).players.values()))
    with same_noise(3):
        expected = model({"data": images}, epoch=epoch, dataset_size=64).loss
    if slug not in SURROGATES:
        assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=TOLERANCE)
    mine, theirs = [ours.encoder, ours.decoder], [model.encoder, model.decoder]
    if slug == "vamp":
        mine.append(ours.pseudo)  # type: ignore[arg-type]
        theirs.append(model.pseudo_inputs[0])
    for found, other in zip(gradients(loss, *mine), gradients(expected, *theirs), strict=True):
        assert float((found - other).norm()) <= TOLERANCE * max(float(other.norm()), 1e-3)
