from __future__ import annotations

import math

import pytest
from hypothesis import given
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
        ("kl", float("nan"), "–"),
        ("ssim", None, "–"),
    ],
)
def test_a_metric_is_printed_with_its_scale_and_decimals(name: str, value: float | None, text: str) -> None:
    assert numbers.value(name, value) == text


def test_heads_carry_factor_unit_and_direction() -> None:
    assert MEASURES["mse"].head == "MSE (×10³) ↓"
    assert MEASURES["psnr"].head == "PSNR (dB) ↑"
    assert MEASURES["ssim"].head == "SSIM ↑"
    assert MEASURES["code_sd"].head == "Code SD"


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(KeyError):
        numbers.metric("brilliance")


def test_plus_minus_keeps_both_parts_on_one_line() -> None:
    assert numbers.plus_minus("ssim", 0.5, 0.25) == "0.500\u00a0±\u00a00.250"
    assert numbers.plus_minus("ssim", 0.5, float("nan")) == "0.500"
    assert numbers.plus_minus("ssim", float("nan"), 0.1) == "–"


def test_negative_zero_and_minus_signs() -> None:
    assert numbers.fixed(-0.0004, 2) == "0.00"
    assert numbers.fixed(-1.5, 1) == "−1.5"
    assert numbers.fixed(-1234.5, 1) == "−1,234.5"


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 6))
def test_a_number_is_a_dash_exactly_if_it_is_not_finite(number: float, decimals: int) -> None:
    text = numbers.fixed(number, decimals)
    assert (text == "–") == (not math.isfinite(number))
    assert "-" not in text


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_a_printed_number_lies_within_half_a_unit_of_its_last_place(number: float, decimals: int) -> None:
    read = float(numbers.fixed(number, decimals).replace("−", "-").replace(",", ""))
    assert abs(read - number) <= 0.5 * 10.0**-decimals + 1e-9


def test_p_values() -> None:
    assert numbers.p_value(0.00099) == "<\u00a00.001"
    assert numbers.p_value(0.0227) == "0.023"
    assert numbers.p_value(float("nan")) == "–"
    assert numbers.p_statement(0.0001) == "p\u00a0<\u00a00.001"
    assert numbers.p_statement(0.5) == "p\u00a0=\u00a00.500"
    assert numbers.p_statement(None) == "no p value"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-4, "10⁻⁴"), (1e-3, "10⁻³"), (5e-3, "5 × 10⁻³"), (2.5e-4, "2.5 × 10⁻⁴"), (1.0, "10⁰")],
)
def test_learning_rates_are_written_as_powers_of_ten(value: float, text: str) -> None:
    assert numbers.power_of_ten(value) == text


def test_counts_in_words() -> None:
    assert numbers.counted(1, "seed") == "one seed"
    assert numbers.counted(3, "seed") == "three seeds"
    assert numbers.counted(0, "model lies", "models lie") == "no models lie"
    assert numbers.counted(22, "model") == "22 models"


def test_listing() -> None:
    assert numbers.listing([]) == "none"
    assert numbers.listing(["AE"]) == "AE"
    assert numbers.listing(["AE", "WAE", "VAE"]) == "AE, WAE and VAE"
