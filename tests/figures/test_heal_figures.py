"""Figures of healings: valid in every state of a run, and what they draw is what was measured."""

from itertools import product
from typing import Any

import plotly.graph_objects as go
import pytest

from backend.figures.before_after import before_after_rows
from backend.figures.figure import FIGURES, figure
from backend.figures.options import METRICS, SCALES
from backend.figures.training import training_points
from tests.figures.heal_results import a_healing, a_partial_healing

RESULTS: dict[str, Any] = {
    "whole": a_healing(sweep=True, routes=True).as_json(),
    "text": a_healing(text=True).as_json(),
    "plain": a_healing().as_json(),
    "begun": a_partial_healing(looks=0),
    "partial": a_partial_healing(looks=4),
    "only a head": {"kind": "heal", "model": {"id": "m", "blocks": 4}, "dataset": {"id": "d"}},
}
EVERY = list(product(RESULTS, FIGURES["heal"]))


@pytest.mark.parametrize(("result", "name"), EVERY)
def test_every_figure_is_valid_in_both_languages_and_themes(result: str, name: str) -> None:
    for lang, theme in product(("en", "ja"), ("light", "dark")):
        made = figure(name, RESULTS[result], {"lang": lang, "theme": theme})
        shown = {key: value for key, value in made["layout"].items() if key != "meta"}
        go.Figure({"data": made["data"], "layout": shown})

        assert made["layout"]["meta"]["caption"]


def test_the_training_shows_what_is_known_and_marks_the_step_that_was_kept() -> None:
    made = figure("training", RESULTS["plain"], {})
    curve = RESULTS["plain"]["training"][0]["curve"]
    lines = {trace["name"]: trace for trace in made["data"]}

    assert training_points(RESULTS["plain"]["training"][0], "loss")[0] == list(range(10, 210, 10))
    assert lines["split A: damage"]["y"] == [place["select_nll_diff"] for place in curve]
    assert lines["loss"]["x"][0] == 10
    assert len(lines["loss"]["customdata"]) == len(lines["loss"]["x"])
    assert [shape["x0"] for shape in made["layout"]["shapes"]] == [200]
    assert figure("training", RESULTS["partial"], {})["layout"]["shapes"] == []


def test_of_two_trainings_the_dense_ones_lines_are_dashed() -> None:
    made = figure("training", RESULTS["text"], {})
    dashes = {trace["name"]: trace["line"]["dash"] for trace in made["data"]}

    assert dashes["loss, dense model"] == "dash"
    assert dashes["loss, changed model"] == "solid"
    assert not any(name.startswith("loss: states") for name in dashes)


def test_before_and_after_stand_row_by_row_with_their_intervals() -> None:
    rows = before_after_rows(RESULTS["whole"])
    before, after = figure("before_after", RESULTS["whole"], {})["data"]

    assert len(rows) == 4
    assert before["x"][0] == RESULTS["whole"]["before"]["nll_diff"]
    assert after["x"][0] == RESULTS["whole"]["after"]["nll_diff"]
    low, high = RESULTS["whole"]["after"]["ci95"]
    assert after["x"][0] - after["error_x"]["arrayminus"][0] == pytest.approx(low)
    assert after["x"][0] + after["error_x"]["array"][0] == pytest.approx(high)
    assert figure("before_after", RESULTS["begun"], {})["data"] == []


@pytest.mark.parametrize(("metric", "scale"), product(METRICS, SCALES))
def test_the_three_curves_hold_the_points_of_the_sweep(metric: str, scale: str) -> None:
    made = figure("three_curves", RESULTS["whole"], {"metric": metric, "scale": scale})
    sweep = RESULTS["whole"]["sweep"]
    removed, replaced, healed = made["data"]

    assert removed["x"] == [1, 2, 3]
    assert removed["y"] == [point["removed"][metric] for point in sweep]
    assert replaced["y"] == [point["replaced"][metric] for point in sweep]
    assert healed["y"] == [point["healed"][metric] for point in sweep]
    assert ("error_y" in healed) == (metric == "nll_diff")


def test_of_a_plan_that_only_drops_two_curves_are_left() -> None:
    sweep = [point | {"replaced": point["removed"]} for point in RESULTS["whole"]["sweep"]]
    made = figure("three_curves", RESULTS["whole"] | {"sweep": sweep}, {})

    assert [trace["name"] for trace in made["data"]] == ["removed", "removed and healed"]
