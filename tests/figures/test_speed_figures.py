"""The figures of `speed`: every number drawn where it belongs, estimates told from measurements."""

from typing import Any

import pytest

from backend.figures.figure import figure
from backend.figures.speedups import speedup_marks
from linearity.errors import InvalidParameterError
from tests.figures.speeds import a_speed


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return a_speed().as_json()


def test_every_shown_metric_of_every_load_has_a_marker_and_its_interval(
    result: dict[str, Any],
) -> None:
    marks = speedup_marks(result)
    assert [(mark.load, mark.metric) for mark in marks] == [
        (load, metric)
        for load in (1, 8)
        for metric in ("first_token", "next_token", "tokens_per_s")
    ]
    drawn = figure("speedups", result, {})
    measured = [trace for trace in drawn["data"] if "error_y" in trace]
    for trace, metric in zip(measured, ("first_token", "next_token", "tokens_per_s"), strict=True):
        own = [mark for mark in marks if mark.metric == metric]
        assert trace["y"] == [mark.value for mark in own]
        tops = [y + up for y, up in zip(trace["y"], trace["error_y"]["array"], strict=True)]
        assert tops == pytest.approx([mark.high for mark in own])
    assert [shape["y0"] for shape in drawn["layout"]["shapes"]] == [1, pytest.approx(4 / 3)]


def test_estimates_are_hollow_and_only_where_arithmetic_says_something(
    result: dict[str, Any],
) -> None:
    drawn = figure("speedups", result, {})
    hollow = [trace for trace in drawn["data"] if trace["marker"]["symbol"].endswith("-open")]
    assert [trace["y"] for trace in hollow] == [[1.3, 1.3], [1.3, 1.3], [], [None]]
    assert [trace["name"] for trace in hollow if "name" in trace] == ["arithmetic alone"]
    assert "1.300" in drawn["data"][1]["customdata"][0][1]


def test_values_without_pairs_have_no_interval(result: dict[str, Any]) -> None:
    bare: Any = a_speed(ceiling=None, costs=None).as_json()
    for point in bare["points"]:
        for timing in point["timings"]:
            timing["speedup"] |= {"ci95": None, "pairs": 1}
            for side in ("dense", "changed"):
                timing[side] |= {"p50": None, "p95": None, "p99": None}
    drawn = figure("speedups", bare, {"lang": "ja", "theme": "dark"})
    assert drawn["data"][1]["error_y"]["array"] == [0.0, 0.0]
    assert len(drawn["layout"]["shapes"]) == 1
    assert figure("costs", bare, {})["data"] == []


@pytest.mark.parametrize("cost", ["decode_s", "prefill_s", "bytes", "prefill_flops"])
def test_bars_add_up_to_the_whole_model(result: dict[str, Any], cost: str) -> None:
    drawn = figure("costs", result, {"cost": cost})
    unit = {"decode_s": 1e3, "prefill_s": 1e3, "bytes": 1e-6, "prefill_flops": 1e-9}[cost]
    whole = sum(part[cost] for part in result["costs"]["parts"])
    assert sum(sum(trace["y"]) for trace in drawn["data"]) == pytest.approx(whole * unit)
    assert [trace["name"] for trace in drawn["data"]][2:4] == ["attention", "MLP"]
    assert {x for trace in drawn["data"] for x in trace["x"]} == {*range(6)}


def test_scores_of_another_run_stand_beside_block_by_block(result: dict[str, Any]) -> None:
    drawn = figure("costs", result, {"beside": "0.5,0.25,,0.75"})
    line = drawn["data"][-1]
    assert (line["x"], line["y"]) == ([1, 2, 3, 4], [0.5, 0.25, None, 0.75])
    assert line["yaxis"] == "y2"
    assert "yaxis2" not in figure("costs", result, {"beside": "0.5,0.25"})["layout"]


@pytest.mark.parametrize("beside", ["a,b", "nan,1", "1e999", "1," * 5_000])
def test_other_scores_are_refused(result: dict[str, Any], beside: str) -> None:
    with pytest.raises(InvalidParameterError, match="beside"):
        figure("costs", result, {"beside": beside})


def test_a_running_job_has_the_loads_that_are_there(result: dict[str, Any]) -> None:
    partial = a_speed(loads=(1,), costs=None).as_json() | {"partial": {"done": 12, "total": 24}}
    drawn = figure("speedups", partial, {})
    assert drawn["layout"]["xaxis"]["ticktext"] == ["1"]
    assert "preliminary: 12 of 24" in drawn["layout"]["meta"]["caption"]
