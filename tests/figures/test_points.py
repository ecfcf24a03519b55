"""Result to points: numbers, before anything is drawn."""

import math
from dataclasses import replace

import pytest

from backend.figures.points import LOWEST_REMAINDER, pair_points, remainders, score_range, series
from tests.builders import a_partial, a_result, adjacent_only


def test_rows_are_from_states_and_columns_are_to_states() -> None:
    result = a_result(blocks=4).as_json()

    points = pair_points(result, score="stream", split="heldout")

    assert points.from_states == [0, 1, 2, 3]
    assert points.to_states == [1, 2, 3, 4]
    assert points.scores[1][2] == result["pairs"]["r2_heldout"][1][3]  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("score", "split", "field"),
    [
        ("stream", "heldout", "r2_heldout"),
        ("stream", "adjusted", "r2_adjusted"),
        ("stream", "fit", "r2_fit"),
        ("update", "heldout", "update_r2_heldout"),
        ("update", "adjusted", "update_r2_adjusted"),
        ("update", "fit", "update_r2_fit"),
        ("angular", "heldout", "angular"),
        ("cosine", "heldout", "cosine"),
        ("cka", "heldout", "cka"),
    ],
)
def test_each_score_shows_its_own_field(score: str, split: str, field: str) -> None:
    result = a_result(blocks=3)

    points = pair_points(result.as_json(), score=score, split=split)

    assert points.scores[0] == getattr(result.pairs, field)[0][1:]


def test_a_split_without_numbers_gives_way_to_one_that_has_some() -> None:
    value = a_result(blocks=3).as_json()
    for name in ("pairs", "profile"):
        part = value[name]
        part["r2_heldout"] = part["r2_adjusted"] = None  # type: ignore[index]

    points = pair_points(value, score="stream", split="heldout")

    assert points.split == "fit"
    assert points.scores[0] == value["pairs"]["r2_fit"][0][1:]  # type: ignore[index, call-overload]


def test_the_lower_triangle_has_no_numbers_and_is_not_missing() -> None:
    points = pair_points(a_result(blocks=4).as_json(), score="stream", split="heldout")

    assert [points.scores[row][column] for row in range(4) for column in range(row)] == [None] * 6
    assert points.missing() == []


def test_with_adjacent_pairs_only_the_rest_is_missing() -> None:
    result = adjacent_only(a_result(blocks=4))

    points = pair_points(result.as_json(), score="stream", split="heldout")

    diagonal = [points.scores[block][block] for block in range(4)]
    assert diagonal == result.profile.r2_heldout
    assert len(points.missing()) == 6


def test_one_missing_pair_is_named() -> None:
    value = a_result(blocks=3).as_json()
    value["pairs"]["r2_heldout"][0][2] = None  # type: ignore[index, call-overload]

    assert pair_points(value, score="stream", split="heldout").missing() == [(0, 2)]


def test_a_partial_result_without_pair_scores_is_all_missing_but_the_diagonal() -> None:
    points = pair_points(a_partial(blocks=3), score="stream", split="heldout")

    assert len(points.missing()) == 3


def test_remainders_are_logarithms_of_one_minus_the_score() -> None:
    value = a_result(blocks=1).as_json()
    value["pairs"]["r2_heldout"][0][1] = 0.99  # type: ignore[index, call-overload]

    points = pair_points(value, score="stream", split="heldout")

    assert remainders(points) == [[pytest.approx(-2)]]


def test_a_perfect_score_is_cut_off_instead_of_infinite() -> None:
    value = a_result(blocks=1).as_json()
    value["pairs"]["r2_heldout"][0][1] = 1.0  # type: ignore[index, call-overload]

    points = pair_points(value, score="stream", split="heldout")

    assert remainders(points) == [[math.log10(LOWEST_REMAINDER)]]


def test_a_series_carries_its_interval() -> None:
    profile = replace(a_result(blocks=2).profile, r2_heldout_ci95=[[0.5, 0.7], None])

    line = series(profile.__dict__, "r2_heldout", blocks=2)

    assert line.values == profile.r2_heldout
    assert (line.low, line.high) == ([0.5, None], [0.7, None])


def test_a_series_that_is_not_there_yet_is_empty_and_has_its_length() -> None:
    assert series(None, "r2_heldout", blocks=3).values == [None, None, None]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], (0.0, 1.0)),
        ([0.91, 0.97], (0.9, 1.0)),
        ([0.31, 0.55], (0.3, 0.6)),
        ([-5.0, 0.8], (0.0, 0.8)),
        ([0.999], (0.9, 1.0)),
        ([-1.0, -0.5], (0.0, 0.1)),
    ],
)
def test_colour_limits_are_round_and_stay_within_zero_and_one(
    values: list[float], wanted: tuple[float, float]
) -> None:
    assert score_range(values) == pytest.approx(wanted)


def test_one_outlier_in_a_hundred_does_not_set_the_colour_limits() -> None:
    assert score_range([-3.0, *[0.9] * 99])[0] == pytest.approx(0.9)
