"""The register of decisions as a table that breaks over pages."""

from __future__ import annotations

from reproduce import decisions
from reproduce.rendering.material import Material
from reproduce.rendering.table import Column, Table


def register(material: Material) -> Table:
    """Every decision with its place in the paper: the same whatever was run."""
    rows = tuple(
        tuple(
            text.replace("`", "")
            for text in (f"{d.topic} ({d.place})", d.says, d.decided, d.why, d.alternatives)
        )
        for d in decisions.load()
    )
    return Table(
        name="register",
        title="The register of decisions.",
        remarks="Where the paper is silent, contradicts itself, or contradicts its software. No decision was taken "
        "because it meets a printed result. A name after @ is a variant that can be run.",
        columns=(
            Column("On (place in the paper)", align="l", width=r"0.11\textwidth"),
            Column("What it says", align="l", width=r"0.17\textwidth"),
            Column("Decided", align="l", width=r"0.27\textwidth"),
            Column("Why", align="l", width=r"0.20\textwidth"),
            Column("What else it could mean", align="l", width=r"0.15\textwidth"),
        ),
        blocks=(rows,),
        layout="long",
    )
