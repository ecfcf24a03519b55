"""Anisotropy and effective rank against numpy, and where the answer is known."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from linearity.measure.spectra import anisotropy, effective_rank


def test_equal_directions_are_isotropic_and_one_direction_is_not() -> None:
    equal, one = torch.ones(32, dtype=torch.float64), torch.eye(32, dtype=torch.float64)[0]

    assert float(anisotropy(equal)) == pytest.approx(1 / 32)
    assert float(effective_rank(equal)) == pytest.approx(32.0)
    assert float(anisotropy(one)) == float(effective_rank(one)) == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e12])
def test_both_match_numpy_on_a_covariance_of_any_scale(scale: float) -> None:
    X = np.random.default_rng(0).normal(size=(500, 24)) * np.geomspace(1, 1e-3, 24)
    w = np.linalg.eigvalsh(np.cov(X.T)) * scale

    found = torch.from_numpy(w)

    assert float(anisotropy(found)) == pytest.approx(w.max() / w.sum(), rel=1e-12)
    assert float(effective_rank(found)) == pytest.approx(np.exp(entropy(w)), rel=1e-12)
