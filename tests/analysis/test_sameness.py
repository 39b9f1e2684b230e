"""Models that the paper calls the same, tested for sameness."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from reproduce import paper
from reproduce.analysis import sameness
from reproduce.analysis.measures import measure
from reproduce.records import Records
from tests.synthetic import make_records


def verdicts(records: Records) -> dict[tuple[str, str, str], str]:
    table = sameness.sameness(records)
    return {(row.claim, row.architecture, row.metric): row.verdict for row in table.itertuples()}


def with_twin(records: Records, slug: str, twin: str) -> Records:
    """The same campaign in which `twin` measures what `slug` measures, number by number."""
    images = records.images[records.images["architecture"] != twin]
    copied = records.images[records.images["architecture"] == slug].assign(architecture=twin)
    return replace(records, images=pd.concat([images, copied]))


def test_pairs_are_those_of_the_claims() -> None:
    found = list(sameness.pairs())
    assert ("IV-D.rae-alike", "rae-gp", "rae-l2", "piq") in found
    assert ("IV-C.iw-identical", "piwae", "iwae", "mse") in found
    assert not any(metric == "parameters" for *_, metric in found)
    assert len(set(found)) == len(found)


def test_rows_that_are_printed_equal_are_pairs_too() -> None:
    found = {(table, slug, first) for table, slug, first, _ in sameness.equal_rows()}
    assert ("Table I, equal rows", "ciwae", "beta-vae") in found
    assert ("Table I, equal rows", "disent-beta-vae", "iwae") in found
    models = paper.models()
    for table, slug, first in found:
        metrics = list(sameness.EQUAL_IN[table.partition(",")[0]])
        assert models.loc[slug, metrics].equals(models.loc[first, metrics])
    distinct = models[list(sameness.EQUAL_IN["Table I"])].drop_duplicates()
    assert sum(table.startswith("Table I,") for table, *_ in found) == 22 - len(distinct)


def test_equal_models_are_the_same_distant_ones_different_and_noisy_ones_open(paperlike: Records) -> None:
    far = paper.models()
    far.loc["vamp", "ssim"] = 0.5
    distant = make_records(targets=far, seed_spread=0.0)
    vamp, rae = ("IV-D.vamp-as-vae", "vamp", "ssim"), ("IV-D.rae-alike", "rae-gp", "iss")
    assert verdicts(with_twin(paperlike, "vae", "vamp"))[vamp] == sameness.SAME
    assert verdicts(distant)[vamp] == sameness.DIFFERENT
    assert verdicts(paperlike)[rae] == sameness.OPEN  # equal in print, too noisy over 25 pairs


def test_the_margin_is_that_of_the_claims(paperlike: Records) -> None:
    table = sameness.sameness(paperlike).set_index(["claim", "architecture"])
    of_piq = table.loc[("V-D.vamp-as-vae", "vamp"), "margin"]
    assert of_piq == pytest.approx(0.05 * paper.models().at["vae", "piq"], rel=1e-6)
    assert table.loc[("IV-D.vamp-as-vae", "vamp"), "margin"] == measure("ssim").absolute


def test_holm_counts_the_tests_of_one_claim(paperlike: Records) -> None:
    table = sameness.sameness(paperlike)
    single = table.groupby("claim")["p"].transform("size") == 1
    assert (table.loc[single, "p_holm"] == table.loc[single, "p"]).all()
    assert (table["p_holm"] >= table["p"]).all()
    assert (table.loc[~single, "p_holm"] > table.loc[~single, "p"]).any()


def test_a_pair_without_a_run_has_no_row() -> None:
    table = sameness.sameness(make_records(seeds=(42,), missing=["rae-gp"]))
    assert len(table)
    assert not table[["architecture", "reference"]].eq("rae-gp").any(axis=None)
