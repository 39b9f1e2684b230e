"""The command line: chooses the profile by the device and holds no logic. torch is imported only where it is needed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from reproduce.errors import ReproduceError, one_line
from reproduce.protocol import PROFILES, Protocol, profile

PUBLISHED = Path("published")

app = typer.Typer(
    help="Train, evaluate, render and judge the reproduction of a benchmark of 22 autoencoders.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile", "-p", envvar="PROFILE", help=f"One of {', '.join(PROFILES)}. Default: by the device."
    ),
]
ResultsOption = Annotated[
    Path, typer.Option("--results", envvar="RESULTS_DIR", help="Root of the results folder.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only", help="Architectures: slug or label, with @variant, or family:NAME. Repeat or use commas."
    ),
]
SeedOption = Annotated[
    str | None,
    typer.Option("--seed", "--seeds", envvar="SEEDS", help="Seeds, with commas. Default: the profile's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def chosen_profile(name: str | None) -> tuple[Protocol, str, str]:
    """The protocol, the device, and why: "paper" with CUDA, "quick" without, unless named."""
    from reproduce.devices import best_device

    device, why = best_device()
    if name:
        return profile(name), device, f"profile '{name}' was asked for; {why}"
    default = "paper" if device == "cuda" else "quick"
    return profile(default), device, f"{why}, so profile '{default}'"


def light_profile(name: str | None) -> Protocol:
    """The protocol without asking torch for the device: `quick` unless named."""
    if name:
        return profile(name)
    try:
        import importlib.util

        has_gpu = Path("/dev/nvidia0").exists() and importlib.util.find_spec("torch") is not None
    except ImportError:
        has_gpu = False
    return profile("paper" if has_gpu else "quick")


def parsed_seeds(text: str | None) -> tuple[int, ...] | None:
    """ "42,123" → (42, 123). Raises ReproduceError."""
    if not text:
        return None
    try:
        seeds = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ReproduceError(f"seeds are whole numbers with commas between, not '{text}'") from None
    if not seeds or len(set(seeds)) != len(seeds) or any(seed < 0 for seed in seeds):
        raise ReproduceError(f"seeds must be at least one, different and not negative: '{text}'")
    if max(seeds) > LARGEST_SEED:
        raise ReproduceError(f"a seed is at most {LARGEST_SEED}: '{text[:40]}'")
    return seeds


LARGEST_SEED = 2**32 - 1


@app.command()
def run(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    only: OnlyOption = None,
    seed: SeedOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs at a time.")] = os.cpu_count() or 1,
    scheduler: Annotated[str | None, typer.Option(help="Address of an existing Dask scheduler.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    trial: Annotated[
        int | None,
        typer.Option("--trial", min=1, help="At most so many epochs, kept apart as <profile>-trial-N."),
    ] = None,
) -> int:
    """Train and evaluate what is not done yet."""
    from rich.console import Console

    from reproduce.campaign import execute
    from reproduce.datasets import load
    from reproduce.display import Display
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    protocol, device, why = chosen_profile(profile_name)
    if trial is not None:
        protocol = protocol.trial(trial)
    wanted = campaign_runs(protocol, only or (), parsed_seeds(seed))
    console = Console()
    origin = load(protocol).origin
    console.print(
        f"profile {protocol.name} · data: {origin} · device {device} ({why})", highlight=False, soft_wrap=True
    )
    with Display(console, len(wanted)) as display:
        report = execute(
            Store(results, protocol, PUBLISHED),
            wanted,
            device=device,
            jobs=jobs,
            listener=display,
            retry_failed=retry_failed,
            scheduler=scheduler,
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
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    protocol = light_profile(profile_name)
    store = Store(results, protocol, PUBLISHED)
    states = [store.status(item, verify) for item in campaign_runs(protocol, only or (), parsed_seeds(seed))]
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


def records_of(protocol: Protocol, results: Path, seeds: tuple[int, ...] | None = None) -> Any:
    """Records of every finished run of the profile: the 22, the references, and variants where they exist."""
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    store = Store(results, protocol, PUBLISHED)
    seeds = seeds or protocol.seeds
    wanted = list(campaign_runs(protocol, (), seeds))
    wanted += [item for item in store.known_runs() if item.variant and item.seed in seeds]
    return store.records(wanted)


def provenance(protocol: Protocol, results: Path) -> dict[str, Any]:
    """What the report says about where its numbers come from: commit, versions and device of the runs' stamps."""
    from reproduce.runs import campaign_runs
    from reproduce.store import FRESH, Store

    store = Store(results, protocol, PUBLISHED)
    states = [store.status(item) for item in campaign_runs(protocol)]
    stamps = [store.stamp(s.run, s.folder) for s in states if s.state == FRESH]
    return common(stamps)


def common(stamps: list[dict[str, Any]]) -> dict[str, Any]:
    """The entries on which all stamps agree; where they differ, the values with "or" between."""
    found: dict[str, Any] = {}
    for name in ("commit", "host", "python"):
        values = sorted({str(stamp[name]) for stamp in stamps if stamp.get(name)})
        if values:
            found[name] = " or ".join(values)
    for group in ("versions", "flags"):
        inner: dict[str, str] = {}
        for key in dict.fromkeys(key for stamp in stamps for key in stamp.get(group, {})):
            values = sorted({str(stamp[group][key]) for stamp in stamps if key in stamp.get(group, {})})
            inner[key] = " or ".join(values)
        if inner:
            found[group] = inner
    return found


@app.command()
def where(
    what: Annotated[str, typer.Argument(help="report or results")] = "results",
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
) -> int:
    """The folder of the report or of the results, for scripts."""
    folder = results / light_profile(profile_name).name
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

    protocol = light_profile(profile_name)
    out = results / protocol.name / "report"
    render_report(
        records_of(protocol, results, parsed_seeds(seed)),
        out,
        stamp=provenance(protocol, results),
        drift=merged_ledgers([root / protocol.name / NAME for root in (PUBLISHED, results)]),
    )
    typer.echo(f"rendered profile {protocol.name} into {out}")
    return 0


@app.command()
def check(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    every: Annotated[bool, typer.Option("--all", help="Every number, not only the worst ones.")] = False,
    pairs: Annotated[
        bool,
        typer.Option("--pairs", help="List the pairs of architectures that the bands cannot tell apart."),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Fresh numbers against golden ones: exit code 0, 1 (some are off), 2 (cannot be compared)."""
    from dataclasses import asdict

    from reproduce import golden, paper
    from reproduce.golden.ledger import NAME
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    protocol = light_profile(profile_name)
    expected = golden.read(protocol.name)
    seeds = tuple(sorted(map(int, set(expected.runs["seed"]))))
    golden.require_fresh(Store(results, protocol, PUBLISHED), campaign_runs(protocol, (), seeds))
    records = records_of(protocol, results, seeds)
    stamp = golden.machine_stamp(protocol, provenance(protocol, results))
    losses = golden.initial_losses(protocol)
    compared = golden.compare(expected, records, losses, stamp, paper.models())
    off = [item for item in compared if not item.inside]
    golden.append_ledger(results / protocol.name / NAME, protocol.name, stamp, compared)
    shown = compared if every else golden.summary(compared)
    if as_json:
        rows = [asdict(item) | {"difference": item.difference, "inside": item.inside} for item in shown]
        typer.echo(json.dumps({"profile": protocol.name, "compared": len(compared), "rows": rows}, indent=1))
    else:
        for line in (*golden.as_lines(shown), *golden.conclusion(expected, stamp, compared, pairs)):
            typer.echo(line)
    return 1 if off else 0


@app.command(name="golden")
def record_golden(
    profile_name: ProfileOption = None,
    results: ResultsOption = Path("results"),
    uncommitted: Annotated[
        bool, typer.Option("--uncommitted", help="Record from changed files too.")
    ] = False,
) -> int:
    """Record golden numbers from a clean commit with all runs fresh; says first what changes."""
    from reproduce import golden
    from reproduce.campaign import current_commit
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    protocol = light_profile(profile_name)
    golden.require_fresh(Store(results, protocol), campaign_runs(protocol))
    records = records_of(protocol, results)
    stamp = golden.machine_stamp(protocol, provenance(protocol, results))
    if not uncommitted and any(commit.endswith("+") for commit in (current_commit(), *commits(stamp))):
        raise ReproduceError(
            "golden is recorded from a clean commit only, and so must its runs have been: commit or put away "
            "your changes and run the campaign again"
        )
    bands, origin = golden.bands_for(protocol.name)
    losses = golden.initial_losses(protocol)
    try:
        before = golden.read(protocol.name)
    except golden.CannotCompare as error:
        typer.echo(f"recorded for the first time ({error})")
    else:
        now = golden.of_records(records, losses, stamp, bands)
        for run_name, metric, old, new in golden.changes(before, now):
            typer.echo(f"{run_name} {metric}: {old:.6g} -> {new:.6g}")
    typer.echo(f"bands: {origin}")
    folder = golden.write(records, losses, stamp, bands)
    typer.echo(f"recorded {folder}")
    return 0


def commits(stamp: dict[str, Any]) -> list[str]:
    """The commits of a stamp's runs."""
    return str(stamp.get("commit", "")).split(" or ")


@app.command()
def tolerances(
    profile_name: ProfileOption = "smoke",
    results: ResultsOption = Path("results"),
    only: OnlyOption = None,
    seed: SeedOption = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs at a time.")] = os.cpu_count() or 1,
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
    from reproduce import golden
    from reproduce.campaign import current_commit
    from reproduce.datasets import find_mnist
    from reproduce.golden import tolerances as running
    from reproduce.runs import campaign_runs
    from reproduce.store import Store

    protocol = light_profile(profile_name or "smoke")
    seeds = parsed_seeds(seed)
    words = [
        "--profile",
        protocol.name,
        "--jobs",
        str(jobs),
        *(w for name in only or () for w in ("--only", name)),
    ]
    if seeds:
        words += ["--seeds", ",".join(map(str, seeds))]
    settings = {"REPRODUCE_COMMIT": current_commit()}
    if protocol.dataset == "mnist":
        settings["MNIST_DIR"] = str(find_mnist().absolute())
    wanted = campaign_runs(protocol, only or (), seeds)
    spreads = []
    for way in running.ways(sys.executable, pythons or (), running.processor_flags()):
        root = results / "tolerances" / way.name
        typer.echo(f"{way.name}: {' '.join(f'{k}={v}' for k, v in way.environment.items()) or way.python}")
        running.run(way, root, words, settings)
        golden.require_fresh(Store(root, protocol), wanted)
        records = Store(root, protocol).records(wanted)
        stamp = golden.machine_stamp(protocol, provenance(protocol, root)) | {
            "environment": dict(way.environment)
        }
        spreads.append(golden.Spread.of(way.name, records, stamp))
    bands = golden.measured_bands(spreads)
    for band in bands:
        typer.echo(
            f"{band.metric:16} same {band.same_relative:.2e}  other {band.other_relative:.2e}  {band.reason}"
        )
    if only or seeds:
        typer.echo("not recorded: only a complete campaign is")
        return 0
    folder = golden.FOLDER / protocol.name
    golden.write_spread(spreads, folder / "spread")
    golden.write_bands(bands, folder)
    typer.echo(f"recorded {folder}/spread and {folder}/bands.csv")
    return 0


@app.command()
def publish(profile_name: ProfileOption = None, results: ResultsOption = Path("results")) -> int:
    """Copy the finished campaign into tables/, figures/, the README, and published/ (profiles with verdicts)."""
    from reproduce import publishing
    from reproduce.store import Store

    protocol = light_profile(profile_name)
    store = Store(results, protocol, PUBLISHED)
    copied = publishing.publish(store, results / protocol.name / "report", Path(), PUBLISHED)
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

    protocol = light_profile(profile_name)
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


INTERRUPTED = 130


def complain(message: str) -> None:
    """One line on standard error, whatever the input that the message quotes."""
    typer.echo(f"error: {one_line(message)}", err=True)


def main() -> None:
    """Entry point: one clear line and an exit code for every ReproduceError; 130 on Ctrl-C."""
    try:
        code = app(standalone_mode=False)
    except ReproduceError as error:
        complain(str(error))
        code = error.exit_code
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except (
        OSError
    ) as error:  # a name too long, a folder that may not be read: nothing that a traceback explains
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        code = 2
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of click
            complain(error.format_message())
            code = 2
        else:
            raise
    if code == INTERRUPTED:  # typer turns a KeyboardInterrupt into this code without a word
        typer.echo("interrupted; the same command goes on from here", err=True)
    sys.stdout.flush()
    raise SystemExit(code or 0)
