"""One table in three formats."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from reproduce.report.table import Column, Table, to_csv, to_latex, to_markdown

TABLE = Table(
    name="demo",
    number="I",
    title="A title with 5% & β.",
    remarks="What the columns hold.",
    columns=(Column("Model", align="l"), Column("ours", "SSIM ↑"), Column("paper", "SSIM ↑"), Column("n")),
    blocks=((("AE", "0.9", "0.8", "1"), ("β|x", "–", "0.7", "2")), (("PCA", "0.5", "", ""),)),
    notes=("† first", "‡ second"),
)


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells under 4 columns"):
        replace(TABLE, blocks=((("AE", "0.9"),),))


def test_csv_holds_heads_and_cells() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows == [["Model", "SSIM ↑ ours", "SSIM ↑ paper", "n"], *map(list, TABLE.rows)]


def test_markdown_has_the_profile_the_cells_and_the_notes() -> None:
    text = to_markdown(TABLE, "quick")
    assert text.startswith("**Table I. A title with 5% & β.** Profile `quick`. What the columns hold.")
    assert "| :-- | --: | --: | --: |\n| AE | 0.9 | 0.8 | 1 |\n" + r"| β\|x | – | 0.7 | 2 |" in text
    assert text.endswith("† first<br>\n‡ second\n")


def test_latex_has_caption_rules_and_notes() -> None:
    text = to_latex(TABLE)
    for part in (
        r"\begin{table*}[t]",
        r"\caption{\normalfont A title with 5\% \& $\beta$.}",
        r"\cmidrule(lr){2-3}",  # under the head of a group
        r"AE & 0.9 & 0.8 & 1 \\",
        r"\textdagger{} first",
    ):
        assert part in text
    assert text.count(r"\midrule") == 2  # under the heads, and between the blocks


def test_a_long_table_breaks_over_pages() -> None:
    text = to_latex(replace(TABLE, layout="long"), here=True)
    assert r"\begin{longtable}" in text
    assert r"\endhead" in text
    assert "table*" not in text
