"""The whole matrix: kill -9 at every single file-system call of a run, for every kind of state that it can have.

A file of its own, so that it runs beside the other matrix. `tests/campaign/test_schedule.py` kills at one of the calls.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import faults


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("slug", faults.KINDS.values(), ids=faults.KINDS)
def test_killed_at_every_call_a_campaign_goes_on_to_the_same_bits(slug: str, tmp_path: Path) -> None:
    assert faults.survives_everywhere(faults.KILLED, slug, tmp_path) > faults.CALLS_AT_LEAST
