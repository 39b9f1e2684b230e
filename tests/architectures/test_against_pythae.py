"""Equality with Pythae's own classes where these are right: same weights, same noise, same batch.

Every reference is a raw Pythae model with the settings as registered, on plain layers that take over our weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import torch
from pythae.models import Adversarial_AE, Adversarial_AE_Config, BaseAE
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDiscriminator
from torch import Tensor, nn

from benchmarks.speed.opponents import SHARED, opponent
from benchmarks.speed.plain import plain_network
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


def gradients(loss: Tensor, *networks: nn.Module) -> tuple[Tensor | None, ...]:
    trained = [value for network in networks for value in network.parameters() if value.requires_grad]
    return torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True)


def assert_close(found: Iterable[Tensor | None], expected: Iterable[Tensor | None]) -> None:
    """Every parameter's gradient within the tolerance of its own norm."""
    for mine, theirs in zip(found, expected, strict=True):
        if theirs is None:
            assert mine is None or not mine.any()
        else:
            assert mine is not None
            assert float((mine - theirs).norm()) <= TOLERANCE * max(float(theirs.norm()), 1e-3)


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
    assert_close(gradients(loss, *mine), gradients(expected, *theirs))


class Probability(BaseDiscriminator):  # type: ignore[misc]
    """Our discriminator in the form that Pythae wants: a probability, in a ModelOutput."""

    def __init__(self, logits: nn.Module) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(embedding=torch.sigmoid(self.logits(z)))


@pytest.fixture
def _double_by_default() -> Iterator[None]:
    """Pythae makes its labels in the default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_double_by_default")
def test_adversarial_terms_are_pythaes_with_the_same_discriminator(images: Tensor) -> None:
    """Pythae adds the discriminator's two cross-entropies where we take their mean, and weighs the adversarial
    term into one loss with the reconstruction."""
    ours = registry.build("adversarial-ae", train_size=64)
    config = Adversarial_AE_Config(input_dim=(1, 28, 28), latent_dim=16, adversarial_loss_scale=1.0)
    model = Adversarial_AE(config, plain_network(ours.encoder), plain_network(ours.decoder))
    model.set_discriminator(Probability(ours.discriminator))  # type: ignore[arg-type]
    with same_noise(3):
        losses = ours.losses(Batch(images), 0.0).players
    with same_noise(3):
        expected = model({"data": images})
    fooled = losses["autoencoder"] + losses["generator"]
    for found, theirs in (
        (losses["autoencoder"], expected.recon_loss),
        (fooled, expected.autoencoder_loss),
        (2 * losses["discriminator"], expected.discriminator_loss),
    ):
        assert float(found.detach()) == pytest.approx(float(theirs.detach()), rel=TOLERANCE)
    assert_close(
        gradients(fooled, ours.encoder, ours.decoder),
        gradients(expected.autoencoder_loss, model.encoder, model.decoder),
    )
    assert_close(
        gradients(2 * losses["discriminator"], ours.discriminator),  # type: ignore[arg-type]
        gradients(expected.discriminator_loss, model.discriminator),
    )
