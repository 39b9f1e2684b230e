"""kill -9 for every kind of state that a run can have: at one file-system call, and (slow) at every single one.

A file of its own, so that it runs beside the other matrix.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reproduce.storage.runs import RunId
from reproduce.storage.store import Store
from tests import faults
from tests.tiny import TINY


def kinds(*always: str) -> pytest.MarkDecorator:
    """Every kind of model; those that are not named here in the slow tests only."""
    marks = {kind: () if kind in always else (pytest.mark.slow,) for kind in faults.KINDS}
    return pytest.mark.parametrize(
        "slug", [pytest.param(slug, marks=marks[kind], id=kind) for kind, slug in faults.KINDS.items()]
    )


@kinds("EMA codebook", "three players")
def test_killed_between_two_epochs_a_run_goes_on_to_the_same_weights_records_and_manifest(
    slug: str, tmp_path: Path
) -> None:
    assert faults.survives_once(faults.KILLED, faults.SECOND_CHECKPOINT, slug, tmp_path)
    provenance = Store(tmp_path / "struck", TINY).provenance(RunId(slug, 1))
    assert provenance["resumed"] == 1, "it went on from no checkpoint"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("slug", faults.KINDS.values(), ids=faults.KINDS)
def test_killed_at_every_call_a_campaign_goes_on_to_the_same_bits(slug: str, tmp_path: Path) -> None:
    assert faults.survives_everywhere(faults.KILLED, slug, tmp_path) > faults.CALLS_AT_LEAST
