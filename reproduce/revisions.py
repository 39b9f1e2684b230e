"""Integers raised by hand when numbers change; they are part of every key.

Architectures and the backbone carry theirs in `architectures/registry.py`, the data's split in `datasets.py`. A test
keeps each architecture's float64 losses and gradients and turns red if they move without a new revision.
"""

TRAINING_REVISION = 2
EVALUATION_REVISION = 4
REFERENCE_REVISION = 1
