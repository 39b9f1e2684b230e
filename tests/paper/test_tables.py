"""Tables I–III as data: spot checks against the page, what the loader promises, and the precision of what it reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reproduce import paper
from reproduce.architectures.names import SLUGS
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS, PAPER_SLUGS, Printed
from tests import bare


@pytest.mark.parametrize(
    ("text", "scale", "value", "half_unit"),
    [
        ("0.890", "1", 0.89, 0.0005),
        ("8.42", "1e-3", 0.00842, 0.000005),
        ("54%", "1", 0.54, 0.005),
        ("70,000", "1", 70_000, 0.5),
        ("1e-4", "1", 1e-4, 5e-5),
        ("-0.986", "1", -0.986, 0.0005),
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


def test_models_are_unscaled_and_in_table_order_and_every_number_has_one_address() -> None:
    models, half_units = paper.models(), paper.tables().half_units()
    assert tuple(models.index) == PAPER_SLUGS
    assert [models.at["ae", "ssim"], models.at["ae", "mse"], models.at["svae", "i_ssim_sd"]] == [
        0.908, 0.00842, 0.015
    ]  # fmt: skip
    assert models.at["vae-linnf", "piq"] == pytest.approx(0.001196, rel=1e-12)
    assert models.at["vq-vae", "iss"] == pytest.approx(1.368, rel=1e-12)
    assert models["mae_sd"].isna().all()
    assert np.isfinite(models.drop(columns="mae_sd")).all(axis=None)
    assert half_units.at["ae", "ssim"] == 0.0005
    assert half_units.at["ae", "piq"] == pytest.approx(5e-7)
    assert len(CELLS) == len(set(CELLS)) == 22 * (7 + 6)
    assert set(paper.tables().cells) == set(CELLS)


def test_row_orders_are_those_of_the_page() -> None:
    rows = paper.tables().rows
    assert rows[1] == PAPER_SLUGS == tuple(slug for slug in SLUGS if slug in PAPER_SLUGS)
    assert rows[2][:3] == ("vae-linnf", "svae", "vae-iaf")
    assert sorted(rows[2]) == sorted(PAPER_SLUGS)


ADDED = """
from reproduce.architectures import names
names.LABELS["added"] = "Added"
names.SLUGS = (*names.SLUGS, "added")
from reproduce import paper
print(len(paper.CELLS), len(paper.models()), len(paper.tables().half_units()), len(paper.table3()))
"""


def test_an_architecture_that_the_paper_does_not_print_changes_nothing_that_it_prints() -> None:
    """In a process of its own: the rows are known from the first import on."""
    done = bare.python(ADDED, Path.cwd())
    assert done.stdout.split() == [b"286", b"22", b"22", b"10"], done.stderr


def test_table3_names_architectures() -> None:
    table = paper.table3()
    assert len(table) == 10
    for column in ("recommended", "avoid"):
        assert {slug for slugs in table[column] for slug in slugs} <= set(SLUGS)
    assert table.at[0, "recommended"] == ("vq-vae", "ae", "wae")
    assert table.at[0, "avoid_printed"] == "SVAE, AAE, β-VAE"
