from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from reproduce.analysis.causes import falling
from reproduce.analysis.claims import load
from reproduce.names import LABELS, SLUGS
from reproduce.rendering import figures, image_figures, numbers, scatter_figures, style
from reproduce.rendering.material import Material
from tests.synthetic import make_records

NAMES = tuple(LABELS.values())


def _model_labels(drawn: Figure) -> list[Text]:
    return [text for text in drawn.axes[0].texts if text.get_text().rstrip("†‡") in NAMES]


@pytest.mark.parametrize("draw", [scatter_figures.trade_off, scatter_figures.frontier])
def test_labels_of_the_scatter_plots_do_not_overlap(
    draw: Callable[[Material], Figure], complete: Material
) -> None:
    with style.styled():
        drawn = draw(complete)
        drawn.draw_without_rendering()
        texts = _model_labels(drawn)
        boxes = [text.get_window_extent() for text in texts]
        assert len(boxes) == 22
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        frame = drawn.axes[0].get_window_extent()
        assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
        marks = drawn.axes[0].transData.transform(
            np.stack([complete.ours["ssim"], complete.ours["piq"] * 1e3], axis=1)
        )
        assert not any(box.contains(*mark) for box in boxes for mark in marks)


def test_fig_5_states_every_correlation_with_its_interval(material: Material) -> None:
    with style.styled():
        title = scatter_figures.trade_off(material).axes[0].get_title(loc="left")
    for found in (material.duality, material.duality_healthy, material.duality_paper):
        assert f"r = {found.r:.3f}" in title
        assert f"{found.low:.2f},\u00a0{found.high:.2f}" in title
    assert "β-VAE† (0.2" in title  # far off: said in words, not squeezed into the axes


def test_the_papers_points_are_drawn_only_where_ours_keep_room(complete: Material) -> None:
    assert scatter_figures.comparable(complete.ours, complete.paper)
    tiny = complete.ours.assign(piq=complete.ours["piq"] / 100)
    assert not scatter_figures.comparable(tiny, complete.paper)


def test_the_frontier_line_passes_through_its_models(complete: Material) -> None:
    xs, ys = scatter_figures._staircase(complete.ours, complete.frontier, top=9.0)
    corners = set(zip(xs.round(9), ys.round(9), strict=True))
    for slug in complete.frontier:
        assert (
            round(complete.ours.at[slug, "ssim"], 9),
            round(complete.ours.at[slug, "piq"] * 1e3, 9),
        ) in corners
    assert (np.diff(xs) >= 0).all()
    assert (np.diff(ys) >= 0).all()


def test_fig_4_lists_the_ten_best_with_their_rank_sums(material: Material) -> None:
    with style.styled():
        axes = figures.top_ten(material).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == material.labels(material.ranking.index[:10], marks=True)
    shown = [text.get_text() for text in axes.texts]
    assert all(str(total) in shown for total in material.ranking["combined"][:10])


def test_fig_1_says_which_run_is_missing(material: Material) -> None:
    with style.styled():
        drawn = image_figures.reconstructions(material)
    notes = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert notes == ["no finished run"]  # SVAE failed; the other five are there
    names = [text.get_text() for text in drawn.texts]
    assert {"Original", "AE‡", "SVAE", "Adversarial-AE"} <= set(names)


def test_fig_1_shows_eight_different_digits() -> None:
    labels = np.array([7, 7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 6, 3, 8])
    shown = image_figures.eight_digits(labels)
    assert len(set(labels[shown])) == 8
    assert shown.tolist() == [0, 2, 3, 4, 5, 8, 9, 11]


def test_fig_3_takes_the_first_pair_of_different_digits(material: Material) -> None:
    assert image_figures.shown_pair(material) == 0


def test_learning_curves_have_a_panel_for_each_model_and_say_what_is_missing(material: Material) -> None:
    with style.styled():
        axes = figures.learning_curves(material).axes
    titles = [panel.get_title() for panel in axes[:22]]
    assert [title.rstrip("†‡") for title in titles] == list(NAMES)
    said = {panel.get_title(): panel.texts[0].get_text() for panel in axes[:22]}
    assert [title for title, text in said.items() if text == "no curve"] == ["HVAE", "SVAE"]
    assert said["VAE"] == numbers.percent(-falling(material.records)["vae"], 2)


@pytest.mark.parametrize("extra", [0, 1, 2, 3])
def test_learning_curves_have_room_for_more_models_and_a_panel_for_the_legend(
    extra: int, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = (*SLUGS, *SLUGS[:extra])
    monkeypatch.setattr(figures, "SLUGS", models)
    with style.styled():
        axes = figures.learning_curves(material).axes
    assert [panel.get_title().rstrip("†‡") for panel in axes[: len(models)]] == [
        LABELS[slug] for slug in models
    ]
    assert [panel.get_legend() is not None for panel in axes] == [
        at == len(models) for at in range(len(axes))
    ]
    assert [panel.get_xlabel() for panel in axes[: len(models)]] == [""] * (len(models) - 6) + ["epoch"] * 6


def test_a_map_is_drawn_for_every_model_whose_codes_the_paper_describes(complete: Material) -> None:
    with style.styled():
        drawn = figures.latent_maps(complete)
    assert drawn is not None
    titles = {axes.get_title() for axes in drawn.axes}
    described = [claim for claim in load() if claim.kind == "latent"]
    assert titles == {LABELS[slug] for claim in described for slug in claim.rests_on()}


def test_every_figure_is_written_as_pdf_and_png(rendered: Path) -> None:
    # t-SNE only where the profile allows verdicts, the drift only after two checks
    expected = set(figures.FIGURES) - {"figA2", "drift"}
    for suffix in ("pdf", "png"):
        assert {path.stem for path in (rendered / "figures").glob(f"*.{suffix}")} == expected


def test_drawing_twice_gives_the_same_bytes(material: Material, rendered: Path, tmp_path: Path) -> None:
    with style.styled():
        for name in ("fig1", "fig5"):
            drawn = figures.FIGURES[name](material)
            assert drawn is not None
            for path in style.save(drawn, tmp_path, name):
                assert path.read_bytes() == (rendered / "figures" / path.name).read_bytes()


def test_two_models_are_enough_for_every_figure(monkeypatch: pytest.MonkeyPatch) -> None:

    two = Material(make_records("desk", (42,), architectures=["ae", "vae"]), {})
    with style.styled():
        assert all(draw(two) is not None for name, draw in figures.FIGURES.items() if name != "drift")


def test_a_collapsed_model_near_the_others_stays_inside_the_axes_and_a_far_one_does_not(
    material: Material,
) -> None:
    far = scatter_figures._framing(material, material.ours)
    assert "beta-vae" not in far.index
    moved = material.ours.copy()
    moved.loc["beta-vae", ["ssim", "piq"]] = material.healthy[["ssim", "piq"]].mean()
    assert "beta-vae" in scatter_figures._framing(material, moved).index
