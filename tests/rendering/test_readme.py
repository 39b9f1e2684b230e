"""The README's generated parts say what the records and the ledger say."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from reproduce import paper
from reproduce.analysis import readings
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
    assert set(readme.parts(complete, built)) == always
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


def test_the_distances_of_protocols_are_told_beside_what_knowing_nothing_gives() -> None:
    """`notebook` as printed, `desk` a whole standard deviation off in every metric."""
    models = paper.models()
    off = models + models.std(ddof=1)
    others = {"notebook": make_records("notebook", (42,), seed_spread=0.0)}
    desk = make_records("desk", (42,), seed_spread=0.0)
    for metric in readings.METRICS:
        desk.runs[metric] = desk.runs["architecture"].map(off[metric])
    far = (readings.yardstick() > 1).sum()
    lines = readme.nearer_protocols(Material(desk, {}, others=others)).splitlines()
    assert lines[0].endswith("seed 42:")
    assert lines[2:] == [
        "- Over 22 rows: `desk` 1.00, `notebook` 0.00; nearest: `notebook`. A row of the printed columns' means, which "
        "knows of the print but not of the model: 0.98.",
        f"- Rows that lie nearer to the print than those means do: `desk` {far} of 22, `notebook` 22 of 22.",
        "- Rows that each fits best, ties left out: `desk` 0, `notebook` 22.",
        "- Too few runs to take part: `paper`.",
    ]
    assert readme.nearer_protocols(Material(desk, {})) == ""


def test_that_no_protocol_fits_is_said_where_all_lie_farther_off_than_the_printed_means() -> None:
    off = paper.models() + 2 * paper.models().std(ddof=1)
    far = {name: make_records(name, (42,), seed_spread=0.0) for name in ("desk", "notebook")}
    for records in far.values():
        for metric in readings.METRICS:
            records.runs[metric] = records.runs["architecture"].map(off[metric])
    told = readme.nearer_protocols(Material(far.pop("desk"), {}, others=far))
    assert (
        "- So none of them fits: over these rows together each lies farther off than those means do." in told
    )
