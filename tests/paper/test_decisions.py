"""The register of decisions is complete data: every field said, every id once, every named variant real."""

import re

from reproduce.architectures import registry
from reproduce.architectures.names import LABELS
from reproduce.paper import decisions


def test_every_field_of_every_decision_says_something() -> None:
    for decision in decisions.load():
        assert all(getattr(decision, name).strip() for name in decision.__dataclass_fields__), decision.id


def test_ids_are_distinct() -> None:
    ids = [decision.id for decision in decisions.load()]
    assert len(set(ids)) == len(ids)


def names(label: str, text: str) -> bool:
    """Whether the label stands there as a word of its own: VAE is not named by β-VAE."""
    return re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", text) is not None


def test_a_label_inside_another_does_not_count() -> None:
    assert names("VAE", "one each for VAE, IWAE")
    assert not names("VAE", "β-VAE and VAE-IAF and SVAE")


def test_every_architecture_but_the_plain_autoencoder_has_a_decision_of_its_own() -> None:
    """Its label stands in a topic; the VAE, which is the frame of the others, at least in what was decided."""
    decided = decisions.load()
    topics = ", ".join(d.topic for d in decided)
    assert {label for label in LABELS.values() if not names(label, topics)} == {"AE", "VAE"}
    assert names("VAE", " ".join(d.decided for d in decided))


def test_variants_named_in_alternatives_exist() -> None:
    known = registry.all_variants()
    for decision in decisions.load():
        for name in re.findall(r"`@([a-z0-9-]+)`", decision.alternatives):
            assert name in known, f"{decision.id}: @{name}"


def test_every_variant_that_can_be_run_is_named_in_the_register() -> None:
    text = " ".join(d.alternatives for d in decisions.load())
    assert [name for name in registry.all_variants() if f"`@{name}`" not in text] == []
