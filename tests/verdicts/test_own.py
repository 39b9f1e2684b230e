"""Statements that are like no other, and what only records can tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce.analysis import latent
from reproduce.paper import PAPER_SLUGS
from reproduce.storage.records import Arrays, Records
from reproduce.verdicts.judge import evaluate
from reproduce.verdicts.verdict import Outcome
from reproduce.verdicts.world import World
from tests.synthetic import make_records, paperlike
from tests.verdicts.worlds import (
    PCA_ABOVE,
    PCA_BELOW,
    PCA_NEAR,
    Edits,
    base,
    inside,
    noisy,
    ours,
    outcome,
    registered,
    theirs,
    with_,
)

HOLDS, PARTLY, FAILS, UNDECIDED = Outcome.HOLDS, Outcome.PARTLY, Outcome.FAILS, Outcome.UNDECIDED
RISING = np.linspace(0.3, 0.9, len(PAPER_SLUGS))
PSNR_APART: Edits = {("ae", "psnr"): 30, ("wae", "mse"): 0.009, ("wae", "psnr"): 20}


def trade_off(sign: int = 1, spread: float = 0.0) -> World:
    """SSIM rises evenly over the models, and so do PIQ and ISS, while I-SSIM falls (sign −1: the other way round)."""
    rough = RISING[::sign]
    smooth = {"piq": rough / 1000, "iss": rough, "i_ssim": 1 - rough / 10}
    models = base().assign(ssim=RISING, mse=1 - RISING, psnr=RISING, **smooth)
    return ours(models=models, spread=spread, n=100)


def shaken(**columns: float) -> World:
    """The trade-off with columns that follow it only loosely: noise of so many SDs on them."""
    noise = pd.Series(np.random.default_rng(1).standard_normal(len(PAPER_SLUGS)), list(PAPER_SLUGS))
    models = trade_off().models
    moved = {name: models[name] + sds * models[name].std() * noise for name, sds in columns.items()}
    return ours(models=models.assign(**moved))


def lucky(value: float) -> World:
    """One seed of Adversarial-AE has this SSIM."""
    runs = paperlike().runs
    one = (runs["architecture"] == "adversarial-ae") & (runs["seed"] == 42)
    return ours(records=replace(paperlike(), runs=runs.assign(ssim=runs["ssim"].where(~one, value))))


ONE_SEED = make_records(seeds=(42,), architectures=["ae", "vae", "adversarial-ae"])


def four_apart() -> World:
    """r > 0 in every family, in all resamples, with p above 0.05 in one: four points are too few."""
    models = trade_off().models
    pair = ["beta-vae", "beta-tcvae"]
    models.loc[pair, "piq"] = models.loc[pair[::-1], "piq"].to_numpy() * 1.02
    return ours(models=models)


@pytest.mark.parametrize(("identity", "expected", "world"), [
    ("Abstract.systematic", HOLDS, trade_off),
    ("Abstract.systematic", FAILS, lambda: trade_off(-1)),
    ("Abstract.systematic", UNDECIDED, lambda: shaken(piq=5)),
    ("Abstract.systematic", FAILS, theirs),
    ("V-F.three-metrics", HOLDS, trade_off),
    ("V-F.three-metrics", FAILS, lambda: trade_off(-1)),
    ("V-F.three-metrics", UNDECIDED, lambda: shaken(iss=20)),
    ("V-F.three-metrics", FAILS, theirs),
    ("IV-C.aae-largest-spread", HOLDS, with_(adversarial_ae__ssim_seed_sd=0.2)),
    ("IV-C.aae-largest-spread", FAILS, with_(ae__ssim_seed_sd=0.2)),
    ("IV-C.aae-largest-spread", UNDECIDED, with_(adversarial_ae__n_seeds=2)),
    ("IV-C.aae-largest-spread", FAILS, theirs),
    ("IV-D.rae-against-pca", HOLDS, lambda: ours(pca=PCA_BELOW)),
    ("IV-D.rae-against-pca", FAILS, lambda: ours(pca=PCA_ABOVE)),
    ("IV-D.rae-against-pca", UNDECIDED, lambda: ours(pca=PCA_NEAR, spread=0.3, n=100)),
    ("IV-D.rae-against-pca", UNDECIDED, ours),
    ("IV-D.rae-against-pca", FAILS, lambda: replace(theirs(), pca=PCA_ABOVE)),
    ("IV-F.sharper-than-mean", HOLDS, ours),
    ("IV-F.sharper-than-mean", FAILS, with_(wae__sharpness=0.01)),
    ("IV-F.sharper-than-mean", UNDECIDED, with_(spread=1.0)),
    ("IV-F.psnr-weaker", HOLDS, lambda: shaken(psnr=3)),
    ("IV-F.psnr-weaker", FAILS, lambda: shaken(mse=3)),
    ("IV-F.psnr-weaker", UNDECIDED, noisy(mse=0.4, psnr=200)),
    ("IV-F.psnr-spread", HOLDS, lambda: ours(PSNR_APART)),
    ("IV-F.psnr-spread", FAILS, ours),
    ("IV-F.psnr-spread", UNDECIDED, with_(all__mse=0.1)),
    ("IV-G.aae-seeds", HOLDS, lambda: lucky(0.95)),
    ("IV-G.aae-seeds", FAILS, lambda: lucky(0.75)),
    ("IV-G.aae-seeds", UNDECIDED, lambda: ours(records=ONE_SEED)),
    ("IV-G.aae-seeds", FAILS, theirs),
    ("IV-G.aae-seeds", HOLDS, lambda: theirs({("adversarial-ae", "ssim_sd"): 0.3})),
    ("V-A.piq-more-sensitive", HOLDS, with_(ae__piq=1.0)),
    ("V-A.piq-more-sensitive", FAILS, with_(ae__mse=1e-9)),
    ("V-A.piq-more-sensitive", UNDECIDED, with_(all__piq=0.002)),
    ("V-G.inverted", HOLDS, trade_off),
    ("V-G.inverted", FAILS, lambda: trade_off(-1)),
    ("V-G.inverted", PARTLY, lambda: shaken(ssim=2)),
    ("V-G.inverted", UNDECIDED, with_(all__ssim=0.6)),
    ("VI-A.within-families", HOLDS, trade_off),
    ("VI-A.within-families", FAILS, lambda: trade_off(-1)),
    ("VI-A.within-families", HOLDS, lambda: trade_off(spread=2.0)),
    ("VI-A.within-families", PARTLY, four_apart),
    ("VI-A.within-families", UNDECIDED, with_(wae__ssim=np.nan)),
    ("VI-D.distinct-regimes", HOLDS, trade_off),
    ("VI-D.distinct-regimes", FAILS, lambda: trade_off(-1)),
    ("VI-D.distinct-regimes", UNDECIDED, lambda: trade_off(spread=2.0)),
    ("VI-D.distinct-regimes", FAILS, theirs),
])  # fmt: skip
def test_what_is_like_no_other(identity: str, expected: Outcome, world: Callable[[], World]) -> None:
    assert inside(identity, world()) is expected


# --- digits and latent spaces -----------------------------------------------------------------------------


def with_digits(where: Callable[[pd.DataFrame], pd.Series], **values: float) -> World:
    """The campaign with other values by digit in some rows."""
    digits = paperlike().digits
    changed = {name: digits[name].mask(where(digits), value) for name, value in values.items()}
    return ours(records=replace(paperlike(), digits=digits.assign(**changed)))


@pytest.mark.parametrize(("hard", "expected"), [([8, 6, 9], HOLDS), ([8, 6, 1], PARTLY), ([1, 2, 3], FAILS)])
def test_hardest_digits(hard: list[int], expected: Outcome) -> None:
    world = with_digits(lambda rows: rows["label"].isin(hard), mse=1.0)
    assert outcome(world, "hardest-digits", "models=beta-vae; digits=8 6 9") is expected


def test_svae_fails_on_all_digits_alike() -> None:
    flat = with_digits(lambda rows: rows["architecture"] == "svae", mse=0.03)
    hard = with_digits(lambda rows: (rows["architecture"] == "svae") & (rows["label"] == 1), mse=0.18)
    assert [inside("IV-G.svae-uniform", world) for world in (flat, hard)] == [HOLDS, FAILS]


@pytest.mark.parametrize(("share", "expected"), [(0.5, HOLDS), (0.0, FAILS)])
def test_digits_that_turn_into_others(share: float, expected: Outcome) -> None:
    world = with_digits(lambda rows: rows["architecture"] == "vq-vae", changed=share)
    assert inside("IV-G.vq-vae-digits", world) is expected


LABELS = np.arange(1000) % 10


def codes(kind: str) -> np.ndarray:
    """Codes whose digits lie apart, on a grid along the axes, in one cloud, or along a diagonal."""
    noise = np.random.default_rng(0).standard_normal((1000, 4))
    grid = np.stack([LABELS % 2, LABELS // 2 % 2, LABELS // 4 % 2, LABELS // 8], axis=1)
    return {
        "apart": 10 * grid + noise,
        "grid": 2 * grid * [4, 3, 2, 1] + 0.1 * noise,
        "overlapping": noise,
        "diagonal": np.outer(LABELS, np.ones(4)) * 3 + noise,
    }[kind]


def with_codes(kind: str, last: str | None) -> Records:
    """VQ-VAE's codes are of one kind (in its last seed of another, if asked), all others' overlap; IWAE was not run."""

    def load(architecture: str, seed: int, variant: str = "") -> Arrays:
        own = last if last and seed == 456 else kind
        return {"codes": codes(own if architecture == "vq-vae" else "overlapping"), "code_labels": LABELS}

    runs = paperlike().runs
    return replace(paperlike(), load_samples=load, runs=runs[runs["architecture"] != "iwae"])


@pytest.mark.parametrize(
    ("word", "kind", "last", "expected"),
    [
        ("clustered", "apart", None, HOLDS),
        ("clustered", "overlapping", None, FAILS),
        ("fragmented", "apart", None, HOLDS),
        ("fragmented", "overlapping", None, FAILS),
        ("fragmented", "apart", "overlapping", PARTLY),
        ("continuous", "overlapping", None, HOLDS),
        ("continuous", "apart", None, FAILS),
        ("overlapping", "overlapping", None, HOLDS),
        ("overlapping", "apart", None, FAILS),
        ("axis-aligned", "grid", None, HOLDS),
        ("axis-aligned", "diagonal", None, FAILS),
    ],
)
def test_a_word_about_latent_spaces(word: str, kind: str, last: str | None, expected: Outcome) -> None:
    world = ours(records=with_codes(kind, last))
    assert outcome(world, "latent", f"models=vq-vae; word={word}") is expected
    assert outcome(world, "latent", f"models=iwae; word={word}") is UNDECIDED


@pytest.mark.parametrize(
    ("vq_vae", "ae", "expected"),
    [
        ({42: 0.30, 123: 0.50, 456: 0.40}, {42: 0.20, 123: 0.40, 456: 0.30}, HOLDS),
        ({42: 0.30, 123: 0.50, 456: 0.40}, {42: 0.20, 123: 0.48, 456: 0.30}, PARTLY),
        ({42: 0.30, 123: 0.50, 456: 0.40}, {42: 0.20, 123: 0.60, 456: 0.30}, UNDECIDED),
        ({42: 0.30, 123: 0.50}, {42: 0.20, 123: 0.40, 456: 0.90}, HOLDS),
        ({42: 0.30, 123: 0.50}, {42: 0.40, 123: 0.60, 456: 0.10}, FAILS),
        ({42: 0.30}, {123: 0.10}, UNDECIDED),
    ],
    ids=["in each seed", "close in one", "not in one", "a seed of one alone", "in none", "no seed in common"],
)
def test_an_order_of_latent_spaces_is_asked_seed_by_seed(
    vq_vae: dict[int, float], ae: dict[int, float], expected: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent, "silhouettes", lambda points, labels: points[:, 0])
    asked = {"vq-vae": vq_vae, "ae": ae}
    runs = paperlike().runs
    done = runs[["architecture", "seed"]].itertuples(index=False)
    kept = [seed in asked.get(slug, {}) for slug, seed in done]

    def load(architecture: str, seed: int, variant: str = "") -> Arrays:
        return {"codes": np.full((10, 2), asked[architecture][seed]), "code_labels": LABELS[:10]}

    world = ours(records=replace(paperlike(), runs=runs[kept], load_samples=load))
    assert inside("V-H.vq-vae-organised", world) is expected


@pytest.mark.parametrize(
    "identity",
    ["IV-G.flow-digits", "IV-G.svae-uniform", "IV-G.vq-vae-digits", "V-H.grid", "V-H.vq-vae-organised"],
)
def test_tables_and_milestones_do_not_contain_them(identity: str) -> None:
    for world in (theirs(), replace(ours(), records=None)):
        found = evaluate(registered(identity), world)
        assert (found.outcome, found.shown) == (UNDECIDED, "")
        assert found.reason


# --- run times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "hardware", "minutes", "expected"),
    [
        ("paper", "NVIDIA A40", 16, HOLDS),
        ("paper", "NVIDIA A40", 40, FAILS),
        ("paper", "NVIDIA A40", 5, FAILS),
        ("paper", "NVIDIA H100", 12, UNDECIDED),
        ("desk", "NVIDIA A40", 12, UNDECIDED),
    ],
)
def test_minutes_are_judged_on_the_papers_hardware(
    profile: str, hardware: str, minutes: float, expected: Outcome
) -> None:
    runs = paperlike().runs.assign(hardware=f"{hardware} x86")
    records = replace(paperlike(), profile=profile, runs=runs)
    world = ours({("all", "training_seconds"): 60.0 * minutes}, records=records)
    assert inside("VII-D.fastest-minutes", world) is expected


def test_within_the_paper_two_ranges_of_minutes_must_overlap() -> None:
    assert inside("VII-D.fastest-minutes", theirs()) is HOLDS
    text = "models=vae; there=VII-D.slowest-minutes"
    assert outcome(theirs(), "run-time", text, "10") is FAILS
