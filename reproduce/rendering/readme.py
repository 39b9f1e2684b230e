"""The README's generated parts, each a file of Markdown that `make publish` puts in its place.

A part that these records cannot fill, such as the readings of a profile that ran none, is left out, and the README
keeps what another profile told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from reproduce.analysis import readings
from reproduce.analysis.claims import IN_RESULTS, WITHIN_PAPER, Outcome
from reproduce.rendering import numbers
from reproduce.rendering.appendix import forensics
from reproduce.rendering.claim_tables import IN_OUR_RESULTS, NOT_TESTABLE_BUT_AS_TRAINED, WITHIN_THE_PAPER
from reproduce.rendering.material import Material, label
from reproduce.rendering.table import Table, to_markdown

FOLDER = "readme"
"""Where the parts lie below a rendered report."""


def render(material: Material, tables: Mapping[str, Table], folder: Path) -> None:
    """Write every part into `folder`, a file each, named as the README names its place."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in parts(material, tables).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def parts(material: Material, tables: Mapping[str, Table]) -> dict[str, str]:
    """Name of the README's place → Markdown."""
    profile = material.profile.name
    shown = {name: to_markdown(tables[name], profile) for name in ("table1", "table2", "table3", "claims")}
    found = {
        "profile": _profile(material),
        "table-1": shown["table1"],
        "table-2": shown["table2"],
        "table-3": shown["table3"],
        "claims": counted_claims(material.statements, shown["claims"], judged=material.verdicts_allowed),
        "readings": nearer_readings(material),
        "protocols": forensic(material),
    }
    return {name: text for name, text in found.items() if text}


def _profile(material: Material) -> str:
    """Which profile it is, how long the runs of the described reading took, and on what."""
    profile, runs = material.profile, material.runs
    seconds = runs.reindex(columns=["training_seconds", "evaluation_seconds"]).sum().sum()
    known = runs["hardware"].dropna().unique() if "hardware" in runs else []
    hardware = " or ".join(filter(None, map(str, known)))
    return (
        f"The numbers below are of the profile `{profile.name}`: {profile.purpose}. Training and evaluating its "
        f"{len(runs)} run{'s' * (len(runs) != 1)} took {numbers.integer(seconds / 60)} minutes of wall time, added up "
        "over workers" + (f" ({hardware})." if hardware else ".")
    )


def counted_claims(statements: pd.DataFrame, important: str, *, judged: bool) -> str:
    """How many statements (rows of the ledger) have which verdict, and the table of the most important ones below.
    judged: whether the profile allows verdicts on our results."""
    kinds = {WITHIN_THE_PAPER: "within_paper"}
    if judged:
        kinds |= {IN_OUR_RESULTS: "in_results", NOT_TESTABLE_BUT_AS_TRAINED: "as_trained"}
    counts = {
        head: statements.loc[statements[column] != "", column].value_counts()
        for head, column in kinds.items()
    }
    lines = [
        f"- {head}: " + ", ".join(f"{n} {word}" for word, n in count.items()) + "."
        for head, count in counts.items()
        if len(count)
    ]
    stands = statements["in_results"] == IN_RESULTS[Outcome.HOLDS]
    if judged and stands.any():
        both = stands & (statements["within_paper"] == WITHIN_PAPER[Outcome.HOLDS])
        lines.append(f"- Reproduced and consistent within the paper: {both.sum()} of {stands.sum()}.")
    return "\n".join([f"Of {len(statements)} statements:", "", *lines, "", important])


_WHICH_COLLAPSED = {
    (False, False): "",
    (True, False): "; the described one collapsed",
    (False, True): "; Pythae's collapsed",
    (True, True): "; both collapsed",
}
"""Whether the described reading and Pythae's class collapsed → words after a distance."""


def nearer_readings(material: Material) -> str:
    """Which reading of each architecture lies nearer to its printed row, with the smaller distance and which of the two
    collapsed; nothing where no second reading was run."""
    second = material.pythae
    if second.empty:
        return ""
    table = readings.nearest(material.records)

    def told(slug: str) -> str:
        which = (slug in material.collapsed, slug in second.index and bool(second.at[slug, "collapsed"]))
        distance = table.loc[slug, [readings.DESCRIBED, readings.PYTHAE]].min()
        return f"{label(slug)} ({numbers.fixed(distance, 2)}{_WHICH_COLLAPSED[which]})"

    words = {
        readings.DESCRIBED: "the described method",
        readings.PYTHAE: "Pythae's class",
        readings.NEITHER: "neither, within the stated margin",
    }
    lines = []
    for word, text in words.items():
        slugs = [str(slug) for slug in table.index[table["nearest"] == word]]
        if slugs:
            lines.append(f"- {text} ({len(slugs)}): {numbers.listing(map(told, slugs))}")
    unknown = [label(str(slug)) for slug in table.index[table["nearest"] == readings.MISSING]]
    if unknown:
        lines.append(f"- not told, since one or both were not run: {numbers.listing(unknown)}")
    head = (
        f"Profile `{material.profile.name}`, {len(table)} architectures with a second reading. Nearer to the printed "
        "row lies, with its distance in standard deviations of the printed columns:"
    )
    note = (
        [] if material.verdicts_allowed else ["", "The profile trains too little for that to be an answer."]
    )
    return "\n".join([head, "", *lines, *note])


def forensic(material: Material) -> str:
    """Which protocol, length and definition of SSIM the printed rows agree with; nothing without milestones."""
    found = forensics.told(material)
    if found is None:
        return ""
    winner = found["winner"]
    lines = [
        f"- Most rows agree with: {winner['words']}: {winner['agree']} of {winner['rows']}; assigned to models at "
        f"random {winner['chance']} would.",
        *(
            f"- With the stated SSIM and the kept weights: {stated['words']}: {stated['agree']} of {stated['rows']}."
            for stated in found["stated"]
        ),
        f"- Rows that no candidate explains ({len(found['none'])} of {len(found['none']) + len(found['agree'])}): "
        f"{numbers.listing(found['none']) or 'none'}.",
    ]
    head = (
        f"{found['candidates']} candidates (profile, implementation, epoch, definition of SSIM). A printed row agrees "
        "with one if none of its six values lies outside the simultaneous 95% interval of the difference:"
    )
    return "\n".join([head, "", *lines])
