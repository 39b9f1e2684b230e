"""Pythae's implementation of 14 architectures is Pythae's class under Pythae's trainer, and not the paper's.

The references are raw Pythae models and Pythae's trainers with settings written here; ours only lends its weights.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from pythae import models, trainers
from pythae.data.datasets import BaseDataset
from torch import Tensor

from reproduce import training
from reproduce.architectures import fingerprints, pythae_implementation, registry
from reproduce.architectures.contract import Batch
from reproduce.architectures.pythae_implementation import PythaeHvae, PythaeVqVae
from reproduce.architectures.settings import PythaeSettings
from reproduce.datasets import Dataset
from reproduce.errors import ReproduceError
from reproduce.machine import devices
from reproduce.protocol import Protocol, profile
from reproduce.training import Run, optimizers, player_gradients, step

TRAIN, VALIDATION = 4_000, 500


@dataclass(frozen=True)
class Theirs:
    """Pythae's class, the fields that the paper prints, and the trainer that Pythae's pipeline assigns."""

    name: str
    printed: dict[str, Any]
    trainer: str = "BaseTrainer"
    double: bool = True
    """Whether it is compared in double precision: two classes make tensors of single precision inside, and 500
    pseudo-inputs take minutes in double."""

    @property
    def config(self) -> Any:
        return getattr(models, f"{self.name}_Config", None) or getattr(models, f"{self.name}Config")


COUPLED, ADVERSARIAL = "CoupledOptimizerTrainer", "AdversarialTrainer"
TWO_BY_FIVE = {"number_gradient_estimates": 2, "number_samples": 5}
THEIRS: dict[str, Theirs] = {
    "vq-vae": Theirs("VQVAE", {"use_ema": True}, double=False),
    "rae-gp": Theirs("RAE_GP", {"reg_weight": 10.0}),
    "rae-l2": Theirs("RAE_L2", {}, COUPLED),
    "vamp": Theirs("VAMP", {"number_components": 500}, double=False),
    "hvae": Theirs("HVAE", {}),
    "beta-tcvae": Theirs("BetaTCVAE", {"beta": 4.0}),
    "vae-iaf": Theirs("VAE_IAF", {}),
    "info-vae": Theirs("INFOVAE_MMD", {"alpha": 0.5}),
    "factor-vae": Theirs("FactorVAE", {"gamma": 10.0}, ADVERSARIAL),
    "vae-linnf": Theirs("VAE_LinNF", {"flows": ["Planar"] * 4}),
    "miwae": Theirs("MIWAE", TWO_BY_FIVE),
    "piwae": Theirs("PIWAE", TWO_BY_FIVE, COUPLED),
    "ms-ssim-vae": Theirs("MSSSIM_VAE", {}, double=False),
    "adversarial-ae": Theirs("Adversarial_AE", {}, ADVERSARIAL),
}
implementations = pytest.mark.parametrize("slug", registry.PYTHAE)


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


def ours(slug: str) -> Any:
    return registry.build(slug, "pythae", train_size=TRAIN, validation_size=VALIDATION).train()


def few(n: int = 8) -> Tensor:
    return fingerprints.digits()[:n].to(torch.get_default_dtype())


def under_their_trainer(theirs: Theirs, mine: Any, folder: Path) -> Any:
    """Pythae's trainer over a raw model with the paper's printed settings and our weights, ready for a step."""
    config = theirs.config(input_dim=(1, 28, 28), latent_dim=16, **theirs.printed)
    model = getattr(models, theirs.name)(config, copy.deepcopy(mine.encoder), copy.deepcopy(mine.decoder))
    data = BaseDataset(few(), torch.zeros(8))
    settings = getattr(trainers, f"{theirs.trainer}Config")(output_dir=str(folder), no_cuda=True)
    # its sanity check is a forward pass of single precision
    with patch.object(trainers.BaseTrainer, "_run_model_sanity_check"):
        trainer = getattr(trainers, theirs.trainer)(model, data, training_config=settings)
    trainer.prepare_training()
    model.load_state_dict(mine.pythae.state_dict())
    return trainer


def distance(found: Tensor, expected: Tensor | None) -> float:
    """Of two tensors, relative to the second."""
    assert expected is not None, "no gradient reached it"
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


# --- equality with Pythae -----------------------------------------------------------------------------


@implementations
def test_step_by_step_it_is_pythaes_trainer(slug: str, precision: float, tmp_path: Path) -> None:
    mine, theirs = ours(slug), THEIRS[slug]
    trainer = under_their_trainer(theirs, mine, tmp_path)
    model, players = trainer.model.train(), mine.players()
    adams = optimizers(players, profile("paper"))
    names = {id(value): name for name, value in mine.pythae.named_parameters()}
    for index in range(2):
        before, images = copy.deepcopy(mine.state_dict()), few()
        torch.manual_seed(index)
        losses = mine.losses(Batch(images), 0.0).players
        found = player_gradients(players, losses)
        assert not images.requires_grad
        mine.load_state_dict(before)
        torch.manual_seed(index)
        step(mine, players, adams, Batch(images), 0.0)
        torch.manual_seed(index)
        output = model({"data": images}, epoch=1, dataset_size=TRAIN, uses_ddp=False)
        trainer._optimizers_step(output)
        if len(players) == 1:
            expected = float(output.loss.detach())
            assert float(losses["autoencoder"].detach()) == pytest.approx(expected, rel=precision)
        gradients = {name: value.grad for name, value in model.named_parameters()}
        for player in players:
            for parameter, gradient in zip(player.parameters, found[player.name], strict=True):
                name = names[id(parameter)]
                assert distance(gradient, gradients[name]) < precision, (index, player.name, name)
        if not theirs.double:
            # Adam makes whole steps of gradients that are rounding errors in single precision
            mine.pythae.load_state_dict(model.state_dict())
        weights = dict(mine.pythae.named_parameters())
        for name, value in model.named_parameters():
            assert distance(weights[name].detach(), value.detach()) < precision, (index, name)


@implementations
def test_validation_compares_what_their_trainer_compares(slug: str, precision: float, tmp_path: Path) -> None:
    """The output's loss in evaluation mode, N being the validation set's; twice that for RAE_L2's two players."""
    mine = ours(slug).eval()
    model = under_their_trainer(THEIRS[slug], mine, tmp_path).model.eval()
    torch.manual_seed(3)
    with torch.no_grad():
        found = float(mine.validation_loss(Batch(few())))
    torch.manual_seed(3)
    expected = float(model({"data": few()}, epoch=1, dataset_size=VALIDATION).loss.detach())
    assert found == pytest.approx((2 if slug == "rae-l2" else 1) * expected, rel=precision)


@implementations
def test_every_setting_that_the_paper_does_not_print_is_pythaes_default(slug: str) -> None:
    theirs = THEIRS[slug]
    default = theirs.config(input_dim=(1, 28, 28), latent_dim=16)
    for name, value in registry.settings_of(slug, "pythae")["settings"]["config"].items():
        assert value == theirs.printed.get(name, getattr(default, name)), name


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TWO_BY_FIVE | {"samples": 5}, r"MIWAEConfig did not take samples=5"),
        ({"number_gradient_estimates": 2}, r"MIWAEConfig has fields without a setting: number_samples"),
    ],
)
def test_a_setting_that_pythae_would_drop_or_choose_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ReproduceError, match=message):
        pythae_implementation.configuration(models.MIWAEConfig, registry.BACKBONE, PythaeSettings(config))


@pytest.mark.parametrize("slug", ["vq-vae", "rae-l2", "vae-iaf", "factor-vae"])
def test_a_resumed_run_ends_with_the_very_same_state(slug: str, tiny: Protocol, digits: Dataset) -> None:
    """A codebook with averages, two optimisers, a flow with batch norms, a discriminator with second batches."""
    devices.configure("cpu")

    def fresh() -> Run:
        return Run(training.fresh_architecture(slug, "pythae", tiny, 7), tiny, digits, 7, "cpu")

    straight, resumed = fresh(), fresh()
    straight.advance()
    resumed.restore(straight.state())
    for run in (straight, resumed):
        run.advance()
        run.progress.seconds = 0.0
    assert resumed.state() == straight.state()


# --- each differs from the paper's implementation, and how ----------------------------------------------------


def test_rae_l2_loses_its_decay() -> None:
    """Adam does not see that the encoder's gradient counts twice; what differs is the decay."""
    described = registry.build("rae-l2", train_size=TRAIN)
    assert [player.weight_decay for player in described.players()] == [0.0, 1e-7]
    assert [player.weight_decay for player in ours("rae-l2").players()] == [0.0, 0.0]


def test_vq_vae_rounds_16_scalars_to_512_values() -> None:
    model: PythaeVqVae = ours("vq-vae").eval()
    codebook = model.pythae.quantizer.embeddings
    assert codebook.shape == (512, 1)
    # but for the rounding of the straight-through step
    assert (model.encode(few()).reshape(-1, 1) - codebook.T).abs().min(1).values.max() < 1e-7


def test_hvae_draws_with_the_deviation_that_its_posterior_says() -> None:
    model: PythaeHvae = ours("hvae").eval()
    with torch.no_grad():
        mean, log_variance = model.posterior(few(1))
        drawn = model.sample(few(1).expand(200, -1, -1, -1))
    assert torch.allclose(drawn.std(0), (0.5 * log_variance[0]).exp(), rtol=0.25)
    assert torch.allclose(drawn.mean(0), mean[0], atol=0.25)


@pytest.mark.parametrize("slug", ["vae-iaf", "vae-linnf"])
def test_flows_do_not_know_the_image(slug: str) -> None:
    model: pythae_implementation.PythaeFlow = ours(slug).eval()
    with torch.no_grad():
        mean, *_ = model.context(few())
        alone = model.flow(mean[3:4], None)[0]
        assert torch.allclose(model.encode(few())[3:4], alone, atol=1e-6)
