import random
from collections import Counter

import pytest

from linearity.adapters.readers.sample import Sampler, shares


def sampled(
    categories: list[str], wanted: int, *, seed: int = 0, size: int = 1 << 30
) -> tuple[Counter[str | None], list[int]]:
    sampler = Sampler(wanted, size, seed=seed, dedupe=False)
    for number, category in enumerate(categories):
        sampler.add(f"{category}{number}".encode(), category)
    kept = sampler.sample()
    return Counter(item.category for item in kept), [item.place for item in kept]


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_every_category_keeps_its_share_whatever_the_order(order: str) -> None:
    categories = ["a"] * 6_000 + ["b"] * 3_000 + ["c"] * 998 + ["rare"] * 2
    if order == "reversed":
        categories.reverse()
    elif order == "shuffled":
        random.Random(0).shuffle(categories)

    counts, places = sampled(categories, 1_000)

    assert counts == {"a": 600, "b": 300, "c": 99, "rare": 1}
    assert places == sorted(places)


def test_the_same_seed_keeps_the_same_documents() -> None:
    categories = ["a", "b"] * 5_000

    assert sampled(categories, 100)[1] == sampled(categories, 100)[1]
    assert sampled(categories, 100)[1] != sampled(categories, 100, seed=1)[1]


def test_early_and_late_documents_are_equally_likely() -> None:
    places = sampled(["a"] * 20_000, 2_000)[1]

    # 1,000 are expected in each half; five standard deviations are 112.
    assert abs(sum(place < 10_000 for place in places) - 1_000) < 112


def test_nothing_is_left_out_below_the_limits() -> None:
    sampler = Sampler(10, 1_000, seed=0, dedupe=False)
    for number in range(10):
        sampler.add(b"%d" % number, None)

    assert sampler.is_whole
    assert [kept.data for kept in sampler.sample()] == [b"%d" % n for n in range(10)]


def test_a_sample_keeps_within_its_bytes() -> None:
    sampler = Sampler(10_000, 50_000, seed=0, dedupe=False)
    for number in range(5_000):
        sampler.add(b"%0100d" % number, "ab"[number % 2])

    kept = sampler.sample()

    assert not sampler.is_whole
    assert 45_000 <= sum(len(item.data) for item in kept) <= 50_000


def test_copies_are_left_out_and_counted() -> None:
    sampler = Sampler(100, 10_000, seed=0, dedupe=True)
    for text in [b"a", b"b", b"a", b"c", b"a"]:
        sampler.add(text, None)

    assert [kept.data for kept in sampler.sample()] == [b"a", b"b", b"c"]
    assert (sampler.duplicates, sampler.seen.total()) == (2, 5)


def test_copies_never_enter_a_sample() -> None:
    sampler = Sampler(500, 1 << 20, seed=0, dedupe=True)
    for number in range(20_000):
        sampler.add(b"%d" % (number % 3_000), "ab"[number % 2])

    kept = [item.data for item in sampler.sample()]

    assert len(kept) == len(set(kept)) == 500


@pytest.mark.parametrize(
    ("counts", "wanted", "given"),
    [
        ({"a": 1, "b": 1}, 1, {"a": 1, "b": 0}),
        ({"a": 997, "b": 2, "c": 1}, 10, {"a": 8, "b": 1, "c": 1}),
        ({None: 5}, 3, {None: 3}),
        ({"a": 50, "b": 30, "c": 20}, 10, {"a": 5, "b": 3, "c": 2}),
    ],
)
def test_shares_add_up(
    counts: dict[str | None, int], wanted: int, given: dict[str | None, int]
) -> None:
    assert shares(Counter(counts), wanted) == given
