"""Notes on rows that mislead: each is true of the row it names, and comes from the measurements alone."""

from __future__ import annotations

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


def with_run(records: Records, slug: str, **values: float) -> Records:
    runs = records.runs.copy()
    for name, value in values.items():
        runs.loc[runs["architecture"] == slug, name] = value
    return replace(records, runs=runs)


def with_part(records: Records, slug: str, **values: float) -> Records:
    curves = records.curves.copy()
    for name, value in values.items():
        curves.loc[curves["architecture"] == slug, f"part_{name}"] = value
    return replace(records, curves=curves)


def kinds(records: Records) -> list[tuple[str, str]]:
    return [(note.kind, note.architecture) for note in notes.notes(records)]


def test_where_nothing_misleads_only_a_schedule_is_noted(plain: Records) -> None:
    """Disent-β-VAE's 25 nats are printed, and three times what this VAE takes."""
    assert kinds(plain) == [("pushed", "disent-beta-vae")]


def test_stuck_pixels_are_noted_of_whatever_model_has_them(plain: Records) -> None:
    found = notes.notes(with_run(plain, "svae", stuck_pixels=21.0))
    assert ("stuck", "svae") in [(note.kind, note.architecture) for note in found]
    assert found[0].values == {"pixels": 21.0}


@pytest.mark.parametrize(("value", "noted"), [(-2.2, True), (0.0, False), (1.5, False)])
def test_a_negative_total_correlation_is_noted(plain: Records, value: float, noted: bool) -> None:
    found = kinds(with_part(plain, "beta-tcvae", total_correlation=value, dimensionwise_kl=1.0))
    assert (("negative-correlation", "beta-tcvae") in found) == noted


def test_a_discriminators_ratio_is_no_such_estimate(plain: Records) -> None:
    found = kinds(with_part(plain, "factor-vae", total_correlation=-0.3))
    assert ("negative-correlation", "factor-vae") not in found


def test_stuck_pixels_are_those_of_the_seed_that_has_most() -> None:
    records = make_records("desk", (42, 123), seed_spread=0.0, references=False)
    runs = records.runs.copy()
    runs.loc[(runs["architecture"] == "svae") & (runs["seed"] == 123), "stuck_pixels"] = 1.0
    (note,) = (note for note in notes.notes(replace(records, runs=runs)) if note.kind == "stuck")
    assert note.values == {"pixels": 1.0}


@pytest.mark.parametrize(("sd", "noted"), [(29.0, True), (3.9, False)])
def test_codes_that_outgrow_a_gradient_penalty_are_noted(plain: Records, sd: float, noted: bool) -> None:
    records = with_run(with_part(plain, "rae-gp", gradient_penalty=0.1), "rae-gp", code_sd=sd)
    assert (("outgrown", "rae-gp") in kinds(records)) == noted
    assert ("outgrown", "wae") not in kinds(with_run(records, "wae", code_sd=99.0)), "it has no such penalty"


@pytest.mark.parametrize(("share", "noted"), [(0.0005, True), (0.02, False)])
def test_a_penalty_that_is_hardly_there_is_noted(plain: Records, share: float, noted: bool) -> None:
    loss = plain.curves.query("architecture == 'rae-l2'")["training_loss"].iloc[-1]
    records = with_part(plain, "rae-l2", embedding=share * loss / 1e-4)
    assert (("hardly-penalised", "rae-l2") in kinds(records)) == noted


def test_a_penalty_beside_a_gradient_penalty_is_not_the_one_that_counts(plain: Records) -> None:
    records = with_part(plain, "rae-gp", embedding=0.1, gradient_penalty=0.5)
    assert ("hardly-penalised", "rae-gp") not in kinds(records)


@pytest.mark.parametrize(("mmd", "noted"), [(0.0016, True), (1.0, False)])
def test_a_discrepancy_that_hardly_enters_the_loss_is_noted(plain: Records, mmd: float, noted: bool) -> None:
    records = with_part(plain, "info-vae", mmd=mmd)
    found = [note for note in notes.notes(records) if note.kind == "hardly-matched"]
    assert [note.architecture for note in found] == (["info-vae"] if noted else [])
    if noted:
        assert found[0].values["weight"] == pytest.approx(9.5)


def test_a_schedule_that_ends_near_the_vae_is_not_pushed(plain: Records) -> None:
    assert kinds(with_run(plain, "vae", kl=13.0)) == []


def test_weights_that_reconstruction_alone_chooses_are_noted(plain: Records) -> None:
    records = with_part(plain, "adversarial-ae", generator=0.7)
    assert ("chosen-without-adversary", "adversarial-ae") in kinds(records)
    assert ("chosen-without-adversary", "adversarial-ae") not in kinds(
        with_part(records, "adversarial-ae", kl=3.0)
    )


def test_a_field_without_finished_runs_has_no_notes(plain: Records) -> None:
    runs = pd.DataFrame(
        {"architecture": ["ae"], "variant": [""], "seed": [42], "status": ["failed"], "reason": ["x"]}
    )
    assert notes.notes(replace(plain, runs=runs)) == ()
