"""A finished run's model, and what was measured, can be loaded and used."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from reproduce.errors import ReproduceError
from reproduce.inference import trained
from reproduce.inference.trained import load, load_records
from reproduce.machine.version import ROOT
from reproduce.storage import runs
from reproduce.storage.publishing import copy_runs
from reproduce.storage.runs import RunId
from reproduce.storage.store import WEIGHTS, Store
from reproduce.training import deserialise
from tests import bare

pytestmark = pytest.mark.usefixtures("tiny_profile")


def test_its_weights_are_those_of_the_run_and_it_encodes_and_decodes(store: Store) -> None:
    model = load("VAE", profile="tiny", seed=1, results=store.folder.parent)
    assert not model.training
    codes = model.encode(torch.rand(3, 1, 28, 28))
    assert codes.shape == (3, 16)
    assert not codes.requires_grad
    assert model.decode(codes).shape == (3, 1, 28, 28)
    saved = (store.path(RunId("vae", 1)) / WEIGHTS).read_bytes()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in deserialise(saved).items())


def test_published_models_are_found_too_whatever_version_evaluated_them(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    assert load("ae", profile="tiny", seed=1, results=tmp_path / "none", published=store.folder.parent)


def test_a_name_is_that_of_one_architecture() -> None:
    with pytest.raises(ReproduceError, match="'family:flow' is 2 architectures: name one"):
        load("family:flow")


def test_a_run_whose_weights_were_not_published_says_so(store: Store, tmp_path: Path) -> None:
    copy_runs(store, tmp_path / "published")
    with pytest.raises(
        ReproduceError, match=r"its weights are not there\): move .*tiny/vae/seed-1 away and train it with"
    ):
        load("vae", profile="tiny", seed=1, results=tmp_path, published=tmp_path / "published")


def test_the_readmes_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    (example,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(root)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["frames"].shape == (1, 10, 28, 28)


# --- what was measured ----------------------------------------------------------------------------------


def test_records_are_those_of_the_profile_with_most_finished_models(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "BEST_FIRST", ("desk", "tiny"))
    for named in ({}, {"profile": "tiny"}):
        found = load_records(**named, results=store.folder.parent, published=Path("none"))
        assert found.profile == "tiny"
        assert {"ae", "vae"} <= set(found.runs["architecture"])
        assert (found.runs["status"] == "fresh").all()


def test_without_a_finished_run_there_are_no_records(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="no run of profile desk has finished: give `python -m"):
        load_records("desk", results=tmp_path, published=tmp_path)


NOTEBOOK = ROOT / "docs" / "published.ipynb"
CELLS = """
import json, pathlib, sys
for cell in json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]))
assert len(ours) == len(ours.dropna(subset=["ssim"])) > 0 and frames.shape == (10, 1, 28, 28), (ours, frames.shape)
"""


@pytest.mark.slow
def test_the_notebook_runs_in_any_folder(tmp_path: Path) -> None:
    """Its cells one after another, with the published runs."""
    command = [sys.executable, "-W", "error", "-c", CELLS, str(NOTEBOOK)]
    done = bare.ran(command, tmp_path, {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr.decode()


def test_the_notebook_is_published_without_output_and_what_it_imports_is_there() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    exec("\n".join(line for line in code.splitlines() if line.startswith(("import ", "from "))), {})
