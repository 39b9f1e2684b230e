"""What a campaign measured, as data frames. `store` builds it; analysis and rendering read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Records:
    """All measurements of one profile. Every frame has `architecture`, `variant` ("" is the described
    reading) and `seed`; all values are unscaled. The columns are listed in `reproduce/evaluation.py`.

    runs:   one row a run: the means over the paper's images and pairs, whole-test-set means, diagnostics.
    images: one row a test image and path ("sampled", "mean", "raw"), for the paper's 100 images.
    pairs:  one row an interpolation and path ("main", "sampled", "raw", …), for the paper's 25 pairs.
    frames: one row a frame of the main path: what a small classifier says of it, for the paper's 25 pairs.
    digits: the whole test set, one row a digit.
    curves: one row an epoch.
    milestones: one row an image or pair ("record", "item") with the weights after certain epochs: those of the profile,
            the last and the best one.
    """

    profile: str
    runs: pd.DataFrame
    images: pd.DataFrame
    pairs: pd.DataFrame
    frames: pd.DataFrame
    digits: pd.DataFrame
    curves: pd.DataFrame
    milestones: pd.DataFrame
    load_samples: Callable[[str, int, str], Arrays]

    def samples(self, architecture: str, seed: int, variant: str = "") -> Arrays:
        """Sample images and codes of one run: see `evaluation.Evaluation`. Raises ReproduceError if absent."""
        return self.load_samples(architecture, seed, variant)
