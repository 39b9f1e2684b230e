"""The table and its means, from made-up measurements."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.speed import output
from benchmarks.speed.measure import Bench, Measurement, WholeRun, scaled_steps
from reproduce.errors import ReproduceError
from reproduce.storage import publishing
from tests.packaging.tree import ROOT


def measured(slug: str, shared: bool, pythae: float, ours: float) -> Measurement:
    """10 steps of 64 images in rounds of which one was disturbed. pythae, ours: images a second."""
    theirs, each, one = 640 / pythae, 1280 / ours, 640 / (0.6 * ours)
    side_by_side = ((each, each), (each, each), (5 * each, each))
    return Measurement(
        slug, shared, 10, 4_000_000_000, (theirs, theirs, 9 * theirs), side_by_side, (one, 3 * one, one)
    )


@pytest.fixture
def bench() -> Bench:
    return Bench(
        measurements=(
            measured("ae", True, 800, 1600),
            measured("hvae", False, 500, 2000),
            measured("vae", True, 100, 800),
        ),
        cores=2,
        workers=2,
        sgemm=(150e9, 160e9, 20e9, 155e9, 151e9),
        convolution=(90e9, 300e9, 100e9),
        whole=WholeRun("ae", "quick", total=60.0, training=45.0, evaluation=6.0),
        machine={
            "processor": "Some CPU",
            "instruction_set": "AVX2",
            "torch": "2.0",
            "pythae": "0.1",
            "date": "2026-01-02",
            "commit": "0123456789abcdef+",
            "load_before": "0.04",
        },
    )


def test_rates_are_medians_over_rounds_and_sums_over_processes_and_means_geometric(bench: Bench) -> None:
    ae = bench.measurements[0]
    assert (ae.pythae_rate, ae.our_rate, ae.alone_rate, ae.ratio) == pytest.approx((800, 1600, 960, 2))
    assert bench.mean_ratio() == pytest.approx((2 * 4 * 8) ** (1 / 3))
    assert bench.mean_ratio(shared_only=True) == pytest.approx(4)
    assert math.isnan(replace(bench, measurements=bench.measurements[1:2]).mean_ratio(shared_only=True))


def test_the_share_is_that_of_the_higher_of_two_median_rates(bench: Bench) -> None:
    """On some processors the library of convolutions does twice what that of matrix products does, on others less."""
    faster = replace(bench, convolution=(90e9, 400e9, 400e9))
    # 1,600 images are 25 steps of 4 GFLOP a second
    for made, peak in ((bench, 151), (faster, 400)):
        found = json.loads(output.to_json(made))["results"]["ae"]["peak_share"]
        assert found == pytest.approx(100 / peak)


def test_heavier_architectures_take_fewer_steps_but_never_less_than_four() -> None:
    assert [scaled_steps(20, flops, 10) for flops in (10, 9, 20, 45, 1000)] == [20, 20, 10, 4, 4]
    assert scaled_steps(2, 10, 10) == 2


def test_the_table_lists_shared_rows_before_plain_ones_and_sums_up(bench: Bench) -> None:
    text = output.to_markdown(bench)
    assert [line for line in text.splitlines() if line.startswith("| ")][2:] == [
        "| AE | its class | 800 | 1,600 | 2.00 | 960 | 66% |",
        "| VAE | its class | 100 | 800 | 8.00 | 480 | 33% |",
        "| HVAE | our plain form | 500 | 2,000 | 4.00 | 1,200 | 83% |",
    ]
    for line in (
        "Geometric mean 4.00 over 3 architectures.",
        "Geometric mean 4.00 over the 2 shared rows.",
        "Lowest 2.00 (AE).",
        "60 s, of which training 75%, evaluation 10%, start-up and writing 15%.",
        "2 cores of Some CPU (AVX2), matrix product 151 GFLOP/s, transposed convolution 100 GFLOP/s",
        "commit 0123456789+",
        "Medians over 3 rounds",
    ):
        assert line in text
    assert "geometric mean 4.00 over 3 architectures" in output.to_lines(bench)


def test_csv_and_json_hold_the_unrounded_numbers(bench: Bench) -> None:
    rows = list(csv.DictReader(io.StringIO(output.to_csv(bench))))
    assert [row["architecture"] for row in rows] == ["ae", "vae", "hvae"]
    assert float(rows[2]["ratio"]) == pytest.approx(4)
    content = json.loads(output.to_json(bench))
    assert content["geometric_mean"] == pytest.approx({"all": 4.0, "shared": 4.0})
    assert content["measurements"][0]["ours"][2] == pytest.approx([4.0, 0.8])
    assert content["whole"]["total"] == 60.0


def test_without_shared_rows_or_a_whole_run_nothing_is_said_of_them(bench: Bench) -> None:
    plain = replace(bench, measurements=bench.measurements[1:2], whole=None)
    for text in (output.to_markdown(plain), "\n".join(output.to_lines(plain))):
        assert not any(word in text.lower() for word in ("shared rows", "whole run", "nan"))


def test_publish_takes_the_tables_along_and_fills_the_page(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__main__.py").touch()
    output.write(bench, tmp_path / "results")
    blocks = publishing.publish_speed(tmp_path / "results", tmp_path)
    written = {path.name for path in (tmp_path / "benchmarks").iterdir()}
    assert written == {"__main__.py", "speed.md", "speed.csv", "speed.json"}
    page = (ROOT / "docs" / "SPEED.md").read_text(encoding="utf-8")
    assert output.to_markdown(bench).strip() in publishing.fill_blocks(page, blocks)


def test_a_full_disk_leaves_the_last_tables(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = output.write(bench, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(operation: str, path: Path) -> None:
        if operation == "write":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("reproduce.storage.files.observer", full)
    with pytest.raises(ReproduceError, match="no space left"):
        output.write(replace(bench, cores=3), tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
