"""Everything that tables, figures and prose show, asked of `analysis` once and shared by all three."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from reproduce import paper, protocol
from reproduce.analysis import (
    causes,
    claims,
    families,
    headline,
    latent,
    measures,
    pareto,
    robustness,
    sameness,
    statistics,
    summaries,
)
from reproduce.analysis.carriers import Carriers, carriers
from reproduce.analysis.forensics import Forensics, investigate
from reproduce.analysis.notes import Note, notes
from reproduce.architectures.registry import PYTHAE_VARIANT
from reproduce.golden.ledger import empty_ledger
from reproduce.names import LABELS, REFERENCES, SLUGS
from reproduce.records import Arrays, Records

NO_FAMILY = "No family"
EMBEDDED = (
    *("ae", "wae", "vq-vae", "vae", "beta-vae"),
    *("beta-tcvae", "factor-vae", "disent-beta-vae", "vae-linnf", "svae"),
)
"""The models of the t-SNE maps: those that Section V-H names."""
CELL_KIND = "table-cell"
"""The kind of the claims that are single cells of Tables I and II."""


def label(slug: str) -> str:
    """The printed name of an architecture or a reference row."""
    return LABELS.get(slug) or REFERENCES[slug]


@dataclass(frozen=True)
class Material:
    """One campaign's records beside the paper's tables. Derived quantities are computed when asked for."""

    records: Records
    provenance: Mapping[str, Any]
    drift: pd.DataFrame = field(default_factory=empty_ledger)
    """The checks against golden numbers, oldest first (`golden.ledger`)."""
    others: Mapping[str, Records] = field(default_factory=dict)
    """Records of other profiles that allow verdicts, by name."""

    @cached_property
    def profile(self) -> protocol.Protocol:
        """The profile of the records. Raises ReproduceError if there is none of that name."""
        return protocol.profile(self.records.profile)

    @cached_property
    def profiles(self) -> dict[str, Records]:
        """These records and the others, in the profiles' order."""
        known = {**self.others, self.records.profile: self.records}
        order = list(protocol.PROFILES)
        return dict(sorted(known.items(), key=lambda item: (*order, item[0]).index(item[0])))

    @cached_property
    def forensics(self) -> Forensics | None:
        """Which protocols, lengths and definitions the printed rows agree with; None for a profile without verdicts."""
        return investigate(self.profiles) if self.profile.verdicts else None

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What must be said of rows that mislead without a word."""
        return notes(self.records)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The rows of the 22, described reading, whatever their status."""
        runs = self.records.runs
        return runs[runs["architecture"].isin(SLUGS) & (runs["variant"] == "")]

    @cached_property
    def paper(self) -> pd.DataFrame:
        """The paper's Tables I and II as a models frame."""
        return paper.models()

    @cached_property
    def ours(self) -> pd.DataFrame:
        """Our models frame: the architectures with at least one finished run."""
        models = summaries.summarise(self.records)
        return models[models["n_seeds"] > 0]

    @cached_property
    def pythae(self) -> pd.DataFrame:
        """The models frame of Pythae's own classes, as far as any was run."""
        models = summaries.summarise(self.records, PYTHAE_VARIANT)
        return models[models["n_seeds"] > 0]

    @cached_property
    def references(self) -> pd.DataFrame:
        """PCA and the mean image, as far as they were evaluated."""
        return summaries.references(self.records)

    @cached_property
    def healthy(self) -> pd.DataFrame:
        """Our rows that may be ranked: not collapsed, none of their runs failed."""
        return measures.usable(self.ours)

    @property
    def verdicts_allowed(self) -> bool:
        """Whether the profile trains enough for verdicts."""
        return summaries.verdicts_allowed(self.records)

    @cached_property
    def n_images(self) -> int:
        """How many test images Table I rests on."""
        return int(self.records.images["image"].nunique())

    @cached_property
    def n_pairs(self) -> int:
        """How many interpolations Table II rests on."""
        return int(self.records.pairs["pair"].nunique())

    # --- completeness ---

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that belong to a complete campaign: the profile's, and any other that a run used."""
        return tuple(sorted({*self.profile.seeds, *self.runs["seed"].astype(int)}))

    @property
    def finished_seeds(self) -> tuple[int, ...]:
        """The seeds of which a run has finished."""
        return summaries.seeds(self.records)

    @cached_property
    def finished(self) -> pd.DataFrame:
        """The rows of `runs` that are finished."""
        done = summaries.finished(self.records)
        return done[done["architecture"].isin(SLUGS)]

    @cached_property
    def fresh(self) -> frozenset[tuple[str, int]]:
        """Finished runs as (slug, seed)."""
        done = self.finished
        return frozenset(zip(done["architecture"], done["seed"].astype(int), strict=True))

    @cached_property
    def failures(self) -> dict[tuple[str, int], str]:
        """(slug, seed) → reason, in Table I's order."""
        failed = self.runs[self.runs["status"] == "failed"]
        found = dict(
            zip(
                zip(failed["architecture"], failed["seed"].astype(int), strict=True),
                failed["reason"],
                strict=True,
            )
        )
        return {key: str(found[key]) for key in sorted(found, key=lambda key: (SLUGS.index(key[0]), key[1]))}

    @property
    def planned(self) -> int:
        """Runs of a complete campaign."""
        return len(SLUGS) * len(self.seeds)

    @property
    def complete(self) -> bool:
        """Whether every planned run is there. (A failed run is not: its numbers are missing.)"""
        return len(self.fresh) == self.planned

    @cached_property
    def absent(self) -> tuple[str, ...]:
        """Slugs without any finished run."""
        present = {slug for slug, _ in self.fresh}
        return tuple(slug for slug in SLUGS if slug not in present)

    @cached_property
    def collapsed(self) -> tuple[str, ...]:
        """Collapsed slugs, Table I's order."""
        return tuple(self.ours.index[self.ours["collapsed"].astype(bool)])

    @cached_property
    def unconverged(self) -> tuple[str, ...]:
        """Slugs of which some run had not converged, Table I's order."""
        return tuple(self.ours.index[~self.ours["converged"].astype(bool)])

    @cached_property
    def causes(self) -> pd.DataFrame:
        """The rows that do not beat the mean image clearly, with their causes: see `analysis.causes`."""
        return causes.causes(self.records)

    def mark(self, slug: str) -> str:
        """† for collapsed, ‡ for not converged, as after the name in a table."""
        return ("†" if slug in self.collapsed else "") + ("‡" if slug in self.unconverged else "")

    def labels(self, slugs: Iterable[str], *, marks: bool = False) -> list[str]:
        """Printed names."""
        return [label(slug) + (self.mark(slug) if marks else "") for slug in slugs]

    def sample(self, slug: str) -> Arrays | None:
        """Sample arrays of the architecture's first finished seed; None if there is none. Raises ReproduceError where
        they cannot be read."""
        seeds = summaries.finished_seeds(self.records, slug)
        return self.records.samples(slug, seeds[0]) if seeds else None

    @cached_property
    def maps(self) -> dict[str, tuple[np.ndarray, np.ndarray] | None]:
        """t-SNE of 1,000 codes of `EMBEDDED`: slug → points (n, 2) and digits; None without codes that
        vary. Slow, so made once for figure and table."""
        found: dict[str, tuple[np.ndarray, np.ndarray] | None] = {}
        for slug in EMBEDDED:
            sample = self.sample(slug)
            codes = np.zeros(1) if sample is None else np.asarray(sample["codes"], np.float32)
            if sample is None or float(np.ptp(codes)) <= 1e-6:
                found[slug] = None
            else:
                points = latent.embed(codes.reshape(len(codes), -1))
                found[slug] = points, np.asarray(sample["code_labels"])
        return found

    @cached_property
    def map_geometry(self) -> pd.DataFrame:
        """The statistics of `latent.geometry` for the maps. Index slug."""
        known = {slug: drawn for slug, drawn in self.maps.items() if drawn is not None}
        statistics = (latent.silhouette, latent.neighbour_accuracy, latent.axis_alignment)
        rows = {slug: [statistic(*drawn) for statistic in statistics] for slug, drawn in known.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(latent.COLUMNS), dtype=float)

    # --- the trade-off ---

    @cached_property
    def duality(self) -> statistics.Correlation:
        """Pearson's r of SSIM and PIQ over all our models, the literal reading."""
        return statistics.pearson(self.ours["ssim"], self.ours["piq"])

    @cached_property
    def duality_healthy(self) -> statistics.Correlation:
        """The same over the rows that may be ranked."""
        return statistics.pearson(self.healthy["ssim"], self.healthy["piq"])

    @cached_property
    def duality_paper(self) -> statistics.Correlation:
        """The same over the paper's own tables."""
        return statistics.pearson(self.paper["ssim"], self.paper["piq"])

    @cached_property
    def frontier(self) -> tuple[str, ...]:
        """Our Pareto set. (A collapsed model is as smooth as can be, so it would always belong to it.)"""
        return pareto.pareto_set(self.healthy)

    @cached_property
    def frontier_paper(self) -> tuple[str, ...]:
        """The Pareto set of the paper's tables."""
        return pareto.pareto_set(self.paper)

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """Our combined ranking, best first: columns rank_ssim, rank_piq, combined."""
        return pareto.combined_rank(self.healthy)

    @cached_property
    def ranking_paper(self) -> pd.DataFrame:
        """The paper's tables by the same rule."""
        return pareto.combined_rank(self.paper)

    @cached_property
    def families(self) -> dict[str, tuple[str, ...]]:
        """Section IV-E's families, and one group for the models that it leaves out."""
        grouped = {name: tuple(slugs) for name, slugs in families.FAMILIES["IV-E"].items()}
        left = tuple(slug for slug in SLUGS if not any(slug in slugs for slugs in grouped.values()))
        return {**grouped, NO_FAMILY: left}

    def family(self, slug: str) -> str:
        """The family of an architecture."""
        return next(name for name, slugs in self.families.items() if slug in slugs)

    @cached_property
    def headline(self) -> pd.DataFrame:
        """The correlation of SSIM and smoothness taken apart: index (source, smoothness_metric, subset)."""
        found = headline.headline(self.records)
        return found.set_index(["source", "smoothness_metric", "subset"])

    @cached_property
    def carriers(self) -> dict[str, Carriers]:
        """Source → the models that carry the correlation of SSIM and PIQ, where some do."""
        found = {"ours": carriers(self.ours), "paper": carriers(self.paper)}
        return {source: them for source, them in found.items() if them is not None}

    @cached_property
    def removal(self) -> dict[str, pd.DataFrame]:
        """How r falls as the models that carry it are left out one after another, for "paper" and "ours"."""
        return {"paper": headline.removal_path(self.paper), "ours": headline.removal_path(self.ours)}

    @cached_property
    def choices(self) -> pd.DataFrame:
        """The correlation under every choice that could have been another: see `analysis.robustness`."""
        return robustness.table(
            self.records, {n: r for n, r in self.profiles.items() if r is not self.records}
        )

    @cached_property
    def mechanism(self) -> pd.DataFrame:
        """How much of each ranked model's PIQ its end frames demand: see `analysis.headline.mechanism`."""
        return headline.mechanism(self.healthy)

    @cached_property
    def sameness(self) -> pd.DataFrame:
        """Each pair of models that the paper calls the same, tested: see `analysis.sameness`."""
        return sameness.sameness(self.records)

    # --- claims ---

    @cached_property
    def judged(self) -> tuple[claims.Verdict, ...]:
        """Every claim with its verdicts; on our results only where the profile allows."""
        return claims.judge(self.records if self.verdicts_allowed else None)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """The ledger: `judged` as a frame."""
        return claims.ledger(self.judged)

    @cached_property
    def restated(self) -> pd.DataFrame | None:
        """The claims that compare models by smoothness, judged by PIQ and by measures that blur alone does not improve.

        Index id; columns wording, piq and the measures; None where the profile gives no verdicts.
        """
        if not self.verdicts_allowed:
            return None
        found = claims.smoothness_restated(self.records, headline.BLUR_FREE)
        return found.assign(wording=self.verdicts.set_index("id")["wording"].reindex(found.index))

    @property
    def restated_different(self) -> pd.DataFrame:
        """`restated` without what the paper says again elsewhere. Only where the profile gives verdicts."""
        assert self.restated is not None
        return self.restated.drop_duplicates()

    @cached_property
    def statements(self) -> pd.DataFrame:
        """The ledger without the single cells of Tables I and II."""
        return self.verdicts[self.verdicts["kind"] != CELL_KIND]

    @cached_property
    def cell_verdicts(self) -> pd.DataFrame:
        """The ledger's rows on single cells of Tables I and II."""
        return self.verdicts[self.verdicts["kind"] == CELL_KIND]
