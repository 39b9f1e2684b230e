"""The same training steps on two devices.

Every architecture takes a few steps on both with the same weights, batches and noise. Then only arithmetic differs, and
the differences are compared with stated bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from reproduce.architectures.contract import Batch
from reproduce.datasets import load
from reproduce.machine import devices
from reproduce.machine.graphs import CudaRecorder, Recorder
from reproduce.protocol import Protocol
from reproduce.training import Run, fresh_architecture, player_gradients, serialise

SEED = 1
PROTOCOL = Protocol(
    name="gpu-check",
    dataset="digits",
    train=320,
    validation=64,
    test=500,
    epochs=2,
    patience=None,
    learning_rate_scale=1.0,
    seeds=(SEED,),
    verdicts=False,
)
"""Two epochs of five steps of 64 images: real digits, no download."""


@dataclass(frozen=True)
class Bounds:
    """Largest relative differences between GPU and CPU, both in float32 and without TF32.

    Two CPU implementations of the same convolutions differ by up to a fifth of these over the 22 (a slow test checks
    this); a GPU adds in yet another order. TF32 with its 10 bits of mantissa would exceed them.
    """

    loss: float = 1e-3
    """For any player's loss at the first step."""
    gradient: float = 2e-2
    """For any player's gradient at the first step, as vectors: ‖g - h‖ / ‖h‖."""
    trained: float = 2e-2
    """For the validation loss after the last step: Adam turns a difference in a small gradient into a full-size one."""
    graph: float = 1e-6
    """For the weights after GRAPH_STEPS replayed steps, compared with the same number of eager ones on that device."""


BOUNDS = Bounds()
GRAPH_STEPS = 50
"""Number of steps after which replayed and eager training are compared."""


class HostNoise(TorchDispatchMode):
    """Every random draw is made by the CPU's generator and copied to the device that needs it.

    The generators of CPU and GPU give different numbers for the same seed; a comparison needs the same ones.
    """

    draws: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        self.draws += 1
        tensors = [value for value in args if isinstance(value, Tensor)]
        device = kwargs.get("device") or (tensors[0].device if tensors else torch.device("cpu"))
        if "device" in kwargs:
            kwargs["device"] = torch.device("cpu")
        drawn = self.draw(func, tree_map(_to_host, args), tree_map(_to_host, kwargs))
        if func._schema.is_mutable:
            return args[0].copy_(drawn)
        return drawn.to(device)

    def draw(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        """Make the draw on the CPU."""
        found = func(*args, **kwargs)
        assert isinstance(found, Tensor)
        return found


def _to_host(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Trace:
    """The results of one device: each player's first loss and first gradient (flat, float64, on the CPU), and the
    validation loss after the last step.
    """

    losses: dict[str, float]
    gradients: dict[str, Tensor]
    validation_loss: float


def new_run(slug: str, device: str, recorder: Callable[[], Recorder] | None = None) -> Run:
    """The architecture before its first step."""
    return Run(fresh_architecture(slug, "", PROTOCOL, SEED), PROTOCOL, load(PROTOCOL), SEED, device, recorder)


def trace(slug: str, device: str) -> Trace:
    """Train the architecture on the device with the CPU's noise."""
    with HostNoise():
        run = new_run(slug, device)
        run.architecture.train()
        size = PROTOCOL.batch_size
        torch.manual_seed(SEED)
        losses = run.architecture.losses(
            Batch(run.train_images[:size], run.train_images[size : 2 * size]), 0.5
        )
        gradients = player_gradients(run.players, losses.players)
        whole = trained(slug, device)
    return Trace(
        {name: float(loss.detach()) for name, loss in losses.players.items()},
        {
            name: torch.cat([value.detach().double().cpu().flatten() for value in values])
            for name, values in gradients.items()
        },
        whole.progress.history[-1]["validation_loss"],
    )


def trained(slug: str, device: str) -> Run:
    """The architecture after the protocol's last step."""
    return _to_the_end(new_run(slug, device))


def _to_the_end(run: Run) -> Run:
    while not run.progress.finished(run.protocol):
        run.advance()
    return run


def graph_difference(slug: str, device: str, recorder: Callable[[], Recorder] = CudaRecorder) -> float:
    """Relative difference of the weights after replayed steps from those after eager ones; both with the device's own
    noise."""
    epochs = GRAPH_STEPS // PROTOCOL.steps_per_epoch()
    longer, data = replace(PROTOCOL, epochs=epochs), load(PROTOCOL)
    weights = []
    for record in (None, recorder):
        run = Run(fresh_architecture(slug, "", longer, SEED), longer, data, SEED, device, record)
        state = _to_the_end(run).architecture.state_dict()
        weights.append(torch.cat([value.double().cpu().flatten() for value in state.values()]))
    return vector_difference(weights[1], weights[0])


def repeats(slug: str, device: str) -> bool:
    """Whether two trainings with the device's own noise give exactly the same weights."""
    first, second = (serialise(trained(slug, device).architecture.state_dict()) for _ in range(2))
    return first == second


def difference(found: float, expected: float) -> float:
    """|found - expected| / |expected|; infinite when either is not a finite number."""
    return _relative(abs(found - expected), abs(expected))


def vector_difference(found: Tensor, expected: Tensor) -> float:
    """‖found - expected‖ / ‖expected‖; infinite when either contains a value that is not finite."""
    return _relative(float((found - expected).norm()), float(expected.norm()))


def _relative(gap: float, size: float) -> float:
    """gap / size; infinite when one is not finite, and for a nonzero gap with size 0."""
    if not (math.isfinite(gap) and math.isfinite(size)):
        return math.inf
    if size == 0:
        return 0.0 if gap == 0 else math.inf
    return gap / size


@dataclass(frozen=True)
class Agreement:
    """One architecture on the GPU compared with the CPU: largest relative differences, whether training repeats to the
    bit, the difference of replayed from eager steps (NaN without graphs), peak memory, and the error that ended it, if
    any.
    """

    slug: str
    loss: float = float("nan")
    gradient: float = float("nan")
    trained: float = float("nan")
    repeats: bool = False
    memory_mib: float = 0.0
    error: str = ""
    graph: float = float("nan")

    def verdict(self, bounds: Bounds = BOUNDS) -> str:
        """ "ok", or what is wrong."""
        if self.error:
            return self.error
        names = [n for n in ("loss", "gradient", "trained") if not getattr(self, n) <= getattr(bounds, n)]
        found = [f"{' and '.join(names)} off"] if names else []
        found += [] if self.repeats else ["does not repeat"]
        found += ["graph off"] if self.graph > bounds.graph else []
        return ", ".join(found) or "ok"


def compare(
    slug: str, found: Trace, expected: Trace, repeated: bool, memory_mib: float, graph: float = math.nan
) -> Agreement:
    """The agreement with the largest differences over the players."""
    return Agreement(
        slug,
        max(difference(found.losses[name], value) for name, value in expected.losses.items()),
        max(vector_difference(found.gradients[name], value) for name, value in expected.gradients.items()),
        difference(found.validation_loss, expected.validation_loss),
        repeated,
        memory_mib,
        graph=graph,
    )


def in_short(error: BaseException) -> str:
    """ "RuntimeError: first line of the message"; only the type's name if there is no message."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def check(slug: str, device: str) -> Agreement:
    """Check one architecture on the CPU, then on the device. An error there is a finding and does not end the check."""
    devices.configure("cpu")
    torch.use_deterministic_algorithms(False)
    expected = trace(slug, "cpu")
    devices.configure(device)
    if device == "cuda":
        # memory that an earlier architecture keeps reserved would count for this one
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        found, repeated = trace(slug, device), repeats(slug, device)
        graph = graph_difference(slug, device) if device == "cuda" else math.nan
    except (RuntimeError, AssertionError) as error:
        return Agreement(slug, error=in_short(error))
    memory = torch.cuda.max_memory_reserved() / 2**20 if device == "cuda" else 0.0
    return compare(slug, found, expected, repeated, memory, graph)
