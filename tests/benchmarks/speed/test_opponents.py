"""Every row has the trainer that Pythae's pipeline would take. That shared rows have our gradients is shown by
`tests/architectures/test_against_pythae.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pythae.data.datasets import BaseDataset
from pythae.pipelines import TrainingPipeline
from pythae.trainers import AdversarialTrainer, BaseTrainer, CoupledOptimizerTrainer

from benchmarks.speed.opponents import SHARED, PlainForm, opponent, output_for_trainer, pythae_trainer
from reproduce.architectures import registry
from reproduce.architectures.names import SLUGS

KINDS = {
    "rae-l2": CoupledOptimizerTrainer,
    "piwae": CoupledOptimizerTrainer,
    "factor-vae": AdversarialTrainer,
    "adversarial-ae": AdversarialTrainer,
}
NAMES = {"piwae": "PIWAE", "factor-vae": "FactorVAE", "adversarial-ae": "Adversarial_AE"}
"""Pythae's names of those that our plain form stands in for and that its pipeline gives a trainer of their own."""
DECAYS = {"rae-l2": {0.0, 1e-7}}

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # Pythae's SVAE


@pytest.mark.parametrize("slug", SLUGS)
def test_the_trainer_is_pythaes_and_trains_what_ours_trains(slug: str, tmp_path: Path) -> None:
    model = opponent(slug, 64)
    assert isinstance(model, PlainForm) == (slug not in SHARED)
    dataset = BaseDataset(torch.rand(4, 1, 28, 28), torch.zeros(4))
    trainer = pythae_trainer(slug, model, dataset, 4, str(tmp_path))
    assert type(trainer) is KINDS.get(slug, BaseTrainer)
    trainer.prepare_training()
    optimisers = [value for value in vars(trainer).values() if isinstance(value, torch.optim.Optimizer)]
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    trained = {value for group in groups for value in group["params"] if value.requires_grad}
    players = registry.build(slug, train_size=64).players()
    ours = {value for player in players for value in player.parameters}
    assert sum(value.numel() for value in trained) == sum(value.numel() for value in ours)
    assert {group["weight_decay"] for group in groups} == DECAYS.get(slug, {0.0})
    model.model_name = NAMES.get(slug, model.model_name)
    TrainingPipeline(model=model, training_config=trainer.training_config)  # refuses the wrong one


def test_losses_get_the_names_that_the_trainers_look_for() -> None:
    one, two, three = (torch.tensor(value) for value in (1.0, 2.0, 4.0))
    assert output_for_trainer({"autoencoder": one}).loss is one
    both = output_for_trainer({"encoder": one, "decoder": two})
    assert (both.encoder_loss, both.decoder_loss) == (one, two)
    assert both.update_encoder
    assert both.update_decoder
    adversarial = output_for_trainer({"autoencoder": one, "discriminator": two, "generator": three})
    assert (float(adversarial.autoencoder_loss), float(adversarial.discriminator_loss)) == (5.0, 2.0)
