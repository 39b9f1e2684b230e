"""What Pythae's trainer trains is the function that ours computes: losses, gradients, state, in double precision."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor

from benchmarks.speed import plain
from benchmarks.speed.opponents import SHARED
from reproduce.architectures import registry, total_correlation
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.quantised import VectorQuantised
from reproduce.names import SLUGS
from reproduce.training import player_gradients
from tests.architectures.exact import same_noise

TOLERANCE = 1e-9


def pair(slug: str) -> tuple[Architecture, Architecture]:
    """Ours, and a copy with the same weights on plain layers."""
    ours = registry.build(slug, train_size=64).double().train()
    if isinstance(ours, VectorQuantised):
        # a codebook drawn from these few images would hold each vector many times over, and rounding break the ties
        ours.quantiser.start(torch.randn_like(ours.quantiser.codes))
    return ours, plain.on_plain_layers(copy.deepcopy(ours))


def assert_same(found: Iterable[Tensor], expected: Iterable[Tensor]) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        assert float((mine - theirs).norm()) <= TOLERANCE * max(float(theirs.norm()), 1.0)


def assert_same_step(
    ours: Architecture, losses: dict[str, Tensor], other: Architecture, other_losses: dict[str, Tensor]
) -> None:
    """Every player's loss and gradients, and the buffers that the pass left behind."""
    assert losses.keys() == other_losses.keys()
    for name, loss in losses.items():
        assert float(other_losses[name].detach()) == pytest.approx(float(loss.detach()), rel=TOLERANCE)
    gradients = player_gradients(ours.players(), losses)
    other_gradients = player_gradients(other.players(), other_losses)
    for name, expected in gradients.items():
        assert any(value.any() for value in expected)
        assert_same(other_gradients[name], expected)
    buffers = {name: value.double() for name, value in ours.named_buffers()}
    assert_same([value.double() for _, value in other.named_buffers()], buffers.values())


@pytest.mark.parametrize("slug", SLUGS)
def test_plain_layers_are_the_same_function(slug: str, images: Tensor) -> None:
    ours, other = pair(slug)
    assert not any("reproduce.architectures.backbone" in type(m).__module__ for m in other.modules())
    batch = Batch(images, images.flip(0))
    found = []
    for architecture in (ours, other):
        torch.manual_seed(5)
        with same_noise(3):
            found.append(architecture.losses(batch, 0.5).players)
    assert_same_step(ours, found[0], other, found[1])


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if slug not in SHARED])
def test_plain_losses_are_ours(slug: str, images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def rolled(z: Tensor) -> Tensor:
        return torch.stack([z[:, i].roll(i) for i in range(z.shape[1])], dim=1)

    monkeypatch.setattr(total_correlation, "permute_dimensions", rolled)
    monkeypatch.setattr(plain, "permuted_columns", rolled)
    ours, other = pair(slug)
    if (
        slug == "vq-vae"
    ):  # fewer vectors than codes would start equal codes, and the nearest would be a matter of taste
        images = torch.rand(60, 1, 28, 28, dtype=torch.float64)
    second = images.flip(0)
    for step in range(2):
        torch.manual_seed(5)
        with same_noise(step):
            losses = ours.losses(Batch(images, second), 1.0).players
        torch.manual_seed(5)
        with same_noise(step):
            given = torch.cat([images, second]) if ours.wants_other else images
            other_losses = plain.plain_losses(slug)(other, given)
        assert_same_step(ours, losses, other, other_losses)


def test_permuted_columns_keep_their_entries_and_lose_their_rows() -> None:
    z = torch.arange(64.0).view(16, 4)
    permuted = plain.permuted_columns(z)
    assert torch.equal(permuted.sort(0).values, z)
    assert not torch.equal(permuted[:, 1] - permuted[:, 0], z[:, 1] - z[:, 0])


@pytest.mark.parametrize(
    ("side", "most", "expected"), [(28, 5, 4), (28, 3, 3), (28, 1, 1), (5, 5, 1), (6, 5, 2)]
)
def test_scales_fit_while_three_pixels_are_left(side: int, most: int, expected: int) -> None:
    assert plain.fitting_scales(side, most) == expected


def test_a_network_without_a_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no plain form of Linear"):
        plain.plain_network(torch.nn.Linear(2, 2))
