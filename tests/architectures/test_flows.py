"""VAE-IAF and VAE-LinNF: determinants against autograd's Jacobian, inverses, triangles and contexts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from reproduce.architectures.flows import FlowPosterior, InverseAutoregressiveFlow, LinearFlow
from reproduce.architectures.settings import Affine, Autoregressive, Backbone
from tests.architectures.exact import draws

DIM, CONTEXT = 4, 3
FOUR = Backbone(latent_dim=DIM, final_block="full", likelihood="gaussian")


def iaf(blocks: int = 2, hidden_layers: int = 3) -> InverseAutoregressiveFlow:
    """With weights far from the near-identity that it starts from."""
    model = InverseAutoregressiveFlow(FOUR, Autoregressive(blocks, 48, hidden_layers, CONTEXT)).double()
    for parameter in model.blocks.parameters():
        parameter.data.normal_(std=0.2)
    return model.eval()


def linnf() -> LinearFlow:
    model = LinearFlow(FOUR, Affine(flows=4)).double()
    for parameter in model.flows.parameters():
        parameter.data.normal_(std=0.5)
    return model.eval()


def by_code(model: FlowPosterior, z: Tensor, context: Tensor | None) -> Tensor:
    """∂f(z)/∂z of one code, (d, d)."""
    return torch.autograd.functional.jacobian(lambda point: model.flow(point[None], context)[0][0], z)


def dependence(model: InverseAutoregressiveFlow) -> tuple[Tensor, Tensor]:
    """Mean size of ∂f/∂z (d, d) and ∂f/∂context (d, c) over some points: a ReLU may hide one at one of them."""
    codes, contexts = [], []
    for _ in range(8):
        z, context = torch.randn(DIM).double(), torch.randn(CONTEXT).double()
        codes.append(by_code(model, z, context[None]).abs())
        by_context = torch.autograd.functional.jacobian(
            lambda c, z=z: model.flow(z[None], c[None])[0][0], context
        )
        contexts.append(by_context.abs())
    return torch.stack(codes).mean(0), torch.stack(contexts).mean(0)


@pytest.mark.parametrize("make", [lambda: iaf(1), iaf, lambda: iaf(3, 1), linnf])
def test_log_determinant_is_that_of_the_jacobian(make: Callable[[], FlowPosterior]) -> None:
    model = make()
    for _ in range(5):
        z, context = torch.randn(DIM).double(), torch.randn(1, CONTEXT).double()
        sign, expected = torch.linalg.slogdet(by_code(model, z, context))
        found = float(model.flow(z[None], context)[1].detach())
        assert sign == 1
        assert found == pytest.approx(float(expected), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("make", [iaf, linnf])
def test_kl_has_q_from_the_change_of_variables(make: Callable[[], FlowPosterior], images: Tensor) -> None:
    model = make()
    noise = torch.randn(8, DIM).double()
    with draws(noise), torch.no_grad():
        z, kl = model.sample_with_kl(images)
        mean, log_variance, context = model.context(images)
        torch.testing.assert_close(model.encode(images), model.flow(mean, context)[0])
    for row in range(3):
        deviation = (0.5 * log_variance[row]).exp()
        start = mean[row] + deviation * noise[row]
        own = None if context is None else context[row : row + 1]
        torch.testing.assert_close(model.flow(start[None], own)[0][0].detach(), z[row])
        log_q0 = norm(mean[row].numpy(), deviation.numpy()).logpdf(start.numpy()).sum()
        log_q = log_q0 - float(torch.linalg.slogdet(by_code(model, start, own))[1])
        expected = log_q - norm.logpdf(z[row].numpy()).sum()
        assert float(kl[row]) == pytest.approx(expected, rel=1e-9)


def test_one_block_is_autoregressive_and_two_let_everything_depend_on_everything() -> None:
    """In one block dimension i depends on 0 … i, on all of them and on nothing behind; the first sees no context."""
    codes, contexts = dependence(iaf(1))
    assert not codes.triu(1).any()
    assert (codes.tril() > 1e-9).sum() == DIM * (DIM + 1) // 2
    assert not contexts[0].any()
    codes, contexts = dependence(iaf(2))
    assert (codes > 1e-9).all()
    assert (contexts > 1e-6).all()


def test_flow_is_affine_by_the_product_of_triangles_lower_and_upper_in_turn() -> None:
    model = linnf()
    matrices = [flow.matrix().detach() for flow in model.flows]  # type: ignore[operator]
    product = torch.eye(DIM).double()
    for index, matrix in enumerate(matrices):
        triangle = matrix if index % 2 == 0 else matrix.T
        assert not triangle.triu(1).any()
        assert (triangle.tril(-1) != 0).sum() == DIM * (DIM - 1) // 2
        assert (matrix.diagonal() > 0).all()
        product = matrix @ product
    first, second = torch.randn(2, 5, DIM).double()
    with torch.no_grad():
        between = model.flow(first, None)[0] - model.flow(second, None)[0]
    torch.testing.assert_close(between, (first - second) @ product.T)
