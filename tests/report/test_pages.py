"""The generated parts of README and docs."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from reproduce.architectures.names import SLUGS
from reproduce.report import origin, pages, prose
from reproduce.report.context import Context
from reproduce.report.tables import build
from reproduce.storage.publishing import BLOCK
from tests.synthetic import make_records

ROOT = Path(__file__).parents[2]


def test_every_part_has_one_place_and_every_place_a_part(complete: Context) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    places = [match["name"] for text in texts for match in BLOCK.finditer(text)]
    parts = pages.parts(complete, build(complete))
    assert sorted([*parts, "bench"]) == sorted(places)


def test_the_finding_is_a_few_lines_with_both_correlations(complete: Context) -> None:
    told = pages.finding(complete)
    assert 4 <= len(told.splitlines()) <= 5
    assert "0.77 in the paper's tables" in told
    assert "15 of the 22 rows of its tables are distinct" in told


def test_seeds_are_counted_from_the_model_with_fewest_to_the_one_with_most(complete: Context) -> None:
    assert pages.seeds_a_model(complete) == "three seeds"
    few = Context(make_records("paper", (42, 123), architectures=["ae"]), {})
    more = few.ours.assign(n_seeds=1, collapsed=False).set_axis(["vae"])
    few.models["paper"] = pd.concat([few.ours, more])
    assert pages.seeds_a_model(few) == "one to two seeds"


def test_the_best_candidate_of_each_profile_is_named_and_what_they_share_once() -> None:
    columns = ["profile", "implementation", "epoch", "best", "definition", "agree", "chance"]
    rows = [
        ("desk", "paper", 2, False, "ssim_uniform7_range2", 12, 6.1),
        ("desk", "paper", 4, False, "ssim", 11, 6.1),
        ("notebook", "pythae", 0, True, "ssim_uniform7_range2", 10, 6.5),
    ]
    told = origin.leading(pd.DataFrame(rows, columns=columns))
    first, second, shared = told.split("; ")
    best = "12 agree with two epochs (desk), implemented from the paper's text, where chance gives 6.1"
    assert first == best
    assert second.startswith("10 agree with the weights kept of ten epochs (notebook)")
    assert "implemented from Pythae's classes" in second
    assert shared == "both with SSIM by a uniform 7×7 window and data range 2 (scikit-image's old default)"


def test_the_ten_claims_have_colour_and_word(complete: Context) -> None:
    rows = pages.ten_claims(complete).splitlines()[2:]
    assert len(rows) == 10
    assert all(re.search("[🟩🟥🟨🟦⬜] [a-z]", row) for row in rows)


def test_the_status_counts_the_runs_of_each_profile() -> None:
    others = {"desk": make_records("desk", (42,), architectures=["ae"])}
    told = pages.status(Context(make_records("notebook", (42,)), {}, others))
    counts = dict(re.findall(r"`(\w+)` \([^)]*\): (\d+ of \d+)", told))
    n = len(SLUGS)
    assert counts == {"desk": f"1 of {3 * n}", "notebook": f"22 of {n}", "paper": f"0 of {3 * n}"}
    assert (
        pages.on_a_gpu(["NVIDIA H200", "NVIDIA H200, then AMD EPYC", ""])
        == ", 2 on a GPU (1 of these in part)"
    )


def test_a_profile_without_verdicts_leaves_the_finding_alone() -> None:
    context = Context(make_records("quick", (42,), architectures=["ae", "vae", "wae"]), {})
    parts = pages.parts(context, build(context))
    assert not {"finding", "claims"} & set(parts)
    assert "table-1" in parts


def test_errata_lists_every_inconsistent_statement(complete: Context) -> None:
    told = pages.errata(complete)
    for verdict in complete.verdicts:
        assert (f"(`{verdict.statement.id}`;" in told) == (verdict.within_paper == "inconsistent")


def test_the_ten_claims_are_all_counted(damaged: Context) -> None:
    """Those of one verdict each, in one order, and those that no result bears on."""
    told = prose.ten_counts(damaged)
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert sum(words.index(word) + 1 for word in re.findall(r"\w+(?= (?:is|are)\b)", told)) == 10
    assert told.endswith("about the tables alone")
