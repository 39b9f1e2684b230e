"""No GPU was at hand: tables and advice from made-up measurements, the whole way with the CPU in the GPU's place."""

from __future__ import annotations

import platform
from dataclasses import replace

import pytest

from benchmarks.gpu_check import Agreement, Findings, Share, findings, sharing

HERE = Agreement("vae", 1e-7, 1e-4, 1e-5, repeats=True, memory_mib=500.0)


def shares(*speeds: float) -> list[Share]:
    """One, two, four, eight runs a card at these speeds; each takes 600 MiB."""
    return [Share(n, speed, 600.0 * n, n / 2) for n, speed in zip((1, 2, 4, 8), speeds, strict=False)]


@pytest.mark.parametrize(
    ("measured", "extra", "card", "number"),
    [
        (shares(100, 180, 300, 310), 0.0, 48_000, 4),
        (shares(100, 180, 300, 400), 0.0, 48_000, 8),
        (shares(100, 99, 98, 97), 0.0, 48_000, 1),
        (shares(100, 180, 300, 400), 0.0, 3_000, 4),
        (shares(100, 180, 300, 400), 900.0, 4_000, 2),
        ([*shares(100, 180), Share(4, error="OutOfMemoryError: x")], 0.0, 48_000, 2),
        ([Share(1, error="RuntimeError: x")], 0.0, 48_000, None),
        (shares(100), 0.0, 600, None),
    ],
    ids=["nearly best", "best", "alone", "memory", "heaviest", "error", "nothing ran", "nothing fits"],
)
def test_the_fewest_fast_runs_that_fit(
    measured: list[Share], extra: float, card: float, number: int | None
) -> None:
    heaviest = replace(HERE, slug="miwae", memory_mib=HERE.memory_mib + extra)
    assert Findings({}, [HERE, heaviest], measured, card).recommended == number


def test_the_table_can_be_pasted_and_names_no_host() -> None:
    failed = replace(HERE, slug="beta-tcvae", error="RuntimeError: x")
    measured = [*shares(100, 180), Share(4, error="OutOfMemoryError: y")]
    lines = Findings({"gpu": "NVIDIA A40"}, [HERE, failed], measured, 48_000).markdown().splitlines()
    assert "- gpu: NVIDIA A40" in lines
    assert "| VAE | 1.0e-07 | 1.0e-04 | 1.0e-05 | yes | nan | 500 | ok |" in lines
    assert any(line.startswith("| β-TCVAE |") and line.endswith("| RuntimeError: x |") for line in lines)
    assert "| 2 | 180 | 1,200 | 1.0 |" in lines
    assert "| 4 | OutOfMemoryError: y | | |" in lines
    assert lines[-1] == "Recommended: `--per-card 2`"
    assert platform.node() not in str(findings.machine("cpu"))


@pytest.mark.slow
def test_the_whole_way_with_two_processes() -> None:
    said: list[str] = []
    found = findings.examine(["ae", "vae"], "cpu", counts=(1, 2), steps=3, say=said.append, jobs=2)
    assert found.passed
    assert [share.runs for share in found.shares] == [1, 2]
    assert all(not share.error and share.images_per_second > 0 for share in found.shares)
    assert found.shares[1].memory_mib > found.shares[0].memory_mib > 100
    assert found.recommended in (1, 2)
    assert said[:2] == ["ae: ok", "vae: ok"]
    assert len(said) == 4


@pytest.mark.slow
def test_processes_that_fail_are_a_row_and_not_a_hang() -> None:
    found = sharing.measure(2, "no such device", 1, 1)
    assert found.error.startswith("RuntimeError: ")
    assert "\n" not in found.error
