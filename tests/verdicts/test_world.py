"""Where a statement is asked: means, their draws, and what is not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.verdicts.judge import Campaign
from reproduce.verdicts.model import Undecidable
from reproduce.verdicts.world import DRAWS, World
from tests.synthetic import make_records
from tests.verdicts.worlds import ours, statement, theirs


def test_draws_spread_by_the_standard_error_of_the_mean() -> None:
    world = ours(spread={"ssim": 0.1}, n=100)
    drawn = world.draws.of("ssim")
    assert drawn.shape == (DRAWS, 22)
    assert drawn.mean(axis=0) == pytest.approx(world.values.of("ssim"), abs=0.002)
    assert drawn.std(axis=0) == pytest.approx(0.01, rel=0.1)


def test_the_same_images_are_drawn_for_all_models() -> None:
    """Two models that do the same on every image differ in no draw, however far images spread."""
    records = make_records("paper", (42,), architectures=["ae", "vae"], seed_spread=0.0)
    images = records.images
    twin = images[images["architecture"] == "ae"].assign(architecture="vae")
    records = replace(records, images=pd.concat([images[images["architecture"] != "vae"], twin]))
    a, b = Campaign(records).everything.draws.of("ssim", ("ae", "vae")).T
    assert a.std() > 0.003
    assert a == pytest.approx(b)


@pytest.mark.parametrize("seeds", [(42,), (42, 123, 456)])
def test_seeds_are_drawn_too_where_there_are_several(seeds: tuple[int, ...]) -> None:
    """The variance of a mean is that over images plus that of the seeds' means over their number."""
    records = make_records("paper", seeds, architectures=["vae"], seed_spread=0.2)
    drawn = Campaign(records).everything.draws.of("mse")[:, 0].std()
    alone = Campaign(summaries.only_seeds(records, [42])).everything.draws.of("mse")[:, 0].std()
    over_seeds = summaries.seed_means(records, "mse").loc["vae"].std() / np.sqrt(3)
    if len(seeds) == 1:
        assert drawn == pytest.approx(alone)
    else:
        assert drawn > over_seeds * 0.9
        assert drawn == pytest.approx(np.hypot(alone, over_seeds), rel=0.25)


def test_the_spread_of_a_spread() -> None:
    """An SD over 100 images is known to about 7 %."""
    assert ours(spread={"ssim": 0.1}, n=100, precise=False).draws.of("ssim_sd").std(axis=0) == pytest.approx(
        0.007, rel=0.3
    )


def test_a_draw_depends_on_nothing_that_was_asked_before() -> None:
    first, second = ours(), ours()
    second.printed_draws.of("mse")
    assert (first.printed_draws.of("ssim") == second.printed_draws.of("ssim")).all()


def test_what_is_one_number_a_model_has_no_error() -> None:
    assert (np.ptp(ours(spread=0.1).draws.of("parameters"), axis=0) == 0).all()


@pytest.mark.parametrize(
    ("world", "message"),
    [(ours(), "no flavour was measured here"), (theirs(), "Tables I and II have no such column")],
    ids=["campaign", "paper"],
)
def test_a_column_that_is_not_there_is_a_reason(world: World, message: str) -> None:
    with pytest.raises(Undecidable, match=message):
        world.rows(("ae",), "flavour")


def test_the_models_that_lack_a_value_are_named() -> None:
    world = ours({("ae", "ssim"): np.nan, ("vae", "ssim"): np.inf})
    with pytest.raises(Undecidable, match=r"^no finite ssim of AE, VAE$"):
        world.require(("ae", "vae", "wae"), "ssim")
    with pytest.raises(Undecidable, match=r"^no finite ssim of (VAE, AE|AE, VAE)$"):
        world.values.of("ssim")
    with pytest.raises(Undecidable, match="one number a model"):
        world.by_unit("parameters", ("ae",))


def test_all_and_others() -> None:
    world, one = ours(), statement("ordering", "better=ae; worse=others")
    assert world.select(one, "better") == ("ae",)
    assert set(world.select(one, "worse")) == set(world.slugs) - {"ae"}
    assert world.select(one, "models") == world.slugs


def test_a_column_on_another_scale_is_told_from_one_row_that_is_far_off() -> None:
    models = ours().models
    assert ours().on_other_scale == frozenset()
    assert ours(models=models.assign(iss=models["iss"] / 1000)).on_other_scale == {"iss"}
    assert ours({("ae", "iss"): 1e-9}).on_other_scale == frozenset()
    scattered = models["iss"] * 10.0 ** np.linspace(-3, 1, len(models))
    assert ours(models=models.assign(iss=scattered)).on_other_scale == frozenset()


def test_the_printed_values_are_the_papers() -> None:
    assert ours().printed_values.of("ssim", ("ae",)) == pytest.approx([paper.models().at["ae", "ssim"]])
