"""A table independent of its format, and its three formats: LaTeX, CSV and Markdown.

A table is text in cells; the formats differ in syntax only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from reproduce.report import latex

Layout = Literal["column", "page", "long"]
NUMERALS = ("I", "II", "III", "IV", "V", "VI")
"""Fixed numbers of the tables in the body, whatever their order on the pages: I to III are the paper's."""
Row = tuple[str, ...]
Blocks = tuple[tuple[Row, ...], ...]
"""Rows of cells, in groups that are separated by a rule."""


@dataclass(frozen=True)
class Column:
    """One column: its head, an optional head above it shared with its neighbours, and its alignment."""

    head: str
    group: str = ""
    align: str = "r"
    width: str = ""
    """LaTeX width of a paragraph column ("" for a column as wide as its text)."""

    @property
    def name(self) -> str:
        """Group and head in one: the column's name in CSV and Markdown."""
        return " ".join(filter(None, [self.group, self.head]))

    @property
    def specification(self) -> Any:
        """The column in LaTeX's `tabular` argument."""
        return Markup(rf">{{\raggedright\arraybackslash}}p{{{self.width}}}" if self.width else self.align)


@dataclass(frozen=True)
class Table:
    """A table independent of its format. `blocks` are groups of rows with a rule between them."""

    name: str
    """File name."""
    title: str
    """The caption's first sentence."""
    remarks: str
    """The rest of the caption: what the columns contain."""
    columns: tuple[Column, ...]
    blocks: Blocks
    notes: tuple[str, ...] = ()
    layout: Layout = "page"
    """As wide as a column, as the page, or "long": a table of the appendix that breaks over pages."""
    number: str = ""
    """Its number, one of NUMERALS; "" for the next one."""
    size: str = "footnotesize"
    coloured: bool = False
    """Whether verdicts have a coloured background."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.name}: a row of {len(row)} cells under {len(self.columns)} columns"
                )

    def shown(self, cell: str) -> Any:
        """A cell as LaTeX prints it."""
        return coloured(cell) if self.coloured else cell

    @property
    def wraps(self) -> bool:
        """Whether cells may have several lines, so that rows need space between them."""
        return any(column.width for column in self.columns)

    @property
    def place(self) -> str:
        """The value of LaTeX's table counter that gives this table its number; "" for the next number."""
        return str(NUMERALS.index(self.number)) if self.number else ""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, without the rules."""
        return tuple(row for block in self.blocks for row in block)

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """The upper row of heads: (text, columns spanned), empty if no column has a group."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and column.group and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return tuple(spans) if any(text for text, _ in spans) else ()

    @property
    def rules(self) -> tuple[tuple[int, int], ...]:
        """First and last column (from 1) of each group that needs a rule under it."""
        found, position = [], 1
        for text, span in self.groups:
            if text:
                found.append((position, position + span - 1))
            position += span
        return tuple(found)


BACKGROUNDS = {
    "reproduced": "D8F0DD",
    "consistent": "D8F0DD",
    "direction only": "D9E8F6",
    "not reproduced": "F8DAD5",
    "inconsistent": "F8DAD5",
    "undecided": "FBF0CF",
}
"""A verdict at the start of a cell → its background colour."""


def coloured(cell: str) -> Any:
    """The cell with its verdict on a coloured background, for LaTeX."""
    for word, colour in sorted(BACKGROUNDS.items(), key=lambda item: -len(item[0])):
        if cell == word or cell.startswith(f"{word} ("):
            rest = latex.escape(cell.removeprefix(word))
            return Markup(rf"\colorbox[HTML]{{{colour}}}{{{word}}}{rest}")
    return cell


def to_latex(table: Table, *, here: bool = False) -> str:
    """The table as a float (`latex/tables/float.tex.j2`), or as a longtable. `here`: not moved to the top."""
    template = "tables/long.tex.j2" if table.layout == "long" else "tables/float.tex.j2"
    return latex.environment().get_template(template).render(table=table, here=here)


def to_csv(table: Table) -> str:
    """Heads and cells as text, one line per row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows(table.rows)
    return out.getvalue()


def to_markdown(table: Table, profile: str) -> str:
    """Title, the table, and its notes, for the README."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    number = f"Table {table.number}. " if table.number in NUMERALS[:3] else ""
    parts = [
        f"**{number}{table.title}** Profile `{profile}`. {table.remarks}".strip(),
        "",
        line(column.name for column in table.columns),
        line({"l": ":--", "r": "--:", "c": ":-:"}[column.align] for column in table.columns),
        *(line(row) for row in table.rows),
    ]
    if table.notes:
        parts += ["", *("<br>\n".join(table.notes).split("\n"))]
    return "\n".join(parts) + "\n"
