from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

from reproduce.report import style


def test_styled_ignores_the_users_settings_and_restores_them() -> None:
    with mpl.rc_context({"font.size": 31.0}):
        with style.styled():
            assert mpl.rcParams["font.size"] == style.RC["font.size"]
            assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["font.size"] == 31.0


def test_equal_figures_are_equal_bytes_without_date_or_program(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with style.styled():
            drawn = style.figure(style.COLUMN, 1.5)
            drawn.add_subplot().plot([0, 1], [1, 0], label="β")
            written.append([path.read_bytes() for path in style.save(drawn, tmp_path / name, "f")])
    assert written[0] == written[1]
    pdf, png = written[0]
    for trace in (b"CreationDate", b"Producer", b"matplotlib"):
        assert trace not in pdf
    assert b"Software" not in png


def test_no_two_families_share_a_colour_or_a_marker() -> None:
    assert len({*style.PALETTE, style.OTHER[0]}) == len(style.PALETTE) + 1
    assert len({*style.MARKERS, style.OTHER[1]}) == len(style.MARKERS) + 1
