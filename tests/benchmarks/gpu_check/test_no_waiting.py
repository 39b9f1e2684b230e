"""Nothing in a step waits for the device, and nothing is copied to it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.gpu_check import agreement
from reproduce import training
from reproduce.architectures.contract import Batch
from reproduce.architectures.names import SLUGS
from reproduce.training import player_gradients, step


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


def test_a_copy_and_a_question_would_be_found() -> None:
    there = torch.ones(2, device="meta")
    with pytest.raises(AssertionError, match=r"_to_copy takes \(2,\) from the host"), NoCopies():
        torch.ones(2).to(there)
    for ask in (lambda x: x.item(), float, bool, lambda x: x[x > 0], lambda x: x.nonzero()):
        with pytest.raises(AssertionError, match="waits for the device"), NoQuestions():
            ask(torch.ones(1))


@pytest.mark.parametrize("slug", SLUGS)
def test_no_step_waits_for_the_device_and_nothing_is_copied_there(slug: str) -> None:
    run = agreement.new_run(slug, "cpu")
    run.architecture.train()
    batch = Batch(run.train_images[:8], run.train_images[8:16])
    # whatever is asked or copied once a run is done here (VQ-VAE's codebook begins)
    step(run.architecture, run.players, run.adams, batch, 0.0)
    with NoQuestions():
        step(run.architecture, run.players, run.adams, batch, 0.5)
        with torch.no_grad():
            run.architecture.validation_loss(batch)
    there = run.architecture.to("meta")
    batch = Batch(batch.images.to("meta"), run.train_images[8:16].to("meta"))
    with contextlib.suppress(NotImplementedError):
        there.losses(batch, 0.0)
    with NoCopies():
        losses = there.losses(batch, 0.5)
        player_gradients(there.players(), losses.players)


@pytest.mark.parametrize("slug", ["vae", "factor-vae"], ids=["one batch", "two batches"])
def test_an_epoch_waits_for_the_device_only_at_its_end(slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = agreement.new_run(slug, "cpu")
    with pytest.raises(AssertionError, match="_local_scalar_dense waits for the device"), NoQuestions():
        run.train_epoch(0)
    monkeypatch.setattr(
        training.WeightedMeans, "means", lambda means, count: dict.fromkeys(means.totals, 0.0)
    )
    with NoQuestions():
        run.train_epoch(0)
        run.validation_loss()
