"""Tables I–III as data: spot checks against the page, and what the loader promises."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from reproduce import paper
from reproduce.architectures.names import SLUGS
from reproduce.paper import CELLS, PAPER_SLUGS, Cell


def test_every_number_has_one_address() -> None:
    assert len(CELLS) == len(set(CELLS)) == 22 * (7 + 6)
    assert set(paper.tables().cells) == set(CELLS)


def test_models_are_unscaled_and_in_table_order() -> None:
    models = paper.models()
    assert tuple(models.index) == PAPER_SLUGS
    assert models.at["ae", "ssim"] == 0.908
    assert models.at["ae", "mse"] == 0.00842
    assert models.at["vae-linnf", "piq"] == pytest.approx(0.001196, rel=1e-12)
    assert models.at["vq-vae", "iss"] == pytest.approx(1.368, rel=1e-12)
    assert models.at["svae", "i_ssim_sd"] == 0.015
    assert models["mae_sd"].isna().all()
    assert np.isfinite(models.drop(columns="mae_sd")).all(axis=None)


def test_half_units_follow_the_printed_places() -> None:
    half_units = paper.tables().half_units()
    assert half_units.at["ae", "ssim"] == 0.0005
    assert half_units.at["ae", "piq"] == pytest.approx(5e-7)


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
    done = subprocess.run([sys.executable, "-c", ADDED], capture_output=True, text=True)
    assert done.stdout.split() == [str(22 * (7 + 6)), "22", "22", "10"], done.stderr


def test_a_changed_cell_leaves_the_original_alone() -> None:
    cell = Cell(1, "ae", "mse", "mean")
    changed = paper.tables().with_cell(cell, "9.99")
    assert changed.models().at["ae", "mse"] == pytest.approx(0.00999)
    assert paper.models().at["ae", "mse"] == 0.00842


def test_table3_names_architectures() -> None:
    table = paper.table3()
    assert len(table) == 10
    for column in ("recommended", "avoid"):
        assert {slug for slugs in table[column] for slug in slugs} <= set(SLUGS)
    assert table.at[0, "recommended"] == ("vq-vae", "ae", "wae")
    assert table.at[0, "avoid_printed"] == "SVAE, AAE, β-VAE"
