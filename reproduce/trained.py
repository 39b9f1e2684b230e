"""A trained model to work with: the weights of a finished run in its architecture.

from reproduce import load
model = load("VQ-VAE")
images = model.decode(model.encode(images))
"""

from __future__ import annotations

from pathlib import Path

from reproduce import files, protocol, training
from reproduce.architectures.contract import Architecture
from reproduce.errors import ReproduceError
from reproduce.protocol import BEST_FIRST
from reproduce.runs import RunId, select
from reproduce.store import FRESH, WEIGHTS, Store
from reproduce.version import ROOT

PUBLISHED = ROOT / "published"
"""What came with the project, whatever folder the process is in."""


def load(
    name: str,
    *,
    profile: str | None = None,
    seed: int = 42,
    results: Path = Path("results"),
    published: Path = PUBLISHED,
) -> Architecture:
    """The model of a finished run, ready to encode, sample and decode: images (n, 1, 28, 28) in [0, 1], on the CPU.

    name: slug or label, with @variant, as `run --only` takes it. profile: the first of `protocol.BEST_FIRST` that has
    the model's weights, unless one is named. results, published: where its run is looked for, in this order. Raises
    ReproduceError for a name that is not one architecture, without such a run, and where its weights were not
    published. Seeds torch's generator.
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
    raise ReproduceError(
        f"{run} has no trained model ({'; '.join(reasons)}): train it with `python -m reproduce run --profile "
        f"{profile or 'desk'} --only {run.name} --seed {seed}`"
    )
