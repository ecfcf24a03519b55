from collections import Counter

import pytest

from linearity.errors import TooFewTokensError
from linearity.measure.sampling import SamplingPlan, sample_windows
from linearity.measure.windows import Window


def tokenize(text: str) -> list[int]:
    """One token a character."""
    return [ord(character) for character in text]


def some_documents(count: int = 40, length: int = 100) -> list[str]:
    return [f"{number:03d}" + "abcdefg"[number % 7] * (length - 3) for number in range(count)]


def plan(
    tokens: int = 1000,
    *,
    context: int = 20,
    heldout: float = 0.25,
    seed: int = 0,
    bos: int | None = None,
) -> SamplingPlan:
    return SamplingPlan(tokens, context, heldout, seed, bos)


def tokens_of(windows: list[Window], *roles: str) -> int:
    return sum(len(window.ids) for window in windows if window.role in roles)


def test_the_budget_is_spent_exactly_when_there_is_enough_text() -> None:
    windows = sample_windows(some_documents(), tokenize, plan())

    assert tokens_of(windows, "train", "validation") == 750
    assert tokens_of(windows, "heldout") == 250


def test_a_document_stands_on_one_side_only() -> None:
    windows = sample_windows(some_documents(), tokenize, plan(tokens=3000))
    heldout = {window.document for window in windows if window.role == "heldout"}
    validation = {window.document for window in windows if window.role == "validation"}
    train = {window.document for window in windows if window.role == "train"}

    assert heldout
    assert validation
    assert heldout.isdisjoint(train | validation)
    assert train.isdisjoint(validation)


def test_copies_of_a_text_stand_on_the_same_side() -> None:
    documents = some_documents(20) * 2
    windows = sample_windows(documents, tokenize, plan(tokens=3500))
    side = {documents[w.document]: w.role == "heldout" for w in windows}

    assert all(side[documents[w.document]] == (w.role == "heldout") for w in windows)
    assert len({w.document for w in windows}) > 20


def test_windows_are_taken_round_robin() -> None:
    windows = sample_windows(some_documents(), tokenize, plan(tokens=400))
    fit = [window for window in windows if window.role != "heldout"]

    assert all(window.start == 0 for window in fit)
    assert len({window.document for window in fit}) == len(fit) == 15


def test_held_out_documents_give_equally_many_windows() -> None:
    windows = sample_windows(some_documents(12), tokenize, plan(tokens=1000, seed=1))
    counts = Counter(window.document for window in windows if window.role == "heldout")

    assert len(set(counts.values())) <= 2
    assert max(counts.values()) - min(counts.values()) <= 1


def test_one_seed_gives_one_sample_and_another_seed_another() -> None:
    documents = some_documents()

    assert sample_windows(documents, tokenize, plan()) == sample_windows(
        documents, tokenize, plan()
    )
    assert sample_windows(documents, tokenize, plan()) != sample_windows(
        documents, tokenize, plan(seed=1)
    )


def test_a_single_document_is_cut_into_twenty_parts() -> None:
    text = "".join(chr(97 + k % 26) for k in range(2000))
    windows = sample_windows([text], tokenize, plan(tokens=600, context=10))

    assert max(window.document for window in windows) == 19
    assert len({window.document for window in windows}) >= 18
    assert {window.role for window in windows} == {"train", "validation", "heldout"}


def test_a_bos_stands_before_every_window_and_counts_as_a_token() -> None:
    windows = sample_windows(some_documents(), tokenize, plan(bos=1))

    assert all(window.ids[0] == 1 and len(window.ids) <= 20 for window in windows)
    assert tokens_of(windows, "train", "validation", "heldout") == 1000


def test_only_needed_documents_are_tokenised() -> None:
    seen = []

    def counting(text: str) -> list[int]:
        seen.append(text)
        return tokenize(text)

    sample_windows(some_documents(1000), counting, plan(tokens=400))

    assert len(seen) < 50


def test_a_short_tail_is_left_out_but_a_short_document_is_not() -> None:
    documents = ["abcdefghijklmnopqrstuvwxyz"[:23] + str(k) for k in range(10)] + [
        f"x{k}" for k in range(10)
    ]
    windows = sample_windows(documents, tokenize, plan(tokens=5000))

    assert all(window.start == 0 for window in windows)  # tails of 4 are left out
    assert any(len(window.ids) == 2 for window in windows)


def test_both_splits_are_spread_evenly_over_the_stream() -> None:
    windows = sample_windows(some_documents(), tokenize, plan(tokens=1600))
    half = len(windows) // 2
    share = [window.role == "heldout" for window in windows]

    assert abs(sum(share[:half]) - sum(share[half:])) <= 1


@pytest.mark.parametrize("documents", [[], [""], ["ab"]])
def test_too_little_text_is_an_error_that_says_so(documents: list[str]) -> None:
    with pytest.raises(TooFewTokensError, match="split is empty"):
        sample_windows(documents, tokenize, plan())
