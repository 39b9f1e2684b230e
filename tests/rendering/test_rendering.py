"""The package's one function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reproduce.errors import ReproduceError
from reproduce.rendering import render
from tests.synthetic import make_records


def test_a_campaign_without_a_finished_run_is_refused_with_the_remedy(tmp_path: Path) -> None:
    nothing = make_records("quick", (42,), architectures=["svae"], failed=["svae"])  # and the references
    with pytest.raises(ReproduceError, match=r"no finished run.*reproduce run --profile quick"):
        render(nothing, tmp_path, stamp={})


def test_importing_the_renderer_loads_neither_torch_nor_matplotlib() -> None:
    code = "import sys, reproduce.rendering; print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_written_outside_the_folder_and_leftovers_of_its_own_go(rendered: Path) -> None:
    assert {path.name for path in rendered.iterdir()} >= {"report.tex", "references.bib", "tables", "figures"}
    assert {path.suffix for path in (rendered / "tables").iterdir()} == {".tex", ".csv", ".md"}
