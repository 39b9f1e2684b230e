"""The commands `bench` and `gpu-check`."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.__main__ import app, described
from reproduce import cli
from reproduce.architectures.names import SLUGS
from tests.packaging.tree import ROOT


def finished(*words: str) -> int:
    """The exit code of a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["benchmarks", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main(app)
    return int(stop.value.code or 0)


def test_families_and_labels_are_understood() -> None:
    assert described("bench", ["β-VAE,AE", "family:flow"]) == ("ae", "vae-iaf", "vae-linnf", "beta-vae")
    assert described("bench", []) == SLUGS


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("bench --only no-such", "unknown architecture 'no-such'"),
        ("bench --only VAE@bce", "bench knows no variants: name 'vae' without '@bce'"),
        ("bench --only variant:linear-block", "bench knows no variants: name 'ae' without '@linear-block'"),
        ("gpu-check --only VAE@bce", "gpu-check knows no variants: name 'vae' without '@bce'"),
        ("gpu-check", "gpu-check needs a GPU: no CUDA device"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    words: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert finished(*words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("repeats", "code"), [(True, 0), (False, 1)])
def test_the_check_of_a_gpu_prints_a_table_and_exits_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], repeats: bool, code: int
) -> None:
    found = gpu_check.Findings({}, [gpu_check.Agreement("ae", 0.0, 0.0, 0.0, repeats)])
    asked: list[tuple[object, ...]] = []

    def examine(slugs: tuple[str, ...], device: str, counts: list[int], **more: Any) -> gpu_check.Findings:
        asked.append((slugs, device, counts, more["jobs"]))
        return found

    monkeypatch.setattr(gpu_check, "require_cuda", lambda: None)
    monkeypatch.setattr(gpu_check, "examine", examine)
    assert finished("gpu-check", "--only", "ae", "--jobs", "3", "--runs", "1", "--runs", "4") == code
    assert capsys.readouterr().out == found.markdown() + "\n"
    assert asked == [(("ae",), "cuda", [1, 4], 3)]


def test_nothing_in_the_package_imports_benchmarks() -> None:
    for path in (ROOT / "reproduce").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) benchmarks", path.read_text(encoding="utf-8"), re.M), path
