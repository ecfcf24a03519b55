"""Figures of the kinds that change a model: valid, honest about gaps, whole or partial."""

import json
from itertools import product
from typing import Any

import plotly.graph_objects as go
import pytest

from backend.figures.categories import category_points
from backend.figures.damage import axis_top, damage_bars
from backend.figures.documents import document_bars
from backend.figures.figure import FIGURES, figure
from backend.figures.options import METRICS, SCALES
from backend.figures.scores import rank_rows, ranks
from linearity.errors import InvalidParameterError
from tests.builders import a_result
from tests.figures.ablation_results import (
    a_partial_ablation,
    a_plan,
    an_ablation,
    some_answers,
)

RESULTS: dict[str, Any] = {
    "whole": an_ablation(seeds=5).as_json(),
    "small": an_ablation(blocks=4, changed=3, interaction=4).as_json(),
    "every strategy and action": an_ablation(
        strategies=(
            *("update_linearity", "stream_linearity", "block_influence", "span_angular"),
            *("greedy_loss", "single_damage"),
        ),
        actions=("drop", "linear", "merged"),
        seeds=5,
    ).as_json(),
    "one action": an_ablation(actions=("linear",), interaction=0).as_json(),
    "begun": a_partial_ablation(points=0),
    "partial": a_partial_ablation(points=3),
    "only a head": {
        "kind": "ablation",
        "model": {"id": "m", "blocks": 4},
        "dataset": {"id": "d"},
        "curves": None,
        "single": None,
    },
    "plan": a_plan().as_json(),
    "routes": an_ablation(blocks=6, changed=3, interaction=0, routes=True).as_json(),
}
ABLATIONS = [name for name in RESULTS if name != "plan"]
EVERY = [(result, name) for result in RESULTS for name in FIGURES[RESULTS[result]["kind"]]]


def edited(name: str) -> dict[str, Any]:
    """Return a copy that may be changed."""
    copy: dict[str, Any] = json.loads(json.dumps(RESULTS[name]))
    return copy


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize(("result", "name"), EVERY)
def test_plotly_accepts_every_figure(result: str, name: str, lang: str, theme: str) -> None:
    made = figure(name, RESULTS[result], {"lang": lang, "theme": theme})

    drawn = go.Figure(made)

    assert len(drawn.data) == len(made["data"])
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@pytest.mark.parametrize(("metric", "scale"), product(METRICS, SCALES))
@pytest.mark.parametrize("result", ABLATIONS)
def test_every_metric_draws(result: str, metric: str, scale: str) -> None:
    made = figure("curve", RESULTS[result], {"metric": metric, "scale": scale})

    assert go.Figure(made).layout.yaxis.type == (
        "log" if scale == "log" and metric not in ("top1", "top5") else None
    )


def test_a_figure_of_another_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        InvalidParameterError, match="one of curve, categories, damage, interaction, scores"
    ):
        figure("heatmap", RESULTS["whole"], {})
    with pytest.raises(InvalidParameterError, match="one of heatmap, profile, norms"):
        figure("curve", a_result().as_json(), {})
    with pytest.raises(InvalidParameterError, match="answers has none"):
        figure("curve", some_answers().as_json(), {})


def lines(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [trace for trace in made["data"] if trace.get("customdata") and trace.get("meta")]


def test_a_line_shows_its_curve_and_tells_the_plan_of_a_point() -> None:
    result = RESULTS["whole"]

    drawn = lines(figure("curve", result, {"action": "linear"}))

    first = next(line for line in drawn if line["meta"]["strategy"] == "update_linearity")
    curve = next(
        c
        for c in result["curves"]
        if (c["strategy"], c["action"]) == ("update_linearity", "linear")
    )
    assert first["y"] == [point["nll_diff"] for point in curve["points"]]
    assert [plan for plan, _ in first["customdata"]] == [p["plan"] for p in curve["points"]]
    point = curve["points"][1]
    hover = first["customdata"][1][1]
    for number in (f"{point['nll_diff']:.4f}", f"{point['ppl']:.4g}", f"{point['kl']:.4f}"):
        assert number in hover


def test_a_point_that_changes_an_end_of_the_model_is_open() -> None:
    made = figure("curve", RESULTS["small"], {})

    for line in lines(made):
        curve = next(
            c
            for c in RESULTS["small"]["curves"]
            if (c["strategy"], c["action"]) == (line["meta"]["strategy"], line["meta"]["action"])
        )
        opened = [symbol.endswith("-open") for symbol in line["marker"]["symbol"]]
        assert opened == [point["edge"] for point in curve["points"]]


def test_few_lines_are_labelled_at_their_ends_and_many_by_a_key() -> None:
    few = figure("curve", RESULTS["whole"], {"action": "drop"})
    many = figure("curve", RESULTS["whole"], {"action": "all"})

    def key(made: dict[str, Any]) -> list[str]:
        return [trace["name"] for trace in made["data"] if trace.get("showlegend")]

    assert len(few["layout"]["annotations"]) == 4
    assert "update linearity" not in key(few)
    assert many["layout"]["annotations"] == []
    assert {"update linearity", "drop", "linear, one-shot"} <= set(key(many))


def test_what_a_logarithmic_axis_cannot_show_is_marked_at_its_bottom_with_its_number() -> None:
    result = edited("whole")
    curve = result["curves"][0]
    curve["points"][0] |= {"nll_diff": -0.004, "ci95": [-0.01, 0.002]}

    made = figure("curve", result, {"scale": "log"})

    (marks,) = [t for t in made["data"] if t.get("marker", {}).get("symbol") == "triangle-down"]
    assert (marks["x"], marks["customdata"][0][1]) == ([1], -0.004)
    low, high = made["layout"]["yaxis"]["range"]
    assert 10**low < marks["y"][0] < 10**high
    assert go.Figure(made)


def test_a_bar_far_above_the_others_is_cut_and_marked_with_its_number() -> None:
    result = RESULTS["whole"]

    made = figure("damage", result, {"action": "drop"})

    bars, marks = made["data"][:2]
    assert marks["meta"]["cut"]
    highest = next(one for one in result["single"] if one["block"] == 0 and one["action"] == "drop")
    assert bars["y"][0] < highest["nll_diff"]
    assert marks["x"][0] == 0
    assert [note["x"] for note in made["layout"]["annotations"]] == marks["x"]
    assert f"{highest['nll_diff']:.4f}" in marks["customdata"][0]
    assert bars["y"][5] == next(
        one["nll_diff"] for one in result["single"] if one["block"] == 5 and one["action"] == "drop"
    )


def test_the_axis_is_cut_only_for_what_stands_out() -> None:
    assert axis_top([0.1] * 18 + [0.2, 7.0]) < 1
    assert axis_top([0.1, 0.2, 0.3]) > 0.3
    assert axis_top([]) == 1.0


def test_edge_blocks_are_hatched_and_intervals_are_error_bars() -> None:
    result = RESULTS["small"]

    bars = figure("damage", result, {"action": "drop"})["data"][0]

    one = next(one for one in result["single"] if one["block"] == 1 and one["action"] == "drop")
    assert bars["marker"]["pattern"]["shape"] == ["/", "", "", "/"]
    assert bars["error_y"]["array"][1] == pytest.approx(one["ci95"][1] - one["nll_diff"])
    assert bars["error_y"]["arrayminus"][1] == pytest.approx(one["nll_diff"] - one["ci95"][0])


def test_the_rule_of_the_first_token_is_told() -> None:
    bars = figure("damage", RESULTS["whole"], {"action": "linear"})["data"][0]

    assert "moved by its mean update" in bars["customdata"][11]
    assert "passed through" in bars["customdata"][5]


def test_bars_come_while_blocks_are_measured() -> None:
    groups = damage_bars(RESULTS["partial"], action="all")

    assert [(group.action, len(group.bars)) for group in groups] == [("drop", 30), ("linear", 15)]


def test_the_interaction_map_is_centred_at_zero_and_numbered_by_block() -> None:
    result = RESULTS["whole"]

    made = figure("interaction", result, {})

    cells = made["data"][0]
    assert cells["zmin"] == -cells["zmax"]
    assert cells["z"] == result["interaction"]["interaction"]
    assert made["layout"]["xaxis"]["ticktext"] == [
        str(block) for block in result["interaction"]["blocks"]
    ]


def test_pairs_that_were_not_measured_are_hatched() -> None:
    result = edited("whole")
    result["interaction"]["interaction"][1][3] = None

    made = figure("interaction", result, {})

    assert made["data"][1]["fillpattern"]["shape"] == "/"
    assert len(made["data"]) == 2


def test_without_a_map_the_figure_says_so() -> None:
    made = figure("interaction", RESULTS["one action"], {})

    assert made["data"] == []
    assert made["layout"]["annotations"][0]["text"] == "no interaction map was measured"


def test_equal_values_share_the_middle_of_their_places() -> None:
    assert ranks([0.3, 0.1, None, 0.3]) == [1.5, 0.0, None, 1.5]


def test_orders_stand_below_the_measured_damage() -> None:
    result = RESULTS["small"]

    rows = rank_rows(result, blocks=4, action="drop")

    # What single damage ranks by is the measured damage: it does not stand there twice.
    assert [row.name for row in rows] == [
        "",
        "update_linearity",
        "stream_linearity",
        "block_influence",
    ]
    assert rows[0].measured
    damage = {o["block"]: o["nll_diff"] for o in result["single"] if o["action"] == "drop"}
    least = min(damage, key=lambda block: damage[block])
    assert rows[0].ranks[least] == 0


def test_documents_are_sorted_by_damage_and_coloured_by_category() -> None:
    result = RESULTS["plan"]

    made = figure("documents", result, {})

    damage = [bar["nll_diff"] for bar in document_bars(result)]
    assert damage == sorted(damage, reverse=True)
    assert {trace["name"] for trace in made["data"]} == {"code", "prose", "tables"}
    assert len({trace["marker"]["color"] for trace in made["data"]}) == 3
    shown = {x: y for trace in made["data"] for x, y in zip(trace["x"], trace["y"], strict=True)}
    assert [shown[place] for place in sorted(shown)] == damage


def test_categories_stand_beside_the_whole_with_their_intervals() -> None:
    result = RESULTS["routes"]
    point = result["curves"][1]["points"][1]
    points = category_points(result, plan=point["plan"])

    made = figure("categories", result, {"plan": point["plan"]})

    damage = [item["nll_diff"] for item in points.categories]
    known, unknown = made["data"]
    assert damage == sorted(damage, reverse=True)
    assert [item["category"] for item in points.categories] == ["tables", "prose", "code"]
    assert (unknown["x"], unknown["y"]) == ([damage[0]], [0])  # "tables" has no interval
    assert "error_x" not in unknown
    assert (known["x"], known["y"]) == ([*damage[1:], point["nll_diff"]], [1, 2, 3])
    prose = points.categories[1]
    assert known["x"][0] - known["error_x"]["arrayminus"][0] == pytest.approx(prose["ci95"][0])
    assert known["x"][0] + known["error_x"]["array"][0] == pytest.approx(prose["ci95"][1])
    assert made["layout"]["yaxis"]["ticktext"][-1] == "all tokens"
    assert made["layout"]["shapes"][0]["x0"] == point["nll_diff"]


def test_without_a_plan_the_longest_of_the_first_curve_is_shown() -> None:
    result = RESULTS["routes"]

    assert category_points(result).whole == result["curves"][0]["points"][-1]
    assert category_points(RESULTS["plan"]).whole == RESULTS["plan"]["point"]


def test_a_plan_that_was_not_measured_is_refused() -> None:
    with pytest.raises(InvalidParameterError):
        figure("categories", RESULTS["routes"], {"plan": "0:drop"})


def test_a_result_without_categories_draws_an_empty_figure() -> None:
    assert category_points(RESULTS["whole"]).categories == []
    assert figure("categories", RESULTS["whole"], {})["data"] == []


def test_a_category_cannot_bring_markup_or_templates() -> None:
    result = edited("plan")
    result["point"]["categories"][0]["category"] = "<a href='javascript:x'>%{x}</a>" + "y" * 300

    made = figure("categories", result, {})

    assert all("<a" not in text for text in made["layout"]["yaxis"]["ticktext"])
    assert all("<a" not in text for text in made["data"][0]["customdata"])
    assert max(map(len, made["layout"]["yaxis"]["ticktext"])) < 40


def test_rare_categories_share_a_grey() -> None:
    result = edited("plan")
    for number, document in enumerate(result["documents"]):
        document["category"] = f"route {number % 9}"

    made = figure("documents", result, {})

    assert [trace["name"] for trace in made["data"]][-1] == "other categories"
    assert sum(len(trace["x"]) for trace in made["data"]) == len(result["documents"])


def test_titles_of_users_cannot_bring_markup() -> None:
    made = figure("documents", RESULTS["plan"], {})

    hovers = [row[1] for trace in made["data"] for row in trace["customdata"]]
    assert all("&lt;b&gt;assignment" in hover for hover in hovers)


def test_captions_say_what_was_scored_or_how_far_it_is() -> None:
    whole = figure("damage", RESULTS["whole"], {})["layout"]["meta"]["caption"]
    partial = figure("damage", RESULTS["partial"], {})["layout"]["meta"]["caption"]

    assert "2,040 scored tokens, context 256" in whole
    assert "preliminary: 63 of 100" in partial
