"""Identities of runs, and the keys that say what a run's content depends on; needs no torch.

Each run has two keys. Training: protocol, data, architecture, variant, settings, seed and the revisions of backbone,
architecture and training. Evaluation: the weights' checksum, the index lists and the revision of the evaluation.
A new metric causes a new evaluation but no training; a comment or a refactoring causes neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reproduce.architectures import registry
from reproduce.architectures.names import REFERENCES, SLUGS
from reproduce.datasets import SPLIT_REVISION, SPLIT_SEED, fingerprint
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol
from reproduce.storage import files
from reproduce.storage.revisions import EVALUATION_REVISION, REFERENCE_REVISION, TRAINING_REVISION

REFERENCE_SEED = 0
"""References are fitted and do not depend on a seed."""


@dataclass(frozen=True, order=True)
class RunId:
    """One run: an architecture (or reference), a variant ("" is the paper's implementation), a seed."""

    architecture: str
    seed: int
    variant: str = ""

    @property
    def name(self) -> str:
        """slug or slug@variant."""
        return f"{self.architecture}@{self.variant}" if self.variant else self.architecture

    @property
    def folder(self) -> str:
        """The run's place below a profile's folder."""
        return f"{self.name}/seed-{self.seed}"

    @property
    def is_reference(self) -> bool:
        """Whether it is one of the two baselines."""
        return self.architecture in REFERENCES

    def __str__(self) -> str:
        return self.folder


def select(only: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(slug, variant) for each name, in Table I's order; all 22 for an empty list.

    A name is a slug or a label in any case, with @variant, or family:NAME, or variant:NAME for that variant wherever it
    exists (variant:all for every one). Raises ReproduceError.
    """
    if not only:
        return tuple((slug, "") for slug in SLUGS)
    chosen: set[tuple[str, str]] = set()
    for name in (part for item in only for part in item.split(",") if part.strip()):
        if name.lower().startswith("family:"):
            chosen |= {(slug, "") for slug in registry.family(name.partition(":")[2].lower())}
        elif name.lower().startswith("variant:"):
            chosen |= set(with_variant(name.partition(":")[2].lower()))
        else:
            chosen.add(registry.normalise(name))
    if not chosen:
        raise ReproduceError(f"'{','.join(only)}' names no architecture; they are {', '.join(SLUGS)}")
    return tuple(sorted(chosen, key=lambda item: (SLUGS.index(item[0]), item[1])))


def with_variant(variant: str) -> tuple[tuple[str, str], ...]:
    """(slug, variant) wherever that variant exists; "all" stands for every variant. Raises ReproduceError."""
    known = registry.all_variants()
    if variant != "all" and variant not in known:
        raise ReproduceError(f"unknown variant '{variant}'; they are {', '.join(known)}, or all")
    return tuple(
        (slug, name) for slug in SLUGS for name in registry.variants_of(slug) if variant in ("all", name)
    )


def campaign_runs(
    protocol: Protocol, only: Sequence[str] = (), seeds: Iterable[int] | None = None
) -> tuple[RunId, ...]:
    """Every run of a campaign: the references first, then seed by seed in Table I's order."""
    references = tuple(RunId(name, REFERENCE_SEED) for name in REFERENCES)
    chosen = select(only)
    wanted = tuple(protocol.seeds if seeds is None else seeds)
    return references + tuple(RunId(slug, seed, variant) for seed in wanted for slug, variant in chosen)


def canonical(content: Any) -> bytes:
    """JSON with sorted keys: equal content gives equal bytes."""
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def protocol_of(protocol: Protocol, run: RunId) -> Protocol:
    """The protocol as this run follows it: Pythae's trainers have no early stopping."""
    return replace(protocol, patience=None) if run.variant == registry.PYTHAE_VARIANT else protocol


def training_settings(protocol: Protocol, run: RunId) -> dict[str, Any]:
    """All that the weights depend on, as plain data."""
    settings: dict[str, Any] = {
        "protocol": protocol_of(protocol, run).training_settings(),
        "data": fingerprint(protocol),
        "architecture": run.architecture,
        "variant": run.variant,
        "seed": run.seed,
    }
    if run.is_reference:
        return settings | {"revision": REFERENCE_REVISION}
    described = registry.settings_of(run.architecture, run.variant)
    return settings | described | {"training_revision": TRAINING_REVISION}


def training_key(protocol: Protocol, run: RunId) -> str:
    """SHA-256 of the training settings."""
    return files.sha256(canonical(training_settings(protocol, run)))


def evaluation_key(protocol: Protocol, weights_checksum: str) -> str:
    """SHA-256 of the weights' checksum and of what the evaluation depends on."""
    settings = {
        "weights": weights_checksum,
        "revision": EVALUATION_REVISION,
        "indices": [SPLIT_SEED, SPLIT_REVISION, protocol.test, protocol.whole_pairs],
        "data": fingerprint(protocol),
    }
    return files.sha256(canonical(settings))
