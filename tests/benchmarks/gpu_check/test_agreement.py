"""No GPU was at hand: the agreement is tested on made-up data, and with the CPU in the GPU's place."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu_check import Findings, agreement
from benchmarks.gpu_check.agreement import BOUNDS, HostNoise, Trace
from reproduce.architectures import spherical
from reproduce.architectures.contract import Batch
from reproduce.architectures.names import SLUGS
from reproduce.machine import devices
from tests.benchmarks.gpu_check.test_findings import HERE
from tests.machine.test_graphs import Replay


class Silence(HostNoise):
    """Every draw gives the same, whatever the generator."""

    def draw(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        found = super().draw(func, args, kwargs)
        if found.dtype.is_floating_point:
            return torch.full_like(found, 0.5)
        return torch.arange(found.numel()).view_as(found)


def first_losses(slug: str, seed: int, mode: TorchDispatchMode) -> dict[str, float]:
    run = agreement.new_run(slug, "cpu")
    run.architecture.train()
    torch.manual_seed(seed)
    batch = Batch(run.train_images[:8], run.train_images[8:16])
    with mode:
        losses = run.architecture.losses(batch, 0.5).players
    return {name: float(loss.detach()) for name, loss in losses.items()}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_draw_of_a_step_goes_through_the_host(slug: str) -> None:
    assert first_losses(slug, 1, Silence()) == first_losses(slug, 2, Silence())


def test_noise_of_the_host_is_the_cpus_own_and_arrives_where_it_is_wanted() -> None:
    torch.manual_seed(3)
    expected = torch.randn(5), torch.empty(4).uniform_(), torch.randperm(6)
    torch.manual_seed(3)
    with HostNoise() as noise:
        found = torch.randn(5), torch.empty(4).uniform_(), torch.randperm(6)
        assert torch.randn(3, device="meta").device.type == "meta"
    assert noise.draws == 4
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def traced(loss: float = 2.0, gradient: Sequence[float] = (3.0, 4.0), validation: float = 10.0) -> Trace:
    flat = torch.tensor(gradient, dtype=torch.float64)
    return Trace({"a": 1.0, "b": loss}, {"a": torch.ones(2).double(), "b": flat}, validation)


def test_differences_are_relative_to_the_cpu_and_the_worst_player_counts() -> None:
    found = agreement.compare("vae", traced(2.002, (3.0, 4.05), 9.9), traced(), True, memory_mib=7.0)
    assert (found.loss, found.gradient, found.trained) == pytest.approx((1e-3, 1e-2, 1e-2))
    assert (found.repeats, found.memory_mib) == (True, 7.0)
    # what is not finite is infinitely off, and two zeros agree
    for bad in (math.nan, math.inf):
        assert agreement.difference(bad, 1.0) == agreement.difference(1.0, bad) == math.inf
        assert agreement.vector_difference(torch.tensor([bad, 1.0]), torch.ones(2)) == math.inf
    assert agreement.difference(0.0, 0.0) == agreement.vector_difference(*torch.zeros(2, 3)) == 0


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "ok"),
        (vars(BOUNDS), "ok"),
        ({"loss": BOUNDS.loss * 1.01}, "loss off"),
        ({"trained": math.inf, "loss": math.nan}, "loss and trained off"),
        ({"graph": BOUNDS.graph * 1.01}, "graph off"),
        ({"trained": 1.0, "repeats": False}, "trained off, does not repeat"),
        ({"error": "RuntimeError: no deterministic kernel"}, "RuntimeError: no deterministic kernel"),
    ],
)
def test_verdicts(change: dict[str, Any], verdict: str) -> None:
    found = replace(HERE, **change)
    assert found.verdict() == verdict
    assert Findings({}, [HERE, found]).passed == (verdict == "ok")


def test_the_cpu_agrees_with_itself_to_the_bit() -> None:
    found = agreement.check("vae", "cpu")
    assert (found.loss, found.gradient, found.trained, found.repeats) == (0, 0, 0, True)
    assert found.verdict() == "ok"


def test_another_loss_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that computes the squared error three percent too large."""
    expected = agreement.trace("svae", "cpu")
    honest = spherical.negative_log_likelihood
    monkeypatch.setattr(spherical, "negative_log_likelihood", lambda *inputs: 1.03 * honest(*inputs))
    found = agreement.compare("svae", agreement.trace("svae", "cpu"), expected, True, 0.0)
    assert "loss and gradient" in found.verdict()


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NotImplementedError(), "NotImplementedError"),
        (RuntimeError("\n \nno deterministic kernel\nmore"), "RuntimeError: no deterministic kernel"),
        (AssertionError("backbone: expected (B, 16)"), "AssertionError: backbone: expected (B, 16)"),
    ],
)
def test_an_error_on_the_device_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, error: Exception, verdict: str
) -> None:
    def fails(slug: str, device: str) -> bool:
        raise error

    monkeypatch.setattr(agreement, "repeats", fails)
    monkeypatch.setattr(agreement, "trace", lambda slug, device: traced())
    assert agreement.check("ae", "cpu").verdict() == verdict


def test_memory_is_measured_from_an_emptied_card(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    answers = {"empty_cache": None, "reset_peak_memory_stats": None, "max_memory_reserved": 3 << 20}
    for name, answer in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda name=name, answer=answer: calls.append(name) or answer)
    monkeypatch.setattr(devices, "configure", lambda device: None)
    monkeypatch.setattr(agreement, "trace", lambda slug, device: calls.append(device) or traced())
    monkeypatch.setattr(agreement, "graph_difference", lambda slug, device: 0.0)
    monkeypatch.setattr(agreement, "repeats", lambda slug, device: True)
    assert agreement.check("ae", "cuda").memory_mib == 3
    assert calls == ["cpu", "empty_cache", "reset_peak_memory_stats", "cuda", "max_memory_reserved"]


def test_replayed_steps_are_held_against_eager_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for CUDA's graph; one that forgets to take a step is found."""

    class Forgetful(Replay):
        steps = 0

        def replay(self) -> None:
            self.steps += 1
            if self.steps != 2:
                super().replay()

    monkeypatch.setattr(agreement, "GRAPH_STEPS", 10)
    assert agreement.graph_difference("ae", "cpu", Replay) <= BOUNDS.graph
    assert agreement.graph_difference("ae", "cpu", Forgetful) > BOUNDS.graph


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_the_bounds_are_far_beyond_what_two_cpu_kernels_differ_by(slug: str) -> None:
    devices.configure("cpu")
    expected = agreement.trace(slug, "cpu")
    # torch's own context manager sets a switch of which torch warns
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        found = agreement.compare(slug, agreement.trace(slug, "cpu"), expected, True, 0.0)
    tighter = agreement.Bounds(*(bound / 4 for bound in (BOUNDS.loss, BOUNDS.gradient, BOUNDS.trained)))
    assert found.verdict(tighter) == "ok"
