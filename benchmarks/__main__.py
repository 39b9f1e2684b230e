"""`python -m benchmarks bench` and `python -m benchmarks gpu-check`, in the root of a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from reproduce import cli
from reproduce.commands.options import JsonOption, OnlyOption, ResultsOption
from reproduce.errors import ReproduceError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
BUSY = 0.7
"""With a larger load a bench prints a warning."""


def described(command: str, only: Sequence[str]) -> tuple[str, ...]:
    """Slugs in Table I's order, all 22 or those named, for a command that has no variants.

    Raises ReproduceError for an unknown name and for a variant.
    """
    from reproduce.storage.runs import select

    for slug, variant in (chosen := select(only)):
        if variant:
            raise ReproduceError(f"{command} knows no variants: name '{slug}' without '@{variant}'")
    return tuple(slug for slug, _ in chosen)


@app.command()
def bench(
    results: ResultsOption = Path("results"),
    only: OnlyOption = None,
    steps: Annotated[
        int, typer.Option(min=2, help="Training steps a round; fewer where a step is more work.")
    ] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in turns; medians count.")] = 5,
    whole: Annotated[
        bool, typer.Option("--whole/--no-whole", help="Time a whole quick run of AE, too.")
    ] = True,
    device: Annotated[
        str, typer.Option(help="cpu, or cuda: what is measured there is not published.")
    ] = "cpu",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Our processes side by side. Default: one a core; 4 on a GPU."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Training speed side by side with Pythae's own trainer: about a quarter of an hour on a CPU."""
    from benchmarks.speed import measure, output
    from reproduce.architectures.names import SLUGS
    from reproduce.commands.options import chosen_device
    from reproduce.machine.devices import default_jobs
    from reproduce.machine.environment import cores

    slugs = described("bench", only or ())
    device, _ = chosen_device(device, elsewhere=False)
    workers = workers or default_jobs(device, per_card=4)
    if not as_json:
        typer.echo(f"{cores()} cores, {device}, {rounds} rounds; nothing else should run meanwhile")
    if measure.load() > BUSY:
        typer.echo(
            f"warning: the machine is busy (load {measure.load():.1f}); the figures will mean little",
            err=True,
        )

    def notify(found: measure.Measurement) -> None:
        if not as_json:
            typer.echo(output.progress(found))

    found = measure.run(
        slugs, steps, rounds, whole and device == "cpu", notify, workers=workers, device=device
    )
    if as_json:
        typer.echo(output.to_json(found), nl=False)
    else:
        for line in ["", *output.to_lines(found)]:
            typer.echo(line)
    if slugs == SLUGS and device == "cpu":
        typer.echo(f"wrote {output.write(found, results)}", err=as_json)
    elif not as_json:
        typer.echo(f"not written: {len(slugs)} of {len(SLUGS)} architectures, on {device}")
    return 0


@app.command(name="gpu-check")
def check_gpu(
    only: OnlyOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Architectures compared at a time.")] = 1,
    runs: Annotated[
        list[int] | None, typer.Option(min=1, help="Runs a card to measure; repeat. Default: 1, 2, 4, 8, 16.")
    ] = None,
) -> int:
    """The GPU against the CPU, and how many runs should share it: exit code 0, 1 (off), 2 (no GPU)."""
    from benchmarks import gpu_check

    slugs = described("gpu-check", only or ())
    gpu_check.require_cuda()
    counts = runs or gpu_check.RUNS_A_CARD
    findings = gpu_check.examine(
        slugs, "cuda", counts, say=lambda line: typer.echo(line, err=True), jobs=jobs
    )
    typer.echo(findings.markdown())
    return 0 if findings.passed else 1


if __name__ == "__main__":
    cli.main(app)
