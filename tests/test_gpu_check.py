"""No GPU was at hand: the comparison is tested on made-up data, and its way with the CPU in the GPU's place."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from reproduce import devices, gpu_check, training
from reproduce.architectures import spherical
from reproduce.errors import ReproduceError
from reproduce.gpu_check import BOUNDS, Comparison, Findings, HostNoise, Share, Trace
from reproduce.names import SLUGS

HERE = Comparison("vae", 1e-7, 1e-4, 1e-5, repeats=True, memory_mib=500.0)


# --- noise --------------------------------------------------------------------------------------------


class Silence(HostNoise):
    """Every draw gives the same, whatever the generator."""

    def draw(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        found = super().draw(func, args, kwargs)
        if found.dtype.is_floating_point:
            return torch.full_like(found, 0.5)
        return torch.arange(found.numel()).view_as(found)


def first_losses(slug: str, seed: int, mode: TorchDispatchMode) -> dict[str, float]:
    run = gpu_check.new_run(slug, "cpu")
    run.architecture.train()
    torch.manual_seed(seed)
    batch = gpu_check.Batch(run.train_images[:8], run.train_images[8:16])
    with mode:
        losses = run.architecture.losses(batch, 0.5).players
    return {name: float(loss.detach()) for name, loss in losses.items()}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_draw_of_a_step_goes_through_the_host(slug: str) -> None:
    assert first_losses(slug, 1, Silence()) == first_losses(slug, 2, Silence())


def test_models_with_noise_draw_at_all() -> None:
    noise = HostNoise()
    assert first_losses("vae", 1, noise) != first_losses("vae", 2, HostNoise())
    assert noise.draws > 0


def test_noise_of_the_host_is_the_cpus_own() -> None:
    torch.manual_seed(3)
    expected = torch.randn(5), torch.empty(4).uniform_(), torch.randperm(6)
    torch.manual_seed(3)
    with HostNoise():
        found = torch.randn(5), torch.empty(4).uniform_(), torch.randperm(6)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_a_draw_for_another_device_arrives_there() -> None:
    with HostNoise():
        assert torch.randn(3, device="meta").device.type == "meta"


# --- verdicts on made-up data -------------------------------------------------------------------------


def traced(loss: float = 2.0, gradient: Sequence[float] = (3.0, 4.0), validation: float = 10.0) -> Trace:
    flat = torch.tensor(gradient, dtype=torch.float64)
    return Trace({"autoencoder": loss}, {"autoencoder": flat}, validation)


def test_differences_are_relative_to_the_cpu() -> None:
    found = gpu_check.compare("vae", traced(2.002, (3.0, 4.05), 9.9), traced(), repeated=True, memory_mib=7.0)
    assert (found.loss, found.gradient, found.trained) == pytest.approx((1e-3, 1e-2, 1e-2))
    assert (found.repeats, found.memory_mib) == (True, 7.0)


def test_the_worst_player_counts() -> None:
    expected = Trace({"a": 1.0, "b": 1.0}, {"a": torch.ones(2).double(), "b": torch.ones(2).double()}, 1.0)
    found = replace(expected, losses={"a": 1.0, "b": 1.5})
    assert gpu_check.compare("vae", found, expected, True, 0.0).loss == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "ok"),
        ({"loss": BOUNDS.loss, "gradient": BOUNDS.gradient, "trained": BOUNDS.trained}, "ok"),
        ({"loss": BOUNDS.loss * 1.01}, "loss off"),
        ({"gradient": BOUNDS.gradient * 1.01}, "gradient off"),
        ({"trained": math.inf, "loss": math.nan}, "loss and trained off"),
        ({"repeats": False}, "does not repeat"),
        ({"trained": 1.0, "repeats": False}, "trained off, does not repeat"),
        ({"error": "RuntimeError: no deterministic kernel"}, "RuntimeError: no deterministic kernel"),
    ],
)
def test_verdicts(change: dict[str, Any], verdict: str) -> None:
    comparison = replace(HERE, **change)
    assert comparison.verdict() == verdict
    assert Findings({}, [HERE, comparison]).passed == (verdict == "ok")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_infinitely_off(bad: float) -> None:
    assert gpu_check.difference(bad, 1.0) == gpu_check.difference(1.0, bad) == math.inf
    assert gpu_check.vector_difference(torch.tensor([bad, 1.0]), torch.ones(2)) == math.inf


def test_two_zeros_agree() -> None:
    assert gpu_check.difference(0.0, 0.0) == gpu_check.vector_difference(torch.zeros(3), torch.zeros(3)) == 0


# --- how many runs a card -----------------------------------------------------------------------------


def shares(*speeds: float) -> list[Share]:
    return [Share(n, speed, 600.0 * n) for n, speed in zip((1, 2, 4, 8), speeds, strict=False)]


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
def test_the_fewest_runs_with_nearly_the_best_speed_that_fit(
    measured: list[Share], extra: float, card: float, number: int | None
) -> None:
    assert gpu_check.recommend(measured, extra, card) == number


def test_the_heaviest_architecture_decides_about_memory() -> None:
    heavy = replace(HERE, slug="miwae", memory_mib=1_400.0)
    found = Findings({}, [HERE, heavy], shares(100, 180, 300, 400), card_mib=4_000)
    assert found.recommended == 2


def test_the_table_can_be_pasted_and_names_no_host() -> None:
    import platform

    findings = Findings(
        {"gpu": "NVIDIA A40", "torch": "2.14.1"},
        [HERE, replace(HERE, slug="beta-tcvae", error="RuntimeError: x")],
        [*shares(100, 180), Share(4, error="OutOfMemoryError: y")],
        48_000,
    )
    lines = findings.markdown().splitlines()
    assert lines[2:4] == ["- gpu: NVIDIA A40", "- torch: 2.14.1"]
    assert "| VAE | 1.0e-07 | 1.0e-04 | 1.0e-05 | yes | 500 | ok |" in lines
    assert any(line.startswith("| β-TCVAE |") and line.endswith("| RuntimeError: x |") for line in lines)
    assert "| 2 | 180 | 1,200 |" in lines
    assert "| 4 | OutOfMemoryError: y | |" in lines
    assert lines[-1] == "Recommended: `--per-card 2`"
    assert platform.node() not in "\n".join(f"{name}" for name in gpu_check.machine("cpu").values())


# --- the CPU in the GPU's place -----------------------------------------------------------------------


def test_without_a_gpu_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "best_device", lambda: ("cpu", "no CUDA device"))
    with pytest.raises(ReproduceError, match="gpu-check needs a GPU: no CUDA device") as error:
        gpu_check.require_cuda()
    assert error.value.exit_code == 2


def test_the_cpu_agrees_with_itself_to_the_bit() -> None:
    found = gpu_check.check("vae", "cpu")
    assert (found.loss, found.gradient, found.trained, found.repeats) == (0, 0, 0, True)
    assert found.verdict() == "ok"


def test_another_loss_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that computes the squared error three percent too large."""
    expected = gpu_check.trace("svae", "cpu")
    honest = spherical.negative_log_likelihood
    monkeypatch.setattr(spherical, "negative_log_likelihood", lambda *inputs: 1.03 * honest(*inputs))
    found = gpu_check.compare("svae", gpu_check.trace("svae", "cpu"), expected, True, 0.0)
    assert "loss and gradient" in found.verdict()


def test_an_error_on_the_device_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(slug: str, device: str) -> bool:
        raise RuntimeError("no deterministic implementation\nmore")

    monkeypatch.setattr(gpu_check, "repeats", fails)
    assert gpu_check.check("ae", "cpu").verdict() == "RuntimeError: no deterministic implementation"


def test_memory_is_measured_from_an_emptied_card(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def reserved() -> int:
        calls.append("max_memory_reserved")
        return 3 << 20

    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: calls.append(name))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", reserved)
    monkeypatch.setattr(devices, "configure", lambda device: None)
    monkeypatch.setattr(gpu_check, "trace", lambda slug, device: calls.append(device) or traced())
    monkeypatch.setattr(gpu_check, "repeats", lambda slug, device: True)
    assert gpu_check.check("ae", "cuda").memory_mib == 3
    assert calls == ["cpu", "empty_cache", "reset_peak_memory_stats", "cuda", "max_memory_reserved"]


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_the_bounds_are_far_beyond_what_two_cpu_kernels_differ_by(slug: str) -> None:
    devices.configure("cpu")
    expected = gpu_check.trace(slug, "cpu")
    # torch's own context manager sets a switch of which torch warns
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        found = gpu_check.compare(slug, gpu_check.trace(slug, "cpu"), expected, True, 0.0)
    tighter = gpu_check.Bounds(*(bound / 4 for bound in (BOUNDS.loss, BOUNDS.gradient, BOUNDS.trained)))
    assert found.verdict(tighter) == "ok"


@pytest.mark.slow
def test_the_whole_way_with_two_processes() -> None:
    said: list[str] = []
    found = gpu_check.examine(["ae"], "cpu", counts=(1, 2), steps=3, say=said.append)
    assert found.passed
    assert [share.runs for share in found.shares] == [1, 2]
    assert all(not share.error and share.images_per_second > 0 for share in found.shares)
    assert found.shares[1].memory_mib > found.shares[0].memory_mib > 100
    assert found.recommended in (1, 2)
    assert said[0] == "ae: ok"
    assert len(said) == 3


@pytest.mark.slow
def test_processes_that_fail_are_a_row_and_not_a_hang() -> None:
    found = gpu_check.measure(2, "no such device", 1, 1)
    assert found.error.startswith("RuntimeError: ")
    assert "\n" not in found.error


# --- nothing waits for the device ---------------------------------------------------------------------


class NoQuestions(TorchDispatchMode):
    """Refuses every operation whose result the host must wait for, as it would on a GPU."""

    asking = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique", "equal", "is_nonzero")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        masks = any(isinstance(x, Tensor) and x.dtype == torch.bool for x in tree_leaves(args[1:]))
        asks = name.startswith(self.asking) or (name == "index" and masks)
        assert not asks, f"{name} waits for the device"
        return func(*args, **(kwargs or {}))


class NoCopies(TorchDispatchMode):
    """Refuses every tensor that comes from the host: on the device `meta` nothing is computed, and no copy is allowed
    for. (A number may come along with an operation.)"""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, Tensor) and value.dim() > 0:
                assert value.device.type == "meta", f"{name} takes {tuple(value.shape)} from the host"
        if name == "_sample_dirichlet":  # has no form without numbers
            return torch.empty_like(args[0])
        return func(*args, **(kwargs or {}))


def test_a_copy_would_be_found() -> None:
    there = torch.ones(2, device="meta")
    with pytest.raises(AssertionError, match=r"_to_copy takes \(2,\) from the host"), NoCopies():
        torch.ones(2).to(there)


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_is_copied_to_the_device_in_a_step(slug: str) -> None:
    run = gpu_check.new_run(slug, "cpu")
    run.architecture.train()
    batch = gpu_check.Batch(run.train_images[:8], run.train_images[8:16])
    # whatever is copied once a run is copied here (and VQ-VAE's codebook begins)
    gpu_check.step(run.architecture, run.players, run.adams, batch, 0.0)
    there = run.architecture.to("meta")
    batch = gpu_check.Batch(batch.images.to("meta"), run.train_images[8:16].to("meta"))
    with contextlib.suppress(NotImplementedError):
        there.losses(batch, 0.0)
    with NoCopies():
        losses = there.losses(batch, 0.5)
        gpu_check.player_gradients(there.players(), losses.players)


def test_a_question_would_be_found() -> None:
    for ask in (lambda x: x.item(), float, bool, lambda x: x[x > 0], lambda x: x.nonzero()):
        with pytest.raises(AssertionError, match="waits for the device"), NoQuestions():
            ask(torch.ones(1))


@pytest.mark.parametrize("slug", SLUGS)
def test_no_step_waits_for_the_device(slug: str) -> None:
    run = gpu_check.new_run(slug, "cpu")
    run.architecture.train()
    batch = gpu_check.Batch(run.train_images[:8], run.train_images[8:16])
    # whatever is asked once a run is asked here (VQ-VAE: whether its codebook has begun)
    gpu_check.step(run.architecture, run.players, run.adams, batch, 0.0)
    with NoQuestions():
        gpu_check.step(run.architecture, run.players, run.adams, batch, 0.5)


@pytest.mark.parametrize("slug", ["vae", "factor-vae"], ids=["one batch", "two batches"])
def test_an_epoch_waits_for_the_device_only_at_its_end(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gpu_check.new_run(slug, "cpu")
    with pytest.raises(AssertionError, match="_local_scalar_dense waits for the device"), NoQuestions():
        run.train_epoch(0)
    monkeypatch.setattr(training.WeightedMeans, "means", lambda means: dict.fromkeys(means.totals, 0.0))
    with NoQuestions():
        run.train_epoch(0)
