"""What is filled into the templates of the report: numbers, and the few words that depend on numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from string import hexdigits
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from reproduce import paper
from reproduce.analysis import headline, pareto, statistics
from reproduce.analysis.statistics import Correlation
from reproduce.architectures.names import SLUGS
from reproduce.datasets import source
from reproduce.protocol import PROFILES
from reproduce.report import numbers, origin
from reproduce.report.columns import seed_names
from reproduce.report.context import FEWEST, Context, label
from reproduce.report.table import Table
from reproduce.report.tables import APPENDIX
from reproduce.verdicts.verdict import IN_RESULTS

CAPTIONS = {
    "figA1": "SSIM and PIQ of some models during training, by profile.",
    "figA2": "Correlations of the metrics over models.",
    "figA3": "The eight worst reconstructions of some models, each beside its original.",
}
EVERY = 2
"""The appendix has one figure after this many tables."""


def context(m: Context, tables: Mapping[str, Table], figures: Sequence[str]) -> dict[str, Any]:
    """Everything that the templates may use. `n` is `numbers`, `m` the context."""
    enough = len(m.healthy) >= FEWEST
    text = [verdict for verdict in m.verdicts if verdict.about == "text"]
    return {
        "m": m,
        "n": numbers,
        "r": correlation,
        "relation": relation,
        "agreement": agreement,
        "label": label,
        "profile": m.profile,
        "protocol": protocol(m),
        "seeds": seeds(m),
        "enough": enough,
        "evaluated": len(m.ours),
        "total": len(SLUGS),
        "printed_total": len(paper.PAPER_SLUGS),
        "distinct_rows": len(headline.distinct(m.paper)),
        "inconsistent": sum(verdict.within_paper == "inconsistent" for verdict in m.verdicts),
        "about_text": len(text),
        "about_results": len(m.verdicts) - len(text),
        "ten_counts": ten_counts(m),
        "mechanism": m.mechanism if enough else None,
        "reconstruction": reconstruction(m) if enough else None,
        "interpolation": interpolation(m) if enough else None,
        "removal": removal(m) if enough else None,
        "frontier_shared": len(set(m.frontier) & set(m.frontier_paper)),
        "top": _first(m, m.ranking) if enough else [],
        "top_paper": _first(m, m.ranking_paper),
        "pca_dominates": _beaten_by_pca(m) if enough else [],
        "origin": origin.told(m),
        "cost": cost(m),
        "commit": commits(str(m.provenance.get("commit", ""))),
        "provenance_rows": provenance(m.provenance),
        "tables": list(tables),
        "appendix": appendix(
            [name for name in tables if name in APPENDIX], [f for f in CAPTIONS if f in figures]
        ),
        "figures": figures,
        "captions": CAPTIONS,
    }


def appendix(tables: Sequence[str], figures: Sequence[str]) -> list[tuple[str, str]]:
    """("table", name) and ("figure", name) in the appendix's order: a figure after every few tables."""
    order: list[tuple[str, str]] = []
    left = list(figures)
    for at, name in enumerate(tables, start=1):
        order.append(("table", name))
        if left and at % EVERY == 0:
            order.append(("figure", left.pop(0)))
    return order + [("figure", name) for name in left]


# --- words that depend on numbers -----------------------------------------------------------------------


def correlation(found: Correlation) -> Markup:
    """ "r = 0.88 [0.68, 0.96]" for LaTeX, or that r is undefined."""
    if not np.isfinite(found.r):
        return Markup("$r$ is undefined")
    low, high = (numbers.correlation(end, 2).replace(numbers.MINUS, "-") for end in (found.low, found.high))
    r = numbers.correlation(found.r, 2).replace(numbers.MINUS, "-")
    return Markup(rf"$r = {r}$~[${low}$, ${high}$]")


def relation(found: Correlation) -> str:
    """How y depends on x: "rises with", "falls with", or that no relation is certain."""
    if not np.isfinite(found.low) or not np.isfinite(found.high):
        return "cannot be related, with so few models, to"
    if found.low > 0:
        return "rises with"
    return "falls with" if found.high < 0 else "shows no clear relation to"


CLOSE, LOOSE = 0.9, 0.5
"""The smallest rank correlations of two orders that agree closely, and in part."""


def agreement(found: Correlation) -> str:
    """How one order agrees with another, from their rank correlation."""
    if not np.isfinite(found.r):
        return "cannot be compared with"
    if found.low <= 0:
        return "shows no clear agreement with"
    return (
        "agrees closely with"
        if found.r >= CLOSE
        else "agrees in part with"
        if found.r >= LOOSE
        else "resembles"
    )


def ten_counts(m: Context) -> str:
    """ "two are reproduced, three are undecided and five are not reproduced" in this profile, and how many of the ten
    are about the tables alone; "" without verdicts."""
    words = Counter(claim.verdicts[m.records.profile].verdict for claim in m.ten)
    without = words.pop("", 0)
    told = [
        f"{numbers.in_words(words[word])} {'is' if words[word] == 1 else 'are'} {word}"
        for word in IN_RESULTS.values()
        if words[word]
    ]
    if not told or not m.verdicts_allowed:
        return ""
    is_are = "is" if without == 1 else "are"
    rest = f"; {numbers.in_words(without)} {is_are} about the tables alone" if without else ""
    return numbers.listing(told) + rest


# --- facts ----------------------------------------------------------------------------------------------


def seeds(m: Context) -> str:
    """ "seeds 42, 123 and 456", or which of them have a finished run."""
    planned, finished = m.seeds, m.finished_seeds or m.seeds
    told = seed_names(finished)
    return told if finished == planned else f"{told} of {numbers.listing(map(str, planned))}"


def protocol(m: Context) -> dict[str, Any]:
    """The profile in words, and how it differs from the paper's protocol."""
    profile, printed = m.profile, PROFILES["paper"]
    differences = []
    if profile.train != printed.train:
        differences.append(
            f"{numbers.integer(profile.train)} images to train on instead of {numbers.integer(printed.train)}"
        )
    if profile.learning_rate_scale != printed.learning_rate_scale:
        falling = ", falling to zero along a cosine" if profile.schedule == "cosine" else ""
        differences.append(
            f"every learning rate × {numbers.significant(profile.learning_rate_scale)}{falling}"
        )
    if profile.epochs != printed.epochs:
        differences.append(f"{profile.epochs} epochs instead of at most {printed.epochs}")
    if profile.patience is None:
        differences.append("no early stopping")
    elif profile.epochs <= profile.patience:
        differences.append("so few epochs that early stopping cannot act")
    if len(profile.seeds) != len(printed.seeds):
        differences.append(f"{numbers.counted(len(profile.seeds), 'seed')} instead of {len(printed.seeds)}")
    return {
        "data": source(profile).origin,
        "learning_rate": numbers.power_of_ten(1e-4 * profile.learning_rate_scale),
        "differences": differences,
    }


def cost(m: Context) -> str:
    """Hours (or minutes) of the profile's runs, added up, and the hardware."""
    seconds = float(m.runs.reindex(columns=["training_seconds", "evaluation_seconds"]).sum().sum())
    known = m.runs["hardware"].dropna().unique() if "hardware" in m.runs else []
    hardware = " or ".join(filter(None, map(str, known)))
    long = seconds >= 7200
    amount = (
        f"{numbers.fixed(seconds / 3600, 1)} hours" if long else f"{numbers.integer(seconds / 60)} minutes"
    )
    return f"{amount}, added up over {numbers.counted(len(m.finished), 'run')}" + (
        f" ({hardware})" if hardware else ""
    )


def commits(known: str) -> str:
    """ "commit 0123abc", or the number of commits that the runs come from."""
    names = _short_commits(known)
    if len(names) > 1:
        return f"{numbers.in_words(len(names))} commits, listed in Appendix A"
    return f"commit {names[0]}" if names else ""


def _short_commits(known: str) -> list[str]:
    """The first digits of commits that are joined by "or", each with the mark of changed files, if it has one."""
    return [name[:12] + name[12:].lstrip(hexdigits) for name in known.split(" or ") if name]


def provenance(entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The provenance as (name, text): one for each entry that is known."""
    told = {str(key).replace("_", " "): _entry(entry) for key, entry in entries.items()}
    told |= {"commit": ", ".join(_short_commits(told["commit"]))} if "commit" in told else {}
    return [(name, text) for name, text in told.items() if text]


def _entry(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return "" if entry is None else str(entry)
    known = {str(key).replace("_", " "): _entry(value) for key, value in entry.items()}
    return ", ".join(f"{name} {text}" for name, text in known.items() if text)


def _range(values: pd.Series, metric: str) -> str:
    low, high = str(values.idxmin()), str(values.idxmax())
    ends = (f"{numbers.value(metric, float(values[slug]))} ({label(slug)})" for slug in (low, high))
    return " to ".join(ends)


def reconstruction(m: Context) -> dict[str, Any]:
    """Numbers and words of the section on reconstruction."""
    ours, theirs = m.healthy, m.paper
    pca = m.references["ssim"].get("pca-16")
    ratios = {
        name: frame["mae"] / np.sqrt(frame["mse"]) for name, frame in (("ours", ours), ("paper", theirs))
    }

    def ends(values: pd.Series) -> str:
        low, high = numbers.fixed(float(values.min()), 2), numbers.fixed(float(values.max()), 2)
        return low if low == high else f"{low} to {high}"

    return {
        "range": _range(ours["ssim"], "ssim"),
        "range_paper": _range(theirs["ssim"], "ssim"),
        "order": _order(ours, theirs, "ssim"),
        "pca": "" if pca is None or numbers.missing(float(pca)) else numbers.value("ssim", float(pca)),
        "below_pca": [] if pca is None else m.labels(ours.index[ours["ssim"] < pca]),
        "mae": {name: ends(values) for name, values in ratios.items()}
        | {"constant": bool(np.ptp(ratios["paper"]) < np.ptp(ratios["ours"]) / 2)},
    }


def interpolation(m: Context) -> dict[str, Any]:
    """Numbers and words of the section on interpolation."""
    ours = m.healthy
    return {
        "range": _range(ours["piq"], "piq"),
        "range_paper": _range(m.paper["piq"], "piq"),
        "order": _order(ours, m.paper, "piq"),
        "iss": statistics.pearson(ours["piq"], ours["iss"]),
        "i_ssim": statistics.pearson(ours["piq"], ours["i_ssim"]),
    }


def _order(ours: pd.DataFrame, theirs: pd.DataFrame, metric: str) -> Correlation:
    common = ours.index.intersection(theirs.index)
    return statistics.spearman(ours.loc[common, metric], theirs.loc[common, metric])


def removal(m: Context) -> dict[str, Any]:
    """Which of the most influential models must be removed until the interval of r includes zero, in the paper and in
    ours (None: it does not within the steps that were taken)."""

    def removed(path: pd.DataFrame) -> list[str] | None:
        beyond = path.index[path["low"] <= 0]
        return None if beyond.empty else m.labels(path.loc[: beyond[0], "removed"].iloc[1:])

    return {
        "paper": removed(m.removal["paper"]) or [],
        "ours": removed(m.removal["ours"]),
        "steps": len(m.removal["ours"]) - 1,
    }


def _first(m: Context, ranking: pd.DataFrame) -> list[str]:
    return m.labels(ranking.index[ranking["combined"] == ranking["combined"].min()])


def _beaten_by_pca(m: Context) -> list[str]:
    row = m.references.reindex(["pca-16"])[["ssim", "piq"]].dropna()
    if row.empty:
        return []
    beaten = [
        slug
        for slug in m.healthy.index
        if "pca-16" in pareto.pareto_set(both := pd.concat([row, m.healthy.loc[[slug], ["ssim", "piq"]]]))
        and slug not in pareto.pareto_set(both)
    ]
    return m.labels(beaten)
