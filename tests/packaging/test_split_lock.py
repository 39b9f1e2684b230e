"""Cutting torch and CUDA out of a lock loses nothing else."""

import pytest

from scripts.split_lock import blocks, is_accelerated, main, without_torch

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


def test_a_pin_keeps_its_hashes_and_its_place():
    assert without_torch(LOCK) == (
        "networkx==3.6.1 \\\n    --hash=sha256:aa\ntqdm==4.70.1 \\\n    --hash=sha256:ee\n"
    )


def test_the_blocks_joined_are_the_lock():
    assert "".join(text for _, text in blocks(LOCK)) == LOCK
    assert [name for name, _ in blocks(LOCK)] == ["networkx", "nvidia-cublas", "torch", "tqdm"]


@pytest.mark.parametrize("name", ["torch", "torchvision", "triton", "nvidia-nccl-cu13", "cuda-toolkit"])
def test_torch_and_what_is_built_for_it_are_cut(name):
    assert is_accelerated(name)


@pytest.mark.parametrize("name", ["torchmetrics", "numpy", "pythae", "nvidia", "tritonclient", "barracuda"])
def test_a_name_that_only_looks_alike_stays(name):
    assert not is_accelerated(name)


@pytest.mark.parametrize("line", ["-e .\n", "--index-url somewhere\n", "    --hash=sha256:aa\n"])
def test_a_line_that_belongs_to_no_pin_is_refused(line):
    with pytest.raises(ValueError, match="line 1 of the lock"):
        blocks(line + LOCK)


def test_the_command_writes_the_second_file(tmp_path):
    source, target = tmp_path / "full.lock", tmp_path / "base.lock"
    source.write_text(LOCK)
    assert main([str(source), str(target)]) == 0
    assert target.read_text() == without_torch(LOCK)


def test_a_lock_that_cannot_be_read_is_one_line_and_damages_nothing(tmp_path, capsys):
    source, target = tmp_path / "full.lock", tmp_path / "base.lock"
    source.write_text("not a lock\n")
    target.write_text("earlier")
    assert main([str(source), str(target)]) == 2
    assert target.read_text() == "earlier"
    assert main([str(tmp_path / "absent"), str(target)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "full.lock" in said[0]
    assert "absent" in said[1]


def test_called_without_both_files_it_says_how_to_call_it(capsys):
    assert main(["requirements.lock"]) == 2
    assert "usage" in capsys.readouterr().err
