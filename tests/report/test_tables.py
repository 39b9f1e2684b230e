"""Tables say what the records and the paper's tables hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reproduce import paper
from reproduce.analysis.headline import SMOOTHNESS
from reproduce.analysis.measures import MEASURES
from reproduce.analysis.statistics import against_baseline
from reproduce.architectures.names import SLUGS
from reproduce.paper import PAPER_SLUGS
from reproduce.report import numbers
from reproduce.report.columns import few_seeds
from reproduce.report.context import Context, label
from reproduce.report.origin import lengths
from reproduce.report.table import Table
from reproduce.report.tables import (
    APPENDIX,
    DATA,
    MAIN,
    applications,
    build,
    cells,
    implementations,
    whole_test_set,
)
from tests.synthetic import make_records


@pytest.fixture(scope="module")
def tables(complete: Context) -> dict[str, Table]:
    return build(complete)


@pytest.fixture(scope="module")
def of_damaged(damaged: Context) -> dict[str, Table]:
    return build(damaged)


def column(table: Table, name: str) -> dict[str, str]:
    """First cell of a row → the cell under a head."""
    at = [each.name for each in table.columns].index(name)
    return {row[0]: row[at] for row in table.rows}


def test_a_whole_campaign_fills_every_table_but_those_of_other_runs(tables: dict[str, Table]) -> None:
    known = {*MAIN, *APPENDIX, *DATA}
    assert known - set(tables) <= {"implementations", "lengths"}


def test_tables_1_and_2_have_both_cells_in_printed_order(tables: dict[str, Table], complete: Context) -> None:
    mean, sd = complete.ours.loc["vae", ["ssim", "ssim_sd"]]
    assert column(tables["table1"], "SSIM ↑ ours")["VAE"] == numbers.plus_minus("ssim", mean, sd)
    assert column(tables["table1"], "SSIM ↑ paper")["VAE"] == "0.630\u00a0±\u00a00.119"
    for number, slugs in paper.tables().rows.items():
        rows = tables[f"table{number}"].blocks[0]
        further = [slug for slug in SLUGS if slug not in slugs]
        assert [row[0] for row in rows] == [label(slug) for slug in (*slugs, *further)]
    assert "PIQ over its floor ↓ ours" in [each.name for each in tables["table2"].columns]


def test_baselines_stand_below_and_are_not_ranked(tables: dict[str, Table]) -> None:
    assert [row[0] for row in tables["table1"].blocks[1]] == ["PCA (16)", "Mean image"]
    assert column(tables["table1"], "Rank ours")["PCA (16)"] == ""


def test_collapsed_models_are_not_ranked_and_missing_ones_are_named(of_damaged: dict[str, Table]) -> None:
    table = of_damaged["table1"]
    assert column(table, "Rank ours")["β-VAE†"] == numbers.DASH
    for told in ("† Collapsed", "No run yet: HVAE", "Failed: SVAE, seed 42"):
        assert told in " ".join(table.notes)


def test_table_3_has_one_list_a_priority(tables: dict[str, Table]) -> None:
    recommended = column(tables["table3"], "Recommended ours, best first")
    priorities = column(tables["table3"], "Priority")
    for priority in ("Reconstruction", "Interpolation", "Balanced"):
        first, *others = [recommended[name] for name, own in priorities.items() if own == priority]
        assert first != "as above"
        assert set(others) == {"as above"}
    assert "not judged" in recommended["Disentanglement"]


def test_table_3_has_the_papers_lists_beside_ours(tables: dict[str, Table]) -> None:
    printed = paper.table3().set_index("application")
    for head, name in (("Recommended paper", "recommended_printed"), ("Avoid paper", "avoid_printed")):
        assert column(tables["table3"], head) == printed[name].to_dict()


def test_table_3_tells_the_costs_of_the_models_that_it_names(complete: Context) -> None:
    runs = complete.records.runs
    slow = runs["training_seconds"].where(runs["architecture"] == "vae", 1e6)
    table = applications(Context(replace(complete.records, runs=runs.assign(training_seconds=slow)), {}))
    (told,) = [note for note in table.notes if "Training time" in note]
    named = {name for row in table.rows for cell in (row[2], row[4]) for name in cell.split(", ")}
    known = set(complete.labels(PAPER_SLUGS)) - {"VAE"}
    assert {name for name in known if f" {name} " in told} == named & known


def test_where_no_size_is_judged_the_cells_are_of_another_profile_or_there_are_none() -> None:
    desk, notebook = (make_records(name, (42,), architectures=["ae"]) for name in ("desk", "notebook"))
    assert cells(Context(desk, {})) is None
    for context in (Context(desk, {}, {"notebook": notebook}), Context(notebook, {}, {"desk": desk})):
        table = cells(context)
        assert table is not None
        assert table.remarks.startswith("Verdicts of notebook: ")
        assert "≈" in table.rows[0]


def test_a_footnote_says_how_many_seeds_each_model_has(complete: Context) -> None:
    assert few_seeds(complete, PAPER_SLUGS) == ()
    one = Context(make_records("paper", (42,), architectures=["ae", "vae", "wae"]), {})
    assert few_seeds(one, PAPER_SLUGS) == ("Of three seeds: one of all.",)
    one.ours.loc["wae", "n_seeds"] = 2
    assert few_seeds(one, PAPER_SLUGS) == ("Of three seeds: two of WAE; one of all others.",)


def test_profiles_stand_beside_the_print_and_say_how_far_they_lie_from_the_longest() -> None:
    printed = paper.models()
    sharper = printed.assign(ssim=printed["ssim"] - 0.02, piq=printed["piq"] * 2)
    own = make_records("desk", (42,), collapsed=["beta-vae"], seed_spread=0)
    own.runs.loc[own.runs["architecture"] == "svae", "stuck_pixels"] = 21
    table = lengths(Context(own, {}, {"paper": make_records("paper", (42,), targets=sharper, seed_spread=0)}))
    assert table is not None
    assert column(table, "SSIM ↑ printed")["AE"] == column(table, "SSIM ↑ desk")["AE"] == "0.908"
    assert column(table, "SSIM ↑ paper")["AE"] == "0.888"
    told, unhealthy = table.notes
    assert unhealthy == "desk: collapsed: β-VAE; pixels stuck at black or white: SVAE (21)."
    ssim = "desk against paper, over 21 models: SSIM differs by 0.020 on average and 0.020 at most;"
    assert told.startswith(ssim)
    assert "PIQ is 0.50 times as large" in told


def test_printed_minutes_stand_beside_ours(tables: dict[str, Table], complete: Context) -> None:
    printed = column(tables["costs"], "Training, min printed")
    assert (printed["AE"], printed["VAE-IAF"], printed["FactorVAE"]) == ("10–15", "15–25", "25–30")
    assert printed["SVAE"] == "", "VII-D prints none"
    ours = column(tables["costs"], "Training, min paper")["VAE"]
    assert float(ours) == pytest.approx(10 * complete.ours.at["vae", "training_seconds"] / 60, abs=0.5), (
        "10 epochs"
    )


def test_sizes_and_times_stand_each_under_its_head(tables: dict[str, Table], complete: Context) -> None:
    vae = complete.ours.loc["vae"]
    for head, name in {
        "Parameters": "parameters",
        "Code": "code_size",
        "Inference µs": "inference_microseconds",
        "Peak MiB": "peak_memory_mib",
    }.items():
        assert column(tables["costs"], head)["VAE"] == numbers.integer(vae[name])
    for head in ("Training ÷ VAE", "Inference ÷ VAE"):
        assert float(column(tables["costs"], head)["VAE"]) == 1


def test_diagnostics_are_of_the_whole_test_set(complete: Context) -> None:
    run = complete.records.runs
    shifted = replace(complete.records, runs=run.assign(test_ssim=run["ssim"] - 0.1, test_ssim_mean_code=0.1))
    table = whole_test_set(Context(shifted, {}))
    assert column(table, "SSIM ↑")["AE"] == numbers.value("ssim", complete.ours.at["ae", "ssim"] - 0.1)
    assert column(table, "SSIM, mean")["AE"] == "0.100"


def test_the_tests_against_the_vae_are_those_of_the_statistics(
    tables: dict[str, Table], complete: Context
) -> None:
    for metric, head in {"ssim": "SSIM ↑", "piq": "PIQ (×10³) ↓"}.items():
        found = against_baseline(complete.records, metric).loc["ae"]
        for name, cell in {
            "difference": numbers.value(metric, found["difference"]),
            "effect size": numbers.fixed(found["effect_size"], 2),
            "22·p": numbers.p_value(found["p_bonferroni"]),
        }.items():
            assert column(tables["tests"], f"{head} {name}")["AE"] == cell


def test_the_ten_claims_have_their_verdicts(tables: dict[str, Table], complete: Context) -> None:
    verdicts = column(tables["claims"], "paper (A)")
    assert len(verdicts) == 10
    for claim in complete.ten:
        assert verdicts[str(claim.number)].startswith(claim.verdicts["paper"].verdict)


def test_the_tally_sets_a_perfect_repetition_beside(tables: dict[str, Table], complete: Context) -> None:
    rows = tables["tally"].rows
    judged = [verdict for verdict in complete.verdicts if verdict.about == "results" and verdict.verdict]
    of_cells = sum(verdict.statement.kind == "table-cell" for verdict in judged)
    for head, count in (("Statements", len(judged) - of_cells), ("Cells", of_cells)):
        shown = column(tables["tally"], head).values()
        assert sum(int(cell.replace(",", "")) for cell in shown) == count
    assert "(" in "".join(row[3] for row in rows)


def test_every_inconsistency_is_in_the_errata(tables: dict[str, Table], complete: Context) -> None:
    inconsistent = sum(verdict.within_paper == "inconsistent" for verdict in complete.verdicts)
    assert sum(int(row[1]) for row in tables["errata"].rows) == inconsistent


def test_cells_have_the_sign_of_their_verdict(tables: dict[str, Table], complete: Context) -> None:
    words = {"=": "reproduced", "≈": "undecided", "≠": "not reproduced", "d": "defined differently"}
    verdicts = {verdict.statement.id: verdict.verdict for verdict in complete.verdicts}
    for number, slug, metric, part in paper.CELLS:
        head, end = ("mean", "") if part == "mean" else ("±", ".sd")
        sign = column(tables["cells"], f"{MEASURES[metric].label} {head}")[label(slug)]
        assert words[sign] == verdicts[f"T{number}.{slug}.{metric}{end}"]
    assert len(tables["cells"].rows) == len(PAPER_SLUGS)


def test_a_second_implementation_stands_between_the_text_and_the_paper(
    of_damaged: dict[str, Table], damaged: Context
) -> None:
    (row,) = [row for row in of_damaged["implementations"].rows if row[0] == "VAMP"]
    assert row[3] == "0.630"
    for at, models in ((1, damaged.ours), (2, damaged.pythae)):
        assert row[at] == numbers.value("ssim", models.at["vamp", "ssim"])
    assert row[1] != row[2]


def test_another_profile_may_have_the_second_implementation(damaged: Context) -> None:
    own = make_records("desk", (42,), architectures=["ae", "vamp"])
    table = implementations(Context(own, {}, {"notebook": damaged.records}))
    assert table is not None
    assert table.remarks.startswith("Runs of notebook. ")
    assert implementations(Context(own, {})) is None


def test_subsets_have_each_measures_correlation_under_its_head(
    tables: dict[str, Table], complete: Context
) -> None:
    rest = "without AE, WAE, VQ-VAE"
    for subset, row in (("with collapsed rows", "all models"), (rest, rest)):
        found = complete.headline.xs(subset, level="subset")["r"]
        assert list(found.index) == [("paper", "piq"), *(("ours", metric) for metric in SMOOTHNESS)]
        for (source, metric), r in found.items():
            shown = column(tables["subsets"], f"{source.title()} {MEASURES[metric].label}")[row]
            assert shown.startswith(f"{numbers.correlation(r, 2)} [")
