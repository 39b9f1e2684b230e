"""Compare fresh numbers with golden ones: `check`, `golden`, `tolerances`."""

from __future__ import annotations

import json
import math
from functools import partial
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
    light_profile,
    parsed_seeds,
)
from reproduce.commands.results import records_and_provenance
from reproduce.errors import ReproduceError
from reproduce.protocol import PROFILES, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from reproduce.golden import Golden
    from reproduce.storage.records import Records


def require_checkout() -> None:
    """Raises ReproduceError if the current folder is not the root of a checkout, which keeps the golden numbers."""
    from reproduce import golden

    if not golden.FOLDER.is_dir():
        raise ReproduceError(
            f"there is no folder '{golden.FOLDER.name}' here: give the command in the root of a checkout, which keeps "
            "the golden numbers"
        )


@app.command()
def check(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    seed: SeedOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every number, not only the worst ones.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Fresh numbers against golden ones: exit code 0, 1 (some are off), 2 (cannot be compared).

    A run that only one side has is named, and the others are compared.
    """
    from reproduce import golden, paper
    from reproduce.storage.runs import RunId
    from reproduce.storage.store import Store

    require_checkout()
    protocol = light_profile(profile_name, results)
    expected = golden.read(protocol.name)
    expected = expected.of_seeds(parsed_seeds(seed) or expected.seeds)
    held = [RunId(slug, int(number)) for slug, number in sorted(golden.runs_in(expected.runs))]
    golden.require_fresh(Store(results, protocol, options.PUBLISHED), held, some=True)
    records, found = records_and_provenance(protocol, results, expected.seeds)
    fresh = as_golden(protocol, records, found, expected.tolerances)
    compared = golden.compare(expected, fresh, paper.models())
    apart = golden.not_compared(expected, fresh)
    shown = compared if every else golden.summary(compared)
    if as_json:
        plain = shown.drop(columns="deviation").replace([math.inf, -math.inf], math.nan).astype(object)
        rows = plain.where(plain.notna(), None).to_dict("records")
        counted = {"profile": protocol.name, "compared": len(compared), "not_compared": apart}
        typer.echo(json.dumps(counted | {"rows": rows}, indent=1))
    else:
        for line in (*golden.as_lines(shown), *apart, *golden.conclusion(expected, fresh, compared)):
            typer.echo(line)
    return 0 if compared["inside"].all() else 1


def as_golden(
    protocol: Protocol, records: Records, provenance: dict[str, Any], tolerances: pd.DataFrame
) -> Golden:
    """A campaign's records in the form of golden numbers, with loss parts at initialisation computed now."""
    from reproduce import golden

    losses, machine = golden.initial_losses(protocol), golden.machine_provenance(protocol, provenance)
    return golden.of_records(records, losses, machine, tolerances)


@app.command(name="golden")
def record_golden(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    seed: SeedOption = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Record the runs that are finished, and leave the others out.")
    ] = False,
    uncommitted: Annotated[
        bool, typer.Option("--uncommitted", help="Record from changed files or an unknown commit too.")
    ] = False,
) -> int:
    """Record golden numbers from a clean commit with all runs fresh; says first what changes."""
    from reproduce import golden
    from reproduce.machine.version import current_commit
    from reproduce.storage.runs import campaign_runs
    from reproduce.storage.store import FRESH, Store

    require_checkout()
    protocol, seeds = light_profile(profile_name, results), parsed_seeds(seed)
    store, wanted = Store(results, protocol, options.PUBLISHED), campaign_runs(protocol, (), seeds)
    golden.require_fresh(store, wanted, some=finished)
    states = {run: store.status(run) for run in wanted}
    if finished:
        wanted = tuple(run for run in wanted if states[run].state == FRESH)
    if not uncommitted:
        commits = (commit for run in wanted for commit in store.commits(run, states[run].folder))
        golden.require_clean([current_commit(), *commits])
    records, found = records_and_provenance(protocol, results, seeds)
    every = records if seeds is None else records_and_provenance(protocol, results)[0]
    tolerances, origin = golden.tolerances_for(protocol.name, golden.frames(every)["runs"])
    now = as_golden(protocol, records, found, tolerances)
    now = now.only({(run.architecture, run.seed) for run in wanted})
    if not golden.is_recorded(protocol.name):
        typer.echo("recorded for the first time")
    else:
        before = golden.read(protocol.name)
        if lost := sorted(golden.runs_in(before.runs) - golden.runs_in(now.runs)):
            slug, number = lost[0]
            raise ReproduceError(
                f"golden/{protocol.name} has {len(lost)} runs that would be lost, the first: {slug}/seed-{number}; "
                f"finish them (and leave --seed out), or remove golden/{protocol.name} if they are to go"
            )
        for (run, metric), was, becomes in golden.changes(before, now).itertuples():
            typer.echo(f"{run} {metric}: {was:.6g} -> {becomes:.6g}")
    typer.echo(f"tolerances: {origin}")
    typer.echo(f"recorded {golden.write(now)}")
    return 0


@app.command()
def tolerances(
    profile_name: Annotated[
        str, typer.Option("--profile", "-p", envvar="PROFILE", help=f"One of {', '.join(PROFILES)}.")
    ] = "smoke",
    results: ResultsOption = Path("results"),
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Runs at a time. Default: one a core.")
    ] = None,
    only_ways: Annotated[
        list[str] | None,
        typer.Option(
            "--way",
            envvar="TOLERANCE_WAYS",
            help="Of the older machines that can be imitated here (avx2, avx, …) only these. Repeat. Default: all.",
        ),
    ] = None,
) -> int:
    """Measure golden's tolerances: run the campaign as other machines would, and compare.

    Each way has a results root below <results>/tolerances; results of another machine, Python or torch that lie there
    count, too. The runs and the tolerances go to golden/<profile>/.
    """
    from reproduce.golden.ways import measure

    require_checkout()
    protocol = light_profile(profile_name or "smoke", results)
    read = partial(records_and_provenance, protocol)
    for line in measure(protocol, results, read, jobs=jobs, older=only_ways or ()):
        typer.echo(line)
    return 0
