"""Reproduction of a comparison of 22 autoencoders on MNIST.

`load` gives a trained model, `load_records` the measurements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reproduce.machine import environment

if TYPE_CHECKING:
    from reproduce.inference.trained import load, load_records

__all__ = ["environment", "load", "load_records"]


def __getattr__(name: str) -> Any:
    # importing torch takes seconds, and most commands do not need it
    if name in ("load", "load_records"):
        from reproduce.inference import trained

        return getattr(trained, name)
    raise AttributeError(f"module 'reproduce' has no attribute '{name}'")
