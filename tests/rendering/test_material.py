from __future__ import annotations

from dataclasses import replace

import pytest

from reproduce.errors import ReproduceError
from reproduce.names import SLUGS
from reproduce.records import Arrays
from reproduce.rendering.material import NO_FAMILY, Material
from tests.synthetic import make_records


def test_completeness_counts_what_is_finished_failed_and_absent(material: Material) -> None:
    assert material.planned == 22
    assert len(material.fresh) == 20
    assert not material.complete
    assert set(material.absent) == {"hvae", "svae"}
    assert material.failures == {("svae", 42): "loss not finite in epoch 2"}
    assert material.collapsed == ("beta-vae",)
    assert material.unconverged == ("ae",)


def test_a_complete_campaign_has_every_seed_of_the_profile(complete: Material) -> None:
    assert complete.complete
    one_seed = Material(make_records("desk", (42,), architectures=["vae"], references=False), {})
    assert one_seed.planned == 66
    assert not one_seed.complete


def test_an_extra_seed_is_expected_of_every_model() -> None:
    more = Material(make_records("quick", (42, 7), architectures=["vae"], references=False), {})
    assert more.seeds == (7, 42)
    assert more.planned == 44


def test_collapsed_and_failed_models_are_never_ranked(material: Material) -> None:
    assert "beta-vae" in material.ours.index
    for ranked in (material.healthy.index, material.ranking.index, material.frontier):
        assert not {"beta-vae", "svae", "hvae"} & set(ranked)


def test_a_profile_in_tf32_stands_among_those_that_it_is_compared_with() -> None:
    others = {"paper": make_records("paper", (42,), references=False)}
    own = Material(make_records("paper-tf32", (42,), references=False), {}, others=others)
    assert list(own.profiles) == ["paper", "paper-tf32"]
    assert own.forensics is not None
    assert set(own.forensics.rows["profile"]) == {"paper", "paper-tf32"}


def test_every_model_has_one_family(material: Material) -> None:
    grouped = [slug for slugs in material.families.values() for slug in slugs]
    assert sorted(grouped) == sorted(SLUGS)
    assert material.family("vae") == NO_FAMILY


def test_marks(material: Material) -> None:
    assert material.labels(["beta-vae", "ae", "vae"], marks=True) == ["β-VAE†", "AE‡", "VAE"]


def test_a_missing_run_has_no_samples(material: Material) -> None:
    assert material.sample("hvae") is None
    assert material.sample("vae") is not None


def test_samples_that_cannot_be_read_are_no_missing_run(material: Material) -> None:
    """Else a figure would say "no finished run" of a run whose numbers stand in the tables."""

    def spoilt(architecture: str, seed: int, variant: str = "") -> Arrays:
        raise ReproduceError("samples.safetensors cannot be read")

    damaged = Material(replace(material.records, load_samples=spoilt), {})
    assert damaged.sample("hvae") is None
    with pytest.raises(ReproduceError, match="cannot be read"):
        damaged.sample("vae")


def test_samples_are_of_the_smallest_seed() -> None:
    records = make_records("desk", (456, 42), architectures=["ae"])
    asked: list[int] = []
    noted = replace(records, load_samples=lambda slug, seed, variant: asked.append(seed) or {})
    Material(noted, {}).sample("ae")
    assert asked == [42]


def test_results_are_judged_only_where_the_profile_allows_it(material: Material, complete: Material) -> None:
    assert set(material.statements["in_results"]) == {"not testable"}
    assert "reproduced" in set(complete.statements["in_results"])
    assert len(complete.cell_verdicts) == 286
