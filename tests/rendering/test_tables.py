from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from reproduce import decisions, paper
from reproduce.analysis import claims, headline, pareto, statistics
from reproduce.analysis.claims import IN_RESULTS, WITHIN_PAPER, Outcome
from reproduce.analysis.summaries import summarise
from reproduce.architectures import registry
from reproduce.names import IMAGE_METRICS, LABELS, PAIR_METRICS, SLUGS
from reproduce.rendering import claim_tables, columns, numbers, tables, wording
from reproduce.rendering.appendix import statistics as statistics_tables
from reproduce.rendering.material import Material, label
from reproduce.rendering.table import Table
from tests.rendering.conftest import PROVENANCE
from tests.synthetic import make_records

NAMES = {1: ("table1", IMAGE_METRICS), 2: ("table2", PAIR_METRICS)}


@pytest.fixture(scope="module")
def built(material: Material) -> dict[str, Table]:
    return tables.build(material)


@pytest.fixture(scope="module")
def judged(complete: Material) -> dict[str, Table]:
    return tables.build(complete)


def _row(table: Table, material: Material, slug: str) -> dict[str, str]:
    name = label(slug) + material.mark(slug)
    (found,) = [row for row in table.rows if row[0] == name]
    return {column.name: cell for column, cell in zip(table.columns, found, strict=True)}


@pytest.mark.parametrize("number", [1, 2])
def test_every_number_of_tables_1_and_2_is_the_records_value_formatted(
    number: int, built: dict[str, Table], material: Material
) -> None:
    name, metrics = NAMES[number]
    for slug in material.ours.index:
        row = _row(built[name], material, slug)
        for metric in metrics:
            run = material.runs.set_index("architecture").loc[slug]  # one seed: the mean is the run's
            mean, *spread = row[f"{numbers.METRICS[metric].head} ours"].split("\u00a0±\u00a0")
            assert mean == numbers.value(metric, run[metric])
            assert spread == [numbers.value(metric, material.ours.at[slug, f"{metric}_sd"])]


@pytest.mark.parametrize("number", [1, 2])
def test_rows_stand_in_the_papers_order_with_the_papers_characters(
    number: int, built: dict[str, Table], material: Material
) -> None:
    name, metrics = NAMES[number]
    order = paper.tables().rows[number]
    assert [row[0].rstrip("†‡") for row in built[name].blocks[0]] == [LABELS[slug] for slug in order]
    for slug in order:
        for metric in metrics:
            printed = _row(built[name], material, slug)[f"{numbers.METRICS[metric].head} paper"]
            assert (
                printed.split("\u00a0")[0] == paper.tables().cells[paper.Cell(number, slug, metric, "mean")]
            )


def test_missing_and_failed_models_are_dashes_with_a_footnote(
    built: dict[str, Table], material: Material
) -> None:
    for slug in ("hvae", "svae"):
        row = _row(built["table1"], material, slug)
        assert row["SSIM ↑ ours"] == row["MSE (×10³) ↓ ours"] == row["Rank ours"] == "–"
    notes = " ".join(built["table1"].notes)
    assert "Failed: SVAE, seed 42: loss not finite in epoch 2." in notes
    assert "No run yet: HVAE." in notes


def test_collapsed_and_unconverged_models_are_marked_and_explained(
    built: dict[str, Table], material: Material
) -> None:
    assert _row(built["table1"], material, "beta-vae")["Model"] == "β-VAE†"
    assert _row(built["table1"], material, "beta-vae")["Rank ours"] == "–"
    assert _row(built["table1"], material, "ae")["Model"] == "AE‡"
    assert {note[0] for note in built["table1"].notes} >= {"†", "‡"}


def test_a_dagger_has_its_cause_and_its_evidence_in_table_1(
    built: dict[str, Table], material: Material
) -> None:
    notes = " ".join(built["table1"].notes)
    assert "β-VAE: no unit is active, KL 0.00 nats: the decoder ignores the code" in notes
    assert f"Still falling over the last two epochs (after {material.profile.epochs} epochs" in notes
    assert "): AE " in notes
    assert "why" not in " ".join(built["table2"].notes)


def test_a_clean_campaign_needs_no_marks(complete: Material) -> None:
    table = tables.reconstruction(complete)
    assert not any(mark in row[0] for row in table.rows for mark in "†‡")
    assert not any(note.startswith(("†", "‡", "Failed")) for note in table.notes)


def test_table_1_says_how_large_the_codes_and_the_models_are(built: dict[str, Table]) -> None:
    notes = " ".join(built["table1"].notes)
    assert "144 numbers" in notes
    assert "parameters range from" in notes


def test_reference_rows_stand_below_a_rule_and_outside_the_ranks(built: dict[str, Table]) -> None:
    for name in ("table1", "table2"):
        assert [row[0] for row in built[name].blocks[1]] == ["PCA (16)", "Mean image"]
        assert all(row[-2:] == ("", "") for row in built[name].blocks[1])


def test_ranks_count_from_one_without_gaps_for_collapsed_models(
    built: dict[str, Table], material: Material
) -> None:
    ranks = {_row(built["table2"], material, slug)["Rank ours"] for slug in material.healthy.index}
    assert ranks == {str(rank) for rank in range(1, len(material.healthy) + 1)}


def test_table_3_recommends_nobody_who_collapsed_and_leaves_disentanglement_open(
    built: dict[str, Table],
) -> None:
    rows = {row[0]: row for row in built["table3"].rows}
    assert len(rows) == 10
    assert all("β-VAE†" not in row[2] for row in rows.values())
    assert rows["Disentanglement"][2].startswith("not testable")
    assert rows["Medical Imaging"][3] == "VQ-VAE (1st), AE, WAE"


def test_the_ledger_has_every_statement_and_no_verdict_on_results_where_none_is_allowed(
    built: dict[str, Table], material: Material, judged: dict[str, Table]
) -> None:
    assert len(built["ledger"].rows) == len(material.statements) >= 250
    assert "In our results" not in [column.head for column in built["ledger"].columns]
    assert "cells" not in built
    assert "In our results" in [column.head for column in judged["claims"].columns]
    assert len(judged["cells"].rows) == len(SLUGS)


def test_the_ledger_says_where_a_claim_stands_and_which_command_recomputes_it(
    built: dict[str, Table], material: Material
) -> None:
    claim = material.statements.iloc[0]
    assert {claim["id"], claim["place"]} <= set(built["ledger"].rows[0])
    assert built["ledger"].rows[0][-1] == f"python -m reproduce claims --profile quick --id {claim['id']}"


def test_every_cell_has_a_sign_for_its_verdict_within_the_paper_whatever_the_profile(
    built: dict[str, Table], material: Material
) -> None:
    consistent = WITHIN_PAPER[Outcome.HOLDS]
    found = int((material.cell_verdicts["within_paper"] == consistent).sum())
    signs = [cell for row in built["cells-within"].rows for cell in row[1:]]
    assert len(signs) == len(material.cell_verdicts) == 286
    assert signs.count("=") == found > 0
    assert f"= {consistent} ({found})" in built["cells-within"].remarks


def test_a_cell_of_a_model_that_was_still_improving_shows_in_brackets_what_it_is_as_trained() -> None:
    early = Material(make_records("desk", (42,), unconverged=["ae"], collapsed=["wae"]), PROVENANCE)
    table = claim_tables.cells(early)
    assert table is not None
    rows = {row[0]: row[1:] for row in table.rows}
    assert all(cell.startswith("(") for cell in rows["AE‡"])
    assert not any("(" in cell for name, cells in rows.items() if name != "AE‡" for cell in cells)
    assert "In brackets: " in table.remarks


def test_every_kind_has_its_rule_and_every_quantity_its_margin(built: dict[str, Table]) -> None:
    assert len(built["rules"].rows) == len(claims.rules())
    assert all(rule for *_, rule in built["rules"].rows)
    assert sum(int(count) for _, count, _ in built["rules"].rows) == len(claims.load())
    margins = {row[0]: row[1] for row in built["margins"].rows}
    assert (margins["SSIM"], margins["PIQ"]) == ("0.01", "5%")


def test_the_tally_counts_every_statement_once(judged: dict[str, Table], complete: Material) -> None:
    *rows, total = judged["tally"].rows
    assert total[-1] == str(len(complete.statements))
    assert sum(int(row[-1]) for row in rows) == len(complete.statements)
    reproduced = IN_RESULTS[Outcome.HOLDS]
    column = [column.head for column in judged["tally"].columns].index(reproduced)
    assert total[column] == str((complete.statements["in_results"] == reproduced).sum())


def test_statements_on_smoothness_are_judged_again_by_each_measure(
    built: dict[str, Table], judged: dict[str, Table], complete: Material
) -> None:
    assert "restated" not in built
    totals, rows = judged["restated"].blocks
    assert complete.restated is not None
    assert [row[0] for row in rows] == list(complete.restated.index)
    reproduced = IN_RESULTS[Outcome.HOLDS]
    different = {row[1:] for row in rows}
    assert totals[0][0] == f"Of {len(different)} different"
    assert totals[0][2:] == tuple(str(sum(row[k] == reproduced for row in different)) for k in (1, 2, 3))
    both = sum(row[1] == row[2] == reproduced for row in different)
    assert totals[1][3] == str(both)


def test_sets_are_found_anew_by_each_measure(built: dict[str, Table], material: Material) -> None:
    rows = {row[0]: row[1:] for row in built["restated-sets"].rows}
    assert rows["Pareto set"][0] == ", ".join(material.labels(material.frontier))
    exchanged = material.healthy.assign(piq=material.healthy["uniformity"])
    assert rows["Pareto set"][2] == ", ".join(material.labels(pareto.pareto_set(exchanged)))


def test_every_subset_is_shown_for_every_measure(built: dict[str, Table]) -> None:
    for name, measures in (("headline", 2), ("headline-blur-free", 2)):
        ours = [row[2] for row in built[name].rows if row[1] == "ours"]
        assert ours == list(headline.SUBSETS) * measures
    assert [row[1] for row in built["headline-blur-free"].rows].count("ours, seed 42") == 4


def test_choices_say_how_each_would_change_the_conclusion(
    built: dict[str, Table], material: Material
) -> None:
    rows = {row[1]: row for row in built["choices"].rows}
    assert built["choices"].rows[0][:2] == ("Result", "as reported")
    for subset in ("without AE, WAE, VQ-VAE", "KL-regularised"):
        models = headline.SUBSETS[subset](material.ours)
        expected = wording.relation(statistics.pearson(models["ssim"], models["piq"]))
        assert rows[subset][-1] == expected
    assert rows["the paper's tables"][-1] == "rises with"


@pytest.mark.parametrize(("finished", "quantile"), [((42,), "leaves without an SD"), ((42, 123), "12.71")])
def test_intervals_are_explained_for_the_seeds_that_finished(
    finished: tuple[int, ...], quantile: str
) -> None:
    """And not for all that the profile has."""
    spread = statistics_tables.seed_spread(Material(make_records("desk", finished), {}))
    assert any(quantile in note for note in spread.notes)


def test_every_method_beside_the_papers_has_a_line_on_what_it_means(
    judged: dict[str, Table], complete: Material
) -> None:
    shown = " ".join(
        note for name in ("seed-spread", "tests", "sameness", "whole-test-set") for note in judged[name].notes
    )
    assert all(meaning in shown for meaning in statistics.methods(len(complete.seeds)).values())
    assert [column.head for column in judged["seed-spread"].columns].count("pooled") == 3


def test_training_time_stands_beside_the_printed_minutes(built: dict[str, Table], material: Material) -> None:
    vae, miwae = (_row(built["costs"], material, slug) for slug in ("vae", "miwae"))
    assert vae["Training paper, minutes"] == "10–15"
    assert miwae["Training paper, minutes"] == "–"
    assert vae["Training ÷ VAE's"] == "1.00"


def test_own_diagnostics_are_those_of_the_architectures_that_have_them(
    built: dict[str, Table], material: Material
) -> None:
    assert _row(built["own-diagnostics"], material, "vq-vae")["Perplexity of the codes"] == "300.0"
    assert len(built["own-diagnostics"].rows) == 1


def test_pairs_that_do_not_move_explain_a_dash(built: dict[str, Table], material: Material) -> None:
    assert _row(built["table2"], material, "beta-vae")["PIQ over its floor ↓ ours"] == "–"
    (note,) = (note for note in built["table2"].notes if "do not move" in note)
    assert note.startswith("– ")
    assert "β-VAE 25" in note
    assert "VAE 25" not in note.replace("β-VAE 25", "")


def test_a_pair_that_does_not_move_in_one_seed_is_not_written_as_none(complete: Material) -> None:
    runs = complete.records.runs.assign(still_pairs=0.0)
    runs.loc[runs.index[runs["architecture"] == "svae"][0], "still_pairs"] = 1.0
    changed = replace(complete, records=replace(complete.records, runs=runs))
    assert len(complete.seeds) == 3
    (note,) = columns.still(changed, "still_pairs")
    assert note.endswith("mean over seeds: SVAE 0.3.")


def test_correlations_with_the_collapsed_stand_beside_those_without(
    built: dict[str, Table], judged: dict[str, Table]
) -> None:
    assert "our 19 models" in built["correlations"].remarks
    assert "our 20 models" in built["correlations-all"].remarks
    assert "correlations-all" not in judged


def test_the_two_readings_stand_side_by_side_with_the_nearer_one_named(
    built: dict[str, Table], material: Material, judged: dict[str, Table]
) -> None:
    table = built["readings"]
    assert [row[0] for row in table.rows] == [label(slug) for slug in SLUGS if slug in registry.PYTHAE]
    rows = {
        row[0]: dict(zip([column.name for column in table.columns], row, strict=True)) for row in table.rows
    }
    reading = summarise(material.records, "pythae")
    assert rows["VAMP"]["SSIM ↑ pythae"] == numbers.value("ssim", reading.at["vamp", "ssim"])
    assert rows["VAMP"]["SSIM ↑ described"] == numbers.value("ssim", material.ours.at["vamp", "ssim"])
    assert rows["VAMP"]["SSIM ↑ paper"] == paper.tables().cells[paper.Cell(1, "vamp", "ssim", "mean")]
    assert rows["VAMP"]["Nearer"] in ("described", "pythae", "tie")
    assert rows["MIWAE"]["Nearer"] == "missing"
    assert "MIWAE" in " ".join(table.notes)
    assert judged.get("readings") is None


def test_retrained_runs_have_a_table_only_if_they_were_run(
    built: dict[str, Table], judged: dict[str, Table]
) -> None:
    assert [row[0] for row in built["retrained"].rows] == ["VAE@bce", "MIWAE@bce"]
    assert judged.get("retrained") is None


def test_variants_never_reach_the_main_tables(built: dict[str, Table]) -> None:
    for name in ("table1", "table2", "table3", "whole-test-set", "sensitivity", "costs", "diagnostics"):
        assert not any("@" in cell for row in built[name].rows for cell in row)
        names = [row[0] for row in built[name].rows]
        assert name == "table3" or len(set(names)) == len(names)


def test_ways_between_codes_are_those_of_vq_vae_and_svae(judged: dict[str, Table]) -> None:
    rows = judged["paths"].rows
    assert {row[0] for row in rows} == {"VQ-VAE", "SVAE"}
    assert "mixed codes, quantised again" in [row[1] for row in rows]
    assert "great circle" in [row[1] for row in rows]


def test_the_register_has_every_decision(built: dict[str, Table]) -> None:
    assert len(built["register"].rows) == len(decisions.load())


def test_each_table_is_written_three_times_with_the_profile_in_its_caption(
    rendered: Path, built: dict[str, Table]
) -> None:
    for name, table in built.items():
        assert "Profile quick." in (rendered / f"tables/{name}.tex").read_text(encoding="utf-8")
        assert "Profile `quick`." in (rendered / f"tables/{name}.md").read_text(encoding="utf-8")
        with (rendered / f"tables/{name}.csv").open(encoding="utf-8", newline="") as file:
            assert [tuple(row) for row in csv.reader(file)][1:] == list(table.rows)


def test_evidence_in_the_body_ends_with_a_whole_part() -> None:
    text = "AE 0.91, WAE 0.89, VQ-VAE 0.88 (on 21 of 22)"
    assert claim_tables._shortened(text, 100) == text
    assert claim_tables._shortened(text, 35) == "AE 0.91, WAE 0.89, VQ-VAE 0.88 …"
    assert claim_tables._shortened(text, 20) == "AE 0.91, WAE 0.89 …"


def test_who_has_fewer_seeds_than_the_rest_is_named() -> None:
    records = make_records("desk", (42, 123), references=False)
    runs = records.runs
    later = (runs["seed"] == 123) & runs["architecture"].isin(["vamp", "iwae"])
    some = Material(replace(records, runs=runs[~later]), {})
    assert (
        "All values: at most two of three seeds; one only: VAMP and IWAE."
        in tables.build(some)["table1"].notes
    )


def test_table_2_says_which_way_is_measured_and_what_others_would_give(complete: Material) -> None:
    (note,) = (note for note in tables.build(complete)["table2"].notes if note.startswith("SVAE's way"))
    means = (
        complete.records.pairs.query("architecture == 'svae' and variant == ''").groupby("path")["piq"].mean()
    )
    assert f"great circle. PIQ on others: chord {numbers.value('piq', means['chord'])};" in note


def test_table_3_says_where_what_it_recommends_stands_by_piq_and_by_other_measures(
    complete: Material,
) -> None:
    table = tables.build(complete)["table3"]
    note = table.notes[-1]
    places = complete.healthy["piq"].rank(method="min").astype(int)
    (chosen,) = {row[2] for row in table.rows if row[1] == "Interpolation"}
    first = chosen.split(",")[0].rstrip("†‡")
    (slug,) = (slug for slug in SLUGS if label(slug) == first)
    assert f"recommended for interpolation: {first} {places[slug]}" in note
    assert "by PIQ over its floor " in note
    assert "by the unevenness of the steps " in note
