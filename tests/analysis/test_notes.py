"""Notes on rows that mislead: each is true of the row it names, and comes from the measurements alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest

from reproduce.analysis import notes
from reproduce.storage.records import Records
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def plain() -> Records:
    """One seed of all 22 in which nothing needs a word."""
    records = make_records("desk", (42,), seed_spread=0.0, references=False)
    return replace(records, runs=records.runs.assign(kl=8.0, code_sd=1.0))


def changed(frame: pd.DataFrame, slug: str, values: Mapping[str, float]) -> pd.DataFrame:
    frame = frame.copy()
    for name, value in values.items():
        frame.loc[frame["architecture"] == slug, name] = value
    return frame


def with_run(records: Records, slug: str, **values: float) -> Records:
    return replace(records, runs=changed(records.runs, slug, values))


def kinds(records: Records) -> list[tuple[str, str]]:
    return [(note.kind, note.architecture) for note in notes.notes(records)]


def test_where_nothing_misleads_only_a_schedule_is_noted(plain: Records) -> None:
    """Disent-β-VAE's 25 nats are printed, and three times what this VAE takes."""
    assert kinds(plain) == [("pushed", "disent-beta-vae")]
    assert kinds(with_run(plain, "vae", kl=13.0)) == []


@pytest.mark.parametrize(("kind", "slug", "parts", "run", "noted"), [
    ("negative-correlation", "beta-tcvae", {"total_correlation": -2.2, "dimensionwise_kl": 1.0}, {}, True),
    ("negative-correlation", "beta-tcvae", {"total_correlation": 0.0, "dimensionwise_kl": 1.0}, {}, False),
    ("negative-correlation", "factor-vae", {"total_correlation": -0.3}, {}, False),  # a discriminator's
    ("hardly-penalised", "rae-l2", {"embedding": 5.0, "training_loss": 1.0}, {}, True),
    ("hardly-penalised", "rae-l2", {"embedding": 200.0, "training_loss": 1.0}, {}, False),
    ("hardly-penalised", "rae-gp", {"embedding": 0.1, "gradient_penalty": 0.5}, {}, False),  # not the only one
    ("hardly-matched", "info-vae", {"mmd": 0.0016}, {}, True),
    ("hardly-matched", "info-vae", {"mmd": 1.0}, {}, False),
    ("outgrown", "rae-gp", {"gradient_penalty": 0.1}, {"code_sd": 29.0}, True),
    ("outgrown", "rae-gp", {"gradient_penalty": 0.1}, {"code_sd": 3.9}, False),
    ("outgrown", "wae", {}, {"code_sd": 99.0}, False),  # it has no such penalty
    ("chosen-without-adversary", "adversarial-ae", {"generator": 0.7}, {}, True),
    ("chosen-without-adversary", "adversarial-ae", {"generator": 0.7, "kl": 3.0}, {}, False),
])  # fmt: skip
def test_what_misleads_is_noted(
    plain: Records, kind: str, slug: str, parts: dict[str, float], run: dict[str, float], noted: bool
) -> None:
    columns = {name if name == "training_loss" else f"part_{name}": value for name, value in parts.items()}
    records = replace(with_run(plain, slug, **run), curves=changed(plain.curves, slug, columns))
    assert ((kind, slug) in kinds(records)) == noted


def test_stuck_pixels_are_those_of_the_seed_that_has_most() -> None:
    records = make_records("desk", (42, 123), seed_spread=0.0, references=False)
    runs = records.runs.copy()
    runs.loc[(runs["architecture"] == "svae") & (runs["seed"] == 123), "stuck_pixels"] = 21.0
    (note,) = (note for note in notes.notes(replace(records, runs=runs)) if note.kind == "stuck")
    assert (note.architecture, note.values) == ("svae", {"pixels": 21.0})


def test_a_field_without_finished_runs_has_no_notes(plain: Records) -> None:
    assert notes.notes(replace(plain, runs=plain.runs.assign(status="failed"))) == ()
