"""β-TCVAE's decomposition on a data set that can be enumerated; FactorVAE's density ratio on known Gaussians."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from pythae.models.base.base_utils import ModelOutput
from scipy.stats import multivariate_normal, norm, qmc
from torch import Tensor, nn

from reproduce.architectures.contract import Batch
from reproduce.architectures.distributions import gaussian_sample
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


NODES = 16
COPIES = NODES**2
ROWS = 4 * COPIES
QUADRATURE = 4e-4


def quadrature(nodes: int) -> tuple[Tensor, Tensor]:
    """Points of the plane and their masses under N(0, I), by Gauss and Hermite: (nodes², 2), (nodes²,)."""
    points, masses = np.polynomial.hermite_e.hermegauss(nodes)
    masses = masses / masses.sum()
    plane = np.stack(np.meshgrid(points, points, indexing="ij"), -1).reshape(-1, 2)
    return torch.from_numpy(plane), torch.from_numpy(np.outer(masses, masses).ravel())


def terms_of_the_whole_data_set(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """The three terms of every row, (3, ROWS), and the rows' masses: a batch of all images, one copy a node."""
    points, masses = quadrature(NODES)
    mean, log_variance = (
        torch.from_numpy(value).repeat_interleave(COPIES, 0) for value in (MEANS, LOG_VARIANCES)
    )
    z = mean + points.repeat(4, 1) * (0.5 * log_variance).exp()
    return torch.stack(decompose(z, mean, log_variance, log_weights)), masses.repeat(4) / 4


UNIFORM = torch.full((ROWS, ROWS), -math.log(ROWS), dtype=torch.float64)
"""Log weights that make the batch's mixture q(z) itself, since every image fills a quarter of the rows."""


def test_decomposition_with_the_true_mixture_is_the_exact_one() -> None:
    """No noise in it: the tolerance is the error of 16 nodes, which falls to a tenth with 8 more."""
    terms, masses = terms_of_the_whole_data_set(UNIFORM)
    np.testing.assert_allclose(terms @ masses, exact_decomposition(), atol=QUADRATURE)


def bias(rows: int) -> Tensor:
    """Bounds on what stratified weights change in the three terms when a batch is its data set, (3,).

    Of N rows the own counts 1/N, one other 1/(N(N-1)), the rest 1/(N-1), so the estimate is
    N/(N-1) · q - q_own/(N(N-1)) - q_one/N, where q_own, q_one ≤ 4q if every image fills a quarter of the rows. Hence
    |log estimate - log q| < 4/N, for the joint density and for each of the two dimensions.
    """
    joint, product = 4 / rows, 2 * 4 / rows
    return torch.tensor([joint, joint + product, product], dtype=torch.float64)


def test_stratified_weights_of_a_whole_data_set_move_every_term_by_less_than_the_bound() -> None:
    stratified, masses = terms_of_the_whole_data_set(stratified_log_weights(ROWS, ROWS))
    uniform, _ = terms_of_the_whole_data_set(UNIFORM)
    assert ((stratified - uniform).abs().amax(1) < bias(ROWS)).all()
    # what one term gains another loses
    torch.testing.assert_close(stratified.sum(0), uniform.sum(0))
    off = (stratified @ masses - torch.tensor(exact_decomposition(), dtype=torch.float64)).abs()
    assert (off < bias(ROWS) + QUADRATURE).all()


def test_minibatches_estimate_the_density_without_bias_and_the_information_from_above() -> None:
    """Three of four images: averaged over every batch that holds the row's own image, the estimate of q(z) that the
    terms are made of is q(z) at every z; its logarithm is not, so by Jensen the information comes out too large and
    the dimension-wise KL too small, while their sum with the total correlation stays the exact KL.
    """
    points, masses = quadrature(8)
    scales = np.exp(LOG_VARIANCES / 2)
    log_weights = stratified_log_weights(3, 4)
    found = torch.zeros(4, len(points), 3, dtype=torch.float64)
    estimate = torch.zeros(4, len(points), dtype=torch.float64)
    for chosen in itertools.permutations(range(4), 3):
        order = list(chosen)
        mean, log_variance = torch.from_numpy(MEANS[order]), torch.from_numpy(LOG_VARIANCES[order])
        for node, point in enumerate(points):
            z = mean + point * (0.5 * log_variance).exp()
            terms = torch.stack(decompose(z, mean, log_variance, log_weights), 1)[0]
            own = norm.pdf(z[0], MEANS[order[0]], scales[order[0]]).prod()
            found[order[0], node] += terms / 6
            estimate[order[0], node] += own * math.exp(-terms[0]) / 6
    exact = np.zeros(estimate.shape)
    for image, (mean_, scale) in enumerate(zip(MEANS, scales, strict=True)):
        z_ = mean_ + points.numpy() * scale
        exact[image] = norm.pdf(z_[:, None], MEANS, scales).prod(2).mean(1)
    np.testing.assert_allclose(estimate, exact, rtol=1e-10)
    information, correlation, dimensionwise = (float(t) for t in masses @ found.mean(0))
    expected = exact_decomposition()
    assert information > expected[0] + 0.04
    assert dimensionwise < expected[2] - 0.04
    assert information + correlation + dimensionwise == pytest.approx(sum(expected), rel=1e-6)


class Enumerated(nn.Module):
    """q(z|x) by look-up; image i is the i-th unit vector, (4, 1, 1, 4)."""

    def forward(self, x: Tensor) -> ModelOutput:
        mean, log_variance = (x.flatten(1) @ torch.from_numpy(table) for table in (MEANS, LOG_VARIANCES))
        return ModelOutput(embedding=mean, log_covariance=log_variance)


def test_loss_of_a_whole_data_set_is_the_exact_decomposition_weighed(plane: Backbone) -> None:
    """Through the training loss, with training's weights and sampled noise. The tolerance is 4.5 standard errors,
    from six independently scrambled nets of noise, and the bound on the weights' bias.
    """
    copies, weights = 512, torch.tensor([0.5, 4.0, 2.0], dtype=torch.float64)
    images = torch.eye(4, dtype=torch.float64).repeat_interleave(copies, 0)[:, None, None, :]
    model = BetaTCVAE(plane, TotalCorrelation(*weights.tolist()), train_size=len(images))
    model.encoder, model.decoder = Enumerated(), MODEL.decoder
    found = []
    for seed in range(6):
        uniform = qmc.Sobol(2, seed=seed).random(len(images))
        with draws(torch.from_numpy(norm.ppf(uniform))), torch.no_grad():
            losses = model.losses(Batch(images), 0.0)
        penalty = losses.players["autoencoder"] - losses.parts["reconstruction"]
        names = ("mutual_information", "total_correlation", "dimensionwise_kl")
        found.append(torch.stack([*(losses.parts[name] for name in names), penalty]))
    samples = torch.stack(found)
    exact = torch.tensor(exact_decomposition(), dtype=torch.float64)
    expected = torch.cat([exact, (weights @ exact)[None]])
    allowed = torch.cat([bias(len(images)), (weights @ bias(len(images)))[None]])
    allowed += 4.5 * samples.std(0) / math.sqrt(len(samples))
    assert (allowed[:3] < 0.05 * exact).all(), "the tolerance would let a wrong term pass"
    assert ((samples.mean(0) - expected).abs() < allowed).all()


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


def test_the_loss_weighs_a_batch_by_the_training_sets_size(plane: Backbone) -> None:
    images = torch.cat([X, X - 0.7, X + 1.1])
    model = linear_tcvae(plane, 1.0, 4.0, 1.0, train_size=1000)
    with same_noise(2), torch.no_grad():
        parts = model.losses(Batch(images), 0.0).parts
    with same_noise(2), torch.no_grad():
        mean, log_variance = model.posterior(images)
        z = gaussian_sample(mean, log_variance)
        own = [[1 / 1000, 998 / 2000, 1 / 2], [1 / 2, 1 / 1000, 998 / 2000], [998 / 2000, 1 / 2, 1 / 1000]]
        expected = decompose(z, mean, log_variance, torch.tensor(own, dtype=torch.float64).log())
    for name, term in zip(("mutual_information", "total_correlation"), expected, strict=False):
        assert float(parts[name]) == pytest.approx(float(term.mean()), rel=1e-12)


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
