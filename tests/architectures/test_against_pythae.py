"""Equality with Pythae's own classes where these are right: same weights, same noise, same batch.

Every reference is a raw Pythae model with the paper's settings, built here, that takes over the weights of ours.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
import torch
from pythae.models import (
    AE,
    CIWAE,
    INFOVAE_MMD,
    IWAE,
    RAE_L2,
    SVAE,
    VAE,
    WAE_MMD,
    Adversarial_AE,
    Adversarial_AE_Config,
    AEConfig,
    BaseAE,
    BetaVAE,
    BetaVAEConfig,
    CIWAEConfig,
    DisentangledBetaVAE,
    DisentangledBetaVAEConfig,
    INFOVAE_MMD_Config,
    IWAEConfig,
    RAE_L2_Config,
    SVAEConfig,
    VAEConfig,
    WAE_MMD_Config,
)
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDiscriminator
from torch import Tensor, nn

from reproduce.architectures import registry, spherical
from reproduce.architectures.contract import Architecture, Batch
from tests.architectures.exact import same_noise

TOLERANCE = 1e-5
SHARED = {"input_dim": (1, 28, 28), "latent_dim": 16}


def ours(slug: str) -> Architecture:
    """The architecture as registered, in double precision."""
    return registry.build(slug, train_size=64).double()


def taking_over(model: BaseAE, architecture: Architecture) -> BaseAE:
    """The raw model with copies of the architecture's networks."""
    model.encoder = copy.deepcopy(architecture.encoder)
    model.decoder = copy.deepcopy(architecture.decoder)
    return model.double()


def trained_parameters(*networks: nn.Module) -> list[nn.Parameter]:
    return [value for network in networks for value in network.parameters() if value.requires_grad]


def gradients(loss: Tensor, *networks: nn.Module) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, trained_parameters(*networks), retain_graph=True, allow_unused=True)


def assert_close(found: Iterable[Tensor | None], expected: Iterable[Tensor | None]) -> None:
    """Every parameter's gradient within the tolerance of its own norm."""
    for mine, theirs in zip(found, expected, strict=True):
        if theirs is None:
            assert mine is None or not mine.any()
            continue
        assert mine is not None
        assert theirs.norm() > 0
        assert float((mine - theirs).norm() / theirs.norm()) < TOLERANCE


def compare(
    architecture: Architecture, model: BaseAE, images: Tensor, value: bool = True, **inputs: object
) -> None:
    """Loss (unless Pythae's value is a surrogate) and the gradients of both networks."""
    progress = float(inputs.pop("progress", 1.0))  # type: ignore[arg-type]
    with same_noise(11):
        loss = next(iter(architecture.losses(Batch(images), progress).players.values()))
    with same_noise(11):
        expected = model({"data": images}, **inputs).loss
    if value:
        assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=TOLERANCE)
    assert_close(
        gradients(loss, architecture.encoder, architecture.decoder),
        gradients(expected, model.encoder, model.decoder),
    )


@pytest.mark.parametrize(
    ("slug", "make"),
    [
        ("ae", lambda: AE(AEConfig(**SHARED))),
        ("vae", lambda: VAE(VAEConfig(**SHARED))),
        ("beta-vae", lambda: BetaVAE(BetaVAEConfig(beta=4.0, **SHARED))),
        ("wae", lambda: WAE_MMD(WAE_MMD_Config(kernel_choice="rbf", reg_weight=10.0, **SHARED))),
        ("rae-l2", lambda: RAE_L2(RAE_L2_Config(embedding_weight=1e-4, **SHARED))),
        (
            "info-vae",
            lambda: INFOVAE_MMD(INFOVAE_MMD_Config(kernel_choice="rbf", alpha=0.5, lbd=10.0, **SHARED)),
        ),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_loss_and_gradients_are_pythaes(
    slug: str, make: type[BaseAE], training: bool, images: Tensor
) -> None:
    architecture = ours(slug).train(training)
    compare(architecture, taking_over(make(), architecture).train(training), images)  # type: ignore[call-arg]


def test_iwae_gradients_are_pythaes(images: Tensor) -> None:
    """Pythae's value is Σ w̃ log w, whose gradient with fixed w̃ is that of log mean w."""
    architecture = ours("iwae")
    model = taking_over(IWAE(IWAEConfig(number_samples=5, **SHARED)), architecture)
    compare(architecture, model, images, value=False)


@pytest.mark.parametrize("beta", [0.3, 0.5])
def test_ciwae_gradients_are_pythaes(beta: float, images: Tensor) -> None:
    """At the registered 0.5, and at 0.3, where an exchange of the two bounds would show."""
    architecture = ours("ciwae")
    architecture.settings = replace(architecture.settings, beta=beta)
    model = taking_over(CIWAE(CIWAEConfig(number_samples=5, beta=beta, **SHARED)), architecture)
    compare(architecture, model, images, value=False)


@pytest.mark.parametrize("epoch", [0, 37, 101])
def test_disentangled_beta_vae_is_pythaes_at_the_same_capacity(epoch: int, images: Tensor) -> None:
    """Pythae's C stands at 25 · epoch / 101 with a warm-up of 100 epochs."""
    architecture = ours("disent-beta-vae")
    config = DisentangledBetaVAEConfig(beta=10.0, C=25.0, warmup_epoch=100, **SHARED)
    model = taking_over(DisentangledBetaVAE(config), architecture)
    compare(architecture, model, images, progress=epoch / 101, epoch=epoch)


def test_spherical_vae_is_pythaes_with_the_same_draw(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = ours("svae")
    model = taking_over(SVAE(SVAEConfig(**SHARED)), architecture)
    z = nn.functional.normalize(torch.randn(8, 16, dtype=torch.float64), dim=1)
    monkeypatch.setattr(spherical, "sample_von_mises_fisher", lambda mean, kappa, proposals: z)
    monkeypatch.setattr(model, "_sample_von_mises", lambda loc, concentration: z)
    compare(architecture, model, images)


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
    architecture = ours("adversarial-ae")
    config = Adversarial_AE_Config(adversarial_loss_scale=1.0, **SHARED)
    model = taking_over(Adversarial_AE(config), architecture)
    model.set_discriminator(Probability(copy.deepcopy(architecture.discriminator)))
    with same_noise(3):
        losses = architecture.losses(Batch(images), 0.0).players
    with same_noise(3):
        expected = model({"data": images})
    reconstruction, generator = losses["autoencoder"], losses["generator"]
    pairs = [
        (reconstruction, expected.recon_loss),
        (generator, expected.autoencoder_loss - expected.recon_loss),
        (2 * losses["discriminator"], expected.discriminator_loss),
    ]
    for found, theirs in pairs:
        assert float(found.detach()) == pytest.approx(float(theirs.detach()), rel=TOLERANCE)
    assert_close(
        gradients(reconstruction + generator, architecture.encoder, architecture.decoder),
        gradients(expected.autoencoder_loss, model.encoder, model.decoder),
    )
    assert_close(
        gradients(2 * losses["discriminator"], architecture.discriminator),
        gradients(expected.discriminator_loss, model.discriminator),
    )
