"""The appendix tells how the checks against golden numbers came out, and draws them once there are two."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from reproduce.golden.ledger import COLUMNS, empty_ledger
from reproduce.rendering import drift, latex, style
from reproduce.rendering.material import Material
from tests.synthetic import make_records


def material(*worst: float) -> Material:
    rows = [
        (
            f"2026-11-{day:02}T00:00:00+00:00",
            "desk",
            "abc",
            "cpu",
            value,
            "vae/seed-42 ssim",
            int(not value <= 1),
        )
        for day, value in enumerate(worst, start=1)
    ]
    return Material(make_records(), {}, pd.DataFrame(rows, columns=list(COLUMNS)) if rows else empty_ledger())


@pytest.mark.parametrize("checks", [(), (0.5,)])
def test_fewer_than_two_checks_are_no_figure(checks: tuple[float, ...]) -> None:
    assert drift.figure(material(*checks)) is None


def test_every_check_is_a_point_and_what_is_off_is_told_apart() -> None:
    with style.styled():
        drawn = drift.figure(material(0.0, 0.5, math.inf, 3.0))
    assert drawn is not None
    points = {line.get_label(): line.get_xydata().tolist() for line in drawn.axes[0].lines}  # type: ignore[union-attr]
    assert points["inside"] == [[1, 0], [2, 0.5]]
    assert points["off"] == [[3, drift.CEILING], [4, 3.0]]


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        ((), "These results were not compared with golden numbers."),
        (
            (0.25,),
            "Compared with golden numbers one time; the last time every number inside its band, "
            "the worst at 0.25 of its band.",
        ),
        (
            (0.0, 3.0),
            "Compared with golden numbers two times; the last time one number off, the worst at 3.0 of its band.",
        ),
    ],
)
def test_the_checks_are_told_in_a_line(checks: tuple[float, ...], sentence: str) -> None:
    assert drift.sentence(material(*checks)) == sentence


@pytest.mark.parametrize(("figures", "shown"), [((), False), (("drift",), True)])
def test_the_appendix_has_the_line_and_the_figure_where_it_was_drawn(
    figures: tuple[str, ...], shown: bool, tmp_path: Path
) -> None:
    template = latex.environment().get_template("sections/drift.tex.j2")
    text = template.render(drift="Line.", figures=figures, profile=material().profile)
    assert "Line." in text
    assert ("figures/drift.pdf" in text) == shown
