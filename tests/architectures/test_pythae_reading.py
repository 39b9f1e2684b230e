"""The pythae reading of 14 architectures is Pythae's class under Pythae's trainer, and is not the described reading.

The references are raw Pythae models and Pythae's trainers with settings written here; ours only lends its weights.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from pythae.data.datasets import BaseDataset
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
    VAMPConfig,
    VQVAEConfig,
)
from pythae.trainers import (
    AdversarialTrainer,
    AdversarialTrainerConfig,
    BaseTrainer,
    BaseTrainerConfig,
    CoupledOptimizerTrainer,
    CoupledOptimizerTrainerConfig,
)
from torch import Tensor

from reproduce import devices, fingerprints, training
from reproduce.architectures import pythae_reading, registry
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.pythae_reading import HvaeReading, Reading, VqVaeReading
from reproduce.architectures.settings import PythaeSettings
from reproduce.architectures.total_correlation import stratified_log_weights
from reproduce.datasets import Dataset
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol, profile, shortened
from reproduce.training import Run, optimizers, player_gradients, step

TRAIN, VALIDATION = 4_000, 500


@dataclass(frozen=True)
class Theirs:
    """Pythae's class, the fields that the paper prints, and the trainer that Pythae's pipeline assigns."""

    model: type[BaseAE]
    config: type[BaseAEConfig]
    printed: dict[str, Any]
    trainer: type[BaseTrainer] = BaseTrainer
    trainer_config: type[BaseTrainerConfig] = BaseTrainerConfig
    double: bool = True
    """Whether it is compared in double precision: two classes make tensors of single precision inside, and 500
    pseudo-inputs take minutes in double."""


COUPLED: dict[str, Any] = {
    "trainer": CoupledOptimizerTrainer,
    "trainer_config": CoupledOptimizerTrainerConfig,
}
ADVERSARIAL: dict[str, Any] = {"trainer": AdversarialTrainer, "trainer_config": AdversarialTrainerConfig}
THEIRS: dict[str, Theirs] = {
    "vq-vae": Theirs(VQVAE, VQVAEConfig, {"use_ema": True}, double=False),
    "rae-gp": Theirs(RAE_GP, RAE_GP_Config, {"reg_weight": 10.0}),
    "rae-l2": Theirs(RAE_L2, RAE_L2_Config, {}, **COUPLED),
    "vamp": Theirs(VAMP, VAMPConfig, {"number_components": 500}, double=False),
    "hvae": Theirs(HVAE, HVAEConfig, {}),
    "beta-tcvae": Theirs(BetaTCVAE, BetaTCVAEConfig, {"beta": 4.0}),
    "vae-iaf": Theirs(VAE_IAF, VAE_IAF_Config, {}),
    "info-vae": Theirs(INFOVAE_MMD, INFOVAE_MMD_Config, {"alpha": 0.5}),
    "factor-vae": Theirs(FactorVAE, FactorVAEConfig, {"gamma": 10.0}, **ADVERSARIAL),
    "vae-linnf": Theirs(VAE_LinNF, VAE_LinNF_Config, {"flows": ["Planar"] * 4}),
    "miwae": Theirs(MIWAE, MIWAEConfig, {"number_gradient_estimates": 2, "number_samples": 5}),
    "piwae": Theirs(PIWAE, PIWAEConfig, {"number_gradient_estimates": 2, "number_samples": 5}, **COUPLED),
    "ms-ssim-vae": Theirs(MSSSIM_VAE, MSSSIM_VAEConfig, {}, double=False),
    "adversarial-ae": Theirs(Adversarial_AE, Adversarial_AE_Config, {}, **ADVERSARIAL),
}
READINGS = tuple(registry.PYTHAE)
DETERMINISTIC = {"vq-vae", "rae-gp", "rae-l2"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def precision(slug: str) -> Iterator[float]:
    """Double precision by default wherever the class allows it; the relative tolerance that goes with it."""
    double = THEIRS[slug].double
    torch.set_default_dtype(torch.float64 if double else torch.float32)
    yield 1e-8 if double else 2e-3
    torch.set_default_dtype(torch.float32)


def ours(slug: str) -> Architecture:
    return registry.build(slug, "pythae", train_size=TRAIN, validation_size=VALIDATION).train()


def digits(n: int = 8) -> Tensor:
    return fingerprints.digits()[:n].to(torch.get_default_dtype())


def under_their_trainer(theirs: Theirs, mine: Architecture, folder: Path) -> BaseTrainer:
    """Pythae's trainer over a raw model with the paper's printed settings and our weights, ready for a step."""
    config = theirs.config(input_dim=(1, 28, 28), latent_dim=16, **theirs.printed)
    model = theirs.model(config, copy.deepcopy(mine.encoder), copy.deepcopy(mine.decoder))
    images = digits()
    # its sanity check is a forward pass of single precision
    with patch.object(BaseTrainer, "_run_model_sanity_check"):
        trainer = theirs.trainer(
            model,
            BaseDataset(images, torch.zeros(len(images))),
            training_config=theirs.trainer_config(output_dir=str(folder), no_cuda=True),
        )
    trainer.prepare_training()
    model.load_state_dict(mine.pythae.state_dict())
    return trainer


def distance(found: Tensor, expected: Tensor | None) -> float:
    """Of two tensors, relative to the second."""
    assert expected is not None, "no gradient reached it"
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


# --- equality with Pythae -----------------------------------------------------------------------------


@pytest.mark.parametrize("slug", READINGS)
def test_loss_gradients_and_weights_are_those_of_pythaes_trainer_step_by_step(
    slug: str, precision: float, tmp_path: Path
) -> None:
    mine, theirs = ours(slug), THEIRS[slug]
    trainer = under_their_trainer(theirs, mine, tmp_path)
    model, players = trainer.model.train(), mine.players()
    adams = optimizers(players, profile("paper"))
    for index in range(3):
        before = copy.deepcopy(mine.state_dict())
        torch.manual_seed(index)
        losses = mine.losses(Batch(digits()), 0.0).players
        found = player_gradients(players, losses)
        mine.load_state_dict(before)
        torch.manual_seed(index)
        step(mine, players, adams, Batch(digits()), 0.0)
        torch.manual_seed(index)
        output = model({"data": digits()}, epoch=1, dataset_size=TRAIN, uses_ddp=False)
        trainer._optimizers_step(output)
        if len(players) == 1:
            expected = float(output.loss.detach())
            assert float(losses["autoencoder"].detach()) == pytest.approx(expected, rel=precision)
        names = {id(value): name for name, value in mine.pythae.named_parameters()}
        gradients = {name: value.grad for name, value in model.named_parameters()}
        for player in players:
            for parameter, gradient in zip(player.parameters, found[player.name], strict=True):
                name = names[id(parameter)]
                assert distance(gradient, gradients[name]) < precision, (index, player.name, name)
        if (
            not theirs.double
        ):  # Adam makes whole steps of gradients that are rounding errors in single precision
            mine.pythae.load_state_dict(model.state_dict())
            continue
        weights = dict(mine.pythae.named_parameters())
        for name, value in model.named_parameters():
            assert distance(weights[name].detach(), value.detach()) < precision, (index, name)


@pytest.mark.parametrize("slug", READINGS)
def test_validation_compares_what_their_trainer_compares(slug: str, precision: float, tmp_path: Path) -> None:
    """The output's loss in evaluation mode, N being the validation set's; twice that for RAE_L2's two players."""
    mine = ours(slug).eval()
    model = under_their_trainer(THEIRS[slug], mine, tmp_path).model.eval()
    torch.manual_seed(3)
    with torch.no_grad():
        found = mine.validation_loss(Batch(digits()))
    torch.manual_seed(3)
    expected = model({"data": digits()}, epoch=1, dataset_size=VALIDATION).loss.detach()
    factor = 2 if slug == "rae-l2" else 1
    assert float(found.detach()) == pytest.approx(factor * float(expected), rel=precision)


def test_the_table_of_references_is_complete() -> None:
    assert set(THEIRS) == set(registry.PYTHAE)


@pytest.mark.parametrize("slug", READINGS)
def test_every_setting_that_the_paper_does_not_print_is_pythaes_default(slug: str) -> None:
    theirs = THEIRS[slug]
    default = theirs.config(input_dim=(1, 28, 28), latent_dim=16)
    for name, value in registry.settings_of(slug, "pythae")["settings"]["config"].items():
        assert value == theirs.printed.get(name, getattr(default, name)), name


# --- settings cannot get lost ----------------------------------------------------------------------------


def test_a_setting_that_pythae_would_drop_silently_is_refused() -> None:
    wrong = PythaeSettings({"number_samples": 5, "number_gradient_estimates": 2, "samples": 5})
    with pytest.raises(ReproduceError, match=r"MIWAEConfig did not take samples=5"):
        pythae_reading.configuration(MIWAEConfig, registry.BACKBONE, wrong)


def test_a_setting_that_nobody_wrote_down_is_refused() -> None:
    with pytest.raises(ReproduceError, match=r"MIWAEConfig has fields without a setting: number_samples"):
        pythae_reading.configuration(
            MIWAEConfig, registry.BACKBONE, PythaeSettings({"number_gradient_estimates": 2})
        )


# --- what evaluation and store ask for -----------------------------------------------------------------


@pytest.mark.parametrize("slug", READINGS)
def test_codes_samples_and_paths_are_there_without_a_graph(slug: str) -> None:
    model, x = ours(slug).eval(), digits()
    before = copy.deepcopy(model.state_dict())
    weights = torch.linspace(0, 1, 10)
    with torch.no_grad():
        code, raw = model.encode(x), model.raw_code(x)
        torch.manual_seed(0)
        one = model.sample(x)
        torch.manual_seed(1)
        other = model.sample(x)
        assert torch.equal(code, model.encode(x))
        assert torch.equal(one, other) == (slug in DETERMINISTIC)
        for z in (code, raw, one):
            assert z.shape == (len(x), 16)
            assert not z.requires_grad
            assert model.decode(z).shape == x.shape
        paths = {"described": model.interpolate, **model.other_paths()}
        for path in paths.values():
            assert path(code[:2], code[2:4], weights).shape == (2, 10, 28, 28)
        # a single image is enough
        assert model.decode(model.sample(x[:1])).shape == (1, 1, 28, 28)
        kl = model.kl(x)
        assert kl is None or (kl.shape == (len(x),) and bool(kl.isfinite().all()))
        assert all(np.isfinite(value) for value in model.diagnostics([x]).values())
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.fixture(scope="module")
def small() -> tuple[Protocol, Dataset]:
    """Two epochs of two steps."""
    from reproduce.datasets import load

    data = load(profile("smoke"))
    cut = {
        name: replace(part, images=part.images[:40], labels=part.labels[:40])
        for name in ("train", "validation")
        for part in (getattr(data, name),)
    }
    return shortened(profile("smoke"), train=40, validation=40, epochs=2, batch_size=20), replace(data, **cut)


@pytest.mark.parametrize("slug", READINGS)
def test_a_resumed_run_ends_with_the_very_same_state(slug: str, small: tuple[Protocol, Dataset]) -> None:
    protocol, data = small
    devices.configure("cpu")

    def fresh() -> Run:
        return Run(training.fresh_architecture(slug, "pythae", protocol, 7), protocol, data, 7, "cpu")

    straight = fresh()
    straight.advance()
    saved = straight.state()
    straight.advance()
    resumed = fresh()
    resumed.restore(saved)
    resumed.advance()
    for run in (straight, resumed):
        run.progress.seconds = 0.0
    assert resumed.state() == straight.state()


# --- each differs from the described reading, and how ----------------------------------------------------


@pytest.mark.parametrize("slug", READINGS)
def test_the_pythae_reading_is_not_the_described_one(slug: str) -> None:
    """From the same networks, noise and batch, one step leads elsewhere."""
    described = registry.build(slug, train_size=TRAIN).train()
    reading = ours(slug)
    if slug == "vq-vae":
        assert reading.encode(digits()).shape != described.encode(digits()).shape
        return
    reading.encoder.load_state_dict(described.encoder.state_dict(), strict=False)
    reading.decoder.load_state_dict(described.decoder.state_dict())
    images, weights = digits(), {}
    for name, model in (("described", described), ("pythae", reading)):
        before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
        torch.manual_seed(5)
        players = model.players()
        step(model, players, optimizers(players, profile("desk")), Batch(images, images.flip(0)), 0.0)
        weights[name] = {key: value - before[key] for key, value in model.encoder.state_dict().items()}
    if slug == "rae-l2":  # Adam does not see the factor two; what differs is the decay
        assert [player.weight_decay for player in described.players()] == [0.0, 1e-7]
        assert [player.weight_decay for player in reading.players()] == [0.0, 0.0]
        return
    shared = weights["described"].keys() & weights["pythae"].keys()
    moved = max(distance(weights["pythae"][key].float(), weights["described"][key].float()) for key in shared)
    assert moved > 0.02


def test_vq_vae_rounds_16_scalars_to_512_values() -> None:
    model = ours("vq-vae").eval()
    assert isinstance(model, VqVaeReading)
    codebook = model.pythae.quantizer.embeddings
    assert codebook.shape == (512, 1)
    code = model.encode(digits())
    # but for the rounding of the straight-through step
    assert (code.reshape(-1, 1) - codebook.T).abs().min(1).values.max() < 1e-7
    requantised = model.quantise(code).quantized_vector.flatten(1)
    assert torch.allclose(requantised, code, atol=1e-7)


def test_hvae_is_a_vae_whose_draw_moves_by_a_hundredth() -> None:
    model = ours("hvae").eval()
    assert isinstance(model, HvaeReading)
    output = model.forward_pass(Batch(digits()))
    moved = (output.z - output.z0).norm(dim=1)
    assert moved.max() < 0.05 < output.z0.norm(dim=1).min()


def test_hvae_draws_with_the_standard_deviation_that_its_posterior_says() -> None:
    model = ours("hvae").eval()
    assert isinstance(model, HvaeReading)
    with torch.no_grad():
        mean, log_variance = model.posterior(digits(1).expand(400, -1, -1, -1))
        drawn = model.sample(digits(1).expand(400, -1, -1, -1))
    assert torch.allclose(drawn.std(0), (0.5 * log_variance[0]).exp(), rtol=0.2)
    assert torch.allclose(drawn.mean(0), mean[0], atol=0.2)


@pytest.mark.parametrize("slug", ["vae-iaf", "vae-linnf"])
def test_flows_do_not_know_the_image(slug: str) -> None:
    model = ours(slug).eval()
    assert isinstance(model, pythae_reading.FlowReading)
    x = digits()
    with torch.no_grad():
        mean, *_ = model.context(x)
        alone = model.flow(mean[3:4], None)[0]
        assert torch.allclose(model.encode(x)[3:4], alone, atol=1e-6)


def test_planar_flows_are_not_affine() -> None:
    model = ours("vae-linnf").eval()
    assert isinstance(model, pythae_reading.FlowReading)
    a, b, zero = torch.randn(5, 16), torch.randn(5, 16), torch.zeros(5, 16)
    with torch.no_grad():
        left = model.flow(a + b, None)[0] + model.flow(zero, None)[0]
        right = model.flow(a, None)[0] + model.flow(b, None)[0]
    assert (left - right).abs().max() > 0.1


def test_info_vae_weighs_the_discrepancy_by_minus_0_499() -> None:
    losses = ours("info-vae").losses(Batch(digits()), 0.0)
    parts = losses.parts
    expected = parts["reconstruction"] + 0.5 * parts["kl"] - 0.499 * parts["mmd"]
    assert torch.allclose(losses.players["autoencoder"], expected, rtol=1e-5)


def test_rae_gp_penalises_the_gradient_of_the_summed_output_by_the_image() -> None:
    model = ours("rae-gp").double().eval()
    x = digits(3).double()
    jacobian = torch.autograd.functional.jacobian(lambda v: model.decode(model.encode(v)).sum((1, 2, 3)), x)
    norms = torch.stack([jacobian[i, i].square().sum() for i in range(3)])
    assert torch.allclose(model.losses(Batch(x), 0.0).parts["gradient_penalty"], norms.mean(), rtol=1e-6)


def test_rae_gp_leaves_the_batch_without_a_gradient() -> None:
    images = digits()
    ours("rae-gp").losses(Batch(images), 0.0)
    assert not images.requires_grad


def test_piwae_encoder_gets_the_decoders_gradient_too() -> None:
    model = ours("piwae")
    losses = model.losses(Batch(digits()), 0.0).players
    output = losses["encoder"] - losses["decoder"]
    weights = [value for value in model.encoder.parameters() if value.requires_grad]

    def gradient(loss: Tensor) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights, retain_graph=True)])

    own, other, both = gradient(output), gradient(losses["decoder"]), gradient(losses["encoder"])
    assert distance(own + other, both) < 1e-4
    assert distance(own, both) > 0.2


def test_miwae_normalises_over_its_groups() -> None:
    """With one group every weight is one, so five samples are averaged, not weighted: the ELBO's gradient."""
    settings = PythaeSettings({"number_gradient_estimates": 1, "number_samples": 5})
    model = pythae_reading.MiwaeReading(registry.BACKBONE, settings).train()
    losses = model.losses(Batch(digits()), 0.0)
    elbo = losses.parts["reconstruction"] + losses.parts["kl"]
    assert torch.allclose(losses.players["autoencoder"], elbo, rtol=1e-5)


def test_factor_vae_reconstructs_half_of_the_batch_and_leaks() -> None:
    model = ours("factor-vae")
    assert isinstance(model, Reading)
    output = model.forward_pass(Batch(digits(8)))
    assert len(output.recon_x) == 4
    weights = [value for value in model.encoder.parameters() if value.requires_grad]
    leaked = torch.autograd.grad(output.discriminator_loss, weights)
    assert sum(float(value.abs().sum()) for value in leaked) > 0


def test_adversarial_ae_weighs_the_adversary_by_half_in_one_sum() -> None:
    model = ours("adversarial-ae")
    assert [player.name for player in model.players()] == ["autoencoder", "discriminator"]
    assert isinstance(model, Reading)
    output = model.forward_pass(Batch(digits()))
    error = output.recon_loss.detach()
    fooling = output.autoencoder_loss.detach() - error
    assert 0 < fooling < 0.03 * error


def test_vamp_updates_running_statistics_twice_a_step() -> None:
    model = ours("vamp")
    before = int(model.encoder.norms[0].num_batches_tracked)
    model.losses(Batch(digits()), 0.0)
    assert int(model.encoder.norms[0].num_batches_tracked) == before + 2


def test_beta_tcvae_weights_stand_in_other_places() -> None:
    model = ours("beta-tcvae")
    assert isinstance(model, Reading)
    theirs = model.pythae._log_importance_weight_matrix(6, TRAIN).double()
    assert not torch.allclose(theirs, stratified_log_weights(6, TRAIN))


def test_ms_ssim_vae_has_a_loss_below_one_against_a_kl_in_nats() -> None:
    losses = ours("ms-ssim-vae").losses(Batch(digits()), 0.0)
    assert 0 < losses.parts["reconstruction"] < 1
    assert torch.allclose(losses.players["autoencoder"], losses.parts["reconstruction"] + losses.parts["kl"])
