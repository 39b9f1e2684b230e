"""The rules of judgement: each true, false and undecided."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from reproduce.analysis.summaries import WALL_CLOCK_ERROR
from reproduce.verdicts import rules
from reproduce.verdicts.judge import evaluate
from reproduce.verdicts.rules import Lead
from reproduce.verdicts.verdict import Outcome
from tests.verdicts.worlds import ours, outcome, statement, theirs, without

HOLDS, PARTLY, FAILS, UNDECIDED = Outcome.HOLDS, Outcome.PARTLY, Outcome.FAILS, Outcome.UNDECIDED
AE = "architecture=ae; metric=ssim"


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        pytest.param(0.900, 0.0, HOLDS, id="equal"),
        pytest.param(0.909, 0.0, HOLDS, id="inside"),
        pytest.param(0.912, 0.0, FAILS, id="outside"),
        pytest.param(0.880, 0.0, FAILS, id="outside, below"),
        pytest.param(0.900, 0.2, UNDECIDED, id="wider than the margin"),
        pytest.param(0.912, 0.1, UNDECIDED, id="across its end"),
        pytest.param(0.600, 0.2, FAILS, id="far beyond all"),
    ],
)
def test_a_printed_value_by_its_differences_interval(value: float, spread: float, expected: Outcome) -> None:
    """0.900 is printed; margin 0.01; a hundred images."""
    assert outcome(ours({("ae", "ssim"): value}, spread=spread, n=100), "cell", AE, "0.900") is expected


@pytest.mark.parametrize(("precise", "expected"), [(False, UNDECIDED), (True, HOLDS)])
def test_the_papers_own_sampling_error_is_part_of_the_interval(precise: bool, expected: Outcome) -> None:
    """SVAE's ± of 0.12 leaves its printed mean uncertain by 0.012."""
    world = ours({("svae", "ssim"): 0.590}, precise=precise)
    assert outcome(world, "cell", "architecture=svae; metric=ssim", "0.590") is expected


def test_both_errors_are_independent_though_images_are_shared() -> None:
    """Two campaigns on images of their own differ by √2 times the error of one."""
    world = ours(spread={"ssim": 0.12}, n=100, precise=False)
    world.paper.loc["svae", "ssim_sd"] = 0.12
    at = world.slugs.index("svae")
    mine, printed = world.draws.of("ssim")[:, at], world.printed_draws.of("ssim")[:, at]
    assert [mine.std(), printed.std()] == pytest.approx([0.012] * 2, rel=0.1)
    assert abs(np.corrcoef(mine, printed)[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("lead", "spread", "expected"),
    [
        pytest.param(0.050, 0.00, HOLDS, id="beyond"),
        pytest.param(0.005, 0.00, PARTLY, id="within"),
        pytest.param(0.012, 0.04, PARTLY, id="across the margin"),
        pytest.param(-0.050, 0.00, FAILS, id="wrong sign"),
        pytest.param(-0.005, 0.00, FAILS, id="wrong sign, within"),
        pytest.param(0.000, 0.01, FAILS, id="equivalent"),
        pytest.param(0.010, 0.10, UNDECIDED, id="unknown"),
    ],
)
def test_an_order_by_the_interval_of_the_lead(lead: float, spread: float, expected: Outcome) -> None:
    world = ours({("vae", "ssim"): 0.6 + lead, ("vae-linnf", "ssim"): 0.6}, spread=spread, n=100)
    assert outcome(world, "ordering", "metric=ssim; better=vae; worse=vae-linnf") is expected


def test_the_weakest_pair_decides() -> None:
    """VQ-VAE and WAE both lead the VAE, one of them only just."""
    world = ours({("vae", "ssim"): 0.6, ("wae", "ssim"): 0.605, ("vq-vae", "ssim"): 0.9})
    found = evaluate(statement("ordering", "metric=ssim; better=vq-vae wae; worse=vae"), world)
    assert found.outcome is PARTLY
    assert found.shown.startswith("weakest case: WAE leads VAE in SSIM by 0.005")


@pytest.mark.parametrize(
    ("seconds", "error", "expected"),
    [
        (100.5, None, UNDECIDED),
        (200.0, None, HOLDS),
        (50.0, None, FAILS),
        (200.0, WALL_CLOCK_ERROR, UNDECIDED),
    ],
)
def test_half_a_percent_between_two_timings_decides_nothing_and_a_wall_clock_tells_less(
    seconds: float, error: float | None, expected: Outcome
) -> None:
    edits = {("vae", "training_seconds"): 100.0, ("factor-vae", "training_seconds"): seconds}
    world = ours(edits | ({("all", "timing_error"): error} if error else {}), precise=False)
    assert outcome(world, "ordering", "metric=training_seconds; better=vae; worse=factor-vae") is expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.02, 0.03, Lead.BETTER),
        (0.005, 0.03, Lead.SLIGHTLY_BETTER),
        (-0.03, -0.02, Lead.WORSE),
        (-0.03, -0.005, Lead.SLIGHTLY_WORSE),
        (-0.005, 0.005, Lead.SAME),
        (-0.0108, 0.0108, Lead.SAME),  # by its 90 % interval, which ends at 0.00972
        (-0.0113, 0.0113, Lead.UNKNOWN),
        (-0.03, 0.03, Lead.UNKNOWN),
    ],
)
def test_how_one_value_stands_to_another(low: float, high: float, expected: Lead) -> None:
    assert rules.lead(np.linspace(low, high, 1000), 0.01) == expected


@pytest.mark.parametrize(
    ("share", "partly", "expected"),
    [
        (0.975, 0.0, HOLDS),
        (0.97, 0.0, UNDECIDED),
        (0.03, 0.0, UNDECIDED),
        (0.025, 0.0, FAILS),
        (0.025, 0.975, PARTLY),
        (0.025, 0.5, UNDECIDED),
    ],
)
def test_by_the_share_of_resamples(share: float, partly: float, expected: Outcome) -> None:
    assert rules.by_share("7 of 22", share, partly).outcome is expected


def test_a_named_model_that_takes_no_part_leaves_it_undecided() -> None:
    assert outcome(without("ae")(), "pareto", "models=ae") is UNDECIDED


@pytest.mark.parametrize(
    ("printed", "expected"), [("0.908", HOLDS), ("0.909", FAILS), ("0.91", HOLDS), ("0.9080", HOLDS)]
)
def test_within_the_paper_numbers_agree_up_to_rounding(printed: str, expected: Outcome) -> None:
    assert outcome(theirs(), "cell", AE, printed) is expected


def test_rounding_of_every_cell_adds_up() -> None:
    """The mean of two cells of three places moves by half a unit at most, their sum by a whole one."""
    world, rows = theirs(), ("rae-l2", "rae-gp")
    found = [
        rules.rounding(world, statistic, ["ssim"], rows)
        for statistic in (lambda v: v.of("ssim", rows).mean(-1), lambda v: v.of("ssim", rows).sum(-1))
    ]
    assert found == pytest.approx([0.0005, 0.001])


@pytest.mark.parametrize(
    ("column", "value"),
    [("ssim", nan), ("piq", inf), ("iss", nan), ("sharpness", nan), ("inference_microseconds", inf)],
)
def test_what_is_not_finite_decides_nothing(column: str, value: float) -> None:
    """Neither of the model itself, nor where it is compared, nor in a whole column."""
    one, whole = ours({("ae", column): value}), ours({("all", column): value})
    assert outcome(one, "cell", f"architecture=ae; metric={column}", "0.9") is UNDECIDED
    assert outcome(one, "rank", f"architecture=vae; metric={column}; place=5") is UNDECIDED
    for kind, text, numbers in (
        ("ordering", f"metric={column}; better=ae; worse=vae", ""),
        ("summary", f"metric={column}; models=all; as=mean", "0.5"),
        ("relative", f"metric={column}; as=gap", "50%"),
        ("alike", f"metric={column}; models=ae vae", ""),
        ("correlation", f"x={column}; y=psnr", "0.9"),
        ("same-ranking", f"x={column}; y=psnr", ""),
    ):
        assert outcome(whole, kind, text, numbers) is UNDECIDED, kind
