"""The whole matrix: a full disk at every single file-system call of a run, for every kind of state that it can have.

A file of its own, so that it runs beside the other matrix.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import faults


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("slug", faults.KINDS.values(), ids=faults.KINDS)
def test_a_full_disk_at_every_call_costs_nothing_that_was_finished(slug: str, tmp_path: Path) -> None:
    assert faults.survives_everywhere(faults.FULL, slug, tmp_path) > faults.CALLS_AT_LEAST
