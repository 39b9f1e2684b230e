"""The build step of the image that asks whether torch fits an A40."""

import pytest
import torch

from scripts.check_torch_build import main, misfits

WHEEL = ("sm_75", "sm_80", "sm_86", "sm_90")


def test_a_build_with_the_cuda_version_and_the_architecture_fits():
    assert misfits("13.0", "sm_86", "13.0", WHEEL) == ()


def test_a_missing_architecture_is_named_beside_those_that_are_there():
    (sentence,) = misfits("13.0", "sm_89", "13.0", WHEEL)
    assert "sm_89" in sentence
    assert "sm_75 sm_80 sm_86 sm_90" in sentence


def test_an_architecture_is_not_taken_for_its_beginning():
    assert misfits("13.0", "sm_8", "13.0", WHEEL)


def test_another_cuda_version_is_named():
    (sentence,) = misfits("13.0", "sm_86", "12.8", WHEEL)
    assert "12.8" in sentence


def test_a_build_for_the_cpu_fails_both_questions():
    assert len(misfits("13.0", "sm_86", None, ())) == 2


def test_the_command_asks_the_installed_torch(monkeypatch, capsys):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(WHEEL))
    assert main(["--cuda", "13.0", "--architecture", "sm_86"]) == 0
    assert main(["--cuda", "13.0", "--architecture", "sm_100"]) == 1
    assert "sm_100" in capsys.readouterr().err


def test_both_questions_must_be_asked():
    with pytest.raises(SystemExit) as stopped:
        main(["--cuda", "13.0"])
    assert stopped.value.code == 2
