from __future__ import annotations

import pytest
import torch

from reproduce.architectures import baselines
from reproduce.datasets import Dataset
from reproduce.errors import ReproduceError
from reproduce.training import as_tensor


def test_sixteen_components_are_orthonormal_and_the_best_linear_code(digits: Dataset) -> None:
    model = baselines.build(baselines.fit("pca-16", digits.train))
    torch.testing.assert_close(model.components @ model.components.T, torch.eye(16), atol=1e-5, rtol=0)
    x = as_tensor(digits.train.images, "cpu").flatten(1).double()
    code = model.encode(x.float())
    error = (x - model.mean - code @ model.components).square().sum()
    discarded = torch.linalg.svdvals(x - x.mean(0))[16:].square().sum()
    assert float(error) == pytest.approx(float(discarded), rel=1e-4)


def test_images_lie_between_0_and_1(digits: Dataset) -> None:
    model = baselines.build(baselines.fit("pca-16", digits.train))
    decoded = model.decode(100 * torch.randn(20, 16, generator=torch.Generator().manual_seed(0)))
    assert decoded.shape == (20, 1, 28, 28)
    assert (float(decoded.min()), float(decoded.max())) == (0.0, 1.0)


def test_an_unknown_reference_is_refused(digits: Dataset) -> None:
    with pytest.raises(ReproduceError, match="unknown reference 'pca-8'; they are pca-16, mean-image"):
        baselines.fit("pca-8", digits.train)
