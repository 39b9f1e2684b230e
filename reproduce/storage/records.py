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
    one) and `seed`; all values are unscaled. The columns are listed in `reproduce/evaluation.py`.

    runs:   one row per run: the means over the paper's images and pairs, whole-test-set means, diagnostics.
    images: one row per test image and path ("sampled", "mean", "raw"), for the paper's 100 images.
    pairs:  one row per interpolation and path ("main", "sampled", "raw", …), for the paper's 25 pairs.
    frames: one row per frame of the main path: the output of a small classifier, for the paper's 25 pairs.
    digits: the whole test set, one row per digit.
    curves: one row per epoch.
    milestones: one row per image or pair ("record", "item") with the weights after certain epochs: those of the
            profile, the last and the best one.
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
