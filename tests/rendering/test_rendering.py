"""The package's one function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.rendering import MANIFESTS, figures, readme, render, report, tables
from tests.synthetic import make_records


def test_a_campaign_without_any_run_is_refused_with_the_remedy(tmp_path: Path) -> None:
    nothing = make_records("quick", (42,), architectures=[])  # the references alone
    with pytest.raises(ReproduceError, match=r"no finished run.*reproduce run --profile quick"):
        render(nothing, tmp_path, provenance={})


def test_a_campaign_whose_every_run_failed_is_dashes_and_reasons(tmp_path: Path) -> None:
    render(make_records("quick", (42,), failed=SLUGS), tmp_path, provenance={})
    for number in (1, 2):
        text = (tmp_path / "tables" / f"table{number}.md").read_text(encoding="utf-8")
        rows = [line.split("|") for line in text.splitlines() if line.startswith("| VAE ")]
        assert [cell.strip() for cell in rows[0][2:3]] == ["–"]
        assert "Failed: AE, seed 42: loss not finite in epoch 2." in text
    assert "INCOMPLETE" in (tmp_path / "report.tex").read_text(encoding="utf-8")


def test_what_a_report_was_made_from_is_noted_in_equal_bytes_and_never_left_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in (tables, figures, readme, report):
        monkeypatch.setattr(part, "render", lambda *_: {})
    records = make_records("quick", (42,), architectures=["ae"])
    noted = []
    for order in (1, -1):
        made_from = dict([("quick/ae/seed-42", ["b"]), ("quick/vae/seed-42", ["a", "b"])][::order])
        render(records, tmp_path, provenance={}, manifests=made_from)
        noted.append((tmp_path / MANIFESTS).read_bytes())
        assert json.loads(noted[-1]) == made_from
    assert noted[0] == noted[1]
    render(records, tmp_path, provenance={})
    assert not (tmp_path / MANIFESTS).exists()


def test_importing_the_renderer_loads_neither_torch_nor_matplotlib() -> None:
    code = "import sys, reproduce.rendering; print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_written_outside_the_folder_and_leftovers_of_its_own_go(rendered: Path) -> None:
    assert {path.name for path in rendered.iterdir()} >= {"report.tex", "references.bib", "tables", "figures"}
    assert {path.suffix for path in (rendered / "tables").iterdir()} == {".tex", ".csv", ".md"}
