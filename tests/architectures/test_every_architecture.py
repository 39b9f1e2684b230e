"""What holds for the 22 of the paper, and for Pythae's implementations of 14 of them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from reproduce.architectures import registry
from reproduce.architectures.backbone import Decoder, Encoder, Upsampler
from reproduce.architectures.contract import Architecture, Batch
from reproduce.architectures.mmd import squared_mmd
from reproduce.architectures.names import SLUGS
from reproduce.paper import PAPER_SLUGS
from tests.architectures.exact import move, moved, same_noise, trained

DETERMINISTIC = {"ae", "wae", "vq-vae", "rae-gp", "rae-l2"}
READINGS = [(slug, "") for slug in SLUGS] + [(slug, "pythae") for slug in registry.PYTHAE]

implementations = pytest.mark.parametrize(
    ("slug", "variant"), READINGS, ids=["@".join(r).strip("@") for r in READINGS]
)
described = pytest.mark.parametrize("slug", SLUGS)


@pytest.fixture(scope="module")
def built() -> dict[tuple[str, str], Architecture]:
    """One of each, in single precision and in evaluation mode."""
    torch.manual_seed(0)
    return {reading: registry.build(*reading, train_size=4_000).eval() for reading in READINGS}


@pytest.fixture
def model(slug: str, variant: str, built: dict[tuple[str, str], Architecture]) -> Architecture:
    return built[slug, variant]


@pytest.fixture
def precise(slug: str) -> Architecture:
    """The paper's implementation in double precision and in training mode."""
    return registry.build(slug, train_size=64).double().train()


# --- codes and images ---------------------------------------------------------------------------------


@implementations
def test_codes_draws_and_paths_decode_to_images(slug: str, variant: str, model: Architecture) -> None:
    x, weights = torch.rand(4, 1, 28, 28), torch.linspace(0, 1, 10)
    shape = (16, 3, 3) if (slug, variant) == ("vq-vae", "") else (16,)
    with torch.no_grad():
        code = model.encode(x)
        for z in (code, model.sample(x), model.raw_code(x)):
            assert z.shape == (4, *shape)
            assert not z.requires_grad
            images = model.decode(z)
            assert images.shape == (4, 1, 28, 28)
            assert 0 <= images.min() <= images.max() <= 1
        assert model.decode(model.sample(x[:1])).shape == (1, 1, 28, 28)
        for path in (model.interpolate, *model.other_paths().values()):
            assert path(code[:2], code[2:], weights).shape == (2, 10, 28, 28)


@implementations
def test_draws_differ_where_there_is_a_posterior_and_codes_never(slug: str, model: Architecture) -> None:
    x = torch.rand(4, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(model.encode(x), model.encode(x))
        assert torch.equal(model.sample(x), model.sample(x)) == (model.kl(x) is None)
        assert (model.kl(x) is None) == (slug in DETERMINISTIC) or slug not in PAPER_SLUGS


@implementations
def test_what_is_measured_is_finite_and_leaves_the_model_and_the_images_alone(model: Architecture) -> None:
    x = torch.rand(6, 1, 28, 28)
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        loss, kl = model.validation_loss(Batch(x)), model.kl(x)
        scalars = torch.tensor(list(model.diagnostics([x[:3], x[3:]]).values()))
    assert loss.shape == ()
    assert loss.isfinite()
    assert kl is None or (kl.shape == (6,) and kl.isfinite().all())
    assert scalars.isfinite().all()
    assert not x.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# --- who is trained -----------------------------------------------------------------------------------


@implementations
def test_all_share_the_backbone(slug: str, variant: str, model: Architecture) -> None:
    assert isinstance(model.encoder, Encoder)
    assert isinstance(model.decoder, Upsampler if (slug, variant) == ("vq-vae", "") else Decoder)


@described
def test_only_biases_before_batch_norm_are_untrained(
    slug: str, precise: Architecture, images: Tensor
) -> None:
    def losses() -> list[float]:
        with same_noise(0), torch.no_grad():
            players = precise.losses(Batch(images, images.flip(0)), 0.5).players
        return [float(loss.detach()) for loss in players.values()]

    before = losses()
    untrained = [value for value in precise.parameters() if not value.requires_grad]
    assert len(untrained) == sum(isinstance(module, nn.BatchNorm2d) for module in precise.modules())
    for value in untrained:
        value.data.add_(torch.randn_like(value))
    if slug != "vq-vae":  # its codebook has moved meanwhile
        assert losses() == pytest.approx(before, rel=1e-9)


PLAYERS = {
    "rae-l2": {"encoder": ("pythae.encoder.",), "decoder": ("pythae.decoder.",)},
    "piwae": {"encoder": ("encoder.",), "decoder": ("decoder.",)},
    "factor-vae": {"autoencoder": ("encoder.", "decoder."), "discriminator": ("discriminator.",)},
    "adversarial-ae": {
        "autoencoder": ("encoder.", "decoder."),
        "discriminator": ("discriminator.",),
        "generator": ("encoder.",),
    },
}
"""Architectures with several players → player → the modules that it owns."""


@described
def test_each_player_moves_all_of_its_own_and_no_other(
    slug: str, precise: Architecture, images: Tensor
) -> None:
    owners = PLAYERS.get(slug, {"autoencoder": ("",)})
    assert [player.name for player in precise.players()] == list(owners)
    assert all(player.learning_rate == 1e-4 for player in precise.players())
    batch, owned = Batch(images, images.flip(0)), set()
    for name, modules in owners.items():
        before = move(precise, batch, name)
        # what starts as zero may first have to see something else move
        move(precise, batch, name)
        assert moved(precise, before) == trained(precise, *modules)
        owned |= trained(precise, *modules)
    assert owned == trained(precise, "")


@described
def test_running_statistics_are_the_datas_of_one_pass(
    slug: str, precise: Architecture, images: Tensor
) -> None:
    """Second batches and pseudo-inputs leave them alone; all decodes of a step go through the decoder at once."""
    encoder = copy.deepcopy(precise.encoder)
    encoder(images)
    precise.losses(Batch(images, 1 - images), 0.5)
    for (name, found), (_, expected) in zip(
        precise.encoder.named_buffers(), encoder.named_buffers(), strict=True
    ):
        assert torch.equal(found, expected), name
    passes = [
        module.num_batches_tracked for module in precise.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    assert set(map(int, passes)) == {1}


# --- what is descended --------------------------------------------------------------------------------

ELBO = {"reconstruction": 1, "kl": 1}
WEIGHTS: dict[str, dict[str, float]] = {
    "ae": {"squared_error": 1},
    "wae": {"squared_error": 1, "mmd": 10},
    "vq-vae": {"squared_error": 1, "commitment": 0.25},
    "rae-gp": {"squared_error": 1, "embedding": 1e-4, "gradient_penalty": 10},
    "rae-l2": {"squared_error": 1, "embedding": 1e-4},
    "vae": ELBO,
    "vamp": ELBO,
    "hvae": {"reconstruction": 1, "kl_first": 1, "kl_second": 1},
    "beta-tcvae": {
        "reconstruction": 1,
        "mutual_information": 1,
        "total_correlation": 4,
        "dimensionwise_kl": 1,
    },
    "vae-iaf": ELBO,
    "info-vae": {"reconstruction": 1, "kl": 0.5, "mmd": 9.5},
    "factor-vae": {**ELBO, "total_correlation": 10},
    "vae-linnf": ELBO,
    "beta-vae": {"reconstruction": 1, "kl": 4},
    "ms-ssim-vae": {"dissimilarity": 1, "kl": 0.01},
    "disent-beta-vae": {"reconstruction": 1, "gap": 10},
    "adversarial-ae": {"reconstruction": 1},
    "svae": ELBO,
}
"""The first player's loss as a sum of its parts; the importance-weighted bounds have none."""
VALIDATED = {"factor-vae": ELBO}
"""What early stopping looks at, where that is not the first player's loss."""


@pytest.mark.parametrize("slug", WEIGHTS)
def test_the_loss_is_the_weighed_sum_of_its_parts(slug: str, precise: Architecture, images: Tensor) -> None:
    batch = Batch(images, images.flip(0))
    precise.losses(batch, 1.0)  # VQ-VAE's codebook begins
    precise.eval()
    with torch.no_grad():
        with same_noise(1):
            losses = precise.losses(batch, 1.0)
        with same_noise(1):
            validation = float(precise.validation_loss(batch).detach())
        with same_noise(1):
            z = precise.sample(images)
            prior = torch.randn_like(z)
            error = float((precise.decode(z) - images).square().sum()) / len(images)
        with same_noise(1):
            kl = precise.kl(images)
    loss = float(next(iter(losses.players.values())).detach())
    # AE records no parts of its loss, which has one only
    parts = {name: float(part.detach()) for name, part in losses.parts.items()} or {"squared_error": loss}
    for found, weights in ((loss, WEIGHTS[slug]), (validation, VALIDATED.get(slug, WEIGHTS[slug]))):
        summed = sum(weight * parts[name] for name, weight in weights.items())
        assert found == pytest.approx(summed, rel=1e-12)
    expected = {
        "squared_error": error,
        "reconstruction": error / 2,
        "embedding": float(z.square().sum()) / 16,
        "mmd": float(squared_mmd(z.flatten(1), prior.flatten(1), 1.0)),
    }
    for name in expected.keys() & parts.keys():
        assert parts[name] == pytest.approx(expected[name], rel=1e-10), name
    recorded = [value for name, value in parts.items() if name in ("kl", "kl_first", "kl_second")]
    assert not recorded or sum(recorded) == pytest.approx(float(kl.mean()), rel=1e-12)  # type: ignore[union-attr]
