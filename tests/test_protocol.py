from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from reproduce import protocol
from reproduce.errors import ReproduceError
from reproduce.protocol import PROFILES, Protocol


def test_the_paper_profile_is_section_iii_d() -> None:
    paper = PROFILES["paper"]
    assert (paper.train, paper.validation, paper.test) == (50_000, 10_000, 10_000)
    assert (paper.epochs, paper.patience, paper.batch_size) == (100, 10, 64)
    assert (paper.learning_rate_scale, paper.seeds) == (1.0, (42, 123, 456))


def test_five_profiles_in_order_of_length_and_the_short_ones_need_no_download_and_give_no_verdicts() -> None:
    assert list(PROFILES)[:5] == ["smoke", "quick", "desk", "notebook", "paper"]
    judged = [each.name for each in PROFILES.values() if each.verdicts]
    downloaded = [each.name for each in PROFILES.values() if each.dataset == "mnist"]
    assert judged == downloaded == ["desk", "notebook", "paper"]
    assert (PROFILES["notebook"].patience, PROFILES["notebook"].epochs) == (None, 10)


def test_desk_is_the_paper_in_a_tenth_of_the_epochs_with_higher_rates_that_fall_to_nothing() -> None:
    paper, desk = PROFILES["paper"], PROFILES["desk"]
    assert (desk.learning_rate_scale, desk.schedule) == (30 * paper.learning_rate_scale, "cosine")
    assert desk.epochs * 10 == paper.epochs
    changed = {"name", "learning_rate_scale", "schedule", "epochs", "milestones", "purpose"}
    same = {key: value for key, value in vars(desk).items() if key not in changed}
    assert same == {key: value for key, value in vars(paper).items() if key not in changed}


UNSEEN = ({"seeds": (7,)}, {"whole_pairs": 11}, {"verdicts": True}, {"purpose": "x"}, {"milestones": (2,)})
"""Changes that the training never sees."""


def test_weights_depend_on_the_training_protocol_alone(tiny: Protocol) -> None:
    for change in UNSEEN:
        assert replace(tiny, **change).training_settings() == tiny.training_settings()
    changes = ({"epochs": 3}, {"patience": None}, {"batch_size": 32}, {"train": 80}, {"schedule": "cosine"})
    for change in changes:
        assert replace(tiny, **change).training_settings() != tiny.training_settings()


def test_a_trial_is_found_by_its_name() -> None:
    """So that `status`, `render` and the others can look at it."""
    cut = protocol.profile("desk-trial-2")
    assert cut == protocol.profile("desk").trial(2)
    assert (cut.epochs, cut.verdicts) == (2, False)
    for name in ("desk-trial-0", "desk-trial-", "nothing-trial-2", "desk-trial-2x"):
        with pytest.raises(ReproduceError, match="unknown profile"):
            protocol.profile(name)


def test_a_profile_in_tf32_has_another_name_and_other_weights(tiny: Protocol) -> None:
    coarse = protocol.profile("paper-tf32")
    assert coarse == PROFILES["paper"].in_tf32() == coarse.in_tf32()
    assert (coarse.name, coarse.tf32) == ("paper-tf32", True)
    assert coarse.training_settings()["tf32"] is True
    assert "tf32" not in tiny.training_settings(), "the key of every run from before there was tf32"


def test_every_stream_of_random_numbers_is_its_own_and_the_same_in_every_process_and_version() -> None:
    purposes = ("batches", "noise", "weights")
    keys = list(itertools.product((42, 123), purposes, range(3)))
    drawn = {protocol.stream(*key) for key in keys}
    assert len(drawn) == len(keys)
    assert all(0 <= value < 2**63 for value in drawn)
    # the first eight bytes of `printf 42/batches/0 | sha256sum`, without the last bit
    assert protocol.stream(42, "batches") == 0xD9F2EFB33DFC508B >> 1
    first, again = (protocol.numpy_stream(42, "batches", 1).permutation(10) for _ in range(2))
    np.testing.assert_array_equal(first, again)
