"""Golden numbers are the checkout's: elsewhere their commands say so and do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import bare


@pytest.mark.parametrize(
    "command", ["check", *(pytest.param(name, marks=pytest.mark.slow) for name in ("golden", "tolerances"))]
)
def test_outside_a_checkout_is_one_line(command: str, tmp_path: Path) -> None:
    found = bare.reproduce(f"{command} --profile smoke", tmp_path)
    assert (found.returncode, found.stdout) == (2, b"")
    assert found.stderr.decode() == (
        "error: there is no folder 'golden' here: give the command in the root of a checkout, which keeps the golden "
        "numbers\n"
    )
    assert list(tmp_path.iterdir()) == []
