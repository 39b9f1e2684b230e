from __future__ import annotations

import csv
import io

import pytest

from reproduce.report.table import Column, Table, to_csv, to_latex, to_markdown

COLUMNS = (Column("Model", align="l"), Column("ours", "SSIM ↑"), Column("paper", "SSIM ↑"), Column("n"))
TABLE = Table(
    name="demo",
    number="I",
    title="A title with 5% & β.",
    remarks="What the columns hold.",
    columns=COLUMNS,
    blocks=((("AE", "0.9", "0.8", "1"), ("β|x", "–", "0.7", "2")), (("PCA", "0.5", "", ""),)),
    notes=("† first", "‡ second"),
)


def test_heads_are_grouped_with_a_rule_under_each_group() -> None:
    assert TABLE.groups == (("", 1), ("SSIM ↑", 2), ("", 1))
    assert TABLE.rules == ((2, 3),)


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells under 4 columns"):
        Table("bad", "t", "r", COLUMNS, ((("AE", "0.9"),),))


def test_csv_holds_heads_and_cells() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows[0] == ["Model", "SSIM ↑ ours", "SSIM ↑ paper", "n"]
    assert rows[1:] == [list(row) for row in TABLE.rows]


def test_markdown_has_the_profile_the_cells_and_the_notes() -> None:
    text = to_markdown(TABLE, "quick")
    assert text.startswith("**Table I. A title with 5% & β.** Profile `quick`. What the columns hold.")
    assert "| AE | 0.9 | 0.8 | 1 |" in text
    assert r"| β\|x | – | 0.7 | 2 |" in text
    assert "| :-- | --: | --: | --: |" in text
    assert text.endswith("† first<br>\n‡ second\n")


def test_latex_has_caption_rules_and_notes() -> None:
    text = to_latex(TABLE)
    assert r"\begin{table*}[t]" in text
    assert r"\caption{\normalfont A title with 5\% \& $\beta$.}" in text
    assert r"\cmidrule(lr){2-3}" in text
    assert r"AE & 0.9 & 0.8 & 1 \\" in text
    assert text.count(r"\midrule") == 2  # under the heads, and between the blocks
    assert r"\textdagger} first" in text


def test_a_long_table_breaks_over_pages() -> None:
    long = Table("long", "t.", "r", COLUMNS, TABLE.blocks, layout="long")
    text = to_latex(long, here=True)
    assert r"\begin{longtable}" in text
    assert r"\endhead" in text
    assert "table*" not in text
