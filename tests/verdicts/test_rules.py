"""The rules of judgement: each true, false and undecided."""

from __future__ import annotations

import numpy as np
import pytest

from reproduce.analysis.summaries import WALL_CLOCK_ERROR
from reproduce.paper import Printed
from reproduce.verdicts import rules
from reproduce.verdicts.model import Outcome
from reproduce.verdicts.rules import Lead
from tests.verdicts.worlds import ours, outcome, theirs

HOLDS, PARTLY, FAILS, UNDECIDED = Outcome.HOLDS, Outcome.PARTLY, Outcome.FAILS, Outcome.UNDECIDED
AE = "architecture=ae; metric=ssim"


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        (0.900, 0.0, HOLDS),
        (0.909, 0.0, HOLDS),
        (0.912, 0.0, FAILS),
        (0.880, 0.0, FAILS),
        (0.900, 0.2, UNDECIDED),
        (0.912, 0.1, UNDECIDED),
        (0.600, 0.2, FAILS),
    ],
    ids=[
        "equal",
        "inside",
        "outside",
        "outside, below",
        "wider than the margin",
        "across its end",
        "far beyond all",
    ],
)
def test_a_printed_value_by_the_interval_of_its_difference(
    value: float, spread: float, expected: Outcome
) -> None:
    """0.900 is printed; margin 0.01; a hundred images."""
    world = ours({("ae", "ssim"): value}, spread=spread, n=100)
    assert outcome(world, "cell", AE, "0.900") is expected


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
    assert mine.std() == pytest.approx(0.012, rel=0.1)
    assert printed.std() == pytest.approx(0.012, rel=0.1)
    assert abs(np.corrcoef(mine, printed)[0, 1]) < 0.1


def test_an_interval_says_the_difference_and_both_numbers() -> None:
    found = rules.printed_value(
        ours(), Printed("0.5", "1"), lambda v: v.of("ssim", ("ae",))[..., 0], margin=0.01
    )
    assert found.shown.startswith("0.908 against 0.5 in the paper; difference -0.408 [")


# --- orders -----------------------------------------------------------------------------------------------

VAE, LINNF = ("vae", "ssim"), ("vae-linnf", "ssim")


@pytest.mark.parametrize(
    ("lead", "spread", "expected"),
    [
        (0.050, 0.00, HOLDS),
        (0.005, 0.00, PARTLY),
        (0.012, 0.04, PARTLY),
        (-0.050, 0.00, FAILS),
        (-0.005, 0.00, FAILS),
        (0.000, 0.01, FAILS),
        (0.010, 0.10, UNDECIDED),
    ],
    ids=[
        "beyond",
        "within",
        "across the margin",
        "wrong sign",
        "wrong sign, within",
        "equivalent",
        "unknown",
    ],
)
def test_an_order_by_the_interval_of_the_lead(lead: float, spread: float, expected: Outcome) -> None:
    world = ours({VAE: 0.6 + lead, LINNF: 0.6}, spread=spread, n=100)
    assert outcome(world, "ordering", "metric=ssim; better=vae; worse=vae-linnf") is expected


def test_the_weakest_pair_decides() -> None:
    """VQ-VAE and WAE both lead the VAE, one of them only just."""
    world = ours({("vae", "ssim"): 0.6, ("wae", "ssim"): 0.605, ("vq-vae", "ssim"): 0.9})
    found = rules.all_lead(rules.compare(world, "ssim", ("vq-vae", "wae"), ("vae",)))
    assert found.outcome is PARTLY
    assert found.shown.startswith("weakest case: WAE leads VAE in SSIM by 0.005")


@pytest.mark.parametrize(("seconds", "expected"), [(100.5, UNDECIDED), (200.0, HOLDS), (50.0, FAILS)])
def test_half_a_percent_between_two_timings_decides_nothing(seconds: float, expected: Outcome) -> None:
    times = {("vae", "training_seconds"): 100.0, ("factor-vae", "training_seconds"): seconds}
    world = ours(times, precise=False)
    assert outcome(world, "ordering", "metric=training_seconds; better=vae; worse=factor-vae") is expected


def test_times_by_a_wall_clock_on_a_busy_machine_tell_less() -> None:
    """What one seed's process clock tells for certain, a wall clock does not."""
    times = {("vae", "training_seconds"): 100.0, ("factor-vae", "training_seconds"): 200.0}
    world = ours(times | {("all", "timing_error"): WALL_CLOCK_ERROR}, precise=False)
    assert outcome(world, "ordering", "metric=training_seconds; better=vae; worse=factor-vae") is UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.02, 0.03, Lead.BETTER),
        (0.005, 0.03, Lead.SLIGHTLY_BETTER),
        (-0.03, -0.02, Lead.WORSE),
        (-0.03, -0.005, Lead.SLIGHTLY_WORSE),
        (-0.005, 0.005, Lead.SAME),
        (-0.03, 0.03, Lead.UNKNOWN),
    ],
)
def test_how_one_value_stands_to_another(low: float, high: float, expected: Lead) -> None:
    assert rules.lead(np.linspace(low, high, 1000), 0.01) == expected


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([Lead.WORSE, Lead.BETTER, Lead.BETTER], HOLDS),
        ([Lead.SLIGHTLY_WORSE, Lead.BETTER, Lead.BETTER], PARTLY),
        ([Lead.WORSE, Lead.WORSE, Lead.BETTER], FAILS),
        ([Lead.BETTER, Lead.BETTER, Lead.BETTER], FAILS),
        ([Lead.WORSE, Lead.SAME, Lead.BETTER], FAILS),
        ([Lead.WORSE, Lead.UNKNOWN, Lead.BETTER], UNDECIDED),
    ],
)
def test_the_second_place_among_four(others: list[Lead], expected: Outcome) -> None:
    assert rules.place(np.array(others), 2) is expected


# --- shares of draws --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, HOLDS), (0.975, HOLDS), (0.5, UNDECIDED), (0.025, FAILS)]
)
def test_by_the_share_of_resamples(share: float, expected: Outcome) -> None:
    found = rules.by_share("7 of 22", share)
    assert found.outcome is expected
    assert found.shown.endswith(f"in {share:.0%} of resamples")


@pytest.mark.parametrize(
    ("shares", "exactly", "expected"),
    [
        ([1.0, 1.0, 0.0], True, HOLDS),
        ([1.0, 1.0, 1.0], True, FAILS),
        ([1.0, 1.0, 1.0], False, HOLDS),
        ([1.0, 0.0, 0.0], False, FAILS),
        ([1.0, 0.6, 0.0], True, UNDECIDED),
        ([1.0, 1.0, 0.4], True, UNDECIDED),
    ],
)
def test_whether_exactly_these_are_inside(shares: list[float], exactly: bool, expected: Outcome) -> None:
    found = rules.membership(
        ("ae", "wae"), ("ae", "wae", "vae"), np.array(shares) > 0.5, np.array(shares), exactly=exactly
    )
    assert found.outcome is expected


def test_a_named_model_that_takes_no_part_leaves_it_undecided() -> None:
    assert outcome(ours(models=ours().models.drop("ae")), "pareto", "models=ae") is UNDECIDED


# --- within the paper -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "expected"), [("0.908", HOLDS), ("0.909", FAILS), ("0.91", HOLDS), ("0.9080", HOLDS)]
)
def test_within_the_paper_numbers_agree_up_to_rounding(printed: str, expected: Outcome) -> None:
    assert outcome(theirs(), "cell", AE, printed) is expected


def test_rounding_of_every_cell_adds_up() -> None:
    """The mean of two cells of three places moves by half a unit at most."""
    world, rows = theirs(), ("rae-l2", "rae-gp")
    assert rules.rounding(world, lambda v: v.of("ssim", rows).mean(-1), ["ssim"], rows) == pytest.approx(
        0.0005
    )
    assert rules.rounding(world, lambda v: v.of("ssim", rows).sum(-1), ["ssim"], rows) == pytest.approx(0.001)


@pytest.mark.parametrize(
    "column", ["ssim", "mse", "piq", "iss", "i_ssim", "sharpness", "inference_microseconds"]
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
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
