"""The two sides: each trains `steps` steps of 64 images on request and returns the seconds that they took."""

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
from reproduce.machine.graphs import CudaRecorder
from reproduce.protocol import Protocol, profile
from reproduce.training import Run, as_tensor, fresh_architecture


class Side(Interface):
    """A side of the comparison: something that trains."""

    def epoch(self) -> float:
        """Train all steps once; returns the seconds."""


def workload(images: int) -> Dataset:
    """That many training images of the profile `quick` (real digits from a package), repeated if there are too few."""
    data = load(profile("quick"))
    train = data.train
    index = np.arange(images) % len(train)
    return replace(data, train=Split(train.images[index], train.labels[index]))


def protocol_of(steps: int) -> Protocol:
    """The profile `quick` with that many steps per epoch, and practically unlimited epochs."""
    return replace(profile("quick"), name="bench", train=BATCH * steps, epochs=1_000_000)


class PythaeSide:
    """Pythae's trainer, with all threads for this process."""

    def __init__(self, slug: str, steps: int, threads: int, device: str = "cpu") -> None:
        devices.configure(device)
        torch.set_num_threads(threads)
        torch.manual_seed(SEED)
        # images of a second batch receive no reconstruction gradient
        wants_other = registry.build(slug, train_size=BATCH).wants_other
        batch_size = 2 * BATCH if wants_other else BATCH
        images = as_tensor(workload(batch_size * steps).train.images, "cpu")
        dataset = BaseDataset(images, torch.zeros(len(images)))
        model = opponent(slug, BATCH * steps)
        # its folder for checkpoints stays empty: `train_step` writes nothing
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            self.trainer = pythae_trainer(slug, model, dataset, batch_size, folder, device)
            self.trainer.prepare_training()
        self.device, self.done = device, 0

    def epoch(self) -> float:
        """One epoch of its `train_step`."""
        self.done += 1
        started = time.perf_counter()
        self.trainer.train_step(self.done)
        wait(self.device)
        return time.perf_counter() - started


class OurSide:
    """One of our runs: single-threaded, or on a GPU with steps that are captured and replayed."""

    def __init__(self, slug: str, steps: int, device: str = "cpu") -> None:
        devices.configure(device)
        protocol = protocol_of(steps)
        architecture = fresh_architecture(slug, "", protocol, SEED)
        recorder = None if device == "cpu" else CudaRecorder
        self.run = Run(architecture, protocol, workload(protocol.train), SEED, device, recorder)
        self.device, self.done = device, 0

    def epoch(self) -> float:
        """One epoch of `Run.train_epoch`."""
        started = time.perf_counter()
        self.run.train_epoch(self.done)
        wait(self.device)
        self.done += 1
        return time.perf_counter() - started


def wait(device: str) -> None:
    """Wait until the device has finished all its work."""
    if device == "cuda":
        torch.cuda.synchronize()


LARGE = {"cpu": (1024, 64), "cuda": (8192, 1024)}
"""Device → side of a matrix, and number of images for a convolution, that are large enough to use it fully."""


def sgemm_rate(seconds: float, device: str = "cpu", size: int | None = None) -> float:
    """Multiplications and additions per second of float32 matrix products of that size, with the current threads."""
    size = size or LARGE[device][0]
    first, second, out = (torch.rand(size, size, device=device) for _ in range(3))
    return repeated(lambda: torch.mm(first, second, out=out), 2 * size**3, seconds, device)


def convolution_rate(
    seconds: float, device: str = "cpu", batch: int | None = None, channels: int = 128, side: int = 14
) -> float:
    """Multiplications and additions per second of a transposed 3×3 convolution of that size, with the current threads.

    It uses another library than matrix products do, which is twice as fast on some processors.
    """
    batch = batch or LARGE[device][1]
    images = torch.rand(batch, channels, side, side, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    kernels = torch.rand(channels, channels, 3, 3, device=device)
    operations = 2 * batch * channels**2 * 9 * side**2
    with torch.no_grad():
        return repeated(lambda: F.conv_transpose2d(images, kernels, padding=1), operations, seconds, device)


def repeated(work: Callable[[], object], operations: int, seconds: float, device: str) -> float:
    """Operations per second of work with that many operations: one untimed call, then at least `seconds` of calls."""
    work()
    wait(device)
    done, started, took = 0, time.perf_counter(), 0.0
    while took < seconds:
        work()
        wait(device)
        done += 1
        took = time.perf_counter() - started
    return done * operations / took
