"""Train and evaluate, and say what is done: `run`, `status`."""

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
    chosen_device,
    chosen_profile,
    light_profile,
    parsed_seeds,
    remember_profile,
)
from reproduce.commands.results import run_states
from reproduce.errors import ReproduceError


@app.command()
def run(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    only: OnlyOption = None,
    seed: SeedOption = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", min=1, help="Runs at a time. Default: one a core, or --per-card on every GPU."
        ),
    ] = None,
    per_card: Annotated[
        int,
        typer.Option(
            "--per-card", min=1, help="Runs that share a GPU; `make gpu-check` recommends a number."
        ),
    ] = 4,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of an existing Dask scheduler, like tcp://host:8786.")
    ] = None,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="Dask's dashboard of this machine's workers (needs bokeh).")
    ] = False,
    device_name: Annotated[
        str | None,
        typer.Option(
            "--device", help="cpu or cuda, also of workers elsewhere. Default: cuda if this machine has it."
        ),
    ] = None,
    tf32: Annotated[
        bool,
        typer.Option(
            "--tf32", help="TensorFloat-32 on a GPU: faster, coarser; kept apart as <profile>-tf32."
        ),
    ] = False,
    graphs: Annotated[
        bool,
        typer.Option("--graphs/--no-graphs", help="On a GPU, capture a training step once and replay it."),
    ] = True,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    trial: Annotated[
        int | None,
        typer.Option("--trial", min=1, help="At most so many epochs, kept apart as <profile>-trial-N."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be trained, resumed or evaluated; change nothing."),
    ] = False,
) -> int:
    """Train and evaluate what is not done yet."""
    from rich.console import Console

    from reproduce.campaign.estimate import counted, estimate, in_words, tasks, warnings
    from reproduce.campaign.progress import Display
    from reproduce.campaign.schedule import execute
    from reproduce.datasets import load, source
    from reproduce.machine.devices import default_jobs
    from reproduce.machine.version import current_commit
    from reproduce.storage.runs import campaign_runs
    from reproduce.storage.store import Store

    device, why = chosen_device(device_name, elsewhere=scheduler is not None)
    protocol = chosen_profile(profile_name, device)
    why += f"; profile '{protocol.name}' was asked for" if profile_name else f", so profile '{protocol.name}'"
    if tf32:
        protocol = protocol.in_tf32()
    if protocol.tf32 and device != "cuda":
        raise ReproduceError(f"--tf32 is for a GPU, and the device is {device}: leave it out")
    if trial is not None:
        protocol = protocol.trial(trial)
    jobs = jobs or default_jobs(device, per_card)
    if dashboard and (scheduler is not None or jobs == 1):
        raise ReproduceError(
            "--dashboard shows workers of this machine: give --jobs 2 or more and no --scheduler"
        )
    seeds = parsed_seeds(seed)
    wanted = campaign_runs(protocol, only or (), seeds)
    console = Console()
    data = source(protocol).origin
    console.print(
        f"profile {protocol.name} · data: {data} · device {device} ({why})", highlight=False, soft_wrap=True
    )
    store = Store(results, protocol, options.PUBLISHED)
    found = tasks(store, wanted, retry_failed, verify=dry_run)
    due = estimate(found, jobs)
    at_a_time = jobs if scheduler is None else None
    cautions = warnings(
        protocol, due, device=device, only=only or (), seeds=seeds, jobs=at_a_time, folder=store.folder
    )
    if dry_run:
        for task in found:
            typer.echo(str(task))
        typer.echo(f"profile {protocol.name}: {counted(found)}")
    if due.seconds:
        for line in (*cautions, in_words(due, device, at_a_time)):
            typer.echo(line)
    if dry_run:
        return 0
    if not profile_name and trial is None:
        remember_profile(results, protocol.name)
    if not current_commit():
        console.print(
            "commit: unknown (no git checkout), so golden numbers cannot be recorded", soft_wrap=True
        )
    load(protocol)  # bad data ends here with one line, and not in every worker
    with Display(console) as display:
        report = execute(
            store,
            wanted,
            device=device,
            jobs=jobs,
            listener=display,
            retry_failed=retry_failed,
            graphs=graphs,
            scheduler=scheduler,
            dashboard=dashboard,
        )
    line = f"{len(report.done)} run now, {len(report.skipped)} were done already, {len(report.failed)} failed"
    console.print(line, highlight=False)
    return report.exit_code


@app.command()
def status(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    only: OnlyOption = None,
    seed: SeedOption = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every checksum.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Which runs are fresh, stale, missing, failed, damaged or partial, and why."""
    protocol = light_profile(profile_name, results)
    _, states = run_states(protocol, results, parsed_seeds(seed), only or (), verify=verify)
    if as_json:
        rows = [{"run": str(s.run), "state": s.state, "why": s.why} for s in states]
        typer.echo(json.dumps({"profile": protocol.name, "runs": rows}, indent=1))
    else:
        for s in states:
            typer.echo(f"{s.state:8} {s.run!s:32} {s.why}")
        counts = {
            state: sum(s.state == state for s in states) for state in dict.fromkeys(s.state for s in states)
        }
        words = ", ".join(f"{n} {state}" for state, n in counts.items())
        typer.echo(f"profile {protocol.name}: {words}")
    return 0
