"""No generator state carried from one test to the next, and the paper's backbone in small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from reproduce.architectures.settings import Backbone


@pytest.fixture(autouse=True)
def own_random_numbers() -> Iterator[None]:
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(20_261_122)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def plane() -> Backbone:
    """The shared backbone with two latent dimensions."""
    return Backbone(latent_dim=2, final_block="full", likelihood="gaussian")


@pytest.fixture
def images() -> torch.Tensor:
    """Eight made-up images, (8, 1, 28, 28) float64 in [0, 1]."""
    return torch.rand(8, 1, 28, 28, dtype=torch.float64)
