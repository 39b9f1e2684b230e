"""From records to the models frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.architectures.names import REFERENCES
from reproduce.paper import PAPER_SLUGS
from reproduce.storage.records import Records
from tests.synthetic import make_records


def test_a_campaign_like_the_paper_summarises_to_its_tables(paperlike: Records) -> None:
    ours, printed = summaries.summarise(paperlike), paper.models().drop(columns="mae_sd")
    pd.testing.assert_frame_equal(ours[printed.columns], printed, rtol=1e-9)


def test_the_spread_is_within_runs_and_never_contains_the_spread_between_seeds() -> None:
    calm, shaken, alone = (
        summaries.summarise(make_records(seeds=seeds, architectures=["vae"], seed_spread=spread)).loc["vae"]
        for seeds, spread in (((42, 123), 0.0), ((42, 123), 0.5), ((42,), 0.5))
    )
    assert calm["ssim_seed_sd"] == pytest.approx(0, abs=1e-12)
    assert shaken["ssim_seed_sd"] > 0.05
    assert shaken["ssim_sd"] == pytest.approx(calm["ssim_sd"], rel=1e-6)
    assert alone["n_seeds"] == 1
    assert np.isnan(alone["ssim_seed_sd"])


def test_damage_is_flagged_and_missing_models_have_no_row(damaged: Records) -> None:
    summary = summaries.summarise(damaged)
    assert tuple(summary.index) == tuple(slug for slug in PAPER_SLUGS if slug != "hvae")
    assert summary.index[summary["collapsed"]].tolist() == ["beta-vae"]
    assert summary.index[summary["failed"]].tolist() == ["svae"]
    assert np.isnan(summary.at["svae", "ssim"])
    assert np.isnan(summary.at["beta-vae", "piq_over_floor"])


def test_a_nan_is_not_averaged_away(paperlike: Records) -> None:
    runs = paperlike.runs.copy()
    runs.loc[(runs["architecture"] == "ae") & (runs["seed"] == 42), "ssim"] = np.nan
    assert np.isnan(summaries.summarise(replace(paperlike, runs=runs)).at["ae", "ssim"])


def test_times_are_the_least_since_other_work_on_the_machine_can_only_add_to_them() -> None:
    """42 stopped early at a slow machine: its seconds an epoch are more, though its seconds are less."""
    records = make_records(seeds=(42, 123), architectures=["vae"])
    chosen = records.runs["architecture"] == "vae"
    records.runs.loc[chosen, "epochs"] = [4, 10]
    records.runs.loc[chosen, "training_seconds"] = [80.0, 100.0]
    records.runs.loc[chosen, "inference_microseconds"] = [300.0, 200.0]
    vae = summaries.summarise(records).loc["vae"]
    assert vae["training_seconds"] == 7 * 10
    assert vae["inference_microseconds"] == 200
    records.runs.loc[chosen & (records.runs["seed"] == 123), "processor_clock"] = np.nan
    assert summaries.summarise(records).at["vae", "training_seconds"] == 7 * 20, (
        "a wall clock counts other work"
    )
    records.runs.loc[chosen, "processor_clock"] = np.nan
    assert np.isnan(summaries.summarise(records).at["vae", "training_seconds"])


def test_one_seed_can_be_cut_out(paperlike: Records) -> None:
    assert summaries.seeds(paperlike) == (42, 123, 456)
    alone = summaries.only_seeds(paperlike, [123])
    assert summaries.seeds(alone) == (123,)
    assert set(alone.images["seed"]) == {123}


def test_which_profiles_give_verdicts(paperlike: Records) -> None:
    allowed = ("desk", "notebook", "paper", "paper-tf32")
    for profile in (*allowed, "smoke", "quick", "quick-tf32", "paper-trial-2"):
        found = summaries.verdicts_allowed(replace(paperlike, profile=profile))
        assert found is (profile in allowed), profile


def test_what_is_finished_is_told_by_reading_and_leaves_out_what_failed() -> None:
    records = make_records(
        seeds=(456, 42), architectures=["ae", "vae", "svae"], failed=["svae"], variants={"pythae": ["vae"]}
    )
    assert set(summaries.finished(records)["architecture"]) == {"ae", "vae", *REFERENCES}
    assert set(summaries.finished(records, "pythae")["architecture"]) == {"vae"}
    assert set(summaries.finished(records, None)["variant"]) == {"", "pythae"}
    assert [summaries.finished_seeds(records, slug) for slug in ("vae", "svae")] == [(42, 456), ()]
    assert tuple(summaries.summarise(records).index) == ("ae", "vae", "svae")
    assert tuple(summaries.summarise(records, "pythae").index) == ("vae",)
    assert tuple(summaries.references(records).index) == tuple(REFERENCES)


def test_drift_lists_the_rows_that_moved_by_more_than_their_margin() -> None:
    """PIQ of every model rises by a ninth between the made-up milestones; SSIM of one falls by 0.02."""
    records = make_records(architectures=["ae", "vae"], seeds=(42, 123))
    frame = records.milestones

    def drift(milestones: pd.DataFrame, midway: int = 5) -> pd.DataFrame:
        return summaries.drift(replace(records, milestones=milestones), midway)

    late = (frame["architecture"] == "ae") & (frame["epoch"] == 10)
    moved = drift(frame.assign(ssim=frame["ssim"] - 0.02 * late))
    assert sorted(moved.index) == ["ae", "vae"]
    assert moved["piq"].to_numpy() == pytest.approx(1 / 0.9 - 1)
    assert moved["ssim"].to_dict() == pytest.approx({"ae": -0.02, "vae": 0.0})
    within_margin = frame.assign(piq=frame["piq"].where(frame["epoch"] == 10, frame["piq"] / 0.9 * 1.04))
    for nothing in (drift(within_margin), drift(frame, midway=7), drift(frame[:0])):
        assert nothing.empty
        assert list(nothing.columns) == ["ssim", "piq"]


def test_frames_in_the_middle_look_like_digits_if_four_of_five_neighbours_agree() -> None:
    records = make_records(architectures=["ae", "vae"], seeds=(42,), references=False)
    frames = records.frames
    clear = frames["architecture"].eq("ae") & frames["frame"].isin([4, 5]) & (frames["pair"] < 5)
    edges = ~frames["frame"].isin([4, 5])
    confidence = np.where(clear, 0.8, np.where(edges, 1.0, 0.6))
    found = summaries.digit_frames(replace(records, frames=frames.assign(confidence=confidence)))
    assert found.to_dict() == pytest.approx({"ae": 0.2, "vae": 0.0})
