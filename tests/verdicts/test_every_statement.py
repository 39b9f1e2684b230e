"""No statement of the registry is unable to be reproduced, and none unable to fail.

Each is put into invented campaigns, aimed at its own models, metrics and numbers, until it has done both. The paper is
taken to have measured without error: what its own ± leaves open is another question (`test_summary`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.architectures.names import SLUGS
from reproduce.verdicts.judge import evaluate
from reproduce.verdicts.kinds import kind_of
from reproduce.verdicts.model import WHOLE, Outcome, Statement
from reproduce.verdicts.registry import load
from reproduce.verdicts.sizes import bounds
from reproduce.verdicts.world import World
from tests.synthetic import paperlike
from tests.verdicts.test_own import PSNR_APART, lucky, shaken, trade_off, with_codes
from tests.verdicts.worlds import PCA_ABOVE, PCA_BELOW, base, ours

FIRST, SECOND = ("architecture", "models", "family", "better", "of"), ("worse", "to", "over", "among")
RESULTS = [
    own
    for own in load()
    if not kind_of(own).text
    and own.arguments.get("application") != "Disentanglement"
    and own.kind != "table-cell"
]
"""All that a campaign could decide; cells of the tables are all of one kind."""
NOISE = pd.DataFrame(np.random.default_rng(0).standard_normal((len(SLUGS), 3)), index=list(SLUGS))
ORGANISED = "V-H.vq-vae-organised"
TRADE_OFF = {"pareto", "best-of-combined", "count", "recommendation"}
"""Kinds that compare by SSIM and PIQ, although no argument says so."""


def groups(own: Statement) -> tuple[list[str], list[str], list[str]]:
    """The models that the statement speaks of, those that it compares them with, and the rest."""

    def named(arguments: Sequence[str]) -> list[str]:
        found = [name for name in arguments if own.arguments.get(name, "all") not in WHOLE]
        return [slug for name in found for slug in own.slugs(name)]

    size = int(own.number.value) if own.kind == "count" else len(SLUGS)
    first = named(FIRST) or [slug for slug in SLUGS[:size] if slug not in named(SECOND)]
    second = [slug for slug in named(SECOND) if slug not in first]
    return first, second, [slug for slug in SLUGS if slug not in (*first, *second)]


def columns(own: Statement) -> list[str]:
    """The columns of a models frame that the statement is about."""
    words = " ".join(own.arguments.values()).split() + [column for column, _, _ in bounds(own)]
    words += ["ssim", "piq"] if own.kind in TRADE_OFF and not bounds(own) else []
    words += ["ssim", "mse"] if own.kind == "residual" else []
    suffix = "_sd" if own.arguments.get("part") == "sd" else ""
    return [name + suffix for name in dict.fromkeys(words) if name in base()]


def numbers(own: Statement) -> list[float]:
    """The numbers that a statement prints or sets as bounds."""
    return [number.value for number in (own.numbers if own.printed else ())] + [
        at for _, _, at in bounds(own)
    ]


def filled(models: pd.DataFrame, column: str, rows: Sequence[str], value: float) -> None:
    """Give rows almost the same value: the later the row, the higher, so that none equals or dominates another."""
    models.loc[list(rows), column] = value + abs(value) * 1e-6 * np.arange(len(rows))


def candidates(own: Statement, values: pd.Series, n: int) -> list[float]:
    """Values of a metric that matter to a statement about n of them."""
    low, high = float(values.min()), float(values.max())
    if n > 1:
        return [low, (low + high) / 2, high]
    printed = numbers(own)
    if own.kind == "relative":
        factors = [factor for p in printed for factor in (p, 1 + p, 1 - p)]
        return [low, high, *(low * factor for factor in factors), low * (1 - float(np.mean(printed)))]
    if own.kind == "count":  # the number of models is no value of theirs
        printed = [value for value in printed if value != own.number.value]
        low = float(np.mean(printed))
    return [low, high, *printed, *(p * factor for p in printed for factor in (0.97, 1.03))]


# --- campaigns that may decide a statement ------------------------------------------------------------------


@cache
def whole() -> tuple[World, ...]:
    """Like the paper, turned upside down, all models alike, all apart, SSIM for and against PIQ."""
    models = base()
    alike = models.assign(**{name: models.at["vae", name] for name in models})
    upside_down = models.iloc[::-1].set_index(models.index)
    tables = [name for name in paper.models() if not name.endswith("_sd")]
    ways = {name: np.linspace(0.3, 0.9, len(SLUGS))[:: (-1) ** at] for at, name in enumerate(tables)}
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


def fronts(own: Statement) -> Iterator[World]:
    """The Pareto set has any size."""
    for size in range(1, len(SLUGS) if own.kind == "count" else 1):
        ssim, piq = np.full(len(SLUGS), 0.1), np.full(len(SLUGS), 0.9)
        ssim[:size] = piq[:size] = np.linspace(0.3, 0.6, size)
        yield ours(models=base().assign(ssim=ssim, piq=piq))


def spreads(own: Statement) -> Iterator[World]:
    """Seeds, or images, spread as the paper's ± do; or a single seed is lucky."""
    printed = paper.models()
    sds = [name for name in base() if name.endswith("_sd") and name in printed and "mae" not in name]
    for seeds, images in ((1.0, 0.1), (0.1, 1.0)):
        changed = {name.replace("_sd", "_seed_sd"): seeds * printed[name] for name in sds}
        yield ours(models=base().assign(**changed, **{name: images * printed[name] for name in sds}))
    yield from (ours({(slug, "ssim_seed_sd"): 0.3}) for slug in ("adversarial-ae", "ae"))
    yield from (lucky(value) for value in (0.95, 0.6))


def rescaled(own: Statement) -> Iterator[World]:
    """PIQ and ISS are on another scale, or a model is missing."""
    if own.kind == "equation":
        for factor in (1 / 784, 784.0, 784.0**2):
            yield ours(models=base().assign(piq=base()["piq"] * factor, iss=base()["iss"] * factor))
    if own.arguments.get("set") == "rows":
        yield ours(models=base().drop("ae"))


def minutes(own: Statement) -> Iterator[World]:
    """Training on the paper's hardware took as long as is printed, or longer."""
    records = replace(paperlike(), profile="paper", runs=paperlike().runs.assign(hardware="NVIDIA A40"))
    for value in (*numbers(own), 1000.0) if own.kind == "run-time" else ():
        yield ours({("all", "training_seconds"): 60 * value}, records=records)


def digits(own: Statement) -> Iterator[World]:
    """Some digits are hard for the named models, or change, or none does."""
    frame = paperlike().digits
    named = frame["architecture"].isin(own.rests_on() or ["svae"])
    said = [int(digit) for digit in own.arguments.get("digits", "0").split()]
    others = [digit for digit in range(10) if digit not in said]
    for hard in (said, others, [2], list(range(10)), []):
        changed = frame["changed"].where(~named | (frame["architecture"] == "ae"), len(hard) / 10)
        mse = frame["mse"].where(~named, 0.03).where(~(named & frame["label"].isin(hard)), 1.0)
        yield ours(records=replace(paperlike(), digits=frame.assign(mse=mse, changed=changed)))


def latent_spaces(own: Statement) -> Iterator[World]:
    """The named models' codes are of one kind; all others' too, or of another where they are compared."""
    if own.id != ORGANISED and own.kind != "latent":
        return
    first = own.rests_on()[0]
    for kind, rest in itertools.product(
        ("apart", "grid", "overlapping", "diagonal"), ("apart", "overlapping")
    ):
        yield ours(records=with_codes(kind, rest=rest if own.id == ORGANISED else kind, slug=first))


def one_of_a_kind(own: Statement) -> Iterator[World]:
    """For statements that are like no other."""
    if own.kind == "own":
        yield from (ours(pca=value) for value in (PCA_BELOW, PCA_ABOVE))
        yield from (ours({("wae", "sharpness"): 0.001}), shaken(psnr=3), shaken(mse=3), ours(PSNR_APART))
        yield from (ours({("ae", name): value}) for name, value in (("piq", 1.0), ("mse", 1e-9)))


def ramps(own: Statement) -> Iterator[World]:
    """A metric rises evenly from one value to another, or a named model has every place."""
    if not 0 < len(columns(own)) <= 2:
        return
    named = groups(own)[0][0]
    for name in columns(own):
        for low, high in itertools.permutations(candidates(own, base()[name], 1), 2):
            models = base().assign(**{name: np.linspace(low, high, len(SLUGS))})
            for other in columns(own):
                if other != name:
                    filled(models, other, SLUGS, 0.9 * min(numbers(own) or [1.0]))
            yield ours(models=models)
        for place in range(len(SLUGS)):
            order = [slug for slug in SLUGS if slug != named]
            order.insert(place, named)
            rising = pd.Series(np.geomspace(0.1, 10, len(order)), index=order)
            yield ours(models=base().assign(**{name: rising}))


def grouped(own: Statement) -> Iterator[World]:
    """Each group has one value of each metric, out of a few that matter to the statement."""
    names = columns(own)
    if not 0 < len(names) <= 2:
        return
    choices = [candidates(own, base()[name], len(names)) for name in names for _ in range(3)]
    for values in itertools.product(*choices):
        models = base()
        for (name, rows), value in zip(itertools.product(names, groups(own)), values, strict=True):
            filled(models, name, rows, value)
        yield ours(models=models)


def aimed(own: Statement) -> Iterator[World]:
    """All campaigns that may decide a statement, the likely ones first."""
    yield from latent_spaces(own)
    yield from whole()
    for kind in (correlated, fronts, rescaled, minutes, one_of_a_kind, spreads, digits, ramps, grouped):
        yield from kind(own)


NEVER = {
    "IV-A.p-ssim-mse": "no sign is claimed, and 22 models never show that there is no correlation at all"
}
"""Statement → why no campaign can reproduce it, or refute it."""


@pytest.mark.parametrize("own", RESULTS, ids=lambda own: own.id)
def test_a_statement_can_be_reproduced_and_can_fail(own: Statement) -> None:
    if own.id in NEVER:
        pytest.skip(NEVER[own.id])
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


def test_a_cell_can_be_reproduced_and_can_fail() -> None:
    """In a campaign that measured what is printed, and in one that measured half as much again."""
    printed, more = (
        ours(),
        ours(models=base().assign(**{name: 1.5 * base()[name] for name in paper.models()})),
    )
    for own in load():
        if own.kind == "table-cell":
            assert evaluate(own, printed).outcome is Outcome.HOLDS, own.id
            assert evaluate(own, more).outcome is Outcome.FAILS, own.id
