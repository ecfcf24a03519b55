"""Two sets that follow the mix of a log."""

import random
from collections import Counter
from typing import Any

import pytest

from linearity.business.load import LENGTHS, Load, LoggedRequest, length_bin
from linearity.business.weighted_sets import WeightedDraw, allocate, fill_up

ALLOCATIONS: list[tuple[int, dict[str, int], dict[str, int]]] = [
    (10, {"a": 1, "b": 1}, {"a": 5, "b": 5}),
    (3, {"a": 1, "b": 1}, {"a": 2, "b": 1}),
    (7, {"a": 50, "b": 30, "c": 20}, {"a": 4, "b": 2, "c": 1}),
    (100, {"a": 10**18, "b": 1}, {"a": 100, "b": 0}),
    (5, {"a": 0, "b": 0}, {"a": 0, "b": 0}),
    (0, {"a": 3}, {"a": 0}),
]


@pytest.mark.parametrize(("total", "weights", "parts"), ALLOCATIONS)
def test_parts_follow_the_largest_remainder(
    total: int, weights: dict[str, int], parts: dict[str, int]
) -> None:
    assert allocate(total, weights) == parts


def test_parts_are_within_one_of_the_exact_share() -> None:
    choose = random.Random(1)
    for _ in range(200):
        weights = {f"r{i}": choose.randrange(1, 10**6) for i in range(choose.randrange(1, 30))}
        total = choose.randrange(1, 2000)
        parts = allocate(total, weights)
        whole = sum(weights.values())
        assert sum(parts.values()) == total
        assert all(abs(parts[n] - total * w / whole) < 1 for n, w in weights.items())


FILLS: list[tuple[int, list[int], list[int], list[int]]] = [
    (6, [1, 1, 1], [9, 9, 9], [2, 2, 2]),
    (6, [1, 1, 1], [1, 9, 9], [1, 3, 2]),
    (6, [1, 0, 1], [1, 9, 1], [1, 4, 1]),
    (6, [1, 1, 1], [1, 1, 1], [1, 1, 1]),
    (0, [1, 1], [1, 1], [0, 0]),
]


@pytest.mark.parametrize(("wanted", "weights", "available", "taken"), FILLS)
def test_what_a_bin_cannot_give_comes_from_the_others(
    wanted: int, weights: list[int], available: list[int], taken: list[int]
) -> None:
    assert fill_up(wanted, weights, available) == taken


def test_both_sets_have_the_mix_of_routes_and_lengths() -> None:
    log = _log(20_000)
    for weight in ("requests", "tokens", "time"):
        summary, draw = _drawn(log, documents=400, weight=weight)
        split = draw.split()
        total = summary["totals"][weight]
        for side in ("calibration", "evaluation"):
            chosen = [log[place] for place, own in split.sides.items() if own == side]
            assert len(chosen) == 400
            routes = Counter(route for route, _, _ in chosen)
            for row in summary["routes"]:
                assert abs(routes[row["route"]] - 400 * row[weight] / total) < 1
                lengths = Counter(length_bin(n) for r, n, _ in chosen if r == row["route"])
                part = routes[row["route"]] / max(row[weight], 1)
                # Long prompts are many tokens but few texts, so only requests always suffice.
                for length in range(LENGTHS if weight == "requests" else 0):
                    assert abs(lengths[length] - part * row["lengths"][length][weight]) < 1
        assert split.shortages == ()


def test_no_text_is_in_both_sets_or_twice_in_one() -> None:
    log = _log(5_000, texts=1_500)  # most texts occur several times, also on several routes
    _, draw = _drawn(log, documents=300)
    texts = [log[place][2] for place in draw.split().sides]
    assert len(texts) == len(set(texts)) == 600


def test_the_seed_decides_and_the_order_of_distinct_texts_does_not() -> None:
    log = _log(3_000)
    sides = {log[p][2]: side for p, side in _drawn(log, documents=50)[1].split().sides.items()}
    turned = log[::-1]
    again = {turned[p][2]: s for p, s in _drawn(turned, documents=50)[1].split().sides.items()}
    other = {log[p][2] for p in _drawn(log, documents=50, seed=1)[1].split().sides}
    assert sides == again
    assert set(sides) != other


def test_a_route_with_too_few_texts_is_named_and_the_others_keep_their_parts() -> None:
    log = [("few", 20, number % 4) for number in range(500)]
    log += [("many", 20, 1000 + number) for number in range(500)]
    _, draw = _drawn(log, documents=100)
    split = draw.split()
    short = split.shortages[0]
    assert (short.route, short.wanted, short.found) == ("few", 50, 2)
    sides = Counter((log[place][0], side) for place, side in split.sides.items())
    assert sides["many", "calibration"] == sides["many", "evaluation"] == 50
    assert sides["few", "calibration"] == sides["few", "evaluation"] == 2


Row = tuple[str, int, int]


def _log(count: int, *, texts: int = 10**9) -> list[Row]:
    """Return requests as route, prompt tokens and text."""
    choose = random.Random(count)
    routes = choose.choices(["a", "b", "c", "d"], [60, 25, 12, 3], k=count)
    numbers = choose.sample(range(texts), count) if texts > count else None
    return [
        (
            route,
            round(choose.lognormvariate(4 + "abcd".index(route), 1)),
            choose.randrange(texts) if numbers is None else numbers[place],
        )
        for place, route in enumerate(routes)
    ]


def _drawn(
    log: list[Row], *, documents: int, weight: str = "requests", seed: int = 0
) -> tuple[dict[str, Any], WeightedDraw]:
    load = Load()
    for route, tokens, _ in log:
        load.add(
            LoggedRequest(
                route, None, None, tokens, 5, 100 + tokens, None, estimated=False, has_prompt=True
            )
        )
    summary: dict[str, Any] = load.summary()
    draw = WeightedDraw(summary["routes"], documents, weight)
    for place, (route, tokens, text) in enumerate(log):
        draw.offer(route, length_bin(tokens), hash((seed, text)), place)
    return summary, draw
