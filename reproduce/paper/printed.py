"""A number as printed: its characters, its value, and the interval that rounding leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from reproduce.errors import ReproduceError


@dataclass(frozen=True)
class Printed:
    """One printed number, e.g. `Printed("8.42", scale="1e-3")` for an MSE of Table I.

    text:  the characters, optionally with thousands commas and a trailing "%".
    scale: the value of a printed unit; Table I prints MSE × 10³, so "1e-3".
    """

    text: str
    scale: str = "1"

    def _decimals(self) -> tuple[Decimal, Decimal]:
        digits = self.text.replace(",", "").removesuffix("%")
        percent = Decimal("0.01") if self.text.endswith("%") else Decimal(1)
        try:
            number = Decimal(digits)
        except InvalidOperation:
            raise ReproduceError(
                f"'{self.text}' is not a printed number; write digits such as 0.908 or 54%"
            ) from None
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):  # NaN and infinities have a letter here
            raise ReproduceError(f"'{self.text}' is not a finite printed number; write digits such as 0.908")
        unit = percent * Decimal(self.scale)
        return number * unit, Decimal(1).scaleb(min(exponent, 0)) * unit / 2

    @property
    def value(self) -> float:
        """The number, unscaled: "8.42" × 10⁻³ is 0.00842, "54%" is 0.54."""
        return float(self._decimals()[0])

    @property
    def half_unit(self) -> float:
        """Half a unit of the last printed place: the largest possible rounding error.

        Whole numbers are taken to be rounded to the unit, never to tens: "100" leaves ± 0.5.
        """
        return float(self._decimals()[1])
