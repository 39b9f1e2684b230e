"""A printed number keeps its precision."""

from __future__ import annotations

import pytest

from reproduce.errors import ReproduceError
from reproduce.paper import Printed


@pytest.mark.parametrize(
    ("text", "scale", "value", "half_unit"),
    [
        ("0.908", "1", 0.908, 0.0005),
        ("0.890", "1", 0.89, 0.0005),
        ("8.42", "1e-3", 0.00842, 0.000005),
        ("54%", "1", 0.54, 0.005),
        ("70,000", "1", 70_000, 0.5),
        ("1e-4", "1", 1e-4, 5e-5),
        ("-0.986", "1", -0.986, 0.0005),
        ("100", "1", 100, 0.5),
    ],
)
def test_value_and_rounding(text: str, scale: str, value: float, half_unit: float) -> None:
    printed = Printed(text, scale)
    assert printed.value == pytest.approx(value, rel=1e-15)
    assert printed.half_unit == pytest.approx(half_unit, rel=1e-12)


@pytest.mark.parametrize("text", ["", "about 3", "nan", "inf", "1..2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ReproduceError, match=r"printed number"):
        _ = Printed(text).value
