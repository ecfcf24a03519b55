"""Points to Plotly: every figure is valid, in each theme and language, whole or partial."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from statistics import median
from typing import Any

import plotly.graph_objects as go
import pytest

from backend.figures.figure import FIGURES, figure
from backend.figures.labels import LABELS, escape
from backend.figures.options import SCALES, SCORES, SPLITS
from linearity.errors import InvalidParameterError, UnknownParameterError
from tests.builders import a_partial, a_result, adjacent_only, by_sublayers, in_sample

NAMES = list(FIGURES["linearity"])
RESULTS: dict[str, Any] = {
    "whole": a_result(blocks=4).as_json(),
    "large": a_result(blocks=33).as_json(),
    "one block": a_result(blocks=1).as_json(),
    "neighbours only": adjacent_only(a_result(blocks=4)).as_json(),
    "first batch": a_partial(blocks=4),
    "half": a_partial(blocks=4, half=True),
    "by sublayers": by_sublayers(a_result(blocks=8)).as_json(),
    "in sample": in_sample(a_result(blocks=4)).as_json(),
}


def texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("result", list(RESULTS))
def test_plotly_accepts_every_figure(result: str, name: str, lang: str, theme: str) -> None:
    made = figure(name, RESULTS[result], {"lang": lang, "theme": theme})

    drawn = go.Figure(made)

    assert len(drawn.data) == len(made["data"])


@pytest.mark.parametrize(("score", "split", "scale"), product(SCORES, SPLITS, SCALES))
def test_every_combination_of_switches_draws_numbers(score: str, split: str, scale: str) -> None:
    options = {"score": score, "split": split, "scale": scale}

    cells = go.Figure(figure("heatmap", RESULTS["whole"], options)).data[0]

    assert cells.type == "heatmap"
    assert cells.z[0][0] is not None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("result", list(RESULTS))
def test_figures_are_strict_json(result: str, name: str) -> None:
    made = figure(name, RESULTS[result], {})

    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_no_trace_needs_webgl() -> None:
    types = {
        trace["type"] for name in NAMES for trace in figure(name, RESULTS["large"], {})["data"]
    }

    assert types == {"heatmap", "scatter"}


def test_the_heat_map_shows_the_scores_of_the_result() -> None:
    made = figure("heatmap", RESULTS["whole"], {"score": "update"})

    cells = made["data"][0]
    assert cells["customdata"][1][3] == RESULTS["whole"]["pairs"]["update_r2_heldout"][1][4]


def test_missing_pairs_are_hatched_and_never_coloured() -> None:
    made = figure("heatmap", RESULTS["neighbours only"], {})

    cells, hatching = made["data"]
    assert cells["z"][0][2] is None
    assert hatching["fillpattern"]["shape"] == "/"
    # Each of the six missing squares has five corners; a gap lies between two squares.
    assert len([x for x in hatching["x"] if x is not None]) == 30


def test_a_whole_result_has_nothing_hatched() -> None:
    assert len(figure("heatmap", RESULTS["whole"], {})["data"]) == 1


def test_high_scores_and_near_states_have_the_bright_end_of_the_colours() -> None:
    reversed_scale = {
        (score, scale): figure("heatmap", RESULTS["whole"], {"score": score, "scale": scale})[
            "data"
        ][0]["reversescale"]
        for score, scale in [("stream", "linear"), ("stream", "log"), ("angular", "linear")]
    }

    assert list(reversed_scale.values()) == [False, True, True]


def test_profile_and_norms_put_a_block_at_the_same_place() -> None:
    layouts = [figure(name, RESULTS["large"], {})["layout"] for name in ("profile", "norms")]

    first, second = layouts
    assert first["xaxis"]["range"] == second["xaxis"]["range"]
    assert [first["margin"][side] for side in "lr"] == [second["margin"][side] for side in "lr"]


def test_the_profile_has_both_residual_variants_and_both_token_variants() -> None:
    result = RESULTS["whole"]

    shown = [trace["y"] for trace in figure("profile", result, {})["data"]]

    for fields in (result["profile"], result["kept"]):
        assert fields["r2_heldout"] in shown
        assert fields["update_r2_heldout"] in shown
    assert result["profile"]["r2_fit"] in shown


def test_a_run_that_held_nothing_out_shows_its_in_sample_lines_and_says_so() -> None:
    result = RESULTS["in sample"]

    made = figure("profile", result, {})
    lines = {trace["meta"]["series"]: trace["y"] for trace in made["data"] if "meta" in trace}
    keys = [trace["name"] for trace in made["data"] if trace["showlegend"]]
    cells = figure("heatmap", result, {"score": "update"})

    assert lines == {
        "stream": result["profile"]["r2_fit"],
        "update": result["profile"]["update_r2_fit"],
    }
    assert keys == [LABELS["en"]["fit_as_paper"]]
    assert cells["data"][0]["customdata"][0][0] == result["pairs"]["update_r2_fit"][0][1]
    assert cells["layout"]["meta"]["split"] == "fit"


def test_attention_and_mlp_are_lines_of_their_own_and_named_in_both_languages() -> None:
    result = RESULTS["by sublayers"]

    for lang, names in (
        ("en", ["block 1, attention", "block 1, MLP"]),
        ("ja", ["ブロック 1 の注意機構", "ブロック 1 の MLP"]),
    ):
        made = figure("profile", result, {"lang": lang})
        lines = [trace for trace in made["data"] if (trace.get("meta") or {}).get("series")]
        scores = result["profile"]["r2_heldout"]
        assert [trace["y"] for trace in lines[:2]] == [scores[::2], scores[1::2]]
        assert [trace["x"] for trace in lines[:2]] == [[0, 2, 4, 6], [1, 3, 5, 7]]
        assert [trace["text"][1] for trace in lines[:2]] == names
        assert made["layout"]["xaxis"]["ticktext"] == ["0", "1", "2", "3"]
        assert made["layout"]["xaxis"]["tickvals"] == [0.5, 2.5, 4.5, 6.5]
    cells = figure("heatmap", result, {})
    assert "0.attn" in cells["data"][0]["hovertext"][1][3]
    assert cells["layout"]["xaxis"]["ticktext"] == ["1", "2", "3", "4"]
    assert cells["layout"]["xaxis"]["tickvals"] == [2, 4, 6, 8]
    assert "block 3, MLP" in figure("token_classes", result, {})["data"][0]["text"][0][7]


def test_the_paper_s_values_lie_over_the_profile_of_a_model_that_it_measured() -> None:
    opt = a_result(blocks=12, model="facebook/opt-125m")
    result = replace(opt, model=opt.model | {"width": 768}).as_json()

    def frames(of: Any, **options: str) -> list[Any]:
        made = figure("profile", of, options)
        return [trace for trace in made["data"] if (trace.get("meta") or {}).get("published")]

    stream, update = frames(result, published="1")
    assert (min(stream["y"]), max(stream["y"])) == (0.95, 1.0)
    assert (min(update["y"]), max(update["y"])) == (0.33, 0.65)
    assert (min(update["x"]), max(update["x"])) == pytest.approx((4.4, 8.8))
    assert [frame["showlegend"] for frame in (stream, update)] == [True, False]
    assert "read off figure 1" in stream["text"]
    assert "図 1 から読み取り" in frames(result, published="1", lang="ja")[0]["text"]
    assert frames(
        in_sample(replace(opt, model=opt.model | {"width": 768})).as_json(), published="1"
    )
    bottom = figure("profile", result, {"published": "1"})["layout"]["yaxis"]["range"][0]
    assert bottom < 0.33
    assert frames(result) == []
    assert frames(RESULTS["whole"], published="1") == []


def test_kept_tokens_can_be_left_out() -> None:
    shown = [trace["y"] for trace in figure("profile", RESULTS["whole"], {"kept": "0"})["data"]]

    assert RESULTS["whole"]["kept"]["r2_heldout"] not in shown


def test_an_interval_that_is_missing_interrupts_the_band() -> None:
    result = a_result(blocks=5).as_json()
    result["profile"]["r2_heldout_ci95"][2] = None  # type: ignore[index, call-overload]

    bands = [t for t in figure("profile", result, {})["data"] if t.get("fill") == "toself"]

    assert [band["x"] for band in bands[:2]] == [[0, 1, 1, 0], [3, 4, 4, 3]]


def test_a_score_below_the_axis_is_marked_at_its_edge_with_its_number() -> None:
    result = a_result(blocks=3).as_json()
    result["profile"]["update_r2_heldout"][1] = -7.5  # type: ignore[index, call-overload]

    made = figure("profile", result, {})

    (marks,) = [t for t in made["data"] if t.get("marker", {}).get("symbol") and t["x"]]
    assert (marks["x"], marks["customdata"]) == ([1], [-7.5])
    assert marks["y"][0] > made["layout"]["yaxis"]["range"][0] > -1


def test_a_block_that_adds_nothing_leaves_a_gap_on_the_logarithmic_axis() -> None:
    result = a_result(blocks=3).as_json()
    result["profile"]["update_norm_ratio"][1] = 0.0  # type: ignore[index, call-overload]

    lines = [t for t in figure("norms", result, {})["data"] if t["meta"]["series"] == "ratio"]

    assert lines[0]["y"][1] is None


def test_a_row_a_class_with_first_tokens_beyond_the_colours() -> None:
    classes: Any = RESULTS["whole"]["token_classes"]

    made = figure("token_classes", RESULTS["whole"], {"lang": "ja"})

    cells = made["data"][0]
    assert made["layout"]["yaxis"]["ticktext"][:2] == ["先頭トークン", "句読点・記号"]
    assert cells["customdata"][3] == [block[3] for block in classes["error"]]
    assert cells["z"][3][1] == pytest.approx(math.log10(classes["error"][1][3]))
    assert 10 ** cells["zmax"] < 1 < min(cells["customdata"][0])
    assert 10 ** cells["zmin"] <= min(min(block) for block in classes["error"])


def test_the_median_of_the_blocks_settles_to_the_right() -> None:
    sizes: Any = RESULTS["large"]["sample_sizes"]

    made = figure("sample_sizes", RESULTS["large"], {})

    lines = {t["meta"]["series"]: t["y"] for t in made["data"] if "meta" in t}
    assert lines["stream"] == [median(row) for row in sizes["r2_heldout"]]
    assert lines["update"] == [median(row) for row in sizes["update_r2_heldout"]]
    assert made["layout"]["xaxis"]["ticktext"] == [f"{count:,}" for count in sizes["tokens"]]


def test_the_spread_of_errors_shows_every_token_of_a_block_once() -> None:
    errors: Any = RESULTS["whole"]["token_errors"]

    made = figure("token_errors", RESULTS["whole"], {})

    cells, lines = made["data"][0], {t["meta"]["series"]: t for t in made["data"][1:]}
    for block in range(4):
        assert sum(row[block] or 0.0 for row in cells["z"]) == pytest.approx(1.0)
    low, high = made["layout"]["yaxis"]["range"]
    assert low < min(lines["p50"]["y"]) < max(lines["p99"]["y"]) < high
    assert lines["p95"]["customdata"] == errors["p95"]
    profile: Any = RESULTS["whole"]["profile"]
    assert lines["mean_error"]["customdata"][2] == pytest.approx(1 - profile["r2_heldout"][2])


def test_errors_beyond_the_bins_are_shown_as_such() -> None:
    result = a_result(blocks=2).as_json()
    errors: Any = result["token_errors"]
    errors["counts"] = [[7, *[0] * (len(errors["edges"]) - 1), 3]] * 2

    cells = figure("token_errors", result, {})["data"][0]

    assert cells["text"][0][0].endswith("&lt; 1e-05")
    assert cells["text"][-1][1].startswith("block 1 ")
    assert cells["text"][-1][0].endswith("≥ 1e+03")
    assert (cells["customdata"][0][0], cells["customdata"][-1][0]) == ("7", "3")
    assert cells["z"][1] == [None, None]


def test_names_of_users_cannot_bring_markup() -> None:
    result = a_result(blocks=2, model='<a href="x">&', dataset="<b>bold</b>").as_json()

    found = [text for name in NAMES for text in texts(figure(name, result, {}))]

    assert escape("<a>&") == "&lt;a&gt;&amp;"
    assert not [text for text in found if "<a" in text or "<b>bold" in text]
    assert any("&lt;b&gt;bold&lt;/b&gt;" in text for text in found)


def test_labels_have_the_same_keys_and_places_in_both_languages() -> None:
    english, japanese = LABELS["en"], LABELS["ja"]

    assert english.keys() == japanese.keys()
    for key, text in english.items():
        assert sorted(part.split("}")[0] for part in text.split("{")[1:]) == sorted(
            part.split("}")[0] for part in japanese[key].split("{")[1:]
        )


def test_japanese_figures_speak_japanese() -> None:
    made = figure("profile", RESULTS["whole"], {"lang": "ja"})

    assert made["layout"]["xaxis"]["title"]["text"] == "ブロック"


def test_a_preliminary_figure_says_how_far_it_is() -> None:
    made = figure("heatmap", RESULTS["first batch"], {})

    assert "2,048 of 16,384 tokens" in made["layout"]["meta"]["caption"]


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_figure_says_how_many_tokens_were_seen_not_asked_for(name: str) -> None:
    made = figure(name, RESULTS["whole"], {})

    counts = RESULTS["whole"]["tokens"]
    seen = sum(counts[key] for key in ("fit", "heldout", "excluded_first", "excluded_sinks"))
    assert seen != RESULTS["whole"]["params"]["tokens"]
    assert f" · {seen:,} tokens" in made["layout"]["meta"]["caption"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("pie", {}), ("heatmap", {"score": "beauty"}), ("profile", {"theme": "pink"})],
)
def test_what_does_not_exist_is_refused_with_what_does(name: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterError, match="wanted one of"):
        figure(name, RESULTS["whole"], options)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(UnknownParameterError, match="colour"):
        figure("heatmap", RESULTS["whole"], {"colour": "red"})
