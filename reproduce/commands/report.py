"""From results to paper: `where`, `render`, `pdf`, `publish`, `claims`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reproduce.commands import options
from reproduce.commands.options import (
    ProfileOption,
    ResultsOption,
    SeedOption,
    app,
    light_profile,
    parsed_seeds,
)
from reproduce.commands.results import companions, records_and_provenance


@app.command()
def where(
    what: Annotated[Literal["report", "results"], typer.Argument()] = "results",
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
) -> int:
    """The folder of the report or of the results, for scripts."""
    folder = results / light_profile(profile_name, results).name
    typer.echo(str(folder / "report" if what == "report" else folder))
    return 0


@app.command()
def render(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    seed: SeedOption = None,
) -> int:
    """Tables, figures and the report's LaTeX from what is finished."""
    from reproduce.protocol import companions as profiles_beside
    from reproduce.report import render as render_report
    from reproduce.storage.publishing import manifests
    from reproduce.storage.store import Store
    from reproduce.verdicts import stored

    protocol = light_profile(profile_name, results)
    out = results / protocol.name / "report"
    # before the records are read: a run that finishes meanwhile must not count as shown
    made_from = manifests(Store(results, protocol, options.PUBLISHED))
    records, provenance = records_and_provenance(protocol, results, parsed_seeds(seed))
    others = companions(protocol, results)
    profiles = [protocol.name, *(other.name for other in profiles_beside(protocol))]
    key = "" if seed else stored.key((results, options.PUBLISHED), profiles)
    render_report(records, out, provenance=provenance, others=others, manifests=made_from, key=key)
    typer.echo(f"rendered profile {protocol.name} into {out}")
    typer.echo(
        "next: make pdf (compile it), make claims (every verdict), make check (against golden numbers)"
    )
    return 0


@app.command()
def pdf(profile_name: ProfileOption = None, results: ResultsOption = Path("results")) -> int:
    """Compile the rendered report."""
    from reproduce.report.pdf import compile_report

    typer.echo(str(compile_report(results / light_profile(profile_name, results).name / "report")))
    return 0


@app.command()
def publish(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    records_only: Annotated[
        bool,
        typer.Option("--records", help="Only the finished runs into published/: a campaign is under way."),
    ] = False,
) -> int:
    """Copy the finished campaign into tables/, figures/, the README, and published/ (profiles with verdicts)."""
    from reproduce.storage import publishing
    from reproduce.storage.store import Store

    protocol = light_profile(profile_name, results)
    store = Store(results, protocol, options.PUBLISHED)
    if records_only:
        copied = publishing.publish_records(store, options.PUBLISHED)
        typer.echo(f"published {len(copied)} runs of profile {protocol.name}")
        return 0
    copied = publishing.publish(
        store, results / protocol.name / "report", options.PUBLISHED.parent, options.PUBLISHED
    )
    typer.echo(f"published profile {protocol.name}: tables, figures, README and {len(copied)} runs")
    return 0
