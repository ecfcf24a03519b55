"""Rotation fit against scipy's Procrustes, CKA against its definition with n x n matrices."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from linearity.measure.similarity import debiased_cka, rotation_fit

Array = NDArray[np.float64]


def states_of(seed: int, n: int = 300, d: int = 12, S: int = 3) -> Array:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.geomspace(1, 0.1, d) + 5.0
    found = [X]
    for _ in range(S - 1):
        last = found[-1]
        found.append(np.tanh(last @ rng.normal(size=(d, d)) / d) + 0.5 * last)
    return np.stack(found, axis=1)


def unbiased_hsic(X: Array, Y: Array) -> float:
    """The estimate of Song et al., 2012, eq. 5, as it is written there."""
    n = len(X)
    K, L = X @ X.T, Y @ Y.T
    np.fill_diagonal(K, 0.0)
    np.fill_diagonal(L, 0.0)
    one = np.ones(n)
    terms = (
        np.trace(K @ L)
        + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        - 2.0 / (n - 2) * (one @ K @ L @ one)
    )
    return float(terms / (n * (n - 3)))


def moments(X: Array, Y: Array) -> tuple[torch.Tensor, torch.Tensor]:
    X, Y = X - X.mean(0), Y - Y.mean(0)
    return torch.from_numpy(X.T @ Y), torch.tensor([(X**2).sum(), (Y**2).sum()])


@pytest.mark.parametrize("seed", range(3))
def test_a_scaled_rotation_is_explained_as_far_as_scipy_finds_one(seed: int) -> None:
    X, Y, _ = states_of(seed).swapaxes(0, 1)

    found = float(rotation_fit(*moments(X, Y)))

    A, B = (Z - Z.mean(0) for Z in (X, Y))
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    R, scale = orthogonal_procrustes(A, B)
    assert found == pytest.approx(1.0 - ((B - scale * A @ R) ** 2).sum(), abs=1e-12)
    assert 0.0 < found < 1.0


def test_a_turned_scaled_and_moved_state_is_explained_whole() -> None:
    X = states_of(0)[:, 0]
    Y = -3.0 * X @ ortho_group.rvs(X.shape[1], random_state=1) + 7.0

    assert float(rotation_fit(*moments(X, Y))) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n", [4, 5, 300, 600])
def test_cka_is_the_ratio_of_unbiased_estimates(n: int) -> None:
    states = states_of(1, n=n)

    found = debiased_cka(torch.from_numpy(states)).numpy()

    X = states.swapaxes(0, 1)
    hsic = np.array([[unbiased_hsic(a, b) for b in X] for a in X])
    own = np.sqrt(np.diag(hsic))
    assert found == pytest.approx(hsic / np.outer(own, own), abs=1e-9)


def test_cka_of_unrelated_states_is_zero_on_average_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(2)
    draws = [torch.from_numpy(rng.normal(size=(100, 2, 40))) for _ in range(40)]

    found = np.array([float(debiased_cka(draw)[0, 1]) for draw in draws])

    assert abs(found.mean()) < 3.0 * found.std() / np.sqrt(len(found))
    assert (found < 0.0).any()


def test_cka_ignores_rotation_scale_and_place() -> None:
    states = states_of(3, S=2)
    states[:, 1] = 4.0 * states[:, 0] @ ortho_group.rvs(states.shape[2], random_state=1) - 9.0

    assert float(debiased_cka(torch.from_numpy(states))[0, 1]) == pytest.approx(1.0, abs=1e-10)


def test_float32_products_keep_four_digits() -> None:
    states = torch.from_numpy(states_of(4, n=2000, d=48))

    wide, narrow = debiased_cka(states), debiased_cka(states.float())

    assert narrow == pytest.approx(wide.numpy(), abs=1e-4)


def test_a_state_that_does_not_vary_has_none() -> None:
    states = torch.from_numpy(states_of(5))
    states[:, 1] = 2.0

    found = debiased_cka(states)

    assert found[1].isnan().all()
    assert not found[0, 2].isnan()


@pytest.mark.parametrize("rank", [1, 8, 60])
def test_states_of_low_rank_keep_their_zeros(rank: int) -> None:
    rng = np.random.default_rng(rank)
    X = rng.normal(size=(400, rank)) @ rng.normal(size=(rank, 64)) * np.geomspace(1, 1e-6, 64)
    Y = X @ ortho_group.rvs(64, random_state=2)

    assert float(rotation_fit(*moments(X, Y))) == pytest.approx(1.0, abs=1e-8)
