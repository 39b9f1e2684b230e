"""Imported once by the fork server of `tests.faults`: what would cost every child seconds."""

from __future__ import annotations

import torch

from reproduce import evaluation, training
from reproduce.datasets import load
from tests.tiny import TINY

torch.set_num_threads(1)
load(TINY)
evaluation.neighbour_search(TINY)
# torch imports its compiler when the first optimiser is built
training.optimizers(training.fresh_architecture("iwae", "", TINY, 1).players(), TINY)
