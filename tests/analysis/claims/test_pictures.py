"""Failure cases and latent spaces, on campaigns whose digits and codes are invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce.analysis import latent
from reproduce.analysis.claims import Outcome, World, evaluate
from reproduce.records import Arrays, Records
from tests.analysis.claims.worlds import claim, ours, theirs
from tests.synthetic import paperlike


def world(records: Records) -> World:
    base = ours()
    return World(base.models, base.paper, records=records)


def with_digits(change: Callable[[pd.DataFrame], pd.DataFrame]) -> World:
    return world(replace(paperlike(), digits=change(paperlike().digits)))


def hard_digits(architecture: str, labels: list[int]) -> World:
    def change(digits: pd.DataFrame) -> pd.DataFrame:
        rows = (digits["architecture"] == architecture) & digits["label"].isin(labels)
        return digits.assign(mse=digits["mse"].where(~rows, 1.0))

    return with_digits(change)


@pytest.mark.parametrize(
    ("labels", "outcome"),
    [([8, 6, 9], Outcome.HOLDS), ([8, 6, 1], Outcome.PARTLY), ([1, 2, 3], Outcome.FAILS)],
)
def test_hardest_digits(labels: list[int], outcome: Outcome) -> None:
    found = evaluate(
        claim("hardest-digits", "models=beta-vae; digits=8 6 9"), hard_digits("beta-vae", labels)
    )
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [(0.0, Outcome.HOLDS), (5.0, Outcome.FAILS)],
)
def test_uniform_over_digits(factor: float, outcome: Outcome) -> None:
    def change(digits: pd.DataFrame) -> pd.DataFrame:
        flat = 0.03 * (1 + factor * (digits["label"] == 1))
        return digits.assign(mse=digits["mse"].where(digits["architecture"] != "svae", flat))

    assert evaluate(claim("uniform-over-digits", "architecture=svae"), with_digits(change)).outcome is outcome


@pytest.mark.parametrize(("share", "outcome"), [(0.5, Outcome.HOLDS), (0.0, Outcome.FAILS)])
def test_changed_digits(share: float, outcome: Outcome) -> None:
    def change(digits: pd.DataFrame) -> pd.DataFrame:
        return digits.assign(changed=digits["changed"].where(digits["architecture"] != "vq-vae", share))

    assert (
        evaluate(claim("changed-digits", "architecture=vq-vae; to=ae"), with_digits(change)).outcome
        is outcome
    )


def test_rows_left_out_are_no_yardstick_of_uniformity() -> None:
    """A collapsed model fails alike on all digits: it must not take the place."""

    def change(digits: pd.DataFrame) -> pd.DataFrame:
        flat = digits["mse"].where(~digits["architecture"].isin(["svae", "ae"]), 0.03)
        return digits.assign(mse=flat + 1e-6 * (digits["architecture"] == "svae") * digits["label"])

    everything = with_digits(change)
    sound = World(everything.models.drop("ae"), everything.paper, records=everything.records)
    statement = claim("uniform-over-digits", "architecture=svae")
    assert evaluate(statement, everything).outcome is Outcome.PARTLY
    assert evaluate(statement, sound).outcome is Outcome.HOLDS


LABELS = np.arange(1000) % 10


def codes(kind: str) -> np.ndarray:
    """Codes whose digits lie apart, overlap, spread along axes, or spread along a diagonal; or that are one cloud
    with digits side by side in it."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((1000, 4))
    grid = np.stack([LABELS % 2, LABELS // 2 % 2, LABELS // 4 % 2, LABELS // 8], axis=1)
    return {
        "apart": 10 * grid + noise,
        "grid": 2 * grid * [4, 3, 2, 1] + 0.1 * noise,
        "overlapping": noise,
        "side by side": np.sort(noise[:, :1], axis=0)[np.argsort(np.argsort(LABELS, kind="stable"))]
        * [3, 0, 0, 0]
        + 0.5 * noise,
        "diagonal": np.outer(LABELS, np.ones(4)) * 3 + noise,
    }[kind]


def with_codes(named: str, vary: str | None = None) -> World:
    """VQ-VAE's codes are of one kind, in its last seed of another if `vary` says so; the AE's overlap; the IWAE was not
    run."""

    def load(architecture: str, seed: int, variant: str = "") -> Arrays:
        kind = named if seed != 456 or vary is None else vary
        return {"codes": codes(kind if architecture == "vq-vae" else "overlapping"), "code_labels": LABELS}

    runs = paperlike().runs
    return world(replace(paperlike(), load_samples=load, runs=runs[runs["architecture"] != "iwae"]))


@pytest.mark.parametrize(
    ("word", "kind", "outcome"),
    [
        ("clustered", "apart", Outcome.HOLDS),
        ("clustered", "overlapping", Outcome.FAILS),
        ("fragmented", "apart", Outcome.HOLDS),
        ("fragmented", "overlapping", Outcome.FAILS),
        ("fragmented", "side by side", Outcome.FAILS),
        ("continuous", "overlapping", Outcome.HOLDS),
        ("continuous", "side by side", Outcome.HOLDS),
        ("continuous", "apart", Outcome.FAILS),
        ("overlapping", "overlapping", Outcome.HOLDS),
        ("overlapping", "apart", Outcome.FAILS),
        ("axis-aligned", "grid", Outcome.HOLDS),
        ("axis-aligned", "diagonal", Outcome.FAILS),
    ],
)
def test_latent_words(word: str, kind: str, outcome: Outcome) -> None:
    assert evaluate(claim("latent", f"models=vq-vae; word={word}"), with_codes(kind)).outcome is outcome


def test_clusters_need_no_gap_and_gaps_need_no_digits() -> None:
    """ "Clustered" and "fragmented" are two questions: digits side by side in one cloud, and clouds that mix digits."""
    mixed = np.concatenate([codes("overlapping")[:500], codes("overlapping")[500:] + 50])
    assert latent.islands(mixed) == 2
    assert latent.silhouette(mixed, LABELS) < 0.25


def test_a_latent_word_must_hold_in_every_seed() -> None:
    found = evaluate(
        claim("latent", "models=vq-vae; word=fragmented"), with_codes("apart", vary="overlapping")
    )
    assert found.outcome is Outcome.PARTLY


@pytest.mark.parametrize(
    ("better", "worse", "vary", "outcome"),
    [
        ("vq-vae", "ae", None, Outcome.HOLDS),
        ("vq-vae", "ae", "overlapping", Outcome.PARTLY),
        ("ae", "vq-vae", None, Outcome.FAILS),
        ("iwae", "vq-vae", None, Outcome.UNTESTABLE),
    ],
)
def test_latent_order(better: str, worse: str, vary: str | None, outcome: Outcome) -> None:
    statement = claim("latent-order", f"better={better}; worse={worse}")
    assert evaluate(statement, with_codes("apart", vary)).outcome is outcome


def with_silhouettes(**by_model: dict[int, float]) -> World:
    """Campaigns of two models, each with its silhouette in each seed that was finished."""
    asked = {slug.replace("_", "-"): found for slug, found in by_model.items()}
    runs = paperlike().runs
    kept = [
        seed in asked.get(slug, {}) for slug, seed in runs[["architecture", "seed"]].itertuples(index=False)
    ]

    def load(architecture: str, seed: int, variant: str = "") -> Arrays:
        return {"codes": np.full((10, 2), asked[architecture][seed]), "code_labels": LABELS[:10]}

    return world(replace(paperlike(), runs=runs[kept], load_samples=load))


@pytest.mark.parametrize(
    ("vq_vae", "ae", "outcome"),
    [
        ({42: 0.30, 123: 0.50, 456: 0.40}, {42: 0.20, 123: 0.40, 456: 0.30}, Outcome.HOLDS),
        ({42: 0.30, 123: 0.50, 456: 0.40}, {42: 0.20, 123: 0.46, 456: 0.30}, Outcome.PARTLY),
        ({42: 0.30, 123: 0.50}, {42: 0.20, 123: 0.40, 456: 0.90}, Outcome.HOLDS),
        ({42: 0.30, 123: 0.50}, {42: 0.40, 123: 0.60, 456: 0.10}, Outcome.FAILS),
        ({42: 0.30}, {123: 0.10}, Outcome.UNTESTABLE),
    ],
    ids=[
        "led in each seed, though not across seeds",
        "too close in one",
        "a seed that one alone has does not count",
        "nor on average",
        "no seed in common",
    ],
)
def test_an_order_of_latent_spaces_is_asked_seed_by_seed(
    vq_vae: dict[int, float], ae: dict[int, float], outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent, "silhouette", lambda points, labels: float(points[0, 0]))
    found = evaluate(claim("latent-order", "better=vq-vae; worse=ae"), with_silhouettes(vq_vae=vq_vae, ae=ae))
    assert found.outcome is outcome


def test_latent_word_without_codes_is_untestable() -> None:
    assert (
        evaluate(claim("latent", "models=iwae; word=clustered"), with_codes("apart")).outcome
        is Outcome.UNTESTABLE
    )


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("hardest-digits", "models=beta-vae; digits=8 6 9"),
        ("uniform-over-digits", "architecture=svae"),
        ("changed-digits", "architecture=vq-vae; to=ae"),
        ("latent", "models=vq-vae; word=clustered"),
        ("latent-order", "better=vq-vae; worse=ae"),
    ],
)
def test_the_papers_tables_do_not_contain_them(kind: str, arguments: str) -> None:
    found = evaluate(claim(kind, arguments), theirs())
    assert found.outcome is Outcome.UNTESTABLE
    assert found.reason


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("hardest-digits", "models=beta-vae; digits=8 6 9"),
        ("uniform-over-digits", "architecture=svae"),
        ("changed-digits", "architecture=vq-vae; to=ae"),
    ],
)
def test_without_errors_by_digit_they_are_untestable(kind: str, arguments: str) -> None:
    nothing = with_digits(lambda digits: digits[~digits["architecture"].isin(["beta-vae", "svae", "vq-vae"])])
    assert evaluate(claim(kind, arguments), nothing).outcome is Outcome.UNTESTABLE
