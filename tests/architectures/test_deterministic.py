"""AE, WAE, RAE-L2, RAE-GP: weights of their terms, the decay's reach and the penalty's expectation."""

from __future__ import annotations

import pytest
import torch
from pythae.models.base.base_utils import ModelOutput
from torch import Tensor, nn

from reproduce.architectures.contract import Batch, Losses
from reproduce.architectures.deterministic import (
    GradientPenalty,
    PlainAutoencoder,
    RegularizedL2,
    WassersteinAutoencoder,
)
from reproduce.architectures.settings import Backbone, Discrepancy, NoSettings, Regularized
from tests.architectures.exact import corners, draws, move, moved, trained, within
from tests.architectures.test_mmd import double_loop


def error(model: nn.Module, images: Tensor) -> Tensor:
    """Σ squared error per image, averaged, without half."""
    with torch.no_grad():
        return (model.decode(model.encode(images)) - images).square().sum((1, 2, 3)).mean()


def test_plain_autoencoder_is_the_summed_squared_error_alone(plane: Backbone, images: Tensor) -> None:
    model = PlainAutoencoder(plane, NoSettings()).double().eval()
    with torch.no_grad():
        loss = float(model.losses(Batch(images), 0.0).players["autoencoder"])
    assert loss == pytest.approx(float(error(model, images)), rel=1e-12)
    assert torch.equal(model.sample(images), model.encode(images))


def test_wasserstein_adds_ten_times_the_discrepancy(plane: Backbone, images: Tensor) -> None:
    model = WassersteinAutoencoder(plane, Discrepancy(weight=10.0, bandwidth=1.0)).double().eval()
    prior = torch.randn(8, 2, dtype=torch.float64)
    with draws(prior), torch.no_grad():
        loss = float(model.losses(Batch(images), 0.0).players["autoencoder"])
    discrepancy = double_loop(model.encode(images).detach(), prior, 1.0)
    assert discrepancy > 0.01
    assert loss == pytest.approx(float(error(model, images)) + 10 * discrepancy, rel=1e-10)
    assert torch.equal(model.sample(images), model.encode(images))


# --- RAE-L2 -------------------------------------------------------------------------------------------


def regularized(plane: Backbone, decay: float) -> RegularizedL2:
    torch.manual_seed(0)
    return RegularizedL2(
        plane, Regularized(embedding=1e-4, decoder_decay=decay, gradient_penalty=0.0)
    ).double()


def test_embedding_weighs_half_its_squared_norm(plane: Backbone, images: Tensor) -> None:
    torch.manual_seed(0)
    model = RegularizedL2(plane, Regularized(embedding=3.0, decoder_decay=1e-7, gradient_penalty=0.0))
    model = model.double().eval()
    with torch.no_grad():
        losses = model.losses(Batch(images), 0.0).players
        expected = error(model, images) + 3.0 * 0.5 * model.encode(images).square().sum(1).mean()
    assert float(losses["encoder"]) == pytest.approx(float(expected), rel=1e-12)
    assert float(losses["decoder"]) == float(losses["encoder"])


def test_decay_reaches_the_decoder_alone(plane: Backbone, images: Tensor) -> None:
    """After one step from the same weights the encoder is where it is without decay, all of the decoder is not."""
    with_decay, without = regularized(plane, 1e3), regularized(plane, 0.0)
    move(with_decay, Batch(images))
    move(without, Batch(images))
    expected = dict(without.state_dict())
    different = moved(with_decay, expected)
    names = {name for name in trained(with_decay) if ".decoder." in name}
    zero = {name for name in names if not with_decay.state_dict()[name].abs().sum()}
    # Adam's first step has the sign of gradient plus decay, so weights move where the decay turns that sign
    weights = {name for name in names - zero if with_decay.get_parameter(name).dim() > 1}
    assert weights <= different <= names


def test_decay_is_adams_coupled_one(plane: Backbone, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any other gradient a decayed parameter θ has the gradient g = 1e-7 θ, and Adam's first step is
    lr · g / (|g| + 1e-8); a decoupled decay would shrink θ by lr · 1e-7 θ, a millionth of that.
    """
    model = regularized(plane, 1e-7)

    def flat(batch: Batch, progress: float) -> Losses:
        nothing = sum(0.0 * value.sum() for value in model.parameters() if value.requires_grad)
        return Losses(dict.fromkeys(("encoder", "decoder"), nothing))

    monkeypatch.setattr(model, "losses", flat)
    before = move(model, Batch(images))
    names = {name for name in trained(model) if ".decoder." in name}
    assert moved(model, before) == {name for name in names if before[name].any()}
    for name in names:
        gradient = 1e-7 * before[name]
        expected = before[name] - 1e-4 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(model.get_parameter(name).detach(), expected, rtol=1e-9, atol=1e-15)


# --- RAE-GP -------------------------------------------------------------------------------------------


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


def penalised(plane: Backbone, weight: float = 10.0) -> GradientPenalty:
    model = GradientPenalty(plane, Regularized(embedding=0.5, decoder_decay=0.0, gradient_penalty=weight))
    model.encoder, model.decoder = FlatEncoder(), CoupledDecoder()
    return model


def frobenius(model: GradientPenalty, z: Tensor) -> float:
    """Squared Frobenius norm of the Jacobian of the whole batch's decode, (B·3) × (B·2)."""
    matrix = torch.autograd.functional.jacobian(model.decode, z.detach())
    return float(matrix.square().sum())


@pytest.mark.parametrize("training", [True, False])
def test_one_probe_estimate_is_exact_over_all_signs(plane: Backbone, training: bool) -> None:
    """Signs have unit covariance, so their mean over all corners is the expectation over unit-variance probes."""
    model = penalised(plane).train(training)
    z = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    images = model.decode(z)
    estimates = []
    for corner in corners(6):
        with draws(corner):
            estimates.append(model.jacobian_norm(images, z).sum())
    assert float(torch.stack(estimates).mean().detach()) == pytest.approx(frobenius(model, z), rel=1e-12)


def test_one_probe_estimate_is_unbiased_for_gaussian_probes(plane: Backbone) -> None:
    model = penalised(plane).eval()
    point = torch.randn(1, 2, dtype=torch.float64)
    z = point.expand(20_000, -1).clone().requires_grad_()
    estimates = model.jacobian_norm(model.decode(z), z).detach()
    assert within(float(estimates.mean()), frobenius(model, point), estimates)


@pytest.mark.parametrize("training", [True, False])
def test_loss_is_error_embedding_and_ten_times_the_penalty(plane: Backbone, training: bool) -> None:
    model = penalised(plane).train(training)
    images = torch.rand(2, 1, 1, 3, dtype=torch.float64)
    z = model.encode(images)
    losses = []
    for corner in corners(6):
        with draws(corner), torch.no_grad():
            losses.append(model.losses(Batch(images), 0.0).players["autoencoder"])
    embedding = float(0.5 * z.square().sum(1).mean().detach())
    expected = float(error(model, images)) + 0.5 * embedding + 10 * frobenius(model, z) / 2
    assert float(torch.stack(losses).mean().detach()) == pytest.approx(expected, rel=1e-12)


def test_penalty_is_descended_by_encoder_and_decoder(plane: Backbone) -> None:
    """Its gradient is that of the Jacobian's norm, second derivatives included: against difference quotients."""
    model = penalised(plane)
    images = torch.rand(2, 1, 1, 3, dtype=torch.float64)
    probe = torch.randn(6, dtype=torch.float64)

    def penalty() -> Tensor:
        with draws(probe):
            return model.losses(Batch(images), 0.0).parts["gradient_penalty"]

    for weight in (model.encoder.weight, model.decoder.weight):
        (found,) = torch.autograd.grad(penalty(), weight)
        with torch.no_grad():
            weight[1, 1] += 1e-5
            above = float(penalty().detach())
            weight[1, 1] -= 2e-5
            below = float(penalty().detach())
            weight[1, 1] += 1e-5
        assert float(found[1, 1]) == pytest.approx((above - below) / 2e-5, rel=1e-6)


def test_validation_needs_no_gradients_around_it(plane: Backbone, images: Tensor) -> None:
    model = GradientPenalty(plane, Regularized(1e-4, 0.0, 10.0)).double().eval()
    with torch.no_grad():
        assert torch.isfinite(model.validation_loss(Batch(images)))
    assert not images.requires_grad
