"""RAE-L2 and RAE-GP: the decay's reach and the penalty's expectation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

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


def test_one_probe_estimate_of_the_jacobians_norm_is_exact_over_all_signs() -> None:
    """Signs have unit covariance, so their mean over all corners is the expectation over unit-variance probes. Rows see
    one another, as in batch norm."""
    weight, z = torch.randn(3, 2).double(), torch.randn(2, 2).double().requires_grad_()

    def decode(z: Tensor) -> Tensor:
        hidden = z @ weight.T
        return torch.tanh(hidden - hidden.mean(0))[:, None, None]

    estimates = []
    for corner in corners(6):
        with draws(corner):
            estimates.append(GradientPenalty.jacobian_norm(decode(z), z).sum())
    expected = torch.autograd.functional.jacobian(decode, z).square().sum()
    torch.testing.assert_close(torch.stack(estimates).mean(), expected)
