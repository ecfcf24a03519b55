"""Splits and orders by category: exact shares, copies together, nothing new without categories."""

from collections import Counter
from collections.abc import Sequence

import pytest

from linearity.measure.sampling import (
    SamplingPlan,
    ThreeBudgets,
    ThreeSplits,
    sample_splits,
    sample_windows,
)

EVERYTHING = ThreeBudgets(1_000_000, 1_000_000, 1_000_000)
NAMES = ("fit", "select", "report")
FIRST_SPLITS = {
    "fit": [7, 19, 12, 13, 17, 5, 10, 3],
    "select": [8, 11, 9, 0],
    "report": [16, 15, 18, 6, 1, 4, 14, 2],
}
FIRST_WINDOWS = [
    (7, 0, "train"),
    (16, 0, "train"),
    (19, 0, "heldout"),
    (8, 0, "train"),
    (15, 0, "validation"),
    (11, 0, "train"),
    (12, 0, "heldout"),
    (18, 0, "train"),
    (10, 0, "train"),
    (9, 0, "train"),
    (13, 0, "heldout"),
    (6, 0, "train"),
    (0, 0, "train"),
    (1, 0, "train"),
    (17, 0, "heldout"),
    (4, 0, "train"),
    (14, 0, "validation"),
    (2, 0, "train"),
    (5, 0, "heldout"),
    (7, 20, "train"),
]


def tokenize(text: str) -> list[int]:
    return [ord(character) for character in text]


def some_documents(count: int) -> list[str]:
    return [f"{number:04d}" + "abcdefg"[number % 7] * 60 for number in range(count)]


def split(
    documents: Sequence[str],
    categories: Sequence[str | None] | None,
    *,
    seed: int = 0,
    budgets: ThreeBudgets = EVERYTHING,
) -> ThreeSplits:
    plan = SamplingPlan(0, 20, 0.0, seed)
    return sample_splits(documents, tokenize, plan, budgets, categories)


def unequal(count: int) -> list[str | None]:
    """One document of `rare` and three of `mid` to every six of `often`."""
    turns = ("often", "mid", "often", "rare", "often", "mid", "often", "often", "mid", "often")
    return [turns[number % 10] for number in range(count)]


@pytest.mark.parametrize("seed", range(6))
def test_every_category_has_its_share_of_every_split(seed: int) -> None:
    categories = unequal(200)
    splits = split(some_documents(200), categories, seed=seed)

    for category, size in Counter(categories).items():
        for name, share in zip(NAMES, (0.4, 0.2, 0.4), strict=True):
            taken = sum(categories[k] == category for k in splits.documents[name])
            assert abs(taken - share * size) <= 1, (category, name)
    assert [len(splits.documents[name]) for name in NAMES] == [80, 40, 80]


@pytest.mark.parametrize("seed", range(6))
def test_few_tokens_hold_the_mix_of_the_whole(seed: int) -> None:
    categories = unequal(200)
    # Ten windows of split A, each of another document.
    splits = split(some_documents(200), categories, seed=seed, budgets=ThreeBudgets(0, 200, 0))

    seen = Counter(categories[window.document] for window in splits.select)
    assert len(splits.select) == 10
    assert abs(seen["often"] - 6) <= 1
    assert abs(seen["mid"] - 3) <= 1
    assert abs(seen["rare"] - 1) <= 1


def test_categories_of_one_document_each_share_out_over_the_splits() -> None:
    documents = some_documents(50)
    splits = split(documents, [f"route {number}" for number in range(50)])

    assert [len(splits.documents[name]) for name in NAMES] == [20, 10, 20]


def test_copies_of_a_text_in_two_categories_stay_on_one_side() -> None:
    documents = some_documents(40)
    twice = documents + documents
    categories = ["a"] * 40 + ["b"] * 40
    for seed in range(5):
        splits = split(twice, categories, seed=seed)
        sides = [{twice[k] for k in splits.documents[name]} for name in NAMES]
        assert sum(map(len, sides)) == 40


@pytest.mark.parametrize("categories", [None, [None] * 79, ["only"] * 79])
@pytest.mark.parametrize("seed", [0, 7])
def test_without_categories_everything_stays_as_it_was(
    categories: Sequence[str | None] | None, seed: int
) -> None:
    documents = some_documents(79)
    before = sample_splits(documents, tokenize, SamplingPlan(0, 20, 0.0, seed), EVERYTHING)
    plan = SamplingPlan(900, 20, 0.25, seed)

    after = split(documents, categories, seed=seed)

    for name in NAMES:
        assert after.documents[name] == before.documents[name]
        assert getattr(after, name) == getattr(before, name)
    assert sample_windows(documents, tokenize, plan, categories) == sample_windows(
        documents, tokenize, plan
    )


def test_the_split_without_categories_is_the_one_of_the_first_version() -> None:
    """Written down from the version before categories: ids of stored results rest on it."""
    documents = some_documents(20)
    splits = sample_splits(documents, tokenize, SamplingPlan(0, 20, 0.0, 3), EVERYTHING)
    windows = sample_windows(documents, tokenize, SamplingPlan(400, 20, 0.25, 3))

    assert splits.documents == FIRST_SPLITS
    assert [(w.document, w.start, w.role) for w in windows] == FIRST_WINDOWS


@pytest.mark.parametrize("seed", range(6))
def test_every_category_is_held_out_by_its_share(seed: int) -> None:
    categories = unequal(100)
    windows = sample_windows(
        some_documents(100), tokenize, SamplingPlan(100_000, 20, 0.25, seed), categories
    )
    sides = {
        role: {w.document for w in windows if (w.role == "heldout") == role}
        for role in (True, False)
    }

    for category, size in Counter(categories).items():
        heldout = sum(categories[k] == category for k in sides[True])
        assert abs(heldout - 0.25 * size) <= 1, category
    assert len(sides[True]) == 25
    assert not sides[True] & sides[False]


def test_two_seeds_split_differently_and_one_seed_the_same() -> None:
    documents, categories = some_documents(100), unequal(100)

    assert split(documents, categories, seed=1) == split(documents, categories, seed=1)
    assert split(documents, categories, seed=1) != split(documents, categories, seed=2)
