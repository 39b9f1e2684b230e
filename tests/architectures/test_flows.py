"""VAE-IAF and VAE-LinNF: determinants against autograd's Jacobian, inverses, triangles and contexts."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from reproduce.architectures.contract import Batch
from reproduce.architectures.flows import (
    AffineFlow,
    AutoregressiveNetwork,
    FlowPosterior,
    InverseAutoregressiveFlow,
    LinearFlow,
)
from reproduce.architectures.settings import Affine, Autoregressive, Backbone
from tests.architectures.exact import draws

DIM, CONTEXT = 4, 3
FOUR = Backbone(latent_dim=DIM, final_block="full", likelihood="gaussian")


def iaf(blocks: int = 2, hidden_layers: int = 3) -> InverseAutoregressiveFlow:
    """With weights far from the near-identity that it starts from."""
    model = InverseAutoregressiveFlow(FOUR, Autoregressive(blocks, 48, hidden_layers, CONTEXT)).double()
    for parameter in model.blocks.parameters():
        parameter.data.normal_(std=0.2)
    return model


def linnf() -> LinearFlow:
    model = LinearFlow(FOUR, Affine(flows=4)).double()
    for parameter in model.flows.parameters():
        parameter.data.normal_(std=0.5)
    return model


def jacobian(model: FlowPosterior, z: Tensor, context: Tensor | None) -> Tensor:
    """∂f(z)/∂z of one code, (d, d)."""
    return torch.autograd.functional.jacobian(lambda point: model.flow(point[None], context)[0][0], z)


def mean_jacobian(model: InverseAutoregressiveFlow) -> Tensor:
    """Mean size of its entries over some points: a ReLU may hide a dependence at one of them."""
    points, contexts = torch.randn(8, DIM).double(), torch.randn(8, 1, CONTEXT).double()
    return torch.stack([jacobian(model, *pair).abs() for pair in zip(points, contexts, strict=True)]).mean(0)


@pytest.mark.parametrize("make", [lambda: iaf(1), iaf, lambda: iaf(3, 1), linnf])
def test_log_determinant_is_that_of_the_jacobian(make: type[FlowPosterior]) -> None:
    model = make()  # type: ignore[call-arg]
    for _ in range(5):
        z, context = torch.randn(DIM).double(), torch.randn(1, CONTEXT).double()
        sign, expected = torch.linalg.slogdet(jacobian(model, z, context))
        assert sign == 1
        assert float(model.flow(z[None], context)[1].detach()) == pytest.approx(
            float(expected), rel=1e-9, abs=1e-12
        )


# --- IAF ----------------------------------------------------------------------------------------------


def test_iaf_inverse_undoes_the_flow() -> None:
    model = iaf()
    z, context = torch.randn(6, DIM).double(), torch.randn(6, CONTEXT).double()
    with torch.no_grad():
        there = model.flow(z, context)[0]
        assert not torch.allclose(there, z, atol=0.1)
        torch.testing.assert_close(model.inverse(there, context), z)
        torch.testing.assert_close(model.flow(model.inverse(z, context), context)[0], z)


def test_each_block_is_autoregressive() -> None:
    """Dimension i depends on 0 … i, on all of them, and on nothing behind."""
    found = mean_jacobian(iaf(1))
    assert torch.equal(found.triu(1), torch.zeros_like(found))
    assert (found.tril() > 1e-9).sum() == DIM * (DIM + 1) // 2


def test_two_blocks_let_every_dimension_depend_on_every_other() -> None:
    assert (mean_jacobian(iaf(2)) > 1e-9).all()


def test_masked_network_sees_earlier_inputs_alone() -> None:
    network = AutoregressiveNetwork(5, 16, 2, CONTEXT).double()
    context = torch.randn(1, CONTEXT).double()
    for output in range(2):
        found = torch.autograd.functional.jacobian(
            lambda z, output=output: network(z[None], context)[output][0], torch.randn(5).double()
        )
        assert torch.equal(found.triu(), torch.zeros_like(found))
        assert (found.tril(-1).abs().sum(1)[1:] > 0).all()


def test_the_first_dimension_of_a_block_sees_neither_another_nor_the_context() -> None:
    """Its shift and gate are learned constants; the order is turned between blocks, so that the next block makes up
    for it (the next test)."""
    network = AutoregressiveNetwork(5, 16, 2, CONTEXT).double()
    z = torch.randn(1, 5).double()
    for output in range(2):
        found = torch.autograd.functional.jacobian(
            lambda c, output=output: network(z, c[None])[output][0], torch.randn(CONTEXT).double()
        )
        assert found[0].tolist() == [0] * CONTEXT
        assert (found[1:].abs().sum(1) > 0).all()


def test_context_reaches_every_dimension_of_the_posterior() -> None:
    model = iaf()
    z = torch.randn(1, DIM).double()
    found = torch.autograd.functional.jacobian(
        lambda c: model.flow(z, c[None])[0][0], torch.randn(CONTEXT).double()
    )
    assert (found.abs().sum(1) > 1e-6).all()
    assert (found.abs().sum(0) > 1e-6).all()


def test_context_comes_from_the_image(images: Tensor) -> None:
    """The map itself differs from image to image, which a flow without context cannot do."""
    model = iaf().eval()
    with torch.no_grad():
        mean, _, context = model.context(images[:2])
        assert context is not None
        z = torch.randn(1, DIM).double().expand(2, -1)
        first, second = model.flow(z, context)[0]
    assert not torch.allclose(first, second, atol=1e-4)
    torch.testing.assert_close(model.encode(images[:2]), model.flow(mean, context)[0])


def test_a_fresh_block_starts_near_the_identity() -> None:
    model = InverseAutoregressiveFlow(FOUR, Autoregressive(1, 128, 3, CONTEXT))
    z = torch.randn(100, DIM)
    scale = model.flow(z, torch.zeros(100, CONTEXT))[1].div(DIM).exp().detach()
    assert float((scale - 1 / (1 + math.exp(-1.5))).abs().max()) < 0.06


# --- LinNF --------------------------------------------------------------------------------------------


def test_composed_linear_flow_is_affine_with_the_product_of_its_diagonals() -> None:
    model = linnf()
    first, second = torch.randn(2, 5, DIM).double()
    middle = model.flow(0.3 * first + 0.7 * second, None)[0]
    torch.testing.assert_close(middle, 0.3 * model.flow(first, None)[0] + 0.7 * model.flow(second, None)[0])
    diagonals = torch.stack([flow.matrix().diagonal().detach() for flow in model.flows])  # type: ignore[operator]
    assert (diagonals > 0).all()
    found = jacobian(model, torch.zeros(DIM).double(), None)
    assert float(torch.linalg.det(found)) == pytest.approx(float(diagonals.prod()), rel=1e-10)
    product = torch.eye(DIM).double()
    for flow in model.flows:
        product = flow.matrix() @ product  # type: ignore[operator]
    torch.testing.assert_close(found, product)


def test_triangles_alternate_between_lower_and_upper() -> None:
    matrices = [flow.matrix().detach() for flow in linnf().flows]  # type: ignore[operator]
    for index, matrix in enumerate(matrices):
        empty, full = (
            (matrix.triu(1), matrix.tril(-1)) if index % 2 == 0 else (matrix.tril(-1), matrix.triu(1))
        )
        assert float(empty.abs().sum()) == 0
        assert (full != 0).sum() == DIM * (DIM - 1) // 2


def test_linear_flow_starts_from_the_identity() -> None:
    z = torch.randn(3, DIM)
    there, log_determinant = LinearFlow(FOUR, Affine(flows=4)).flow(z, None)
    torch.testing.assert_close(there, z)
    assert log_determinant.tolist() == [0, 0, 0]


def undone(flow: AffineFlow, z: Tensor, lower: bool) -> Tensor:
    """T⁻¹(z - b) by substitution, which looks at the named triangle alone: (B, d) → (B, d)."""
    matrix, shift = flow.matrix().detach(), flow.shift.detach()
    return torch.linalg.solve_triangular(matrix, (z - shift).T, upper=not lower).T


@pytest.mark.parametrize("lower", [True, False])
def test_substitution_undoes_an_affine_flow_and_the_flow_undoes_it(lower: bool) -> None:
    flow = AffineFlow(DIM, lower=lower).double()
    for parameter in flow.parameters():
        parameter.data.normal_()
    z = torch.randn(5, DIM).double()
    with torch.no_grad():
        assert not torch.allclose(flow(z)[0], z, atol=0.1)
        torch.testing.assert_close(undone(flow, flow(z)[0], lower), z)
        torch.testing.assert_close(flow(undone(flow, z, lower))[0], z)


def test_substitutions_in_reverse_order_undo_the_composed_map() -> None:
    """And their determinant is the inverse of the one that the flow reports."""
    model = linnf()
    z = torch.randn(5, DIM).double()

    def back(z: Tensor) -> Tensor:
        for index, flow in reversed(list(enumerate(model.flows))):
            z = undone(flow, z, lower=index % 2 == 0)  # type: ignore[arg-type]
        return z

    with torch.no_grad():
        there, log_determinant = model.flow(z, None)
        torch.testing.assert_close(back(there), z)
        torch.testing.assert_close(model.flow(back(z), None)[0], z)
    inverse = torch.autograd.functional.jacobian(
        lambda point: back(point[None])[0], torch.zeros(DIM).double()
    )
    sign, found = torch.linalg.slogdet(inverse)
    assert sign == 1
    assert float(log_determinant[0]) == pytest.approx(-float(found), rel=1e-10)


# --- the bound ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [iaf, linnf])
def test_kl_is_log_q_minus_log_p_with_q_from_the_change_of_variables(
    make: type[FlowPosterior], images: Tensor
) -> None:
    model = make().eval()  # type: ignore[call-arg]
    noise = torch.randn(8, DIM).double()
    with draws(noise), torch.no_grad():
        z, kl = model.sample_with_kl(images)
    mean, log_variance, context = model.context(images)
    for row in range(3):
        deviation = (0.5 * log_variance[row]).exp().detach()
        start = mean[row].detach() + deviation * noise[row]
        own = None if context is None else context[row : row + 1].detach()
        torch.testing.assert_close(model.flow(start[None], own)[0][0].detach(), z[row])
        log_q0 = norm(mean[row].detach().numpy(), deviation.numpy()).logpdf(start.numpy()).sum()
        log_q = log_q0 - float(torch.linalg.slogdet(jacobian(model, start, own))[1])
        expected = log_q - norm.logpdf(z[row].numpy()).sum()
        assert float(kl[row]) == pytest.approx(expected, rel=1e-9)


def test_linear_flow_has_the_kl_of_the_gaussian_that_it_is(images: Tensor) -> None:
    """N(Tμ + b, TΣTᵀ) against N(0, I) in closed form; the noise's corners make the expectation exact."""
    two = Backbone(latent_dim=2, final_block="full", likelihood="gaussian")
    model = LinearFlow(two, Affine(flows=4)).double().eval()
    for parameter in model.flows.parameters():
        parameter.data.normal_(std=0.5)
    corner = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]]).double()
    with draws(corner), torch.no_grad():
        found = float(model.sample_with_kl(images[:1].expand(4, -1, -1, -1))[1].mean())
    with torch.no_grad():
        mean, log_variance = (value[0] for value in model.posterior(images[:1]))
        matrix = jacobian(model, torch.zeros(2).double(), None)
        moved = model.flow(mean[None], None)[0][0]
        covariance = matrix @ log_variance.exp().diag() @ matrix.T
        kl = 0.5 * (moved.square().sum() + covariance.trace() - 2 - torch.logdet(covariance))
    assert found == pytest.approx(float(kl), rel=1e-10)


def test_loss_is_half_squared_error_and_kl(images: Tensor) -> None:
    model = iaf().eval()
    noise = torch.randn(8, DIM).double()
    with torch.no_grad():
        with draws(noise):
            loss = float(model.losses(Batch(images), 0.0).players["autoencoder"])
        with draws(noise):
            z, kl = model.sample_with_kl(images)
        error = 0.5 * (model.decode(z) - images).square().sum((1, 2, 3))
    assert loss == pytest.approx(float((error + kl).mean()), rel=1e-12)
