"""An architecture, a data set, a metric and a statement are added as docs/EXTENDING.md says, and everything after them
goes on, though the paper prints nothing about them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests import bare
from tests.packaging.tree import ROOT

Edits = tuple[tuple[str, str, str], ...]
"""File, what stands there once, and what takes its place."""


def changed_copy(folder: Path, edits: Edits, **more: str) -> None:
    """The project's code, edited. more: module of data sets → its text."""
    for name in ("reproduce", "tests", "latex", "golden"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in more.items():
        (folder / "reproduce" / "datasets" / f"{name}.py").write_text(text)
    for file, before, after in edits:
        source = (folder / file).read_text(encoding="utf-8")
        assert source.count(before) == 1, file
        (folder / file).write_text(source.replace(before, after), encoding="utf-8")


def python(code: str, folder: Path) -> str:
    """What the code prints, run with the package of that folder."""
    done = bare.python(code, folder, PYTHONPATH=str(folder), OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()


ARCHITECTURE = (
    (
        "reproduce/architectures/registry.py",
        "}\n\nSLUGS = tuple(REGISTRY)",
        '    "new-vae": Entry("New-VAE", "gaussian:VariationalAutoencoder", NoSettings()),\n}\n\n'
        "SLUGS = tuple(REGISTRY)",
    ),
)
RENDER = """
from pathlib import Path
from reproduce import paper
from reproduce.report import render
from tests.synthetic import make_records

targets = paper.models()
targets.loc["new-vae"] = targets.loc["vae"]
render(make_records("desk", (42,), targets=targets), Path("out"), provenance={})
"""


@pytest.mark.slow
def test_a_23rd_architecture_is_rendered_beside_the_papers_22(tmp_path: Path) -> None:
    changed_copy(tmp_path, ARCHITECTURE)
    python(RENDER, tmp_path)
    rows = (tmp_path / "out" / "tables" / "table1.csv").read_text().splitlines()
    assert any(row.startswith("New-VAE,") for row in rows)
    assert "compares 22 autoencoders" in (tmp_path / "out" / "report.tex").read_text()
    ledger = pd.read_csv(tmp_path / "out" / "claims.csv").set_index("id")
    assert ledger.at["Abstract.architectures", "verdict"] == "reproduced"
    assert ledger.at["Abstract.architectures", "evidence"].startswith("22 of 22")


TOY_DATA = '''"""Bars: five classes of made-up images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reproduce.datasets.split import SIDE, Source, Split


def _bars() -> Sequence[Split]:
    rng = np.random.default_rng(0)
    labels = np.arange(360, dtype=np.uint8) % 5
    images = rng.integers(0, 40, (360, SIDE, SIDE), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label + 3 : 4 * label + 6, 4:24] = 230
    return [Split(images[a:b], labels[a:b]) for a, b in ((0, 160), (160, 224), (224, 360))]


SOURCE = Source("made-up bars", "bars-1", _bars)
'''
RECIPES = (
    ("reproduce/datasets/__init__.py", "import digits, mnist\n", "import digits, mnist, toy\n"),
    ("reproduce/datasets/__init__.py", '"mnist": mnist.SOURCE}', '"mnist": mnist.SOURCE, "toy": toy.SOURCE}'),
    (
        "reproduce/protocol.py",
        '            purpose="Section III-D to the letter: for a GPU",\n        ),\n',
        '            purpose="Section III-D to the letter: for a GPU",\n        ),\n'
        '        Protocol("bars", "toy", 160, 64, 136, 1, None, 1.0, (42,), milestones=(1,), whole_pairs=20),\n',
    ),
    (
        "reproduce/metrics.py",
        '    "sharpness": lambda originals, images: sharpness(images),\n',
        '    "sharpness": lambda originals, images: sharpness(images),\n'
        '    "largest": lambda x, y: np.abs(x - y).max((-2, -1)),\n',
    ),
    (
        "reproduce/analysis/measures.py",
        '    "kl": Measure(',
        '    "largest": Measure("Largest error", -1, 2, relative=0.05),\n    "kl": Measure(',
    ),
    (
        "reproduce/paper/claims/8-conclusion.csv",
        "VIII-A.r,",
        "VIII-A.toy,text,,The AE has a smaller largest error than the VAE,ordering,"
        "metric=largest; better=ae; worse=vae,\nVIII-A.r,",
    ),
)
USE = """
import pathlib
from reproduce.campaign import worker
from reproduce.protocol import PROFILES
from reproduce.storage.reading import assemble
from reproduce.storage.runs import RunId
from reproduce.storage.store import Store
from reproduce.report import render
from reproduce.verdicts.judge import judge

protocol = PROFILES["bars"]
store = Store(pathlib.Path("results"), protocol)
for run in (RunId("ae", 42), RunId("vae", 42), RunId("mean-image", 0), RunId("pca-16", 0)):
    job = worker.Job(protocol, run, "cpu", f"{run.architecture}.bin")
    outcome = worker.perform(job, lambda event: None)
    assert outcome.failure is None, outcome.failure
    store.publish(run, outcome)
found = assemble(store, [store.status(run) for run in store.known_runs()])
render(found, pathlib.Path("out"), provenance={})
(verdict,) = [one for one in judge(found) if one.statement.id == "VIII-A.toy"]
assert "made-up bars" in pathlib.Path("out", "report.tex").read_text()
print(verdict.verdict, verdict.evidence)
"""


@pytest.mark.slow
def test_a_data_set_a_metric_and_a_statement_are_added_as_the_page_says(tmp_path: Path) -> None:
    """Five classes, another size of training set, an error that Table I does not have."""
    changed_copy(tmp_path, RECIPES, toy=TOY_DATA)
    assert "Largest error" in python(USE, tmp_path)
    table = pd.read_csv(tmp_path / "out" / "tables" / "whole-test-set.csv")
    assert any("Largest error" in column for column in table)
