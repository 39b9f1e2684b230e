"""The two sides: each trains `steps` steps of 64 images whenever it is asked, and says how long they took."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol as Interface

import numpy as np
import torch
import torch.nn.functional as F
from pythae.data.datasets import BaseDataset

from benchmarks.speed import BATCH, SEED
from benchmarks.speed.opponents import opponent, pythae_trainer
from reproduce.architectures import registry
from reproduce.datasets import Dataset, Split, load
from reproduce.machine import devices
from reproduce.protocol import Protocol, profile
from reproduce.training import Run, as_tensor, fresh_architecture


class Side(Interface):
    """Something that trains."""

    def epoch(self) -> float:
        """Train all steps once; seconds."""


def workload(images: int) -> Dataset:
    """So many training images of the profile `quick` (real digits inside a package), repeated if they don't suffice."""
    data = load(profile("quick"))
    train = data.train
    index = np.arange(images) % len(train)
    return replace(data, train=Split(train.images[index], train.labels[index]))


def protocol_of(steps: int) -> Protocol:
    """The profile `quick` with so many steps an epoch, without end."""
    return replace(profile("quick"), name="bench", train=BATCH * steps, epochs=1_000_000)


class PythaeSide:
    """Pythae's trainer, with all threads given to this process."""

    def __init__(self, slug: str, steps: int, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(SEED)
        # of a second batch's images none receives a reconstruction gradient
        wants_other = registry.build(slug, train_size=BATCH).wants_other
        batch_size = 2 * BATCH if wants_other else BATCH
        images = as_tensor(workload(batch_size * steps).train.images, "cpu")
        dataset = BaseDataset(images, torch.zeros(len(images)))
        model = opponent(slug, BATCH * steps)
        # the folder that it makes for its checkpoints stays empty: no epoch of `train_step` writes
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            self.trainer = pythae_trainer(slug, model, dataset, batch_size, folder)
            self.trainer.prepare_training()
        self.done = 0

    def epoch(self) -> float:
        """One epoch of its `train_step`."""
        self.done += 1
        started = time.perf_counter()
        self.trainer.train_step(self.done)
        return time.perf_counter() - started


class OurSide:
    """One of our runs, single-threaded."""

    def __init__(self, slug: str, steps: int) -> None:
        devices.configure("cpu")
        protocol = protocol_of(steps)
        architecture = fresh_architecture(slug, "", protocol, SEED)
        self.run = Run(architecture, protocol, workload(protocol.train), SEED, "cpu")
        self.done = 0

    def epoch(self) -> float:
        """One epoch of `Run.train_epoch`."""
        started = time.perf_counter()
        self.run.train_epoch(self.done)
        self.done += 1
        return time.perf_counter() - started


def sgemm_rate(seconds: float, size: int = 1024) -> float:
    """Multiplications and additions a second of float32 matrix products of that size, with the threads as set."""
    first, second = torch.rand(size, size), torch.rand(size, size)
    out = torch.empty(size, size)
    return repeated(lambda: torch.mm(first, second, out=out), 2 * size**3, seconds)


def convolution_rate(seconds: float, batch: int = 64, channels: int = 128, side: int = 14) -> float:
    """Multiplications and additions a second of a transposed 3×3 convolution of that size, with the threads as set.

    It goes to another library than matrix products do, and on some processors that one is twice as fast.
    """
    images = torch.rand(batch, channels, side, side).contiguous(memory_format=torch.channels_last)
    kernels = torch.rand(channels, channels, 3, 3)
    operations = 2 * batch * channels**2 * 9 * side**2
    with torch.no_grad():
        return repeated(lambda: F.conv_transpose2d(images, kernels, padding=1), operations, seconds)


def repeated(work: Callable[[], object], operations: int, seconds: float) -> float:
    """Operations a second of work that has so many, done once without a clock and then for at least so many seconds."""
    work()
    done, started, took = 0, time.perf_counter(), 0.0
    while took < seconds:
        work()
        done += 1
        took = time.perf_counter() - started
    return done * operations / took
