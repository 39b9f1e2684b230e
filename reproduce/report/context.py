"""Everything that tables, figures and prose show: computed once by `analysis` and `verdicts`, and shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from reproduce import paper, protocol
from reproduce.analysis import families, headline, measures, pareto, statistics, summaries
from reproduce.analysis.forensics import Forensics, investigate
from reproduce.analysis.notes import Note, notes
from reproduce.architectures.names import LABELS, REFERENCES, SLUGS
from reproduce.architectures.registry import PYTHAE_VARIANT
from reproduce.storage.records import Arrays, Records
from reproduce.verdicts import judge, summary
from reproduce.verdicts.verdict import Grade, Verdict

NO_FAMILY = "No family"
FEWEST = 5
"""Models that the text needs to speak of orders, correlations and the origin of the printed numbers."""


def label(slug: str) -> str:
    """The printed name of an architecture or a baseline row."""
    return LABELS.get(slug) or REFERENCES[slug]


def finished_rows(records: Records, variant: str = "") -> pd.DataFrame:
    """The models frame, without architectures that have no finished run."""
    models = summaries.summarise(records, variant)
    return models[models["n_seeds"] > 0]


@dataclass(frozen=True)
class Context:
    """One campaign's records beside the paper's tables. Derived quantities are computed when they are needed."""

    records: Records
    provenance: Mapping[str, Any]
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

    @property
    def verdicts_allowed(self) -> bool:
        """Whether the profile trains enough for verdicts."""
        return summaries.verdicts_allowed(self.records)

    # --- rows ---

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The rows of the 22 as the paper describes them, whatever their status."""
        runs = self.records.runs
        return runs[runs["architecture"].isin(SLUGS) & (runs["variant"] == "")]

    @cached_property
    def paper(self) -> pd.DataFrame:
        """The paper's Tables I and II as a models frame."""
        return paper.models()

    @cached_property
    def models(self) -> dict[str, pd.DataFrame]:
        """Profile → its models frame: the architectures with at least one finished run."""
        return {name: finished_rows(records) for name, records in self.profiles.items()}

    @property
    def ours(self) -> pd.DataFrame:
        """The models frame of this profile."""
        return self.models[self.records.profile]

    @cached_property
    def pythae(self) -> pd.DataFrame:
        """The models frame of Pythae's own classes, as far as any was run."""
        return finished_rows(self.records, PYTHAE_VARIANT)

    @cached_property
    def references(self) -> pd.DataFrame:
        """PCA and the mean image, as far as they were evaluated."""
        return summaries.references(self.records)

    @cached_property
    def healthy(self) -> pd.DataFrame:
        """Our models without a collapsed or failed run."""
        return measures.usable(self.ours)

    @cached_property
    def n_images(self) -> int:
        """The number of test images in Table I."""
        return int(self.records.images["image"].nunique())

    @cached_property
    def n_pairs(self) -> int:
        """The number of interpolations in Table II."""
        return int(self.records.pairs["pair"].nunique())

    # --- completeness ---

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that belong to a complete campaign: the profile's, and any other that a run used."""
        return tuple(sorted({*self.profile.seeds, *self.runs["seed"].astype(int)}))

    @property
    def finished_seeds(self) -> tuple[int, ...]:
        """The seeds with a finished run."""
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
        keys = zip(failed["architecture"], failed["seed"].astype(int), strict=True)
        found = dict(zip(keys, failed["reason"].astype(str), strict=True))
        return {key: found[key] for key in sorted(found, key=lambda key: (SLUGS.index(key[0]), key[1]))}

    @property
    def planned(self) -> int:
        """Runs of a complete campaign."""
        return len(SLUGS) * len(self.seeds)

    @property
    def complete(self) -> bool:
        """Whether every planned run has finished. (A failed run has not: its numbers are missing.)"""
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
    def drifting(self) -> pd.DataFrame:
        """The rows whose SSIM or PIQ still moved by more than their margin between the middle and the end of training:
        columns ssim, piq, the relative or absolute change."""
        return summaries.drift(self.records, judge.MIDWAY.get(self.records.profile, 0))

    def mark(self, slug: str) -> str:
        """The marks after a name in a table: † for collapsed, ‡ for still moving; no ‡ if most models are."""
        few = len(self.drifting) <= len(self.ours) / 2
        return ("†" if slug in self.collapsed else "") + ("‡" if few and slug in self.drifting.index else "")

    def labels(self, slugs: Iterable[str], *, marks: bool = False) -> list[str]:
        """Printed names."""
        return [label(slug) + (self.mark(slug) if marks else "") for slug in slugs]

    def sample(self, slug: str) -> Arrays | None:
        """Sample arrays of the architecture's first finished seed; None if there is none. Raises ReproduceError if they
        cannot be read."""
        seeds = summaries.finished_seeds(self.records, slug)
        return self.records.samples(slug, seeds[0]) if seeds else None

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """Notes on rows that would mislead without an explanation."""
        return notes(self.records)

    # --- the trade-off ---

    @cached_property
    def duality(self) -> statistics.Correlation:
        """Pearson's r of SSIM and PIQ over all our models."""
        return statistics.pearson(self.ours["ssim"], self.ours["piq"])

    @cached_property
    def duality_healthy(self) -> statistics.Correlation:
        """The same without collapsed rows."""
        return statistics.pearson(self.healthy["ssim"], self.healthy["piq"])

    @cached_property
    def duality_paper(self) -> statistics.Correlation:
        """The same over the paper's own tables."""
        return statistics.pearson(self.paper["ssim"], self.paper["piq"])

    @cached_property
    def mechanism(self) -> headline.Mechanism | None:
        """What the distance of the end frames explains of this correlation; None with too few models."""
        return headline.mechanism(self.healthy)

    @cached_property
    def frontier(self) -> tuple[str, ...]:
        """Our Pareto set, without collapsed models: they are perfectly smooth and would always belong to it."""
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
        """The combined ranking of the paper's tables."""
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
        """The correlation of SSIM and smoothness by subset: index (source, smoothness_metric, subset)."""
        return headline.headline(self.ours)

    @cached_property
    def removal(self) -> dict[str, pd.DataFrame]:
        """How r falls as the most influential models are left out one after another, for "paper" and "ours"."""
        return {"paper": headline.removal_path(self.paper), "ours": headline.removal_path(self.ours)}

    # --- verdicts ---

    @cached_property
    def judged(self) -> dict[str, tuple[Verdict, ...]]:
        """Profile → every statement with its verdicts. A profile without verdicts judges the paper alone."""
        own = {name: judge.judge(records) for name, records in self.profiles.items()}
        return {self.records.profile: own[self.records.profile], **own}

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of this profile."""
        return self.judged[self.records.profile]

    @cached_property
    def ten(self) -> tuple[summary.Ten, ...]:
        """The ten claims, with the verdicts of every profile that has records."""
        return summary.ten({name: self.judged[name] for name in self.profiles})

    @cached_property
    def grades(self) -> dict[str, list[Grade]]:
        """Profile → the grades of its verdicts on the ten claims, the best first."""
        return {
            name: sorted({claim.verdicts[name].grade for claim in self.ten} - {""}) for name in self.profiles
        }

    @cached_property
    def lengths(self) -> summary.Lengths | None:
        """Where ten epochs and a hundred lead to different verdicts."""
        return summary.by_length(self.judged)

    @cached_property
    def errata(self) -> tuple[summary.Erratum, ...]:
        """The paper's inconsistencies, by cause."""
        return summary.errata(self.verdicts)

    @cached_property
    def forensics(self) -> Forensics | None:
        """Which protocols, lengths and definitions the printed rows agree with; None for a profile without verdicts."""
        return investigate(self.profiles) if self.profile.verdicts else None
