"""Integers raised by hand when numbers change; they are part of every key.

Architectures and the backbone carry theirs in `architectures/registry.py`, the data's split in `datasets/split.py`.
A test keeps each architecture's float64 losses and gradients and fails if they change without a new revision.
"""

TRAINING_REVISION = 3
EVALUATION_REVISION = 5
REFERENCE_REVISION = 1
