"""β-TCVAE's decomposition on a data set that can be enumerated; FactorVAE's density ratio on known Gaussians."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm, qmc
from torch import Tensor, nn

from reproduce.architectures.contract import Batch
from reproduce.architectures.settings import Adversarial, Backbone, TotalCorrelation
from reproduce.architectures.total_correlation import (
    BetaTCVAE,
    FactorVAE,
    decompose,
    density_ratio,
    discriminator,
    permute_dimensions,
    stratified_log_weights,
)
from tests.architectures.exact import (
    LinearGaussian,
    corners,
    draws,
    move,
    moved,
    observed,
    same_noise,
    trained,
)

# --- the exact decomposition --------------------------------------------------------------------------

MEANS = np.array([[-1.5, -1.2], [-0.2, 0.4], [0.3, -0.3], [1.4, 1.6]])
LOG_VARIANCES = np.array([[-1.0, -0.6], [-0.3, -1.2], [-1.5, -0.9], [-0.8, -1.0]])
"""Four images, two latent dimensions: q(z|x) of a data set that can be enumerated."""


def exact_decomposition() -> tuple[float, float, float]:
    """Mutual information, total correlation and dimension-wise KL by integration on a grid."""
    axis = np.linspace(-8, 8, 801)
    cell = (axis[1] - axis[0]) ** 2
    deviations = np.exp(LOG_VARIANCES / 2)
    by_dimension = norm.pdf(axis, MEANS[:, :, None], deviations[:, :, None])
    conditional = by_dimension[:, 0, :, None] * by_dimension[:, 1, None, :]
    aggregate = conditional.mean(0)
    product = by_dimension[:, 0].mean(0)[:, None] * by_dimension[:, 1].mean(0)[None, :]
    prior = norm.pdf(axis)[:, None] * norm.pdf(axis)[None, :]

    def expectation(density: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(density > 0, density * np.log(numerator / denominator), 0)
        return float(np.nansum(terms) * cell)

    information = np.mean([expectation(each, each, aggregate) for each in conditional])
    return (
        float(information),
        expectation(aggregate, aggregate, product),
        expectation(product, product, prior),
    )


def test_exact_terms_sum_to_the_mean_kl() -> None:
    """The yardstick of the next tests checked by itself (Chen et al. 2018, Eq. 2)."""
    kl = 0.5 * (MEANS**2 + np.exp(LOG_VARIANCES) - 1 - LOG_VARIANCES).sum(1).mean()
    assert sum(exact_decomposition()) == pytest.approx(kl, abs=1e-6)


def test_decomposition_of_the_whole_data_set_is_the_exact_one() -> None:
    repeats = 512
    uniform = qmc.Sobol(2, seed=1).random(repeats * 4)
    noise = torch.from_numpy(norm.ppf(uniform))
    mean = torch.from_numpy(MEANS).repeat(repeats, 1)
    log_variance = torch.from_numpy(LOG_VARIANCES).repeat(repeats, 1)
    # rows repeat every image equally often, so equal weights make their mixture q(z) itself
    order = torch.arange(len(mean)).view(repeats, 4).T.reshape(-1)
    mean, log_variance = mean[order], log_variance[order]
    z = mean + noise * (0.5 * log_variance).exp()
    weights = torch.full((len(z), len(z)), -math.log(len(z)), dtype=torch.float64)
    found = [float(term.mean()) for term in decompose(z, mean, log_variance, weights)]
    expected = exact_decomposition()
    assert min(expected) > 0.05
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_stratified_estimate_is_unbiased_for_the_aggregate_density() -> None:
    """Averaged over every minibatch that holds image i, Σ wᵢⱼ q(z|xⱼ) is q(z), brute force."""
    N, B = 6, 4
    densities = np.random.default_rng(1).random(N)
    weights = stratified_log_weights(B, N).exp().numpy()
    for row, own in itertools.product(range(B), range(N)):
        others = [j for j in range(N) if j != own]
        estimates = []
        for rest in itertools.permutations(others, B - 1):
            batch = np.insert(np.array(rest), row, own)
            estimates.append(weights[row] @ densities[batch])
        assert np.mean(estimates) == pytest.approx(densities.mean(), rel=1e-12)


@pytest.mark.parametrize(("batch", "dataset"), [(2, 2), (64, 50_000), (16, 50_000), (500, 500)])
def test_stratified_weights_sum_to_one(batch: int, dataset: int) -> None:
    np.testing.assert_allclose(
        stratified_log_weights(batch, dataset).exp().sum(1), np.ones(batch), rtol=1e-12
    )


def test_a_batch_of_one_has_no_stratified_estimate() -> None:
    with pytest.raises(ValueError, match="two images"):
        stratified_log_weights(1, 100)


# --- β-TCVAE ------------------------------------------------------------------------------------------

MODEL = LinearGaussian.example()
X = observed(0.9, -0.4, 0.7, 0.2)


def linear_tcvae(plane: Backbone, *weights: float, train_size: int = 1000) -> BetaTCVAE:
    model = BetaTCVAE(plane, TotalCorrelation(*weights), train_size)
    model.encoder, model.decoder = MODEL.encoder(0.3, 0.2), MODEL.decoder
    return model


def test_with_unit_weights_it_expects_the_vaes_loss(plane: Backbone) -> None:
    images = torch.cat([X, X - 0.7]).repeat_interleave(4, 0)
    model = linear_tcvae(plane, 1.0, 1.0, 1.0)
    with draws(corners(2).repeat(2, 1)):
        loss = float(model.losses(Batch(images), 0.0).players["autoencoder"].detach())
    variances = MODEL.encoder().log_variance.exp().detach()
    gap = sum(0.5 * (0.3**2 / float(v) + math.exp(0.2) - 1 - 0.2) for v in variances)
    assert loss == pytest.approx(-MODEL.evidence(torch.cat([X, X - 0.7])).mean() + gap, rel=1e-10)


def test_alpha_beta_gamma_weigh_their_own_terms(plane: Backbone, images: Tensor) -> None:
    images = torch.cat([X, X - 0.7, X + 1.1])

    def loss(*weights: float) -> tuple[float, dict[str, Tensor]]:
        with same_noise(2), torch.no_grad():
            losses = linear_tcvae(plane, *weights).losses(Batch(images), 0.0)
        return float(losses.players["autoencoder"]), losses.parts

    base, parts = loss(0.0, 0.0, 0.0)
    for position, name in enumerate(("mutual_information", "total_correlation", "dimensionwise_kl")):
        weights = [0.0, 0.0, 0.0]
        weights[position] = 4.0
        assert loss(*weights)[0] - base == pytest.approx(4 * float(parts[name]), rel=1e-9)


def test_the_training_sets_size_counts_in_validation_too(plane: Backbone) -> None:
    images = torch.cat([X, X - 0.7, X + 1.1])
    model = linear_tcvae(plane, 1.0, 4.0, 1.0)
    with torch.no_grad():
        with same_noise(2):
            training = float(model.losses(Batch(images), 0.0).players["autoencoder"])
        with same_noise(2):
            validation = float(model.eval().validation_loss(Batch(images)))
        with same_noise(2):
            other_size = float(
                linear_tcvae(plane, 1.0, 4.0, 1.0, train_size=50).validation_loss(Batch(images))
            )
    assert validation == training
    assert other_size != pytest.approx(validation, rel=1e-4)


# --- FactorVAE: the density ratio ---------------------------------------------------------------------

RHO = 0.9
TOTAL_CORRELATION = -0.5 * math.log(1 - RHO**2)


def correlated(count: int) -> Tensor:
    """Draws of N(0, [[1, ρ], [ρ, 1]])."""
    z = torch.randn(count, 2)
    return torch.stack([z[:, 0], RHO * z[:, 0] + math.sqrt(1 - RHO**2) * z[:, 1]], 1)


def factor_vae(plane: Backbone, widths: tuple[int, ...] = (64, 64)) -> FactorVAE:
    return FactorVAE(plane, Adversarial(weight=10.0, widths=widths, learning_rate=1e-4))


def test_trained_density_ratio_recovers_the_total_correlation_of_a_gaussian(plane: Backbone) -> None:
    model = factor_vae(plane)
    adam = torch.optim.Adam(model.discriminator.parameters(), lr=3e-3)
    for _ in range(500):
        loss = model.discriminator_loss(correlated(512), permute_dimensions(correlated(512)))
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        found = float(density_ratio(model.discriminator(correlated(50_000))).mean())
    assert found == pytest.approx(TOTAL_CORRELATION, abs=0.1)


def test_optimal_logits_give_the_log_density_ratio_and_the_least_loss(plane: Backbone) -> None:
    """With log q and log ∏ q_j as logits the ratio averages to the total correlation (Kim & Mnih 2018, Eq. 3)."""
    joint = multivariate_normal([0, 0], [[1, RHO], [RHO, 1]])

    class Optimal(nn.Module):
        def __init__(self, tilt: float) -> None:
            super().__init__()
            self.tilt = tilt

        def forward(self, z: Tensor) -> Tensor:
            logits = np.stack([joint.logpdf(z), norm.logpdf(z).sum(1) + self.tilt], 1)
            return torch.from_numpy(logits)

    z = correlated(100_000)
    ratio = density_ratio(Optimal(0.0)(z))
    assert float(ratio.mean()) == pytest.approx(
        TOTAL_CORRELATION, abs=4 * float(ratio.std()) / math.sqrt(len(z))
    )
    model = factor_vae(plane)
    losses = []
    for tilt in (-0.5, 0.0, 0.5):
        model.discriminator = Optimal(tilt)  # type: ignore[assignment]
        losses.append(float(model.discriminator_loss(z, permute_dimensions(z))))
    assert losses[1] < min(losses[0], losses[2])
    assert losses[1] < math.log(2)


def test_permuted_codes_keep_their_marginals_and_lose_their_correlation() -> None:
    z = correlated(20_000)
    permuted = permute_dimensions(z)
    assert torch.equal(permuted.sort(0).values, z.sort(0).values)
    assert abs(float(torch.corrcoef(permuted.T)[0, 1])) < 0.03
    assert float(torch.corrcoef(z.T)[0, 1]) > 0.85


def test_discriminator_is_linear_layers_with_leaky_relu() -> None:
    network = discriminator(3, (5, 4), 2).double()
    z = torch.randn(6, 3, dtype=torch.float64)
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(5, 3), (4, 5), (2, 4)]
    x = z
    for index, layer in enumerate(linear):
        x = x @ layer.weight.T + layer.bias
        x = torch.where(x > 0, x, 0.2 * x) if index < 2 else x
    torch.testing.assert_close(network(z), x)


# --- FactorVAE: who descends what ---------------------------------------------------------------------


def test_discriminators_loss_has_no_gradient_in_encoder_or_decoder(plane: Backbone, images: Tensor) -> None:
    model = factor_vae(plane).double()
    losses = model.losses(Batch(images, images.flip(0)), 0.0).players
    own = model.players()[0].parameters
    leaks = torch.autograd.grad(losses["discriminator"], own, allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in leaks)
    # while the total correlation does reach the encoder
    ratio = density_ratio(model.discriminator(model.sample(images))).mean()
    encoder = [parameter for parameter in model.encoder.parameters() if parameter.requires_grad]
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(ratio, encoder))


@pytest.mark.parametrize(
    ("player", "modules"), [("autoencoder", ("encoder.", "decoder.")), ("discriminator", ("discriminator.",))]
)
def test_factor_players_move_only_themselves(
    plane: Backbone, images: Tensor, player: str, modules: tuple[str, ...]
) -> None:
    model = factor_vae(plane).double()
    before = move(model, Batch(images, images.flip(0)), player)
    assert moved(model, before) == trained(model, *modules)


def test_second_batch_leaves_the_running_statistics_alone(plane: Backbone, images: Tensor) -> None:
    model = factor_vae(plane).double()
    untouched = factor_vae(plane).double()
    untouched.load_state_dict(model.state_dict())
    untouched.encoder(images)
    model.losses(Batch(images, 1 - images), 0.0)
    for (name, found), (_, expected) in zip(
        model.encoder.named_buffers(), untouched.encoder.named_buffers(), strict=True
    ):
        assert torch.equal(found, expected), name


def test_its_loss_is_the_vaes_plus_ten_times_the_ratio(plane: Backbone, images: Tensor) -> None:
    model = factor_vae(plane).double()
    with torch.no_grad():
        losses = model.losses(Batch(images, images), 0.0)
        parts = losses.parts
        expected = parts["reconstruction"] + parts["kl"] + 10 * parts["total_correlation"]
    assert float(losses.players["autoencoder"]) == pytest.approx(float(expected), rel=1e-12)


def test_validation_leaves_the_adversarial_term_out(plane: Backbone, images: Tensor) -> None:
    model = factor_vae(plane).double().eval()
    with torch.no_grad():
        with same_noise(4):
            found = float(model.validation_loss(Batch(images)))
        for parameter in model.discriminator.parameters():
            parameter.mul_(100)
        with same_noise(4):
            assert float(model.validation_loss(Batch(images))) == found
