"""Fresh numbers against golden ones: `check`, `golden`, `tolerances`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from reproduce.commands import options
from reproduce.commands.options import (
    JsonOption,
    OnlyOption,
    ProfileOption,
    ResultsOption,
    SeedOption,
    app,
    light_profile,
    parsed_seeds,
)
from reproduce.commands.results import records_and_provenance
from reproduce.errors import ReproduceError
from reproduce.protocol import PROFILES


def require_checkout() -> None:
    """Raises ReproduceError where no golden numbers are kept: they are the checkout's, in the process's folder."""
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
    pairs: Annotated[
        bool,
        typer.Option("--pairs", help="List all pairs of architectures that the bands cannot tell apart."),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Fresh numbers against golden ones: exit code 0, 1 (some are off), 2 (cannot be compared)."""
    from dataclasses import asdict

    from reproduce import golden, paper
    from reproduce.golden.ledger import NAME
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    require_checkout()
    protocol = light_profile(profile_name, results)
    expected = golden.read(protocol.name)
    seeds = parsed_seeds(seed) or expected.seeds
    expected = expected.of_seeds(seeds)
    golden.require_fresh(Store(results, protocol, options.PUBLISHED), campaign_runs(protocol, (), seeds))
    records, found = records_and_provenance(protocol, results, seeds)
    provenance = golden.machine_provenance(protocol, found)
    losses = golden.initial_losses(protocol)
    compared = golden.compare(expected, records, losses, provenance, paper.models())
    off = [item for item in compared if not item.inside]
    golden.append_ledger(results / protocol.name / NAME, protocol.name, provenance, compared)
    shown = compared if every else golden.summary(compared)
    if as_json:
        rows = [asdict(item) | {"difference": item.difference, "inside": item.inside} for item in shown]
        typer.echo(json.dumps({"profile": protocol.name, "compared": len(compared), "rows": rows}, indent=1))
    else:
        for line in (*golden.as_lines(shown), *golden.conclusion(expected, provenance, compared, pairs)):
            typer.echo(line)
    return 1 if off else 0


@app.command(name="golden")
def record_golden(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    uncommitted: Annotated[
        bool, typer.Option("--uncommitted", help="Record from changed files or an unknown commit too.")
    ] = False,
) -> int:
    """Record golden numbers from a clean commit with all runs fresh; says first what changes."""
    from reproduce import golden
    from reproduce.runs import campaign_runs
    from reproduce.store import Store
    from reproduce.version import current_commit

    require_checkout()
    protocol = light_profile(profile_name, results)
    store, wanted = Store(results, protocol), campaign_runs(protocol)
    golden.require_fresh(store, wanted)
    if not uncommitted:
        golden.require_clean([current_commit(), *(commit for run in wanted for commit in store.commits(run))])
    records, found = records_and_provenance(protocol, results)
    provenance = golden.machine_provenance(protocol, found)
    bands, origin = golden.bands_for(protocol.name)
    losses = golden.initial_losses(protocol)
    try:
        before = golden.read(protocol.name)
    except golden.CannotCompare as error:
        typer.echo(f"recorded for the first time ({error})")
    else:
        now = golden.of_records(records, losses, provenance, bands)
        for run_name, metric, old, new in golden.changes(before, now):
            typer.echo(f"{run_name} {metric}: {old:.6g} -> {new:.6g}")
    typer.echo(f"bands: {origin}")
    folder = golden.write(records, losses, provenance, bands)
    typer.echo(f"recorded {folder}")
    return 0


@app.command()
def tolerances(
    profile_name: Annotated[
        str, typer.Option("--profile", "-p", envvar="PROFILE", help=f"One of {', '.join(PROFILES)}.")
    ] = "smoke",
    results: ResultsOption = Path("results"),
    only: OnlyOption = None,
    seed: SeedOption = None,
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
    pythons: Annotated[
        list[str] | None,
        typer.Option(
            "--python",
            envvar="TOLERANCE_PYTHONS",
            help="Further interpreters that have this project's packages, another Python or torch. Repeat.",
        ),
    ] = None,
) -> int:
    """Measure golden's bands: run the campaign as other machines would, below <results>/tolerances, and compare.

    A complete campaign's runs and bands are written to golden/<profile>/; with --only or --seed they are only shown.
    """
    from reproduce.golden.tolerances import measure

    protocol, seeds = light_profile(profile_name or "smoke", results), parsed_seeds(seed)
    if not only and not seeds:
        require_checkout()  # the bands are written there
    for line in measure(
        protocol,
        results,
        lambda root: records_and_provenance(protocol, root, seeds),
        only=only or (),
        seeds=seeds,
        jobs=jobs,
        older=only_ways or (),
        pythons=pythons or (),
    ):
        typer.echo(line)
    return 0
