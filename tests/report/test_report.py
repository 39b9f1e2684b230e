"""One template for all profiles: rendered with made-up results of every kind, and read for leftovers."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest

from reproduce.errors import ReproduceError
from reproduce.paper import PAPER_SLUGS
from reproduce.report import LEDGER, MANIFESTS, PAGES, figures, prose, render
from reproduce.report.pdf import compile_report
from reproduce.verdicts import stored
from tests.report.conftest import MADE_FROM, blank_figures
from tests.synthetic import make_records

INPUT = re.compile(r"\\(?:input|includegraphics(?:\[[^]]*\])?)\{([^}]*)\}")
HOUSE_WORDS = re.compile(
    r"cannot be told(?! apart)|stands and falls|holds zero|the print\b|reading lies|way between codes|"
    r"no few models|hears of"
)
"""Words of an earlier dialect of this project: plain English says reproduced, undecided, includes zero, the paper's
value, implementation, path."""
ROOT = Path(__file__).parents[2]
SAYS = {
    "collapsed and incomplete": "no run yet of HVAE and SVAE; one failed",
    "without verdicts": "allows no verdict on the paper's results",
}


def text_of(folder: Path) -> str:
    return (folder / "report.tex").read_text(encoding="utf-8")


def test_a_report_has_nothing_of_the_template_and_says_what_is_missing(kind: str, rendered: Path) -> None:
    body = text_of(rendered).split(r"\begin{document}")[1]
    prose = re.sub(r"\\[a-zA-Z]+\*?(\[[^]]*\])?(\{[^}]*\})?", " ", body)
    assert not {"nan", "None", "Undefined", "inf"} & set(re.findall(r"[A-Za-z<>%]+", prose))
    assert not [left for left in ("<<", ">>", "<%", "<#", "()") if left in prose]
    assert SAYS.get(kind, "") in " ".join(body.split())
    assert ("Incomplete" in body) == (kind not in ("all reproduced", "without verdicts"))
    untold = kind in ("two models", "all failed", "without verdicts")
    assert ("How the printed numbers seem to have been made" in body) != untold


def test_everything_that_is_included_was_written_and_every_reference_has_its_label(rendered: Path) -> None:
    text = text_of(rendered)
    for name in INPUT.findall(text):
        assert any((rendered / f"{name}{suffix}").is_file() for suffix in ("", ".tex", ".pdf")), name
    tables = [path.read_text(encoding="utf-8") for path in (rendered / "tables").glob("*.tex")]
    included = {name.split("/")[-1] for name in INPUT.findall(text)}
    labels = set(re.findall(r"\\label\{(?:tab|fig):([^}]*)\}", "".join([text, *tables]))) & included
    assert set(re.findall(r"\\ref\{(?:tab|fig):([^}]*)\}", text)) <= labels
    assert not (rendered / "tables" / "old.tex").exists(), "what was rendered before is gone"


def test_what_stands_beside_the_report(rendered: Path) -> None:
    document = json.loads((rendered / stored.NAME).read_bytes())
    assert len(document["ten"]) == 10
    with (rendered / LEDGER).open(encoding="utf-8") as ledger:
        assert len(list(csv.DictReader(ledger))) == len(document["statements"])
    assert json.loads((rendered / MANIFESTS).read_bytes()) == MADE_FROM
    assert list((rendered / PAGES).glob("*.md"))


def test_a_report_stays_until_the_next_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended in the middle, whatever lay about there; what was compiled stays under a name that says of what."""
    monkeypatch.setattr(figures, "render", blank_figures)
    out, records = tmp_path / "report", make_records("quick", (42,), architectures=["ae", "vae"])
    render(records, out, provenance={})
    (out / "report.pdf").write_bytes(b"of this report")
    (out / "tables" / "a folder").mkdir()
    (tmp_path / ".report.new").touch()
    before = text_of(out)
    with monkeypatch.context() as ended:
        ended.setattr(prose, "context", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            render(records, out, provenance={"commit": "other"})
    assert (text_of(out), (out / "report.pdf").read_bytes()) == (before, b"of this report")
    render(records, out, provenance={})
    assert (out / "report.pdf").is_file()
    assert not (out / "tables" / "a folder").exists()
    render(records, out, provenance={"commit": "other"})
    assert not (out / "report.pdf").exists()
    assert (out / "previous-report.pdf").read_bytes() == b"of this report"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_without_any_run_there_is_nothing_to_render(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="has no finished run to render"):
        render(make_records("desk", (42,), missing=PAPER_SLUGS), tmp_path, provenance={})


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("latexmk") is None or shutil.which("pdftotext") is None, reason="needs LaTeX, poppler"
)
def test_the_body_has_six_pages_and_the_appendix_ten_at_most(tmp_path: Path) -> None:
    records = make_records("paper", (42,), collapsed=["beta-vae"], variants={"pythae": ["vamp", "hvae"]})
    render(records, tmp_path, provenance={"commit": "0123abc"})
    command = ["pdftotext", "-layout", compile_report(tmp_path), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pages = text.upper().replace(" ", "").split("\f")[:-1]
    body = next(at for at, page in enumerate(pages) if "FURTHERTABLES" in page)
    assert body <= 6
    assert len(pages) - body <= 10


def test_the_provenance_names_commits_in_short_and_whether_their_files_were_changed() -> None:
    found = {
        "commit": f"{'0123456789' * 4} or {'fedcba9876' * 4}+",
        "versions": {"torch": "2.14.1", "x": None},
    }
    shown = [("commit", "012345678901, fedcba9876fe+"), ("versions", "torch 2.14.1")]
    assert prose.provenance(found | {"flags": {}}) == shown


@pytest.mark.parametrize("pages", ["README.md", "docs/*.md", "latex/**/*.j2"])
def test_pages_and_templates_are_in_plain_english(pages: str) -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in ROOT.glob(pages)}
    assert texts
    assert not [(path, word) for path, text in texts.items() for word in HOUSE_WORDS.findall(text)]


def test_the_readme_is_one_screen() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 120
    assert len(readme.split()) <= 1300
