"""What `claims` prints and writes: filters over the registry, and the ledger as text, JSON, CSV and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from reproduce import files
from reproduce.analysis import claims
from reproduce.analysis.claims import IN_RESULTS, WITHIN_PAPER, Claim, Verdict, command
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.rendering.claim_tables import important_table, with_commands
from reproduce.rendering.material import CELL_KIND
from reproduce.rendering.readme import counted_claims
from reproduce.rendering.table import to_markdown
from reproduce.store import STALE, Status

CSV, MARKDOWN = "claims.csv", "claims.md"


def chosen(known: Sequence[Claim], ids: Iterable[str], section: str | None) -> list[Claim]:
    """The claims of a section ("IV" holds IV-A, IV-B, …) that have one of the ids; all where nothing is asked for.

    Raises ReproduceError for an id or a section that no claim has.
    """
    wanted = set(ids)
    for name in sorted(wanted - {claim.id for claim in known}):
        raise ReproduceError(f"there is no claim '{name}': list them with `python -m reproduce claims`")
    if section is not None and not any(_in_section(claim, section) for claim in known):
        sections = dict.fromkeys(claim.section for claim in known)
        raise ReproduceError(f"no claim is of section '{section}'; known are {', '.join(sections)}")
    return [
        claim
        for claim in known
        if (not wanted or claim.id in wanted) and (section is None or _in_section(claim, section))
    ]


def _in_section(claim: Claim, section: str) -> bool:
    return claim.section == section or claim.section.startswith(f"{section}-")


def require_verdict(verdict: str | None) -> None:
    """Raises ReproduceError for a verdict that no claim can have."""
    known = dict.fromkeys([*WITHIN_PAPER.values(), *IN_RESULTS.values()])
    if verdict is not None and verdict not in known:
        raise ReproduceError(f"no verdict is '{verdict}'; known are {', '.join(known)}")


def stale_runs(states: Sequence[Status], profile: str) -> str:
    """One line on the runs that take no part because they are stale, and what to do about it; "" without any."""
    stale = [status for status in states if status.state == STALE]
    if not stale:
        return ""
    return (
        f"warning: {len(stale)} of {len(states)} runs of profile {profile} are stale and take no part "
        f"({stale[0].run}: {stale[0].why}): see `make status PROFILE={profile}`, then run "
        f"`make reproduce PROFILE={profile}`"
    )


def as_json(judged: Iterable[Verdict], profile: str) -> str:
    """All fields of each claim; `printed` is a list, `arguments` what its predicate is asked with."""
    entries = [
        dict(verdict.fields())
        | {"printed": list(verdict.claim.printed), "arguments": dict(verdict.claim.arguments)}
        | {"profile": profile, "command": command(verdict.claim.id, profile)}
        for verdict in judged
    ]
    return json.dumps(entries, indent=1, ensure_ascii=False)


def as_text(judged: Iterable[Verdict], profile: str) -> str:
    """Four lines a claim: what it says, what is printed, and both verdicts with their evidence."""
    return "\n".join(line for verdict in judged for line in _lines(verdict, profile))


def _lines(verdict: Verdict, profile: str) -> Iterable[str]:
    claim = verdict.claim
    told = "; ".join(part for part in (verdict.reason, verdict.evidence) if part)
    yield f"{claim.id}  [{claim.section}, {claim.place}]  {claim.wording}"
    yield f"    printed: {'; '.join(claim.printed) or 'no number'}"
    yield f"    within the paper: {verdict.within_paper}; {verdict.recomputed or 'nothing to recompute'}"
    yield f"    in the results of {profile}: {verdict.in_results}{f'; {told}' if told else ''}"


def write(judged: Iterable[Verdict], protocol: Protocol, folder: Path) -> tuple[Path, Path]:
    """The ledger as CSV, and the README's part as `publish` fills it in; the paths of both."""
    table = with_commands(claims.ledger(judged), protocol.name)
    statements = table[table["kind"] != CELL_KIND]
    important = important_table(statements, protocol.name, judged=protocol.verdicts)
    shown = to_markdown(important, protocol.name)
    block = counted_claims(statements, shown, judged=protocol.verdicts)
    files.write(folder / CSV, files.csv_bytes(table))
    files.write(folder / MARKDOWN, block.encode())
    return folder / CSV, folder / MARKDOWN
