"""The page: one file that needs nothing else, and what it holds."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reproduce import explorer, paper
from reproduce.analysis import summaries
from reproduce.analysis.measures import MEASURES
from reproduce.architectures.names import ALL_METRICS, I_SSIMS, LABELS, REFERENCES, SSIMS
from reproduce.errors import ReproduceError
from reproduce.explorer import data
from reproduce.explorer.sprites import sprite
from reproduce.paper import PAPER_SLUGS
from reproduce.storage.records import Arrays, Records
from reproduce.storage.store import Store
from tests.explorer.conftest import HOSTILE
from tests.tiny import Command

ADDRESS = re.compile(rb"https?://[^\s\"'<>)]*|(?<![\w:])//[a-z0-9-]+\.[a-z]{2,}")
NAMESPACE = b"http://www.w3.org/2000/svg"
"""The name of SVG's elements: nothing is loaded from it."""


def embedded(page: bytes) -> dict[str, Any]:
    """The data inside the page, found as a browser would."""
    text = page.decode().split('<script type="application/json" id="data">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_page_needs_nothing_else(page: bytes) -> None:
    """It names no address but the namespace of SVG, and forbids its browser every load."""
    assert set(ADDRESS.findall(page)) == {NAMESPACE}
    assert b"default-src 'none'; img-src data: blob:;" in page
    assert not re.search(rb"<(link|img|script|iframe)[^>]*\b(src|href)=\"(?!data:)", page)


def test_profiles_that_fit_have_pictures_and_the_others_numbers(records: Records) -> None:
    once = sum(map(data.size, data.pictures(records).values()))
    found = data.content({"desk": records, "notebook": records}, None, budget=once)["profiles"]
    assert [bool(each["pictures"]) for each in found] == [True, False]
    assert found[1]["models"] == found[0]["models"]


def test_the_page_stays_below_its_limit_however_many_profiles_there_are(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = explorer.LARGEST - explorer.PICTURES
    monkeypatch.setattr(explorer, "PICTURES", 0)
    page = explorer.build({"desk": records, "notebook": records, "paper": records}, None)
    assert len(page) < 3 * 200_000 < room
    assert not any(each["pictures"] for each in embedded(page)["profiles"])


def test_no_text_of_the_data_ends_its_element(page: bytes) -> None:
    assert HOSTILE.encode() not in page
    assert embedded(page)["verdicts"]["statements"][3]["evidence"] == HOSTILE


def test_means_are_those_of_the_report_and_models_without_a_run_are_named(
    page: bytes, records: Records
) -> None:
    found, summary = embedded(page)["profiles"][0], summaries.summarise(records)
    for metric in ALL_METRICS:
        shown = [run["final"][metric] for run in found["models"]["ae"]["runs"].values()]
        assert np.mean(shown) == pytest.approx(summary.at["ae", metric], rel=1e-12)
    further = [label for slug, label in LABELS.items() if slug not in PAPER_SLUGS]
    assert found["missing"] == ["HVAE", "SVAE", *further]
    assert list(found["models"]) == [
        *(slug for slug in PAPER_SLUGS if slug not in ("hvae", "svae")),
        *REFERENCES,
    ]
    assert found["models"]["beta-vae"]["collapsed"]


def test_every_measure_has_a_value_in_the_papers_tables(page: bytes) -> None:
    content = embedded(page)
    measures = {each["id"]: each for each in content["measures"]}
    assert set(measures) == {*ALL_METRICS, *SSIMS, *I_SSIMS}
    for each in measures.values():
        assert content["paper"]["vae"][each["paper"]] == paper.models().at["vae", each["paper"]]
        assert each["lower"] == (MEASURES[each["paper"]].better < 0)
    assert measures["i_ssim_uniform7"]["paper"] == "i_ssim"
    assert len({each["name"] for each in measures.values()}) == len(measures)


def test_pictures_labels_and_values_are_those_of_the_tables_in_the_records_order(records: Records) -> None:
    found = data.profile("desk", records)
    images, pairs = (
        frame[(frame["architecture"] == "ae") & (frame["seed"] == 42) & (frame["path"] == path)]
        for frame, path in ((records.images, "sampled"), (records.pairs, "main"))
    )
    assert found["labels"] == images["label"].tolist()
    assert found["pairs"] == pairs[["first_label", "second_label"]].to_numpy().tolist()
    assert found["models"]["ae"]["ssims"] == pytest.approx(images["ssim"].tolist(), rel=1e-3)
    assert found["models"]["ae"]["piqs"] == pytest.approx(pairs["piq"].tolist(), rel=1e-3)
    shown, arrays = data.pictures(records)["ae"], records.samples("ae", 42)
    assert shown["images"] == sprite(arrays["reconstructions"].reshape(10, 10, 28, 28))
    assert shown["frames"] == sprite(arrays["frames"])


def test_milestones_are_those_of_most_runs_and_of_todays_evaluation(records: Records) -> None:
    assert data.profile("desk", records)["epochs"] == [5, 10]
    rows = records.milestones
    own = rows[(rows["architecture"] == "ae") & (rows["epoch"] == 5)].assign(epoch=7)
    older = rows[rows["epoch"] == 5].assign(epoch=3, revision=0)
    more = replace(records, milestones=data.pd.concat([rows, own, older]))
    assert data.profile("desk", more)["epochs"] == [5, 10]
    assert set(data.all_means(more)["ae", 42]) == {"final", "5", "7", "10"}
    assert set(data.all_means(more)["vae", 42]) == {"final", "5", "10"}


def test_a_sprite_holds_every_image_unchanged_at_its_place() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 28, 28), dtype=np.uint8)
    made = sprite(images)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(made["png"]))))
    assert (made["rows"], made["columns"]) == (3, 4)
    assert (sheet[28:56, 84:112] == images[1, 3]).all()


def test_a_model_whose_pictures_are_not_at_hand_has_numbers_only(records: Records) -> None:
    def samples(architecture: str, seed: int, variant: str) -> Arrays:
        if architecture == "vae":
            raise ReproduceError("not published")
        return records.load_samples(architecture, seed, variant)

    found = data.content({"desk": replace(records, load_samples=samples)}, None, budget=10**7)["profiles"][0]
    assert "vae" in found["models"]
    assert "vae" not in found["pictures"]
    assert "ae" in found["pictures"]


def test_the_command_writes_the_page_with_every_claim_beside_the_report(
    store: Store, command: Command
) -> None:
    report = store.folder / "report"
    report.mkdir()
    (report / "verdicts.json").write_text("[1")  # of no use, so the claims are judged again
    code, out, _ = command("explorer", "--profile", "tiny", "--results", str(store.folder.parent))
    assert code == 0
    assert str(report / "explorer.html") in out
    content = embedded((report / "explorer.html").read_bytes())
    assert [claim["number"] for claim in content["verdicts"]["ten"]] == list(range(1, 11))
    assert content["profiles"][0]["pictures"]["ae"]["frames"]["columns"] == 10
