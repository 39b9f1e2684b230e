"""Figures draw what the records hold, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from reproduce.paper import PAPER_SLUGS
from reproduce.report import figures, images, scatter, style
from reproduce.report.context import NO_FAMILY, Context
from tests.report.conftest import DAMAGE
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def drawn(complete: Context) -> dict[str, Figure]:
    """Every figure of a whole campaign."""
    with style.styled():
        return {name: draw(complete) for name, draw in figures.FIGURES.items()}  # type: ignore[misc]


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text")))


def test_every_figure_fits_the_page(drawn: dict[str, Figure]) -> None:
    assert max(figure.get_size_inches()[0] for figure in drawn.values()) <= style.PAGE


def test_boxes_are_over_the_models_of_a_family(drawn: dict[str, Figure], complete: Context) -> None:
    """As the paper's caption says: one point a model, ours and the paper's."""
    (axes,) = drawn["fig2"].axes
    points = sum(len(collection.get_offsets()) for collection in axes.collections)
    assert points == 2 * sum(len(slugs) for name, slugs in complete.families.items() if name != NO_FAMILY)


def test_the_trade_off_names_every_model_with_an_arrow_from_the_papers_point_to_ours(
    drawn: dict[str, Figure], complete: Context
) -> None:
    axes = drawn["fig5"].axes[0]
    assert sum(getattr(text, "arrow_patch", None) is not None for text in axes.texts) == len(PAPER_SLUGS)
    assert all(name in texts(drawn["fig5"]) for name in complete.labels(PAPER_SLUGS))


def test_the_frontier_shows_the_thresholds_of_the_regimes(drawn: dict[str, Figure]) -> None:
    lines = [np.asarray(line.get_xdata(), float) for line in drawn["fig6"].axes[0].lines]
    assert scatter.SSIM_THRESHOLD in [xs[0] for xs in lines if np.ptp(xs) == 0]


def test_interpolations_are_lettered_and_of_two_pairs(drawn: dict[str, Figure], complete: Context) -> None:
    assert all(f"({letter})" in texts(drawn["fig3"]) for letter in "abcdef")
    assert len(images.shown_pairs(complete)) == 2


def test_a_model_has_one_look_in_every_panel_during_training(complete: Context) -> None:
    both = Context(complete.records, {}, {"desk": make_records("desk", (42,), missing=["vq-vae", "rae-gp"])})
    with style.styled():
        drawn = figures.milestones(both)
    assert drawn is not None
    looks = [{(line.get_color(), line.get_marker()) for line in axes.lines} for axes in drawn.axes]
    assert [len(panel) for panel in looks] == [6, 6, 8, 8]
    assert looks[0] < looks[2]
    assert len(drawn.legends) == 1


def test_leaving_models_out_is_drawn_for_both(drawn: dict[str, Figure]) -> None:
    _, *paths = drawn["fig7"].axes
    assert [axes.get_title() for axes in paths] == ["leaving models out: paper", "leaving models out: ours"]


def test_the_heat_map_has_ours_below_the_papers(drawn: dict[str, Figure], complete: Context) -> None:
    values = drawn["figA2"].axes[0].collections[0].get_array().reshape(7, 7)
    assert values[0, 4] == pytest.approx(complete.duality_paper.r)
    assert values[4, 0] == pytest.approx(complete.duality_healthy.r)


def test_a_damaged_campaign_is_drawn_with_equal_bytes_each_time(tmp_path: Path) -> None:
    few = ["ae", "wae", "vae", "vamp", "beta-vae", "svae", "hvae"]
    damaged = Context(make_records("notebook", (42,), architectures=few, **DAMAGE), {})
    for folder in ("one", "two"):
        figures.render(damaged, tmp_path / folder)
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) >= len(figures.FIGURES)
    for path in files:
        content = path.read_bytes()
        assert content == (tmp_path / "two" / path.name).read_bytes(), path.name
        for trace in (b"CreationDate", b"Producer", b"matplotlib", b"Software"):
            assert trace not in content, path.name
    with style.styled():
        assert "no finished run" in texts(figures.FIGURES["fig1"](damaged))  # type: ignore[arg-type]


def test_where_every_model_collapsed_or_only_two_ran_what_there_is_is_drawn(tmp_path: Path) -> None:
    """Warnings are errors here: matplotlib warns of figures that it cannot lay out."""
    three = PAPER_SLUGS[:3]
    for name, architectures, collapsed in (("fig5", three, three), ("fig4", ["ae", "vae"], [])):
        records = make_records("quick", (42,), architectures=architectures, collapsed=collapsed)
        assert name in figures.render(Context(records, {}), tmp_path / name)


def test_styled_ignores_the_users_settings_and_restores_them() -> None:
    with mpl.rc_context({"font.size": 31.0}):
        with style.styled():
            assert mpl.rcParams["font.size"] == style.RC["font.size"]
            assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["font.size"] == 31.0


def test_no_two_families_share_a_colour_or_a_marker() -> None:
    assert len({*style.PALETTE, style.OTHER[0]}) == len(style.PALETTE) + 1
    assert len({*style.MARKERS, style.OTHER[1]}) == len(style.MARKERS) + 1
