from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reproduce import paper
from reproduce.analysis.statistics import pearson
from reproduce.names import SLUGS
from reproduce.rendering import report, wording
from reproduce.rendering.material import Material
from reproduce.rendering.prose import results, verdicts
from reproduce.rendering.tables import build
from tests.synthetic import make_records

INPUT = re.compile(r"\\(?:input|includegraphics(?:\[[^]]*\])?)\{([^}]*)\}")


def _text(material: Material, folder: Path) -> str:
    path = report.render(material, {}, (), folder)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(rendered: Path) -> str:
    return (rendered / "report.tex").read_text(encoding="utf-8")


def test_the_first_page_names_profile_data_and_that_there_are_no_verdicts(text: str) -> None:
    first = text[: text.index(r"\section{")]
    assert r"Report of the profile \texttt{quick}" in first
    assert "4,000 training images" in first
    assert r"\textbf{No verdicts:}" in first
    assert r"\textbf{Verdicts}" not in text


def test_a_profile_that_allows_verdicts_counts_them_on_the_first_page(
    complete: Material, tmp_path: Path
) -> None:
    first = _text(complete, tmp_path).split(r"\section{")[0]
    reproduced = (complete.statements["in_results"] == "reproduced").sum()
    assert f"reproduced {reproduced}" in first
    assert "No verdicts" not in first


def test_an_incomplete_campaign_carries_a_watermark_and_says_what_is_missing(text: str) -> None:
    assert "{INCOMPLETE}" in text
    assert "20 of 22 runs have finished and one failed; without a result: HVAE and SVAE." in text


def test_a_complete_campaign_carries_none(complete: Material, tmp_path: Path) -> None:
    text = _text(complete, tmp_path)
    assert "INCOMPLETE" not in text
    assert "66 of 66 runs" in text


def test_every_caption_names_the_profile(text: str, rendered: Path) -> None:
    sources = [text, *(path.read_text(encoding="utf-8") for path in (rendered / "tables").glob("*.tex"))]
    captions = [line for source in sources for line in source.splitlines() if r"\caption{" in line]
    assert len(captions) > 20
    assert all("rofile" in caption and "quick" in caption for caption in captions)


def test_everything_that_is_included_was_written(text: str, rendered: Path) -> None:
    included = INPUT.findall(text)
    assert len(included) > 20
    assert all((rendered / name).is_file() for name in included)


def test_every_citation_has_an_entry(text: str, rendered: Path) -> None:
    cited = {key for group in re.findall(r"\\cite\{([^}]*)\}", text) for key in group.split(",")}
    entries = set(
        re.findall(r"^@\w+\{(\w+),", (rendered / "references.bib").read_text(encoding="utf-8"), re.M)
    )
    assert cited <= entries


def test_the_correlation_chooses_the_verb(text: str, tmp_path: Path) -> None:
    models = paper.models()
    falling = models.assign(piq=models["piq"].max() + models["piq"].min() - models["piq"])
    falls = _text(Material(make_records("quick", (42,), targets=falling), {}), tmp_path)
    assert "In our results PIQ rises with SSIM over all 20 models" in text
    assert "In our results PIQ falls with SSIM over all 22 models" in falls


def test_what_is_left_of_the_duality_is_said_in_the_abstract_and_in_the_trade_off(
    complete: Material, text: str, tmp_path: Path
) -> None:
    judged = _text(complete, tmp_path)
    found = {
        words: pearson(complete.healthy["ssim"], complete.healthy[metric])
        for metric, words in wording.BLUR_FREE_WORDS.items()
    }
    remains = f"the duality {wording.remains(found)}"
    assert judged.partition(r"\end{abstract}")[0].count(remains) == 1
    assert judged.partition(r"\section{The trade-off}")[2].count(remains) == 1
    assert complete.restated is not None
    different = len(complete.restated.drop_duplicates())
    assert different < len(complete.restated)
    assert f"Of {different} different statements that compare models by smoothness" in judged
    assert "that compare models by smoothness" not in text  # quick gives no verdicts


def test_the_models_that_carry_the_correlation_are_set_beside_what_a_cloud_needs(
    complete: Material, tmp_path: Path
) -> None:
    found = complete.carriers["paper"]
    told = " ".join(_text(complete, tmp_path).split())
    assert (
        "In the paper's tables two models must be left out, each time the one whose absence lowers $r$ most, before "
        "its interval holds zero: AE and WAE. In nine of ten normal clouds of the same size and correlation "
        f"{wording.span(found)} must: so few carry it."
    ) in told
    assert f"needs {wording.span(complete.carriers['ours'])} and {wording.span(found)}" in told


def test_the_converged_models_alone_are_told_where_they_are_not_all(
    complete: Material, tmp_path: Path
) -> None:
    def with_converged(slugs: Sequence[str]) -> Material:
        runs = complete.records.runs
        return Material(
            replace(complete.records, runs=runs.assign(converged=runs["architecture"].isin(slugs))), {}
        )

    some = with_converged(SLUGS[:9])
    told = results.converged(some)
    rows = some.healthy.loc[list(SLUGS[:9])]
    assert told == pearson(rows["ssim"], rows["piq"])
    assert "Among the nine models that had converged it " in " ".join(_text(some, tmp_path).split())
    assert results.converged(with_converged(SLUGS)) is None
    assert results.converged(with_converged(SLUGS[:2])) is None, "two give no interval"


@pytest.mark.parametrize(
    ("hits", "words"),
    [
        (0, "in none of four applications"),
        (1, "in one of four applications"),
        (2, "in two of four applications"),
    ],
)
def test_counts_without_a_noun_read_as_english(
    complete: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hits: int, words: str
) -> None:
    monkeypatch.setattr(verdicts, "advice", lambda _: {"testable": 4, "same_first": hits})
    restated = {"n": 9, "different": 8, "untold": hits, "piq": hits, "left": [("unevenness", hits)]}
    monkeypatch.setattr(results, "restated", lambda _: restated)
    told = " ".join(_text(complete, tmp_path).split())
    assert words in told
    verb = {0: "none stand", 1: "one stands", 2: "two stand"}[hits]
    assert told.count(f"{verb} by PIQ") == 2
    assert told.count(" cannot be told; of those that stand") == (2 if hits else 0)
    assert not re.search(r"\b(1 are|no by|for no of|in no of)\b", told)


def test_the_outcome_counts_verdicts_in_words(complete: Material, tmp_path: Path) -> None:
    told = _text(complete, tmp_path)
    outcome = " ".join(told.partition("What was and was not reproduced}")[2].split())
    assert f"In our results, {wording.verdicts(complete.statements['in_results'])}." in outcome
    assert f"Within the paper, {wording.within(complete.statements['within_paper'])}." in outcome


def test_what_would_change_the_conclusions_is_a_section_of_its_own(text: str) -> None:
    section = text.partition(r"\section{What would change the conclusions}")[2].partition(r"\section{")[0]
    for question in ("Collapse", "Convergence", "Reading", "SSIM window", "Images and codes", "Models"):
        assert rf"\emph{{{question}:}}" in section
    assert "Not asked, since no run answers it: seed, likelihood and protocol." in section
    assert "times the margins" in section


def test_limitations_are_measured(complete: Material, text: str, tmp_path: Path) -> None:
    section = _text(complete, tmp_path).partition(r"\section{Limitations}")[2]
    errors = complete.healthy["ssim_sd"] / 10
    assert f"error of {errors.min():.3f} to {errors.max():.3f} of SSIM" in section
    assert "Student's" in section
    assert "One seed shows no spread" in text


def test_readings_are_counted_or_the_command_is_given(text: str, complete: Material, tmp_path: Path) -> None:
    assert "architectures with a second reading the described one lies nearer" in text
    without = _text(complete, tmp_path)
    assert "No second reading has been run in this profile: \\texttt{make readings PROFILE=desk}." in without
    assert "No run with another setting has been done" in without


def test_the_provenance_is_the_provenance_table(text: str) -> None:
    assert "commit & 0123abc" in text
    assert "packages: torch & 2.14.1" in text
    assert r"device & CPU\_1 \& 50\%" in text


def test_the_same_records_give_the_same_text(text: str, tmp_path: Path, material: Material) -> None:
    drawn = tuple(sorted(re.findall(r"figures/(\w+)\.pdf", text)))
    again = report.render(material, build(material), drawn, tmp_path)
    assert again.read_text(encoding="utf-8") == text


@pytest.mark.skipif(shutil.which("latexmk") is None, reason="no latexmk: see `make pdf` for the packages")
def test_two_compilations_are_identical_and_clean(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setenv("FORCE_SOURCE_DATE", "1")
    built = []
    for folder in ("one", "two"):
        command = [
            "latexmk",
            "-pdf",
            "-interaction=nonstopmode",
            "-halt-on-error",
            f"-outdir={folder}",
            "report.tex",
        ]
        done = subprocess.run(command, cwd=rendered, capture_output=True, check=False)
        log = (rendered / folder / "report.log").read_text(encoding="latin-1")
        assert done.returncode == 0, log[-2000:]
        built.append((rendered / folder / "report.pdf").read_bytes())
    assert built[0] == built[1]
    for flaw in ("Missing character", "undefined", "multiply defined", "Overfull"):
        assert flaw not in log
