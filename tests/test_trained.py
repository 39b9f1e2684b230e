"""A finished run's model can be loaded and used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from reproduce import protocol, runs
from reproduce.errors import ReproduceError
from reproduce.publishing import copy_runs
from reproduce.runs import RunId
from reproduce.store import WEIGHTS, Store
from reproduce.trained import load
from reproduce.training import deserialise
from tests.tiny import TINY


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(protocol.PROFILES, "tiny", TINY)


def test_its_weights_are_those_of_the_run_and_it_encodes_and_decodes(store: Store) -> None:
    model = load("VAE", profile="tiny", seed=1, results=store.folder.parent)
    assert not model.training
    codes = model.encode(torch.rand(3, 1, 28, 28))
    assert codes.shape == (3, 16)
    assert not codes.requires_grad
    assert model.decode(codes).shape == (3, 1, 28, 28)
    saved = (store.path(RunId("vae", 1)) / WEIGHTS).read_bytes()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in deserialise(saved).items())


def test_published_models_are_found_too(store: Store, tmp_path: Path) -> None:
    store.folder.rename(tmp_path / "published-tiny")
    (tmp_path / "published").mkdir()
    (tmp_path / "published-tiny").rename(tmp_path / "published" / "tiny")
    assert load("ae", profile="tiny", seed=1, results=tmp_path, published=tmp_path / "published")


def test_a_model_whose_evaluation_is_of_another_version_is_still_that_model(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    assert load("vae", profile="tiny", seed=1, results=store.folder.parent)


@pytest.mark.parametrize(
    ("name", "seed", "why"),
    [
        ("wae", 1, r"wae/seed-1 has no trained model \(profile tiny: not run yet\)"),
        ("vae", 2, r"vae/seed-2 has no trained model \(profile tiny: not run yet\)"),
        ("family:flow", 1, "'family:flow' is 2 architectures: name one"),
        ("vea", 1, "did you mean"),
    ],
)
def test_what_is_not_there_is_named(store: Store, name: str, seed: int, why: str) -> None:
    with pytest.raises(ReproduceError, match=why):
        load(name, profile="tiny", seed=seed, results=store.folder.parent)


def test_a_run_whose_weights_were_not_published_says_so(store: Store, tmp_path: Path) -> None:
    copy_runs(store, tmp_path / "published")
    with pytest.raises(ReproduceError, match="its weights are not there"):
        load("vae", profile="tiny", seed=1, results=tmp_path, published=tmp_path / "published")


def test_the_readmes_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[1]
    (example,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(root)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["frames"].shape == (1, 10, 28, 28)
