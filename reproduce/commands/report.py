"""From results to paper: `where`, `render`, `publish`, `claims`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from reproduce.commands.results import companions, records_and_stamp, records_of
from reproduce.errors import ReproduceError


@app.command()
def where(
    what: Annotated[str, typer.Argument(help="report or results")] = "results",
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
    from reproduce.golden.ledger import NAME, merged_ledgers
    from reproduce.rendering import render as render_report

    protocol = light_profile(profile_name, results)
    out = results / protocol.name / "report"
    records, stamp = records_and_stamp(protocol, results, parsed_seeds(seed))
    drift = merged_ledgers([root / protocol.name / NAME for root in (options.PUBLISHED, results)])
    render_report(records, out, stamp=stamp, drift=drift, others=companions(protocol, results))
    typer.echo(f"rendered profile {protocol.name} into {out}")
    return 0


@app.command()
def publish(profile_name: ProfileOption = None, results: ResultsOption = Path("results")) -> int:
    """Copy the finished campaign into tables/, figures/, the README, and published/ (profiles with verdicts)."""
    from reproduce import publishing
    from reproduce.store import Store

    protocol = light_profile(profile_name, results)
    store = Store(results, protocol, options.PUBLISHED)
    copied = publishing.publish(store, results / protocol.name / "report", Path(), options.PUBLISHED)
    typer.echo(f"published profile {protocol.name}: tables, figures, README and {len(copied)} runs")
    return 0


@app.command()
def claims(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    verdict: Annotated[str | None, typer.Option(help="Only claims with this verdict (either kind).")] = None,
    section: Annotated[str | None, typer.Option(help="Only claims of this section, like IV-C.")] = None,
    claim_id: Annotated[str | None, typer.Option("--id", help="One claim.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the ledger to the profile's folder too.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Every claim of the paper with its evidence and its two verdicts."""
    from reproduce.analysis import claims as registry

    protocol = light_profile(profile_name, results)
    try:
        records = records_of(protocol, results)
    except ReproduceError:
        records = None  # without results the claims are still judged within the paper
    table = registry.ledger(registry.judge(records))
    if write:
        from reproduce import files

        target = results / protocol.name / "claims.csv"
        files.write(target, table.to_csv(index=False, lineterminator="\n").encode())
        typer.echo(f"wrote {target}", err=True)
    if claim_id:
        table = table[table["id"] == claim_id]
    if section:
        table = table[table["section"] == section]
    if verdict:
        table = table[(table["within_paper"] == verdict) | (table["in_results"] == verdict)]
    if claim_id and table.empty:
        raise ReproduceError(f"there is no claim '{claim_id}': list them with `python -m reproduce claims`")
    if as_json:
        typer.echo(table.to_json(orient="records", indent=1, force_ascii=False))
    else:
        for row in table.to_dict("records"):
            typer.echo(f"{row['id']}  [{row['place']}]  {row['wording']}")
            typer.echo(f"    in the paper: {row['within_paper']}; in our results: {row['in_results']}")
            if row["evidence"]:
                typer.echo(f"    {row['evidence']}")
    return 0
