"""Curves to points: numbers, before anything is drawn."""

import math
from statistics import median
from typing import Any

import pytest

from backend.figures.curve_key import apart
from backend.figures.curve_points import curve_lines, random_bands
from backend.figures.extent import extent
from tests.figures.ablation_results import STRATEGIES, a_partial_ablation, an_ablation

ALL = {"metric": "nll_diff", "action": "all", "fitting": "all"}


def result(**parts: Any) -> dict[str, Any]:
    return dict(an_ablation(**parts).as_json())


def test_every_strategy_and_action_is_a_line_of_its_points() -> None:
    made = result(changed=6)

    lines = curve_lines(made, **ALL)

    assert [(line.strategy, line.action) for line in lines] == [
        (strategy, action) for strategy in STRATEGIES for action in ("drop", "linear")
    ]
    first = made["curves"][0]["points"]
    assert [point.changed for point in lines[0].points] == [1, 2, 3, 4, 5, 6]
    assert [point.value for point in lines[0].points] == [point["nll_diff"] for point in first]
    assert [[p.low, p.high] for p in lines[0].points] == [point["ci95"] for point in first]


@pytest.mark.parametrize("metric", ["kl", "top1", "top5"])
def test_each_metric_shows_its_own_field_and_has_no_borrowed_interval(metric: str) -> None:
    made = result()

    point = curve_lines(made, **ALL | {"metric": metric})[0].points[2]

    assert point.value == made["curves"][0]["points"][2][metric]
    assert (point.low, point.high) == (None, None)


def test_the_interval_of_the_perplexity_is_that_of_the_damage() -> None:
    made = result()

    point = curve_lines(made, **ALL | {"metric": "ppl"})[0].points[0]

    low, high = made["curves"][0]["points"][0]["ci95"]
    assert point.low == pytest.approx(made["dense"]["ppl"] * math.exp(low))
    assert point.high == pytest.approx(made["dense"]["ppl"] * math.exp(high))
    assert point.low
    assert point.high
    assert point.value
    assert point.low < point.value < point.high


def test_one_action_can_be_asked_for() -> None:
    lines = curve_lines(result(), **ALL | {"action": "linear"})

    assert {line.action for line in lines} == {"linear"}


def test_a_drop_stands_beside_either_fitting() -> None:
    lines = curve_lines(result(), **ALL | {"fitting": "sequential"})

    assert {line.action for line in lines} == {"drop"}


def test_a_plan_that_changes_an_end_of_the_model_is_flagged() -> None:
    made = result(blocks=6, changed=5)

    points = [point for line in curve_lines(made, **ALL) for point in line.points]

    assert any(point.edge for point in points)
    assert all(point.edge == point.point["edge"] for point in points)


def test_random_orders_are_one_band_an_action_and_no_line() -> None:
    made = result(seeds=5)

    bands = random_bands(made, **ALL)

    assert "random" not in {line.strategy for line in curve_lines(made, **ALL)}
    assert [(band.action, band.seeds) for band in bands] == [("drop", 5), ("linear", 5)]
    drops = [c for c in made["curves"] if (c["strategy"], c["action"]) == ("random", "drop")]
    third = [curve["points"][2]["nll_diff"] for curve in drops]
    assert bands[0].low[2] == min(third)
    assert bands[0].middle[2] == median(third)
    assert bands[0].high[2] == max(third)


def test_curves_grow_and_those_without_a_point_are_not_there_yet() -> None:
    lines = curve_lines(a_partial_ablation(points=2), **ALL)

    assert [len(line.points) for line in lines] == [2, 2, 2]
    assert curve_lines(a_partial_ablation(points=0), **ALL) == []
    assert curve_lines({"kind": "ablation"}, **ALL) == []


def test_a_logarithmic_axis_has_no_place_for_zero_and_ends_four_decades_down() -> None:
    span = extent([0.5, 0.0, -0.2, 1e-9], logarithmic=True)

    assert [span.shows(value) for value in (0.5, 0.0, -0.2, 1e-9, None)] == [True] + [False] * 4
    assert span.high - span.low == pytest.approx(4)


def test_no_perplexity_falls_off_a_logarithmic_axis() -> None:
    span = extent([15.9, 1.24e6], logarithmic=True, decades=math.inf)

    assert span.shows(15.9)
    assert span.axis()["ticktext"][-1] == "1,000,000"


def test_an_axis_of_shares_ends_at_one() -> None:
    span = extent([0.62, 0.93], logarithmic=False, share=True)

    assert (span.low, span.high) == (0.55, 1.01)


def test_labels_keep_their_order_and_a_distance() -> None:
    places = apart([0.9, 0.91, 0.1, 0.99], gap=0.1, floor=0.2)

    assert places == pytest.approx([0.8, 0.9, 0.2, 1.0])
