from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis.carriers import CLOUDS, carriers, clouds, removals
from reproduce.analysis.headline import removal_path
from reproduce.analysis.statistics import pearson


def test_clouds_have_the_correlation_that_they_are_asked_for() -> None:
    made = clouds(0.7, 12)
    assert made.shape == (CLOUDS, 2, 12)
    assert [np.corrcoef(cloud)[0, 1] for cloud in made] == pytest.approx([0.7] * CLOUDS)


def test_models_are_left_out_in_the_order_of_figure_7_until_the_interval_holds_zero() -> None:
    printed = paper.models()
    found = carriers(printed)
    assert found is not None
    path = removal_path(printed, steps=3)
    assert found.slugs == ("ae", "wae") == tuple(path["removed"].iloc[1:3])
    assert (path["low"].iloc[:3] > 0).tolist() == [True, True, False]


def test_the_printed_correlation_rests_on_fewer_models_than_a_cloud_of_its_size() -> None:
    found = carriers(paper.models())
    assert found is not None
    assert found.few
    assert len(found.slugs) < found.low < found.high


def test_a_cloud_without_groups_rests_on_no_few_models() -> None:
    needed = [len(removals(*cloud)) for cloud in clouds(0.8, 22)]
    usual = pd.DataFrame(clouds(0.8, 22)[needed.index(int(np.median(needed)))].T, columns=["ssim", "piq"])
    found = carriers(usual)
    assert found is not None
    assert not found.few
    assert found.low <= len(found.slugs) <= found.high


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
def test_where_nothing_rises_or_nothing_ends_it_no_models_are_named(slope: float) -> None:
    x = np.arange(8.0)
    y = slope * x + np.tile([0.01, -0.01], 4)
    assert (pearson(x, y).low > 0) == (slope > 0)
    assert carriers(pd.DataFrame({"ssim": x, "piq": y})) is None
