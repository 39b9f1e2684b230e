"""The smallest campaign that is still a campaign, and a command line that knows it as the profile `tiny`.

`python -m tests.tiny run --profile tiny …` is `python -m reproduce run …` for tests that need a process of their own.
"""

from __future__ import annotations

import hashlib
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reproduce import protocol
from reproduce.protocol import Protocol
from reproduce.storage.runs import RunId
from reproduce.storage.store import PROVENANCE, Store

if TYPE_CHECKING:
    from reproduce.campaign.schedule import Report
    from reproduce.storage.records import Records

Command = Callable[..., tuple[int, str, str]]
"""The fixture `command`: the words of a command → its exit code, standard output and standard error."""

TINY = Protocol(
    name="tiny",
    dataset="digits",
    train=72,
    validation=40,
    test=120,
    epochs=2,
    patience=10,
    learning_rate_scale=10.0,
    seeds=(1,),
    milestones=(1,),
    whole_pairs=10,
    verdicts=False,
)
"""Two steps an epoch, the second a short one of 8 images."""

ENDLESS = replace(TINY, name="endless", epochs=10**6, patience=None)
"""The same for runs that are not over when something happens to them."""

PCA, MEAN_IMAGE, AE, VAE, SVAE = RUNS = (
    RunId("pca-16", 0), RunId("mean-image", 0), RunId("ae", 1), RunId("vae", 1), RunId("svae", 1)
)  # fmt: skip
ONLY = "ae,vae,svae"


def contents(root: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file that must be bit-identical between equal campaigns."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in (PROVENANCE, ".lock") and ".damaged" not in str(path)
    }


def once(store: Store, wanted: Sequence[RunId] = RUNS, **options: Any) -> Report:
    """A campaign in this process, unless the options say otherwise."""
    from reproduce.campaign.schedule import execute

    return execute(store, wanted, device="cpu", **{"jobs": 1, **options})


def assembled(store: Store, wanted: Sequence[RunId]) -> Records:
    """All fresh and failed runs among the wanted ones."""
    from reproduce.storage.reading import assemble

    return assemble(store, [store.status(run) for run in wanted])


if __name__ == "__main__":
    from reproduce import cli

    # a shell that starts something in the background has it ignore Ctrl-C, and so would its children
    signal.signal(signal.SIGINT, signal.default_int_handler)
    protocol.PROFILES |= {"tiny": TINY, "endless": ENDLESS}
    sys.argv[0] = "reproduce"
    cli.main()
