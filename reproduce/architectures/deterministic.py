"""Autoencoders with a deterministic encoder: AE, WAE-MMD, RAE-L2, RAE-GP."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from pythae.models import AE, RAE_L2, WAE_MMD, AEConfig, RAE_L2_Config, WAE_MMD_Config
from torch import Tensor

from reproduce.architectures.contract import Architecture, Batch, Losses, Player, average, squared_error
from reproduce.architectures.pythae_objective import (
    PythaeObjective,
    checked,
    decoder,
    mean_encoder,
    pythae_settings,
)
from reproduce.architectures.settings import Backbone, Discrepancy, NoSettings, Regularized


class PlainAutoencoder(PythaeObjective):
    """Squared error only, summed over pixels. Pythae's AE.

    Source: Hinton & Salakhutdinov 2006, “Reducing the dimensionality of data with neural networks”. Departs:
    convolutions with batch norm trained from random weights; the source unfolds pretrained Boltzmann machines.
    """

    def __init__(self, backbone: Backbone, settings: NoSettings) -> None:
        config = AEConfig(**pythae_settings(backbone))
        super().__init__(AE(config, mean_encoder(backbone), decoder(backbone)))


class WassersteinAutoencoder(PythaeObjective):
    """Squared error and maximum mean discrepancy to the prior. Pythae's WAE_MMD.

    Source: Tolstikhin et al. 2018, algorithm 2. Departs: the RBF kernel and λ that the paper prints; the source uses an
    inverse multiquadric kernel. The encoder is deterministic as in the source, so this objective does not have the
    paper's "probabilistic latent representation".
    """

    parts = {"squared_error": "recon_loss", "mmd": "mmd_loss"}  # noqa: RUF012

    def __init__(self, backbone: Backbone, settings: Discrepancy) -> None:
        wanted = {
            "kernel_choice": "rbf",
            "reg_weight": settings.weight,
            "kernel_bandwidth": settings.bandwidth,
        }
        config = checked(WAE_MMD_Config(**pythae_settings(backbone), **wanted), **wanted)
        super().__init__(WAE_MMD(config, mean_encoder(backbone), decoder(backbone)))


class RegularizedL2(PythaeObjective):
    """Squared error, ½‖z‖² and weight decay on the decoder. Pythae's RAE_L2 computes the loss.

    Source: Ghosh et al. 2020, “From variational to deterministic autoencoders”, with Tikhonov regularisation of the
    decoder. Departs: the penalty λ‖θ‖² is Adam's coupled decay λθ, so half as strong. It is applied to the decoder
    player; Pythae's pipeline loses it.
    """

    parts = {"squared_error": "recon_loss", "embedding": "embedding_loss"}  # noqa: RUF012

    def __init__(self, backbone: Backbone, settings: Regularized) -> None:
        wanted = {"embedding_weight": settings.embedding, "reg_weight": settings.decoder_decay}
        config = checked(RAE_L2_Config(**pythae_settings(backbone), **wanted), **wanted)
        super().__init__(RAE_L2(config, mean_encoder(backbone), decoder(backbone)))
        self.decay = settings.decoder_decay

    def players(self) -> tuple[Player, ...]:
        return (
            Player.of("encoder", self.encoder),
            Player.of("decoder", self.decoder, weight_decay=self.decay),
        )


class GradientPenalty(Architecture):
    """Squared error, ½‖z‖² and λ‖∂D(z)/∂z‖².

    Source: Ghosh et al. 2020, “From variational to deterministic autoencoders”, with the gradient penalty. Departs:
    the squared Frobenius norm of the decoder's Jacobian is estimated with one probe per image: for v ~ N(0, I) in
    output space E‖Jᵀv‖² = ‖J‖², in the same decoder pass as the reconstruction, including its batch statistics. The
    paper's own penalty, on ∇ log q of a deterministic encoder, is not defined; Pythae's is the gradient of the
    summed output with respect to the input image.
    """

    def __init__(self, backbone: Backbone, settings: Regularized) -> None:
        super().__init__()
        self.encoder = mean_encoder(backbone)
        self.decoder = decoder(backbone)
        self.settings = settings

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        # the penalty is itself a gradient, so it needs the graph in validation, too
        with torch.enable_grad():
            z = self.encode(batch.images)
            if not z.requires_grad:
                z.requires_grad_()
            reconstruction = self.decode(z)
            penalty = self.jacobian_norm(reconstruction, z, self.training).mean()
            error = squared_error(reconstruction, batch.images).mean()
            embedding = 0.5 * z.square().sum(1).mean()
            loss = error + self.settings.embedding * embedding + self.settings.gradient_penalty * penalty
        parts = {"squared_error": error, "embedding": embedding, "gradient_penalty": penalty}
        return Losses({"autoencoder": loss}, parts)

    @staticmethod
    def jacobian_norm(images: Tensor, z: Tensor, create_graph: bool = True) -> Tensor:
        """Unbiased one-probe estimate of ‖∂ images / ∂z‖² per row of z: (B, 1, H, W), (B, d) → (B,)."""
        probe = torch.randn_like(images)
        (gradient,) = torch.autograd.grad(images, z, probe, create_graph=create_graph, retain_graph=True)
        return gradient.square().sum(1)

    def diagnostics(self, batches: Iterable[Tensor]) -> dict[str, float]:
        batches = list(batches)

        def penalty(x: Tensor) -> Tensor:
            with torch.enable_grad():
                z = self.encode(x).detach().requires_grad_()
                return self.jacobian_norm(self.decode(z), z, create_graph=False).detach()

        weighted = self.settings.gradient_penalty * average(penalty, batches)
        error = average(lambda x: squared_error(self.decode(self.encode(x)), x), batches)
        embedding = average(lambda x: 0.5 * self.encode(x).square().sum(1), batches)
        return {"penalty_share": weighted / (weighted + error + self.settings.embedding * embedding)}
