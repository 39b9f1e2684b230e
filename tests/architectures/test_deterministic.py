"""RAE-L2 and RAE-GP: the decay's reach and the penalty's expectation."""

from __future__ import annotations

import pytest
import torch
from pythae.models.base.base_utils import ModelOutput
from torch import Tensor, nn

from reproduce.architectures.contract import Batch, Losses
from reproduce.architectures.deterministic import GradientPenalty, RegularizedL2
from reproduce.architectures.settings import Backbone, Regularized
from tests.architectures.exact import corners, draws, move, moved, trained


def test_decay_reaches_the_decoder(plane: Backbone, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any other gradient a decayed parameter θ has the gradient g = 1e-7 θ, and Adam's first step is
    lr · g / (|g| + 1e-8); a decoupled decay would shrink θ by lr · 1e-7 θ, a millionth of that.
    """
    model = RegularizedL2(
        plane, Regularized(embedding=1e-4, decoder_decay=1e-7, gradient_penalty=0.0)
    ).double()

    def flat(batch: Batch, progress: float) -> Losses:
        nothing = sum(0.0 * value.sum() for value in model.parameters() if value.requires_grad)
        return Losses(dict.fromkeys(("encoder", "decoder"), nothing))

    monkeypatch.setattr(model, "losses", flat)
    before = move(model, Batch(images))
    names = trained(model, "pythae.decoder.")
    assert moved(model, before) == {name for name in names if before[name].any()}
    for name in names:
        gradient = 1e-7 * before[name]
        expected = before[name] - 1e-4 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(model.get_parameter(name).detach(), expected, rtol=1e-9, atol=1e-15)


class CoupledDecoder(nn.Module):
    """Three pixels a code, not linear, and centred over the batch as batch norm does: rows see one another."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2, dtype=torch.float64))

    def forward(self, z: Tensor) -> ModelOutput:
        hidden = z @ self.weight.T
        if self.training:
            hidden = hidden - hidden.mean(0)
        return ModelOutput(reconstruction=torch.tanh(hidden)[:, None, None, :])


class FlatEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3, dtype=torch.float64))

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(embedding=x.flatten(1) @ self.weight.T)


@pytest.fixture
def penalised(plane: Backbone) -> GradientPenalty:
    model = GradientPenalty(plane, Regularized(embedding=0.5, decoder_decay=0.0, gradient_penalty=10.0))
    model.encoder, model.decoder = FlatEncoder(), CoupledDecoder()
    return model


@pytest.mark.parametrize("training", [True, False])
def test_penalty_is_ten_times_the_decoders_jacobian(penalised: GradientPenalty, training: bool) -> None:
    """Its squared Frobenius norm over the whole batch's decode. Signs have unit covariance, so their mean over all
    corners is the expectation over the estimate's unit-variance probes."""
    penalised.train(training)
    images = torch.rand(2, 1, 1, 3, dtype=torch.float64)
    z = penalised.encode(images).detach()
    losses = []
    for corner in corners(6):
        with draws(corner), torch.no_grad():
            losses.append(penalised.losses(Batch(images), 0.0).players["autoencoder"])
    jacobian = torch.autograd.functional.jacobian(penalised.decode, z).square().sum() / 2
    embedding = 0.5 * z.square().sum(1).mean()
    error = (penalised.decode(z) - images).square().sum() / 2
    expected = float((error + 0.5 * embedding + 10 * jacobian).detach())
    assert float(torch.stack(losses).mean().detach()) == pytest.approx(expected, rel=1e-12)
