"""Tables I–III and the appendix's: one description a table, written as LaTeX, CSV and Markdown.

A table is text in cells, formatted by `numbers`; the three writers differ in nothing but syntax. Values come
from a `Material`; nothing here computes a statistic.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from markupsafe import Markup

from reproduce import paper
from reproduce.analysis import failures, latent, measures, pareto, recommendations, statistics, summaries
from reproduce.names import BASELINE, REFERENCES, SLUGS
from reproduce.rendering import latex, numbers
from reproduce.rendering.material import ALL_METRICS, INTERPOLATION, RECONSTRUCTION, Material, label
from reproduce.rendering.numbers import DASH, METRICS, SPACE

Layout = Literal["column", "page", "long"]


@dataclass(frozen=True)
class Column:
    """One column: its head, an optional head above it shared with its neighbours, and its alignment."""

    head: str
    group: str = ""
    align: str = "r"
    width: str = ""
    """LaTeX width of a paragraph column ("" for a column as wide as its text)."""

    @property
    def name(self) -> str:
        """Group and head in one: the column's name in CSV and Markdown."""
        return " ".join(filter(None, [self.group, self.head]))

    @property
    def specification(self) -> Any:
        """The column in LaTeX's `tabular` argument."""
        return Markup(rf">{{\raggedright\arraybackslash}}p{{{self.width}}}" if self.width else self.align)


@dataclass(frozen=True)
class Table:
    """A table before it is written anywhere. `blocks` are groups of rows with a rule between them."""

    name: str
    """File name."""
    title: str
    """The caption's first sentence."""
    remarks: str
    """The rest of the caption: what the columns hold."""
    columns: tuple[Column, ...]
    blocks: tuple[tuple[tuple[str, ...], ...], ...]
    notes: tuple[str, ...] = ()
    layout: Layout = "page"
    """As wide as one column, as wide as the page, or "long": a table of the appendix that breaks over pages."""
    number: str = ""
    """Its number in the paper ("I"), for the Markdown twin."""
    size: str = "footnotesize"

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.name}: a row of {len(row)} cells under {len(self.columns)} columns"
                )

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """All rows, without the rules."""
        return tuple(row for block in self.blocks for row in block)

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """The upper row of heads: (text, columns spanned), empty if no column has a group."""
        spans: list[tuple[str, int]] = []
        for column in self.columns:
            if spans and column.group and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return tuple(spans) if any(text for text, _ in spans) else ()

    @property
    def rules(self) -> tuple[tuple[int, int], ...]:
        """First and last column (from 1) of each group that needs a rule under it."""
        found, position = [], 1
        for text, span in self.groups:
            if text:
                found.append((position, position + span - 1))
            position += span
        return tuple(found)


# --- writers -------------------------------------------------------------------------------------------------------


def to_latex(table: Table, profile: str, *, here: bool = False) -> str:
    """The table as a float (`latex/tables/float.tex.j2`), or as a longtable. `here`: not moved to a page's top."""
    template = "tables/long.tex.j2" if table.layout == "long" else "tables/float.tex.j2"
    return latex.environment().get_template(template).render(table=table, profile=profile, here=here)


def to_csv(table: Table) -> str:
    """Heads and cells as text, one line a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows(table.rows)
    return out.getvalue()


def to_markdown(table: Table, profile: str) -> str:
    """Title, the table, and its notes, for the README."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"

    number = f"Table {table.number}. " if table.number else ""
    parts = [
        f"**{number}{table.title}** Profile `{profile}`. {table.remarks}".strip(),
        "",
        line(column.name for column in table.columns),
        line({"l": ":--", "r": "--:", "c": ":-:"}[column.align] for column in table.columns),
        *(line(row) for row in table.rows),
    ]
    if table.notes:
        parts += ["", *("<br>\n".join(table.notes).split("\n"))]
    return "\n".join(parts) + "\n"


# --- notes ---------------------------------------------------------------------------------------------------------


def flags(material: Material, slugs: Iterable[str]) -> tuple[str, ...]:
    """Footnotes on †, ‡ and dashes, as far as rows of the table need them."""
    shown = list(slugs)
    notes = []
    if any(slug in material.collapsed for slug in shown):
        notes.append(
            "† Collapsed: the decoder ignores the code (MSE above 95% of the mean image's, or no active unit); "
            "kept here, never ranked or recommended."
        )
    if any(slug in material.unconverged for slug in shown):
        notes.append(
            "‡ Not converged: the validation loss still fell by more than 1% over the last two epochs of a run."
        )
    broken = [(slug, seed, why) for (slug, seed), why in material.failures.items() if slug in shown]
    for slug, why in dict.fromkeys((slug, why) for slug, _, why in broken):
        seeds = [str(seed) for other, seed, reason in broken if (other, reason) == (slug, why)]
        notes.append(f"Failed: {label(slug)}, seed{'s' * (len(seeds) > 1)} {numbers.listing(seeds)}: {why}.")
    never = [
        slug for slug in shown if slug in material.absent and not any(slug == other for other, _, _ in broken)
    ]
    if never:
        notes.append(f"{DASH} No run yet: {numbers.listing(material.labels(never))}.")
    short = [
        slug
        for slug in shown
        if slug in material.ours.index and material.ours.at[slug, "n_seeds"] < len(material.seeds)
    ]
    if short:
        most = int(material.ours.loc[short, "n_seeds"].max())
        who = "All values" if len(short) == len(material.ours) else numbers.listing(material.labels(short))
        of = f"{numbers.in_words(len(material.seeds))} seeds"
        notes.append(f"{who}: {'one' if most == 1 else f'at most {numbers.in_words(most)}'} of {of}.")
    return tuple(notes)


def _get(models: pd.DataFrame, slug: str, column: Hashable) -> float | None:
    if slug not in models.index or column not in models.columns:
        return None
    found = models.at[slug, column]
    return None if pd.isna(found) else float(found)


def _named(material: Material, slug: str) -> str:
    return label(slug) + material.mark(slug)


def _printed(slug: str, metric: str) -> str:
    """The paper's cell as printed: "0.908 ± 0.048"."""
    cells = paper.tables().cells
    mean, spread = cells[_cell(slug, metric, "mean")], cells.get(_cell(slug, metric, "sd"))
    return f"{mean}{SPACE}±{SPACE}{spread}" if spread else mean


def _printed_mean(slug: str, metric: str) -> str:
    """The same without its ±; nothing for the reference rows."""
    return paper.tables().cells[_cell(slug, metric, "mean")] if slug in SLUGS else ""


def _cell(slug: str, metric: str, part: str) -> paper.Cell:
    return paper.Cell(1 if metric in RECONSTRUCTION else 2, slug, metric, part)


def _rank(ranks: pd.Series, slug: str) -> str:
    return numbers.integer(ranks.get(slug))


# --- Tables I and II -----------------------------------------------------------------------------------------------


def _results(
    material: Material, order: Sequence[str], metrics: Sequence[str]
) -> tuple[tuple[Column, ...], tuple[tuple[tuple[str, ...], ...], ...]]:
    """Name, then ours and the paper's for each metric, then both ranks by the first metric; references below."""
    columns = [Column("Model", align="l")]
    for metric in metrics:
        head = METRICS[metric].head
        columns += [Column("ours", head), Column("paper", head)]
    columns += [Column("ours", "Rank"), Column("paper", "Rank")]
    ours, theirs = (measures.ranks(frame, metrics[0]) for frame in (material.healthy, material.paper))

    def row(slug: str, models: pd.DataFrame) -> tuple[str, ...]:
        cells = [_named(material, slug)]
        for metric in metrics:
            mean, spread = _get(models, slug, metric), _get(models, slug, f"{metric}_sd")
            cells += [
                numbers.plus_minus(metric, mean, spread),
                _printed(slug, metric) if slug in SLUGS else "",
            ]
        ranks = [_rank(ours, slug), _rank(theirs, slug)] if slug in SLUGS else ["", ""]
        return (*cells, *ranks)

    blocks = [tuple(row(slug, material.ours) for slug in order)]
    if len(material.references):
        blocks.append(
            tuple(row(slug, material.references) for slug in REFERENCES if slug in material.references.index)
        )
    return tuple(columns), tuple(blocks)


_SPREAD = "± is the standard deviation over {what}, pooled over seeds."
_RANKED = "Ranks leave out collapsed and failed models; ties share the better rank."


def reconstruction(material: Material) -> Table:
    """Table I, with the paper's row order."""
    order = paper.tables().rows[1]
    columns, blocks = _results(material, order, RECONSTRUCTION)
    return Table(
        name="table1",
        number="I",
        title="Reconstruction on 100 test images, ours beside the paper's.",
        remarks=f"{_SPREAD.format(what='images')} Ranks by SSIM. {_RANKED}",
        columns=columns,
        blocks=blocks,
        notes=(*flags(material, order), *_capacity(material)),
        size="scriptsize",
    )


def _capacity(material: Material) -> tuple[str, ...]:
    """What "identical backbones" leaves different: the size of VQ-VAE's code, and the parameter counts."""
    notes = []
    if "vq-vae" in material.ours.index:
        notes.append("VQ-VAE's code holds 144 numbers (nine vectors of 16, 81 bits), the others' 16.")
    counts = material.ours["parameters"].dropna().sort_values()
    if len(counts) > 1:
        low, high = (f"{numbers.integer(counts.iloc[i])} ({label(counts.index[i])})" for i in (0, -1))
        notes.append(f"Trained parameters range from {low} to {high}; the appendix lists them.")
    return tuple(notes)


def interpolation(material: Material) -> Table:
    """Table II, with the paper's row order."""
    order = paper.tables().rows[2]
    columns, blocks = _results(material, order, INTERPOLATION)
    return Table(
        name="table2",
        number="II",
        title="Smoothness of 25 interpolations of ten frames, ours beside the paper's.",
        remarks=f"{_SPREAD.format(what='pairs')} PIQ is per pixel, ISS is not. Ranks by PIQ. {_RANKED}",
        columns=columns,
        blocks=blocks,
        notes=flags(material, order),
    )


# --- Table III -----------------------------------------------------------------------------------------------------


def applications(material: Material) -> Table:
    """Table III: recommendations derived from our results beside the paper's."""
    ours = recommendations.recommend(material.ours)
    theirs = paper.table3()
    rows = []
    for (_, own), (_, printed) in zip(ours.iterrows(), theirs.iterrows(), strict=True):
        if own["testable"]:
            chosen = [", ".join(material.labels(own[kind])) or DASH for kind in ("recommended", "avoid")]
        else:
            chosen = ["not testable: nothing here measures it", DASH]
        rows.append(
            (own["application"], own["priority"], chosen[0], printed["recommended_printed"], chosen[1],
             printed["avoid_printed"])
        )  # fmt: skip
    columns = (
        Column("Application", align="l"),
        Column("Priority", align="l"),
        Column("ours, best first", "Recommended", "l", r"0.19\textwidth"),
        Column("paper", "Recommended", "l", r"0.17\textwidth"),
        Column("ours, worst first", "Avoid", "l", r"0.18\textwidth"),
        Column("paper", "Avoid", "l", r"0.13\textwidth"),
    )
    return Table(
        name="table3",
        number="III",
        title="Recommendations that follow from our results, beside the paper's.",
        remarks="Ours are derived by rule from SSIM, PIQ and the Pareto set, so applications of one priority agree.",
        columns=columns,
        blocks=(tuple(rows),),
        notes=flags(material, ()),
    )


# --- appendix ------------------------------------------------------------------------------------------------------


def _per_model(
    material: Material,
    models: pd.DataFrame,
    columns: Sequence[tuple[Column, Callable[[str], str]]],
    *,
    references: bool = False,
) -> tuple[tuple[Column, ...], tuple[tuple[tuple[str, ...], ...], ...]]:
    """A row a model of `models` in Table I's order: name, then what each column says of it."""
    heads = (Column("Model", align="l"), *(column for column, _ in columns))

    def block(slugs: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        return tuple((_named(material, slug), *(cell(slug) for _, cell in columns)) for slug in slugs)

    blocks = [block(slug for slug in SLUGS if slug in models.index)]
    if references and len(material.references):
        blocks.append(block(material.references.index))
    return heads, tuple(blocks)


def _value(
    material: Material, name: str, group: str = "", head: str | None = None
) -> tuple[Column, Callable[[str], str]]:
    """A column of plain values of the models frame (references included)."""
    everything = pd.concat([material.ours, material.references])
    return (
        Column(METRICS[name.removeprefix("whole_")].head if head is None else head, group),
        lambda slug: numbers.value(name, _get(everything, slug, name)),
    )


def whole_test_set(material: Material) -> Table:
    """The metrics on every test image and on many pairs: sampled codes, mean codes, raw path."""
    paths = {"": "sampled", "_mean": "mean code", "_raw": "raw path"}
    columns = [
        _value(material, f"whole_{metric}{suffix}", METRICS[metric].head, head)
        for metric in RECONSTRUCTION
        for suffix, head in paths.items()
    ]
    heads, blocks = _per_model(material, material.ours, columns, references=True)
    return Table(
        name="whole-test-set",
        title=f"Reconstruction of the whole test set, {numbers.integer(material.profile.test)} images.",
        remarks="Three codes: a draw from the posterior as in Table I; the posterior mean; and the raw path, which "
        "skips quantiser, flow and normalisation.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        size="scriptsize",
    )


def many_pairs(material: Material) -> Table:
    """The interpolation metrics on many pairs."""
    names = ("piq", "iss", "i_ssim", "uniformity", "end_distance", "piq_over_floor")
    columns = [_value(material, f"whole_{name}") for name in names]
    heads, blocks = _per_model(material, material.ours, columns, references=True)
    return Table(
        name="many-pairs",
        title=f"Interpolation of {numbers.integer(material.profile.whole_pairs)} pairs.",
        remarks="The columns of Table II and of the table on the floor of PIQ, on more pairs of the same test set.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
    )


def windows(material: Material) -> Table:
    """SSIM by window, over the paper's images: the definition moves the number."""
    images = material.records.images
    images = images[(images["variant"] == "") & (images["path"] == "sampled")]
    means = images.groupby("architecture")[["ssim", "ssim_uniform11", "ssim_uniform7"]].mean()

    def column(metric: str, head: str) -> tuple[Column, Callable[[str], str]]:
        return Column(head, "SSIM"), lambda slug: numbers.value("ssim", _get(means, slug, metric))

    heads, blocks = _per_model(
        material,
        material.ours,
        [
            column("ssim", "Gaussian 11×11"),
            column("ssim_uniform11", "uniform 11×11"),
            column("ssim_uniform7", "uniform 7×7"),
            (Column("as printed", "SSIM"), lambda slug: _printed_mean(slug, "ssim")),
        ],
        references=True,
    )
    return Table(
        name="ssim-windows",
        title="SSIM by its window.",
        remarks="The same reconstructions of 100 test images; Table I uses the first.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        layout="column",
    )


def seed_spread(material: Material) -> Table:
    """The spread over seeds, and Student's interval beside the paper's 1.96 SD/√3."""
    columns: list[tuple[Column, Callable[[str], str]]] = []
    for metric in ("ssim", "mse", "piq"):
        frame = statistics.intervals(material.records, metric)
        head = METRICS[metric].head

        def spread(slug: str, frame: pd.DataFrame = frame, metric: str = metric) -> str:
            return numbers.plus_minus(metric, _get(frame, slug, "mean"), _get(frame, slug, "sd"))

        def interval(slug: str, kind: str, frame: pd.DataFrame = frame, metric: str = metric) -> str:
            return numbers.metric_interval(
                metric, *(_get(frame, slug, f"{kind}_{end}") for end in ("low", "high"))
            )

        columns += [
            (Column("mean ± SD", head), spread),
            (Column("Student's t", head), lambda slug, f=interval: f(slug, "student")),  # type: ignore[misc]
            (Column("1.96·SD/√n", head), lambda slug, f=interval: f(slug, "printed")),  # type: ignore[misc]
        ]
    heads, blocks = _per_model(material, material.ours, columns)
    return Table(
        name="seed-spread",
        title="Spread over seeds and 95% intervals of the mean.",
        remarks="SD here is over the means of the seeds, unlike in Tables I and II. The paper's interval takes the "
        "normal quantile, which for three seeds covers far less than 95%; Student's t covers 95%.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        size="scriptsize",
    )


def smoothness(material: Material) -> Table:
    """PIQ beside what it costs: its floor, and the evenness of the steps."""
    floors = measures.ranks(material.healthy, "piq_over_floor")
    by_piq = measures.ranks(material.healthy, "piq")
    even = measures.ranks(material.healthy, "uniformity")
    columns = [
        _value(material, "piq"),
        _value(material, "end_distance"),
        _value(material, "piq_over_floor"),
        _value(material, "uniformity"),
        _value(material, "sharpness"),
        (Column("PIQ", "Rank by"), lambda slug: _rank(by_piq, slug)),
        (Column("over floor", "Rank by"), lambda slug: _rank(floors, slug)),
        (Column("SD/mean", "Rank by"), lambda slug: _rank(even, slug)),
    ]
    heads, blocks = _per_model(material, material.ours, columns, references=True)
    return Table(
        name="piq-floor",
        title="How much of a small PIQ is owed to end frames that lie close together.",
        remarks="End-frame distance is ‖f₁ − f₁₀‖² per pixel; nine steps between two frames cannot have a PIQ below 1/81 of "
        "it, and PIQ over that floor is 1 for the straightest, most even way. SD/mean of the steps does not scale "
        "with their size. Sharpness is the mean gradient magnitude.",
        columns=heads,
        blocks=blocks,
        notes=(
            *flags(material, material.ours.index),
            *((f"{DASH} Undefined: the end frames are the same image.",) if len(material.collapsed) else ()),
        ),
    )


def tests(material: Material) -> Table:
    """Paired t-tests against the VAE, in both units."""
    columns: list[tuple[Column, Callable[[str], str]]] = []
    for metric in ("ssim", "piq"):
        by_image = statistics.against_baseline(material.records, metric, "images")
        by_seed = statistics.against_baseline(material.records, metric, "seeds")
        name, what = METRICS[metric].label, "images" if metric == "ssim" else "pairs"

        def cell(slug: str, column: str, how: Callable[..., str], frame: pd.DataFrame) -> str:
            return how(_get(frame, slug, column))

        def difference(value: float | None, metric: str = metric) -> str:
            return numbers.value(metric, value)

        def p_of(frame: pd.DataFrame) -> Callable[[str], str]:
            def p(slug: str) -> str:
                text = numbers.p_value(_get(frame, slug, "p"))
                return (
                    f"{text}{SPACE}*" if slug in frame.index and bool(frame.at[slug, "significant"]) else text
                )

            return p

        columns += [
            (Column("difference", name), lambda s, f=by_image, d=difference: cell(s, "difference", d, f)),  # type: ignore[misc]
            (
                Column("effect size", name),
                lambda s, f=by_image: cell(s, "effect_size", lambda v: numbers.fixed(v, 2), f),  # type: ignore[misc]
            ),
            (Column(f"p, {what}", name), p_of(by_image)),
            (Column("Holm", name), lambda s, f=by_image: cell(s, "p_holm", numbers.p_value, f)),  # type: ignore[misc]
            (Column("p, seeds", name), p_of(by_seed)),
        ]
    others = material.ours.drop(index=BASELINE, errors="ignore")
    heads, blocks = _per_model(material, others, columns)
    return Table(
        name="tests",
        title=f"Paired t-tests against the {label(BASELINE)}, in both units that the paper's text allows.",
        remarks=f"An asterisk marks p < 0.05/{len(SLUGS)}, the printed threshold. Over seeds (the literal reading) "
        "three pairs leave hardly any power; over images and pairs each value is averaged over the seeds first. "
        "Effect size: mean difference over the SD of the differences. PIQ differences × 10³.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, others.index),
        size="scriptsize",
    )


def correlations(material: Material) -> Table:
    """Pearson's r among all metrics: ours above the diagonal, the paper's tables below."""
    ours, _ = statistics.correlations(material.healthy, ALL_METRICS)
    theirs, _ = statistics.correlations(material.paper, ALL_METRICS)
    names = [METRICS[metric].label for metric in ALL_METRICS]
    rows = []
    for i, first in enumerate(ALL_METRICS):
        cells = [
            DASH if i == j else numbers.correlation((ours if j > i else theirs).at[first, second], 2)
            for j, second in enumerate(ALL_METRICS)
        ]
        rows.append((names[i], *cells))
    return Table(
        name="correlations",
        title="Pearson correlations among the metrics over models.",
        remarks=f"Above the diagonal our {len(material.healthy)} models that did not collapse or fail, below it the "
        "paper's Tables I and II.",
        columns=(Column("", align="l"), *(Column(name) for name in names)),
        blocks=(tuple(rows),),
        layout="column",
    )


def collapse(material: Material) -> Table:
    """Every ranking statement with and without the collapsed and failed rows."""

    def names(slugs: Iterable[str]) -> str:
        return ", ".join(material.labels(slugs)) or DASH

    def r(models: pd.DataFrame, first: str, second: str, how: Callable[..., statistics.Correlation]) -> str:
        found = how(models[first], models[second])
        if not np.isfinite(found.r):
            return DASH
        return f"{numbers.correlation(found.r)} {numbers.interval(found.low, found.high, 2)}"

    sets = (material.ours, material.healthy, material.paper)
    heads = (f"all {len(material.ours)}", f"the {len(material.healthy)} that can be ranked", "paper's tables")
    rows: list[tuple[str, ...]] = [
        ("r(SSIM, PIQ)", *(r(models, "ssim", "piq", statistics.pearson) for models in sets)),
        ("ρ(SSIM, PIQ), ranks", *(r(models, "ssim", "piq", statistics.spearman) for models in sets)),
        ("r(SSIM, MSE)", *(r(models, "ssim", "mse", statistics.pearson) for models in sets)),
        ("Pareto set", *(names(pareto.pareto_set(models)) for models in sets)),
    ]
    for title, rule in (("printed thresholds", pareto.regimes), ("ranks", pareto.regimes_by_rank)):
        found = [rule(models) for models in sets]
        rows += [
            (f"{regime.capitalize()} regime, by {title}", *(names(each[regime]) for each in found))
            for regime in found[0]
        ]
    rows.append(
        ("Best three by combined rank", *(names(pareto.combined_rank(models).index[:3]) for models in sets))
    )
    return Table(
        name="with-and-without",
        title="With and without the collapsed and failed rows.",
        remarks="A collapsed model decodes every code to the same image: as smooth as can be, so it enters every "
        "set that PIQ alone decides.",
        columns=(
            Column("Statement", align="l", width=r"0.16\textwidth"),
            *(Column(head, align="l", width=r"0.25\textwidth") for head in heads),
        ),
        blocks=(tuple(rows),),
        size="scriptsize",
    )


def costs(material: Material) -> Table:
    """Parameters, times and memory, and what Section VII-D says of them is judged elsewhere."""
    parts = ("parameters_encoder", "parameters_decoder", "parameters_other")
    runs = material.runs[material.runs["status"] == "fresh"]
    counts = runs.groupby("architecture")[[part for part in parts if part in runs.columns]].max()

    def count(part: str) -> Callable[[str], str]:
        return lambda slug: numbers.integer(_get(counts, slug, part))

    epochs = runs.groupby("architecture")["epochs"].agg(["min", "max"])

    def span(slug: str) -> str:
        low, high = (int(epochs.at[slug, end]) for end in ("min", "max"))
        return str(low) if low == high else f"{low}–{high}"

    columns = [
        *((Column(part.removeprefix("parameters_"), "Parameters"), count(part)) for part in parts),
        _value(material, "parameters", "Parameters", "total"),
        (Column("Epochs"), span),
        _value(material, "training_seconds"),
        _value(material, "inference_microseconds"),
        _value(material, "peak_memory_mib"),
    ]
    heads, blocks = _per_model(material, material.ours, columns)
    return Table(
        name="costs",
        title="Parameters, training time, inference time and memory.",
        remarks="Means over seeds, measured on the machine named in the provenance table; “other” holds codebooks, "
        "flows, pseudo-inputs, inner levels and discriminators.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
    )


def diagnostics(material: Material) -> Table:
    """What shows a collapse: KL, active units, spread of the codes, and the error beside the mean image's."""
    columns = [_value(material, name) for name in ("kl", "active_units", "code_sd", "mse_ratio")]
    runs = material.runs[material.runs["status"] == "fresh"]
    best = runs.groupby("architecture")[["best_epoch", "epochs"]].mean()
    columns += [
        (Column("Best epoch"), lambda slug: numbers.fixed(_get(best, slug, "best_epoch"), 1)),
        (Column("Epochs"), lambda slug: numbers.fixed(_get(best, slug, "epochs"), 1)),
    ]
    heads, blocks = _per_model(material, material.ours, columns)
    return Table(
        name="diagnostics",
        title="Codes and convergence.",
        remarks="Means over seeds. A unit is active if the variance of its posterior mean over test images exceeds "
        "0.01; KL is a dash where the objective has none.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        layout="column",
        size="scriptsize",
    )


def readings(material: Material) -> Table | None:
    """Other variants beside the described reading and the paper; None if no variant was run."""
    variants = [variant for variant in sorted(material.records.runs["variant"].unique()) if variant]
    rows = []
    for variant in variants:
        models = summaries.summarise(material.records, variant)
        for slug in models.index[models["n_seeds"] > 0]:
            cells = [f"{label(slug)}@{variant}"]
            for metric in ("ssim", "mse", "piq"):
                cells += [
                    numbers.value(metric, _get(models, slug, metric)),
                    numbers.value(metric, _get(material.ours, slug, metric)),
                    _printed_mean(slug, metric),
                ]
            rows.append((*cells, numbers.integer(_get(models, slug, "n_seeds"))))
    if not rows:
        return None
    columns = [Column("Run", align="l")]
    for metric in ("ssim", "mse", "piq"):
        columns += [Column(head, METRICS[metric].head) for head in ("variant", "described", "paper")]
    return Table(
        name="readings",
        title="Other readings and sensitivity runs.",
        remarks="Each beside the described reading and the printed value. Runs named pythae are that library's own class, "
        "defects included, with the settings that the paper states.",
        columns=(*columns, Column("Seeds")),
        blocks=(tuple(rows),),
        size="scriptsize",
    )


def by_digit(material: Material) -> Table:
    """MSE on the whole test set by digit, and how often a reconstruction changes its digit."""
    errors = failures.error_by_digit(material.records)
    changed = failures.changed_share(material.records)
    digits = list(errors.columns)

    def error(digit: int) -> Callable[[str], str]:
        return lambda slug: numbers.value("mse", _get(errors, slug, digit))

    columns = [(Column(str(digit), "MSE (×10³) by digit"), error(digit)) for digit in digits]
    columns.append((Column("Changed digit"), lambda slug: numbers.percent(changed.get(slug), 1)))
    heads, blocks = _per_model(material, material.ours, columns)
    return Table(
        name="by-digit",
        title="Failures by digit on the whole test set.",
        remarks="Changed digit: the share of test images whose reconstruction the five nearest training images "
        "call another digit than the original.",
        columns=heads,
        blocks=blocks,
        notes=flags(material, material.ours.index),
    )


def headline(material: Material) -> Table:
    """The correlation of SSIM and smoothness taken apart, in the paper's tables and in ours."""
    found = material.headline
    sources = [source for source in dict.fromkeys(found.index.get_level_values("source"))]

    def row(source: str, metric: str, subset: str) -> tuple[str, ...]:
        value = found.loc[(source, metric, subset)]
        left = str(value["loo_model"])
        return (
            source,
            subset,
            numbers.integer(value["n"]),
            numbers.correlation(value["r"], 2),
            numbers.interval(value["low"], value["high"], 2),
            numbers.interval(value["boot_low"], value["boot_high"], 2),
            numbers.p_value(value["p"]),
            numbers.p_value(value["permutation_p"]),
            numbers.interval(value["loo_low"], value["loo_high"], 2) + (f" {label(left)}" if left else ""),
            numbers.correlation(value["rho"], 2),
            numbers.interval(value["rho_low"], value["rho_high"], 2),
        )

    def block(metric: str) -> tuple[tuple[str, ...], ...]:
        rows = []
        for source in sources:
            subsets = (
                found.loc[source].index if metric == "piq" and "seed" not in source else [("", "all models")]
            )
            names = [subset for found_metric, subset in subsets if found_metric in ("", metric)]
            rows += [row(source, metric, name) for name in names if (source, metric, name) in found.index]
        return tuple(rows)

    blocks, heads = [], []
    for metric, head in SMOOTHNESS_HEADS.items():
        rows = block(metric)
        if rows:
            blocks.append(tuple((head if k == 0 else "", *cells) for k, cells in enumerate(rows)))
            heads.append(head)
    columns = (
        Column("SSIM against", align="l"),
        Column("in", align="l"),
        Column("models", align="l"),
        Column("n"),
        Column("r", "Pearson"),
        Column("Fisher", "Pearson"),
        Column("bootstrap", "Pearson"),
        Column("p", "Pearson"),
        Column("permutation p", "Pearson"),
        Column("leaving one out", "Pearson", "l"),
        Column("ρ", "Spearman"),
        Column("95%", "Spearman"),
    )
    return Table(
        name="headline",
        title="The correlation of reconstruction and smoothness, taken apart.",
        remarks="All but “with collapsed rows” leave collapsed and failed models out. AE-like: SSIM within 0.02 and MSE "
        "within 10% of the AE's. Leaving one out: the extremes of r, and the model that moves it most.",
        columns=columns,
        blocks=tuple(blocks),
        size="scriptsize",
    )


SMOOTHNESS_HEADS = {
    "piq": "PIQ",
    "piq_over_floor": "PIQ over floor",
    "uniformity": "SD/mean of steps",
    "end_distance": "End distance",
}


def codes(material: Material) -> Table | None:
    """Geometry of the codes; None where the profile gives no verdicts."""
    if not material.verdicts_allowed:
        return None
    found = latent.geometry(material.records, tuple(material.ours.index))
    heads = {
        "silhouette": "Silhouette",
        "neighbour_accuracy": "Nearest-neighbour accuracy",
        "axis_alignment": "Axis alignment",
    }

    def cell(column: str) -> Callable[[str], str]:
        return lambda slug: numbers.fixed(_get(found, slug, column), 3)

    columns = [(Column(head), cell(column)) for column, head in heads.items()]
    names, blocks = _per_model(material, material.ours, columns)
    return Table(
        name="codes",
        title="Geometry of 1,000 test codes.",
        remarks="Silhouette: how far digits form islands. Nearest-neighbour accuracy: how often the closest other code has "
        "the same digit. Axis alignment: how far the directions between digits run along single axes (1: a grid).",
        columns=names,
        blocks=blocks,
        notes=flags(material, material.ours.index),
        layout="column",
    )


# --- claims --------------------------------------------------------------------------------------------------------


def _verdict(word: str, detail: str) -> str:
    return f"{word}: {detail}" if detail else word


def _claims(material: Material, rows: pd.DataFrame, widths: Sequence[str]) -> tuple[tuple[Column, ...], Any]:
    """Id, wording, printed numbers, and one column a verdict with its evidence."""
    heads = ["Claim", "What the paper states", "Printed", "Within the paper's tables"]
    if material.verdicts_allowed:
        heads.append("In our results")
    cells = [
        (
            row["id"],
            row["wording"],
            row["printed"],
            _verdict(row["within_paper"], row["recomputed"]),
            _verdict(
                row["in_results"], "; ".join(filter(None, [row["reason"], row["evidence"].strip("; ")]))
            ),
        )[: len(heads)]
        for _, row in rows.iterrows()
    ]
    return tuple(Column(head, align="l", width=width) for head, width in zip(heads, widths, strict=False)), (
        tuple(cells),
    )


_LEDGER_REMARK = (
    "The first part of a claim's name is its section; `python -m reproduce claims --id NAME` recomputes it."
)


def important_claims(material: Material) -> Table | None:
    """The statements that carry the paper, with both verdicts."""
    rows = material.statements[material.statements["important"].astype(bool)]
    widths = [rf"{share}\textwidth" for share in (0.13, 0.26, 0.07, 0.23, 0.23)]
    columns, blocks = _claims(material, rows, widths)
    return Table(
        name="claims",
        title="The most important claims and what became of them.",
        remarks=_LEDGER_REMARK.replace("`", ""),
        columns=columns,
        blocks=blocks,
        size="scriptsize",
    )


def ledger(material: Material) -> Table | None:
    """Every statement of the paper with both verdicts."""
    widths = [rf"{share}\textwidth" for share in (0.15, 0.27, 0.07, 0.2, 0.21)]
    columns, blocks = _claims(material, material.statements, widths)
    return Table(
        name="ledger",
        title="The ledger: every statement.",
        remarks=_LEDGER_REMARK.replace("`", ""),
        columns=columns,
        blocks=blocks,
        layout="long",
        size="scriptsize",
    )


SYMBOLS = {
    "reproduced": "=",
    "direction only": "≈",
    "not reproduced": "≠",
    "not testable": DASH,
    "definition mismatch": "d",
}
"""How one cell of Tables I and II fares, in one character."""


def cells(material: Material) -> Table | None:
    """One character for every number of Tables I and II; None where the profile gives no verdicts."""
    if not material.verdicts_allowed:
        return None
    found = material.cell_verdicts.set_index("id")["in_results"]

    def symbol(slug: str, metric: str, part: str) -> str:
        table = 1 if metric in RECONSTRUCTION else 2
        name = f"T{table}.{slug}.{metric}" + (".sd" if part == "±" else "")
        return SYMBOLS[found[name]] if name in found.index else ""

    columns = [Column("Model", align="l")]
    keys = [
        (metric, part) for metric in ALL_METRICS for part in ("mean", "±") if (metric, part) != ("mae", "±")
    ]
    columns += [Column(part, METRICS[metric].label, "c") for metric, part in keys]
    rows = tuple((_named(material, slug), *(symbol(slug, *key) for key in keys)) for slug in SLUGS)
    return Table(
        name="cells",
        title="Every number of Tables I and II.",
        remarks="; ".join(f"{sign} {word}" for word, sign in SYMBOLS.items()) + ".",
        columns=tuple(columns),
        blocks=(rows,),
        notes=flags(material, SLUGS),
    )


MAIN: Mapping[str, Callable[[Material], Table | None]] = {
    "table1": reconstruction,
    "table2": interpolation,
    "table3": applications,
    "claims": important_claims,
}
APPENDIX: Mapping[str, Callable[[Material], Table | None]] = {
    "whole-test-set": whole_test_set,
    "many-pairs": many_pairs,
    "ssim-windows": windows,
    "seed-spread": seed_spread,
    "piq-floor": smoothness,
    "tests": tests,
    "correlations": correlations,
    "with-and-without": collapse,
    "costs": costs,
    "diagnostics": diagnostics,
    "headline": headline,
    "by-digit": by_digit,
    "codes": codes,
    "readings": readings,
    "cells": cells,
    "ledger": ledger,
}


def build(material: Material) -> dict[str, Table]:
    """All tables by file name, in the report's order; tables without data are left out."""
    built = {name: make(material) for name, make in (MAIN | APPENDIX).items()}
    return {name: table for name, table in built.items() if table is not None and table.rows}


def render(material: Material, folder: Path) -> dict[str, Table]:
    """Write every table into `folder` as .tex, .csv and .md."""
    folder.mkdir(parents=True, exist_ok=True)
    built = build(material)
    profile = material.records.profile
    for name, table in built.items():
        (folder / f"{name}.tex").write_text(to_latex(table, profile, here=name in APPENDIX), encoding="utf-8")
        (folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8")
        (folder / f"{name}.md").write_text(to_markdown(table, profile), encoding="utf-8")
    return built
