"""The register of decisions is complete data: every field said, every id once, every named variant real."""

import re

from reproduce import decisions
from reproduce.architectures import registry
from reproduce.names import LABELS


def test_every_field_of_every_decision_says_something() -> None:
    for decision in decisions.load():
        assert all(getattr(decision, name).strip() for name in decision.__dataclass_fields__), decision.id


def test_ids_are_distinct() -> None:
    ids = [decision.id for decision in decisions.load()]
    assert len(set(ids)) == len(ids)


def test_every_architecture_whose_reading_was_decided_is_named() -> None:
    text = " ".join(f"{d.topic} {d.decided}" for d in decisions.load())
    silent = {label for label in LABELS.values() if label not in text}
    # the plain autoencoder is the one model about which nothing was open
    assert silent <= {"AE"}, silent


def test_variants_named_in_alternatives_exist() -> None:
    known = registry.all_variants()
    for decision in decisions.load():
        for name in re.findall(r"`@([a-z0-9-]+)`", decision.alternatives):
            assert name in known, f"{decision.id}: @{name}"


def test_every_variant_that_can_be_run_is_named_in_the_register() -> None:
    text = " ".join(d.alternatives for d in decisions.load())
    assert [name for name in registry.all_variants() if f"`@{name}`" not in text] == []
