"""`claims`: the ten claims with their verdicts, and every other statement of the paper on demand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reproduce.commands import options
from reproduce.commands.options import (
    JsonOption,
    ProfileOption,
    ResultsOption,
    SeedOption,
    app,
    judged_profile,
    parsed_seeds,
)
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.protocol import companions as profiles_beside
from reproduce.verdicts import stored

if TYPE_CHECKING:
    from reproduce.storage.store import Status

COLOURS = {
    "reproduced": typer.colors.GREEN,
    "direction only": typer.colors.CYAN,
    "not reproduced": typer.colors.RED,
    "undecided": typer.colors.YELLOW,
    "inconsistent": typer.colors.RED,
    "consistent": typer.colors.GREEN,
}
"""Verdict → its colour on a terminal; words without one stay plain."""

Document = Mapping[str, Any]
Statement = Mapping[str, Any]


@app.command()
def claims(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    seed: SeedOption = None,
    all_statements: Annotated[
        bool, typer.Option("--all", help="Every statement, not only the ten claims.")
    ] = False,
    verdict: Annotated[
        str | None, typer.Option(help="Only statements with this verdict (either kind).")
    ] = None,
    section: Annotated[
        str | None, typer.Option(help="Only statements of this section: IV-C, or IV for all of IV.")
    ] = None,
    important: Annotated[bool, typer.Option("--important", help="Only those that carry the paper.")] = False,
    ids: Annotated[list[str] | None, typer.Option("--id", help="One statement. Repeat for several.")] = None,
    as_json: JsonOption = False,
) -> int:
    """The ten claims with their verdicts; with --all, --id, --section or --verdict any statement of the paper."""
    protocol = judged_profile(profile_name, results)
    document = current(protocol, results, parsed_seeds(seed))
    if document.get("warning"):
        typer.echo(document["warning"], err=True)
    filtered = bool(all_statements or verdict or section or important or ids)
    shown = chosen(document["statements"], ids or (), section, verdict, important=important)
    if as_json:
        typer.echo(json.dumps(shown if filtered else dict(document), indent=1, ensure_ascii=False))
        return 0
    lines = statement_lines(shown, protocol.name) if filtered else ten_lines(document)
    for line in lines:
        typer.echo(line)
    return 0


def current(protocol: Protocol, results: Path, seeds: tuple[int, ...] | None) -> Document:
    """The verdicts on the current results: those stored beside the report if up to date, else judged again and kept."""
    folder = results / protocol.name / "report"
    profiles = [protocol.name, *(other.name for other in profiles_beside(protocol))]
    key = stored.key((results, options.PUBLISHED), profiles)
    if seeds is None and (known := stored.read(folder, key)) is not None:
        return known
    document = judged(protocol, results, seeds, key)
    if seeds is None and any(own["verdict"] for own in document["statements"]):
        # the verdicts are shown even if they cannot be stored
        with suppress(ReproduceError, OSError):
            folder.mkdir(parents=True, exist_ok=True)
            stored.write(folder, document)
    return document


def judged(protocol: Protocol, results: Path, seeds: tuple[int, ...] | None, key: str) -> dict[str, Any]:
    """Judge all statements in the profile, and the ten claims also in its companion profiles."""
    from reproduce.commands.results import companions, records_if_any, run_states
    from reproduce.verdicts import summary
    from reproduce.verdicts.judge import judge

    store, states = run_states(protocol, results, seeds)
    records = {protocol.name: records_if_any(store, states), **companions(protocol, results)}
    by_profile = {name: judge(own) for name, own in records.items()}
    own = by_profile[protocol.name]
    document = stored.document(own, summary.ten(by_profile), protocol.name, key, summary.counts(own))
    return document | {"warning": stale_runs(states, protocol.name)}


def stale_runs(states: Sequence[Status], profile: str) -> str:
    """One line on the runs that are left out because they are stale, and what to do about it; "" if there are none."""
    from reproduce.storage.store import STALE

    stale = [status for status in states if status.state == STALE]
    if not stale:
        return ""
    return (
        f"warning: {len(stale)} of {len(states)} runs of profile {profile} are stale and take no part "
        f"({stale[0].run}: {stale[0].why}): see `make status PROFILE={profile}`, then run "
        f"`make reproduce PROFILE={profile}`"
    )


def chosen(
    statements: Sequence[Statement],
    ids: Iterable[str],
    section: str | None,
    verdict: str | None,
    *,
    important: bool = False,
) -> list[Statement]:
    """The statements of a section ("IV" holds IV-A, IV-B, …) that have one of the names and that verdict.

    Raises ReproduceError for a name, a section or a verdict that no statement has.
    """
    wanted = set(ids)
    for name in sorted(wanted - {alias for own in statements for alias in own["aliases"]}):
        raise ReproduceError(
            f"there is no statement '{name}': list them with `python -m reproduce claims --all`"
        )
    places = [place.split(", ")[0] for own in statements for place in own["places"]]
    if section is not None and not any(_in_section(place, section) for place in places):
        raise ReproduceError(
            f"no statement is of section '{section}'; known are {', '.join(dict.fromkeys(places))}"
        )
    words = dict.fromkeys(own[column] for own in statements for column in ("within_paper", "verdict"))
    known = (
        {word for word in words if word}
        | set(COLOURS)
        | {"defined differently", "not judged", "not checkable"}
    )
    if verdict is not None and verdict not in known:
        raise ReproduceError(f"no verdict is '{verdict}'; known are {', '.join(sorted(known))}")
    return [
        own
        for own in statements
        if (not wanted or wanted & set(own["aliases"]))
        and (section is None or any(_in_section(place.split(", ")[0], section) for place in own["places"]))
        and verdict in (None, own["within_paper"], own["verdict"])
        and own["important"] >= important
    ]


def _in_section(place: str, section: str) -> bool:
    return place == section or place.startswith(f"{section}-")


def coloured(word: str, width: int = 0) -> str:
    """A verdict in its colour, padded."""
    return typer.style(word.ljust(width), fg=COLOURS.get(word))


def ten_lines(document: Document) -> Iterator[str]:
    """The ten claims as a table: within the paper, and in every profile that gives verdicts."""
    ten = document["ten"]
    profiles = list(ten[0]["verdicts"])
    judged = [name for name in profiles if any(claim["verdicts"][name]["verdict"] for claim in ten)]
    for claim in ten:
        yield f"{claim['number']:2}. {claim['claim']}  [{claim['place']}; {claim['id']}]"
        yield f"    within the paper: {coloured(claim['consistent'])}"
        for name in judged:
            found = claim["verdicts"][name]
            if not found["verdict"]:  # the claim is only about the paper
                continue
            looks = f", {found['looks']} looks" if found["looks"] else ""
            grade = f" (grade {found['grade']}{looks})" if found["grade"] else ""
            yield f"    {name}: {coloured(found['verdict'])}{grade}: {found['evidence']}"
    if not judged:
        yield f"    (profile {document['profile']} has no results that are judged)"
    yield ""
    yield "every statement: python -m reproduce claims --all; one: --id NAME; a section: --section IV-A"


def statement_lines(statements: Iterable[Statement], profile: str) -> Iterator[str]:
    """A few lines per statement: what it says and where, what is printed, and both verdicts with their evidence."""
    for own in statements:
        yield f"{own['id']}  {own['wording']}"
        yield f"    places: {'; '.join(own['places'])}"
        yield f"    printed: {'; '.join(own['printed']) or 'no number'}"
        yield f"    within the paper: {coloured(own['within_paper'])}; {own['recomputed'] or 'nothing to recompute'}"
        if own["about"] == "text":
            yield "    in results: no result bears on it"
            continue
        told = "; ".join(part for part in (own["reason"], own["evidence"]) if part)
        looks = f", {own['looks']} looks{', firm' if own['firm'] else ''}" if own["looks"] else ""
        grade = f" (grade {own['grade']}{looks})" if own["grade"] else ""
        yield f"    in {profile}: {coloured(own['verdict'] or 'no results')}{grade}{f'; {told}' if told else ''}"
