"""The drift ledger: a line a check, never lost, never doubled."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from reproduce import golden
from reproduce.errors import ReproduceError
from reproduce.golden import Comparison, ledger
from reproduce.golden.ledger import NAME
from reproduce.publishing import copy_ledger
from reproduce.store import Store
from tests.tiny import TINY

PROVENANCE = {"commit": "abc", "device": "cpu"}


def compared(*fresh: float) -> list[Comparison]:
    return [Comparison("vae", 42, "ssim", 1.0, value, 0.1) for value in fresh]


def test_a_line_says_when_where_and_how_far(tmp_path: Path) -> None:
    path = tmp_path / "drift.csv"
    for fresh in ((1.0, 1.05), (1.0, 0.8), (1.0, math.nan)):
        golden.append_ledger(path, "quick", PROVENANCE, compared(*fresh))
    table = golden.read_ledger(path)
    assert table["off"].tolist() == [0, 1, 1]
    assert table["worst"].tolist() == [pytest.approx(0.5), pytest.approx(2.0), math.inf]
    assert set(table["where"]) == {"vae/seed-42 ssim"}
    assert set(table["commit"]) == {"abc"}


def test_no_ledger_is_an_empty_one(tmp_path: Path) -> None:
    assert golden.read_ledger(tmp_path / "drift.csv").empty


def test_checks_at_the_same_time_lose_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read_ledger = tmp_path / "drift.csv", ledger.read_ledger

    def slowly(where: Path) -> pd.DataFrame:
        time.sleep(0.02)
        return read_ledger(where)

    monkeypatch.setattr(ledger, "read_ledger", slowly)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: golden.append_ledger(path, "quick", PROVENANCE, compared(1.0)), range(8)))
    assert len(read_ledger(path)) == 8


def test_the_platform_is_what_the_provenance_knows_of_the_machine() -> None:
    provenance = {"device": "cuda", "processor": "P", "gpu": "NVIDIA A40", "cuda": "13.0", "commit": "abc"}
    assert golden.ledger_line("quick", provenance, compared(1.0), "")["platform"] == "cuda P NVIDIA A40 13.0"


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"date,worst\n", b"\x00\xff", b"date,profile,commit,platform,worst"),
        *(b"date,profile,commit,platform,worst,where,off\n" + line for line in (b"0", b"inf,a,b,c,1,d,0\n")),
    ],
)
def test_a_damaged_ledger_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "drift.csv"
    path.write_bytes(content)
    with pytest.raises(ReproduceError, match=r"drift.csv is damaged .*: move it away"):
        golden.append_ledger(path, "quick", PROVENANCE, compared(1.0))
    assert path.read_bytes() == content


def test_a_line_cut_short_is_not_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "drift.csv"
    golden.append_ledger(path, "quick", PROVENANCE, compared(1.0))
    cut = path.read_bytes()[:-4]
    path.write_bytes(cut)
    with pytest.raises(ReproduceError, match="a line is not whole"):
        golden.append_ledger(path, "quick", PROVENANCE, compared(1.0))
    assert path.read_bytes() == cut


def test_ledgers_of_two_machines_are_merged_by_date_and_each_line_kept_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    for path, commit in ((first, "a"), (second, "b")):
        golden.append_ledger(path, "quick", PROVENANCE | {"commit": commit}, compared(1.0))
    second.write_bytes(second.read_bytes() + first.read_bytes().splitlines(keepends=True)[1])
    merged = golden.merged_ledgers([first, second, tmp_path / "none.csv"])
    assert sorted(merged["commit"]) == ["a", "b"]
    assert merged["date"].is_monotonic_increasing


def test_publishing_adds_the_checks_to_those_published_before(tmp_path: Path) -> None:
    store, published = Store(tmp_path / "results", TINY), tmp_path / "published"
    copy_ledger(store, published)
    assert not published.exists()
    for commit in ("a", "b"):
        golden.append_ledger(store.folder / NAME, "tiny", PROVENANCE | {"commit": commit}, compared(1.0))
        copy_ledger(store, published)
    assert golden.read_ledger(published / "tiny" / NAME)["commit"].tolist() == ["a", "b"]
    (store.folder / NAME).unlink()
    copy_ledger(store, published)
    assert len(golden.read_ledger(published / "tiny" / NAME)) == 2
