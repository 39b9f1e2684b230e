"""Both verdicts of every statement: the rules for all kinds. The rule of one kind is in its predicate's docstring."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from reproduce import protocol
from reproduce.analysis import summaries
from reproduce.analysis.measures import MEASURES, usable
from reproduce.architectures.names import LABELS, PAIR_METRICS, SLUGS
from reproduce.errors import ReproduceError
from reproduce.paper import Tables
from reproduce.paper import tables as paper_tables
from reproduce.storage.records import Records
from reproduce.verdicts import orders, own, sizes, text
from reproduce.verdicts.kinds import KINDS, OWN, kind_of
from reproduce.verdicts.registry import from_tables
from reproduce.verdicts.verdict import (
    IN_RESULTS,
    WITHIN_PAPER,
    Finding,
    Grade,
    Outcome,
    Statement,
    Undecidable,
    Verdict,
)
from reproduce.verdicts.world import World

PREDICATES = (sizes, orders, own, text)
"""The modules whose import fills KINDS and OWN."""
SIZES_JUDGED = ("paper", "notebook")
"""Profiles whose absolute sizes are compared with the printed ones: the paper's protocol, and the training length that
fits the printed numbers. `desk` has another schedule."""
MIDWAY = {"paper": 50, "desk": 8, "notebook": 5}
"""Profile → the epoch, beside the last one, at which a statement is judged again."""
PCA = "pca-16"


def judge(
    records: Records | None, statements: Iterable[Statement] | None = None, tables: Tables | None = None
) -> tuple[Verdict, ...]:
    """Judge statements (default: all) within the paper's tables and in a campaign.

    A verdict holds for the profile's protocol. It is undecided if a run that the statement needs is missing or
    failed, if the interval lies on both sides of the decision, or if the quantity does not exist here. A statement
    about the whole field is judged on all 22 rows and again without collapsed ones; if the two disagree it is
    undecided. Absolute sizes are judged in `paper` and `notebook` only. Without records, or in a profile without
    verdicts, only the paper is judged.
    """
    tables = tables or paper_tables()
    chosen = from_tables(tables) if statements is None else tuple(statements)
    inside = paper_world(tables, records)
    ours = Campaign(records) if records is not None else None
    return tuple(_verdict(statement, inside, ours) for statement in chosen)


def ledger(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """The verdicts as a frame, one row per statement, as `claims`, the report and the explorer show them."""
    return pd.DataFrame([verdict.fields() for verdict in verdicts])


def _verdict(statement: Statement, inside: World, ours: Campaign | None) -> Verdict:
    within = evaluate(statement, inside)
    about = "text" if kind_of(statement).text else "results"
    verdict = Verdict(
        statement=statement,
        about=about,
        within_paper=WITHIN_PAPER[within.outcome],
        recomputed=within.shown or within.reason,
    )
    if about == "text" or ours is None:
        return verdict
    found = ours.evaluate(statement)
    return replace(
        verdict,
        verdict=IN_RESULTS[found.outcome],
        reason=found.reason,
        shown=found.shown,
        beside=found.beside,
        grade="" if found.outcome is Outcome.UNJUDGED else ours.grade(statement),
        looks=(
            ours.looks_at(statement, found)
            if _asked(found) and found.outcome is not Outcome.UNDECIDED
            else (0, 0)
        ),
    )


def _asked(found: Finding) -> bool:
    """Whether something was computed and judged."""
    return bool(found.shown) and found.outcome is not Outcome.UNJUDGED


def evaluate(statement: Statement, world: World) -> Finding:
    """Evaluate one predicate in one world. Raises ReproduceError for an unknown kind, for arguments that do not fit it,
    and for records that lack what it needs."""
    try:
        return kind_of(statement).predicate(world, statement)
    except Undecidable as obstacle:
        return Finding(Outcome.UNDECIDED, "", str(obstacle))
    except (ValueError, LookupError, ArithmeticError) as error:
        misfit = f"its arguments do not fit the kind '{statement.kind}'"
        if not world.is_paper:
            misfit += ", or the records lack what that asks for"
        raise ReproduceError(f"statement {statement.id}: {misfit} ({error!r:.80})") from error


def rules() -> dict[str, str]:
    """Kind → its rule, as docs/CLAIMS.md prints it. A statement with its own predicate is listed by its name."""
    return {name: kind.rule for name, kind in (*sorted(KINDS.items()), *OWN.items())}


def paper_world(tables: Tables | None = None, records: Records | None = None) -> World:
    """The paper's own tables as a world. records: of any profile on MNIST, for what only the images can show."""
    tables = tables or paper_tables()
    models = tables.models()
    return World(
        models=models,
        paper=models,
        half_units=tables.half_units(),
        row_order={"ssim": tables.rows[1], "piq": tables.rows[2]},
        piq_floor=_floor(records),
        pca=_pca(records),
    )


def _floor(records: Records | None) -> float | None:
    """Median of D/81 over the 25 pairs of test images, where D is their squared distance."""
    if records is None or not summaries.verdicts_allowed(records):
        return None
    try:
        ends = np.asarray(records.samples("originals", 0)["pair_originals"], dtype=float) / 255
    except (ReproduceError, LookupError):
        return None
    distance = ((ends[:, 0] - ends[:, 1]) ** 2).reshape(len(ends), -1).sum(axis=1)
    return float(np.median(distance) / (protocol.FRAMES - 1) ** 2)


def _pca(records: Records | None) -> dict[str, float] | None:
    """SSIM, MSE and PSNR of PCA with 16 components."""
    if records is None or not summaries.verdicts_allowed(records):
        return None
    found = summaries.references(records)
    known = PCA in found.index and bool(found["n_seeds"][PCA])
    return {metric: float(found.at[PCA, metric]) for metric in ("ssim", "mse", "psnr")} if known else None


class Campaign:
    """Judges statements by a campaign's results."""

    def __init__(self, records: Records, models: pd.DataFrame | None = None) -> None:
        self.records = records
        self.profile = records.profile.removesuffix(protocol.TF32_SUFFIX)
        self.allowed = summaries.verdicts_allowed(records)
        paper = paper_tables().models()
        summary = summaries.summarise(records) if models is None else models
        # other trained models do not belong to the paper's field
        self.summary = summary[summary.index.isin(paper.index)]
        finished = self.summary[np.isfinite(self.summary["ssim"])]
        pca = _pca(records)
        self.everything, self.alive = (
            World(
                models=rows,
                paper=paper,
                records=records if models is None else None,
                measured=self.measurements,
                pca=pca,
                left_out=frozenset(finished.index.difference(rows.index)),
            )
            for rows in (finished, usable(finished))
        )

    def measurements(self, metric: str) -> pd.DataFrame:
        """Values by image and pair: columns architecture, seed, unit, value. Raises KeyError for any other metric."""
        return summaries.measurements(self.records, metric)

    def evaluate(self, statement: Statement) -> Finding:
        """The finding, after the checks that hold for all kinds."""
        kind = kind_of(statement)
        if not self.allowed:
            return Finding(Outcome.UNJUDGED, "", f"profile {self.records.profile} gives no verdicts")
        if missing := self.missing(statement):
            return self._refuted_already(statement, missing) or Finding(Outcome.UNDECIDED, "", missing)
        if kind.size(statement) and self.profile not in SIZES_JUDGED:
            return self._stand_in(statement)
        found = evaluate(statement, self.everything)
        # a statement about a collapsed model cannot be judged without it
        fewer = statement.among(self.alive.slugs) if self.alive.left_out and self.alive.slugs else None
        if fewer is None or not self.about_field(statement):
            return found
        beside = evaluate(fewer, self.alive)
        left_out = f"{len(self.alive.left_out)} collapsed"
        if not beside.shown or (beside.shown, beside.outcome) == (found.shown, found.outcome):
            return found
        if not found.shown:  # the quantity does not exist in the collapsed rows
            return replace(beside, shown=f"{beside.shown}; {left_out} have no such value")
        if beside.outcome is found.outcome:
            return replace(found, beside=f"without {left_out}: {beside.shown}")
        words = f"all rows {IN_RESULTS[found.outcome]}, without {left_out} {IN_RESULTS[beside.outcome]}"
        shown = f"all rows: {found.shown}; without {left_out}: {beside.shown}"
        return Finding(Outcome.UNDECIDED, shown, f"collapsed rows change the answer: {words}")

    def _refuted_already(self, statement: Statement, missing: str) -> Finding | None:
        """Not reproduced, if the finished models refute a statement that is about each of several models."""
        # a family's mean needs all its members
        if not kind_of(statement).each(statement) or "of" in statement.arguments:
            return None
        worlds = (self.everything, self.alive)
        found = [evaluate(part, world) for world in worlds if (part := statement.among(world.slugs))]
        if not found or any(one.outcome is not Outcome.FAILS for one in found):
            return None
        return Finding(Outcome.FAILS, found[-1].shown, f"refuted by the models at hand ({missing})")

    def _stand_in(self, statement: Statement) -> Finding:
        """An absolute size in a profile with another schedule: its direction, if it has one, else only our value."""
        try:
            if (found := sizes.direction(self.everything, statement)) is not None:
                return found
        except Undecidable as obstacle:
            return Finding(Outcome.UNDECIDED, "", str(obstacle))
        shown = evaluate(statement, self.everything).shown
        return Finding(
            Outcome.UNJUDGED, shown, f"a size, and {self.profile} has another schedule than the paper"
        )

    def about_field(self, statement: Statement) -> bool:
        """Whether a statement compares with the whole field. "Exactly these" does, "these among others" does not."""
        field = kind_of(statement).field and statement.arguments.get("sense") != "inside"
        return field or statement.about_everyone

    def missing(self, statement: Statement) -> str:
        """Which runs that a statement needs are missing or failed, in words, or ""."""
        gone = set(self.everything.paper.index) - set(self.everything.slugs)
        needed = [slug for slug in statement.rests_on() if slug in gone]
        if needed:
            failed = [slug for slug in needed if slug in self.summary.index]
            word = "failed" if len(failed) == len(needed) else "no finished run of"
            return f"{word} {', '.join(LABELS[slug] for slug in needed)}"
        if gone and self.about_field(statement):
            return f"{len(gone)} of {len(self.everything.paper)} models have no finished run"
        return ""

    def grade(self, statement: Statement) -> Grade:
        """A: the paper's protocol with three seeds of all models that the statement needs; B: with fewer; C: desk; D:
        notebook."""
        if self.profile == "paper":
            everyone = self.about_field(statement) or not statement.rests_on()
            needed = self.everything.slugs if everyone else statement.rests_on()
            seeds = self.summary["n_seeds"].reindex(list(needed)).fillna(0)
            return "A" if len(seeds) and seeds.min() >= len(protocol.PAPER_SEEDS) else "B"
        return {"desk": "C", "notebook": "D"}.get(self.profile, "")  # type: ignore[return-value]

    # --- looks ---

    @cached_property
    def looks(self) -> tuple[Campaign, ...]:
        """Parts of the same campaign: each seed alone, midway through training, and after the last epoch."""
        seeds, own = summaries.seeds(self.records), self.records.milestones
        alone = (Campaign(summaries.only_seeds(self.records, [seed])) for seed in seeds)
        by_seed = tuple(alone) if len(seeds) > 1 else (self,)
        if self.profile not in MIDWAY or own.empty:
            return by_seed
        frames = [own[own["epoch"] == MIDWAY[self.profile]]]
        runs = summaries.finished(self.records).dropna(subset=["best_epoch"])
        # otherwise the kept weights are those of the last epoch
        if (runs["best_epoch"] != runs["epochs"]).any():
            last = own.groupby(["architecture", "variant", "seed"])["epoch"].transform("max")
            frames.append(own[own["epoch"] == last])
        return (*by_seed, *(Milestone(self, frame) for frame in frames if not frame.empty))

    def looks_at(self, statement: Statement, found: Finding) -> tuple[int, int]:
        """In how many looks the outcome is that of this finding, and how many looks could be taken.

        A look cannot be taken if a run is missing, or if a milestone does not record what the statement needs. An
        undecided look counts as taken, but not as agreement."""
        looks = (found if look is self else look.evaluate(statement) for look in self.looks)
        taken = [one for one in looks if _asked(one)]
        return sum(one.outcome is found.outcome for one in taken), len(taken)


class Milestone(Campaign):
    """A campaign with the weights of one epoch: only the metrics on the paper's images and pairs are known."""

    def __init__(self, whole: Campaign, frame: pd.DataFrame) -> None:
        self._frame = frame[frame["variant"] == ""].rename(columns={"item": "unit"})
        by_model, by_run = (self._frame.groupby(keys) for keys in ("architecture", ["architecture", "seed"]))
        spreads = np.sqrt(by_run.var(numeric_only=True).groupby("architecture").mean())
        models = by_model.mean(numeric_only=True)
        models = models.assign(**{f"{name}_sd": spreads[name] for name in spreads if name in MEASURES})
        models = models.drop(columns=["seed", "epoch", "revision", "unit", "label"], errors="ignore")
        models["n_seeds"] = by_model["seed"].nunique()
        models["collapsed"] = whole.summary["collapsed"].reindex(models.index).eq(True)
        order = [slug for slug in SLUGS if slug in models.index]
        super().__init__(whole.records, models=models.loc[order])

    def measurements(self, metric: str) -> pd.DataFrame:
        """As in `Campaign`, for the metrics that milestones record."""
        record = "pair" if metric in (*PAIR_METRICS, "end_distance") else "image"
        rows = self._frame[self._frame["record"] == record]
        return rows[["architecture", "seed", "unit", metric]].rename(columns={metric: "value"})
