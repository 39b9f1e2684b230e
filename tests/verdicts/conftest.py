"""One campaign's verdicts, for all tests of this folder."""

from __future__ import annotations

import pytest

from reproduce.verdicts.judge import judge
from reproduce.verdicts.verdict import Verdict
from tests.verdicts.worlds import repeated


@pytest.fixture(scope="session")
def verdicts() -> tuple[Verdict, ...]:
    """All statements, judged on the paper's protocol with three seeds that measured what is printed."""
    return judge(repeated())
