"""The 22 as registered: order, printed settings, names, variants, sources."""

from __future__ import annotations

import re

import pytest

from reproduce.architectures import registry
from reproduce.architectures.contract import Architecture
from reproduce.architectures.names import LABELS, SLUGS
from reproduce.architectures.settings import Backbone
from reproduce.errors import ReproduceError

TABLE_I = (
    "AE, WAE, VQ-VAE, RAE-GP, RAE-L2, VAE, VAMP, HVAE, β-TCVAE, VAE-IAF, InfoVAE, FactorVAE, VAE-LinNF, β-VAE, CIWAE, "
    "IWAE, MIWAE, PIWAE, MS-SSIM-VAE, Disent-β-VAE, Adversarial-AE, SVAE"
)


def test_the_22_stand_in_the_order_of_table_1() -> None:
    assert ", ".join(LABELS[slug] for slug in registry.REGISTRY) == TABLE_I


SETTINGS = {
    "wae": {"weight": 10.0},
    "vq-vae": {"size": 512, "commitment": 0.25, "decay": 0.99},
    "rae-gp": {"gradient_penalty": 10.0, "embedding": 1e-4},
    "rae-l2": {"embedding": 1e-4, "decoder_decay": 1e-7},
    "vamp": {"inputs": 500},
    "hvae": {"second_dim": 16},
    "beta-tcvae": {"alpha": 1.0, "beta": 4.0, "gamma": 1.0},
    "vae-iaf": {"blocks": 2, "hidden": 128},
    "info-vae": {"alpha": 0.5, "lambda_": 10.0},
    "factor-vae": {"weight": 10.0, "learning_rate": 1e-4, "widths": (128, 256)},
    "vae-linnf": {"flows": 4},
    "beta-vae": {"beta": 4.0},
    "iwae": {"groups": 1, "samples": 5},
    "ciwae": {"groups": 1, "samples": 5, "beta": 0.5},
    "miwae": {"groups": 2, "samples": 5},
    "piwae": {"groups": 2, "samples": 5},
    "ms-ssim-vae": {"scales": (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), "kl_weight": 0.01},
    "disent-beta-vae": {"capacity": 25.0, "weight": 10.0},
    "adversarial-ae": {"learning_rate": 1e-4, "widths": (128, 256), "weight": 1.0},
    "svae": {"least_concentration": 1.0},
}
"""Section III-D, III-C and what follows from them; what the paper leaves open, as the register of decisions has it."""


def test_settings_are_the_printed_and_the_decided_ones() -> None:
    for slug, expected in SETTINGS.items():
        found = registry.settings_of(slug)["settings"]
        assert {name: found[name] for name in expected} == expected, slug
    assert Backbone(latent_dim=16, final_block="full", likelihood="gaussian") == registry.BACKBONE


@pytest.mark.parametrize("slug", SLUGS)
def test_every_variant_changes_something_and_builds(slug: str) -> None:
    described = registry.settings_of(slug)
    for variant in registry.variants_of(slug):
        assert registry.settings_of(slug, variant) != described
        assert isinstance(registry.build(slug, variant, train_size=64), Architecture)


@pytest.mark.parametrize(
    ("slug", "variant", "known"), [("vae", "typo", "linear-block, bce"), ("wae", "pythae", "none")]
)
def test_an_unknown_variant_is_not_the_described_reading(slug: str, variant: str, known: str) -> None:
    message = f"'{slug}' has no variant '{variant}'; its variants: {known}$"
    with pytest.raises(ReproduceError, match=message):
        registry.configured(slug, variant)
    with pytest.raises(ReproduceError, match=message):
        registry.build(slug, variant, train_size=64)


def test_settings_of_a_variant_hold_its_change() -> None:
    assert registry.settings_of("vae", "bce")["backbone"]["likelihood"] == "bernoulli"
    assert registry.settings_of("ae", "linear-block")["backbone"]["final_block"] == "linear"
    assert registry.settings_of("info-vae", "lambda-1000")["settings"]["lambda_"] == 1000.0
    assert registry.settings_of("rae-gp", "embedding-1")["settings"]["embedding"] == 1.0
    assert registry.settings_of("ms-ssim-vae", "kl-1")["settings"]["kl_weight"] == 1.0


@pytest.mark.parametrize("slug", SLUGS)
def test_docstring_names_the_defining_work_and_what_departs_from_it(slug: str) -> None:
    """Authors, year, and its equation, algorithm, section or title: a section of the reproduced paper (in Roman
    numerals, without a year) is no source.
    """
    said = " ".join(type(registry.build(slug, train_size=64)).__dict__["__doc__"].split())
    authors = r"[A-Z]\w+ (& [A-Z]\w+|et al\.)"
    place = r"(Eq\. \d|algorithm \d|Section \d|“[^”]{20,}”)"
    assert re.search(rf"Source: (van den )?{authors} (19|20)\d\d, {place}", said), said
    assert re.search(r"Departs: .{15,}\.", said), said


@pytest.mark.parametrize("slug", registry.PYTHAE)
def test_docstring_of_a_pythae_implementation_says_whose_method_it_is(slug: str) -> None:
    reading = type(registry.build(slug, "pythae", train_size=64))
    assert re.search(r"Pythae's \w+.*?(19|20)\d\d", reading.__dict__["__doc__"], re.DOTALL)
