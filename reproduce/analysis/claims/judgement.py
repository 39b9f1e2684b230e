"""Both verdicts of every claim: the rules that hold for all kinds. Those of one kind stand at its
predicate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from reproduce.analysis import summaries
from reproduce.analysis.claims import differences, orders, pictures, protocol, values
from reproduce.analysis.claims.kinds import FIELD, KINDS
from reproduce.analysis.claims.model import (
    AS_TRAINED,
    IN_RESULTS,
    SMALLEST_FIELD,
    WITHIN_PAPER,
    Claim,
    Finding,
    Outcome,
    Untestable,
    Verdict,
    World,
)
from reproduce.analysis.claims.registry import from_tables
from reproduce.analysis.headline import BLUR_FREE, by_measure
from reproduce.analysis.measures import MEASURES, usable
from reproduce.errors import ReproduceError
from reproduce.names import LABELS, SLUGS
from reproduce.paper import Tables
from reproduce.paper import tables as paper_tables
from reproduce.records import Records

PREDICATES = (values, orders, differences, protocol, pictures)
"""The modules whose import fills KINDS."""
ALWAYS_ABOUT_PIQ = {"pareto-set", "pareto-member", "best-of-combined", "recommendation"}
SCALE_FREE = {
    "alike",
    "correlation",
    "correlation-p",
    "correlation-sign",
    "families-alike",
    "family-place",
    "inverted-families",
    "larger-gap",
    "no-gain",
    "ordering",
    "rank",
    "same-ranking",
    "significant",
    "trade-off-in-families",
    "weaker-correlation",
}
"""Kinds that compare models with one another and not with a printed size."""
COLLAPSED, NOT_CONVERGED = "collapsed", "not converged"
OF_TRAINING = (COLLAPSED, NOT_CONVERGED)
"""What may be wrong with the weights of a finished run."""
BY_DESIGN = {
    "parameters",
    "parameters_encoder",
    "parameters_decoder",
    "peak_memory_mib",
    "inference_microseconds",
}
"""Metrics that no weights change."""


def judge(
    records: Records | None, claims: Iterable[Claim] | None = None, tables: Tables | None = None
) -> tuple[Verdict, ...]:
    """Judge claims (default: all) within the paper's tables and in a campaign.

    A claim that names architectures is not testable while one of them is missing, failed, collapsed or not
    converged (of sizes and speeds, which no weights change: missing or failed). One about the whole field is evaluated
    on the rows that are none of these, the sound ones; the evidence says how many those were, and whether the others
    would change the verdict. Where nothing but training that ended early stands in the way, the evidence is what the
    models show as trained. Without records, or in a profile without verdicts, nothing is testable.
    """
    tables = tables or paper_tables()
    inside = paper_world(tables)
    ours = Campaign(records, inside.models) if records is not None else None
    return tuple(
        _verdict(claim, inside, ours) for claim in (from_tables(tables) if claims is None else claims)
    )


def ledger(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """The verdicts as a frame, one row a claim: what `claims`, the report and the README print."""
    return pd.DataFrame([dict(verdict.fields()) for verdict in verdicts])


def tally(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """How many claims have which verdicts: rows the words within the paper, columns the words in the
    results."""
    frame = ledger(verdicts)
    table = pd.crosstab(frame["within_paper"], frame["in_results"])
    rows, columns = (list(dict.fromkeys(words.values())) for words in (WITHIN_PAPER, IN_RESULTS))
    return table.reindex(index=rows, columns=columns, fill_value=0)


def smoothness_restated(records: Records, metrics: Iterable[str] = BLUR_FREE) -> pd.DataFrame:
    """Every claim that compares models by PIQ, asked again of other measures of smoothness that blur alone does not
    improve.

    PIQ over its floor, or uniformity, takes PIQ's place: in the claim's arguments, so that it is tested on that
    measure's own values and by its margin, and in the models frame, from which the Pareto set and what follows from
    it are found anew. Index: claim id; columns `piq` and the metrics, each the verdict in the results, where models
    that were still improving count as they are. Claims that print a size of PIQ, and those that speak of other metrics
    at once, are left out.
    """
    paper = paper_world().models
    claims = [claim for claim in from_tables(paper_tables()) if _compares_smoothness(claim)]
    table = pd.DataFrame(index=pd.Index([claim.id for claim in claims], name="id"))
    for metric in ("piq", *metrics):
        campaign = Campaign(records, paper, smoothness=metric)
        findings = [campaign.evaluate(_of(claim, metric)) for claim in claims]
        table[metric] = [IN_RESULTS[found.as_trained or found.outcome] for found in findings]
    return table


def _of(claim: Claim, metric: str) -> Claim:
    """The same claim of another measure of smoothness."""
    arguments = {name: metric if value == "piq" else value for name, value in claim.arguments.items()}
    return replace(claim, arguments=arguments)


def _compares_smoothness(claim: Claim) -> bool:
    if claim.kind == "count":
        return claim.arguments["set"] in ("pareto", "dominated")
    return claim.kind in ALWAYS_ABOUT_PIQ or (claim.kind in SCALE_FREE and "piq" in claim.arguments.values())


def evaluate(claim: Claim, world: World) -> Finding:
    """One predicate in one world. Raises ReproduceError for an unknown kind, for arguments that do not fit it, and for
    records that lack what it asks for."""
    predicate = KINDS.get(claim.kind)
    if predicate is None:
        raise ReproduceError(
            f"claim {claim.id}: unknown kind '{claim.kind}'; known are {', '.join(sorted(KINDS))}"
        )
    try:
        return predicate(world, claim)
    except Untestable as obstacle:
        return Finding(Outcome.UNTESTABLE, "", str(obstacle))
    except (ValueError, LookupError, ArithmeticError) as error:
        raise ReproduceError(f"claim {claim.id}: {_misfit(claim, world)} ({error!r:.80})") from error


def _misfit(claim: Claim, world: World) -> str:
    """What may be wrong where a predicate stumbles. The paper's tables are ours and whole; a campaign's records come
    from the disk."""
    misfit = f"its arguments do not fit the kind '{claim.kind}'"
    return misfit if world.is_paper else f"{misfit}, or the records lack what that asks for"


def rules() -> dict[str, str]:
    """Kind → its rule, as the report's appendix prints it."""
    return {name: " ".join((predicate.__doc__ or "").split()) for name, predicate in sorted(KINDS.items())}


def paper_world(tables: Tables | None = None) -> World:
    """The paper's own tables as a world."""
    tables = tables or paper_tables()
    models = tables.models()
    return World(
        models=models,
        paper=models,
        half_units=tables.half_units(),
        row_order={"ssim": tables.rows[1], "piq": tables.rows[2]},
    )


class Campaign:
    """A campaign's worlds, and the reasons why a claim cannot be tested in it.

    smoothness: the column that takes the place of PIQ (see `smoothness_restated`).
    """

    def __init__(self, records: Records, paper: pd.DataFrame, smoothness: str = "piq") -> None:
        self.allowed = summaries.verdicts_allowed(records)
        self.profile = records.profile
        summary = by_measure(summaries.summarise(records), smoothness)
        # what else was trained is not the paper's field
        self.summary = summary[summary.index.isin(paper.index)]
        alive = usable(self.summary)
        sound = alive[alive["converged"]]
        finite = self.summary[np.isfinite(self.summary["ssim"])]
        self.sound, self.trained, self.everything = (
            World(models=rows, paper=paper, records=records, attempted=self.summary)
            for rows in (sound, alive, finite)
        )

    def evaluate(self, claim: Claim) -> Finding:
        """The finding on sound rows, after the checks that hold for all kinds."""
        obstacle = "" if claim.kind in protocol.PAPER_ONLY else self.obstacle(claim)
        if obstacle:
            return self._as_trained(claim, obstacle) or self._of_sound_rows(claim, obstacle)
        ground = self.ground(claim)
        finding = evaluate(claim, ground)
        if finding.outcome is Outcome.UNTESTABLE:
            return self._as_trained(claim, finding.reason) or finding
        if not _about_sound_rows(claim):
            return finding
        return self._with_left_out(claim, replace(finding, shown=self._on(ground, finding.shown)))

    def ground(self, claim: Claim) -> World:
        """The rows that a claim is judged on: the sound ones, or all, where no training changes what it is about."""
        return self.everything if _by_design(claim) else self.sound

    def _as_trained(self, claim: Claim, reason: str) -> Finding | None:
        """Not testable, with what the models show as trained; None where that is not all that the claim lacks."""
        more = len(self.trained.models) > len(self.sound.models)
        if not (self.allowed and more and _is_field(self.trained, claim) and _has_named(self.trained, claim)):
            return None
        beside = evaluate(claim, self.trained)
        if beside.outcome is Outcome.UNTESTABLE:
            return None
        shown = self._on(self.trained, beside.shown) if _about_sound_rows(claim) else beside.shown
        told = f"{AS_TRAINED}{IN_RESULTS[beside.outcome]}"
        return Finding(Outcome.UNTESTABLE, f"{told}: {shown}" if shown else told, reason, beside.outcome)

    def _of_sound_rows(self, claim: Claim, reason: str) -> Finding:
        """Not testable, with the numbers of the sound rows where they hold all models that the claim names."""
        shown = evaluate(claim, self.sound).shown if _has_named(self.sound, claim) else ""
        return Finding(Outcome.UNTESTABLE, shown, reason)

    def _on(self, world: World, shown: str) -> str:
        """The numbers of a claim about the field, with how many rows they are of, unless they are of all."""
        n, total = len(world.models), len(self.summary)
        kinds = ((self.sound, "sound"), (self.trained, "uncollapsed"), (self.everything, "finished"))
        kind = next(word for rows, word in kinds if rows is world)
        return f"{shown} (on {n} {kind} rows of {total})" if shown and n < total else shown

    def obstacle(self, claim: Claim) -> str:
        """Why the claim is not testable here, or ""."""
        if not self.allowed:
            return f"profile {self.profile} gives no verdicts"
        named = claim.rests_on()
        for reason, slugs in self._unsound.items():
            if reason in OF_TRAINING and _by_design(claim):
                continue
            hit = [LABELS[slug] for slug in named if slug in slugs]
            if hit:
                return f"{reason}: {', '.join(hit)}"
        if not _is_field(self.ground(claim), claim):
            kind = "have finished" if _by_design(claim) else "are sound"
            return f"n too small: {len(self.ground(claim).models)} of {len(SLUGS)} models {kind}"
        return ""

    @cached_property
    def _unsound(self) -> dict[str, list[str]]:
        rows = self.summary
        present = [slug for slug in SLUGS if slug in rows.index]
        return {
            "missing": [slug for slug in SLUGS if slug not in rows.index],
            "failed": [slug for slug in present if rows.at[slug, "failed"]],
            COLLAPSED: [slug for slug in present if rows.at[slug, "collapsed"]],
            NOT_CONVERGED: [slug for slug in present if not rows.at[slug, "converged"]],
        }

    def _with_left_out(self, claim: Claim, finding: Finding) -> Finding:
        if len(self.everything.models) == len(self.sound.models):
            return finding
        beside = evaluate(claim, self.everything)
        if beside.outcome is finding.outcome:
            return finding
        shown = f"{finding.shown}; with the rows left out {IN_RESULTS[beside.outcome]} ({beside.shown})"
        return Finding(finding.outcome, shown, finding.reason)


def _by_design(claim: Claim) -> bool:
    """Whether the claim is about nothing but sizes and speeds that a model has before it is trained."""
    metrics = {name for name in MEASURES for asked in claim.arguments.items() if name in _words(asked)}
    return bool(metrics) and metrics <= BY_DESIGN


def _words(asked: tuple[str, str]) -> set[str]:
    """The metrics that an argument may name: as its value, or as a bound ("peak_memory_mib_at_most")."""
    name, value = asked
    return {*value.split(), *(name.removesuffix(suffix) for suffix in orders.SIDES)}


def _has_named(world: World, claim: Claim) -> bool:
    """Whether the world has a row of every model that the claim rests on."""
    return set(claim.rests_on()) <= set(world.models.index)


def _is_field(world: World, claim: Claim) -> bool:
    """Whether the world has rows enough for a claim about the whole field, if it is one."""
    return len(world.models) >= SMALLEST_FIELD or not _about_sound_rows(claim)


def _about_sound_rows(claim: Claim) -> bool:
    """Whether the claim compares with the whole field, of which a campaign has its sound rows."""
    if claim.kind in protocol.PAPER_ONLY or orders.counts_finished_rows(claim):
        return False
    return claim.kind in FIELD or claim.about_everyone


def _verdict(claim: Claim, inside: World, ours: Campaign | None) -> Verdict:
    within = evaluate(claim, inside)
    results = ours.evaluate(claim) if ours else Finding(Outcome.UNTESTABLE, "", "no results")
    return Verdict(
        claim=claim,
        within_paper=WITHIN_PAPER[within.outcome],
        recomputed=within.shown or within.reason,
        in_results=IN_RESULTS[results.outcome],
        reason=results.reason,
        evidence=results.shown,
        as_trained=IN_RESULTS[results.as_trained] if results.as_trained else "",
    )
