"""What was measured: reconstruction, interpolation, the trade-off between them, and how exact all that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reproduce.analysis import claims, families, measures, pareto, statistics
from reproduce.rendering import numbers, wording
from reproduce.rendering.appendix.duality import correlation_of
from reproduce.rendering.material import Material, label


def _extremes(models: pd.DataFrame, metric: str) -> str:
    return wording.extremes(models[metric], metric, [label(str(slug)) for slug in models.index])


def _span(values: pd.Series) -> str:
    """ "0.33 to 0.57"."""
    return f"{numbers.fixed(values.min(), 2)} to {numbers.fixed(values.max(), 2)}"


def _mae_share(models: pd.DataFrame) -> pd.Series:
    """MAE over the root of the MSE: at most 1, and less the sparser the errors are."""
    return models["mae"] / np.sqrt(models["mse"])


def _orders(material: Material, metric: str) -> statistics.Correlation:
    """Rank correlation of our models' order with the paper's."""
    ours = material.healthy[metric]
    return statistics.spearman(ours, material.paper[metric].reindex(ours.index))


def reconstruction(material: Material) -> dict[str, Any]:
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
        "mae_over_root_mse": {
            "ours": _span(_mae_share(models)),
            "paper": _span(_mae_share(material.paper)),
            "constant": bool(np.ptp(_mae_share(material.paper)) < np.ptp(_mae_share(models)) / 2),
        },
        "pca": None if pca is None else numbers.value("ssim", pca),
        "below_pca": None if pca is None else int((models["ssim"] < pca).sum()),
    }


def interpolation(material: Material) -> dict[str, Any]:
    models = material.healthy
    pca = material.references["piq_over_floor"].get("pca-16")
    known = models["piq_over_floor"].dropna()
    below = pca is not None and len(known) > 0 and bool((known > pca).all())
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
        "pca_floor": numbers.fixed(pca, 2) if below else None,
        "floor_share": _extremes(material.mechanism, "floor_share"),
        "explained": statistics.pearson(material.mechanism["floor"], material.mechanism["piq"]).r ** 2,
    }


def trade_off(material: Material) -> dict[str, Any]:
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
        "below_pca": material.labels(_beaten(models, material.references, "pca-16")),
        "top": material.labels(material.ranking.index[:3]),
        "top_paper": material.labels(material.ranking_paper.index[:3]),
    }


def _beaten(models: pd.DataFrame, references: pd.DataFrame, name: str) -> list[str]:
    """The models that a yardstick beats in SSIM and PIQ at once."""
    if name not in references.index:
        return []
    other = references.loc[name]
    return list(models.index[(models["ssim"] < other["ssim"]) & (models["piq"] > other["piq"])])


def headline(material: Material) -> dict[str, dict[str, statistics.Correlation]]:
    """Source → subset → r of SSIM and PIQ; and "blur-free": measure → r of SSIM and that measure, ours."""

    def correlation(source: str, metric: str, subset: str) -> statistics.Correlation:
        return correlation_of(material.headline.loc[(source, metric, subset)])

    subsets = ("without AE, WAE, VQ-VAE", "distinct rows", "KL-regularised", "without the AE-like cluster")
    found = {
        source: {subset: correlation(source, "piq", subset) for subset in subsets}
        for source in ("paper", "ours")
    }
    found["blur-free"] = {
        words: correlation("ours", metric, "all models") for metric, words in wording.BLUR_FREE_WORDS.items()
    }
    models = material.healthy
    found["blur-free ranks"] = {
        words: statistics.spearman(models["ssim"], models[metric])
        for metric, words in wording.BLUR_FREE_WORDS.items()
    }
    found["blur-free, no cluster"] = {
        words: correlation("ours", metric, "without the AE-like cluster")
        for metric, words in wording.BLUR_FREE_WORDS.items()
    }
    return found


def converged(material: Material) -> statistics.Correlation | None:
    """r of SSIM and PIQ over the models that can be ranked and have converged; None where all have, or too few for an
    interval."""
    models = material.healthy[material.healthy["converged"].astype(bool)]
    found = statistics.pearson(models["ssim"], models["piq"])
    return found if len(models) < len(material.healthy) and np.isfinite(found.low) else None


def restated(material: Material) -> dict[str, Any] | None:
    """How many different comparisons by smoothness are reproduced by PIQ, and by each other measure as well."""
    found = material.restated
    if found is None:
        return None
    different = material.restated_different
    stands = different[["piq", *wording.BLUR_FREE_WORDS]] == claims.IN_RESULTS[claims.Outcome.HOLDS]
    return {
        "n": len(found),
        "different": len(different),
        "untold": int((different["piq"] == claims.IN_RESULTS[claims.Outcome.UNTESTABLE]).sum()),
        "piq": int(stands["piq"].sum()),
        "left": [
            (words, int((stands["piq"] & stands[m]).sum())) for m, words in wording.BLUR_FREE_WORDS.items()
        ],
    }


def precision(material: Material) -> dict[str, Any]:
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
