"""Figures draw what the records hold, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from reproduce.architectures.names import SLUGS
from reproduce.report import figures, images, scatter, style
from reproduce.report.context import NO_FAMILY, Context


def drawn(name: str, context: Context) -> Figure:
    with style.styled():
        found = figures.FIGURES[name](context)
    assert found is not None
    return found


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text")))


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_every_figure_is_drawn_of_a_whole_and_of_a_damaged_campaign(
    name: str, complete: Context, damaged: Context
) -> None:
    for context in (complete, damaged):
        assert drawn(name, context).get_size_inches()[0] <= style.PAGE


def test_boxes_are_over_the_models_of_a_family(complete: Context) -> None:
    """As the paper's caption says: one point a model, ours and the paper's."""
    (axes,) = drawn("fig2", complete).axes
    points = sum(len(collection.get_offsets()) for collection in axes.collections)
    assert points == 2 * sum(len(slugs) for name, slugs in complete.families.items() if name != NO_FAMILY)


def test_an_arrow_leads_from_each_of_the_papers_points_to_ours(complete: Context) -> None:
    (axes, *_) = drawn("fig5", complete).axes
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    assert len(arrows) == len(SLUGS)


def test_every_model_has_its_name_in_the_trade_off(complete: Context) -> None:
    told = texts(drawn("fig5", complete))
    assert all(name in told for name in complete.labels(SLUGS))


def test_the_frontier_shows_the_thresholds_of_the_regimes(complete: Context) -> None:
    (axes, *_) = drawn("fig6", complete).axes
    vertical = [
        line.get_xdata()[0] for line in axes.lines if np.ptp(np.asarray(line.get_xdata(), float)) == 0
    ]
    assert scatter.SSIM_THRESHOLD in vertical


def test_interpolations_are_lettered_and_of_two_pairs(complete: Context) -> None:
    told = texts(drawn("fig3", complete))
    assert all(f"({letter})" in told for letter in "abcdef")
    assert len(images.shown_pairs(complete)) == 2


def test_a_model_without_a_run_is_said_to_have_none(damaged: Context) -> None:
    assert "no finished run" in texts(drawn("fig1", damaged))


def test_leaving_models_out_is_drawn_for_both(complete: Context) -> None:
    _, *paths = drawn("fig7", complete).axes
    assert [axes.get_title() for axes in paths] == ["leaving models out: paper", "leaving models out: ours"]


def test_the_heat_map_has_ours_below_and_the_papers_above(complete: Context) -> None:
    axes = drawn("figA2", complete).axes[0]
    values = axes.collections[0].get_array().reshape(7, 7)
    assert values[0, 4] == pytest.approx(complete.duality_paper.r)
    assert values[4, 0] == pytest.approx(complete.duality_healthy.r)


def test_equal_records_give_equal_bytes(damaged: Context, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        figures.render(damaged, tmp_path / folder)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
