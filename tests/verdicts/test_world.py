"""Where a statement is asked: means, their draws, and what is not there."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.verdicts.judge import Campaign
from reproduce.verdicts.verdict import Undecidable
from reproduce.verdicts.world import DRAWS
from tests.synthetic import make_records
from tests.verdicts.worlds import base, ours, theirs


def test_draws_spread_by_the_standard_error_of_the_mean_and_of_the_spread() -> None:
    """An SD over 100 images is known to about 7 %; what is one number a model has no error."""
    world = ours(spread={"ssim": 0.1}, n=100, precise=False)
    drawn = world.draws.of("ssim")
    assert drawn.shape == (DRAWS, 22)
    assert drawn.mean(axis=0) == pytest.approx(world.values.of("ssim"), abs=0.002)
    assert drawn.std(axis=0) == pytest.approx(0.01, rel=0.1)
    assert world.draws.of("ssim_sd").std(axis=0) == pytest.approx(0.007, rel=0.3)
    assert (np.ptp(world.draws.of("parameters"), axis=0) == 0).all()


def test_the_same_images_are_drawn_for_all_models() -> None:
    """Two models that do the same on every image differ in no draw, however far images spread."""
    records = make_records("paper", (42,), architectures=["ae", "vae"], seed_spread=0.0)
    images = records.images
    twin = images[images["architecture"] == "ae"].assign(architecture="vae")
    records = replace(records, images=pd.concat([images[images["architecture"] != "vae"], twin]))
    a, b = Campaign(records).everything.draws.of("ssim", ("ae", "vae")).T
    assert a.std() > 0.003
    assert a == pytest.approx(b)


def test_seeds_are_drawn_too_where_there_are_several() -> None:
    """The variance of a mean is that over images plus that of the seeds' means over their number."""
    records = make_records("paper", architectures=["vae"], seed_spread=0.2)
    both = records, summaries.only_seeds(records, [42])
    drawn, alone = (Campaign(own).everything.draws.of("mse")[:, 0].std() for own in both)
    over_seeds = summaries.seed_means(records, "mse").loc["vae"].std() / np.sqrt(3)
    assert drawn > over_seeds * 0.9
    assert drawn == pytest.approx(np.hypot(alone, over_seeds), rel=0.25)
    one_seed = make_records("paper", (42,), architectures=["vae"], seed_spread=0.2)
    assert Campaign(one_seed).everything.draws.of("mse")[:, 0].std() == pytest.approx(alone)


def test_a_draw_depends_on_nothing_that_was_asked_before() -> None:
    first, second = ours(), ours()
    second.printed_draws.of("mse")
    assert (first.printed_draws.of("ssim") == second.printed_draws.of("ssim")).all()
    assert first.printed_values.of("ssim", ("ae",)) == pytest.approx([paper.models().at["ae", "ssim"]])


def test_what_is_not_there_is_a_reason_with_the_models_that_lack_it() -> None:
    world = ours({("ae", "ssim"): nan, ("vae", "ssim"): inf})
    for asked, reason in (
        (lambda: ours().rows(("ae",), "flavour"), "no flavour was measured here"),
        (lambda: theirs().rows(("ae",), "flavour"), "Tables I and II have no such column"),
        (lambda: world.rows(("ae", "vae", "wae"), "ssim"), r"^SSIM: no value for AE, VAE$"),
        (lambda: world.values.of("ssim"), r"^SSIM: no value for AE, VAE$"),
        (lambda: world.by_unit("parameters", ("ae",)), "one number a model"),
    ):
        with pytest.raises(Undecidable, match=reason):
            asked()


def test_a_column_on_another_scale_is_told_from_one_row_that_is_far_off() -> None:
    iss = base()["iss"]
    scattered = iss * 10.0 ** np.linspace(-3, 1, len(iss))
    assert ours(models=base().assign(iss=iss / 1000)).on_other_scale == {"iss"}
    for world in (ours(), ours({("ae", "iss"): 1e-9}), ours(models=base().assign(iss=scattered))):
        assert world.on_other_scale == frozenset()
