"""Checks of this machine: `doctor`."""

from __future__ import annotations

from pathlib import Path

import typer

from reproduce.commands.options import ResultsOption, app


@app.command()
def doctor(results: ResultsOption = Path("results")) -> int:
    """What on this machine would stand in the way, with the remedy: exit code 0, 1 (a problem was found)."""
    from reproduce.machine.doctor import examine

    problems = 0
    for diagnosis in examine(results):
        typer.echo(str(diagnosis))
        problems += diagnosis.level == "problem"
    return 1 if problems else 0
