"""Likelihoods, means and what a step moves: what all 22 share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor, nn

from reproduce.architectures.contract import (
    Architecture,
    Batch,
    Losses,
    Player,
    average,
    negative_log_likelihood,
)
from tests.architectures.exact import move


def test_likelihoods_are_unit_variance_gaussian_without_its_constant_and_cross_entropy() -> None:
    x, mean = torch.rand(2, 3, 1, 4, 4, dtype=torch.float64)
    t, p = x.numpy(), mean.numpy()
    gaussian = (norm.logpdf(0) - norm(p, 1).logpdf(t)).sum((1, 2, 3))
    np.testing.assert_allclose(negative_log_likelihood(mean, x, "gaussian"), gaussian, rtol=1e-12)
    bernoulli = -(t * np.log(p) + (1 - t) * np.log1p(-p)).sum((1, 2, 3))
    np.testing.assert_allclose(negative_log_likelihood(mean, x, "bernoulli"), bernoulli, rtol=1e-12)


def test_average_weighs_images_and_not_batches() -> None:
    assert average(lambda x: x[:, 0], [torch.zeros(3, 1), torch.ones(1, 1)]) == 0.25


class Duel(Architecture):
    """Two players, each with a loss that depends on both."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.tensor(1.0))
        self.second = nn.Parameter(torch.tensor(2.0))

    def players(self) -> tuple[Player, ...]:
        return Player("first", (self.first,)), Player("second", (self.second,))

    def losses(self, batch: Batch, progress: float | Tensor) -> Losses:
        product: Tensor = self.first * self.second
        return Losses({"first": product, "second": -product})


def test_each_player_descends_its_own_loss_from_where_both_stood() -> None:
    duel = Duel()
    move(duel, Batch(torch.zeros(1)))
    assert float(duel.first.detach()) == pytest.approx(1 - 1e-4, abs=1e-6)
    assert float(duel.second.detach()) == pytest.approx(2 + 1e-4, abs=1e-6)
