"""What Pythae's trainer trains is the function that ours computes: losses, gradients, state, in double precision."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor

from benchmarks.speed import plain
from reproduce.architectures import registry, total_correlation
from reproduce.architectures.contract import Batch
from reproduce.architectures.names import SLUGS
from reproduce.architectures.quantised import VectorQuantised
from reproduce.training import player_gradients
from tests.architectures.exact import same_noise

TOLERANCE = 1e-9


def assert_same(found: Iterable[Tensor], expected: Iterable[Tensor]) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        one, other = mine.detach().double(), theirs.detach().double()
        assert float((one - other).norm()) <= TOLERANCE * max(float(other.norm()), 1.0)


@pytest.mark.parametrize("slug", SLUGS)
def test_plain_losses_are_ours(slug: str, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every player's loss and gradients, and the buffers that two passes leave behind."""

    def rolled(z: Tensor) -> Tensor:
        return torch.stack([z[:, i].roll(i) for i in range(z.shape[1])], dim=1)

    monkeypatch.setattr(total_correlation, "permute_dimensions", rolled)
    monkeypatch.setattr(plain, "permuted_columns", rolled)
    ours = registry.build(slug, train_size=64).double().train()
    if isinstance(ours, VectorQuantised):
        # a codebook drawn from these few images would hold each vector many times over, and rounding break the ties
        ours.quantiser.start(torch.randn_like(ours.quantiser.codes))
    other = plain.on_plain_layers(copy.deepcopy(ours))
    assert not any("reproduce.architectures.backbone" in type(m).__module__ for m in other.modules())
    second = images.flip(0)
    for seed in range(2):
        with same_noise(seed):
            losses = ours.losses(Batch(images, second), 1.0).players
        with same_noise(seed):
            given = torch.cat([images, second]) if ours.wants_other else images
            other_losses = plain.plain_losses(slug)(other, given)
        assert losses.keys() == other_losses.keys()
        assert_same(other_losses.values(), losses.values())
        gradients = player_gradients(ours.players(), losses)
        other_gradients = player_gradients(other.players(), other_losses)
        for name, expected in gradients.items():
            assert any(value.any() for value in expected)
            assert_same(other_gradients[name], expected)
        assert_same(other.buffers(), ours.buffers())


def test_permuted_columns_keep_their_entries_and_lose_their_rows() -> None:
    z = torch.arange(64.0).view(16, 4)
    permuted = plain.permuted_columns(z)
    assert torch.equal(permuted.sort(0).values, z)
    assert not torch.equal(permuted[:, 1] - permuted[:, 0], z[:, 1] - z[:, 0])
