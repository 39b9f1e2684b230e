"""Finished results for further use: a run's model with its weights, and everything that a profile measured.

from reproduce import load, load_records
model = load("VQ-VAE")
images = model.decode(model.encode(images))
pairs = load_records("notebook").pairs
"""

from __future__ import annotations

from pathlib import Path

from reproduce import protocol, training
from reproduce.architectures.contract import Architecture
from reproduce.errors import ReproduceError
from reproduce.machine.version import ROOT
from reproduce.protocol import BEST_FIRST
from reproduce.storage import files
from reproduce.storage.reading import assemble
from reproduce.storage.records import Records
from reproduce.storage.runs import RunId, select
from reproduce.storage.store import FRESH, WEIGHTS, Store, most_finished

PUBLISHED = ROOT / "published"
"""The runs that came with the project, independent of the current folder."""


def load(
    name: str,
    *,
    profile: str | None = None,
    seed: int = 42,
    results: Path = Path("results"),
    published: Path = PUBLISHED,
) -> Architecture:
    """The model of a finished run, ready to encode, sample and decode: images (n, 1, 28, 28) in [0, 1], on the CPU.

    name: slug or label, with @variant, as for `run --only`. profile: if None, the first of `protocol.BEST_FIRST` that
    has the model's weights. results, published: where its run is looked for, in this order. Raises ReproduceError for a
    name that is not one architecture, if there is no such run, and if its weights were not published. Seeds torch's
    generator.
    """
    chosen = select([name])
    if len(chosen) != 1:
        raise ReproduceError(f"'{name}' is {len(chosen)} architectures: name one")
    run = RunId(chosen[0][0], seed, chosen[0][1])
    reasons = []
    for each in BEST_FIRST if profile is None else (profile,):
        settings = protocol.profile(each)
        store = Store(results, settings, published)
        status = store.status(run)
        if status.retrain or status.folder is None or files.stored(status.folder / WEIGHTS) is None:
            why = "its weights are not there" if status.state == FRESH else status.why
            reasons.append(f"profile {each}: {why}")
            continue
        model = training.fresh_architecture(run.architecture, run.variant, settings, seed)
        model.load_state_dict(training.deserialise(store.read(status.folder, WEIGHTS)))
        return model.eval().requires_grad_(False)
    trained_by = profile or "desk"
    there = Store(results, protocol.profile(trained_by), published).status(run)
    # `run` would count it as done
    first = f"move {there.folder} away and " if there.state == FRESH else ""
    raise ReproduceError(
        f"{run} has no trained model ({'; '.join(reasons)}): {first}train it with `python -m reproduce run --profile "
        f"{trained_by} --only {run.name} --seed {seed}`"
    )


def load_records(
    profile: str | None = None, *, results: Path = Path("results"), published: Path = PUBLISHED
) -> Records:
    """All measurements of a profile's finished runs, as data frames.

    profile: if None, that of `protocol.BEST_FIRST` with the most finished models (in a tie the first one).
    results, published: where runs are looked for, in this order. Raises ReproduceError if none has finished or if one
    cannot be read.
    """
    store, states = most_finished(results, published, (profile,) if profile else BEST_FIRST)
    if not states:
        raise ReproduceError(
            f"no run of profile {store.protocol.name} has finished: give `python -m reproduce run --profile "
            f"{store.protocol.name}`"
        )
    return assemble(store, states)
