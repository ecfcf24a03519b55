"""Fitted maps against their closed forms in numpy, in float64, and scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from torch import Tensor, nn

from linearity.adapters.inputs import load_documents
from linearity.adapters.store import ArtifactStore
from linearity.contracts.inputs import DatasetRecord
from linearity.contracts.linearity import RIDGE_WITHOUT_VALIDATION, RIDGES
from linearity.errors import DegenerateStatesError, TooFewTokensError
from linearity.models.changes import AffineMap
from linearity.models.down import Down, merged
from linearity.models.loaded import LoadedModel
from linearity.prune.replacements import (
    FitTokens,
    RidgeMap,
    fit_linear,
    fit_merged,
    held_out_scores,
    merged_weight,
)
from tests.oracles import last_states

Array = NDArray[np.float64]
WIDTHS = [24, 300]  # sums in float64, and in float32 chunks
PRECISION = {24: 1e-6, 300: 2e-4}  # relative to the largest weight; updates are float32


def states(
    d: int, *, rows: int = 0, offset: float = 0.0, noise: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Return float32 states X and Y where Y is an affine image of X and something else."""
    n = rows or 2400
    rng = np.random.default_rng(d)
    X = rng.normal(size=(n, d)) * np.linspace(0.2, 3.0, d) + offset
    A = np.eye(d) + 0.3 * rng.normal(size=(d, d)) / np.sqrt(d)
    Y = X @ A + rng.normal(size=d) + noise * rng.normal(size=(n, d)) + 0.1 * np.tanh(X)
    return torch.from_numpy(X).float(), torch.from_numpy(Y).float()


def tokens(n: int, *, validated: bool = True) -> FitTokens:
    """Every 50th row is a first token, a few are sinks, the last fifth validates."""
    first = torch.arange(n) % 50 == 0
    sinks = torch.arange(n) % 733 == 5
    validation = torch.arange(n) >= (4 * n) // 5 if validated else torch.zeros(n, dtype=torch.bool)
    return FitTokens(ordinary=~first & ~sinks, first=first, validation=validation)


def linear_map(X: Tensor, Y: Tensor, ridge: float) -> tuple[Array, Array]:
    """Return W and b of ``y = x + x W + b``, shrunk toward the identity, by the closed form."""
    x, u = X.double().numpy(), (Y.double() - X.double()).numpy()
    cx, cu = x - x.mean(0), u - u.mean(0)
    lam = ridge * np.trace(cx.T @ cx) / x.shape[1]
    W = np.linalg.solve(cx.T @ cx + lam * np.eye(x.shape[1]), cx.T @ cu)
    return W, u.mean(0) - x.mean(0) @ W


def assert_map(found: RidgeMap, W: Array, b: Array, precision: float) -> None:
    np.testing.assert_allclose(found.W.numpy(), W, atol=precision * np.abs(W).max(), rtol=0)
    np.testing.assert_allclose(found.b.numpy(), b, atol=precision * np.abs(b).max(), rtol=0)


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 1.0])
@pytest.mark.parametrize("d", WIDTHS)
def test_a_linear_map_equals_its_closed_form(d: int, ridge: float) -> None:
    X, Y = states(d)
    of = tokens(len(X))

    found = fit_linear(X, Y, of, ridge)

    assert found.ridge == ridge
    assert_map(found, *linear_map(X[of.ordinary], Y[of.ordinary], ridge), PRECISION[d])


def test_a_linear_map_equals_scikit_learn() -> None:
    X, Y = states(24)
    of = tokens(len(X))
    x, y = (t[of.ordinary].double().numpy() for t in (X, Y))
    scale = ((x - x.mean(0)) ** 2).sum() / 24
    expected = Ridge(alpha=0.1 * scale, solver="cholesky").fit(x, y - x)

    found = fit_linear(X, Y, of, 0.1)

    assert_map(found, expected.coef_.T, expected.intercept_, PRECISION[24])


@pytest.mark.parametrize("d", WIDTHS)
def test_a_mean_that_is_large_beside_the_spread_does_no_harm(d: int) -> None:
    X, Y = states(d, offset=300.0)
    of = tokens(len(X))

    found = fit_linear(X, Y, of, 1e-2)

    W, b = linear_map(X[of.ordinary], Y[of.ordinary], 1e-2)
    np.testing.assert_allclose(found.W.numpy(), W, atol=1e-3 * np.abs(W).max(), rtol=0)
    x = X[of.ordinary].double().numpy()
    expected = x @ W + b
    predicted = x @ found.W.numpy() + found.b.numpy()
    assert np.abs(predicted - expected).max() < 1e-3 * expected.std()


@pytest.mark.parametrize("noise", [0.02, 0.5, 3.0, 30.0])
def test_the_ridge_that_predicts_the_validation_tokens_best_is_chosen(noise: float) -> None:
    X, Y = states(24, rows=240, noise=noise)
    of = tokens(len(X))
    train, held = of.ordinary & ~of.validation, of.ordinary & of.validation

    def error(ridge: float) -> float:
        W, b = linear_map(X[train], Y[train], ridge)
        x, y = X[held].double().numpy(), Y[held].double().numpy()
        return float(((y - x - x @ W - b) ** 2).sum())

    best = min(RIDGES, key=error)
    found = fit_linear(X, Y, of, None)

    assert found.ridge == best
    assert_map(found, *linear_map(X[of.ordinary], Y[of.ordinary], best), PRECISION[24])


def test_noisier_data_is_shrunk_more() -> None:
    clear, noisy = (states(24, rows=240, noise=noise) for noise in (0.02, 30.0))

    chosen = [fit_linear(X, Y, tokens(240), None).ridge for X, Y in (clear, noisy)]

    assert chosen[0] < chosen[1]


def test_without_validation_tokens_a_fixed_ridge_is_taken() -> None:
    X, Y = states(24)
    of = tokens(len(X), validated=False)

    found = fit_linear(X, Y, of, None)

    assert found.ridge == RIDGE_WITHOUT_VALIDATION
    assert_map(found, *linear_map(X[of.ordinary], Y[of.ordinary], found.ridge), PRECISION[24])


@pytest.mark.parametrize("ridge", [None, 1e-2])
def test_first_tokens_and_sinks_do_not_matter_to_a_linear_map(ridge: float | None) -> None:
    X, Y = states(24)
    of = tokens(len(X))
    found = fit_linear(X, Y, of, ridge)
    X[~of.ordinary] = 1e6
    Y[~of.ordinary] = -1e7

    again = fit_linear(X, Y, of, ridge)

    assert torch.equal(again.W, found.W)
    assert torch.equal(again.b, found.b)
    assert again.ridge == found.ridge


def merged_map(M: Tensor, X: Tensor, Y: Tensor, ridge: float, scale: float) -> Array:
    """Return ``T - I`` by the closed form, uncentred; `scale` is the mean squared length."""
    m, u = M.double().numpy(), (Y.double() - X.double()).numpy()
    lam = ridge * scale * len(m) / m.shape[1]
    return np.linalg.solve(m.T @ m + lam * np.eye(m.shape[1]), m.T @ u)


def mlp_states(d: int, *, massive: float) -> tuple[Tensor, Tensor, Tensor, FitTokens]:
    """Return M, X, Y where first tokens and sinks are `massive` times as long."""
    of = tokens(2400)
    M, U = states(d)
    U = 0.2 * U
    X = torch.randn(2400, d, generator=torch.Generator().manual_seed(d))
    M[~of.ordinary] *= massive
    U[~of.ordinary] *= massive
    return M, X, X + U, of


def mean_square(M: Tensor, of: FitTokens) -> float:
    return float((M[of.ordinary].double().numpy() ** 2).sum(1).mean())


@pytest.mark.parametrize("massive", [1.0, 40.0, 3000.0])
@pytest.mark.parametrize("d", WIDTHS)
def test_a_merged_map_equals_its_closed_form_with_every_token(d: int, massive: float) -> None:
    M, X, Y, of = mlp_states(d, massive=massive)

    found = fit_merged(M, X, Y, of, 1e-2)

    W = merged_map(M, X, Y, 1e-2, mean_square(M, of))
    np.testing.assert_allclose(found.W.numpy(), W, atol=PRECISION[d] * np.abs(W).max(), rtol=0)
    assert not found.b.any()


def test_massive_tokens_do_matter_to_a_merged_map() -> None:
    M, X, Y, of = mlp_states(24, massive=40.0)
    found = fit_merged(M, X, Y, of, 1e-2)
    Y[of.first] += 5.0

    assert (fit_merged(M, X, Y, of, 1e-2).W - found.W).abs().max() > 1e-3


@pytest.mark.parametrize("noise", [0.02, 3.0, 30.0])
def test_the_ridge_of_a_merged_map_is_chosen_on_validation_tokens(noise: float) -> None:
    M, Y = states(24, rows=240, noise=noise)
    X, of = 0.9 * M, tokens(240)
    train, held = ~of.validation, of.validation
    scale = mean_square(M, of)

    def error(ridge: float) -> float:
        W = merged_map(M[train], X[train], Y[train], ridge, scale)
        m, u = M[held].double().numpy(), (Y[held].double() - X[held].double()).numpy()
        return float(((u - m @ W) ** 2).sum())

    best = min(RIDGES, key=error)
    found = fit_merged(M, X, Y, of, None)

    assert found.ridge == best
    np.testing.assert_allclose(found.W.numpy(), merged_map(M, X, Y, best, scale), atol=1e-6)


def other_documents(seed: int) -> tuple[Tensor, Tensor, FitTokens]:
    """Return X and Y whose validation tokens lie elsewhere: the choice is a close one."""
    rng = np.random.default_rng(seed)
    d, n, train = 8, 120, 96
    X = rng.normal(size=(n, d))
    X[train:] += 2.0 * rng.normal(size=d)
    noise = rng.choice([1.0, 3.0, 8.0]) * rng.normal(size=(n, d))
    Y = X + X @ (0.3 * rng.normal(size=(d, d))) + noise
    Y[train:] += rng.normal(size=d)
    every = torch.ones(n, dtype=torch.bool)
    of = FitTokens(ordinary=every, first=~every, validation=torch.arange(n) >= train)
    return torch.from_numpy(X).float(), torch.from_numpy(Y).float(), of


@pytest.mark.parametrize("seed", range(40))
def test_a_close_choice_of_the_ridge_is_made_with_the_training_tokens_alone(seed: int) -> None:
    X, Y, of = other_documents(seed)
    train, held = ~of.validation, of.validation
    x, y, scale = X[held].double().numpy(), Y[held].double().numpy(), mean_square(X, of)

    def error(ridge: float) -> float:
        W, b = linear_map(X[train], Y[train], ridge)
        return float(((y - x - x @ W - b) ** 2).sum())

    def merged_error(ridge: float) -> float:
        W = merged_map(X[train], X[train], Y[train], ridge, scale)
        return float(((y - x - x @ W) ** 2).sum())

    assert fit_linear(X, Y, of, None).ridge == min(RIDGES, key=error)
    assert fit_merged(X, X, Y, of, None).ridge == min(RIDGES, key=merged_error)


def test_a_block_with_the_merged_weight_applies_the_map_to_what_its_mlp_writes(
    glass: LoadedModel, docs_record: DatasetRecord, small_store: ArtifactStore
) -> None:
    block = glass.layout.blocks[1]
    W = 0.3 * torch.randn(128, 128, generator=torch.Generator().manual_seed(0)).double()
    ids = glass.tokenize(load_documents(docs_record, small_store)[3])[:50]
    written: list[Tensor] = []
    handle = block.mlp.register_forward_hook(lambda _, __, output: written.append(output[0]))  # type: ignore[union-attr]
    dense = last_states(glass.network, ids)
    handle.remove()
    down = block.mlp.down_proj.weight  # type: ignore[union-attr]
    assert isinstance(down, Tensor)

    with merged(block, Down(merged_weight(down.detach(), W), None)):
        changed = last_states(glass.network, ids)

    expected = dense[2].double() + written[0].double() @ W
    torch.testing.assert_close(changed[2].double(), expected, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(changed[1], dense[1], atol=0, rtol=0)


def test_a_merged_weight_keeps_the_type_of_the_weight() -> None:
    down = torch.randn(8, 20).to(torch.bfloat16)
    W = torch.randn(8, 8).double()

    found = merged_weight(down, W)

    T = np.eye(8) + W.numpy()
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, torch.from_numpy(T.T @ down.double().numpy()).to(torch.bfloat16))


def affine(seed: int, d: int = 6) -> AffineMap:
    random = torch.Generator().manual_seed(seed)
    W, b, first = (torch.randn(*s, generator=random).double() for s in ((d, d), (d,), (d,)))
    return AffineMap(W, b, first)


def applied(affine: AffineMap, x: Array) -> Array:
    """Apply one map to the states of one text, (T, d)."""
    y = x + x @ affine.W.numpy() + affine.b.numpy()
    y[0] = x[0] + affine.first.numpy()
    return np.asarray(y)


def test_two_maps_as_one_equal_one_after_the_other_also_at_position_0() -> None:
    x = np.random.default_rng(0).normal(size=(9, 6))
    one, two, three = affine(1), affine(2), affine(3)

    fused = one.then(two).then(three)

    expected = applied(three, applied(two, applied(one, x)))
    np.testing.assert_allclose(applied(fused, x), expected, rtol=1e-12)
    ran = fused.module(torch.float64)(torch.from_numpy(x)[None], position_ids=torch.arange(9)[None])
    np.testing.assert_allclose(ran[0].numpy(), expected, rtol=1e-12)


def test_a_linear_block_exempts_position_0_wherever_it_stands() -> None:
    x = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0)).double()
    positions = torch.tensor([[1, 1, 0, 1, 2], [7, 8, 9, 10, 11]])  # padded; a later chunk
    one = affine(4)

    found = one.module(torch.float64)(x, position_ids=positions)

    expected = x + x @ one.W + one.b
    expected[0, 2] = x[0, 2] + one.first
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="position_ids"):
        one.module(torch.float64)(x)


@pytest.mark.parametrize("d", WIDTHS)
def test_held_out_scores_equal_scikit_learn(d: int) -> None:
    X, Y = states(d, noise=2.0)
    of = tokens(len(X))
    half = torch.arange(len(X)) % 2 == 0
    fitted = fit_linear(X[half], Y[half], tokens(int(half.sum())), 1e-2)
    x, y = (t[~half & of.ordinary].double().numpy() for t in (X, Y))
    u = x @ fitted.W.numpy() + fitted.b.numpy()

    stream, update = held_out_scores(fitted, X, Y, ~half & of.ordinary)

    assert stream == pytest.approx(r2_score(y, x + u, multioutput="variance_weighted"), abs=1e-5)
    assert update == pytest.approx(r2_score(y - x, u, multioutput="variance_weighted"), abs=1e-5)


def test_a_block_that_adds_nothing_has_no_update_score() -> None:
    X, _ = states(24)
    of = tokens(len(X))

    fitted = fit_linear(X, X, of, None)

    stream, update = held_out_scores(fitted, X, X, of.ordinary)
    assert stream == 1.0
    assert update is None
    assert not fitted.W.any()


def test_states_that_do_not_span_the_width_are_fitted_with_the_least_ridge_too() -> None:
    """Few different tokens: sums in float32 leave eigenvalues a little below zero."""
    d, kinds, ridge = 512, 100, 1e-9
    some = torch.Generator().manual_seed(0)
    X = torch.randn(kinds, d, generator=some)[torch.randint(0, kinds, (4 * d,), generator=some)]
    Y = X + 0.3 * torch.randn(4 * d, d, generator=some)
    every = torch.ones(4 * d, dtype=torch.bool)

    found = fit_linear(X, Y, FitTokens(ordinary=every, first=~every, validation=~every), ridge)

    W, b = linear_map(X, Y, ridge)
    x = X.double().numpy()
    np.testing.assert_allclose(x @ found.W.numpy() + found.b.numpy(), x @ W + b, atol=1e-3)


def test_states_that_do_not_vary_are_an_error() -> None:
    X = torch.ones(100, 24)
    of = tokens(100)

    with pytest.raises(DegenerateStatesError):
        fit_linear(X, X, of, 1e-2)
    with pytest.raises(DegenerateStatesError):
        fit_merged(0 * X, X, X, of, None)
    with pytest.raises(DegenerateStatesError):
        held_out_scores(RidgeMap(torch.eye(24), torch.zeros(24), 0.1), X, X, of.ordinary)


@pytest.mark.parametrize("left", [0, 1])
def test_fewer_than_two_tokens_are_an_error(left: int) -> None:
    X, Y = states(24)
    of = tokens(len(X))
    few = replace(of, ordinary=of.ordinary & (of.ordinary.cumsum(0) <= left))

    with pytest.raises(TooFewTokensError):
        fit_linear(X, Y, few, 1e-2)


def test_a_bias_of_the_down_projection_is_merged_too() -> None:
    generator = torch.Generator().manual_seed(3)
    block = nn.Module()
    block.mlp = nn.Module()
    block.mlp.down_proj = nn.Linear(7, 4, bias=True).double()
    W = torch.randn(4, 4, generator=generator).double()
    inner = torch.randn(5, 7, generator=generator).double()
    dense = block.mlp.down_proj(inner)
    down = block.mlp.down_proj

    new = Down(merged_weight(down.weight.detach(), W), merged_weight(down.bias.detach(), W))
    with merged(block, new):
        changed = block.mlp.down_proj(inner)

    torch.testing.assert_close(changed, dense + dense @ W)
    torch.testing.assert_close(block.mlp.down_proj(inner), dense)
