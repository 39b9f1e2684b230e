"""Pythae's implementation of 14 architectures: Pythae's own class, including its defects, on the shared backbone.

Settings that the paper prints are given, everything else is Pythae's default (`registry.PYTHAE` lists both). Each loss
is that of Pythae's forward pass, and the gradients are those of Pythae's assigned trainer: in two of its trainers the
second backward pass adds to the gradient of the first player (`LeakingPlayers`). The rest of the protocol is ours:
order of the batches, noise, epochs, fixed validation noise. Two features of its trainers are left out, because their
effect ends with the first steps: the forward pass in training mode before training (one more update of running
statistics and codebook), and Pythae's own default seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pythae.models import (
    HVAE,
    INFOVAE_MMD,
    MIWAE,
    MSSSIM_VAE,
    PIWAE,
    RAE_GP,
    RAE_L2,
    VAE_IAF,
    VAMP,
    VQVAE,
    Adversarial_AE,
    Adversarial_AE_Config,
    BaseAE,
    BaseAEConfig,
    BetaTCVAE,
    BetaTCVAEConfig,
    FactorVAE,
    FactorVAEConfig,
    HVAEConfig,
    INFOVAE_MMD_Config,
    MIWAEConfig,
    MSSSIM_VAEConfig,
    PIWAEConfig,
    RAE_GP_Config,
    RAE_L2_Config,
    VAE_IAF_Config,
    VAE_LinNF,
    VAE_LinNF_Config,
    VAEConfig,
    VAMPConfig,
    VQVAEConfig,
)
from pythae.models.base.base_utils import ModelOutput
from torch import Tensor

from reproduce.architectures.backbone import Encoder
from reproduce.architectures.contract import Batch, Losses, Path, Player, mix
from reproduce.architectures.distributions import (
    LOG_TWO_PI,
    gaussian_kl,
    gaussian_log_density,
    gaussian_sample,
)
from reproduce.architectures.flows import FlowPosterior
from reproduce.architectures.gaussian import GaussianPosterior
from reproduce.architectures.pythae_objective import (
    PythaeObjective,
    checked,
    decoder,
    gaussian_encoder,
    mean_encoder,
    pythae_likelihood,
    pythae_settings,
)
from reproduce.architectures.quantised import code_use
from reproduce.architectures.settings import Backbone, PythaeSettings
from reproduce.errors import ReproduceError

SETTLED = {field.name for field in fields(VAEConfig)} | {
    "uses_default_discriminator",
    "discriminator_input_dim",
}
"""Fields of Pythae's configurations that are not settings of the method: backbone, likelihood, bookkeeping."""


def configuration(
    kind: type[BaseAEConfig], backbone: Backbone, settings: PythaeSettings, **shared: object
) -> BaseAEConfig:
    """Pythae's configuration with every field of the method given by name.

    Raises ReproduceError when a setting does not exist there (Pythae would drop it silently), or when one is not given
    and would get an undocumented default.
    """
    wanted = settings.config | shared
    open_fields = sorted({field.name for field in fields(kind)} - SETTLED - wanted.keys())
    if open_fields:
        raise ReproduceError(
            f"Pythae's {kind.__name__} has fields without a setting: {', '.join(open_fields)}"
        )
    config = kind(**pythae_settings(backbone), **wanted)
    checked(config, **wanted)
    return config


class PythaeImplementation(PythaeObjective):
    """One Pythae class on the shared backbone. Subclasses name the class and its configuration, and define its code."""

    capturable = False  # Pythae's classes read values back from the device

    model: ClassVar[type[BaseAE]]
    configures: ClassVar[type[BaseAEConfig]]
    differentiates: ClassVar[bool] = False
    """Whether the forward pass computes gradients itself and so needs the graph in evaluation, too."""

    def __init__(self, backbone: Backbone, settings: PythaeSettings) -> None:
        config = configuration(self.configures, backbone, settings, **self.likelihood(backbone))
        super().__init__(self.model(config, self.make_encoder(backbone), decoder(backbone)))

    @staticmethod
    def make_encoder(backbone: Backbone) -> Encoder:
        """An encoder with one head; subclasses with a posterior have two."""
        return mean_encoder(backbone)

    @staticmethod
    def likelihood(backbone: Backbone) -> dict[str, object]:
        """No likelihood setting: deterministic classes have only the squared error."""
        return {}

    def forward_pass(self, batch: Batch) -> ModelOutput:
        """Pythae's own forward pass, with the arguments that its trainers pass."""
        # another tensor with the same memory: RAE_GP calls requires_grad_ on its input
        inputs = {"data": batch.images.detach()}
        with torch.set_grad_enabled(self.differentiates or torch.is_grad_enabled()):
            return self.pythae(inputs, **self.trainer_arguments())

    def trainer_arguments(self) -> dict[str, Any]:
        """Keyword arguments that Pythae's trainers pass to a class that needs them."""
        return {}

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        output = self.forward_pass(batch)
        return Losses(self.by_player(output.loss), self.recorded(output))


class LeakingPlayers(PythaeImplementation):
    """Two optimizers as Pythae's AdversarialTrainer and CoupledOptimizerTrainer use them.

    Both trainers clear the first player's gradients, run the first loss's backward pass, clear the second player's
    gradients and run the second loss's backward pass; then both players step. So the second loss's gradient stays in
    the first player's parameters: the first player minimises the sum, the second its own loss. Their validation also
    compares the sum.
    """

    roles: ClassVar[tuple[str, str]]
    """Names of the players; Pythae's output has a loss named after each."""

    def players(self) -> tuple[Player, ...]:
        first, second = self.roles
        return (Player.of(first, *self.owned(first)), Player.of(second, *self.owned(second)))

    def owned(self, role: str) -> tuple[torch.nn.Module, ...]:
        """The modules in that player's optimizer."""
        networks = {
            "encoder": ("encoder",),
            "decoder": ("decoder",),
            "autoencoder": ("encoder", "decoder"),
            "discriminator": ("discriminator",),
        }
        return tuple(getattr(self.pythae, name) for name in networks[role])

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        output = self.forward_pass(batch)
        first, second = (output[f"{role}_loss"] for role in self.roles)
        return Losses(dict(zip(self.roles, (first + second, second), strict=True)), self.recorded(output))


# --- deterministic --------------------------------------------------------------------------------------


class PythaeRaeGp(PythaeImplementation):
    """Pythae's RAE_GP: the penalty is the squared gradient of the summed output with respect to the input image,
    through encoder and decoder, and not the decoder's Jacobian (Ghosh et al. 2020)."""

    model, configures = RAE_GP, RAE_GP_Config
    differentiates = True
    parts = {"squared_error": "recon_loss", "embedding": "embedding_loss", "gradient_penalty": "gen_reg_loss"}  # noqa: RUF012


class PythaeRaeL2(LeakingPlayers):
    """Pythae's RAE_L2 (Ghosh et al. 2020 without their L_REG).

    The decay in its configuration never reaches an optimizer, and both players have the same loss, so the encoder's
    gradient counts twice.
    """

    model, configures = RAE_L2, RAE_L2_Config
    roles = ("encoder", "decoder")
    parts = {"squared_error": "recon_loss", "embedding": "embedding_loss"}  # noqa: RUF012


class PythaeVqVae(PythaeImplementation):
    """Pythae's VQVAE on a flat encoder: each of the 16 scalars is rounded to one of 512 values (van den Oord et al.
    2017 with vectors of one dimension).

    The commitment loss is a mean over all elements. The moving averages do not start at the codes, so codes that are
    not chosen jump away at the first step.
    """

    model, configures = VQVAE, VQVAEConfig
    parts = {"squared_error": "recon_loss", "commitment": "vq_loss"}  # noqa: RUF012

    def quantise(self, code: Tensor) -> ModelOutput:
        """Pythae's quantiser on scalars: (B, 16) → its output, quantized_vector (B, 1, 1, 16)."""
        return self.pythae.quantizer(code.reshape(len(code), 1, -1, 1))

    def encode(self, x: Tensor) -> Tensor:
        return self.quantise(self.raw_code(x)).quantized_vector.flatten(1)

    def other_paths(self) -> Mapping[str, Path]:
        def requantised(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
            codes = mix(first, second, weights)
            rounded = self.quantise(codes.flatten(0, 1)).quantized_vector
            return self.decode_path(rounded.reshape(codes.shape))

        return {"requantised": requantised}

    def averaged_parameters(self) -> int:
        return int(self.pythae.quantizer.embeddings.numel())

    @torch.no_grad()
    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        chosen = [self.quantise(self.raw_code(x)).quantized_indices.flatten() for x in batches]
        return code_use(torch.cat(chosen), self.pythae.quantizer.num_embeddings)


# --- Gaussian posterior ---------------------------------------------------------------------------------


class PythaeGaussian(PythaeImplementation, GaussianPosterior):
    """The common part of the Gaussian classes: two heads, and the posterior mean as the deterministic code."""

    parts: Mapping[str, str] = {"reconstruction": "recon_loss", "kl": "reg_loss"}

    @staticmethod
    def make_encoder(backbone: Backbone) -> Encoder:
        return gaussian_encoder(backbone)

    @staticmethod
    def likelihood(backbone: Backbone) -> dict[str, object]:
        return pythae_likelihood(backbone)


class PythaeInfoVae(PythaeGaussian):
    """Pythae's INFOVAE_MMD at its default λ = 0.001 (Zhao et al. 2017, Eq. 6).

    With the paper's α = 0.5 the MMD's weight α + λ - 1 is negative: the discrepancy is maximised.
    """

    model, configures = INFOVAE_MMD, INFOVAE_MMD_Config
    parts = {**PythaeGaussian.parts, "mmd": "mmd_loss"}  # noqa: RUF012


class PythaeBetaTcVae(PythaeGaussian):
    """Pythae's BetaTCVAE (Chen et al. 2018, Eq. 4): its matrix of importance weights fills columns instead of
    diagonals, and N is the size of the current data set, so training and validation losses are not comparable."""

    model, configures = BetaTCVAE, BetaTCVAEConfig
    parts = {"reconstruction": "recon_loss", "regulariser": "reg_loss"}  # noqa: RUF012

    def __init__(
        self, backbone: Backbone, settings: PythaeSettings, train_size: int, validation_size: int
    ) -> None:
        super().__init__(backbone, settings)
        self.sizes = {True: train_size, False: validation_size}

    def trainer_arguments(self) -> dict[str, Any]:
        return {"dataset_size": self.sizes[self.training]}


class PythaeMsSsimVae(PythaeGaussian):
    """Pythae's MSSSIM_VAE at its defaults (Snell et al. 2017): a reconstruction term between 0 and 1, averaged over the
    batch, against a KL summed in nats at weight 1."""

    model, configures = MSSSIM_VAE, MSSSIM_VAEConfig


class PythaeVamp(PythaeGaussian):
    """Pythae's VAMP (Tomczak & Welling 2018, Eq. 9): pseudo-inputs pass through the encoder in each step and make up
    half of its running statistics, which are then used to encode digits."""

    model, configures = VAMP, VAMPConfig

    def kl(self, x: Tensor) -> Tensor | None:
        mean, log_variance = self.posterior(x)
        z = gaussian_sample(mean, log_variance)
        # Pythae leaves the constant out of both densities
        prior = self.pythae._log_p_z(z) - 0.5 * z.shape[1] * LOG_TWO_PI
        return gaussian_log_density(z, mean, log_variance) - prior


class PythaeMiwae(PythaeGaussian):
    """Pythae's MIWAE (Rainforth et al. 2018): weights are normalised over the M groups and averaged over the K
    samples, so M = 2, K = 5 gives five bounds of two samples."""

    model, configures = MIWAE, MIWAEConfig


class PythaePiwae(LeakingPlayers, PythaeGaussian):
    """Pythae's PIWAE (Rainforth et al. 2018): it has MIWAE's wrong axis, and the decoder's IWAE gradient is added into
    the encoder."""

    model, configures = PIWAE, PIWAEConfig
    roles = ("encoder", "decoder")


class PythaeFactorVae(LeakingPlayers, PythaeGaussian):
    """Pythae's FactorVAE (Kim & Mnih 2018, algorithm 2): half of the batch is reconstructed, the other half only
    supplies permuted codes; the encoder minimises the discriminator's loss, too, and so helps it. The discriminator is
    Pythae's: five layers of 1000."""

    model, configures = FactorVAE, FactorVAEConfig
    roles = ("autoencoder", "discriminator")
    parts = {"reconstruction": "recon_loss", "discriminator": "discriminator_loss"}  # noqa: RUF012


class PythaeAdversarialAe(LeakingPlayers, PythaeGaussian):
    """Pythae's Adversarial_AE (Makhzani et al. 2016): encoder and decoder minimise one weighted sum, in which fooling
    the discriminator weighs about a hundredth of the reconstruction. No gradient leaks: the codes are detached."""

    model, configures = Adversarial_AE, Adversarial_AE_Config
    roles = ("autoencoder", "discriminator")
    parts = {"reconstruction": "recon_loss", "discriminator": "discriminator_loss"}  # noqa: RUF012


# --- posteriors that move the draw ----------------------------------------------------------------------


class PythaeFlow(FlowPosterior, PythaeGaussian):
    """A flow that does not depend on the image: effectively a learned prior, not a richer posterior."""


class PythaeVaeIaf(PythaeFlow):
    """Pythae's VAE_IAF (Kingma et al. 2016 without the context): two MADE blocks, the same for all images."""

    model, configures = VAE_IAF, VAE_IAF_Config

    def flow(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        output = self.pythae.iaf_flow.inverse(z)
        return output.out, output.log_abs_det_jac


class PythaeVaeLinNf(PythaeFlow):
    """Pythae's VAE_LinNF: four planar flows (Rezende & Mohamed 2015), neither linear nor triangular, and not kept
    invertible."""

    model, configures = VAE_LinNF, VAE_LinNF_Config

    def flow(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(len(z))
        for layer in self.pythae.net:
            output = layer(z)
            z, total = output.out, total + output.log_abs_det_jac
        return z, total


class PythaeHvae(PythaeGaussian):
    """Pythae's HVAE, the Hamiltonian VAE (Caterini et al. 2018): three leapfrog steps of size 0.001 after a draw.

    As coded, the tempering has no effect and the half step of the momentum is discarded; the standard deviation is the
    softplus of the value that the entropy term uses as the log-variance. `encode` is the Gaussian's mean, before any
    step.
    """

    model, configures = HVAE, HVAEConfig
    differentiates = True
    parts: Mapping[str, str] = {}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance that the first draw actually has, each (B, d)."""
        mean, raw = super().posterior(x)
        return mean, 2 * F.softplus(raw).log()

    def sample(self, x: Tensor) -> Tensor:
        return self.forward_pass(Batch(x)).z.detach()

    def kl(self, x: Tensor) -> Tensor | None:
        """The KL of the first draw's distribution."""
        return gaussian_kl(*self.posterior(x))
