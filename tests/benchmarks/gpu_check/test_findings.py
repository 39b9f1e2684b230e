"""No GPU was at hand: the table is tested on made-up data, the whole way with the CPU in the GPU's place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.gpu_check import Findings, Share, findings
from reproduce import devices
from reproduce.errors import ReproduceError
from tests.benchmarks.gpu_check.test_comparison import HERE
from tests.benchmarks.gpu_check.test_sharing import shares


def test_the_heaviest_architecture_decides_about_memory() -> None:
    heavy = replace(HERE, slug="miwae", memory_mib=1_400.0)
    found = Findings({}, [HERE, heavy], shares(100, 180, 300, 400), card_mib=4_000)
    assert found.recommended == 2


def test_the_table_can_be_pasted_and_names_no_host() -> None:
    import platform

    found = Findings(
        {"gpu": "NVIDIA A40", "torch": "2.14.1"},
        [HERE, replace(HERE, slug="beta-tcvae", error="RuntimeError: x")],
        [*shares(100, 180), Share(4, error="OutOfMemoryError: y")],
        48_000,
    )
    lines = found.markdown().splitlines()
    assert lines[2:4] == ["- gpu: NVIDIA A40", "- torch: 2.14.1"]
    assert "| VAE | 1.0e-07 | 1.0e-04 | 1.0e-05 | yes | nan | 500 | ok |" in lines
    assert any(line.startswith("| β-TCVAE |") and line.endswith("| RuntimeError: x |") for line in lines)
    assert "| 2 | 180 | 1,200 |" in lines
    assert "| 4 | OutOfMemoryError: y | |" in lines
    assert lines[-1] == "Recommended: `--per-card 2`"
    assert platform.node() not in "\n".join(f"{name}" for name in findings.machine("cpu").values())


def test_without_a_gpu_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "best_device", lambda: ("cpu", "no CUDA device"))
    with pytest.raises(ReproduceError, match="gpu-check needs a GPU: no CUDA device") as error:
        findings.require_cuda()
    assert error.value.exit_code == 2


@pytest.mark.slow
def test_the_whole_way_with_two_processes() -> None:
    said: list[str] = []
    found = findings.examine(["ae"], "cpu", counts=(1, 2), steps=3, say=said.append)
    assert found.passed
    assert [share.runs for share in found.shares] == [1, 2]
    assert all(not share.error and share.images_per_second > 0 for share in found.shares)
    assert found.shares[1].memory_mib > found.shares[0].memory_mib > 100
    assert found.recommended in (1, 2)
    assert said[0] == "ae: ok"
    assert len(said) == 3
