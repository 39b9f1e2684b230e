"""The register of decisions is complete data: every field said, every id once, every named variant real."""

import re

from reproduce.architectures import registry
from reproduce.architectures.names import LABELS
from reproduce.paper import decisions

DECISIONS = decisions.load()


def test_every_field_of_every_decision_says_something_and_every_id_is_there_once() -> None:
    for decision in DECISIONS:
        assert all(getattr(decision, name).strip() for name in decision.__dataclass_fields__), decision.id
    assert len({decision.id for decision in DECISIONS}) == len(DECISIONS)


def test_every_architecture_but_the_plain_autoencoder_has_a_decision_of_its_own() -> None:
    """Its label stands in a topic; the VAE, which is the frame of the others, at least in what was decided."""

    def named(texts: list[str]) -> set[str]:
        """The labels that stand there as words of their own: VAE is not named by β-VAE."""
        joined = ", ".join(texts)
        patterns = {name: rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in LABELS.values()}
        return {name for name, pattern in patterns.items() if re.search(pattern, joined)}

    assert set(LABELS.values()) - named([each.topic for each in DECISIONS]) == {"AE", "VAE"}
    assert "VAE" in named([each.decided for each in DECISIONS])


def test_the_variants_that_are_named_are_those_that_can_be_run() -> None:
    text = " ".join(decision.alternatives for decision in DECISIONS)
    assert set(re.findall(r"`@([a-z0-9-]+)`", text)) == set(registry.all_variants())
