"""What readers see first: ten claims, the tally and what a perfect repetition gets, and the page for the author."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reproduce import paper
from reproduce.architectures.names import ALL_METRICS, IMAGE_METRICS
from reproduce.errors import ReproduceError
from reproduce.paper import CELLS, PAPER_SLUGS
from reproduce.paper.tables import read
from reproduce.verdicts import summary
from reproduce.verdicts.judge import evaluate, judge
from reproduce.verdicts.registry import cell_statement
from reproduce.verdicts.verdict import IN_RESULTS, Verdict
from reproduce.verdicts.world import World
from tests.synthetic import make_records

PREDICTED = [cell for cell in CELLS if cell.metric != "mae"]
"""MAE is printed without ±, so nothing is predicted of it."""


def campaign(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """What one campaign measures whose true means and spreads are the printed ones: metric → models by images or
    pairs, which all its rows share."""
    printed, found = paper.models(), {}
    for metric in ALL_METRICS:
        n = 100 if metric in IMAGE_METRICS else 25
        noise = np.sqrt(0.5) * (rng.standard_normal((1, n)) + rng.standard_normal((len(printed), n)))
        sd = printed[f"{metric}_sd"].fillna(0.0).to_numpy()[:, None]
        found[metric] = pd.DataFrame(printed[metric].to_numpy()[:, None] + sd * noise, printed.index)
    return found


def table(values: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The models frame of a campaign."""
    columns = {}
    for metric, frame in values.items():
        columns |= {metric: frame.mean(axis=1), f"{metric}_sd": frame.std(axis=1, ddof=1)}
    return pd.DataFrame(columns)


def counted(seed: int) -> dict[str, int]:
    """The verdicts on all cells when one campaign is held against another, which is printed."""
    rng = np.random.default_rng(seed)
    ours, theirs = campaign(rng), campaign(rng)
    printed = table(theirs)

    def measured(metric: str) -> pd.DataFrame:
        found = ours[metric].rename_axis(columns="unit").stack().rename("value").reset_index()
        return found.assign(seed=1)

    world = World(models=table(ours), paper=printed, measured=measured)
    counts: Counter[str] = Counter()
    for cell in PREDICTED:
        number = repr(float(printed.at[cell.architecture, cell.column]))
        own = replace(cell_statement(paper.tables(), cell), printed=(f"{float(number):.12f}",), scale="1")
        counts[IN_RESULTS[evaluate(own, world).outcome]] += 1
    return counts


def test_a_perfect_repetition_gets_what_is_predicted_and_is_not_refuted() -> None:
    predicted = summary.perfect_repetition(dict.fromkeys(ALL_METRICS, 0.5))
    assert predicted["mean"].sum() == pytest.approx(len(PREDICTED))
    found = pd.DataFrame([counted(seed) for seed in range(6)]).reindex(columns=predicted.index).fillna(0)
    assert (found.sum(axis=1) == len(PREDICTED)).all(), "no other word is given"
    for word, row in predicted.iterrows():
        assert found[word].mean() == pytest.approx(row["mean"], abs=2.5), word
        inside = found[word].between(row["low"] - 5, row["high"] + 5)
        assert inside.mean() >= 0.75, (word, found[word].tolist(), row.to_dict())
    assert found["not reproduced"].mean() <= 0.025 * len(PREDICTED)


def test_what_rows_have_in_common_moves_how_far_a_tally_strays_and_not_its_mean() -> None:
    apart, together = (summary.perfect_repetition(dict.fromkeys(ALL_METRICS, share)) for share in (0.0, 0.9))
    assert together["mean"].to_numpy() == pytest.approx(apart["mean"].to_numpy(), abs=1.5)
    widths = [found.loc["reproduced", "high"] - found.loc["reproduced", "low"] for found in (apart, together)]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_the_common_share_is_found_in_the_records(share: float) -> None:
    rng, n, models = np.random.default_rng(0), 4000, 6
    values = np.sqrt(share) * rng.standard_normal(n) + np.sqrt(1 - share) * rng.standard_normal((models, n))
    values[0] = 0.5  # a collapsed row does not vary
    records = make_records("desk", (42,), architectures=PAPER_SLUGS[:models])
    rows = [
        {"architecture": slug, "seed": 42, "variant": "", "path": "sampled", "image": at, "ssim": value}
        for slug, own in zip(PAPER_SLUGS[:models], values, strict=True)
        for at, value in enumerate(own)
    ]
    whole = replace(records, images=pd.DataFrame(rows))
    assert summary.common_share(whole, "ssim") == pytest.approx(share, abs=0.03)
    alone = replace(records, images=pd.DataFrame(rows[:n]))
    assert summary.common_share(alone, "ssim") == 0


def test_a_campaign_of_the_printed_numbers_refutes_no_cell(verdicts: tuple[Verdict, ...]) -> None:
    cells = [one for one in verdicts if one.statement.kind == "table-cell"]
    assert len(cells) == len(CELLS)
    assert {one.verdict for one in cells} == {"reproduced", "undecided"}
    assert all(one.reason.startswith("compatible") for one in cells if one.verdict == "undecided")


def test_the_tally_counts_what_is_about_results_once(verdicts: tuple[Verdict, ...]) -> None:
    counts = summary.tally(verdicts)
    about = [one for one in verdicts if one.about == "results"]
    assert counts.loc["cells"].sum() == len(CELLS)
    assert counts.to_numpy().sum() == len(about) < len(verdicts)
    reproduced = [one.statement.kind for one in about if one.verdict == "reproduced"]
    assert counts.at["statements", "reproduced"] == len(reproduced) - reproduced.count("table-cell")
    assert summary.tally(judge(None)).to_numpy().sum() == 0


def test_ten_claims_in_every_profile(verdicts: tuple[Verdict, ...]) -> None:
    ten = summary.ten({"desk": verdicts, "paper": judge(None)})
    assert [claim.number for claim in ten] == list(range(1, 11))
    assert all(list(claim.verdicts) == ["desk", "paper"] for claim in ten)
    assert all(claim.verdicts["desk"].verdict for claim in ten[:-1])
    assert not any(claim.verdicts["paper"].verdict for claim in ten)
    assert ten[-1].any.about == "text"
    assert len({claim.any.statement.id for claim in ten}) == 10
    with pytest.raises(ReproduceError, match=r"names the statement 'VI-A.p', which desk does not judge"):
        summary.ten({"desk": [one for one in verdicts if "VI-A.p" not in one.statement.ids]})


def test_every_inconsistency_has_one_cause_and_no_cause_is_idle(verdicts: tuple[Verdict, ...]) -> None:
    found, causes = summary.errata(verdicts), read("errata.csv")
    wrong = [one for one in verdicts if one.within_paper == "inconsistent"]
    grouped = [one.statement.id for cause in found for one in cause.verdicts]
    assert sorted(grouped) == sorted(one.statement.id for one in wrong)
    assert [cause.cause for cause in found] == list(causes["cause"])
    assert all(cause.verdicts and cause.follows and cause.correction for cause in found)
    of = {name: one.cause for one in found for verdict in one.verdicts for name in verdict.statement.ids}
    assert of["III-D.spread"].startswith("What ± is"), "the first in the file that matches"
    for pattern in " ".join(causes["matches"]).split():
        assert any(summary._matches(one, pattern) for one in wrong), pattern


def test_where_the_length_of_training_decides(verdicts: tuple[Verdict, ...]) -> None:
    """Of three statements that are decided after a hundred epochs, one is refuted after ten and one is undecided."""
    first, second, third = [one for one in verdicts if one.verdict == "reproduced"][:3]
    ten_epochs = (replace(first, verdict="not reproduced"), second, replace(third, verdict="undecided"))
    found = summary.by_length({"paper": (first, second, third), "notebook": ten_epochs})
    assert found == summary.Lengths(decided=2, short=(), long=(first.statement.id,))
    assert summary.by_length({"paper": verdicts, "desk": verdicts}) is None
