"""No statement of the registry is unable to be reproduced, and none unable to fail.

Each is put into invented campaigns, aimed at its own models, metrics and numbers, until it has done both. The paper is
taken to have measured without error: what its own ± leaves open is another question (`test_summary`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.paper import PAPER_SLUGS
from reproduce.verdicts.judge import evaluate
from reproduce.verdicts.kinds import kind_of
from reproduce.verdicts.registry import load
from reproduce.verdicts.sizes import bounds
from reproduce.verdicts.verdict import WHOLE, Outcome, Statement
from reproduce.verdicts.world import World
from tests.verdicts.test_own import trade_off
from tests.verdicts.worlds import base, ours

FIRST, SECOND = ("architecture", "models", "family", "better", "of"), ("worse", "to", "over", "among")
BY_THEMSELVES = (
    "own", "latent", "hardest-digits", "run-time", "equation", "spread-over-seeds", "count", "table-cell",
)  # fmt: skip
"""Kinds that ask of a campaign what these worlds leave alone: their own tests have both outcomes."""
NEVER = ("IV-A.p-ssim-mse",)
"""No sign is claimed, and 22 models never show that there is no correlation at all."""
RESULTS = [
    own
    for own in load()
    if not kind_of(own).text
    and own.arguments.get("application") != "Disentanglement"
    and own.kind not in BY_THEMSELVES
    and own.id not in NEVER
]
"""All other statements that a campaign could decide."""
NOISE = pd.DataFrame(np.random.default_rng(0).standard_normal((len(PAPER_SLUGS), 3)), index=list(PAPER_SLUGS))
TRADE_OFF = {"pareto", "best-of-combined", "recommendation"}
"""Kinds that compare by SSIM and PIQ, although no argument says so."""


def groups(own: Statement) -> tuple[list[str], list[str], list[str]]:
    """The models that the statement speaks of, those that it compares them with, and the rest."""

    def named(arguments: Sequence[str]) -> list[str]:
        found = [name for name in arguments if own.arguments.get(name, "all") not in WHOLE]
        return [slug for name in found for slug in own.slugs(name)]

    first = named(FIRST) or [slug for slug in PAPER_SLUGS if slug not in named(SECOND)]
    second = [slug for slug in named(SECOND) if slug not in first]
    return first, second, [slug for slug in PAPER_SLUGS if slug not in (*first, *second)]


def columns(own: Statement) -> list[str]:
    """The columns of a models frame that the statement is about."""
    words = " ".join(own.arguments.values()).split() + [column for column, _, _ in bounds(own)]
    words += ["ssim", "piq"] if own.kind in TRADE_OFF and not bounds(own) else []
    words += ["ssim", "mse"] if own.kind == "residual" else []
    suffix = "_sd" if own.arguments.get("part") == "sd" else ""
    return [name + suffix for name in dict.fromkeys(words) if name in base()]


def numbers(own: Statement) -> list[float]:
    """The numbers that a statement prints or sets as bounds."""
    printed = [number.value for number in own.numbers] if own.printed else []
    return [*printed, *(at for _, _, at in bounds(own))]


def filled(models: pd.DataFrame, column: str, rows: Sequence[str], value: float) -> None:
    """Give rows almost the same value: the later the row, the higher, so that none equals or dominates another."""
    models.loc[list(rows), column] = value + abs(value) * 1e-6 * np.arange(len(rows))


def candidates(own: Statement, values: pd.Series, n: int) -> list[float]:
    """Values of a metric that matter to a statement about n of them."""
    low, high = float(values.min()), float(values.max())
    if n > 1:
        return [high, low, (low + high) / 2]
    printed = numbers(own)
    if own.kind == "relative":
        factors = [factor for p in printed for factor in (p, 1 + p, 1 - p)]
        return [low, high, *(low * factor for factor in factors), low * (1 - float(np.mean(printed)))]
    return [low, high, *printed, *(p * factor for p in printed for factor in (0.97, 1.03))]


@cache
def whole() -> tuple[World, ...]:
    """Like the paper, turned upside down, all models alike, all apart, SSIM for and against PIQ."""
    models = base()
    alike = models.assign(**{name: models.at["vae", name] for name in models})
    upside_down = models.iloc[::-1].set_index(models.index)
    tables = [name for name in paper.models() if not name.endswith("_sd")]
    ways = {name: np.linspace(0.3, 0.9, len(PAPER_SLUGS))[:: (-1) ** at] for at, name in enumerate(tables)}
    apart = models.assign(**ways)
    turned = apart.iloc[::-1].set_index(apart.index)
    printed = ours(spread={"ssim": 0.02, "piq": 1e-4}, n=25)
    others = (ours(models=m) for m in (models, upside_down, alike, apart, turned))
    return (printed, *others, trade_off(), trade_off(-1))


def correlated(own: Statement) -> Iterator[World]:
    """Two columns have a given correlation."""
    if not {"x", "y"} <= set(own.arguments):
        return
    x, other, _ = np.linalg.qr(NOISE - NOISE.mean())[0].T
    sizes = {1.0, 0.9, 0.3, 0.0, *(abs(value) for value in numbers(own) if abs(value) <= 1)}
    for r in [sign * size for size in sizes for sign in (1, -1)]:
        values = {own.arguments["x"]: 1 + x, own.arguments["y"]: 1 + r * x + np.sqrt(1 - r**2) * other}
        yield ours(models=base().assign(**values))


def ramps(own: Statement) -> Iterator[World]:
    """A metric rises evenly from one value to another, or a named model has every place."""
    if not 0 < len(columns(own)) <= 2:
        return
    named = groups(own)[0][0]
    for name in columns(own):
        for low, high in itertools.permutations(candidates(own, base()[name], 1), 2):
            models = base().assign(**{name: np.linspace(low, high, len(PAPER_SLUGS))})
            for other in columns(own):
                if other != name:
                    filled(models, other, PAPER_SLUGS, 0.9 * min(numbers(own) or [1.0]))
            yield ours(models=models)
        for place in range(len(PAPER_SLUGS)):
            order = [slug for slug in PAPER_SLUGS if slug != named]
            order.insert(place, named)
            rising = pd.Series(np.geomspace(0.1, 10, len(order)), index=order)
            yield ours(models=base().assign(**{name: rising}))


def grouped(own: Statement) -> Iterator[World]:
    """Each group has one value of each metric, out of a few that matter to the statement."""
    names = columns(own)
    if not 0 < len(names) <= 2:
        return
    cells = [(name, rows) for name in names for rows in groups(own) if rows]
    choices = [candidates(own, base()[name], len(names)) for name, _ in cells]
    for values in itertools.product(*choices):
        models = base()
        for (name, rows), value in zip(cells, values, strict=True):
            filled(models, name, rows, value)
        yield ours(models=models)


def aimed(own: Statement) -> Iterator[World]:
    """All campaigns that may decide a statement, the likely ones first."""
    for kind in (lambda _: whole(), correlated, ramps, grouped):
        yield from kind(own)


@pytest.mark.parametrize("own", RESULTS, ids=lambda own: own.id)
def test_a_statement_can_be_reproduced_and_can_fail(own: Statement) -> None:
    seen: set[bool] = set()
    for somewhere in aimed(own):
        outcome = evaluate(own, somewhere).outcome
        if outcome is Outcome.OTHER:
            return  # whatever is measured cannot be compared with what is printed
        if outcome in (Outcome.HOLDS, Outcome.FAILS):
            seen.add(outcome is Outcome.HOLDS)
        if len(seen) == 2:
            return
    pytest.fail(f"in every campaign it {'holds' if seen == {True} else 'fails' if seen else 'is undecided'}")
