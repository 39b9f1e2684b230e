"""No statement of the registry is unable to hold, and none unable to fail.

Each is put into invented campaigns, aimed at its own models, metrics and numbers, until it has done both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.analysis.claims import Claim, Outcome, World, evaluate
from reproduce.analysis.claims.protocol import PAPER_ONLY
from reproduce.analysis.claims.registry import statements
from reproduce.names import SLUGS
from reproduce.records import Arrays, Records
from tests.analysis.claims.test_pictures import LABELS, codes
from tests.analysis.claims.worlds import ours
from tests.synthetic import make_records, paperlike

FIRST, SECOND = ("architecture", "models", "family", "better", "of"), ("worse", "to", "over", "among")
TRADE_OFF = {"pareto-set", "pareto-member", "best-of-combined", "recommendation", "count"}
RELATIVE = {"gap", "larger-gap", "change", "change-range", "ratio"}
"""Kinds whose printed number is no value of the metric."""
TESTABLE = [
    claim
    for claim in statements()
    if claim.kind not in PAPER_ONLY and claim.arguments.get("application") != "Disentanglement"
]
"""All that a campaign could test; nothing measures disentanglement."""
RNG = np.random.default_rng(0)
NOISE = pd.DataFrame(RNG.standard_normal((len(SLUGS), 3)), index=list(SLUGS))


def world(models: pd.DataFrame, records: Records | None = None) -> World:
    return World(models, paper.models(), records=records or paperlike(), attempted=models)


def groups(claim: Claim) -> tuple[list[str], list[str], list[str]]:
    """The models that the claim speaks of, those that it compares them with, and the rest."""

    def named(arguments: Sequence[str]) -> list[str]:
        found = [name for name in arguments if claim.arguments.get(name, "all") not in ("all", "others")]
        return [slug for name in found for slug in claim.slugs(name)]

    first = named(FIRST) or list(SLUGS[: _count(claim)])
    second = [slug for slug in named(SECOND) if slug not in first]
    return first, second, [slug for slug in SLUGS if slug not in (*first, *second)]


def _count(claim: Claim) -> int:
    return int(claim.number.value) if claim.kind == "count" else len(SLUGS)


def columns(claim: Claim, models: pd.DataFrame) -> list[str]:
    """The columns of a models frame that the claim is about."""
    words = " ".join(claim.arguments.values()).split()
    words += [name.split("_at_")[0].removesuffix("_above").removesuffix("_below") for name in claim.arguments]
    words += ["ssim", "piq"] if claim.kind in TRADE_OFF and "_" not in " ".join(claim.arguments) else []
    words += ["ssim", "mse"] if claim.kind == "residual" else []
    found = [name for name in dict.fromkeys(words) if name in models]
    suffix = {"largest-spread": "_seed_sd"}.get(
        claim.kind, "_sd" if claim.arguments.get("part") == "sd" else ""
    )
    return [name + suffix for name in found]


def numbers(claim: Claim) -> list[float]:
    """The numbers that a claim prints or sets as bounds."""
    bounds = [
        claim.value(name)
        for name in claim.arguments
        if name.endswith(("_above", "_below", "_least", "_most"))
    ]
    return [number.value for number in (claim.numbers if claim.printed else ())] + bounds


def filled(models: pd.DataFrame, column: str, rows: Sequence[str], value: float) -> None:
    """Give rows almost the same value: the later the row, the higher, so that none equals or dominates another."""
    models.loc[list(rows), column] = value + abs(value) * 1e-6 * np.arange(len(rows))


def grouped(claim: Claim) -> Iterator[World]:
    """Campaigns in which each group has one value of each metric, out of a few that matter to the claim."""
    base = ours().models
    names = columns(claim, base)
    for values in itertools.product(
        *(_candidates(claim, base[name], len(names)) for name in names for _ in range(3))
    ):
        models = base.copy()
        for (name, rows), value in zip(itertools.product(names, groups(claim)), values, strict=True):
            filled(models, name, rows, value)
        yield world(models)


def _candidates(claim: Claim, values: pd.Series, n: int) -> list[float]:
    low, high = float(values.min()), float(values.max())
    if n > 1:
        return [low, (low + high) / 2, high]
    if claim.kind == "count":
        bounds = [value for value in numbers(claim) if value != claim.number.value]
        return [float(np.mean(bounds)), low, high, *(p * f for p in bounds for f in (0.97, 1.03))]
    printed = numbers(claim)
    if claim.kind not in RELATIVE:
        return [low, high, *printed, *(p * f for p in printed for f in (0.97, 1.03))]
    relative = [low * factor for p in printed for factor in (p, 1 + p, 1 - p)]
    return [low, high, *relative, low * (1 - float(np.mean(printed)))]


def ramps(claim: Claim) -> Iterator[World]:
    """Campaigns in which each metric rises evenly from one value to another, or a named model has every place."""
    base = ours().models
    named = groups(claim)[0][0]
    for name in columns(claim, base):
        ends = _candidates(claim, base[name], 1)
        for low, high in itertools.permutations(ends, 2):
            models = base.assign(**{name: np.linspace(low, high, len(base))})
            for other in columns(claim, base):
                if other != name:
                    filled(models, other, SLUGS, 0.9 * min(numbers(claim) or [1.0]))
            yield world(models)
        for place in range(len(base)):
            order = [slug for slug in SLUGS if slug != named]
            order.insert(place, named)
            yield world(base.assign(**{name: pd.Series(np.linspace(0.2, 0.9, len(order)), index=order)}))


def correlated(claim: Claim) -> Iterator[World]:
    """Campaigns in which two pairs of columns have given correlations."""
    base = ours().models
    pairs = [claim.arguments[name].split() for name in ("weak", "strong") if name in claim.arguments]
    pairs = pairs or [[claim.arguments["y"], claim.arguments["x"]]]
    x, *others = np.linalg.qr(NOISE - NOISE.mean())[0].T
    sizes = {1.0, 0.9, 0.3, 0.0, *(abs(value) for value in numbers(claim) if abs(value) <= 1)}
    for rs in itertools.product([sign * size for size in sizes for sign in (1, -1)], repeat=len(pairs)):
        models = base.assign(**{pairs[0][1]: 1 + x})
        for (column, _), r, other in zip(pairs, rs, others, strict=False):
            models[column] = 1 + r * x + np.sqrt(1 - r**2) * other
        yield world(models)


def fronts(claim: Claim) -> Iterator[World]:
    """Campaigns with a Pareto set of every size."""
    base = ours().models
    for size in range(1, len(base)):
        ssim, piq = np.full(len(base), 0.1), np.full(len(base), 0.9)
        ssim[:size] = piq[:size] = np.linspace(0.3, 0.6, size)
        yield world(base.assign(ssim=ssim, piq=piq))


@cache
def campaigns() -> tuple[World, ...]:
    """Whole campaigns: like the paper, turned upside down, all models alike, all apart."""
    printed = paper.models()
    sds = [name for name in printed if name.endswith("_sd")]
    alike = printed.assign(**{name: printed.at["vae", name] for name in printed})
    alike[sds] = alike[sds] / 100
    apart = printed.copy()
    for at, name in enumerate(("ssim", "mse", "psnr", "mae", "piq", "iss", "i_ssim")):
        apart[name] = np.linspace(0.3, 0.9, len(SLUGS))[:: (-1) ** at] * (40 if name == "psnr" else 1)
    apart[sds] = 0.001
    turned = apart.iloc[::-1].set_index(apart.index)
    upside_down = printed.iloc[::-1].set_index(printed.index)
    found = [
        paperlike(),
        *(make_records(targets=t, seed_spread=0.0) for t in (upside_down, alike, apart, turned)),
    ]
    return tuple(World(summaries.summarise(r), printed, records=r) for r in found)


def spreads(claim: Claim) -> Iterator[World]:
    """Campaigns whose seeds, or whose images, spread as the paper's ± do; and one with a single lucky seed."""
    base, printed = ours().models, paper.models()
    sds = [name for name in base if name.endswith("_sd") and name in printed and "mae" not in name]
    for seeds, images in ((1.0, 0.1), (0.1, 1.0)):
        changed = {name.replace("_sd", "_seed_sd"): seeds * printed[name] for name in sds}
        yield world(base.assign(**changed, **{name: images * printed[name] for name in sds}))
    runs = paperlike().runs
    lucky = (runs["architecture"] == "adversarial-ae") & (runs["seed"] == 42)
    yield world(base, replace(paperlike(), runs=runs.assign(ssim=runs["ssim"].where(~lucky, 0.95))))


def scales(claim: Claim) -> Iterator[World]:
    base = ours().models
    for factor in (1.0, 1 / 784, 784.0, 784.0**2):
        yield world(base.assign(piq=base["piq"] * factor, iss=base["iss"] * factor))


def minutes(claim: Claim) -> Iterator[World]:
    base = ours().models
    records = replace(paperlike(), profile="paper", runs=paperlike().runs.assign(hardware="NVIDIA A40"))
    for value in (*numbers(claim), 1000.0):
        yield world(base.assign(training_seconds=60 * value), records)


def failures(claim: Claim) -> Iterator[World]:
    base = ours().models
    yield world(base)
    yield world(base.assign(ssim=base["ssim"].where(base.index != "ae")))
    yield world(base.assign(**{name: base.at["vae", name] for name in base}))
    yield world(base.assign(ssim=np.linspace(0.2, 0.9, len(base))))


def digits(claim: Claim) -> Iterator[World]:
    """Campaigns in which some digits are hard for the named models, or change, or none does."""
    frame = paperlike().digits
    named = frame["architecture"].isin(groups(claim)[0])
    for hard in ([int(d) for d in claim.arguments.get("digits", "0").split()], [2], list(range(10)), []):
        rows = named & frame["label"].isin(hard)
        changed = frame.assign(
            mse=frame["mse"].where(~rows, 1.0), changed=frame["changed"].where(~named, len(hard) / 10)
        )
        yield world(ours().models, replace(paperlike(), digits=changed))


def latent_spaces(claim: Claim) -> Iterator[World]:
    """Campaigns in which the named models' codes are of one kind and all others' of another."""
    named = claim.slugs("better" if claim.kind == "latent-order" else "models")

    def loader(own: str, rest: str) -> Callable[[str, int, str], Arrays]:
        return lambda slug, seed, variant="": {
            "codes": codes(own if slug in named else rest),
            "code_labels": LABELS,
        }

    for own, rest in itertools.product(
        ("apart", "grid", "overlapping", "diagonal"), ("apart", "overlapping")
    ):
        yield world(ours().models, replace(paperlike(), load_samples=loader(own, rest)))


def aimed(claim: Claim) -> Iterator[World]:
    """All campaigns that may decide a claim, the likely ones first."""
    special: dict[str, Callable[[Claim], Iterator[World]]] = {
        "latent": latent_spaces,
        "latent-order": latent_spaces,
        "hardest-digits": digits,
        "uniform-over-digits": digits,
        "changed-digits": digits,
        "run-time": minutes,
        "equation": scales,
        "spread-over-seeds": spreads,
        "seed-range": spreads,
    }
    if claim.kind in special:
        return special[claim.kind](claim)
    if claim.kind == "count" and claim.arguments["set"] in ("rows", "distinct"):
        return failures(claim)
    found: list[Iterator[World]] = [iter(campaigns())]
    if {"x", "y"} <= set(claim.arguments) or "weak" in claim.arguments:
        found.append(correlated(claim))
    if claim.kind == "count" and claim.arguments["set"] in ("pareto", "dominated"):
        found.append(fronts(claim))
    if columns(claim, ours().models) and len(columns(claim, ours().models)) <= 2:
        found += [ramps(claim), grouped(claim)]
    return itertools.chain(*found)


@pytest.mark.parametrize("claim", TESTABLE, ids=lambda claim: claim.id)
def test_a_statement_can_hold_and_can_fail(claim: Claim) -> None:
    seen: set[bool] = set()
    for somewhere in aimed(claim):
        outcome = evaluate(claim, somewhere).outcome
        if outcome is Outcome.MISMATCH:
            return  # whatever is measured cannot be compared with what is printed
        if outcome in (Outcome.HOLDS, Outcome.FAILS, Outcome.PARTLY):
            seen.add(outcome is Outcome.HOLDS)
        if len(seen) == 2:
            return
    pytest.fail(
        f"in every campaign it {'holds' if seen == {True} else 'fails' if seen else 'is not testable'}"
    )
