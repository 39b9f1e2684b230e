"""The tables of claims: the important ones, the ledger, the rules, and one sign for each number of Tables I and II."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from reproduce.analysis import claims
from reproduce.analysis.claims import AS_TRAINED, IN_RESULTS, WITHIN_PAPER, Outcome, command
from reproduce.analysis.measures import MEASURES, SPREAD
from reproduce.names import ALL_METRICS, IMAGE_METRICS, SLUGS
from reproduce.rendering import numbers
from reproduce.rendering.columns import flags, marked
from reproduce.rendering.material import CELL_KIND, Material, label
from reproduce.rendering.numbers import DASH, METRICS
from reproduce.rendering.table import Blocks, Column, Row, Table

_SLUG = re.compile(rf"(?<![\w-])({'|'.join(sorted(SLUGS, key=len, reverse=True))})(?![\w-])")
_METRIC = re.compile(rf"(?<![\w-])({'|'.join(sorted(ALL_METRICS, key=len, reverse=True))})(?![\w-])")
WITHIN_THE_PAPER, IN_OUR_RESULTS = "Within the paper", "In our results"
"""Heads of the columns that begin with a verdict; the second only where the profile allows verdicts."""
NOT_TESTABLE_BUT_AS_TRAINED = "Not testable, since models were still improving, but as trained"
"""Head of a count of verdicts."""
_NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")


def with_commands(ledger: pd.DataFrame, profile: str) -> pd.DataFrame:
    """The ledger with each claim's command for this profile."""
    return ledger.assign(command=[command(str(name), profile) for name in ledger["id"]])


def _readable(evidence: str) -> str:
    """Evidence as a reader wants it: labels for slugs and column names, real minus signs."""
    named = _SLUG.sub(lambda found: label(found[1]), evidence)
    named = _METRIC.sub(lambda found: METRICS[found[1]].label, named)
    return _NEGATIVE.sub(numbers.MINUS, named)


def _verdict(word: str, *details: str, limit: int | None = None) -> str:
    detail = _readable("; ".join(filter(None, (part.strip("; ") for part in details))))
    if limit is not None:
        detail = _shortened(detail, max(limit - len(word), SHORTEST))
    return f"{word}: {detail}" if detail else word


SHORT, SHORTEST = 90, 30
"""Characters of a verdict and its evidence in the body of the report, and of evidence at least; the ledger has all."""


def _shortened(text: str, limit: int) -> str:
    """As much of it as fits, up to the end of a part."""
    if len(text) <= limit:
        return text
    end = max(text.rfind(mark, 0, limit) for mark in ("; ", ", ", " ("))
    return f"{text[: end if end > 0 else limit].rstrip(' ,;')} …"


def _claims(
    rows: pd.DataFrame, widths: Mapping[str, float], *, judged: bool, profile: str, limit: int | None = None
) -> tuple[tuple[Column, ...], Blocks]:
    """One column a head of `widths` (shares of the page), among those that `_cells` can fill. limit: characters of
    verdict and evidence."""
    heads = [head for head in widths if judged or head != IN_OUR_RESULTS]
    columns = (Column(head, align="l", width=rf"{widths[head]}\textwidth") for head in heads)
    cells = (_cells(row, profile, limit) for _, row in rows.iterrows())
    return tuple(columns), (tuple(tuple(found[head] for head in heads) for found in cells),)


def _cells(row: pd.Series, profile: str, limit: int | None) -> dict[str, str]:
    return {
        "Claim": row["id"],
        "Place": row["place"],
        "What the paper states": row["wording"],
        "Printed": row["printed"],
        WITHIN_THE_PAPER: _verdict(row["within_paper"], row["recomputed"], limit=limit),
        IN_OUR_RESULTS: _verdict(*_in_results(row, short=limit is not None), limit=limit),
        "Recomputed by": command(row["id"], profile),
    }


def _in_results(row: pd.Series, *, short: bool) -> tuple[str, ...]:
    """The verdict in our results, then reason and evidence; where it would be another as trained, all words first, the
    reason among them. short: without the reason, which is that models were still improving."""
    if not row["as_trained"]:
        return row["in_results"], row["reason"], row["evidence"]
    reason = "" if short else f" ({_readable(row['reason'])})"
    trained = f"{AS_TRAINED}{row['as_trained']}"
    evidence = row["evidence"].removeprefix(trained).removeprefix(": ")
    return f"{row['in_results']}{reason}; {trained}", evidence


def important_table(statements: pd.DataFrame, profile: str, *, judged: bool) -> Table:
    """The statements that carry the paper, with both verdicts; on our results only where they are judged."""
    widths = {
        # wider than the page, to which it is scaled down: on so many rows that costs less than more lines a row
        "Claim": 0.14,
        "What the paper states": 0.27,
        "Printed": 0.05,
        WITHIN_THE_PAPER: 0.34,
        IN_OUR_RESULTS: 0.38,
    }
    rows = statements[statements["important"].astype(bool)]
    columns, blocks = _claims(rows, widths, judged=judged, profile=profile, limit=SHORT)
    return Table(
        name="claims",
        title="The most important claims and what became of them.",
        remarks="The first part of a claim's name is its section; "
        f"{command('NAME', profile)} recomputes it; the ledger has its place and all its evidence.",
        columns=columns,
        blocks=blocks,
        size="scriptsize",
    )


def ledger_table(statements: pd.DataFrame, profile: str, *, judged: bool) -> Table:
    """Every given statement with its place, both verdicts and the command that recomputes it."""
    widths = {
        "Claim": 0.125,
        "Place": 0.062,
        "What the paper states": 0.155,
        "Printed": 0.05,
        WITHIN_THE_PAPER: 0.135,
        IN_OUR_RESULTS: 0.155,
        "Recomputed by": 0.235,
    }
    columns, blocks = _claims(statements, widths, judged=judged, profile=profile)
    return Table(
        name="ledger",
        title="The ledger: every statement.",
        remarks="The first part of a claim's name is its section; the place says where in it.",
        columns=columns,
        blocks=blocks,
        layout="long",
        size="scriptsize",
    )


def important_claims(material: Material) -> Table:
    """The statements that carry the paper, with both verdicts."""
    return important_table(material.statements, material.records.profile, judged=material.verdicts_allowed)


def ledger(material: Material) -> Table:
    """Every statement of the paper with both verdicts."""
    return ledger_table(material.statements, material.records.profile, judged=material.verdicts_allowed)


# --- the rules ----------------------------------------------------------------------------------------


def rules(material: Material) -> Table:
    """What decides each kind of claim, and how many claims are of that kind: the same whatever was run."""
    counts = material.verdicts["kind"].value_counts()
    rows = tuple(
        (kind.replace("-", " "), numbers.integer(counts.get(kind, 0)), rule.replace("`", ""))
        for kind, rule in claims.rules().items()
    )
    return Table(
        name="rules",
        title="The rule of each kind of claim.",
        remarks="Each stands beside the function that applies it; thresholds and margins were written before any "
        "result, and the changelog lists the rules that were corrected since. “Paper”: within the paper "
        "itself; “Results”: in ours. Margins are those of the table before.",
        columns=(
            Column("Kind", align="l", width=r"0.13\textwidth"),
            Column("Claims"),
            Column("Rule", align="l", width=r"0.76\textwidth"),
        ),
        blocks=(rows,),
        layout="long",
    )


def margins(material: Material) -> Table:
    """From which difference on two values count as different."""

    def row(name: str, absolute: float, relative: float, obstacle: str) -> Row:
        shown = numbers.fixed(absolute, 2) if absolute else numbers.percent(relative)
        return (name, shown, obstacle or "")

    rows = tuple(row(m.label, m.absolute, m.relative, m.obstacle) for m in (*MEASURES.values(), SPREAD))
    return Table(
        name="margins",
        title="Margins stated before any result.",
        remarks="Two values closer than the margin count as the same; a percentage is of the printed value. "
        "SD: every ± "
        "of Tables I and II. Where values of two studies cannot be compared, orders still are.",
        columns=(
            Column("Quantity", align="l"),
            Column("Margin"),
            Column("Why values are not compared", align="l"),
        ),
        blocks=(rows,),
    )


def tally(material: Material) -> Table:
    """How many statements have which pair of verdicts."""
    found = claims.tally(verdict for verdict in material.judged if verdict.claim.kind != CELL_KIND)
    total = found.sum()
    rows = tuple(
        (str(word), *(numbers.integer(n) for n in counts), numbers.integer(counts.sum()))
        for word, counts in found.iterrows()
    )
    return Table(
        name="tally",
        title="Both verdicts of every statement, counted.",
        remarks="Rows: within the paper itself. Columns: in our results.",
        columns=(Column("", align="l"), *(Column(str(word)) for word in found.columns), Column("all")),
        blocks=(rows, (("all", *(numbers.integer(n) for n in total), numbers.integer(total.sum())),)),
    )


# --- single cells -------------------------------------------------------------------------------------

SIGNS = {
    Outcome.HOLDS: "=",
    Outcome.PARTLY: "≈",
    Outcome.FAILS: "≠",
    Outcome.UNTESTABLE: DASH,
    Outcome.MISMATCH: "d",
}
"""How one cell of Tables I and II fares, in one character."""
SYMBOLS = {IN_RESULTS[outcome]: sign for outcome, sign in SIGNS.items()}
WITHIN_SYMBOLS = {
    WITHIN_PAPER[outcome]: SIGNS[outcome] for outcome in (Outcome.HOLDS, Outcome.FAILS, Outcome.UNTESTABLE)
}


def _signs(material: Material, name: str, verdict: str, symbols: Mapping[str, str], title: str) -> Table:
    """One character for every number of Tables I and II by one kind of verdict, in brackets if only as trained."""
    rows_by_id = material.cell_verdicts.set_index("id")
    found = rows_by_id[verdict]
    as_trained = rows_by_id["as_trained"] if verdict == "in_results" else pd.Series("", index=found.index)

    def symbol(slug: str, metric: str, part: str) -> str:
        table = 1 if metric in IMAGE_METRICS else 2
        cell = f"T{table}.{slug}.{metric}" + (".sd" if part == "±" else "")
        if cell not in found.index:
            return ""
        return f"({symbols[as_trained[cell]]})" if as_trained[cell] else symbols[found[cell]]

    keys = [
        (metric, part) for metric in ALL_METRICS for part in ("mean", "±") if (metric, part) != ("mae", "±")
    ]
    columns: Sequence[Column] = [
        Column("Model", align="l"),
        *(Column(part, METRICS[metric].label, "c") for metric, part in keys),
    ]
    rows = tuple((marked(material, slug), *(symbol(slug, *key) for key in keys)) for slug in SLUGS)
    counts = found.value_counts()
    legend = (f"{sign} {word} ({numbers.integer(counts.get(word, 0))})" for word, sign in symbols.items())
    return Table(
        name=name,
        title=title,
        remarks=f"{'; '.join(legend)}."
        + " In brackets: not testable, since the model was still improving, but so as trained."
        * bool((as_trained != "").any()),
        columns=tuple(columns),
        blocks=(rows,),
        notes=flags(material, SLUGS),
    )


def cells_within(material: Material) -> Table:
    """Whether each number of Tables I and II agrees with the rest of its row and the printed order."""
    title = "Every number of Tables I and II, held against the paper's own tables."
    return _signs(material, "cells-within", "within_paper", WITHIN_SYMBOLS, title)


def cells(material: Material) -> Table | None:
    """What became of each number of Tables I and II in our results; None where the profile gives no verdicts."""
    if not material.verdicts_allowed:
        return None
    title = "Every number of Tables I and II in our results."
    return _signs(material, "cells", "in_results", SYMBOLS, title)
