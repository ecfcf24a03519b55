"""Orders, spans and rank correlations against brute force and plain numpy."""

import random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from linearity.contracts.actions import Plan
from linearity.prune.strategies import (
    best_spans,
    order_by,
    random_order,
    rank_correlation,
    span_plan,
)

Array = NDArray[np.float64]


def test_blocks_are_ordered_by_their_number_and_of_equals_the_deeper_comes_first() -> None:
    assert order_by([0.3, 0.1, 0.2, 0.1, 0.3]) == [3, 1, 2, 4, 0]
    assert order_by([-1.0, float("inf"), 0.0]) == [0, 2, 1]
    assert order_by([0.0] * 4) == [3, 2, 1, 0]


def test_growing_plans_of_an_order_are_nested() -> None:
    order = order_by([random.Random(4).random() for _ in range(9)])
    plans = [Plan.of(order[: k + 1], "drop") for k in range(9)]

    for k, plan in enumerate(plans):
        assert set(plan.blocks) == set(order[: k + 1])
        assert plan.changed == k + 1


def test_random_orders_are_decided_by_their_seed_alone() -> None:
    orders = [random_order(12, f"7:{seed}") for seed in range(5)]

    assert orders == [random_order(12, f"7:{seed}") for seed in range(5)]
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert len({tuple(order) for order in orders}) == 5
    assert random_order(12, "8:0") != orders[0]


def test_random_orders_put_every_block_first_equally_often() -> None:
    counts = np.bincount([random_order(6, f"0:{seed}")[0] for seed in range(3000)], minlength=6)

    assert (abs(counts - 500) < 5 * np.sqrt(3000 * (1 / 6) * (5 / 6))).all()


@pytest.mark.parametrize("seed", range(4))
def test_spans_are_the_best_of_all_spans_of_their_length(seed: int) -> None:
    angles = np.random.default_rng(seed).random((9, 9))
    angles = (angles + angles.T) / 2

    found = best_spans(torch.from_numpy(angles), longest=7)

    for length, span in enumerate(found, start=1):
        starts = range(9 - length)
        best = min(starts, key=lambda start: angles[start, start + length])
        assert span == range(best, best + length)


def test_a_span_gets_one_action() -> None:
    assert span_plan(range(3, 6), "linear").text == "3-5:linear"
    assert span_plan(range(3, 4), "drop").text == "3:drop"


def ranks(values: Array) -> Array:
    """Rank from 1, ties by the mean of their ranks."""
    return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])


def spearman(one: Array, other: Array) -> float:
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_is_pearsons_of_the_ranks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=30), rng.integers(0, 8, 30).astype(float)  # the second has ties

    found = rank_correlation(one.tolist(), other.tolist())

    assert found == pytest.approx(spearman(one, other), abs=1e-12)
    assert rank_correlation(one.tolist(), (one**3).tolist()) == pytest.approx(1.0)
    assert rank_correlation(one.tolist(), (-one).tolist()) == pytest.approx(-1.0)


def test_blocks_that_a_strategy_does_not_rank_are_left_out() -> None:
    ranking: list[float | None] = [0.0, None, 1.0, 2.0, None]
    damage = [0.4, 9.0, 0.1, 0.5, -9.0]

    assert rank_correlation(ranking, damage) == pytest.approx(
        spearman(np.array([0.0, 1.0, 2.0]), np.array([0.4, 0.1, 0.5]))
    )


@pytest.mark.parametrize(
    ("ranking", "damage"),
    [
        ([0.0, 1.0], [0.1, 0.2]),
        ([0.0, None, 1.0, None], [0.1, 0.2, 0.3, 0.4]),
        ([1.0, 1.0, 1.0], [0.1, 0.2, 0.3]),
        ([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]),
        ([], []),
        ([None, None, None], [0.1, 0.2, 0.3]),
    ],
)
def test_a_correlation_that_is_not_defined_is_none(
    ranking: list[float | None], damage: list[float]
) -> None:
    assert rank_correlation(ranking, damage) is None
