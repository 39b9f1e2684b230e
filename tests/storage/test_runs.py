from __future__ import annotations

from dataclasses import replace

import pytest

from reproduce.architectures import registry
from reproduce.architectures.names import LABELS, SLUGS
from reproduce.errors import ReproduceError
from reproduce.protocol import Protocol, profile
from reproduce.storage import runs
from reproduce.storage.runs import RunId
from tests.tiny import AE


def test_an_architecture_is_known_by_slug_and_label_in_any_case() -> None:
    for slug in SLUGS:
        assert runs.select([LABELS[slug].upper()]) == runs.select([f" {slug.title()} "]) == ((slug, ""),)
    assert runs.select(["Β-vae"]) == (("beta-vae", ""),), "a capital β"
    assert runs.select([]) == tuple((slug, "") for slug in SLUGS)


def test_names_come_with_commas_or_repeated_or_as_a_family_and_are_put_in_table_is_order() -> None:
    assert runs.select(["svae,ae", "VAE@BCE", "ae"]) == (("ae", ""), ("vae", "bce"), ("svae", ""))
    assert runs.select(["FAMILY:Flow"]) == runs.select(["vae-linnf", "vae-iaf"])


def test_a_variant_is_a_name_for_all_that_have_it() -> None:
    with_pythae = tuple((slug, "pythae") for slug in SLUGS if slug in registry.PYTHAE)
    assert runs.select(["variant:pythae"]) == with_pythae
    assert runs.select(["variant:linear-block"]) == (("ae", "linear-block"), ("vae", "linear-block"))
    everything = runs.select(["variant:all"])
    assert len(everything) == len(set(everything)) == 14 + 2 + 6 + 3
    assert "" not in {variant for _, variant in everything}


def test_a_pythae_run_knows_no_early_stopping_and_has_a_key_of_its_own() -> None:
    described, reading = RunId("miwae", 42), RunId("miwae", 42, "pythae")
    paper = profile("paper")
    assert runs.protocol_of(paper, described).patience == 10
    assert runs.protocol_of(paper, reading).patience is None
    settings = runs.training_settings(paper, reading)
    assert settings["protocol"]["patience"] is None
    assert settings["settings"]["config"] == {"number_gradient_estimates": 2, "number_samples": 5}
    assert runs.training_key(paper, described) != runs.training_key(paper, reading)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vea", r"unknown architecture 'vea' \(did you mean 'vae'\?\); they are ae, wae, .*svae"),
        ("zzzz", r"unknown architecture 'zzzz'; they are ae, wae"),
        ("vae@foo", "'vae' has no variant 'foo'; its variants: linear-block, bce"),
        ("variant:x", "unknown variant 'x'; they are pythae, "),
        ("family:x", "unknown family 'x'; they are deterministic"),
        (",", "',' names no architecture; they are ae, wae"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_and_the_list(name: str, message: str) -> None:
    with pytest.raises(ReproduceError, match=message):
        runs.select([name])


def test_a_campaign_is_the_references_then_seed_by_seed(tiny: Protocol) -> None:
    found = runs.campaign_runs(tiny, ["vae", "ae"], [2, 1])
    assert [str(run) for run in found] == [
        "pca-16/seed-0", "mean-image/seed-0", "ae/seed-2", "vae/seed-2", "ae/seed-1", "vae/seed-1",
    ]  # fmt: skip


def test_the_training_key_holds_the_run_and_its_protocol(tiny: Protocol) -> None:
    others = [RunId("ae", 2), RunId("wae", 1), RunId("ae", 1, "linear-block"), RunId("pca-16", 0)]
    changes = [{"epochs": 3}, {"validation": 41}, {"name": "other"}, {"learning_rate_scale": 2.0}]
    keys = [runs.training_key(tiny, run) for run in (AE, *others)]
    keys += [runs.training_key(replace(tiny, **change), AE) for change in changes]
    assert len(set(keys)) == 9


def test_a_raised_revision_changes_a_models_key_and_leaves_a_references_which_is_still_the_one_of_old(
    tiny: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is added to a protocol must leave it alone."""
    before = runs.training_key(tiny, AE)
    for module, name in ((runs, "TRAINING_REVISION"), (registry, "BACKBONE_REVISION")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, 99)
            assert runs.training_key(tiny, AE) != before
            found = runs.training_key(profile("paper"), RunId("pca-16", 0))
        assert found == "5f23b6286cb42f21ced2865da58a1c915183b22b4fdddfe34f6e889081326bb0"


def test_the_evaluation_key_holds_what_only_the_evaluation_sees_the_weights_and_the_revision(
    tiny: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer, before = replace(tiny, whole_pairs=20, seeds=(1, 2)), runs.evaluation_key(tiny, "0" * 64)
    assert runs.training_key(longer, AE) == runs.training_key(tiny, AE)
    assert runs.evaluation_key(longer, "0" * 64) != before
    assert runs.evaluation_key(tiny, "1" * 64) != before
    monkeypatch.setattr(runs, "EVALUATION_REVISION", 99)
    assert runs.evaluation_key(tiny, "0" * 64) != before
