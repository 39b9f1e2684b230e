"""The 22 in Table I's order, with every setting in one visible place, and their variants.

Settings that Section III-D prints are literal; the others are decided so that a model does what it is for (see
the register of decisions). A variant changes settings; `@pythae` is Pythae's own class (`pythae_reading.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reproduce.architectures.settings import (
    Adversarial,
    Affine,
    Autoregressive,
    Backbone,
    Capacity,
    Codebook,
    Discrepancy,
    Hierarchy,
    Importance,
    Information,
    NoSettings,
    Perceptual,
    Pseudo,
    Regularized,
    Settings,
    Spherical,
    TotalCorrelation,
    Weighted,
)
from reproduce.errors import ReproduceError
from reproduce.names import LABELS, SLUGS

if TYPE_CHECKING:
    from reproduce.architectures.contract import Architecture

BACKBONE = Backbone(latent_dim=16, final_block="full", likelihood="gaussian")
BACKBONE_REVISION = 2
"""Raised by hand whenever the backbone's numbers change: part of every training key."""


@dataclass(frozen=True)
class Entry:
    """One architecture: how it is built, its settings, and the integer that its key carries."""

    source: str
    """Module and class, imported when it is built: `status` needs the settings, and not torch."""
    settings: Settings
    revision: int = 1
    """Raised by hand whenever the architecture's numbers change; a test turns red if it is forgotten."""
    needs_train_size: bool = False
    stochastic: bool = True
    """Whether reconstruction draws z ~ q(z|x)."""
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Variant name → fields of settings or backbone that it changes."""


LINEAR_BLOCK = {"linear-block": {"final_block": "linear"}}
BERNOULLI = {"bce": {"likelihood": "bernoulli"}}

REGISTRY: dict[str, Entry] = {
    "ae": Entry("deterministic:PlainAutoencoder", NoSettings(), stochastic=False, variants=LINEAR_BLOCK),
    "wae": Entry(
        "deterministic:WassersteinAutoencoder", Discrepancy(weight=10.0, bandwidth=1.0), stochastic=False
    ),
    "vq-vae": Entry(
        "quantised:VectorQuantised",
        Codebook(size=512, commitment=0.25, decay=0.99),
        revision=2,
        stochastic=False,
    ),
    "rae-gp": Entry(
        "deterministic:GradientPenalty",
        Regularized(embedding=1e-4, decoder_decay=0.0, gradient_penalty=10.0),
        stochastic=False,
        variants={"embedding-1": {"embedding": 1.0}},
    ),
    "rae-l2": Entry(
        "deterministic:RegularizedL2",
        Regularized(embedding=1e-4, decoder_decay=1e-7, gradient_penalty=0.0),
        stochastic=False,
    ),
    "vae": Entry("gaussian:VariationalAutoencoder", NoSettings(), variants={**LINEAR_BLOCK, **BERNOULLI}),
    "vamp": Entry("vamp:VampPrior", Pseudo(inputs=500)),
    "hvae": Entry("hierarchical:HierarchicalVAE", Hierarchy(second_dim=16, hidden=128)),
    "beta-tcvae": Entry(
        "total_correlation:BetaTCVAE",
        TotalCorrelation(alpha=1.0, beta=4.0, gamma=1.0),
        needs_train_size=True,
        variants=BERNOULLI,
    ),
    "vae-iaf": Entry(
        "flows:InverseAutoregressiveFlow", Autoregressive(blocks=2, hidden=128, hidden_layers=3, context=16)
    ),
    "info-vae": Entry(
        "gaussian:InfoVariationalAutoencoder",
        Information(alpha=0.5, lambda_=10.0, bandwidth=1.0),
        variants={"lambda-1000": {"lambda_": 1000.0}},
    ),
    "factor-vae": Entry(
        "total_correlation:FactorVAE",
        Adversarial(weight=10.0, widths=(128, 256), learning_rate=1e-4),
        variants=BERNOULLI,
    ),
    "vae-linnf": Entry("flows:LinearFlow", Affine(flows=4)),
    "beta-vae": Entry("gaussian:BetaVariationalAutoencoder", Weighted(beta=4.0), variants=BERNOULLI),
    "ciwae": Entry("importance:CIWAE", Importance(groups=1, samples=5, beta=0.5)),
    "iwae": Entry("importance:IWAE", Importance(groups=1, samples=5, beta=0.0)),
    "miwae": Entry("importance:MIWAE", Importance(groups=2, samples=5, beta=0.0), variants=BERNOULLI),
    "piwae": Entry("importance:PIWAE", Importance(groups=2, samples=5, beta=0.0)),
    "ms-ssim-vae": Entry(
        "perceptual:PerceptualVAE",
        Perceptual(scales=(0.0448, 0.2856, 0.3001, 0.2363, 0.1333), kl_weight=0.01),
        variants={"kl-1": {"kl_weight": 1.0}},
    ),
    "disent-beta-vae": Entry("gaussian:CapacityVariationalAutoencoder", Capacity(weight=10.0, capacity=25.0)),
    "adversarial-ae": Entry(
        "adversarial:AdversarialAutoencoder", Adversarial(weight=1.0, widths=(128, 256), learning_rate=1e-4)
    ),
    "svae": Entry(
        "spherical:SphericalVAE",
        Spherical(least_concentration=1.0, proposals=32),
        revision=2,
        variants=BERNOULLI,
    ),
}

assert tuple(REGISTRY) == SLUGS


def normalise(name: str) -> tuple[str, str]:
    """Slug and variant of a name like "β-VAE", "beta-vae" or "VAE@bce", in any case.

    Raises ReproduceError with the nearest name and the list when there is no such architecture or variant.
    """
    base, _, variant = name.strip().partition("@")
    known = {slug: slug for slug in SLUGS} | {label.lower(): slug for slug, label in LABELS.items()}
    slug = known.get(base.lower())
    if slug is None:
        near = get_close_matches(base.lower(), known, n=1, cutoff=0.4)
        hint = f" (did you mean '{known[near[0]]}'?)" if near else ""
        raise ReproduceError(f"unknown architecture '{base}'{hint}; they are {', '.join(SLUGS)}")
    variant = variant.lower()
    if variant and variant not in variants_of(slug):
        listed = ", ".join(variants_of(slug)) or "none"
        raise ReproduceError(f"'{slug}' has no variant '{variant}'; its variants: {listed}")
    return slug, variant


def variants_of(slug: str) -> tuple[str, ...]:
    """Names of the variants of one architecture."""
    return tuple(REGISTRY[slug].variants)


def configured(slug: str, variant: str = "") -> tuple[Backbone, Settings]:
    """Backbone and settings of one variant ("" is the described reading)."""
    entry = REGISTRY[slug]
    backbone, settings = BACKBONE, entry.settings
    for key, value in entry.variants.get(variant, {}).items():
        if key in {f.name for f in fields(Backbone)}:
            backbone = replace(backbone, **{key: value})
        else:
            settings = replace(settings, **{key: value})
    return backbone, settings


def settings_of(slug: str, variant: str = "") -> dict[str, Any]:
    """All settings and revisions as plain data: part of the training key."""
    backbone, settings = configured(slug, variant)
    return {
        "backbone": asdict(backbone) | {"revision": BACKBONE_REVISION},
        "settings": asdict(settings),
        "revision": REGISTRY[slug].revision,
    }


def build(slug: str, variant: str = "", *, train_size: int) -> Architecture:
    """A fresh architecture, its weights drawn from torch's default generator.

    train_size: images of the training set (β-TCVAE's estimate depends on it).
    """
    entry = REGISTRY[slug]
    module, name = entry.source.split(":")
    architecture = getattr(import_module(f"reproduce.architectures.{module}"), name)
    extra = {"train_size": train_size} if entry.needs_train_size else {}
    return architecture(*configured(slug, variant), **extra)
