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


def changed(frame: pd.DataFrame, slug: str, values: Mapping[str, float], prefix: str = "") -> pd.DataFrame:
    frame = frame.copy()
    for name, value in values.items():
        frame.loc[frame["architecture"] == slug, prefix + name] = value
    return frame


def with_run(records: Records, slug: str, **values: float) -> Records:
    return replace(records, runs=changed(records.runs, slug, values))


def with_part(records: Records, slug: str, **values: float) -> Records:
    """Other parts of a model's loss."""
    return replace(records, curves=changed(records.curves, slug, values, "part_"))


def kinds(records: Records) -> list[tuple[str, str]]:
    return [(note.kind, note.architecture) for note in notes.notes(records)]


def test_where_nothing_misleads_only_a_schedule_is_noted(plain: Records) -> None:
    """Disent-β-VAE's 25 nats are printed, and three times what this VAE takes."""
    assert kinds(plain) == [("pushed", "disent-beta-vae")]
    assert kinds(with_run(plain, "vae", kl=13.0)) == []


@pytest.mark.parametrize(
    ("kind", "slug", "parts", "noted"),
    [
        ("negative-correlation", "beta-tcvae", {"total_correlation": -2.2, "dimensionwise_kl": 1.0}, True),
        ("negative-correlation", "beta-tcvae", {"total_correlation": 0.0, "dimensionwise_kl": 1.0}, False),
        ("negative-correlation", "factor-vae", {"total_correlation": -0.3}, False),  # a discriminator's
        (
            "hardly-penalised",
            "rae-gp",
            {"embedding": 0.1, "gradient_penalty": 0.5},
            False,
        ),  # not the only one
        ("hardly-matched", "info-vae", {"mmd": 0.0016}, True),
        ("hardly-matched", "info-vae", {"mmd": 1.0}, False),
        ("chosen-without-adversary", "adversarial-ae", {"generator": 0.7}, True),
        ("chosen-without-adversary", "adversarial-ae", {"generator": 0.7, "kl": 3.0}, False),
    ],
)
def test_parts_of_the_loss_that_mislead_are_noted(
    plain: Records, kind: str, slug: str, parts: dict[str, float], noted: bool
) -> None:
    assert ((kind, slug) in kinds(with_part(plain, slug, **parts))) == noted


@pytest.mark.parametrize(("share", "noted"), [(0.0005, True), (0.02, False)])
def test_a_penalty_that_is_hardly_there_is_noted(plain: Records, share: float, noted: bool) -> None:
    loss = plain.curves.query("architecture == 'rae-l2'")["training_loss"].iloc[-1]
    records = with_part(plain, "rae-l2", embedding=share * loss / 1e-4)
    assert (("hardly-penalised", "rae-l2") in kinds(records)) == noted


@pytest.mark.parametrize(("sd", "noted"), [(29.0, True), (3.9, False)])
def test_codes_that_outgrow_a_gradient_penalty_are_noted(plain: Records, sd: float, noted: bool) -> None:
    records = with_run(with_part(plain, "rae-gp", gradient_penalty=0.1), "rae-gp", code_sd=sd)
    assert (("outgrown", "rae-gp") in kinds(records)) == noted
    assert ("outgrown", "wae") not in kinds(with_run(records, "wae", code_sd=99.0)), "it has no such penalty"


def test_stuck_pixels_are_those_of_the_seed_that_has_most() -> None:
    records = make_records("desk", (42, 123), seed_spread=0.0, references=False)
    runs = records.runs.copy()
    runs.loc[(runs["architecture"] == "svae") & (runs["seed"] == 123), "stuck_pixels"] = 21.0
    (note,) = (note for note in notes.notes(replace(records, runs=runs)) if note.kind == "stuck")
    assert (note.architecture, note.values) == ("svae", {"pixels": 21.0})


def test_a_field_without_finished_runs_has_no_notes(plain: Records) -> None:
    assert notes.notes(replace(plain, runs=plain.runs.assign(status="failed"))) == ()
