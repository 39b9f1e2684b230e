"""The generated parts of README and docs, each a Markdown file that `make publish` puts into its page.

A part that these records cannot fill is left out, and the page keeps the part from another profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from reproduce.analysis import headline, summaries
from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import SLUGS
from reproduce.paper import decisions
from reproduce.protocol import PROFILES
from reproduce.report import numbers, origin, prose
from reproduce.report.columns import entry, printed_mean
from reproduce.report.context import Context, label
from reproduce.report.numbers import DASH
from reproduce.report.table import Column, Table, to_markdown
from reproduce.storage.reading import GPU, THEN
from reproduce.verdicts.judge import rules
from reproduce.verdicts.verdict import GRADES, IN_RESULTS, Outcome, Verdict, command

SIGNS = {
    IN_RESULTS[Outcome.HOLDS]: "🟩",
    IN_RESULTS[Outcome.PARTLY]: "🟦",
    IN_RESULTS[Outcome.FAILS]: "🟥",
    IN_RESULTS[Outcome.UNDECIDED]: "🟨",
    "consistent": "🟩",
    "inconsistent": "🟥",
}
"""A coloured sign before a verdict, for pages that cannot show colours otherwise."""


def render(context: Context, tables: Mapping[str, Table], folder: Path) -> None:
    """Write every part into `folder`, each to a file with the name of its block in README or docs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in parts(context, tables).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def parts(context: Context, tables: Mapping[str, Table]) -> dict[str, str]:
    """Name of the block → Markdown."""
    profile = context.profile.name
    found = {
        "finding": finding(context),
        "ten-claims": ten_claims(context),
        "status": status(context),
        "table-1": to_markdown(compact(context, ("ssim", "mse", "psnr"), "I", "Reconstruction"), profile),
        "table-2": to_markdown(
            compact(context, ("piq", "piq_over_floor", "i_ssim"), "II", "Interpolation"), profile
        ),
        "table-3": to_markdown(tables["table3"], profile),
        "origin": forensic(context),
        "decisions": register(),
        "claims": claims(context),
        "rules": rule_list(),
        "errata": errata(context),
    }
    return {name: text for name, text in found.items() if text}


# --- README -------------------------------------------------------------------------------------------


def seeds_a_model(context: Context) -> str:
    """ "three seeds", or "one to three seeds" where not all models have as many."""
    counts = context.ours["n_seeds"].astype(int)
    few, many = int(counts.min()), int(counts.max())
    return f"{numbers.in_words(few)} to " * (few < many) + numbers.counted(many, "seed")


def finding(context: Context) -> str:
    """The finding in a few lines."""
    paper, ours = context.duality_paper, context.duality
    if numbers.missing(ours.r) or not context.verdicts_allowed:
        return ""
    lines = [
        f"- **Quality against smoothness.** r of SSIM and PIQ is {numbers.correlation(paper.r, 2)} in the paper's "
        f"tables and {numbers.correlation(ours.r, 2)} {numbers.interval(ours.low, ours.high, 2)} over our "
        f"{ours.n} models (profile `{context.profile.name}`: {context.profile.epochs} epochs, "
        f"{seeds_a_model(context)}).",
    ]
    if context.mechanism is not None:
        found = context.mechanism
        lines.append(
            "- **What carries it.** PIQ contains the squared distance of the end frames by construction, and that "
            f"distance follows SSIM (r = {numbers.correlation(found.distance.r, 2)}"
            f"{' without collapsed models' if context.collapsed else ''}). Given the distance, r of SSIM and PIQ is "
            f"{numbers.correlation(found.partial.r, 2)} {numbers.interval(found.partial.low, found.partial.high, 2)}: "
            "the two cannot be told apart on these data."
        )
    if told := prose.ten_counts(context):
        lines.append(f"- **Ten claims.** {told[0].upper()}{told[1:]}.")
    if (made := origin.told(context)) is not None:
        lines.append(
            f"- **How the printed numbers seem to have been made.** Of {made['rows']} rows, {made['leading']}."
        )
    inconsistent = sum(verdict.within_paper == "inconsistent" for verdict in context.verdicts)
    distinct = len(headline.distinct(context.paper))
    lines.append(
        f"- **Within the paper.** {distinct} of the {len(context.paper)} rows of its tables are distinct, and "
        f"{inconsistent} statements contradict the tables or one another ([by cause](docs/ERRATA.md))."
    )
    return "\n".join(lines)


def ten_claims(context: Context) -> str:
    """The ten claims as a table with a coloured sign before each word."""
    profiles = [name for name in context.profiles if PROFILES[name].verdicts]
    profiles = [name for name in profiles if any(claim.verdicts[name].evidence for claim in context.ten)]
    if not profiles:
        return ""

    def told(word: str) -> str:
        return f"{SIGNS.get(word, '⬜')} {word}" if word else DASH

    def verdict(found: Verdict) -> str:
        looks = f" ({found.looks_in_words})" if found.looks_in_words else ""
        return f"{told(found.verdict)}{looks}"

    rows = [
        (
            str(claim.number),
            f"{claim.claim} ({claim.any.statement.section})",
            told(claim.any.within_paper),
            *(verdict(claim.verdicts[name]) for name in profiles),
        )
        for claim in context.ten
    ]
    grades = {name: ", ".join(context.grades[name]) for name in profiles}
    heads = ("", "Claim", "Within the paper", *(f"`{name}` (grade {grades[name]})" for name in profiles))
    return _markdown(heads, rows)


def status(context: Context) -> str:
    """How many runs of each profile are done, and the profile that the numbers come from."""
    told = []
    for name, profile in PROFILES.items():
        if not profile.verdicts:
            continue
        known = context.profiles.get(name)
        done = (
            []
            if known is None
            else list(summaries.finished(known).query("architecture in @SLUGS")["hardware"])
        )
        count = f"{len(done)} of {len(SLUGS) * len(profile.seeds)}{on_a_gpu(done)}"
        told.append(f"`{name}` ({profile.purpose}): {count}")
    return f"Runs done, by protocol: {'; '.join(told)}. Numbers on this page are of `{context.profile.name}`."


def on_a_gpu(hardware: Sequence[str]) -> str:
    """How many runs were trained on a GPU, and how many of these only in part; "" if none was."""
    on = [name for name in hardware if GPU in name]
    in_part = sum(THEN in name for name in on)
    return f", {len(on)} on a GPU" * bool(on) + f" ({in_part} of these in part)" * bool(in_part)


# --- docs ---------------------------------------------------------------------------------------------


def compact(context: Context, metrics: tuple[str, ...], number: str, what: str) -> Table:
    """Ours and the paper's means in a few columns."""
    ranks = {
        name: frame[metrics[0]].rank(ascending=MEASURES[metrics[0]].better < 0, method="min")
        for name, frame in (("ours", context.healthy), ("paper", context.paper))
    }

    def cell(slug: str, metric: str) -> str:
        ours = numbers.value(metric, entry(context.ours, slug, metric))
        return f"{ours} / {printed_mean(slug, metric)}" if metric in context.paper else ours

    def row(slug: str) -> tuple[str, ...]:
        places = " / ".join(numbers.integer(ranks[name].get(slug)) for name in ("ours", "paper"))
        return (label(slug) + context.mark(slug), *(cell(slug, metric) for metric in metrics), places)

    return Table(
        name=f"compact-{number.lower()}",
        number=number,
        title=f"{what}.",
        remarks="Ours / the paper's, means.",
        columns=(Column("Model", align="l"), *(Column(MEASURES[m].head) for m in metrics), Column("Rank")),
        blocks=(tuple(row(slug) for slug in SLUGS),),
    )


def forensic(context: Context) -> str:
    """The candidates that the printed rows agree with; "" without milestones."""
    found = origin.told(context)
    if found is None:
        return ""
    lines = [
        f"- Of the {found['full']} candidates that have all {found['rows']} rows, the best of each profile: "
        f"{found['leading']}.",
        f"- With the SSIM that the paper states, {found['stated']}.",
        f"- No candidate explains {numbers.listing(found['none'])}.",
    ]
    head = (
        f"{found['candidates']} candidates (profile, implementation, epoch, definition of SSIM). A printed row agrees "
        "with one if none of its six values lies outside the simultaneous 95% interval of the difference:"
    )
    return "\n".join([head, "", *lines])


def register() -> str:
    """The decisions, one paragraph each."""
    return "\n".join(
        f"- **{d.topic}** ({d.place}). The paper: {d.says} Decided: {d.decided} Why: {d.why}"
        for d in decisions.load()
    )


def claims(context: Context) -> str:
    """Counts of verdicts, and every important statement with its verdicts."""
    if not context.verdicts_allowed:
        return ""
    about = [verdict for verdict in context.verdicts if verdict.about == "results"]
    words = pd.Series([verdict.verdict for verdict in about]).value_counts()
    head = (
        f"Profile `{context.profile.name}`, {len(about)} statements about results: "
        + ", ".join(f"{count} {word}" for word, count in words.items())
        + "."
    )
    if lacking := sum(
        "finished run" in verdict.reason for verdict in about if verdict.verdict == "undecided"
    ):
        head += f" Of the undecided, {lacking} need a run that is not there yet; the others are compatible or close."
    grades = "; ".join(f"{grade}: {told}" for grade, told in GRADES.items())
    rows = [
        (
            f"`{verdict.statement.id}`",
            verdict.statement.wording,
            "; ".join(verdict.statement.printed) or DASH,
            f"{SIGNS.get(verdict.within_paper, '⬜')} {verdict.within_paper}",
            f"{SIGNS.get(verdict.verdict, '⬜')} {verdict.verdict} {verdict.looks_in_words}".strip(),
            verdict.evidence or verdict.reason,
        )
        for verdict in about
        if verdict.statement.important
    ]
    heads = ("Name", "Statement", "Printed", "Within the paper", "In our results (looks)", "Evidence")
    return "\n".join([head, "", f"Grades: {grades}.", "", _markdown(heads, rows)])


def rule_list() -> str:
    """The rule of each kind of statement."""
    return "\n".join(f"- **{name}.** {rule}" for name, rule in rules().items())


def errata(context: Context) -> str:
    """Every inconsistency within the paper by cause, with its evidence."""
    sections = []
    for at, one in enumerate(context.errata, start=1):
        lines = [
            f"- {verdict.statement.wording} (`{verdict.statement.id}`; {'; '.join(verdict.statement.told_places)}): "
            + (f"printed {' and '.join(verdict.statement.printed)}; " if verdict.statement.printed else "")
            + f"found {verdict.recomputed}"
            for verdict in one.verdicts
        ]
        sections.append(
            "\n".join(
                [
                    f"## {at}. {one.cause}",
                    "",
                    f"**What follows.** {one.follows}",
                    "",
                    f"**Suggested correction.** {one.correction}",
                    "",
                    *lines,
                ]
            )
        )
    return "\n\n".join(sections)


def flat(ledger: pd.DataFrame, profile: str) -> pd.DataFrame:
    """The ledger with its lists joined and each statement's command, for CSV."""
    lists = [column for column in ledger if ledger[column].map(lambda value: isinstance(value, list)).any()]
    joined = {column: ledger[column].map("; ".join) for column in lists}
    return ledger.assign(**joined, command=[command(str(name), profile) for name in ledger["id"]])


def _markdown(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    return "\n".join([line(heads), line(tuple(":--" for _ in heads)), *(line(row) for row in rows)])
