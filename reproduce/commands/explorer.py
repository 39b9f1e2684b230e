"""`explorer`: one HTML file with claims, scatter, interpolations and pictures."""

from __future__ import annotations

from pathlib import Path

import typer

from reproduce.commands import claims
from reproduce.commands.options import ProfileOption, ResultsOption, app, judged_profile
from reproduce.commands.results import companions, records_and_provenance
from reproduce.storage import files

PAGE = "explorer.html"


@app.command()
def explorer(profile_name: ProfileOption = None, results: ResultsOption = Path("results")) -> int:
    """One HTML file to look at all results in a browser, without server or network."""
    from reproduce.explorer import build

    protocol = judged_profile(profile_name, results)
    path = results / protocol.name / "report" / PAGE
    records, _ = records_and_provenance(protocol, results)
    verdicts = claims.current(protocol, results, None)
    page = build({protocol.name: records, **companions(protocol, results)}, verdicts)
    files.write(path, page)
    typer.echo(f"wrote {path} ({len(page) / 1e6:.1f} MB): open it in a browser")
    return 0
