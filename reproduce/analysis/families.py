"""The paper's three groupings into families. They disagree with one another, so each is kept as printed."""

from __future__ import annotations

from reproduce.errors import ReproduceError

FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    "IV-E": {
        "Deterministic": ("ae", "wae", "vq-vae"),
        "Disentanglement": ("beta-vae", "beta-tcvae", "factor-vae", "disent-beta-vae"),
        "Importance weighting": ("iwae", "miwae", "ciwae", "piwae"),
        "Architecture": ("hvae", "vae-iaf", "vae-linnf"),
        "Alternative regularisation": ("rae-l2", "rae-gp", "info-vae"),
        "Prior": ("vamp", "svae"),
    },
    "V-G": {
        "Flow-based": ("vae-iaf", "vae-linnf"),
        "Robust": ("rae-l2", "rae-gp", "svae"),
        "Standard": ("vae", "vamp", "beta-tcvae"),
        "Disentanglement": ("beta-vae", "factor-vae", "disent-beta-vae"),
        "Importance weighting": ("iwae", "miwae", "ciwae", "piwae"),
        "Reconstruction-optimised": ("ae", "wae", "vq-vae"),
    },
    "VI-A": {
        "Importance weighting": ("vae", "iwae", "miwae", "ciwae", "piwae"),
        "Disentanglement": ("beta-vae", "beta-tcvae", "factor-vae", "disent-beta-vae"),
        "Architecture": ("vq-vae", "hvae", "vae-iaf", "vae-linnf"),
        "Alternative regularisation": ("wae", "info-vae", "rae-l2", "rae-gp"),
    },
}
"""Grouping, named after its section → family → slugs. No grouping covers all 22."""


def members(grouping: str, family: str) -> tuple[str, ...]:
    """The slugs of one family; raises ReproduceError if the paper has no such family."""
    try:
        return FAMILIES[grouping][family]
    except KeyError:
        known = "; ".join(f"{name}: {', '.join(families)}" for name, families in FAMILIES.items())
        raise ReproduceError(f"no family '{family}' in grouping '{grouping}'; known are {known}") from None
