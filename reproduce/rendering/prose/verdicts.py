"""What became of the paper's statements, and what would change that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import claims, readings, recommendations, robustness, statistics
from reproduce.analysis.claims.protocol import PAPER_ONLY
from reproduce.rendering import numbers, wording
from reproduce.rendering.appendix.duality import correlation_of
from reproduce.rendering.material import Material

_SMOOTHNESS = {"Measure of smoothness": "the measure"}
"""What goes with SSIM, where it is not PIQ."""


def section_verdicts(material: Material) -> dict[str, str]:
    """Section of the paper ("IV") → its statements' verdicts in our results, counted in words."""
    parts = material.statements["section"].str.partition("-")[0]
    return {
        str(part): f"Of the {numbers.counted(len(rows), 'statement')} of the paper's Section {part}, "
        f"{wording.verdicts(rows['in_results'])}."
        for part, rows in material.statements.groupby(parts, sort=False)
    }


def tally(material: Material) -> dict[str, list[tuple[str, str]]]:
    """(verdict, count) in a fixed order: "results" and "paper" over statements, "cells" over table cells; "trained" and
    "cells_trained" of those that only models which were still improving leave untestable."""

    def counts(column: pd.Series, words: Iterable[str]) -> list[tuple[str, str]]:
        return [(word, numbers.integer((column == word).sum())) for word in dict.fromkeys(words)]

    def as_trained(column: pd.Series) -> list[tuple[str, str]]:
        return [(word, n) for word, n in counts(column, claims.IN_RESULTS.values()) if n != "0"]

    return {
        "results": counts(material.statements["in_results"], claims.IN_RESULTS.values()),
        "paper": counts(material.statements["within_paper"], claims.WITHIN_PAPER.values()),
        "cells": counts(material.cell_verdicts["in_results"], claims.IN_RESULTS.values()),
        "trained": as_trained(material.statements["as_trained"]),
        "cells_trained": as_trained(material.cell_verdicts["as_trained"]),
    }


def findings(material: Material) -> dict[str, Any]:
    """The statements that carry the paper by what became of them, in our wording.

    told: the verdicts in words, counted; verdicts: (words, the ledger's word, statements) for each verdict that our
    results give; untold: (reason, statements) of those that are not testable, as_trained: the verdicts in words that
    models which were still improving give on some of them, or ""; refuted: those that the paper's own tables, or what
    it prints elsewhere, contradict. Each statement with its printed numbers.
    """
    rows = material.statements[material.statements["important"].astype(bool)]
    rows = rows.assign(stated=list(map(wording.stated, rows["wording"], rows["printed"])))
    untestable = claims.IN_RESULTS[claims.Outcome.UNTESTABLE]
    untold = rows[rows["in_results"] == untestable]
    as_trained = untold["as_trained"]
    beside = [f" (as trained: {word})" if word else "" for word in as_trained]
    untold = untold.assign(stated=untold["stated"] + beside)
    reasons = untold["reason"].map(wording.reason)
    refuted = _refuted(rows)
    return {
        "n": len(rows),
        "told": wording.verdicts(rows["in_results"]),
        "verdicts": [
            (wording.verdict(word), word, _told(rows[rows["in_results"] == word], word))
            for word in claims.IN_RESULTS.values()
            if word != untestable
        ],
        "untold": [
            (str(reason), list(untold.loc[reasons == reason, "stated"])) for reason in reasons.unique()
        ],
        "as_trained": wording.verdicts(as_trained) if (as_trained != "").any() else "",
        "refuted": list(rows.loc[refuted, "stated"]),
    }


def _refuted(rows: pd.DataFrame) -> pd.Series:
    """Which statements the paper itself contradicts."""
    return rows["within_paper"] == claims.WITHIN_PAPER[claims.Outcome.FAILS]


def _told(rows: pd.DataFrame, verdict: str) -> list[str]:
    """The statements of one verdict; of those that our results bear out, which the paper contradicts."""
    if verdict != claims.IN_RESULTS[claims.Outcome.HOLDS]:
        return list(rows["stated"])
    beside = np.where(_refuted(rows), " (so in our results; the paper itself contradicts it)", "")
    return list(rows["stated"] + beside)


def advice(material: Material) -> dict[str, Any]:
    ours, theirs = recommendations.recommend(material.ours), paper.table3()
    testable = ours["testable"].to_numpy(bool)
    firsts = [
        bool(mine) and mine[0] == printed[0]
        for mine, printed in zip(ours["recommended"][testable], theirs["recommended"][testable], strict=True)
    ]
    return {"testable": int(testable.sum()), "same_first": sum(firsts)}


def nearer_readings(material: Material) -> dict[str, Any]:
    """How often each reading is nearer, and r(SSIM, PIQ) under both likelihoods, with and without the collapsed."""
    table = readings.nearest(material.records)
    every, alive = (readings.two_likelihoods(material.records, collapsed=them) for them in (True, False))
    return {
        "total": len(table),
        "counts": readings.counts(table),
        "likelihoods": every if np.isfinite(every.bernoulli.r) else None,
        "alive": alive if every.collapsed else None,
    }


def changes(material: Material) -> dict[str, Any]:
    """What would change the conclusion: by question, and what resampling says of each answer."""
    table = material.choices
    ours = table[table["answer"] != robustness.PRINTED]
    found = {
        str(question): {row["answer"]: correlation_of(row) for _, row in rows.iterrows()}
        for question, rows in ours.groupby("question", sort=False)
    }
    base = found.pop("Result")[robustness.AS_REPORTED]
    known = ours[np.isfinite(ours["r"])]
    fragile = {
        "boot": known["boot_low"] * known["boot_high"] <= 0,
        "loo": known["loo_low"] * known["loo_high"] <= 0,
        "chance": known["permutation_p"] > statistics.ALPHA,
    }
    untold = material.statements[
        material.statements["in_results"] == claims.IN_RESULTS[claims.Outcome.UNTESTABLE]
    ]
    converged = material.healthy[material.healthy["converged"].astype(bool)]
    return {
        "base": base,
        "questions": [
            (question, wording.dependence(base, answers, _SMOOTHNESS.get(question, "PIQ"), "SSIM"))
            for question, answers in found.items()
        ],
        "not_asked": [q.lower() for q in robustness.QUESTIONS if q not in found and q != "Result"],
        "n": len(known),
        "fragile": {
            way: f"{numbers.how_many(int(mask.sum()))}, "
            f"{wording.among(robustness.AS_REPORTED in set(known.loc[mask, 'answer']))}"
            if mask.any()
            else numbers.how_many(0)
            for way, mask in fragile.items()
        },
        "untold": _by_reason(untold[~untold["kind"].isin(PAPER_ONLY)]),
        "never": _by_reason(untold[untold["kind"].isin(PAPER_ONLY)]),
        "untold_n": len(untold),
        "margins": [
            (numbers.fixed(factor, 1), *map(numbers.integer, robustness.within_margins(converged, factor)))
            for factor in (0.5, 1.0, 2.0)
        ],
    }


def _by_reason(untold: pd.DataFrame) -> list[tuple[str, int]]:
    """(reason, statements) of those that cannot be told, most frequent first."""
    return [
        (str(reason), int(n)) for reason, n in untold["reason"].map(wording.reason).value_counts().items()
    ]
