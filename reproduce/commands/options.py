"""The command line itself, and the options that its commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reproduce.errors import ReproduceError
from reproduce.machine.version import ROOT
from reproduce.protocol import PROFILES, Protocol, profile
from reproduce.storage import files

PUBLISHED = ROOT / "published"
"""The runs that came with the project, independent of the current folder."""

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
    Path,
    typer.Option(
        "--results",
        envvar="RESULTS_DIR",
        help="Root of the results folder.",
        # make passes on what a user wrote in quotes: no shell has expanded ~
        callback=files.expanded,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        help="Architectures: slug or label, with @variant; family:NAME; variant:NAME or variant:all. "
        "Repeat or use commas.",
    ),
]
SeedOption = Annotated[
    str | None,
    typer.Option("--seed", "--seeds", envvar="SEEDS", help="Seeds, with commas. Default: the profile's."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def chosen_device(name: str | None, elsewhere: bool) -> tuple[str, str]:
    """ "cpu" or "cuda", and why: the one that was asked for, else the best of this machine.

    elsewhere: the work is done on other machines, which check their own devices. Raises ReproduceError.
    """
    from reproduce.machine.devices import best_device

    best, why = best_device()
    if name is None:
        return best, why
    if name not in ("cpu", "cuda"):
        raise ReproduceError(f"a device is cpu or cuda, not '{name[:40]}'")
    if name == "cuda" and best != "cuda" and not elsewhere:
        raise ReproduceError(
            f"--device cuda: {why}; leave it out, or name a cluster that has one (--scheduler)"
        )
    return name, "asked for"


def chosen_profile(name: str | None, device: str) -> Protocol:
    """The protocol: "paper" on CUDA, "quick" without, unless named."""
    return profile(name or ("paper" if device == "cuda" else "quick"))


def light_profile(name: str | None, results: Path) -> Protocol:
    """The protocol without asking torch for the device: the one that `run` chose last below these results, unless
    named. Before the first run the device is guessed: `paper` with NVIDIA's driver, `quick` without.
    """
    chosen = name or remembered_profile(results)
    return profile(chosen or ("paper" if Path("/dev/nvidia0").exists() else "quick"))


def judged_profile(name: str | None, results: Path) -> Protocol:
    """As `light_profile`. But if none is named and that one gives no verdicts, the one with the most finished models
    among those that give some: a clone comes with such runs."""
    own = light_profile(name, results)
    if name or own.verdicts:
        return own
    # importing registry and data sets takes a moment
    from reproduce.storage.store import most_finished

    return most_finished(results, PUBLISHED)[0].protocol


REMEMBERED = "default-profile.txt"
"""File below the results root that names the profile `run` chose by the device. Other commands do not ask torch and
could guess another device, but must render what was trained."""


def remember_profile(results: Path, name: str) -> None:
    """Store the profile that `run` chose, for commands that do not ask torch."""
    if remembered_profile(results) != name:
        files.write(results / REMEMBERED, f"{name}\n".encode())


def remembered_profile(results: Path) -> str | None:
    """What `run` chose last; None if it never did, or if the file names no profile."""
    path = results / REMEMBERED
    if not path.is_file():
        return None
    try:
        name = files.read(path, largest=1_000).decode(errors="replace").strip()
        return profile(name).name
    except ReproduceError:
        return None


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
