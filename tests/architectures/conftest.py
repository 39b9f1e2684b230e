"""One thread, no generator state carried from one test to the next, and the paper's backbone in small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from reproduce.architectures.settings import Backbone


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_random_numbers() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(20_261_122)
        yield


@pytest.fixture
def plane() -> Backbone:
    """The shared backbone with two latent dimensions."""
    return Backbone(latent_dim=2, final_block="full", likelihood="gaussian")


@pytest.fixture
def backbone() -> Backbone:
    """The shared backbone as the paper has it."""
    return Backbone(latent_dim=16, final_block="full", likelihood="gaussian")


@pytest.fixture
def images() -> torch.Tensor:
    """Eight made-up images, (8, 1, 28, 28) float64 in [0, 1]."""
    return torch.rand(8, 1, 28, 28, dtype=torch.float64)
