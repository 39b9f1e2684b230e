"""Statements that print a size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan

import pytest

from reproduce import paper
from reproduce.paper import CELLS, Cell
from reproduce.verdicts import sizes
from reproduce.verdicts.judge import evaluate, paper_world
from reproduce.verdicts.registry import cell_statement
from reproduce.verdicts.verdict import Outcome
from reproduce.verdicts.world import World
from tests.verdicts.worlds import Case, base, noisy, ours, printed_with, rescaled, statement, theirs, with_

HOLDS, PARTLY, FAILS = Outcome.HOLDS, Outcome.PARTLY, Outcome.FAILS
UNDECIDED, OTHER = Outcome.UNDECIDED, Outcome.OTHER
TOP, FLOWS = "ae wae vq-vae", "vae-iaf vae-linnf"
SD = "architecture=ae; metric=ssim; part=sd"

CASES = [
    Case("cell", HOLDS, SD, "0.048", theirs),
    Case("cell", FAILS, SD, "0.050", theirs),
    Case("cell", FAILS, SD, "0.048", with_(ae__ssim_sd=0.06)),
    Case("cell", OTHER, "architecture=ae; metric=piq", "0.00403", rescaled("piq", 784.0)),
    Case("cell", OTHER, "architecture=ae; metric=iss", "0.000888"),
    Case("cell", OTHER, "architecture=vq-vae; metric=sharpness", "0.095"),
    Case("cell", UNDECIDED, "architecture=vq-vae; metric=sharpness", "0.095", theirs),
    Case("summary", HOLDS, f"metric=ssim; models={TOP}; as=mean", "0.894"),
    Case("summary", HOLDS, "metric=ssim; family=IV-E/Deterministic; as=mean", "0.894", theirs),
    Case("summary", FAILS, "metric=ssim; family=IV-E/Deterministic; as=mean", "0.900", theirs),
    Case("summary", FAILS, f"metric=ssim; models={TOP}; as=mean", "0.950"),
    Case("summary", UNDECIDED, f"metric=ssim; models={TOP}; as=mean", "0.894", with_(wae__ssim=nan)),
    Case("summary", UNDECIDED, f"metric=ssim; models={TOP}; as=mean", "0.894", noisy(ssim=0.3)),
    Case("summary", FAILS, f"metric=ssim; models={TOP}; as=median", "0.894", theirs),
    Case("summary", HOLDS, f"metric=ssim; models={TOP}; as=median", "0.890", theirs),
    Case("summary", FAILS, "metric=mse; models=all; as=highest", "0.03484", theirs),
    Case("summary", HOLDS, "metric=ssim; models=all; as=lowest", "0.590"),
    Case("range", HOLDS, "metric=ssim; models=all", "0.590 0.908", theirs),
    Case("range", FAILS, "metric=ssim; models=all", "0.600 0.908", theirs),
    Case("range", FAILS, "metric=ssim; models=all", "0.590 0.700"),
    Case("range", HOLDS, f"metric=ssim; models={TOP}", "0.885 0.908"),
    Case("relative", HOLDS, "metric=ssim; as=gap", "54%", theirs),
    Case("relative", FAILS, "metric=ssim; as=gap", "55%", theirs),
    Case("relative", HOLDS, "metric=piq; as=gap", "237%"),
    Case("relative", FAILS, "metric=ssim; as=gap", "100%"),
    Case("relative", UNDECIDED, "metric=piq; as=gap", "237%", noisy(piq=0.003)),
    Case("relative", HOLDS, "metric=ssim; of=beta-vae; to=vae; as=below", "3%", theirs),
    Case("relative", FAILS, "metric=ssim; of=beta-vae; to=vae; as=below", "33%", theirs),
    Case("relative", HOLDS, "metric=ssim; of=beta-vae; to=vae; as=below", "33%", with_(beta_vae__ssim=0.42)),
    Case("relative", FAILS, "metric=ssim; of=beta-vae; to=vae; as=below", "33%", with_(beta_vae__ssim=0.39)),
    Case("relative", HOLDS, "metric=ssim; of=beta-vae beta-tcvae; to=vae; as=below", "1% 4%"),
    Case("relative", FAILS, "metric=ssim; of=beta-vae ae; to=vae; as=below", "1% 4%"),
    Case("relative", UNDECIDED, "metric=ssim; of=beta-vae; to=vae; as=below", "1% 4%", noisy(ssim=0.1)),
    Case("relative", HOLDS, f"metric=piq; of={TOP}; over={FLOWS}; as=ratio", "2.5", theirs),
    Case("relative", FAILS, f"metric=piq; of={TOP}; over={FLOWS}; as=ratio", "3.5"),
    Case("relative", OTHER, "metric=sharpness; of=vq-vae; over=wae; as=ratio", "2"),
    Case("relative", HOLDS, "metric=training_seconds; of=ae; over=vae; as=ratio", "2",
         with_(ae__training_seconds=200.0, vae__training_seconds=100.0)),
    Case("correlation", HOLDS, "x=ssim; y=piq", "0.769", theirs),
    Case("correlation", FAILS, "x=ssim; y=piq", "0.8", printed_with(ae__piq=0.001)),
    Case("correlation", HOLDS, "x=ssim; y=piq", "0.769"),
    Case("correlation", PARTLY, "x=psnr; y=ssim", "0.79"),
    Case("correlation", PARTLY, "x=ssim; y=piq", "0.769", noisy(ssim=3.0)),
    Case("correlation", FAILS, "x=ssim; y=mse", "0.94"),
    Case("correlation", HOLDS, "x=ssim; y=mse; sense=size", "0.94"),
    Case("correlation", FAILS, "x=i_ssim; y=piq; sense=size", "0.38"),
    Case("correlation", FAILS, "x=ssim; y=mse; sense=sign", "0.94"),
    Case("correlation", HOLDS, "x=ssim; y=piq; sense=sign", "0.769"),
    Case("correlation", UNDECIDED, "x=ssim; y=iss; sense=sign", "0.1"),
    Case("correlation", UNDECIDED, "x=ssim; y=piq", "0.769", lambda: ours(models=base().iloc[:3])),
    Case("correlation", HOLDS, "x=ssim; y=piq; sense=below; sign=positive", "0.001", theirs),
    Case("correlation", FAILS, "x=ssim; y=mse; sense=below; sign=positive", "0.001"),
    Case("correlation", PARTLY, "x=iss; y=piq; sense=below", "0.001"),
    Case("correlation", UNDECIDED, "x=ssim; y=iss; sense=below", "0.001"),
    Case("correlation", FAILS, "x=i_ssim; y=piq; sense=p", "0.08"),
    Case("correlation", HOLDS, "x=ssim; y=iss; sense=p", "0.6"),
    Case("equation", HOLDS, "metric=iss"),
    Case("equation", FAILS, "metric=piq"),
    Case("equation", HOLDS, "metric=piq iss", "", rescaled("piq", 1 / 784)),
    Case("equation", FAILS, "metric=piq iss"),
    Case("equation", UNDECIDED, "metric=piq", "", with_(all__piq=nan)),
    Case("equation", UNDECIDED, "metric=piq", "", theirs),
    Case("equation", FAILS, "metric=piq", "", lambda: replace(theirs(), piq_floor=1.3)),
    Case("equation", HOLDS, "metric=piq", "", lambda: replace(theirs(), piq_floor=1.3e-3)),
    Case("equation", UNDECIDED, "metric=iss", "", theirs),
    Case("equation", FAILS, "metric=piq iss", "", theirs),
    Case("equation", HOLDS, "metric=iss", "", printed_with(all__iss=1e-6)),
    Case("spread-over-seeds", FAILS, "metric=ssim", "", with_(all__ssim_seed_sd=0.002)),
    Case("spread-over-seeds", HOLDS, "metric=ssim", "", with_(all__ssim_seed_sd=0.12, all__ssim_sd=0.01)),
    Case("spread-over-seeds", PARTLY, "metric=ssim mse piq", "", with_(
        all__ssim_seed_sd=0.12, all__ssim_sd=0.01, all__mse_seed_sd=0.012, all__mse_sd=1e-6, all__piq_seed_sd=1e-9)),
    Case("spread-over-seeds", FAILS, "metric=ssim", "", with_(all__n_seeds=1)),
    Case("spread-over-seeds", FAILS, "metric=ssim mse piq", "", with_(all__n_seeds=1, all__piq_sd=1e-9)),
    Case("spread-over-seeds", UNDECIDED, "metric=ssim mse", "", with_(all__n_seeds=1, all__ssim_sd=0.01)),
    Case("spread-over-seeds", FAILS, "metric=mse", "", theirs),
    Case("spread-over-seeds", HOLDS, "metric=mse", "", printed_with(all__mse_sd=0.001)),
    Case("spread-over-seeds", UNDECIDED, "metric=piq", "", theirs),
    Case("members", HOLDS, f"models={TOP}; ssim_above=$1", "0.88"),
    Case("members", FAILS, "models=ae wae; ssim_above=$1", "0.88"),
    Case("members", FAILS, f"models={TOP} vae; ssim_above=$1", "0.88"),
    Case("members", UNDECIDED, f"models={TOP}; ssim_above=$1", "0.88", noisy(ssim=0.2)),
    Case("members", HOLDS, "models=ae wae; ssim_at_least=$1; sense=inside", "0.88"),
    Case("members", FAILS, "models=ae vae; ssim_at_least=$1; sense=inside", "0.88"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_size(case: Case) -> None:
    case.check()


@pytest.mark.parametrize(
    ("text", "numbers", "world", "expected"),
    [
        ("of=beta-vae; to=vae; as=below", "33%", ours, PARTLY),
        ("of=ae; to=vae; as=below", "33%", ours, FAILS),
        ("of=beta-vae ae; to=vae; as=below", "20% 40%", ours, FAILS),
        ("of=beta-vae; to=vae; as=below", "33%", with_(beta_vae__ssim=0.6301), FAILS),
        ("of=beta-vae; to=vae; as=below", "33%", with_(spread=0.1, beta_vae__ssim=0.629), UNDECIDED),
        ("of=ae; over=vae; as=ratio", "2", ours, PARTLY),
        ("of=ae; over=vae; as=ratio", "0.5", ours, FAILS),
        ("as=gap", "54%", ours, None),
    ],
)
def test_where_sizes_are_not_judged_their_direction_is(
    text: str, numbers: str, world: Callable[[], World], expected: Outcome | None
) -> None:
    found = sizes.direction(world(), statement("relative", f"metric=ssim; {text}", numbers))
    assert (found and found.outcome) is expected


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: ".".join(map(str, cell)))
def test_within_the_paper_no_number_is_consistent_whatever_it_is(cell: Cell) -> None:
    tables = paper.tables()

    def within(text: str) -> Outcome:
        version = tables.with_cell(cell, text)
        return evaluate(cell_statement(version, cell), paper_world(version)).outcome

    assert within(tables.cells[cell]) is HOLDS
    assert FAILS in (within("99999"), within("0.001"))


def test_a_row_that_repeats_another_but_for_one_number_is_found() -> None:
    cell = Cell(2, "iwae", "piq", "sd")
    version = paper.tables().with_cell(cell, "1.255")
    world = paper_world(version)
    assert evaluate(cell_statement(version, cell), world).outcome is FAILS
    twin = cell._replace(architecture="miwae")
    assert evaluate(cell_statement(version, twin), world).outcome is HOLDS, "three others repeat it"


@pytest.mark.parametrize(
    ("edits", "cell"),
    [
        ({("ae", "psnr"): 20.0}, Cell(1, "ae", "psnr", "mean")),
        ({("ae", "psnr_sd"): 8.0}, Cell(1, "ae", "psnr", "sd")),
        ({("ae", "mae"): 0.1}, Cell(1, "ae", "mae", "mean")),
        ({("ae", "mse_sd"): 0.2}, Cell(1, "ae", "mse", "sd")),
        ({("ae", "piq_sd"): 0.05}, Cell(2, "ae", "piq", "sd")),
        ({("ae", "iss"): 1e3}, Cell(2, "ae", "iss", "mean")),
        ({("ae", "iss_sd"): 9.0}, Cell(2, "ae", "iss", "sd")),
        ({("wae", "ssim"): 0.95}, Cell(1, "wae", "ssim", "mean")),
        ({("ae", "i_ssim"): 1.2}, Cell(2, "ae", "i_ssim", "mean")),
    ],
    ids=["Jensen", "propagation", "MAE ≤ √MSE", "±", "√n", "largest ISS", "± of ISS", "sort order", "≤ 1"],
)
def test_what_mathematics_demands_of_a_row(edits: dict[tuple[str, str], float], cell: Cell) -> None:
    assert evaluate(cell_statement(paper.tables(), cell), theirs(edits)).outcome is FAILS
