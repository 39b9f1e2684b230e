"""Which architectures `bench` and `gpu-check` look at."""

from __future__ import annotations

import sys

import pytest

from reproduce import cli, gpu_check
from reproduce.commands.machine import described
from reproduce.names import SLUGS


def test_families_and_labels_are_understood() -> None:
    assert described("bench", ["β-VAE,AE", "family:flow"]) == ("ae", "vae-iaf", "vae-linnf", "beta-vae")
    assert described("bench", []) == SLUGS


@pytest.mark.parametrize("command", ["bench", "gpu-check"])
@pytest.mark.parametrize(
    ("name", "slug", "variant"), [("VAE@bce", "vae", "bce"), ("variant:linear-block", "ae", "linear-block")]
)
def test_a_variant_is_refused_in_one_line_and_not_passed_over(
    command: str,
    name: str,
    slug: str,
    variant: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On a machine with a GPU, too, where a check of nothing would pass."""
    monkeypatch.setattr(gpu_check, "require_cuda", lambda: None)
    monkeypatch.setattr(gpu_check, "examine", lambda *_, **__: gpu_check.Findings({}, []))
    monkeypatch.setattr(sys, "argv", ["reproduce", command, "--only", name])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    found = f"error: {command} knows no variants: name '{slug}' without '@{variant}'\n"
    assert capsys.readouterr() == ("", found)
