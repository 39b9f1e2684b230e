"""Records → what the explorer shows, as JSON. `page/*.js` reads the fields by these names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reproduce import paper
from reproduce.analysis import summaries
from reproduce.analysis.measures import MEASURES, SSIM_DEFINITIONS
from reproduce.architectures.names import LABELS, MILESTONE_IMAGES, MILESTONE_PAIRS, REFERENCES
from reproduce.errors import ReproduceError
from reproduce.explorer.sprites import Sprite, size, sprite
from reproduce.paper.tables import SCALES
from reproduce.protocol import FRAMES, PROFILES
from reproduce.storage.records import Records
from reproduce.storage.revisions import EVALUATION_REVISION

IMAGES = list(MILESTONE_IMAGES)
PAIRS = [name for name in MILESTONE_PAIRS if name != "end_distance"]
FINAL = "final"
"""Name of the weights that a run keeps, beside the epochs of its milestones."""
ACROSS = 10
"""Images in a row of a sprite."""


def content(
    records_by_profile: Mapping[str, Records], verdicts: Mapping[str, Any] | None, budget: int
) -> dict[str, Any]:
    """All content of the page. budget: bytes that sample images may take."""
    profiles = []
    for name, records in records_by_profile.items():
        shown = profile(name, records)
        found = pictures(records)
        spent = sum(size(sprites) for sprites in found.values())
        if spent <= budget:
            budget -= spent
            shown["pictures"] = found
        profiles.append(shown)
    return {
        "labels": LABELS | REFERENCES,
        "references": list(REFERENCES),
        "measures": measures(),
        "paper": {slug: numbers(row) for slug, row in paper.models().iterrows()},
        "profiles": profiles,
        "verdicts": verdicts,
    }


def measures() -> list[dict[str, Any]]:
    """The measures to choose from: column, name, the paper's column, the unit shown, and whether lower is better."""
    found = []
    for name in (*IMAGES, *PAIRS):
        base = next((own for own in ("ssim", "i_ssim") if name.startswith(own)), name)
        measure = MEASURES[base]
        rival = SSIM_DEFINITIONS[f"ssim{name.removeprefix(base)}"] if name != base else ""
        found.append(
            {
                "id": name,
                "name": f"{measure.label} ({rival})" if rival else measure.label,
                "paper": base,
                "unit": SCALES.get(base, "1"),
                "lower": measure.better < 0,
            }
        )
    return found


def profile(name: str, records: Records) -> dict[str, Any]:
    """One profile: its seeds and epochs to choose from, and its models in Table I's order, the references last."""
    summary = pd.concat([summaries.summarise(records), summaries.references(records)])
    done = summaries.finished(records).set_index("architecture")
    means, told = all_means(records), interpolations(records)
    models = {}
    for slug in [slug for slug in summary.index if slug in done.index]:
        row = summary.loc[slug]
        models[str(slug)] = {
            "code": number(done.loc[[slug], "code_size"].iloc[0]),
            "seconds": number(row["training_seconds"]),
            "collapsed": bool(row["collapsed"]),
            "digits": number(row["digit_frames"], 4),
            "runs": {str(seed): at for (own, seed), at in means.items() if own == slug},
            "ssims": first_ssims(records, str(slug)),
            **told.get(str(slug), {}),
        }
    known = PROFILES.get(name)
    return {
        "name": name,
        "purpose": known.purpose if known else "",
        "seeds": list(summaries.seeds(records)),
        "epochs": common_epochs(means),
        "models": models,
        "missing": [label for slug, label in LABELS.items() if slug not in models],
        "labels": original_labels(records),
        "pairs": pairs(records),
        "pictures": {},
    }


Means = dict[tuple[str, int], dict[str, dict[str, float | None]]]
"""(Architecture, seed) → "final" or an epoch → measure → mean."""


def all_means(records: Records) -> Means:
    """The means over the paper's images and pairs, of the weights that are kept and at each milestone."""
    found: Means = {}
    for frame, path, columns in ((records.images, "sampled", IMAGES), (records.pairs, "main", PAIRS)):
        chosen = described(frame)
        grouped = chosen[chosen["path"] == path].groupby(["architecture", "seed"])[columns].mean()
        for (slug, seed), row in grouped.iterrows():
            found.setdefault((slug, int(seed)), {}).setdefault(FINAL, {}).update(numbers(row))
    rows = described(records.milestones)
    rows = rows[rows["revision"] == EVALUATION_REVISION]  # earlier ones may have measured something else
    for record, columns in (("image", IMAGES), ("pair", PAIRS)):
        parts = rows[rows["record"] == record].groupby(["architecture", "seed", "epoch"])[columns].mean()
        for (slug, seed, epoch), row in parts.iterrows():
            run = found.setdefault((slug, int(seed)), {})
            run.setdefault(str(int(epoch)), {}).update(numbers(row))
    return found


def common_epochs(means: Means) -> list[int]:
    """The milestones that at least half of the trained runs have: each run also records its own last and best epoch."""
    trained = [list(at) for (slug, _), at in means.items() if slug in LABELS]
    epochs = pd.Series([int(name) for names in trained for name in names if name != FINAL], dtype=int)
    counted = epochs.value_counts()
    return sorted(int(epoch) for epoch in counted.index[2 * counted >= len(trained)])


def described(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the paper's implementation."""
    return frame[frame["variant"] == ""]


def of_first_seed(records: Records, frame: pd.DataFrame, slug: str) -> pd.DataFrame:
    """The rows of a model's first seed, whose pictures are shown; their order is kept."""
    seed = summaries.finished_seeds(records, slug)[0]
    rows = described(frame)
    return rows[(rows["architecture"] == slug) & (rows["seed"] == seed)]


def first_ssims(records: Records, slug: str) -> list[float | None]:
    """SSIM of each of the paper's images, in their order."""
    rows = of_first_seed(records, records.images, slug)
    return [number(value, 4) for value in rows.loc[rows["path"] == "sampled", "ssim"]]


def interpolations(records: Records) -> dict[str, dict[str, Any]]:
    """Model → `piqs`: PIQ of each pair; `reads`: the digits that a small classifier finds in the frames, one text per
    pair; `sure`: how many of its five neighbours agree."""
    found = {}
    for slug in described(records.frames)["architecture"].unique():
        frames = of_first_seed(records, records.frames, slug).sort_values(["pair", "frame"])
        rows = of_first_seed(records, records.pairs, slug)
        piqs = rows[rows["path"] == "main"].sort_values("pair")["piq"]
        found[str(slug)] = {
            "piqs": [number(value, 4) for value in piqs],
            "reads": texts(frames["predicted"]),
            "sure": texts((5 * frames["confidence"]).round()),
        }
    return found


def texts(values: Sequence[float]) -> list[str]:
    """One digit per frame → one text per pair."""
    return ["".join(map(str, row)) for row in np.asarray(values, dtype=int).reshape(-1, FRAMES).tolist()]


def pairs(records: Records) -> list[list[int]]:
    """The two labels of each pair: the same for all models."""
    rows = described(records.pairs).drop_duplicates("pair").sort_values("pair")
    return rows[["first_label", "second_label"]].astype(int).to_numpy().tolist()


def original_labels(records: Records) -> list[int]:
    """The label of each of the paper's images, in their order."""
    rows = described(records.images)
    rows = rows[rows["path"] == "sampled"].drop_duplicates("image")
    return [int(label) for label in rows["label"]]


def pictures(records: Records) -> dict[str, dict[str, Sprite]]:
    """Model → sprites of its first seed, and the originals; a model without sample images is left out."""
    found = {}
    for slug in summaries.finished(records)["architecture"].unique():
        try:
            arrays = records.samples(slug, summaries.finished_seeds(records, slug)[0])
        except ReproduceError:
            continue
        worst = np.stack([arrays["worst_originals"], arrays["worst_reconstructions"]])
        found[str(slug)] = {
            "images": sprite(in_rows(arrays["reconstructions"])),
            "frames": sprite(arrays["frames"]),
            "worst": sprite(worst),
        }
    if found:
        originals = records.samples("originals", 0)
        found["originals"] = {
            "images": sprite(in_rows(originals["images"])),
            "frames": sprite(originals["pair_originals"]),
        }
    return found


def in_rows(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28) → (n / 10, 10, 28, 28)."""
    return images.reshape(-1, ACROSS, *images.shape[1:])


def numbers(row: pd.Series) -> dict[str, float | None]:
    """A row as JSON, without rounding."""
    return {str(name): number(value) for name, value in row.items()}


def number(value: float, digits: int | None = None) -> float | None:
    """A number as JSON: None if it is not finite. digits: round to this many significant digits."""
    value = float(value)
    if not math.isfinite(value):
        return None
    return value if digits is None else float(f"{value:.{digits}g}")
