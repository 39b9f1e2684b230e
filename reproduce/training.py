"""One run: players, early stopping, checkpoint, resume. No other module builds an optimizer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from reproduce.architectures.contract import Architecture, Batch, Player
from reproduce.datasets import SPLIT_SEED, Dataset
from reproduce.errors import ReproduceError
from reproduce.machine import devices
from reproduce.machine.graphs import CudaRecorder, GraphedStep, Recorder
from reproduce.protocol import Protocol, numpy_stream, stream
from reproduce.storage import files

if TYPE_CHECKING:
    import pandas as pd

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's settings (Section III-D)."""
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam stores for a parameter."""

Weights = dict[str, Tensor]
Measure = Callable[[Architecture, int], "pd.DataFrame"]
"""Architecture and epoch (from 1) → rows of a milestone."""
History = list[dict[str, float]]


class TrainingFailed(Exception):
    """A loss became infinite or NaN: the run ends as failed, with the epoch (from 1) and the reason."""

    def __init__(self, epoch: int, reason: str) -> None:
        super().__init__(f"epoch {epoch}: {reason}")
        self.epoch = epoch
        self.reason = reason


@dataclass(frozen=True)
class Trained:
    """The best weights by validation loss, and how they were trained."""

    weights: Weights
    milestones: bytes
    """CSV: the results of `measure` at the protocol's milestones, at the last epoch and for the best weights."""
    history: History
    """One row per epoch: epoch (from 1), training_loss, validation_loss, part_<name> …"""
    seconds: float
    """Time of all epochs by `devices.clock`, including those before an interruption, without milestones."""
    resumed: int
    """How often the run resumed from a checkpoint."""
    devices: list[str]
    """The devices that computed the epochs, in order: names of GPUs and processors."""


@dataclass
class Progress:
    """The state of a run between two epochs: everything a checkpoint holds besides tensors."""

    epoch: int = 0
    """Epochs done."""
    best_epoch: int = 0
    best_loss: float = math.inf
    seconds: float = 0.0
    resumed: int = 0
    """How often the run resumed from a checkpoint."""
    history: History = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    """The devices that computed the epochs, in order; consecutive epochs on one device name it once."""

    @classmethod
    def of(cls, found: Any) -> Progress:
        """The progress in a checkpoint's JSON. Raises TypeError when a field is missing or has another type."""
        counts = ("epoch", "best_epoch", "resumed")
        if not isinstance(found, dict) or any(type(found.get(name)) is not int for name in counts):
            raise TypeError("epoch, best_epoch and resumed are whole numbers")
        if any(type(found.get(name)) not in (int, float) for name in ("best_loss", "seconds")):
            raise TypeError("best_loss and seconds are numbers")
        history = found.get("history")
        if not isinstance(history, list) or len(history) != found["epoch"]:
            raise TypeError("the history has a row an epoch")
        devices = found.get("devices", [])
        if not isinstance(devices, list) or any(not isinstance(name, str) for name in devices):
            raise TypeError("the devices are names")
        return cls(**found)

    def finished(self, protocol: Protocol) -> bool:
        """Whether all epochs are done, or `patience` epochs in a row had no strictly lower validation loss."""
        waited = self.epoch - self.best_epoch
        return self.epoch >= protocol.epochs or (
            protocol.patience is not None and self.epoch > 0 and waited >= protocol.patience
        )

    def record(self, row: dict[str, float], device: str) -> bool:
        """Record one epoch's row and the name of its device; returns whether its validation loss is strictly the lowest
        so far."""
        if self.devices[-1:] != [device]:
            self.devices.append(device)
        self.epoch += 1
        self.history.append(row)
        better = row["validation_loss"] < self.best_loss
        if better:
            self.best_epoch, self.best_loss = self.epoch, row["validation_loss"]
        return better


def as_tensor(images: np.ndarray, device: str) -> Tensor:
    """uint8 (N, 28, 28) → float32 (N, 1, 28, 28) in [0, 1] on the device."""
    # a copy: numpy's view of the idx file's bytes is read-only
    return torch.tensor(images, device=device).unsqueeze(1).float().div_(255)


def validation_order(images: np.ndarray) -> np.ndarray:
    """The images in one shuffled order, the same for all models, seeds and epochs.

    MNIST's own order is not random: neighbours come from one writer. This affects losses of a whole batch (discrepancy,
    total correlation), and through them early stopping.
    """
    return images[numpy_stream(SPLIT_SEED, "validation-order").permutation(len(images))]


def set_learning_rate(adam: torch.optim.Adam, rate: float) -> None:
    """Set the rate of all parameters from the next step on; in place in memory if a graph reads it from there."""
    for group in adam.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def optimizers(
    players: tuple[Player, ...], protocol: Protocol, *, capturable: bool = False
) -> list[torch.optim.Adam]:
    """One Adam per player, learning rates scaled by the profile. capturable: for steps that are captured in a graph."""
    return [
        torch.optim.Adam(
            player.parameters,
            lr=_rate(player, protocol, capturable=capturable),
            betas=BETAS,
            eps=EPSILON,
            weight_decay=player.weight_decay,
            fused=True,
            capturable=capturable,
        )
        for player in players
    ]


def _rate(player: Player, protocol: Protocol, *, capturable: bool) -> float | Tensor:
    rate = player.learning_rate * protocol.learning_rate_scale
    return torch.tensor(rate, device=player.parameters[0].device) if capturable else rate


def step(
    architecture: Architecture,
    players: tuple[Player, ...],
    adams: list[torch.optim.Adam],
    batch: Batch,
    progress: float | Tensor,
) -> dict[str, Tensor]:
    """One optimizer step of every player. Returns the detached losses and parts.

    All gradients are computed before any optimizer steps, each of a player's own loss with respect to its own
    parameters.
    """
    losses = architecture.losses(batch, progress)
    gradients = player_gradients(players, losses.players)
    for player, adam in zip(players, adams, strict=True):
        for parameter, value in zip(player.parameters, gradients[player.name], strict=True):
            parameter.grad = aligned(value, parameter)
        adam.step()
        adam.zero_grad(set_to_none=True)
    named = {f"loss_{name}": loss for name, loss in losses.players.items()} | {
        f"part_{name}": part for name, part in losses.parts.items()
    }
    return {name: value.detach() for name, value in named.items()}


def aligned(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient in the parameter's memory layout.

    `autograd.grad` returns the layout of the last operation, and the fused Adam ignores strides: a transposed gradient
    would be applied to the wrong weights.
    """
    return gradient if gradient.stride() == parameter.stride() else like(gradient, parameter)


def player_gradients(players: tuple[Player, ...], losses: dict[str, Tensor]) -> dict[str, tuple[Tensor, ...]]:
    """Each player's gradients of its own loss; players that share one loss share one backward pass."""
    distinct: dict[int, list[Player]] = {}
    for player in players:
        distinct.setdefault(id(losses[player.name]), []).append(player)
    found: dict[str, tuple[Tensor, ...]] = {}
    for index, sharers in enumerate(distinct.values(), start=1):
        parameters = tuple(p for player in sharers for p in player.parameters)
        retain = index < len(distinct)
        values = iter(torch.autograd.grad(losses[sharers[0].name], parameters, retain_graph=retain))
        for player in sharers:
            found[player.name] = tuple(next(values) for _ in player.parameters)
    return found


def batches(size: int, batch_size: int) -> Iterator[slice]:
    """Consecutive slices; the last may be short."""
    for start in range(0, size, batch_size):
        yield slice(start, min(start + batch_size, size))


class WeightedMeans:
    """Means over an epoch, weighted by batch size, summed in fixed places in memory without reads from the device."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}

    def reset(self) -> None:
        """Set the sums to zero, in the same places in memory."""
        for total in self.totals.values():
            total.zero_()

    def add(self, values: dict[str, Tensor], weight: int) -> None:
        """Add a batch's scalars."""
        for name, value in values.items():
            term = value.double() * weight
            if name in self.totals:
                self.totals[name].add_(term)
            else:
                self.totals[name] = term

    def means(self, count: int) -> dict[str, float]:
        """Name → mean over `count` images."""
        return {name: float(total) / count for name, total in self.totals.items()}


class Run:
    """One architecture in training. `advance` does an epoch; state can be saved and restored between epochs."""

    def __init__(
        self,
        architecture: Architecture,
        protocol: Protocol,
        data: Dataset,
        seed: int,
        device: str,
        recorder: Callable[[], Recorder] | None = None,
    ) -> None:
        """recorder: makes the object that captures and replays steps; if None, every step is eager."""
        self.architecture = architecture.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.protocol, self.seed = protocol, seed
        self.clock, self.device_name = devices.clock(device), devices.name(device)
        self.players = architecture.players()
        self.recorder = recorder if architecture.capturable else None
        # the fused Adam has capturable state on a GPU only, and a stand-in for a graph does not need it
        self.adams = optimizers(
            self.players, protocol, capturable=self.recorder is not None and device != "cpu"
        )
        self._captured: dict[tuple[str, int], GraphedStep] = {}
        self.training_means, self.validation_means = WeightedMeans(), WeightedMeans()
        self._factor = protocol.learning_rate_scale
        self.train_images = as_tensor(data.train.images, device)
        self.validation_images = as_tensor(validation_order(data.validation.images), device)
        self.progress = Progress()
        self.best: Weights = {}
        self.milestones = b""

    def order(self, purpose: str, epoch: int) -> Tensor:
        """The training set's order in that epoch."""
        order = numpy_stream(self.seed, purpose, epoch).permutation(len(self.train_images))
        return torch.from_numpy(order).to(self.train_images.device)

    def advance(self) -> None:
        """One epoch of training and its validation. Raises TrainingFailed on a non-finite loss."""
        started = self.clock()
        epoch = self.progress.epoch
        row = {"epoch": float(epoch + 1)}
        row |= self.train_epoch(epoch)
        row["validation_loss"] = self.validation_loss()
        for name, value in row.items():
            if not math.isfinite(value):
                raise TrainingFailed(epoch + 1, f"{name} is {value}")
        if self.progress.record(row, self.device_name):
            self.best = {
                name: value.detach().clone() for name, value in self.architecture.state_dict().items()
            }
        self.progress.seconds += self.clock() - started

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train on every image once; returns mean losses and parts."""
        self.architecture.train()
        order = self.order("batches", epoch)
        other = self.order("second-batches", epoch) if self.architecture.wants_other else None
        torch.manual_seed(stream(self.seed, "noise", epoch))
        steps = self.protocol.steps_per_epoch()
        total = max(self.protocol.epochs * steps - 1, 1)
        self.training_means.reset()
        for index, part in enumerate(batches(len(order), self.protocol.batch_size)):
            progress = (epoch * steps + index) / total
            self.set_learning_rates(self.protocol.learning_rate_factor(progress))
            chosen = (order[part],) if other is None else (order[part], other[part])
            self.perform(self.train_batch, *chosen, progress)
        found = self.training_means.means(len(order))
        found["training_loss"] = found[f"loss_{self.players[0].name}"]
        return found

    def train_batch(self, *inputs: Any) -> None:
        """One step. inputs: indices of the images (B,), those of the second batch if there is one, and the progress."""
        *chosen, progress = inputs
        batch = Batch(*(self.train_images[numbers] for numbers in chosen))
        values = step(self.architecture, self.players, self.adams, batch, progress)
        self.training_means.add(values, len(batch.images))

    def set_learning_rates(self, factor: float) -> None:
        """Set every player's learning rate to its own times that factor."""
        if factor != self._factor:
            self._factor = factor
            for player, adam in zip(self.players, self.adams, strict=True):
                set_learning_rate(adam, player.learning_rate * factor)

    @torch.no_grad()
    def validation_loss(self) -> float:
        """The validation loss in evaluation mode, with one fixed order and the same noise at every epoch."""
        self.architecture.eval()
        torch.manual_seed(stream(self.seed, "validation"))
        self.validation_means.reset()
        for part in batches(len(self.validation_images), self.protocol.batch_size):
            self.perform(self.validate_batch, self.validation_images[part])
        return self.validation_means.means(len(self.validation_images))["loss"]

    def validate_batch(self, images: Tensor) -> None:
        """Add the validation loss of images (B, 1, 28, 28)."""
        loss = self.architecture.validation_loss(Batch(images))
        self.validation_means.add({"loss": loss.detach()}, len(images))

    def perform(self, work: Callable[..., None], *inputs: Tensor | float) -> None:
        """Do the work of a batch: eagerly, or, if the architecture is ready for it, replayed from the graph of that
        batch size. The first input has one row per image."""
        if self.recorder is None or not self.architecture.ready_for_graph():
            work(*inputs)
            return
        assert isinstance(inputs[0], Tensor)
        key = (work.__name__, len(inputs[0]))
        if key not in self._captured:
            self._captured[key] = GraphedStep(work, self.mutable, self.recorder)
        self._captured[key](*inputs)

    def mutable(self) -> Weights:
        """Every tensor that a batch changes in place."""
        means = {"training": self.training_means, "validation": self.validation_means}
        sums = {f"{name}/{key}": value for name, each in means.items() for key, value in each.totals.items()}
        return self.tensors() | sums

    def tensors(self) -> Weights:
        """Weights and Adam's moments."""
        found = {f"weights/{name}": value for name, value in self.architecture.state_dict().items()}
        for player, adam in zip(self.players, self.adams, strict=True):
            for index, parameter in enumerate(player.parameters):
                for name, value in adam.state[parameter].items():
                    found[f"adam/{player.name}/{index}/{name}"] = value
        return found

    def note_milestone(self, measure: Measure) -> None:
        """Add the results of `measure` for the weights after this epoch, and for the best ones after training.

        Random streams start anew with every epoch, so measuring does not change the training.
        """
        epoch, finished = self.progress.epoch, self.progress.finished(self.protocol)
        if epoch in self.protocol.milestones or finished:
            self.add_milestone(measure(self.architecture, epoch))
        if finished and self.progress.best_epoch not in (epoch, *self.protocol.milestones):
            last = {name: value.clone() for name, value in self.architecture.state_dict().items()}
            self.architecture.load_state_dict(self.best)
            self.add_milestone(measure(self.architecture, self.progress.best_epoch))
            self.architecture.load_state_dict(last)

    def add_milestone(self, found: pd.DataFrame) -> None:
        """Add rows to the CSV; rounding to six digits is a ten-thousandth of the metrics' standard errors."""
        text = found.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        self.milestones += (text if not self.milestones else text.partition("\n")[2]).encode()

    # --- checkpoints ----------------------------------------------------------------------------------

    def state(self) -> bytes:
        """Exact weights, best weights, Adam's moments and progress: SHA-256 and a safetensors file."""
        tensors = self.tensors() | {f"best/{name}": value for name, value in self.best.items()}
        text = json.dumps(self.progress.__dict__).encode()
        tensors["progress"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        # an empty tensor cannot be made from an empty buffer
        tensors["milestones"] = torch.tensor(list(self.milestones), dtype=torch.uint8)
        return sealed(serialise(tensors))

    def restore(self, content: bytes) -> None:
        """Resume from a state. Raises ValueError when the content is damaged or of another architecture."""
        tensors = deserialise(unsealed(content))
        grouped: dict[str, Weights] = {"weights": {}, "best": {}, "adam": {}}
        for name, value in tensors.items():
            group, _, rest = name.partition("/")
            if group in grouped:
                grouped[group][rest] = value
        try:
            progress = Progress.of(json.loads(bytes(tensors["progress"].tolist())))
            milestones = bytes(tensors["milestones"].tolist())
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError("not a checkpoint of this architecture") from error
        if any(shapes(grouped[group]) != expected for group, expected in self.shapes().items()):
            raise ValueError("not a checkpoint of this architecture")
        # an error from here on (a full device, for example) is not caused by the checkpoint
        self.architecture.load_state_dict(grouped["weights"])
        for player, adam in zip(self.players, self.adams, strict=True):
            for index, parameter in enumerate(player.parameters):
                adam.state[parameter] = {
                    name: like(grouped["adam"][f"{player.name}/{index}/{name}"], parameter)
                    for name in MOMENTS
                }
        self.progress, self.milestones = progress, milestones
        self.best = {name: value.to(self.train_images.device) for name, value in grouped["best"].items()}

    def shapes(self) -> dict[str, dict[str, torch.Size]]:
        """The shapes of all tensors that a checkpoint holds, by group: "weights", "best" and "adam"."""
        weights = shapes(self.architecture.state_dict())
        moments = {
            f"{player.name}/{index}/{name}": torch.Size() if name == "step" else parameter.shape
            for player in self.players
            for index, parameter in enumerate(player.parameters)
            for name in MOMENTS
        }
        return {"weights": weights, "best": weights, "adam": moments}


def shapes(tensors: Weights) -> dict[str, torch.Size]:
    """Name → shape."""
    return {name: value.shape for name, value in tensors.items()}


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """A tensor on the parameter's device and in its memory layout."""
    if value.dim() == 0:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)


def serialise(tensors: Weights) -> bytes:
    """The tensors as safetensors without metadata."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    return safetensors.torch.save(plain)


def deserialise(content: bytes) -> Weights:
    """The tensors of a safetensors file. Raises ValueError when it is damaged."""
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError("not a safetensors file") from error


def sealed(content: bytes) -> bytes:
    """The content, preceded by its own SHA-256."""
    return bytes.fromhex(files.sha256(content)) + content


def unsealed(content: bytes) -> bytes:
    """The content of `sealed` data. Raises ValueError if the SHA-256 does not match."""
    if files.sha256(content[32:]) != content[:32].hex():
        raise ValueError("its checksum does not fit")
    return content[32:]


def train(
    build: Callable[[], Architecture],
    protocol: Protocol,
    data: Dataset,
    seed: int,
    device: str,
    checkpoint: Path,
    measure: Measure,
    notify: Callable[[dict[str, Any]], None] = lambda event: None,
    graphs: bool = True,
) -> Trained:
    """Train to the end of the protocol, from the checkpoint if there is one; writes a checkpoint after every epoch.

    build makes the architecture with its initial weights (`fresh_architecture`). measure gives the rows of a
    milestone, from the architecture and the epoch. notify is called after each epoch with {"epoch", "epochs",
    "training_loss", "validation_loss"}. graphs: whether steps on a GPU are captured and replayed. A damaged
    checkpoint is moved aside and training starts over. Raises TrainingFailed.
    """
    recorder = CudaRecorder if graphs and device != "cpu" else None
    run = Run(build(), protocol, data, seed, device, recorder)
    if checkpoint.exists():
        try:
            run.restore(files.read(checkpoint))
            run.progress.resumed += 1
        except (ValueError, ReproduceError) as error:
            if isinstance(error.__cause__, OSError):
                raise  # the checkpoint may be intact: the disk or the network failed
            aside = files.move_aside(checkpoint)
            notify({"warning": f"{checkpoint} is damaged ({error}); moved to {aside.name}, starting over"})
            run = Run(build(), protocol, data, seed, device, recorder)
    while not run.progress.finished(protocol):
        run.advance()
        run.note_milestone(measure)
        files.write(checkpoint, run.state())
        last = run.progress.history[-1]
        notify(
            {
                "epoch": run.progress.epoch,
                "epochs": protocol.epochs,
                "training_loss": last["training_loss"],
                "validation_loss": last["validation_loss"],
            }
        )
    done = run.progress
    return Trained(run.best, run.milestones, done.history, done.seconds, done.resumed, done.devices)


def fresh_architecture(slug: str, variant: str, protocol: Protocol, seed: int) -> Architecture:
    """The architecture with the initial weights of that seed."""
    from reproduce.architectures.registry import build

    torch.manual_seed(stream(seed, "weights"))
    return build(slug, variant, train_size=protocol.train, validation_size=protocol.validation)
