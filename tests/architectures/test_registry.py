"""The 22 as registered: order, variants, sources."""

from __future__ import annotations

import re

import pytest

from reproduce.architectures import registry
from reproduce.architectures.contract import Architecture
from reproduce.architectures.names import LABELS, SLUGS
from reproduce.errors import ReproduceError

TABLE_I = (
    "AE, WAE, VQ-VAE, RAE-GP, RAE-L2, VAE, VAMP, HVAE, β-TCVAE, VAE-IAF, InfoVAE, FactorVAE, VAE-LinNF, β-VAE, CIWAE, "
    "IWAE, MIWAE, PIWAE, MS-SSIM-VAE, Disent-β-VAE, Adversarial-AE, SVAE"
)


def test_the_papers_22_stand_first_in_the_order_of_table_1() -> None:
    assert ", ".join([LABELS[slug] for slug in registry.REGISTRY][:22]) == TABLE_I


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
