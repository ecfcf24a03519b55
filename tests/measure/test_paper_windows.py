"""The paper's windows: 128 stretches of 512 characters, anywhere in the text."""

from itertools import pairwise

import pytest

from linearity.contracts.paper_protocol import CHARACTERS, WINDOWS
from linearity.errors import TooFewTokensError
from linearity.measure.paper_windows import BETWEEN_DOCUMENTS, characters_of, paper_windows
from linearity.measure.windows import Window

DOCUMENTS = [f"document {number}: " + "abcdefghij" * (50 + 37 * number) for number in range(40)]
TEXT = BETWEEN_DOCUMENTS.join(DOCUMENTS)


def tokenize(text: str) -> list[int]:
    """One id a character."""
    return [ord(sign) for sign in text]


def drawn(documents: list[str] = DOCUMENTS, **how: int | None) -> list[Window]:
    given: dict[str, int | None] = {"seed": 0, "context": 4096, "bos": None, **how}
    return paper_windows(documents, tokenize, **given)  # type: ignore[arg-type]


def test_every_window_is_512_consecutive_characters_of_the_whole_text() -> None:
    windows = drawn()

    assert len(windows) == WINDOWS == 128
    assert characters_of(DOCUMENTS) == len(TEXT)
    for window in windows:
        read = "".join(map(chr, window.ids))
        assert len(read) == CHARACTERS == 512
        assert read == TEXT[window.start : window.start + CHARACTERS]
        assert window.role == "train"
        assert window.scored is None


def test_windows_begin_anywhere_with_equal_chance() -> None:
    starts = sorted(
        window.start / (len(TEXT) - CHARACTERS) for seed in range(20) for window in drawn(seed=seed)
    )
    even = [(place + 0.5) / len(starts) for place in range(len(starts))]

    # Kolmogorov and Smirnov's distance, at the 0.1 % level for 2,560 draws.
    assert max(abs(a - b) for a, b in zip(starts, even, strict=True)) < 1.95 / len(starts) ** 0.5
    assert starts[0] >= 0.0
    assert starts[-1] <= 1.0


def test_a_window_belongs_to_the_document_that_it_begins_in() -> None:
    ends = [0]
    for document in DOCUMENTS:
        ends.append(ends[-1] + len(document) + len(BETWEEN_DOCUMENTS))

    for window in drawn():
        low, high = list(pairwise(ends))[window.document]
        assert low <= window.start < high


def test_the_same_seed_draws_the_same_windows_and_another_one_others() -> None:
    assert drawn(seed=3) == drawn(seed=3)
    assert [w.start for w in drawn(seed=3)] != [w.start for w in drawn(seed=4)]


def test_bos_stands_before_every_window_and_what_is_too_long_is_cut_and_counted() -> None:
    windows = drawn(bos=7, context=100)

    assert {window.ids[0] for window in windows} == {7}
    assert {len(window.ids) for window in windows} == {100}
    assert {window.passed_over for window in windows} == {CHARACTERS + 1 - 100}


def test_a_text_of_one_window_is_refused() -> None:
    with pytest.raises(TooFewTokensError, match="1,024"):
        drawn(["x" * 1023])
    assert len(drawn(["x" * 1024])) == WINDOWS
