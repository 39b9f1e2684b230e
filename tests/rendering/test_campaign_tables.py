"""The log of the campaign, and the profiles beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproduce import paper
from reproduce.names import SLUGS
from reproduce.records import Records
from reproduce.rendering import report, wording
from reproduce.rendering.appendix import campaign, forensics
from reproduce.rendering.material import Material
from tests.rendering.conftest import PROVENANCE
from tests.synthetic import make_records


def with_provenance(records: Records, **entries: object) -> Records:
    """As if every run's provenance said so."""
    return Records(**{**vars(records), "runs": records.runs.assign(**entries)})


@pytest.fixture(scope="module")
def several() -> Material:
    """`desk` beside `notebook` with two of Pythae's readings, and two models by the paper's whole protocol."""
    others = {
        "notebook": make_records("notebook", (42,), variants={"pythae": ["vamp", "hvae"]}),
        "paper": make_records("paper", (42,), architectures=["ae", "vae"]),
    }
    return Material(make_records("desk"), PROVENANCE, others=others)


def test_the_log_has_a_line_for_every_run_with_its_times_and_interruptions(material: Material) -> None:
    provenance_columns = with_provenance(
        material.records,
        finished=1.7e9,
        training_seconds=90.0,
        evaluation_seconds=30.0,
        resumed=2,
        hardware="Z",
    )
    table = campaign.log(Material(provenance_columns, PROVENANCE))
    assert len(table.rows) == len(material.runs) + 3  # the variants of vamp, vae and miwae
    assert ("ae/seed-42", "2023-11-14 22:13", "10", "1.5", "0.5", "2", "Z", "finished") in table.rows
    (failed,) = [row for row in table.rows if row[0].startswith("svae")]
    assert failed[-1] == "failed: loss not finite in epoch 2"


def test_a_run_whose_provenance_is_lost_has_dashes(material: Material) -> None:
    assert campaign.log(material).rows[0][:3] == ("ae/seed-42", "–", "10")


def test_one_profile_alone_has_no_table_of_lengths_and_no_stand_in(complete: Material) -> None:
    assert forensics.lengths(complete) is None
    assert campaign.stand_in(complete) is None


def test_candidates_have_a_row_a_length_and_a_column_a_definition(several: Material) -> None:
    table = forensics.candidates(several)
    assert table is not None
    assert [column.head for column in table.columns[4:]] == list(forensics.DEFINITIONS.values())
    assert {row[0] for row in table.rows} == {"desk", "notebook", "paper"}
    assert ("notebook", "Pythae's classes") in {row[:2] for row in table.rows}
    desk = [row for row in table.rows if row[0] == "desk"]
    assert [row[2] for row in desk] == ["5", "10", "best"]
    assert all(row[3] == "22" for row in desk)


def test_every_printed_row_stands_beside_the_protocol_that_most_rows_agree_with(several: Material) -> None:
    table = forensics.rows(several)
    assert table is not None
    assert len(table.rows) == 22
    ae = next(row for row in table.rows if row[0] == "AE")
    assert ae[1].endswith(f"/ {paper.tables().cells[paper.Cell(1, 'ae', 'ssim', 'mean')]}")
    assert ae[-2] == "yes"


def test_lengths_have_a_column_a_profile_and_the_epoch_of_the_longest_that_lies_nearest(
    several: Material,
) -> None:
    table = forensics.lengths(several)
    assert table is not None
    assert [column.head for column in table.columns[1:5]] == ["printed", "desk", "notebook", "paper"]
    rows = {row[0]: row for row in table.rows}
    assert rows["AE"][-1] == "10"
    assert rows["SVAE"][4] == rows["SVAE"][-1] == "–", "not run in paper"


def test_models_of_the_literal_protocol_stand_beside_the_shorter_ones_and_the_print(
    several: Material,
) -> None:
    table = campaign.stand_in(several)
    assert table is not None
    assert [row[:3] for row in table.blocks[0]] == [
        ("AE", "desk", "10"), ("AE", "notebook", "10"), ("AE", "paper", "100"), ("AE", "as printed", ""),
    ]  # fmt: skip
    assert table.blocks[1][-1][3] == paper.tables().cells[paper.Cell(1, "vae", "ssim", "mean")]


def test_the_report_says_which_candidate_most_rows_agree_with(several: Material, tmp_path: Path) -> None:
    tables = {"forensics": forensics.candidates(several), "stand-in": campaign.stand_in(several)}
    text = report.render(
        several, {name: table for name, table in tables.items() if table}, (), tmp_path
    ).read_text()
    told = forensics.told(several)
    assert told is not None
    assert told["winner"]["words"].partition(", Gaussian")[0] in text
    assert r"\input{tables/stand-in.tex}" in text


def test_findings_are_grouped_by_verdict_and_only_where_verdicts_are_allowed(
    rendered: Path, complete: Material, tmp_path: Path
) -> None:
    assert r"\section{Findings}" not in (rendered / "report.tex").read_text()
    text = report.render(complete, {}, (), tmp_path).read_text()
    section = text.partition(r"\section{Findings}")[2].partition(r"\section{")[0]
    important = complete.statements[complete.statements["important"].astype(bool)]
    stands = section.partition("What stands}")[2].partition(r"\subsubsection")[0]
    assert stands.count(r"\item") == (important["in_results"] == "reproduced").sum()
    refuted = section.partition("itself contradicts}")[2]
    assert refuted.count(r"\item") == (important["within_paper"] == "inconsistent").sum()
    assert r"\item Gap between best and worst SSIM (printed: 54\%)." in section


def test_what_only_training_that_ended_early_leaves_untold_is_judged_on_the_models_as_they_are(
    tmp_path: Path,
) -> None:
    early = Material(make_records("desk", (42,), unconverged=list(SLUGS[:8])), PROVENANCE)
    text = report.render(early, {}, (), tmp_path).read_text()
    section = text.partition("What cannot be told}")[2].partition(r"\section{")[0]
    important = early.statements[early.statements["important"].astype(bool)]
    as_trained = important.loc[important["as_trained"] != "", "as_trained"]
    assert len(as_trained) > 9
    assert section.count("(as trained: ") == len(as_trained)
    told = " ".join(section.partition("Judged on those models as they are")[2].split())
    assert told.startswith(f", by the same rules, {wording.verdicts(as_trained)}.")
    first = " ".join(text.partition(r"\section{")[0].split())
    every = early.statements.loc[early.statements["as_trained"] != "", "as_trained"].value_counts()
    assert f"as trained: reproduced {every['reproduced']}, " in first
    assert "seed 42 of 42, 123 and 456" in first
    assert "falling to zero along a cosine" in text
    assert "One seed shows no spread between trainings" in text
