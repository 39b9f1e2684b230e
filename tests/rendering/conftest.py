"""One imperfect campaign, rendered once: a collapsed, a failed, a missing and an unconverged model, one seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reproduce.analysis import latent
from reproduce.records import Records
from reproduce.rendering import render
from reproduce.rendering.material import Material
from tests.synthetic import make_records

PROVENANCE = {"commit": "0123abc", "packages": {"torch": "2.14.1"}, "device": "CPU_1 & 50%"}


@pytest.fixture(scope="session", autouse=True)
def _quick_maps() -> Iterator[None]:
    """t-SNE takes seconds a model; two coordinates of the codes fill the same places."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(latent, "embed", lambda codes: codes[:, :2])
        yield


@pytest.fixture(scope="session")
def records() -> Records:
    return make_records(
        "quick",
        (42,),
        collapsed=["beta-vae"],
        failed=["svae"],
        missing=["hvae"],
        unconverged=["ae"],
        variants={"pythae": ["vamp"], "bce": ["vae", "miwae"]},
    )


@pytest.fixture(scope="session")
def material(records: Records) -> Material:
    return Material(records, PROVENANCE)


@pytest.fixture(scope="session")
def complete() -> Material:
    """A profile that allows verdicts, nothing missing, three seeds."""
    return Material(make_records("desk"), PROVENANCE)


@pytest.fixture(scope="session")
def rendered(records: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    render(records, out, provenance=PROVENANCE)
    return out
