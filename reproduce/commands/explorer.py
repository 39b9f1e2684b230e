"""`explorer`: one HTML file with claims, scatter, interpolations and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from reproduce.commands.options import ProfileOption, ResultsOption, app, light_profile
from reproduce.commands.results import companions, records_and_provenance
from reproduce.errors import ReproduceError
from reproduce.storage import files

PAGE, VERDICTS = "explorer.html", "verdicts.json"
"""Beside the report: what is written, and the verdicts that the report's rendering leaves."""


@app.command()
def explorer(profile_name: ProfileOption = None, results: ResultsOption = Path("results")) -> int:
    """One HTML file to look at all results in a browser, without server or network."""
    from reproduce.explorer import build

    protocol = light_profile(profile_name, results)
    report = results / protocol.name / "report"
    verdicts = read_verdicts(report / VERDICTS)
    records, _ = records_and_provenance(protocol, results)
    page = build({protocol.name: records, **companions(protocol, results)}, verdicts)
    files.write(report / PAGE, page)
    typer.echo(f"wrote {report / PAGE} ({len(page) / 1e6:.1f} MB): open it in a browser")
    return 0


def read_verdicts(path: Path) -> dict[str, Any] | None:
    """The verdicts; None where there are none yet. Raises ReproduceError for a file of another shape."""
    if not path.is_file():
        return None
    try:
        found = json.loads(files.read(path))
    except (ValueError, RecursionError) as error:
        raise ReproduceError(f"{path} is not JSON: render the report again") from error
    whole = isinstance(found, dict) and all(
        isinstance(found.get(name), list)
        and all(isinstance(each, dict) and "id" in each for each in found[name])
        for name in ("ten", "statements")
    )
    if not whole:
        raise ReproduceError(f"{path} holds no verdicts: render the report again")
    return dict(found)
