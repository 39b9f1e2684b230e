"""The 22 architectures in Table I's order, with all their settings and variants.

Settings that Section III-D prints are used literally; the others are chosen so that a model serves its purpose (see
the register of decisions). A variant changes settings; `@pythae` is Pythae's own class (`pythae_implementation.py`).
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
    PythaeSettings,
    Regularized,
    Settings,
    Spherical,
    TotalCorrelation,
    Weighted,
)
from reproduce.errors import ReproduceError

if TYPE_CHECKING:
    from reproduce.architectures.contract import Architecture

BACKBONE = Backbone(latent_dim=16, final_block="full", likelihood="gaussian")
BACKBONE_REVISION = 2
"""Raised by hand whenever the backbone's numbers change: part of every training key."""


@dataclass(frozen=True)
class Entry:
    """One architecture: its printed name, how it is built, its settings, and the revision in its key."""

    label: str
    """As Table I prints it."""
    source: str
    """Module and class, imported only when it is built: `status` needs the settings, but not torch."""
    settings: Settings
    revision: int = 1
    """Raised by hand whenever the architecture's numbers change; a test fails if this is forgotten."""
    needs: tuple[str, ...] = ()
    """Sizes of the data that the class needs: "train_size", "validation_size"."""
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Variant name → fields of settings or backbone that it changes."""
    families: tuple[str, ...] = ()
    """Names for `--only family:NAME`."""
    cost: float | None = None
    """Rough time of a step in units of the VAE's; only the order of runs and the estimated time depend on it. None:
    that of the paper's implementation, or 1."""


LINEAR_BLOCK = {"linear-block": {"final_block": "linear"}}
BERNOULLI = {"bce": {"likelihood": "bernoulli"}}

REGISTRY: dict[str, Entry] = {
    "ae": Entry(
        "AE",
        "deterministic:PlainAutoencoder",
        NoSettings(),
        variants=LINEAR_BLOCK,
        families=("deterministic",),
    ),
    "wae": Entry(
        "WAE",
        "deterministic:WassersteinAutoencoder",
        Discrepancy(weight=10.0, bandwidth=1.0),
        families=("deterministic",),
    ),
    "vq-vae": Entry(
        "VQ-VAE",
        "quantised:VectorQuantised",
        Codebook(size=512, commitment=0.25, decay=0.99),
        revision=2,
        families=("deterministic",),
    ),
    "rae-gp": Entry(
        "RAE-GP",
        "deterministic:GradientPenalty",
        Regularized(embedding=1e-4, decoder_decay=0.0, gradient_penalty=10.0),
        variants={"embedding-1": {"embedding": 1.0}},
        families=("deterministic",),
        cost=3.2,
    ),
    "rae-l2": Entry(
        "RAE-L2",
        "deterministic:RegularizedL2",
        Regularized(embedding=1e-4, decoder_decay=1e-7, gradient_penalty=0.0),
        families=("deterministic",),
    ),
    "vae": Entry(
        "VAE", "gaussian:VariationalAutoencoder", NoSettings(), variants={**LINEAR_BLOCK, **BERNOULLI}
    ),
    "vamp": Entry("VAMP", "vamp:VampPrior", Pseudo(inputs=500), cost=3.0),
    "hvae": Entry("HVAE", "hierarchical:HierarchicalVAE", Hierarchy(second_dim=16, hidden=128)),
    "beta-tcvae": Entry(
        "β-TCVAE",
        "total_correlation:BetaTCVAE",
        TotalCorrelation(alpha=1.0, beta=4.0, gamma=1.0),
        needs=("train_size",),
        variants=BERNOULLI,
        families=("disentanglement",),
        cost=1.2,
    ),
    "vae-iaf": Entry(
        "VAE-IAF",
        "flows:InverseAutoregressiveFlow",
        Autoregressive(blocks=2, hidden=128, hidden_layers=3, context=16),
        families=("flow",),
    ),
    "info-vae": Entry(
        "InfoVAE",
        "gaussian:InfoVariationalAutoencoder",
        Information(alpha=0.5, lambda_=10.0, bandwidth=1.0),
        variants={"lambda-1000": {"lambda_": 1000.0}},
    ),
    "factor-vae": Entry(
        "FactorVAE",
        "total_correlation:FactorVAE",
        Adversarial(weight=10.0, widths=(128, 256), learning_rate=1e-4),
        variants=BERNOULLI,
        families=(
            "disentanglement",
            "adversarial",
        ),
        cost=1.4,
    ),
    "vae-linnf": Entry("VAE-LinNF", "flows:LinearFlow", Affine(flows=4), families=("flow",)),
    "beta-vae": Entry(
        "β-VAE",
        "gaussian:BetaVariationalAutoencoder",
        Weighted(beta=4.0),
        variants=BERNOULLI,
        families=("disentanglement",),
    ),
    "ciwae": Entry(
        "CIWAE",
        "importance:CIWAE",
        Importance(groups=1, samples=5, beta=0.5),
        families=("importance-weighted",),
        cost=5.0,
    ),
    "iwae": Entry(
        "IWAE",
        "importance:IWAE",
        Importance(groups=1, samples=5, beta=0.0),
        families=("importance-weighted",),
        cost=5.0,
    ),
    "miwae": Entry(
        "MIWAE",
        "importance:MIWAE",
        Importance(groups=2, samples=5, beta=0.0),
        variants=BERNOULLI,
        families=("importance-weighted",),
        cost=9.0,
    ),
    "piwae": Entry(
        "PIWAE",
        "importance:PIWAE",
        Importance(groups=2, samples=5, beta=0.0),
        families=("importance-weighted",),
        cost=9.5,
    ),
    "ms-ssim-vae": Entry(
        "MS-SSIM-VAE",
        "perceptual:PerceptualVAE",
        Perceptual(scales=(0.0448, 0.2856, 0.3001, 0.2363, 0.1333), kl_weight=0.01),
        variants={"kl-1": {"kl_weight": 1.0}},
        cost=1.2,
    ),
    "disent-beta-vae": Entry(
        "Disent-β-VAE",
        "gaussian:CapacityVariationalAutoencoder",
        Capacity(weight=10.0, capacity=25.0),
        families=("disentanglement",),
    ),
    "adversarial-ae": Entry(
        "Adversarial-AE",
        "adversarial:AdversarialAutoencoder",
        Adversarial(weight=1.0, widths=(128, 256), learning_rate=1e-4),
        families=("adversarial",),
        cost=1.2,
    ),
    "svae": Entry(
        "SVAE",
        "spherical:SphericalVAE",
        Spherical(least_concentration=1.0, proposals=32),
        revision=2,
        variants=BERNOULLI,
        cost=1.3,
    ),
}

SLUGS = tuple(REGISTRY)
LABELS = {slug: entry.label for slug, entry in REGISTRY.items()}

PYTHAE_VARIANT = "pythae"
"""The variant that is Pythae's own class."""


def pythae_entry(name: str, needs: tuple[str, ...] = (), cost: float | None = None, **config: Any) -> Entry:
    """Pythae's implementation: its class in `pythae_implementation.py`, every field of Pythae's configuration."""
    return Entry("", f"pythae_implementation:{name}", PythaeSettings(config), needs=needs, cost=cost)


PYTHAE: dict[str, Entry] = {
    # the paper prints use of EMA, codebook, decay and commitment
    "vq-vae": pythae_entry(
        "PythaeVqVae",
        num_embeddings=512,
        commitment_loss_factor=0.25,
        quantization_loss_factor=1.0,
        use_ema=True,
        decay=0.99,
    ),
    "rae-gp": pythae_entry("PythaeRaeGp", cost=3.0, embedding_weight=1e-4, reg_weight=10.0),
    "rae-l2": pythae_entry("PythaeRaeL2", embedding_weight=1e-4, reg_weight=1e-7),
    "vamp": pythae_entry("PythaeVamp", number_components=500, linear_scheduling_steps=0),
    "hvae": pythae_entry(
        "PythaeHvae", cost=6.0, n_lf=3, eps_lf=1e-3, beta_zero=0.3, learn_eps_lf=False, learn_beta_zero=False
    ),
    "beta-tcvae": pythae_entry(
        "PythaeBetaTcVae",
        needs=("train_size", "validation_size"),
        alpha=1.0,
        beta=4.0,
        gamma=1.0,
        use_mss=True,
    ),
    "vae-iaf": pythae_entry("PythaeVaeIaf", n_made_blocks=2, n_hidden_in_made=3, hidden_size=128),
    "info-vae": pythae_entry(
        "PythaeInfoVae",
        alpha=0.5,
        lbd=1e-3,
        kernel_choice="imq",
        kernel_bandwidth=1.0,
        scales=[0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0],
    ),
    "factor-vae": pythae_entry("PythaeFactorVae", gamma=10.0),
    "vae-linnf": pythae_entry("PythaeVaeLinNf", flows=["Planar"] * 4),
    "miwae": pythae_entry("PythaeMiwae", number_gradient_estimates=2, number_samples=5),
    "piwae": pythae_entry("PythaePiwae", number_gradient_estimates=2, number_samples=5),
    "ms-ssim-vae": pythae_entry("PythaeMsSsimVae", beta=1.0, window_size=11),
    "adversarial-ae": pythae_entry(
        "PythaeAdversarialAe",
        adversarial_loss_scale=0.5,
        reconstruction_loss_scale=1.0,
        deterministic_posterior=False,
    ),
}
"""Pythae's implementation of every architecture where Pythae's class is another method or is wrong: with the paper's
printed settings, and every other field explicitly at Pythae's default."""


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
    require_variant(slug, variant)
    return slug, variant


def require_variant(slug: str, variant: str) -> None:
    """Raises ReproduceError with the list when the architecture has no such variant ("" is the paper's)."""
    if variant and variant not in variants_of(slug):
        listed = ", ".join(variants_of(slug)) or "none"
        raise ReproduceError(f"'{slug}' has no variant '{variant}'; its variants: {listed}")


def variants_of(slug: str) -> tuple[str, ...]:
    """Names of the variants of one architecture."""
    return (*((PYTHAE_VARIANT,) if slug in PYTHAE else ()), *REGISTRY[slug].variants)


def all_variants() -> tuple[str, ...]:
    """Names of all variants, each once: Pythae's implementation first."""
    return tuple(dict.fromkeys(name for slug in (*PYTHAE, *SLUGS) for name in variants_of(slug)))


def entry_of(slug: str, variant: str = "") -> Entry:
    """The entry of a variant: Pythae's implementation has its own class, the others change settings.

    Raises ReproduceError when there is no such variant.
    """
    require_variant(slug, variant)
    return PYTHAE[slug] if variant == PYTHAE_VARIANT else REGISTRY[slug]


def cost(slug: str, variant: str = "") -> float:
    """Rough time of a step in units of the VAE's."""
    known = (entry_of(slug, variant).cost, REGISTRY[slug].cost, 1.0)
    return next(found for found in known if found is not None)


def family(name: str) -> tuple[str, ...]:
    """The slugs of one family. Raises ReproduceError with the list when there is none of that name."""
    found = tuple(slug for slug, entry in REGISTRY.items() if name in entry.families)
    if not found:
        known = dict.fromkeys(each for entry in REGISTRY.values() for each in entry.families)
        raise ReproduceError(f"unknown family '{name}'; they are {', '.join(known)}")
    return found


def configured(slug: str, variant: str = "") -> tuple[Backbone, Settings]:
    """Backbone and settings of one variant ("" is the paper's). Raises ReproduceError: see `entry_of`."""
    entry = entry_of(slug, variant)
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
        "revision": entry_of(slug, variant).revision,
    }


def build(
    slug: str, variant: str = "", *, train_size: int, validation_size: int | None = None
) -> Architecture:
    """A fresh architecture, its weights drawn from torch's default generator.

    train_size, validation_size: number of images in the two sets, on which β-TCVAE's estimate depends. By default they
    are equal.
    """
    entry = entry_of(slug, variant)
    module, name = entry.source.split(":")
    architecture = getattr(import_module(f"reproduce.architectures.{module}"), name)
    sizes = {"train_size": train_size, "validation_size": validation_size or train_size}
    return architecture(*configured(slug, variant), **{name: sizes[name] for name in entry.needs})
