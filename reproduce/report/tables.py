"""Tables I–III beside the paper's, the ten claims, and the tables of the appendix.

Values come from a `Context` and are formatted by `numbers`; nothing here computes a statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from reproduce import paper
from reproduce.analysis import failures, forensics, measures, recommendations, statistics, summaries
from reproduce.analysis.measures import MEASURES, SPREAD
from reproduce.architectures import registry
from reproduce.architectures.names import ALL_METRICS, IMAGE_METRICS, PAIR_METRICS, REFERENCES, SLUGS
from reproduce.metrics import OTHER_IMAGE_METRICS
from reproduce.paper import decisions
from reproduce.protocol import FRAMES
from reproduce.report import numbers, origin
from reproduce.report.columns import (
    entry,
    few_seeds,
    flags,
    marked,
    model_table,
    plain,
    printed,
    printed_mean,
    rank_text,
    remarks,
    still,
    unhealthy,
)
from reproduce.report.context import Context, label
from reproduce.report.numbers import DASH
from reproduce.report.table import Blocks, Column, Row, Table, to_csv, to_latex, to_markdown
from reproduce.storage.reading import GPU
from reproduce.storage.records import Records
from reproduce.verdicts import registry as statements
from reproduce.verdicts.summary import common_share, perfect_repetition, tally
from reproduce.verdicts.verdict import GRADES, IN_RESULTS, Outcome, Verdict

# --- Tables I to III ----------------------------------------------------------------------------------


def _results(
    context: Context, order: Sequence[str], metrics: Sequence[str]
) -> tuple[tuple[Column, ...], Blocks]:
    """Name, our value and (if printed) the paper's for each metric, both ranks by the first; baselines below."""
    columns = [Column("Model", align="l")]
    printed_metrics = [metric for metric in metrics if metric in context.paper]
    for metric in metrics:
        head = MEASURES[metric].head
        columns += [Column("ours", head), *([Column("paper", head)] if metric in printed_metrics else [])]
    columns += [Column("ours", "Rank"), Column("paper", "Rank")]
    ours, theirs = (measures.ranks(frame, metrics[0]) for frame in (context.healthy, context.paper))

    def row(slug: str, models: pd.DataFrame) -> Row:
        cells = [marked(context, slug)]
        for metric in metrics:
            mean, spread = entry(models, slug, metric), entry(models, slug, f"{metric}_sd")
            cells.append(numbers.plus_minus(metric, mean, spread))
            if metric in printed_metrics:
                cells.append(printed(slug, metric) if slug in paper.PAPER_SLUGS else "")
        ranks = [rank_text(ours, slug), rank_text(theirs, slug)] if slug in SLUGS else ["", ""]
        return (*cells, *ranks)

    blocks = [tuple(row(slug, context.ours) for slug in order)]
    if len(context.references):
        blocks.append(
            tuple(row(slug, context.references) for slug in REFERENCES if slug in context.references.index)
        )
    return tuple(columns), tuple(blocks)


def _row_order(table: int) -> tuple[str, ...]:
    """The paper's rows in its order, then the architectures that it does not have."""
    printed_rows = paper.tables().rows[table]
    return (*printed_rows, *(slug for slug in SLUGS if slug not in printed_rows))


_SPREAD = "± is the standard deviation over {what}."
_RANKED = "Our ranks leave out collapsed models."


def reconstruction(context: Context) -> Table:
    """Table I, with the paper's row order."""
    order = _row_order(1)
    columns, blocks = _results(context, order, IMAGE_METRICS)
    return Table(
        name="table1",
        number="I",
        title=f"Reconstruction on {numbers.integer(context.n_images)} test images, ours beside the paper's.",
        remarks=f"{_SPREAD.format(what='images')} Ranks by SSIM. {_RANKED}",
        columns=columns,
        blocks=blocks,
        notes=(*flags(context, order), *remarks(context, order), *_larger_code(context.ours.index)),
        size="scriptsize",
    )


def _larger_code(slugs: Iterable[str]) -> tuple[str, ...]:
    """A footnote if VQ-VAE is among the models."""
    note = "VQ-VAE's code holds 144 numbers (nine vectors of 16, 81 bits), the others' 16."
    return (note,) if "vq-vae" in slugs else ()


def interpolation(context: Context) -> Table:
    """Table II, with the paper's row order."""
    order = _row_order(2)
    columns, blocks = _results(context, order, ("piq", "piq_over_floor", *PAIR_METRICS[1:]))
    return Table(
        name="table2",
        number="II",
        title=f"Smoothness of {numbers.integer(context.n_pairs)} interpolations of {numbers.in_words(FRAMES)} frames, "
        "ours beside the paper's.",
        remarks=f"{_SPREAD.format(what='pairs')} PIQ is per pixel, ISS is not; the floor of PIQ is what its end frames "
        f"demand. Ranks by PIQ. {_RANKED}",
        columns=columns,
        blocks=blocks,
        notes=(*flags(context, order), *still(context, "still_pairs"), *remarks(context, order, ("stuck",))),
        size="scriptsize",
    )


PRIORITIES = {
    "Reconstruction": "best third by SSIM, best PIQ first",
    "Interpolation": "best third by PIQ, best SSIM first",
    "Balanced": "Pareto set, by the sum of both ranks",
}
"""Priority → its rule in a few words."""
LISTED = 4
"""How many models of a list are printed."""


def applications(context: Context) -> Table:
    """Table III: one list per priority, derived from our results, beside the paper's for each application."""
    both = recommendations.recommend(context.ours).join(
        paper.table3()[["recommended_printed", "avoid_printed"]]
    )
    listed = both[["recommended", "avoid"]].map(lambda slugs: slugs[:LISTED])
    blocks = []
    for _, block in both.groupby("priority", sort=False):
        chosen = [", ".join(context.labels(slugs)) or DASH for slugs in listed.loc[block.index[0]]]
        if not block["testable"].all():
            chosen = ["not judged: disentanglement is not measured", DASH]
        rows = []
        for own in block.itertuples():
            head, (good, bad) = (own.application, own.priority), chosen
            rows.append((*head, good, own.recommended_printed, bad, own.avoid_printed))
            chosen = ["as above"] * 2
        blocks.append(tuple(rows))
    named = dict.fromkeys(chain.from_iterable(listed.to_numpy().flat))
    rules = "; ".join(f"{priority.lower()}: {rule}" for priority, rule in PRIORITIES.items())
    third, of = recommendations.third(context.healthy), len(context.healthy)
    return Table(
        name="table3",
        number="III",
        title="Recommendations that follow from our results, beside the paper's.",
        remarks=f"The first {numbers.in_words(LISTED)} of each list; applications of one priority share it. Rules: "
        f"{rules}; to avoid is the worst third. A third is {numbers.integer(third)} of {numbers.counted(of, 'model')}: "
        "collapsed ones do not count. Unless reconstruction has priority, frames in the middle of a path must look "
        "like digits.",
        columns=(
            Column("Application", align="l"),
            Column("Priority", align="l"),
            Column("ours, best first", "Recommended", "l", r"0.21\textwidth"),
            Column("paper", "Recommended", "l", r"0.17\textwidth"),
            Column("ours, worst first", "Avoid", "l", r"0.17\textwidth"),
            Column("paper", "Avoid", "l", r"0.12\textwidth"),
        ),
        blocks=tuple(blocks),
        notes=(*few_seeds(context, named), *_costs(context, named)),
        size="scriptsize",
    )


def _costs(context: Context, slugs: Iterable[str]) -> tuple[str, ...]:
    """Footnotes on code size and cost of these models."""
    models = context.ours
    present = [slug for slug in slugs if slug in models.index]
    if not present or "vae" not in models.index:
        return _larger_code(slugs)
    minutes = models.loc[present, "training_seconds"] / models.at["vae", "training_seconds"]
    slow = minutes[minutes > 2].sort_values(ascending=False)
    told = ", ".join(f"{label(str(slug))} {numbers.fixed(times, 1)}" for slug, times in slow.items())
    notes = list(_larger_code(slugs))
    if told:
        notes.append(f"Training time in multiples of the VAE's, where above two: {told}.")
    pca = context.references.reindex(["pca-16"])
    if len(pca.dropna(subset=["ssim", "piq"])):
        ssim, piq = (numbers.value(metric, float(pca[metric].iloc[0])) for metric in ("ssim", "piq"))
        notes.append(
            f"PCA with 16 components, for comparison: SSIM {ssim}, PIQ (×10³) {piq}, fitted in seconds."
        )
    return tuple(notes)


# --- claims -------------------------------------------------------------------------------------------


def ten_claims(context: Context) -> Table:
    """The ten claims: within the paper, and in every profile with records."""
    profiles = [
        name for name in context.profiles if any(claim.verdicts[name].verdict for claim in context.ten)
    ]
    shown = [
        name for name in profiles if any(claim.verdicts[name].evidence for claim in context.ten)
    ] or profiles

    grades = {name: context.grades[name] for name in shown}
    explained = "; ".join(f"{grade}: {GRADES[grade]}" for grade in sorted(set(chain(*grades.values()))))

    def verdict(found: Verdict) -> str:
        looks = f" ({found.looks_in_words})" if found.looks_in_words else ""
        return f"{found.verdict}{looks}" if found.verdict else DASH

    def evidence(claim_verdicts: Mapping[str, Verdict]) -> str:
        """The evidence of this report's own profile, or of the rightmost one that has any, without collapsed models if
        it names one; otherwise why its own profile has none."""
        own = claim_verdicts[context.records.profile]
        all_verdicts = (own, *(claim_verdicts[name] for name in reversed(shown)))
        found = next((verdict for verdict in all_verdicts if verdict.shown), None)
        if found is None:
            return own.reason or own.recomputed
        collapsed = any(name in found.shown for name in context.labels(context.collapsed))
        return found.beside if collapsed and found.beside else found.shown

    rows = tuple(
        (
            numbers.integer(claim.number),
            f"{claim.claim} ({claim.any.statement.section})",
            claim.any.within_paper,
            *(verdict(claim.verdicts[name]) for name in shown),
            evidence(claim.verdicts),
        )
        for claim in context.ten
    )
    width = 0.36 if len(shown) < 2 else 0.30 if len(shown) < 3 else 0.25
    return Table(
        name="claims",
        number="IV",
        coloured=True,
        title="Ten claims of the paper and what became of them.",
        remarks="Within the paper: whether its own tables and text agree with the claim. Then our verdicts by profile; "
        "in brackets, in how many looks (each seed; midway and at the end of training) the verdict is the same."
        + (f" Grades, in the heads: {explained}." if explained else ""),
        columns=(
            Column(""),
            Column("Claim (section)", align="l", width=r"0.30\textwidth"),
            Column("Within the paper", align="l", width=r"0.09\textwidth"),
            *(
                Column(f"{name} ({', '.join(found)})" if found else name, align="l", width=r"0.10\textwidth")
                for name, found in grades.items()
            ),
            Column("Evidence", align="l", width=rf"{width:.2f}\textwidth"),
        ),
        blocks=(rows,),
        size="scriptsize",
    )


def counts(context: Context) -> Table | None:
    """How many statements have each verdict, beside what a perfect repetition would get for the cells."""
    if not context.verdicts_allowed:
        return None
    table = tally(context.verdicts)
    expected = perfect_repetition({metric: common_share(context.records, metric) for metric in ALL_METRICS})
    words = [word for word in IN_RESULTS.values() if table[word].any() or word in expected.index]

    def ideal(word: str) -> str:
        if word not in expected.index:
            return DASH
        row = expected.loc[word]
        return (
            f"{numbers.integer(row['mean'])} ({numbers.integer(row['low'])}–{numbers.integer(row['high'])})"
        )

    rows = tuple(
        (
            word,
            numbers.integer(table.at["statements", word]),
            numbers.integer(table.at["cells", word]),
            ideal(word),
        )
        for word in words
    )
    text = [verdict for verdict in context.verdicts if verdict.about == "text"]
    inconsistent = sum(verdict.within_paper == "inconsistent" for verdict in text)
    return Table(
        name="tally",
        number="V",
        title="Verdicts, counted.",
        remarks="Places that restate one number are one statement. Perfect: the cells of a campaign with exactly the "
        "paper's means and spreads, but its own images and pairs (mean and 95% of simulations; MAE is printed without "
        f"± and left out). Apart: {numbers.integer(len(text))} statements on the paper's own text, of which "
        f"{numbers.integer(inconsistent)} are inconsistent.",
        columns=(Column("", align="l"), Column("Statements"), Column("Cells"), Column("Perfect repetition")),
        blocks=(rows,),
        layout="column",
        size="scriptsize",
    )


def errata(context: Context) -> Table:
    """The paper's inconsistencies, by cause."""
    rows = tuple(
        (
            one.cause,
            numbers.integer(len(one.verdicts)),
            ", ".join(dict.fromkeys(verdict.statement.section for verdict in one.verdicts)),
            one.follows,
            one.correction,
        )
        for one in context.errata
    )
    return Table(
        name="errata",
        number="VI",
        title="For the author: inconsistencies within the paper, by cause.",
        remarks="Found without a trained model. docs/ERRATA.md lists every statement with its evidence.",
        columns=(
            Column("Cause", align="l", width=r"0.15\textwidth"),
            Column("Statements"),
            Column("Sections", align="l", width=r"0.13\textwidth"),
            Column("What follows from the tables", align="l", width=r"0.41\textwidth"),
            Column("Suggested correction", align="l", width=r"0.20\textwidth"),
        ),
        blocks=(rows,),
        size="scriptsize",
    )


SIGNS = {
    IN_RESULTS[Outcome.HOLDS]: "=",
    IN_RESULTS[Outcome.FAILS]: "≠",
    IN_RESULTS[Outcome.UNDECIDED]: "≈",
    IN_RESULTS[Outcome.OTHER]: "d",
    IN_RESULTS[Outcome.UNJUDGED]: DASH,
}


def signs(verdicts: Iterable[Verdict]) -> tuple[Row, ...]:
    """Model, then the sign of each of its printed numbers."""
    by_id = {verdict.statement.id: verdict for verdict in verdicts}

    def sign(slug: str, metric: str, part: str) -> str:
        found = by_id.get(f"T{1 if metric in IMAGE_METRICS else 2}.{slug}.{metric}{part}")
        if found is None:
            return ""
        return DASH if found.reason.startswith("no finished run") else SIGNS.get(found.verdict, DASH)

    return tuple(
        (label(slug), *(sign(slug, metric, part) for metric in ALL_METRICS for part in ("", ".sd")))
        for slug in paper.PAPER_SLUGS
    )


def judged_signs(rows: Iterable[Row]) -> int:
    """How many signs are of a verdict."""
    return sum(sign not in (DASH, "") for _, *own in rows for sign in own)


def cells(context: Context) -> Table | None:
    """One sign for every number of Tables I and II: of this profile, or, where it judges no size, of the other one that
    judges most of them; None if none does."""
    if not context.verdicts_allowed:
        return None
    own, by_profile = context.records.profile, {name: signs(found) for name, found in context.judged.items()}
    counts = {name: judged_signs(rows) for name, rows in by_profile.items()}
    name = own if counts[own] else max(counts, key=lambda each: counts[each])
    if not counts[name]:
        return None
    rows = by_profile[name]
    return Table(
        name="cells",
        title="Every number of Tables I and II against ours.",
        remarks=f"Verdicts of {name}: = reproduced; ≈ compatible: the interval of the difference lies on both sides of "
        f"the margin; ≠ not reproduced; d defined differently; {DASH} not judged, or no run. Mean and ±.",
        columns=(
            Column("Model", align="l"),
            *(Column(head, MEASURES[m].label, align="c") for m in ALL_METRICS for head in ("mean", "±")),
        ),
        blocks=(rows,),
        size="scriptsize",
    )


# --- the appendix -------------------------------------------------------------------------------------


def whole_test_set(context: Context) -> Table:
    """The metrics over all test images and many pairs."""
    whole = ("test_ssim", "test_mse", "test_psnr", "test_piq")
    known = [name for name in whole if name in context.ours]
    codes = [name for name in ("test_ssim_mean_code",) if name in context.ours]
    return model_table(
        context,
        [plain(context, name) for name in known]
        + [plain(context, name, head="SSIM, mean") for name in codes]
        + [
            plain(context, name)
            for name in (*OTHER_IMAGE_METRICS, "kl", "active_units", "code_sd", "mse_ratio")
            if name in context.ours
        ]
        + [plain(context, "digit_frames", head="Digits")],
        references=True,
        name="whole-test-set",
        title=f"The whole test set and {numbers.integer(context.profile.whole_pairs)} pairs, and diagnostics.",
        remarks="Sampled codes, as in Table I, but for SSIM, mean: of the mean code. KL in nats an image; an active "
        "unit's mean varies over images; relative MSE: to the mean image's; digits: the share of the frames in the "
        "middle of a path that four of five nearest training images call the same digit.",
        size="scriptsize",
    )


def tests(context: Context) -> Table | None:
    """Paired tests of every model against the VAE, over the paper's images and pairs."""
    found = {metric: statistics.against_baseline(context.records, metric) for metric in ("ssim", "piq")}
    if any(table.empty for table in found.values()):
        return None

    def cells_of(slug: str) -> Iterable[str]:
        for metric, table in found.items():
            row = table.loc[slug]
            yield from (
                numbers.value(metric, row["difference"]),
                numbers.fixed(row["effect_size"], 2),
                numbers.p_value(row["p_bonferroni"]),
            )

    present = [slug for slug in SLUGS if all(slug in table.index for table in found.values())]
    heads = ("difference", "effect size", "22·p")
    return Table(
        name="tests",
        title="Every model against the VAE.",
        remarks="Paired t-tests over the paper's images (SSIM) and pairs (PIQ), p times 22 as the paper corrects it. "
        "Effect size: mean difference in standard deviations of the differences.",
        columns=(
            Column("Model", align="l"),
            *(Column(head, MEASURES[metric].head) for metric in found for head in heads),
        ),
        blocks=(tuple((marked(context, slug), *cells_of(slug)) for slug in present),),
        size="scriptsize",
    )


PRINTED_EPOCHS = 100
"""VII-D's minutes are for up to this many epochs."""


def costs(context: Context) -> Table:
    """Sizes and times, beside the paper's minutes."""
    found = failures.costs(context.ours)
    minutes = {name: models["epoch_seconds"] * PRINTED_EPOCHS / 60 for name, models in context.models.items()}
    minutes = {name: values for name, values in minutes.items() if values.notna().any()}

    def cell(slug: str, name: str, decimals: int) -> str:
        return numbers.fixed(entry(found, slug, name), decimals)

    def diagnostic(slug: str, name: str) -> str:
        return numbers.integer(entry(context.ours, slug, name))

    printed_minutes = {
        slug: "–".join(one.printed)
        for one in statements.rows()
        if one.kind == "run-time" and one.section == "VII-D"
        for slug in one.slugs("models")
    }
    rows = tuple(
        (
            marked(context, slug),
            diagnostic(slug, "parameters"),
            diagnostic(slug, "code_size"),
            printed_minutes.get(slug, ""),
            *(numbers.integer(values.get(slug)) for values in minutes.values()),
            cell(slug, "training_minutes_over_vae", 1),
            cell(slug, "inference_microseconds", 0),
            cell(slug, "inference_microseconds_over_vae", 2),
            cell(slug, "peak_memory_mib", 0),
        )
        for slug in found.index
    )
    hardware = (f"{name}: {timed_on(context.profiles[name])}" for name in minutes)
    return Table(
        name="costs",
        title="What the models cost here.",
        remarks="Trained parameters without biases frozen before a batch norm and without VQ-VAE's averaged codebook; "
        "numbers a code holds; minutes of training: printed in Section VII-D for up to 100 epochs on an A40, and ours "
        f"for {PRINTED_EPOCHS} epochs at the speed of our runs ({'; '.join(hardware)}); microseconds of inference an "
        "image.",
        columns=(
            Column("Model", align="l"),
            Column("Parameters"),
            Column("Code"),
            Column("printed", "Training, min"),
            *(Column(name, "Training, min") for name in minutes),
            Column("÷ VAE", "Training"),
            Column("µs", "Inference"),
            Column("÷ VAE", "Inference"),
            Column("Peak MiB"),
        ),
        blocks=(rows,),
        notes=(f"{DASH} Not timed by the clock of its own process, or trained on two devices.",)
        if any(values.isna().any() for values in minutes.values())
        else (),
        size="scriptsize",
    )


def timed_on(records: Records) -> str:
    """The hardware of a profile's timed runs in words."""
    known = summaries.timed(summaries.finished(records))["hardware"]
    return numbers.listing(
        f"{name}, shared by several runs" if GPU in name else f"one core of {name}"
        for name in known.unique()
        if name
    )


SHOWN = ("ssim", "mse", "psnr", "piq", "iss")


def implementations(context: Context) -> Table | None:
    """The paper's text, Pythae's classes and the printed row side by side, in this profile or the first other one that
    has runs of Pythae's classes; None if none has."""
    others = (Context(records, {}) for records in context.others.values())
    found = next((each for each in (context, *others) if len(each.pythae)), None)
    if found is None:
        return None
    context, models = found, found.pythae
    slugs = [slug for slug in SLUGS if slug in registry.PYTHAE]
    beside = paper.models().reindex(slugs)
    far = [
        forensics.distance(frame.reindex(slugs), forensics.columns_of("ssim"), beside)
        for frame in (context.ours, models)
    ]

    def row(slug: str) -> Row:
        cells_ = [
            cell
            for metric in SHOWN
            for cell in (
                numbers.value(metric, entry(context.ours, slug, metric)),
                numbers.value(metric, entry(models, slug, metric)),
                printed_mean(slug, metric),
            )
        ]
        return (label(slug), *cells_, *(numbers.fixed(own[slug], 2) for own in far))

    lacking = context.labels(slug for slug in slugs if slug not in models.index)
    columns = [Column("Model", align="l")]
    for metric in SHOWN:
        columns += [Column(head, MEASURES[metric].head) for head in ("text", "Pythae", "paper")]
    columns += [Column(head, "Distance") for head in ("text", "Pythae")]
    return Table(
        name="implementations",
        title="The paper's text as described, Pythae's classes, and the printed row.",
        remarks=f"Runs of {context.records.profile}. Distance: root mean square over the six metrics of the difference "
        "from the printed row, in standard deviations of the printed columns. Shown are the models whose class in "
        "Pythae computes something else than the text describes.",
        columns=tuple(columns),
        blocks=(tuple(row(slug) for slug in slugs),),
        notes=(
            *([f"{DASH} Not run yet by Pythae's class: {numbers.listing(lacking)}."] if lacking else []),
            *unhealthy("The paper's text", context.records),
            *unhealthy("Pythae's classes", context.records, registry.PYTHAE_VARIANT),
        ),
        size="scriptsize",
    )


def influence(context: Context) -> Table:
    """r of SSIM and smoothness by subset and by measure."""
    found = context.headline
    subsets = list(dict.fromkeys(found.index.get_level_values("subset")))
    measures_ = [
        m for m in ("piq", "piq_over_floor", "end_distance") if ("ours", m, subsets[0]) in found.index
    ]

    def cell(source: str, metric: str, subset: str) -> str:
        if (source, metric, subset) not in found.index:
            return DASH
        row = found.loc[(source, metric, subset)]
        if numbers.missing(row["r"]):
            return f"n = {int(row['n'])}"
        return f"{numbers.correlation(row['r'], 2)} {numbers.interval(row['low'], row['high'], 2)}"

    names = {"all models": "without collapsed models", "with collapsed rows": "all models"}
    rows = tuple(
        (
            names.get(subset, subset),
            cell("paper", "piq", subset) if subset != "all models" else DASH,
            *(cell("ours", metric, subset) for metric in measures_),
        )
        for subset in subsets
    )
    return Table(
        name="subsets",
        title="The correlation of SSIM with smoothness, by subset and measure.",
        remarks="Pearson's r with Fisher's 95% interval. No subset that is chosen by quality is evidence: it restricts "
        "the range of SSIM, which alone makes r small. The paper has no collapsed models. "
        "End distance: squared distance of the end frames.",
        columns=(
            Column("Models", align="l"),
            Column("PIQ", "Paper"),
            *(Column(MEASURES[metric].label, "Ours") for metric in measures_),
        ),
        blocks=(rows,),
        size="scriptsize",
    )


def margins(context: Context) -> Table:
    """The margins beyond which two values count as different."""

    def row(name: str, absolute: float, relative: float, obstacle: str) -> Row:
        shown = numbers.fixed(absolute, 2) if absolute else numbers.percent(relative)
        return (name, shown, obstacle or "")

    known = (measure for measure in (*MEASURES.values(), SPREAD) if measure.absolute or measure.relative)
    rows = tuple(row(m.label, m.absolute, m.relative, m.obstacle) for m in known)
    return Table(
        name="margins",
        title="Margins, stated before any result.",
        remarks="Two values closer than the margin count as the same; a percentage is of the printed value.",
        columns=(
            Column("Quantity", align="l"),
            Column("Margin"),
            Column("Why values are not compared", align="l"),
        ),
        blocks=(rows,),
        size="scriptsize",
    )


def register(context: Context) -> Table:
    """Every decision with its place in the paper; it does not depend on results."""
    rows = tuple(
        tuple(text.replace("`", "") for text in (f"{d.topic} ({d.place})", d.says, d.decided, d.why))
        for d in decisions.load()
    )
    return Table(
        name="register",
        title="Decisions where the paper is silent, contradicts itself, or contradicts its software.",
        remarks="None was taken because it meets a printed result.",
        columns=(
            Column("On (place in the paper)", align="l", width=r"0.13\textwidth"),
            Column("What it says", align="l", width=r"0.21\textwidth"),
            Column("Decided", align="l", width=r"0.33\textwidth"),
            Column("Why", align="l", width=r"0.25\textwidth"),
        ),
        blocks=(rows,),
        layout="long",
    )


MAIN: Mapping[str, Callable[[Context], Table | None]] = {
    "claims": ten_claims,
    "table1": reconstruction,
    "table2": interpolation,
    "table3": applications,
    "tally": counts,
    "errata": errata,
}
APPENDIX: Mapping[str, Callable[[Context], Table | None]] = {
    "forensics": origin.candidates,
    "forensics-rows": origin.rows,
    "lengths": origin.lengths,
    "cells": cells,
    "subsets": influence,
    "tests": tests,
    "whole-test-set": whole_test_set,
    "implementations": implementations,
    "costs": costs,
    "margins": margins,
}
DATA: Mapping[str, Callable[[Context], Table | None]] = {"register": register}
"""Tables that are not in the report, only in docs/ and as CSV."""


def build(context: Context) -> dict[str, Table]:
    """All tables by file name, in the report's order; tables without data are left out."""
    built = {name: make(context) for name, make in {**MAIN, **APPENDIX, **DATA}.items()}
    return {name: table for name, table in built.items() if table is not None and table.rows}


def render(context: Context, folder: Path) -> dict[str, Table]:
    """Write every table into `folder` as .tex, .csv and .md."""
    folder.mkdir(parents=True, exist_ok=True)
    built = build(context)
    profile = context.records.profile
    for name, table in built.items():
        (folder / f"{name}.tex").write_text(to_latex(table, here=name in APPENDIX), encoding="utf-8")
        (folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / f"{name}.md").write_text(to_markdown(table, profile), encoding="utf-8")
    return built
