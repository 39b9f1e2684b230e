"""The README's generated parts say what the records and the ledger say."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from reproduce import paper
from reproduce.architectures.registry import PYTHAE
from reproduce.names import SLUGS
from reproduce.rendering import numbers, readme
from reproduce.rendering.claim_tables import IN_OUR_RESULTS, NOT_TESTABLE_BUT_AS_TRAINED, WITHIN_THE_PAPER
from reproduce.rendering.material import Material, label
from reproduce.rendering.tables import build
from tests.synthetic import make_records

STATEMENTS = pd.DataFrame(
    [
        ("consistent", "reproduced", ""),
        ("inconsistent", "not testable", "same direction or rank only"),
        ("inconsistent", "not reproduced", ""),
    ],
    columns=["within_paper", "in_results", "as_trained"],
)


def test_claims_are_counted_by_verdict() -> None:
    assert readme.counted_claims(STATEMENTS, "| table |\n", judged=True).splitlines() == [
        "Of 3 statements:",
        "",
        f"- {WITHIN_THE_PAPER}: 2 inconsistent, 1 consistent.",
        f"- {IN_OUR_RESULTS}: 1 reproduced, 1 not testable, 1 not reproduced.",
        f"- {NOT_TESTABLE_BUT_AS_TRAINED}: 1 same direction or rank only.",
        "- Reproduced and consistent within the paper: 1 of 1.",
        "",
        "| table |",
    ]


def test_without_verdicts_in_our_results_only_the_papers_are_counted() -> None:
    block = readme.counted_claims(STATEMENTS, "", judged=False)
    assert WITHIN_THE_PAPER in block
    assert IN_OUR_RESULTS not in block


def test_a_part_that_the_records_cannot_fill_is_left_out(complete: Material, rendered: Path) -> None:
    built = build(complete)
    always = {"profile", "table-1", "table-2", "table-3", "claims"}
    assert set(readme.parts(complete, built)) == always | {"protocols"}
    assert {path.stem for path in (rendered / readme.FOLDER).iterdir()} == always | {"readings"}


def test_every_part_has_a_place_in_the_readme() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    places = set(re.findall(r"<!-- begin: ([a-z0-9-]+) -->", text))
    several = {"others": {"notebook": make_records("notebook", (42,), seed_spread=0.1)}}
    material = Material(make_records("desk", (42,), variants={"pythae": ["vamp"]}), {}, **several)
    assert set(readme.parts(material, build(material))) == places - {"bench"}


def test_the_first_line_says_how_long_the_runs_of_the_described_reading_took_and_on_what() -> None:
    records = make_records("desk", (42,), architectures=["ae", "vae", "svae"], failed=["svae"],
                           variants={"bce": ["vae"]}, references=False)  # fmt: skip
    minutes = {"ae": (600.0, 90.0), "vae": (61_200.0, 90.0), "svae": (None, None)}
    for column, place in (("training_seconds", 0), ("evaluation_seconds", 1)):
        records.runs[column] = [minutes[slug][place] for slug in records.runs["architecture"]]
    records.runs["hardware"] = ["Z80", "", "Z80", "Z80"]
    told = readme.parts(material := Material(records, {}), build(material))["profile"]
    assert told.startswith("The numbers below are of the profile `desk`: ")
    assert told.endswith("its 3 runs took 1,033 minutes of wall time, added up over workers (Z80).")


def test_the_readings_nearer_to_the_printed_rows_are_named_with_distance_and_collapse() -> None:
    """All as printed, but VAMP's described reading lies 3 standard deviations off in SSIM, Pythae's InfoVAE 30."""
    slugs = ["vamp", "info-vae", "hvae", "miwae", "piwae"]
    records = make_records("quick", (42,), variants={"pythae": slugs}, seed_spread=0.0)
    runs, unit = records.runs, paper.models()["ssim"].std(ddof=1)
    described = runs["variant"] == ""
    for chosen, slug, shift in ((described, "vamp", 3), (~described, "info-vae", 30)):
        runs.loc[chosen & (runs["architecture"] == slug), "ssim"] += shift * unit
    dead = {"hvae": ~described, "miwae": described, "piwae": described | ~described}
    for slug, chosen in dead.items():
        runs.loc[chosen & (runs["architecture"] == slug), "collapsed"] = True
    others = [label(slug) for slug in SLUGS if slug in set(PYTHAE) - set(slugs)]
    assert readme.nearer_readings(Material(records, {})).splitlines() == [
        f"Profile `quick`, {len(PYTHAE)} architectures with a second reading. Nearer to the printed row lies, with its "
        "distance in standard deviations of the printed columns:",
        "",
        "- the described method (1): InfoVAE (0.00)",
        "- Pythae's class (1): VAMP (0.00)",
        "- neither, within the stated margin (3): HVAE (0.00; Pythae's collapsed), MIWAE (0.00; the described one "
        "collapsed) and PIWAE (0.00; both collapsed)",
        f"- not told, since one or both were not run: {numbers.listing(others)}",
        "",
        "The profile trains too little for that to be an answer.",
    ]


def test_the_candidate_that_most_printed_rows_agree_with_is_told_beside_the_stated_one() -> None:
    lines = readme.forensic(Material(make_records("notebook", (42,), seed_spread=0.0), {})).splitlines()
    winner, stated, none = lines[2:]
    assert winner.startswith("- Most rows agree with: notebook, ")
    assert "Gaussian 11×11: 22 of 22; assigned to models at random " in winner
    assert stated.startswith(
        "- With the stated SSIM and the kept weights: notebook, best epoch, the paper's text, "
    )
    assert stated.endswith("Gaussian 11×11: 22 of 22.")
    assert none == "- Rows that no candidate explains (0 of 22): none."


def test_a_profile_without_verdicts_tells_nothing_of_how_the_print_was_made() -> None:
    assert readme.forensic(Material(make_records("quick", (42,)), {})) == ""
