"""The sentence on top of a result says what the numbers say, in both languages."""

from dataclasses import replace

import pytest

from linearity.contracts.linearity import Profile, Vector
from linearity.studies.finding import finding, plateau_start
from tests.builders import a_profile

SCORES: Vector = [0.40, 0.70, 0.90, 0.94, 0.92, 0.60]
UPDATES: Vector = [0.10, 0.20, 0.35, 0.50, 0.44, 0.30]
KEPT: Vector = [0.50, 0.90, 0.9991, 0.9992, 0.9993, 0.70]


def profile(scores: Vector, updates: Vector) -> Profile:
    blocks = a_profile(blocks=len(scores))
    return replace(blocks, r2_heldout=scores, update_r2_heldout=updates)


def said(scores: Vector = SCORES, kept: Vector = KEPT, *, exclude: str = "sinks") -> dict[str, str]:
    return finding(profile(scores, UPDATES), profile(kept, UPDATES), exclude=exclude)


def test_the_sentence_gives_the_ranges_of_the_plateau_and_both_medians() -> None:
    english = said()["en"]

    assert english.startswith("From block 2 to block 4, ")
    for words in ("90–94 %", "35–50 %", "99.9 %", "92.0 %", "first token and sinks excluded"):
        assert words in english


def test_both_languages_say_the_same_numbers() -> None:
    sentence = said()

    for words in (
        "ブロック 2〜4",
        "90〜94 %",
        "35〜50 %",
        "99.9 %",
        "92.0 %",
        "先頭トークンとシンク",
    ):
        assert words in sentence["ja"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_with_nothing_excluded_there_is_no_second_median(language: str) -> None:
    assert "99.9" not in said(exclude="none")[language]


def test_a_score_below_one_is_never_rounded_up_to_all_of_it() -> None:
    almost: Vector = [0.5, 0.9996, 0.99999, 0.9997, 0.5]
    updates: Vector = [None] * 5
    sentence = finding(profile(almost, updates), profile(almost, updates), exclude="none")

    assert "explains 99.9 %" in sentence["en"]
    assert "100" not in sentence["en"] + sentence["ja"]


def test_blocks_without_update_scores_are_not_spoken_of() -> None:
    none: Vector = [None] * 6
    sentence = finding(profile(SCORES, none), profile(KEPT, none), exclude="sinks")

    assert "what the blocks add" not in sentence["en"]
    assert "変化分" not in sentence["ja"]


@pytest.mark.parametrize(
    ("scores", "start"),
    [
        ([0.9], 0),
        ([0.9, 0.9], 0),
        ([0.1, 0.9, 0.9, 0.2], 1),
        ([0.1, 0.2, 0.9, 0.9, 0.9], 2),
        ([0.9, 0.9, 0.9, None, 0.9, 0.9], 4),
    ],
)
def test_the_plateau_begins_after_the_last_block_far_below_the_median(
    scores: Vector, start: int
) -> None:
    assert plateau_start(scores) == start
