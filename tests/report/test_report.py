"""One template for all profiles: rendered with made-up results of every kind, and read for leftovers."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reproduce.architectures.names import SLUGS
from reproduce.errors import ReproduceError
from reproduce.report import LEDGER, MANIFESTS, PAGES, figures, render
from reproduce.verdicts import stored
from tests.report.conftest import blank_figures
from tests.synthetic import make_records

INPUT = re.compile(r"\\(?:input|includegraphics(?:\[[^]]*\])?)\{([^}]*)\}")
HOUSE_WORDS = re.compile(
    r"cannot be told(?! apart)|stands and falls|holds zero|the print\b|reading lies|way between codes|"
    r"no few models|hears of"
)
"""Words of an earlier dialect of this project: plain English says reproduced, undecided, includes zero, the paper's
value, implementation, path."""
ROOT = Path(__file__).parents[2]


def text_of(folder: Path) -> str:
    return (folder / "report.tex").read_text(encoding="utf-8")


def prose_of(folder: Path) -> str:
    """The text without LaTeX's commands."""
    body = text_of(folder).split(r"\begin{document}")[1]
    return re.sub(r"\\[a-zA-Z]+\*?(\[[^]]*\])?(\{[^}]*\})?", " ", body)


def test_nothing_is_left_of_the_template(rendered: Path) -> None:
    words = re.findall(r"[A-Za-z<>%]+", prose_of(rendered))
    assert not {"nan", "None", "Undefined", "inf"} & set(words)
    assert not [left for left in ("<<", ">>", "<%", "<#", "()") if left in prose_of(rendered)]


def test_everything_that_is_included_was_written(rendered: Path) -> None:
    for name in INPUT.findall(text_of(rendered)):
        path = rendered / name
        assert path.is_file() or path.with_suffix(".tex").is_file() or path.with_suffix(".pdf").is_file(), (
            name
        )


def test_every_reference_has_its_label(rendered: Path) -> None:
    sources = text_of(rendered) + "".join(
        path.read_text(encoding="utf-8") for path in sorted((rendered / "tables").glob("*.tex"))
    )
    included = {name.split("/")[-1] for name in INPUT.findall(text_of(rendered))}
    labels = set(re.findall(r"\\label\{(?:tab|fig):([^}]*)\}", sources)) & included
    assert set(re.findall(r"\\ref\{(?:tab|fig):([^}]*)\}", text_of(rendered))) <= labels


def test_what_stands_beside_the_report(rendered: Path) -> None:
    document = json.loads((rendered / stored.NAME).read_bytes())
    assert len(document["ten"]) == 10
    with (rendered / LEDGER).open(encoding="utf-8") as ledger:
        assert len(list(csv.DictReader(ledger))) == len(document["statements"])
    assert (rendered / MANIFESTS).is_file()
    assert list((rendered / PAGES).glob("*.md"))


def rendering(records: object, folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "render", blank_figures)
        render(records, folder, provenance={})  # type: ignore[arg-type]
    return " ".join(text_of(folder).split())


def test_a_report_without_verdicts_says_so(tmp_path: Path) -> None:
    assert "allows no verdict on the paper's results" in rendering(make_records("quick", (42,)), tmp_path)


def test_an_incomplete_campaign_says_what_is_missing(tmp_path: Path) -> None:
    told = rendering(make_records("desk", (42,), missing=["hvae"], failed=["svae"]), tmp_path)
    assert "no run yet of HVAE and SVAE; one failed" in told


def test_a_complete_one_says_nothing_of_the_kind(tmp_path: Path) -> None:
    assert "Incomplete" not in rendering(make_records("notebook", (42,)), tmp_path)


def test_what_was_rendered_before_is_gone_with_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "old.tex").write_text("old")
    rendering(make_records("desk", (42,), architectures=["ae", "vae"]), tmp_path)
    assert not (tmp_path / "tables" / "old.tex").exists()


def test_without_any_run_there_is_nothing_to_render(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="has no finished run to render"):
        rendering(make_records("desk", (42,), missing=SLUGS), tmp_path)


@pytest.mark.skipif(
    shutil.which("latexmk") is None or shutil.which("pdftohtml") is None, reason="needs LaTeX, poppler"
)
def test_the_body_has_six_pages_the_appendix_ten_at_most_and_no_print_is_tiny(tmp_path: Path) -> None:
    from reproduce.report.pdf import compile_report

    render(
        make_records("paper", variants={"pythae": ["vamp", "hvae"]}),
        tmp_path,
        provenance={"commit": "0123abc"},
    )
    pdf = compile_report(tmp_path)
    pages = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True
    ).stdout
    numbered = pages.split("\f")[:-1]
    body = next(at for at, page in enumerate(numbered) if "FURTHERTABLES" in page.upper().replace(" ", ""))
    assert body <= 6
    assert len(numbered) - body <= 10


@pytest.mark.parametrize(
    "page", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", *sorted((ROOT / "latex").rglob("*.j2"))],
    ids=lambda page: page.name,
)  # fmt: skip
def test_pages_and_templates_are_in_plain_english(page: Path) -> None:
    assert not HOUSE_WORDS.findall(page.read_text(encoding="utf-8"))


def test_the_readme_is_one_screen() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 120
    assert len(readme.split()) <= 1300
