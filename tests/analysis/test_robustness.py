"""The correlation under every choice that could have been another."""

from __future__ import annotations

import numpy as np
import pytest

from reproduce import paper
from reproduce.analysis import robustness
from reproduce.analysis.robustness import AS_REPORTED, QUESTIONS, choices, within_margins
from reproduce.analysis.summaries import summarise
from reproduce.records import Records
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def records() -> Records:
    return make_records(
        seeds=(42, 123),
        collapsed=["beta-vae"],
        unconverged=["svae"],
        variants={"pythae": ["vamp"], "bce": ["vae", "beta-vae", "miwae", "iwae", "ciwae"]},
    )


def answers(records: Records, question: str, **others: Records) -> dict[str, int]:
    return {c.answer: len(c.models) for c in choices(records, others) if c.question == question}


def test_every_question_is_put_once_the_runs_for_it_exist(records: Records) -> None:
    asked = {choice.question for choice in choices(records, {"notebook": make_records("notebook", (42,))})}
    assert asked == set(QUESTIONS)


def test_questions_that_no_run_answers_are_not_put() -> None:
    asked = {choice.question for choice in choices(make_records(seeds=(42,)))}
    assert set(QUESTIONS) - asked == {"Collapse", "Convergence", "Seed", "Likelihood", "Reading"}


def test_each_choice_has_the_models_that_it_says(records: Records) -> None:
    assert answers(records, "Result") == {AS_REPORTED: 21}
    assert answers(records, "Collapse") == {"with collapsed models": 22}
    assert answers(records, "Convergence") == {"converged models alone": 20}
    assert answers(records, "Seed") == {"seed 42 alone": 21, "seed 123 alone": 21}
    assert list(answers(records, "Likelihood").values()) == [5, 5, 4, 4]
    assert answers(records, "Protocol", notebook=records) == {
        "profile notebook": 21,
        "the paper's tables": 22,
    }


def test_another_measure_stands_in_piqs_place(records: Records) -> None:
    models = summarise(records)
    found = {choice.answer: choice.models for choice in choices(records)}
    assert found["PIQ over its floor"].at["vae", "piq"] == models.at["vae", "piq_over_floor"]
    assert found["the whole test set, all pairs"].at["vae", "ssim"] == models.at["vae", "test_ssim"]
    assert found["uniform 7×7"].at["vae", "ssim"] > models.at["vae", "ssim"]


def test_the_reading_exchanges_only_what_was_run_again(records: Records) -> None:
    described, pythae = summarise(records), summarise(records, "pythae")
    (exchanged,) = (choice.models for choice in choices(records) if choice.question == "Reading")
    assert exchanged.at["vamp", "ssim"] == pythae.at["vamp", "ssim"] != described.at["vamp", "ssim"]
    assert exchanged.at["vae", "ssim"] == described.at["vae", "ssim"]
    assert list(exchanged.index) == [slug for slug in described.index if slug != "beta-vae"]


def test_the_table_has_the_statistics_of_each_choice(records: Records) -> None:
    table = robustness.table(records).set_index("answer")
    assert table.at["without AE, WAE, VQ-VAE", "r"] < 0 < table.at[AS_REPORTED, "r"]
    assert np.isfinite(table.loc[AS_REPORTED, ["boot_low", "loo_high", "permutation_p"]].astype(float)).all()


def test_cells_are_counted_within_so_many_margins() -> None:
    models = paper.models()
    assert within_margins(models, 0.0) == (154, 154)
    moved = models.assign(ssim=models["ssim"] + 0.015)
    assert within_margins(moved, 1.0) == (132, 154)
    assert within_margins(moved, 2.0) == (154, 154)
    assert within_margins(moved.iloc[:2], 1.0) == (12, 14)
