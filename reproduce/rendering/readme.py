"""The README's generated parts, each a file of Markdown that `make publish` puts in its place.

A part that these records cannot fill, such as the readings of a profile that ran none, is left out, and the README
keeps what another profile told.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from reproduce.analysis import profiles, readings
from reproduce.analysis.claims import IN_RESULTS, WITHIN_PAPER, Outcome
from reproduce.rendering import numbers, wording
from reproduce.rendering.claim_tables import IN_OUR_RESULTS, NOT_TESTABLE_BUT_AS_TRAINED, WITHIN_THE_PAPER
from reproduce.rendering.material import Material, label
from reproduce.rendering.prose import verdicts
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
        "protocols": nearer_protocols(material),
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


def nearer_protocols(material: Material) -> str:
    """Which profile's protocol and which reading lie nearest to the printed rows; nothing for one profile."""
    found = verdicts.nearer_protocols(material)
    if found is None or not found["together"]:
        return ""
    lines = [
        f"- Over {n} rows: {', '.join(f'`{source}` {distance}' for source, distance in distances)}; nearest: "
        f"{numbers.listing(f'`{source}`' for source in nearest)}. A row of the printed columns' means, which knows "
        f"of the print but not of the model: {yardstick}."
        for n, distances, nearest, yardstick in found["together"]
    ]
    if not found["fits"]:
        lines.append(
            "- So none of them fits: over these rows together each lies farther off than those means do."
        )
    near = (f"`{source}` {hits} of {rows}" for source, hits, rows in found["near"])
    lines.append(f"- Rows that lie nearer to the print than those means do: {', '.join(near)}.")
    wins = (f"`{source}` {count}" for source, count in found["wins"])
    lines.append(f"- Rows that each fits best, ties left out: {', '.join(wins)}.")
    if found["lacking"]:
        lines.append(
            f"- Too few runs to take part: {numbers.listing(f'`{name}`' for name in found['lacking'])}."
        )
    seeds = wording.seeds(profiles.common_seeds(material.profiles))
    head = f"Distance from the printed rows, root mean square in standard deviations of the printed columns, {seeds}:"
    return "\n".join([head, "", *lines])
