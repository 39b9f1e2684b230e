"""The tables of claims: the important ones, the ledger, and one sign for each number of Tables I and II."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from reproduce.names import SLUGS
from reproduce.rendering import numbers
from reproduce.rendering.columns import flags, marked
from reproduce.rendering.material import ALL_METRICS, RECONSTRUCTION, Material, label
from reproduce.rendering.numbers import DASH, METRICS
from reproduce.rendering.table import Blocks, Column, Table

_SLUG = re.compile(rf"(?<![\w-])({'|'.join(sorted(SLUGS, key=len, reverse=True))})(?![\w-])")
_METRIC = re.compile(rf"(?<![\w-])({'|'.join(sorted(ALL_METRICS, key=len, reverse=True))})(?![\w-])")
_NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")


def _readable(evidence: str) -> str:
    """Evidence as a reader wants it: labels for slugs and column names, real minus signs."""
    named = _SLUG.sub(lambda found: label(found[1]), evidence)
    named = _METRIC.sub(lambda found: METRICS[found[1]].label, named)
    return _NEGATIVE.sub(numbers.MINUS, named)


def _verdict(word: str, *details: str) -> str:
    detail = "; ".join(filter(None, (part.strip("; ") for part in details)))
    return f"{word}: {_readable(detail)}" if detail else word


def _claims(
    material: Material, rows: pd.DataFrame, widths: Sequence[str]
) -> tuple[tuple[Column, ...], Blocks]:
    """Id, wording, printed numbers, and one column a verdict with its evidence."""
    heads = ["Claim", "What the paper states", "Printed", "Within the paper's tables"]
    if material.verdicts_allowed:
        heads.append("In our results")
    cells = [
        (
            row["id"],
            row["wording"],
            row["printed"],
            _verdict(row["within_paper"], row["recomputed"]),
            _verdict(row["in_results"], row["reason"], row["evidence"]),
        )[: len(heads)]
        for _, row in rows.iterrows()
    ]
    return tuple(Column(head, align="l", width=width) for head, width in zip(heads, widths, strict=False)), (
        tuple(cells),
    )


_LEDGER_REMARK = (
    "The first part of a claim's name is its section; `python -m reproduce claims --id NAME` recomputes it."
)


def important_claims(material: Material) -> Table | None:
    """The statements that carry the paper, with both verdicts."""
    rows = material.statements[material.statements["important"].astype(bool)]
    widths = [rf"{share}\textwidth" for share in (0.13, 0.22, 0.06, 0.26, 0.26)]
    columns, blocks = _claims(material, rows, widths)
    return Table(
        name="claims",
        title="The most important claims and what became of them.",
        remarks=_LEDGER_REMARK.replace("`", ""),
        columns=columns,
        blocks=blocks,
        size="scriptsize",
    )


def ledger(material: Material) -> Table | None:
    """Every statement of the paper with both verdicts."""
    widths = [rf"{share}\textwidth" for share in (0.15, 0.27, 0.07, 0.2, 0.21)]
    columns, blocks = _claims(material, material.statements, widths)
    return Table(
        name="ledger",
        title="The ledger: every statement.",
        remarks=_LEDGER_REMARK.replace("`", ""),
        columns=columns,
        blocks=blocks,
        layout="long",
        size="scriptsize",
    )


SYMBOLS = {
    "reproduced": "=",
    "same direction or rank only": "≈",
    "not reproduced": "≠",
    "not testable": DASH,
    "definition mismatch": "d",
}
"""How one cell of Tables I and II fares, in one character."""


def cells(material: Material) -> Table | None:
    """One character for every number of Tables I and II; None where the profile gives no verdicts."""
    if not material.verdicts_allowed:
        return None
    found = material.cell_verdicts.set_index("id")["in_results"]

    def symbol(slug: str, metric: str, part: str) -> str:
        table = 1 if metric in RECONSTRUCTION else 2
        name = f"T{table}.{slug}.{metric}" + (".sd" if part == "±" else "")
        return SYMBOLS[found[name]] if name in found.index else ""

    columns = [Column("Model", align="l")]
    keys = [
        (metric, part) for metric in ALL_METRICS for part in ("mean", "±") if (metric, part) != ("mae", "±")
    ]
    columns += [Column(part, METRICS[metric].label, "c") for metric, part in keys]
    rows = tuple((marked(material, slug), *(symbol(slug, *key) for key in keys)) for slug in SLUGS)
    return Table(
        name="cells",
        title="Every number of Tables I and II.",
        remarks="; ".join(f"{sign} {word}" for word, sign in SYMBOLS.items()) + ".",
        columns=tuple(columns),
        blocks=(rows,),
        notes=flags(material, SLUGS),
    )
