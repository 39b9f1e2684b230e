"""The 22 as registered: order, printed settings, players, names."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch
from torch import Tensor, nn

from reproduce.architectures import registry
from reproduce.architectures.backbone import Decoder, Encoder, Upsampler, count_parameters
from reproduce.architectures.contract import LEARNING_RATE, Architecture, Batch
from reproduce.architectures.settings import Backbone, Importance, Weighted
from reproduce.errors import ReproduceError
from reproduce.names import LABELS, SLUGS
from tests.architectures.exact import move

TABLE_I = (
    "AE, WAE, VQ-VAE, RAE-GP, RAE-L2, VAE, VAMP, HVAE, β-TCVAE, VAE-IAF, InfoVAE, FactorVAE, VAE-LinNF, β-VAE, CIWAE, "
    "IWAE, MIWAE, PIWAE, MS-SSIM-VAE, Disent-β-VAE, Adversarial-AE, SVAE"
)
STOCHASTIC = {slug for slug in SLUGS if slug not in {"ae", "wae", "vq-vae", "rae-gp", "rae-l2"}}


@pytest.fixture(scope="module")
def built() -> dict[str, Architecture]:
    torch.manual_seed(0)
    return {slug: registry.build(slug, train_size=50_000) for slug in registry.REGISTRY}


def test_all_22_build_in_the_order_of_table_1(built: dict[str, Architecture]) -> None:
    assert ", ".join(LABELS[slug] for slug in built) == TABLE_I
    assert len(built) == 22


PRINTED = {
    "wae": {"weight": 10.0},
    "vq-vae": {"size": 512, "commitment": 0.25, "decay": 0.99},
    "rae-gp": {"gradient_penalty": 10.0},
    "vamp": {"inputs": 500},
    "hvae": {"second_dim": 16},
    "beta-tcvae": {"alpha": 1.0, "beta": 4.0, "gamma": 1.0},
    "vae-iaf": {"blocks": 2, "hidden": 128},
    "info-vae": {"alpha": 0.5},
    "factor-vae": {"weight": 10.0, "learning_rate": 1e-4, "widths": (128, 256)},
    "vae-linnf": {"flows": 4},
    "beta-vae": {"beta": 4.0},
    "iwae": {"groups": 1, "samples": 5},
    "ciwae": {"groups": 1, "samples": 5, "beta": 0.5},
    "miwae": {"groups": 2, "samples": 5},
    "piwae": {"groups": 2, "samples": 5},
    "ms-ssim-vae": {"scales": (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)},
    "disent-beta-vae": {"capacity": 25.0},
    "adversarial-ae": {"learning_rate": 1e-4, "widths": (128, 256)},
}
"""Section III-D, III-C and what follows from them (K of the five importance-weighted models is shared out)."""

DECIDED = {
    "info-vae": {"lambda_": 10.0},
    "rae-l2": {"embedding": 1e-4, "decoder_decay": 1e-7},
    "rae-gp": {"embedding": 1e-4},
    "ms-ssim-vae": {"kl_weight": 0.01},
    "disent-beta-vae": {"weight": 10.0},
    "adversarial-ae": {"weight": 1.0},
    "svae": {"least_concentration": 1.0},
}
"""What the paper leaves open, as the register of decisions has it."""


@pytest.mark.parametrize("settings", [PRINTED, DECIDED])
def test_settings_are_the_printed_and_the_decided_ones(settings: dict[str, dict[str, object]]) -> None:
    for slug, expected in settings.items():
        found = registry.settings_of(slug)["settings"]
        assert {name: found[name] for name in expected} == expected, slug


def test_backbone_is_that_of_section_iii_c() -> None:
    assert Backbone(latent_dim=16, final_block="full", likelihood="gaussian") == registry.BACKBONE
    assert LEARNING_RATE == 1e-4


@pytest.mark.parametrize("slug", SLUGS)
def test_all_share_the_backbone_and_its_size(slug: str, built: dict[str, Architecture]) -> None:
    model = built[slug]
    assert isinstance(model.encoder, Encoder)
    trunk = count_parameters(model.encoder) - count_parameters(model.encoder.heads)
    assert trunk == 93_120
    kind = Upsampler if slug == "vq-vae" else Decoder
    assert isinstance(model.decoder, kind)
    assert count_parameters(model.decoder) == (240_321 if slug == "vq-vae" else 259_905)


@pytest.mark.parametrize("slug", SLUGS)
def test_players_own_every_trained_parameter_once(slug: str, built: dict[str, Architecture]) -> None:
    model = built[slug]
    owned = [id(value) for player in model.players() for value in player.parameters]
    trained = [id(value) for value in model.parameters() if value.requires_grad]
    assert set(owned) == set(trained)
    if slug == "adversarial-ae":
        shared = [id(value) for value in model.encoder.parameters() if value.requires_grad]
        assert sorted(owned) == sorted(trained + shared)
    else:
        assert len(owned) == len(trained)
    assert all(player.learning_rate == 1e-4 for player in model.players())


@pytest.mark.parametrize("slug", SLUGS)
def test_only_biases_that_batch_norm_takes_away_are_untrained(
    slug: str, built: dict[str, Architecture]
) -> None:
    model = built[slug]
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    untrained = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert all("convolutions." in name and name.endswith(".bias") for name in untrained)
    assert len(untrained) in (0, norms)


def test_an_untrained_bias_could_not_change_the_training_loss(images: Tensor) -> None:
    model = registry.build("ae", train_size=64).double()
    before = float(model.losses(Batch(images), 0.0).players["autoencoder"].detach())
    for value in model.parameters():
        if not value.requires_grad:
            value.data.add_(torch.randn_like(value))
    after = float(model.losses(Batch(images), 0.0).players["autoencoder"].detach())
    assert after == pytest.approx(before, rel=1e-10)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_trained_parameter_moves(slug: str, images: Tensor) -> None:
    """Within two steps: what starts as zero may first have to see something else move."""
    model = registry.build(slug, train_size=64).double()
    before = {name: value.clone() for name, value in model.named_parameters() if value.requires_grad}
    for _ in range(2):
        move(model, Batch(images, images.flip(0)), progress=0.5)
    found = dict(model.named_parameters())
    still = [name for name, value in before.items() if torch.equal(found[name], value)]
    assert still == []


@pytest.mark.parametrize("slug", SLUGS)
def test_sampling_is_stochastic_where_there_is_a_posterior(slug: str, built: dict[str, Architecture]) -> None:
    model, x = built[slug].eval(), torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        same = torch.equal(model.sample(x), model.sample(x))
        assert torch.equal(model.encode(x), model.encode(x))
    assert (slug in STOCHASTIC) == (not same)


@pytest.mark.parametrize("slug", SLUGS)
def test_codes_have_16_numbers_and_decode_to_images(slug: str, built: dict[str, Architecture]) -> None:
    model, x = built[slug].eval(), torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        code = model.encode(x)
        assert code.shape == ((4, 16, 3, 3) if slug == "vq-vae" else (4, 16))
        for z in (code, model.sample(x), model.raw_code(x)):
            images = model.decode(z)
            assert images.shape == (4, 1, 28, 28)
            assert images.min() >= 0
            assert images.max() <= 1
        frames = model.interpolate(code[:2], code[2:], torch.linspace(0, 1, 10))
    assert frames.shape == (2, 10, 28, 28)


@pytest.mark.parametrize("slug", SLUGS)
def test_validation_loss_is_finite_and_leaves_the_model_alone(
    slug: str, built: dict[str, Architecture]
) -> None:
    model, x = built[slug].eval(), torch.rand(6, 1, 28, 28)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        loss = model.validation_loss(Batch(x))
    assert loss.shape == ()
    assert loss.isfinite()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weights_are_those_of_the_default_generator() -> None:
    def weights(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return nn.utils.parameters_to_vector(registry.build("vae", train_size=64).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


# --- names, variants, unknown settings ----------------------------------------------------------------


def test_an_unknown_setting_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="betaa"):
        Weighted(betaa=4.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="n_samples"):
        dataclasses.replace(Importance(1, 5, 0.0), n_samples=10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry.REGISTRY["beta-vae"].settings.beta = 1.0  # type: ignore[union-attr,misc]


@pytest.mark.parametrize("slug", SLUGS)
def test_every_variant_changes_something_and_builds(slug: str) -> None:
    described = registry.settings_of(slug)
    for variant in registry.variants_of(slug):
        assert registry.settings_of(slug, variant) != described
        assert isinstance(registry.build(slug, variant, train_size=64), Architecture)


@pytest.mark.parametrize(
    ("slug", "variant", "known"), [("vae", "typo", "linear-block, bce"), ("wae", "pythae", "none")]
)
def test_a_variant_that_does_not_exist_is_never_taken_for_the_described_reading(
    slug: str, variant: str, known: str
) -> None:
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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("β-VAE", ("beta-vae", "")),
        ("vae@BCE", ("vae", "bce")),
        (" ms-ssim-vae ", ("ms-ssim-vae", "")),
        ("ADVERSARIAL-AE", ("adversarial-ae", "")),
    ],
)
def test_names_are_found_by_slug_and_label_in_any_case(name: str, expected: tuple[str, str]) -> None:
    assert registry.normalise(name) == expected


def test_a_misspelt_name_is_told_the_nearest_one() -> None:
    with pytest.raises(ReproduceError, match="did you mean 'factor-vae'"):
        registry.normalise("factorvea")
    with pytest.raises(ReproduceError, match="no variant 'nonsense'"):
        registry.normalise("vae@nonsense")


@pytest.mark.parametrize("slug", SLUGS)
def test_docstring_names_the_defining_work_and_what_departs_from_it(
    slug: str, built: dict[str, Architecture]
) -> None:
    """Authors, year, and its equation, algorithm, section or title: a section of the reproduced paper (in Roman
    numerals, without a year) is no source.
    """
    said = " ".join(type(built[slug]).__dict__["__doc__"].split())
    authors = r"[A-Z]\w+ (& [A-Z]\w+|et al\.)"
    place = r"(Eq\. \d|algorithm \d|Section \d|“[^”]{20,}”)"
    assert re.search(rf"Source: (van den )?{authors} (19|20)\d\d, {place}", said), said
    assert re.search(r"Departs: .{15,}\.", said), said


@pytest.mark.parametrize("slug", registry.PYTHAE)
def test_docstring_of_a_pythae_reading_says_whose_method_it_is(slug: str) -> None:
    reading = type(registry.build(slug, "pythae", train_size=64))
    assert re.search(r"Pythae's \w+.*?(19|20)\d\d", reading.__dict__["__doc__"], re.S)
