"""What commands read from a results root: records, and what the provenance of all runs has in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from reproduce.commands import options
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.protocol import companions as profiles_beside

if TYPE_CHECKING:
    from reproduce.storage.store import Status, Store


def records_and_provenance(
    protocol: Protocol, results: Path, seeds: tuple[int, ...] | None = None
) -> tuple[Any, dict[str, Any]]:
    """Records of every finished run of the profile (the 22, the references, and variants where they exist), and what
    their provenance has in common. Every run's state is determined only once.
    """
    from reproduce.storage.reading import assemble
    from reproduce.storage.store import FRESH

    store, states = run_states(protocol, results, seeds)
    provenance = [store.provenance(s.run, s.folder) for s in states if s.state == FRESH]
    return assemble(store, states), common(provenance)


def records_if_any(store: Store, states: Sequence[Status]) -> Any | None:
    """The records of runs whose states are known; None if nothing was measured (see `reading.measured`). Raises
    ReproduceError if a run is damaged instead."""
    from reproduce.storage.reading import assemble, measured
    from reproduce.storage.store import DAMAGED

    if measured(states):
        return assemble(store, states)
    for status in states:
        if status.state == DAMAGED and not status.run.is_reference:
            raise ReproduceError(
                f"{status.run} of profile '{store.protocol.name}' is damaged and no other run has finished: "
                f"{status.why}"
            )
    return None


def run_states(
    protocol: Protocol,
    results: Path,
    seeds: tuple[int, ...] | None,
    only: Sequence[str] = (),
    *,
    verify: bool = False,
) -> tuple[Store, list[Status]]:
    """The state of every run that belongs to the profile with these seeds, and of the variants that exist; or of those
    that `only` asks for. verify: compare every checksum."""
    from reproduce.storage.runs import campaign_runs
    from reproduce.storage.store import Store

    store = Store(results, protocol, options.PUBLISHED)
    seeds = seeds or protocol.seeds
    wanted = list(campaign_runs(protocol, only, seeds))
    if not only:
        wanted += [item for item in store.known_runs() if item.variant and item.seed in seeds]
    return store, [store.status(item, verify) for item in wanted]


def companions(protocol: Protocol, results: Path) -> dict[str, Any]:
    """Records of the other profiles that allow verdicts, as far as they have finished runs, if this one allows them.

    One whose records cannot be read is left out with a warning: this profile's report does not depend on it.
    """
    found = {}
    for other in profiles_beside(protocol):
        try:
            records = records_if_any(*run_states(other, results, None))
        except ReproduceError as error:
            typer.echo(f"warning: profile {other.name} is left out of the comparison: {error}", err=True)
            continue
        if records is not None and (records.runs["status"] == "fresh").any():
            found[other.name] = records
    return found


def common(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The provenance of all runs in one, including that of later evaluations. Where values differ, they are joined by
    "or". The host's name is left out.
    """
    each_of = [*runs, *(run["evaluation"] for run in runs if "evaluation" in run)]
    found: dict[str, Any] = {}
    for name in ("commit", "python"):
        values = sorted({str(each[name]) for each in each_of if each.get(name)})
        if values:
            found[name] = " or ".join(values)
    for group in ("versions", "flags"):
        inner: dict[str, str] = {}
        for key in dict.fromkeys(key for each in each_of for key in each.get(group, {})):
            values = sorted({str(each[group][key]) for each in each_of if key in each.get(group, {})})
            inner[key] = " or ".join(values)
        if inner:
            found[group] = inner
    return found
