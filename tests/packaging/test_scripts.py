"""Two small scripts: does the locked torch fit the GPU, and what is left of a lock without torch and CUDA."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scripts import check_torch_build, split_lock
from scripts.check_torch_build import misfits
from scripts.split_lock import blocks, is_accelerated, without_torch

WHEEL = ("sm_75", "sm_80", "sm_86", "sm_90")


def test_a_build_fits_by_its_cuda_version_and_its_architectures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert misfits("13.0", "sm_86", "13.0", WHEEL) == ()
    assert len(misfits("13.0", "sm_8", "13.0", WHEEL)) == 1, "an architecture is taken for its beginning"
    assert len(misfits("13.0", "sm_86", None, ())) == 2
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(WHEEL))
    assert check_torch_build.main(["--cuda", "13.0", "--architecture", "sm_86"]) == 0
    assert check_torch_build.main(["--cuda", "12.8", "--architecture", "sm_100"]) == 1
    cuda, architecture = capsys.readouterr().err.splitlines()
    assert "12.8" in cuda
    assert "sm_100" in architecture
    assert "sm_75 sm_80 sm_86 sm_90" in architecture


LOCK = """\
networkx==3.6.1 \\
    --hash=sha256:aa
nvidia-cublas==13.1.1.3 ; sys_platform == 'linux' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
torch==2.14.1 \\
    --hash=sha256:dd
tqdm==4.70.1 \\
    --hash=sha256:ee
"""


def test_what_is_cut_out_of_a_lock_takes_its_hashes_along_and_nothing_else() -> None:
    assert [name for name, _ in blocks(LOCK)] == ["networkx", "nvidia-cublas", "torch", "tqdm"]
    assert "".join(text for _, text in blocks(LOCK)) == LOCK
    left = "networkx==3.6.1 \\\n    --hash=sha256:aa\ntqdm==4.70.1 \\\n    --hash=sha256:ee\n"
    assert without_torch(LOCK) == left
    assert all(map(is_accelerated, ["torch", "torchvision", "triton", "nvidia-nccl-cu13", "cuda-toolkit"]))
    assert not any(map(is_accelerated, ["torchmetrics", "pythae", "nvidia", "tritonclient", "barracuda"]))


@pytest.mark.parametrize("line", ["-e .\n", "--index-url somewhere\n", "    --hash=sha256:aa\n"])
def test_a_line_that_belongs_to_no_pin_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 1 of the lock"):
        blocks(line + LOCK)


def test_the_command_writes_the_second_file_or_says_in_one_line_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "full.lock", tmp_path / "base.lock"
    source.write_text(LOCK)
    assert split_lock.main([str(source), str(target)]) == 0
    assert target.read_text() == without_torch(LOCK)
    source.write_text("not a lock\n")
    assert split_lock.main([str(source), str(target)]) == 2
    assert split_lock.main([str(tmp_path / "absent"), str(target)]) == 2
    assert split_lock.main([str(source)]) == 2
    assert target.read_text() == without_torch(LOCK)
    damaged, absent, usage = capsys.readouterr().err.splitlines()
    assert "full.lock" in damaged
    assert "absent" in absent
    assert "usage" in usage
