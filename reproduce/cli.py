"""The command line: every command, one clear line for every error, and the exit codes."""

from __future__ import annotations

import io
import signal
import sys
import traceback

import typer

from reproduce.commands import campaign, claims, explorer, golden, machine, models, report
from reproduce.commands.options import app
from reproduce.errors import ReproduceError, one_line
from reproduce.machine import environment

COMMANDS = (campaign, report, claims, explorer, models, golden, machine)
"""Modules whose import adds their commands, in the order of the help."""

INTERRUPTED = 130
CRASHED = 70
"""Exit code of an internal error, EX_SOFTWARE in sysexits.h; 1 has another meaning for `check` and `run`."""


def complain(message: str) -> None:
    """Print one line on standard error, whatever input the message quotes."""
    typer.echo(f"error: {one_line(message)}", err=True)


def interrupt(number: int, frame: object) -> None:
    """Treat a signal to end (from make, a job scheduler, a closed terminal) like Ctrl-C: processes that were started
    end, too, and the same command goes on from there."""
    signal.signal(number, signal.SIG_IGN)  # once is enough
    raise KeyboardInterrupt


def main(commands: typer.Typer = app) -> None:
    """Entry point: one clear line and an exit code for every ReproduceError; 130 on Ctrl-C; a traceback and 70 for
    any other exception."""
    environment.without_backend()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup sets SIGHUP to be ignored
            signal.signal(number, interrupt)
    for stream in (sys.stdout, sys.stderr):
        # a terminal that cannot show β must not cause an error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = commands(standalone_mode=False)
    except ReproduceError as error:
        complain(str(error))
        code = error.exit_code
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except ModuleNotFoundError as error:
        if (error.name or "reproduce").partition(".")[0] == "reproduce":
            raise
        complain(f"the package {error.name} is not in this environment: give make venv")
        code = 2
    except OSError as error:
        # a name that is too long, an unreadable folder: a traceback would not explain more
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        code = 2
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of click
            complain(error.format_message())
            code = 2
        else:
            traceback.print_exc()
            code = CRASHED
    if code == INTERRUPTED:  # typer turns a KeyboardInterrupt into this code silently
        typer.echo("interrupted; the same command goes on from here", err=True)
    sys.stdout.flush()
    raise SystemExit(code or 0)
