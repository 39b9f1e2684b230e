"""Statements of order: ranks, sameness, families, the frontier, Table III."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest

from reproduce.paper import PAPER_SLUGS
from reproduce.verdicts.verdict import Outcome
from tests.verdicts.worlds import Case, base, noisy, ours, outcome, printed_with, theirs, with_, without

HOLDS, PARTLY, FAILS, UNDECIDED = Outcome.HOLDS, Outcome.PARTLY, Outcome.FAILS, Outcome.UNDECIDED
TOP, FLOWS = "ae wae vq-vae", "vae-iaf vae-linnf"
SEVEN = f"{TOP} vae-linnf vae-iaf rae-gp rae-l2"


one_best = with_(rae_gp__ssim=0.95, rae_l2__ssim=0.96, rae_gp__piq=1e-4, rae_l2__piq=2e-4)
"""The two RAE are best in both metrics, by far."""
fuzzy = noisy(piq=0.05)
"""As printed, but PIQ of every model is so uncertain that it may stand anywhere."""


CASES = [
    Case("ordering", HOLDS, f"metric=ssim; better={TOP}; worse=others", "", theirs),
    Case("ordering", FAILS, "metric=mse; better=hvae; worse=vae", "", with_(hvae__mse=0.04)),
    Case("ordering", UNDECIDED, "metric=ssim; better=rae-gp; worse=rae-l2", "", theirs),
    Case("rank", HOLDS, "architecture=ae; metric=ssim; place=1"),
    Case("rank", PARTLY, "architecture=wae; metric=ssim; place=2"),
    Case("rank", FAILS, "architecture=ae; metric=ssim", "3"),
    Case("rank", HOLDS, "architecture=vq-vae; metric=piq", "20"),
    Case("rank", HOLDS, "architecture=vq-vae; metric=piq", "20", without("svae", "vae")),
    Case("rank", UNDECIDED, "architecture=ae; metric=ssim; place=1", "", noisy(ssim=0.5)),
    Case("rank", HOLDS, "architecture=rae-gp; metric=ssim", "5", theirs),
    Case("rank", FAILS, "architecture=vae; metric=ssim", "5", theirs),
    Case("rank", HOLDS, "architecture=svae; metric=ssim; place=-1", "", theirs),
    Case("alike", HOLDS, "models=rae-gp rae-l2; metric=ssim piq"),
    Case("alike", FAILS, "models=vae ae; metric=ssim"),
    Case("alike", UNDECIDED, "models=vae vamp; metric=ssim", "", noisy(ssim=0.1)),
    Case("alike", HOLDS, "models=rae-gp rae-l2; metric=ssim", "", theirs),
    Case("alike", FAILS, "models=rae-gp rae-l2; metric=ssim", "", printed_with(rae_gp__ssim_sd=0.12)),
    Case("alike", HOLDS, "models=rae-gp rae-l2; metric=ssim; sense=similar", "", printed_with(rae_gp__ssim_sd=0.12)),
    Case("alike", HOLDS, "metric=piq; of=V-G/Robust; to=V-G/Flow-based", "", theirs),
    Case("alike", FAILS, "metric=piq; of=V-G/Standard; to=V-G/Flow-based", "", theirs),
    Case("alike", HOLDS, "metric=piq; of=V-G/Robust; to=V-G/Robust"),
    Case("alike", FAILS, "metric=piq; of=V-G/Reconstruction-optimised; to=V-G/Flow-based"),
    Case("alike", UNDECIDED, f"metric=piq; of={TOP}; to={FLOWS}", "", with_(ae__piq=nan)),
    Case("no-gain", HOLDS, "metric=ssim; models=iwae rae-gp; to=vae"),
    Case("no-gain", FAILS, "metric=ssim; models=iwae ae; to=vae"),
    Case("no-gain", UNDECIDED, "metric=ssim; models=rae-gp; to=vae", "", noisy(ssim=0.1)),
    Case("no-gain", HOLDS, "metric=ssim; models=iwae rae-gp; to=vae", "", theirs),
    Case("no-gain", FAILS, "metric=ssim; models=iwae ae; to=vae", "", theirs),
    Case("significant", HOLDS, "models=ae; to=vae; metric=ssim; sense=better; bound=0.001", "", noisy(ssim=0.1)),
    Case("significant", PARTLY, "models=ae; to=vae; metric=ssim; sense=better; bound=1e-200", "", noisy(ssim=0.5)),
    Case("significant", FAILS, "models=ae; to=vae; metric=ssim; sense=worse; bound=0.001", "", noisy(ssim=0.1)),
    Case("significant", UNDECIDED, "models=vamp; to=svae; metric=ssim; sense=better; bound=0.001", "", noisy(ssim=0.5)),
    Case("significant", HOLDS, "models=rae-gp; to=rae-l2; metric=ssim; sense=none", "", noisy(ssim=0.001)),
    Case("significant", FAILS, "models=ae; to=vae; metric=ssim; sense=none", "", noisy(ssim=0.1)),
    Case("significant", UNDECIDED, "models=rae-gp; to=rae-l2; metric=ssim; sense=none", "", noisy(ssim=0.3)),
    Case("significant", UNDECIDED, "models=rae-gp; to=vae; metric=ssim; sense=none", "", theirs),
    Case("significant", FAILS, "models=vae; to=ae; metric=ssim; sense=better; bound=0.001", "", theirs),
    Case("significant", UNDECIDED, "models=vq-vae; to=wae; metric=piq; sense=better; bound=0.05", "", theirs),
    Case("significant", HOLDS, "models=rae-gp; to=vae; metric=ssim; sense=better; bound=0.001", "",
         printed_with(rae_gp__ssim_sd=0.119)),
    Case("significant", UNDECIDED, "models=ae; to=vae; metric=parameters; sense=better; bound=0.05"),
    Case("same-ranking", HOLDS, "x=mae; y=mse", "", theirs),
    Case("same-ranking", FAILS, "x=mae; y=mse", "", printed_with(vae__mae=0.1335)),
    Case("same-ranking", FAILS, "x=piq; y=i_ssim"),
    Case("same-ranking", PARTLY, "x=mae; y=mse", "", with_(vae__mae=0.1335)),
    Case("same-ranking", UNDECIDED, "x=piq; y=i_ssim", "", noisy(piq=0.1, i_ssim=4.0)),
    Case("residual", HOLDS, "models=ae; sign=positive", "", with_(ae__ssim=0.99)),
    Case("residual", FAILS, "models=ae; sign=positive", "", with_(ae__ssim=0.6)),
    Case("residual", UNDECIDED, "models=ae; sign=positive", "", noisy(ssim=0.6)),
    Case("residual", FAILS, "models=rae-gp rae-l2; sign=positive", "", theirs),
    Case("residual", HOLDS, "models=rae-gp rae-l2; sign=negative", "", theirs),
    Case("family-place", HOLDS, "metric=ssim; family=IV-E/Deterministic; place=1"),
    Case("family-place", FAILS, "metric=ssim; family=IV-E/Disentanglement; place=-1"),
    Case("family-place", UNDECIDED, "metric=ssim; family=IV-E/Deterministic; place=1", "", noisy(ssim=2.0)),
    Case("family-place", UNDECIDED, "metric=ssim; family=IV-E/Deterministic; place=1", "", with_(svae__ssim=nan)),
    Case("family-place", FAILS, "metric=ssim; family=IV-E/Deterministic; place=1; by=median", "",
         with_(ae__ssim=0.95, wae__ssim=0.1, vq_vae__ssim=0.1)),
    Case("pareto", HOLDS, f"models={SEVEN}", "", theirs),
    Case("pareto", FAILS, f"models={TOP}", "", theirs),
    Case("pareto", HOLDS, "models=rae-gp rae-l2", "", one_best),
    Case("pareto", FAILS, f"models={SEVEN}", "", one_best),
    Case("pareto", UNDECIDED, "models=rae-gp; sense=in", "", fuzzy),
    Case("pareto", HOLDS, "models=ae; sense=in"),
    Case("pareto", HOLDS, "models=iwae; sense=out"),
    Case("pareto", FAILS, "models=ae; sense=out"),
    Case("best-of-combined", HOLDS, "models=rae-gp rae-l2", "", theirs),
    Case("best-of-combined", FAILS, "models=vq-vae", "", theirs),
    Case("best-of-combined", HOLDS, "models=rae-gp rae-l2", "", one_best),
    Case("best-of-combined", FAILS, f"models=vq-vae; among={TOP}", "", with_(vq_vae__ssim=0.2)),
    Case("best-of-combined", UNDECIDED, "models=rae-gp rae-l2", "", fuzzy),
    Case("count", HOLDS, "set=pareto", "7", theirs),
    Case("count", FAILS, "set=dominated", "14", theirs),
    Case("count", HOLDS, "set=bounds; ssim_above=$2", "3 0.88"),
    Case("count", FAILS, "set=bounds; ssim_above=$2", "4 0.88"),
    Case("count", UNDECIDED, "set=bounds; ssim_above=$2", "3 0.88", noisy(ssim=0.3)),
    Case("count", HOLDS, "set=pareto", "2", one_best),
    Case("count", HOLDS, "set=rows", "22"),
    Case("count", UNDECIDED, "set=rows", "22", theirs),
    Case("recommendation", HOLDS, f"application=Medical Imaging; role=recommended; models={TOP}", "", theirs),
    Case("recommendation", FAILS, "application=Visualization; role=first; models=svae", "", theirs),
    Case("recommendation", FAILS, "application=Medical Imaging; role=avoid; models=ae", "", theirs),
    Case("recommendation", HOLDS, "application=Medical Imaging; role=avoid; models=svae", "", theirs),
    Case("recommendation", UNDECIDED, "application=Semi-Supervised; role=avoid; models=vq-vae", "", theirs),
    Case("recommendation", HOLDS, "application=General Purpose; role=avoid; models=iwae", "", theirs),
    Case("recommendation", HOLDS, "application=General Purpose; role=first; models=rae-gp rae-l2", "", one_best),
    Case("recommendation", FAILS, "application=General Purpose; role=first; models=iwae", "", one_best),
    Case("recommendation", PARTLY, "application=Medical Imaging; role=recommended; models=rae-gp rae-l2 svae", "",
         one_best),
    Case("recommendation", FAILS, "application=Visualization; role=first; models=vae-linnf", "",
         with_(vae_linnf__digit_frames=0.2)),
    Case("recommendation", UNDECIDED, "application=Disentanglement; role=first; models=beta-vae"),
    Case("recommendation", UNDECIDED, "application=Visualization; role=first; models=svae", "",
         lambda: ours(models=base().drop(columns="digit_frames"))),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_order(case: Case) -> None:
    case.check()


def test_a_first_choice_is_the_first_and_not_only_one_of_the_recommended() -> None:
    text = "application=Visualization; role=first; models="
    found = {slug: outcome(one_best(), "recommendation", text + slug) for slug in one_best().slugs}
    assert list(found.values()).count(HOLDS) == 1
    assert list(found.values()).count(PARTLY) == 2


def test_several_comparisons_without_a_difference_are_corrected_for() -> None:
    """One difference at p = 0.03 refutes sameness; among three comparisons it does not."""
    noise = np.random.default_rng(3).standard_normal(100)
    difference = 0.1 * ((noise - noise.mean()) / noise.std(ddof=1) + 0.22)  # t = 2.2

    def measured(metric: str) -> pd.DataFrame:
        table = pd.DataFrame({slug: difference * (slug == "hvae") for slug in PAPER_SLUGS}) + 0.6
        long = table.rename_axis("unit").melt(ignore_index=False, var_name="architecture")
        return long.assign(seed=1).reset_index()

    world = replace(ours({("all", "ssim"): 0.6}), measured=measured)
    assert outcome(world, "significant", "models=hvae; to=vae; metric=ssim; sense=none") is FAILS
    several = "models=hvae iwae miwae; to=vae; metric=ssim; sense=none"
    assert outcome(world, "significant", several) is not FAILS


def test_a_tie_in_the_combined_rank_is_no_lead() -> None:
    three = base().iloc[:3].assign(ssim=[0.9, 0.8, 0.7], piq=[2.0, 1.0, 3.0])
    first, second, _ = three.index
    assert outcome(ours(models=three), "best-of-combined", f"models={first}") is FAILS
    assert outcome(ours(models=three), "best-of-combined", f"models={first} {second}") is HOLDS
