"""Campaigns shared by the analysis tests."""

from __future__ import annotations

import pytest

from reproduce.storage.records import Records
from tests import synthetic


@pytest.fixture(scope="session")
def paperlike() -> Records:
    """A campaign whose means are those of the paper's tables."""
    return synthetic.paperlike()


@pytest.fixture(scope="session")
def damaged() -> Records:
    """A campaign with one collapsed, one failed and one missing model."""
    return synthetic.make_records(collapsed=["beta-vae"], failed=["svae"], missing=["hvae"])
