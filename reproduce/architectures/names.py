"""The 22 architectures by name, in the order of Table I, their baselines, and the metrics."""

from reproduce.architectures.registry import LABELS as LABELS
from reproduce.architectures.registry import SLUGS as SLUGS

REFERENCES: dict[str, str] = {"pca-16": "PCA (16)", "mean-image": "Mean image"}
"""Two baselines beside the 22, outside all rankings: slug → label."""

BASELINE = "vae"
"""The architecture that every t-test of the paper compares with (Section III-G)."""

IMAGE_METRICS: tuple[str, ...] = ("ssim", "mse", "psnr", "mae")
"""Table I's metrics, in its column order: one value per image."""
PAIR_METRICS: tuple[str, ...] = ("piq", "iss", "i_ssim")
"""Table II's metrics: one value per interpolated pair."""
ALL_METRICS = IMAGE_METRICS + PAIR_METRICS
RIVAL_SSIMS: tuple[str, ...] = ("uniform11", "uniform7", "uniform7_range2", "zero_padded")
"""Other definitions of SSIM that software uses: `metrics.RIVAL_SSIMS`."""
SSIMS = ("ssim", *(f"ssim_{name}" for name in RIVAL_SSIMS))
I_SSIMS = ("i_ssim", *(f"i_ssim_{name}" for name in RIVAL_SSIMS))
RECOGNISED = ("predicted", "confidence", "nearest_distance")
"""The outputs of a small classifier for an image: `evaluation.Recognition`."""
MILESTONE_IMAGES = (*SSIMS, "mse", "psnr", "mae")
"""The metrics of an image at a milestone."""
MILESTONE_PAIRS = ("piq", "iss", *I_SSIMS, "end_distance")
"""The metrics of a pair at a milestone."""
