"""How numbers are printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reproduce.analysis.measures import MEASURES
from reproduce.report import numbers


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ssim", 0.9084, "0.908"),
        ("mse", 0.00842, "8.42"),  # printed × 10³
        ("piq", 0.0012, "1.200"),
        ("iss", 0.361, "3.61"),  # printed × 10
        ("test_psnr_mean_code", 21.744, "21.74"),
        ("kl", math.nan, "–"),
        ("ssim", None, "–"),
    ],
)
def test_a_metric_is_printed_with_its_scale_and_decimals(name: str, value: float | None, text: str) -> None:
    assert numbers.value(name, value) == text


def test_heads_carry_factor_unit_and_direction() -> None:
    heads = [MEASURES[name].head for name in ("mse", "psnr", "ssim", "code_sd")]
    assert heads == ["MSE (×10³) ↓", "PSNR (dB) ↑", "SSIM ↑", "Code SD"]
    with pytest.raises(KeyError):
        numbers.metric("brilliance")


@settings(max_examples=50)
@given(st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1e6, 1e6), st.integers(0, 4))
def test_a_printed_number_is_within_half_a_unit_and_none_is_a_dash(number: float, decimals: int) -> None:
    text = numbers.fixed(number, decimals)
    assert "-" not in text
    assert (text == "–") == (not math.isfinite(number))
    if abs(number) <= 1e6:
        read = float(text.replace("−", "-").replace(",", ""))
        assert abs(read - number) <= 0.5 * 10.0**-decimals + 1e-9


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (numbers.fixed(-0.0004, 2), "0.00"),
        (numbers.fixed(-1234.5, 1), "−1,234.5"),
        (numbers.plus_minus("ssim", 0.5, 0.25), "0.500\u00a0±\u00a00.250"),  # on one line
        (numbers.plus_minus("ssim", 0.5, math.nan), "0.500"),
        (numbers.plus_minus("ssim", math.nan, 0.1), "–"),
        (numbers.interval(-0.07, 0.9, 2), "[−0.07,\u00a00.90]"),
        (numbers.interval(math.nan, 0.9, 2), "–"),
        (numbers.percent(0.544), "54%"),
        (numbers.percent(-0.0123, 1), "−1.2%"),
        (numbers.significant(0.000123), "0.00012"),
        (numbers.significant(1234.0), "1,234"),
        (numbers.p_value(0.00099), "<\u00a00.001"),
        (numbers.p_value(0.0227), "0.023"),
        (numbers.p_value(math.nan), "–"),
        (numbers.p_statement(0.0001), "p\u00a0<\u00a00.001"),
        (numbers.p_statement(0.5), "p\u00a0=\u00a00.500"),
        (numbers.p_statement(None), "no p value"),
        (numbers.power_of_ten(1e-4), "10⁻⁴"),
        (numbers.power_of_ten(2.5e-4), "2.5 × 10⁻⁴"),
        (numbers.power_of_ten(1.0), "10⁰"),
        (numbers.counted(1, "seed"), "one seed"),
        (numbers.counted(3, "seed"), "three seeds"),
        (numbers.counted(0, "model lies", "models lie"), "no models lie"),
        (numbers.counted(22, "model"), "22 models"),
        (numbers.listing([]), "none"),
        (numbers.listing(["AE"]), "AE"),
        (numbers.listing(["AE", "WAE", "VAE"]), "AE, WAE and VAE"),
    ],
)
def test_numbers_p_values_counts_and_lists_in_print(printed: str, text: str) -> None:
    assert printed == text
