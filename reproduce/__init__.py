"""Reproduction of a comparison of 22 autoencoders on MNIST: `from reproduce import load` gives a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reproduce import environment

if TYPE_CHECKING:
    from reproduce.trained import load

__all__ = ["environment", "load"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and most commands do without
    if name == "load":
        from reproduce.trained import load

        return load
    raise AttributeError(f"module 'reproduce' has no attribute '{name}'")
