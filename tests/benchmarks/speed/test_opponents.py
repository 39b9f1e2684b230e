"""Shared rows: Pythae's class has our losses' gradients. Every row: the trainer that Pythae's pipeline would take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pythae.data.datasets import BaseDataset
from pythae.pipelines import TrainingPipeline
from pythae.trainers import AdversarialTrainer, BaseTrainer, CoupledOptimizerTrainer
from torch import Tensor, nn

from benchmarks.speed.opponents import SHARED, PlainForm, opponent, output_for_trainer, pythae_trainer
from reproduce.architectures import registry, spherical
from reproduce.architectures.contract import Batch
from reproduce.names import SLUGS
from tests.architectures.exact import same_noise

TOLERANCE = 1e-7
WARM_UP = 100
"""Epochs of DisentangledBetaVAE; its capacity stands at its end value from the next one on."""

KINDS = {
    "rae-l2": CoupledOptimizerTrainer,
    "piwae": CoupledOptimizerTrainer,
    "factor-vae": AdversarialTrainer,
    "adversarial-ae": AdversarialTrainer,
}
NAMES = {"piwae": "PIWAE", "factor-vae": "FactorVAE", "adversarial-ae": "Adversarial_AE"}
"""Pythae's names of those that our plain form stands in for and that its pipeline gives a trainer of their own."""

pytestmark = pytest.mark.filterwarnings("ignore:To copy construct from a tensor")  # Pythae's SVAE


@pytest.mark.parametrize("slug", sorted(SHARED))
def test_shared_rows_have_our_gradients(slug: str, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    ours = registry.build(slug, train_size=64).double().train()
    torch.manual_seed(3)
    model = opponent(slug, 64).double().train()
    model.encoder.load_state_dict(ours.encoder.state_dict())
    model.decoder.load_state_dict(ours.decoder.state_dict())
    if slug == "vamp":
        model.pseudo_inputs[0].load_state_dict(ours.pseudo.state_dict())  # type: ignore[union-attr]
        model.idle_input = model.idle_input.double()
    if slug == "svae":  # theirs rejects draws as often as it takes, ours draws a fixed number
        noise = torch.randn(len(images), 16, dtype=torch.float64)

        def draw(mean: Tensor, kappa: Tensor, *_: int) -> Tensor:
            return nn.functional.normalize(mean * kappa.view(-1, 1) + noise, dim=1)

        monkeypatch.setattr(spherical, "sample_von_mises_fisher", draw)
        monkeypatch.setattr(model, "_sample_von_mises", draw)
    with same_noise(3):
        loss = next(iter(ours.losses(Batch(images), 1.0).players.values()))
    with same_noise(3):
        expected = model({"data": images}, epoch=WARM_UP + 1, dataset_size=64).loss
    if slug not in ("iwae", "ciwae"):  # theirs is a surrogate there, with the same gradient
        assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=TOLERANCE)
    parameters = [value for value in ours.parameters() if value.requires_grad]
    gradients = dict(zip(parameters, torch.autograd.grad(loss, parameters), strict=True))
    pairs = [(ours.encoder, model.encoder), (ours.decoder, model.decoder)]
    if slug == "vamp":
        pairs.append((ours.pseudo, model.pseudo_inputs[0]))  # type: ignore[arg-type]
    expected.backward()
    compared = 0
    for mine, theirs in pairs:
        for (name, value), (other_name, other) in zip(
            mine.named_parameters(), theirs.named_parameters(), strict=True
        ):
            assert name == other_name
            if value.requires_grad:
                assert other.grad is not None
                difference = float((gradients[value] - other.grad).norm())
                assert difference <= TOLERANCE * max(float(other.grad.norm()), 1e-3), name
                compared += 1
    assert compared == len(parameters)


@pytest.fixture
def dataset() -> BaseDataset:
    return BaseDataset(torch.rand(4, 1, 28, 28), torch.zeros(4))


@pytest.mark.parametrize("slug", SLUGS)
def test_the_trainer_is_the_one_that_pythae_assigns(slug: str, dataset: BaseDataset, tmp_path: Path) -> None:
    model = opponent(slug, 64)
    trainer = pythae_trainer(slug, model, dataset, 4, str(tmp_path))
    assert type(trainer) is KINDS.get(slug, BaseTrainer)
    assert isinstance(model, PlainForm) == (slug not in SHARED)
    model.model_name = NAMES.get(slug, model.model_name)
    TrainingPipeline(model=model, training_config=trainer.training_config)  # refuses the wrong one


@pytest.mark.parametrize("slug", SLUGS)
def test_its_optimisers_train_what_our_players_train(slug: str, dataset: BaseDataset, tmp_path: Path) -> None:
    model = opponent(slug, 64)
    trainer = pythae_trainer(slug, model, dataset, 4, str(tmp_path))
    trainer.prepare_training()
    given = {p for optimizer in optimizers(trainer) for g in optimizer.param_groups for p in g["params"]}
    trained = {p for p in given if p.requires_grad}
    players = registry.build(slug, train_size=64).players()
    ours = {p for player in players for p in player.parameters}
    assert sum(p.numel() for p in trained) == sum(p.numel() for p in ours)


def optimizers(trainer: BaseTrainer) -> Iterator[torch.optim.Optimizer]:
    return (value for value in vars(trainer).values() if isinstance(value, torch.optim.Optimizer))


def test_only_rae_l2_decays_its_decoder(dataset: BaseDataset, tmp_path: Path) -> None:
    decays = {}
    for slug in ("rae-l2", "piwae"):
        trainer = pythae_trainer(slug, opponent(slug, 64), dataset, 4, str(tmp_path))
        trainer.prepare_training()
        decays[slug] = (
            trainer.encoder_optimizer.param_groups[0]["weight_decay"],
            trainer.decoder_optimizer.param_groups[0]["weight_decay"],
        )
    assert decays == {"rae-l2": (0, registry.REGISTRY["rae-l2"].settings.decoder_decay), "piwae": (0, 0)}


def test_losses_get_the_names_that_the_trainers_look_for() -> None:
    one, two, three = (torch.tensor(value) for value in (1.0, 2.0, 4.0))
    assert output_for_trainer({"autoencoder": one}).loss is one
    both = output_for_trainer({"encoder": one, "decoder": two})
    assert (both.encoder_loss, both.decoder_loss) == (one, two)
    assert both.update_encoder
    assert both.update_decoder
    adversarial = output_for_trainer({"autoencoder": one, "discriminator": two, "generator": three})
    assert (float(adversarial.autoencoder_loss), float(adversarial.discriminator_loss)) == (5.0, 2.0)
