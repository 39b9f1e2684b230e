"""A 23rd architecture is a class, a line in the registry and a name (CONTRIBUTING, "Add an architecture"): everything
after it goes on, though the paper prints nothing about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.packaging.tree import ROOT

EDITS = (
    ("reproduce/names.py", '    "svae": "SVAE",\n', '    "svae": "SVAE",\n    "new-vae": "New-VAE",\n'),
    (
        "reproduce/architectures/registry.py",
        "}\n\nassert tuple(REGISTRY) == SLUGS",
        '    "new-vae": Entry("gaussian:VariationalAutoencoder", NoSettings()),\n}\n\n'
        "assert tuple(REGISTRY) == SLUGS",
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
    for folder in ("reproduce", "tests", "latex", "golden"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in EDITS:
        source = (tmp_path / name).read_text()
        assert source.count(before) == 1
        (tmp_path / name).write_text(source.replace(before, after))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", RENDER]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = (tmp_path / "out" / "tables" / "table1.csv").read_text().splitlines()
    assert any(row.startswith("New-VAE,") for row in rows)
    report = (tmp_path / "out" / "report.tex").read_text()
    assert "compares 22 autoencoders" in report
    ledger = pd.read_csv(tmp_path / "out" / "claims.csv").set_index("id")
    assert ledger.at["Abstract.architectures", "verdict"] == "reproduced"
    assert ledger.at["Abstract.architectures", "evidence"].startswith("22 of 22")
