"""Every score against an independent computation: scikit-learn, numpy, the official function."""

from dataclasses import replace

import llm_microscope
import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from torch import Tensor

from linearity.measure.maps import Maps, Regression, adjusted, choose_ridges, in_sample_scores
from linearity.measure.moments import Band, Moments, Split
from linearity.measure.solved import choose_by_solving, solved_maps, solved_scores


def random_states(n: int, width: int, *, states: int = 3, seed: int = 0) -> Tensor:
    """A stream whose blocks add a linear part, a curved part and noise."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    X = normal(n, width) @ torch.diag(torch.linspace(0.2, 2.0, width, dtype=torch.float64)) + 1.5
    stream = [X]
    for _ in range(states - 1):
        A = normal(width, width) / width**0.5
        X = X + 0.5 * X @ A + 0.3 * torch.tanh(X @ normal(width, width)) + 0.1 * normal(n, width)
        stream.append(X)
    return torch.stack(stream, dim=1)


def split_of(states: Tensor, dtype: torch.dtype = torch.float64) -> Split:
    moments = Moments(states.mean(0), reach=states.shape[1] - 1, dtype=dtype)
    moments.add(states)
    return Split([moments], states[:0])


def regression_of(states: Tensor, i: int = 0) -> Regression:
    return Regression.of(Band.of(split_of(states), i, reach=states.shape[1] - 1))


def r2_by_least_squares(X: np.ndarray, Y: np.ndarray) -> float:
    predicted = LinearRegression().fit(X, Y).predict(X)
    return float(r2_score(Y, predicted, multioutput="variance_weighted"))


def test_in_sample_scores_equal_least_squares_of_scikit_learn() -> None:
    states = random_states(900, 12)
    sample = in_sample_scores(regression_of(states), split_of(states).variation())
    X = states[:, 0].numpy()
    for k in (1, 2):
        Y = states[:, k].numpy()

        assert float(sample.r2_fit[k - 1]) == pytest.approx(r2_by_least_squares(X, Y), abs=1e-9)
        assert float(sample.update_r2_fit[k - 1]) == pytest.approx(
            r2_by_least_squares(X, Y - X), abs=1e-9
        )


def test_r2_fit_is_the_papers_linearity_score() -> None:
    states = random_states(900, 12)
    X, Y = states[:, 0], states[:, 1]
    sample = in_sample_scores(regression_of(states), split_of(states).variation())

    official = llm_microscope.procrustes_similarity(X, Y)
    official_update = llm_microscope.procrustes_similarity(X, Y - X)

    assert float(sample.r2_fit[0]) == pytest.approx(float(official), abs=1e-9)
    assert float(sample.update_r2_fit[0]) == pytest.approx(float(official_update), abs=1e-9)


def test_a_linear_image_scores_one_also_from_rank_deficient_states() -> None:
    generator = torch.Generator().manual_seed(3)
    thin = torch.randn(400, 5, generator=generator, dtype=torch.float64)
    X = thin @ torch.randn(5, 16, generator=generator, dtype=torch.float64)
    Y = X @ torch.randn(16, 16, generator=generator, dtype=torch.float64) + 2.0
    states = torch.stack([X, Y], dim=1)

    sample = in_sample_scores(regression_of(states), split_of(states).variation())

    assert sample.rank == 5
    assert float(sample.r2_fit[0]) == pytest.approx(1.0, abs=1e-9)


def test_rank_and_scores_do_not_depend_on_the_type_of_the_sums() -> None:
    states = random_states(1500, 320)
    distinct = states[:200].repeat(8, 1, 1)[:1500]  # X has 200 different rows, Y differs in all
    distinct[:, 1:] = states[:, 1:]
    exact, rounded = (split_of(distinct, dtype) for dtype in (torch.float64, torch.float32))

    one, two = (
        in_sample_scores(Regression.of(Band.of(split, 0, reach=2)), split.variation())
        for split in (exact, rounded)
    )

    assert (one.rank, two.rank) == (199, 199)
    assert torch.allclose(one.r2_fit, two.r2_fit, atol=1e-5)


@pytest.mark.parametrize("tokens", [150, 319])
def test_fewer_tokens_than_coordinates_score_one_in_float32_sums_too(tokens: int) -> None:
    states = random_states(tokens, 320)
    states[:, 1] = 0.99 * states[:, 0] + 0.01 * states[:, 1]  # an update far below the stream
    split = split_of(states, torch.float32)

    sample = in_sample_scores(Regression.of(Band.of(split, 0, reach=2)), split.variation())

    assert sample.rank == tokens - 1
    assert float(sample.r2_fit.max()) <= 1.0
    assert float(sample.update_r2_fit.max()) <= 1.0
    assert torch.allclose(sample.r2_fit, torch.ones(2, dtype=torch.float64), atol=1e-4)


def test_scores_do_not_change_under_rotation_shift_and_scale() -> None:
    states = random_states(600, 10)
    generator = torch.Generator().manual_seed(9)
    Q, _ = torch.linalg.qr(torch.randn(10, 10, generator=generator, dtype=torch.float64))
    moved = 7.0 * states @ Q - 40.0

    one = in_sample_scores(regression_of(states), split_of(states).variation())
    two = in_sample_scores(regression_of(moved), split_of(moved).variation())

    assert torch.allclose(one.r2_fit, two.r2_fit, atol=1e-9)
    assert torch.allclose(one.update_r2_fit, two.update_r2_fit, atol=1e-9)


def test_a_block_that_adds_nothing_has_no_update_score() -> None:
    X = random_states(300, 8)[:, 0]
    states = torch.stack([X, X], dim=1)

    sample = in_sample_scores(regression_of(states), split_of(states).variation())

    assert float(sample.r2_fit[0]) == pytest.approx(1.0)
    assert torch.isnan(sample.update_r2_fit[0])


def test_unrelated_states_score_d_over_n_minus_one_in_sample_and_nothing_held_out() -> None:
    N, d, draws = 512, 32, 50
    in_sample, heldout = [], []
    for draw in range(draws):
        generator = torch.Generator().manual_seed(draw)
        states = torch.randn(2 * N, 2, d, generator=generator, dtype=torch.float64)
        fit, new = states[:N], states[N:]
        regression = regression_of(fit)
        in_sample.append(float(in_sample_scores(regression, split_of(fit).variation()).r2_fit[0]))
        maps = Maps.fitted(regression, torch.zeros(1, dtype=torch.float64))
        spread = (new[:, 1] - new[:, 1].mean(0)).square().sum()
        heldout.append(1.0 - float(maps.squared_errors(new).sum() / spread))
    error = np.std(in_sample, ddof=1) / np.sqrt(draws)

    assert abs(np.mean(in_sample) - d / (N - 1)) <= 3 * error
    assert np.mean(heldout) <= 0.0


def test_the_adjusted_score_of_unrelated_states_is_nothing_on_average() -> None:
    N, d = 512, 32
    scores = []
    for draw in range(50):
        generator = torch.Generator().manual_seed(draw)
        states = torch.randn(N, 2, d, generator=generator, dtype=torch.float64)
        sample = in_sample_scores(regression_of(states), split_of(states).variation())
        scores.append(float(adjusted(sample.r2_fit, n=N, rank=sample.rank)[0]))

    assert abs(np.mean(scores)) <= 3 * np.std(scores, ddof=1) / np.sqrt(50)


def test_the_adjusted_score_needs_more_tokens_than_rank() -> None:
    assert torch.isnan(adjusted(torch.tensor([0.9]), n=10, rank=9)).all()


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 1.0])
def test_maps_are_ridge_regressions_of_the_update(ridge: float) -> None:
    fit, new = random_states(700, 12), random_states(300, 12, seed=5)
    X, U = fit[:, 0].numpy(), (fit[:, 2] - fit[:, 0]).numpy()
    lam = ridge * float(((X - X.mean(0)) ** 2).sum()) / 12
    reference = Ridge(alpha=lam).fit(X, U)

    maps = Maps.fitted(regression_of(fit), torch.full((2,), ridge, dtype=torch.float64))
    predicted = new[:, 0].numpy() + reference.predict(new[:, 0].numpy())

    assert np.allclose(maps.matrix(1).numpy(), np.eye(12) + reference.coef_.T, atol=1e-9)
    errors = ((new[:, 2].numpy() - predicted) ** 2).sum(1)
    assert np.allclose(maps.squared_errors(new)[:, 1].numpy(), errors, rtol=1e-8)


def test_the_chosen_ridge_has_the_least_validation_error() -> None:
    train, validation = random_states(60, 12), random_states(80, 12, seed=8)
    ridges = torch.tensor([1e-6, 1e-3, 1e-2, 3e-2, 1e-1, 1.0], dtype=torch.float64)
    regression, centres = regression_of(train), train.mean(0)
    split = split_of(validation)
    band = Band.of(split, 0, reach=2, centres=centres)
    variation = split.variation(centres)
    spread = variation[1:] - 2.0 * band.traces[1:] + variation[0]

    chosen = choose_ridges(regression, band, spread, ridges)

    brute = [
        Maps.fitted(regression, ridge.expand(2)).squared_errors(validation).sum(0)
        for ridge in ridges
    ]
    assert chosen.tolist() == torch.stack(brute).argmin(0).tolist()
    solved = choose_by_solving(regression.band, band, spread, ridges)
    assert solved is not None
    assert chosen.tolist() == solved.tolist()


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 1.0])
def test_solving_gives_the_maps_of_the_decomposition(ridge: float, scale: float | None) -> None:
    band = Band.of(split_of(random_states(700, 12)), 0, reach=2)
    ridges = torch.full((2,), ridge, dtype=torch.float64)
    decomposed = Maps.fitted(Regression.of(band), ridges, scale)

    solved = solved_maps(band, ridge, scale)

    assert solved is not None
    new = random_states(300, 12, seed=5)
    assert torch.allclose(solved.matrix(1), decomposed.matrix(1), atol=1e-9)
    assert torch.allclose(solved.squared_errors(new), decomposed.squared_errors(new), rtol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_solving_gives_the_in_sample_scores_of_the_decomposition(dtype: torch.dtype) -> None:
    split = split_of(random_states(700, 12), dtype)
    band, variation = Band.of(split, 0, reach=2), split.variation()
    decomposed = in_sample_scores(Regression.of(band), variation)

    solved = solved_scores(band, variation)

    assert solved is not None
    assert solved.rank == decomposed.rank == 12
    assert torch.allclose(solved.r2_fit, decomposed.r2_fit, atol=1e-10)
    assert torch.allclose(solved.update_r2_fit, decomposed.update_r2_fit, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("width", [12, 400])
def test_states_that_do_not_span_every_direction_are_left_to_the_decomposition(
    width: int, dtype: torch.dtype
) -> None:
    states = random_states(700, width)
    states[:, 0, -1] = states[:, 0, 0] - states[:, 0, 1]
    split = split_of(states, dtype)

    assert solved_scores(Band.of(split, 0, reach=2), split.variation()) is None


def test_where_nothing_can_be_solved_for_no_map_is_given() -> None:
    states = random_states(700, 12)
    band = Band.of(split_of(states), 0, reach=2)
    indefinite = replace(band, C=band.C - 1e6 * torch.eye(12, dtype=torch.float64))
    ridges = torch.tensor([1e-6, 1e-3], dtype=torch.float64)

    assert solved_maps(band, 0.0) is None
    assert solved_maps(indefinite, 1e-3) is None
    assert choose_by_solving(indefinite, band, torch.ones(2).double(), ridges) is None
