"""A view of a result as one HTML file."""

import base64
import hashlib
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

import frontend
from backend.assets import plotly_path
from backend.dependencies import Services
from backend.snapshot import READER, SCRIPTS, snapshot
from tests.backend.builders import a_finished_run, a_running_run
from tests.builders import a_result
from tests.figures.ablation_results import a_plan, an_ablation, some_answers
from tests.figures.benchmark_results import a_benchmark
from tests.figures.heal_results import a_healing
from tests.figures.passages import a_passage
from tests.figures.speeds import a_speed
from tests.frontend.sources import FRONTEND, read

HOSTILE = "<img src=x onerror=alert(1)></script> $\\href{javascript:alert(1)}{x} %{x} \u2028"


class Elements(HTMLParser):
    """Every element with its attributes, and the text of every script, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":  # a long one comes in pieces
            given, text = self.scripts.pop()
            self.scripts.append((given, text + data))
        else:
            self.texts.append(data)

    def data(self, id: str) -> Any:
        """Return the JSON in the element of this id."""
        return next(json.loads(text) for given, text in self.scripts if given.get("id") == id)

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def saved(result: Any, **view: str) -> Elements:
    return Elements(snapshot(result.as_json(), view).decode())


def test_the_file_holds_the_whole_result_and_the_figures_of_the_view() -> None:
    result = a_result(blocks=6)
    page = saved(result, score="update", sel="2-4", theme="dark", lang="ja")

    assert page.data("result") == json.loads(json.dumps(result.as_json()))
    drawn = page.data("drawn")
    assert list(drawn["figures"]) == [
        "heatmap",
        "profile",
        "norms",
        "token_classes",
        "sample_sizes",
        "token_errors",
    ]
    heat = drawn["figures"]["heatmap"]["data"][0]["z"]
    assert heat[2][3] == pytest.approx(result.pairs.update_r2_heldout[2][4])
    assert drawn["view"]["sel"] == "2-4"
    assert page.attributes("html") == [{"lang": "ja", "data-theme": "dark"}]
    assert result.finding is not None
    assert result.finding["ja"] in page.texts


def test_only_the_two_scripts_of_the_policy_may_run_and_nothing_is_fetched() -> None:
    page = saved(a_result())
    policy = next(
        item["content"] or ""
        for item in page.attributes("meta")
        if item.get("http-equiv") == "Content-Security-Policy"
    )
    programs = [text for given, text in page.scripts if given.get("type") != "application/json"]
    hashes = {
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for text in programs
    }

    assert len(programs) == 2
    assert set(re.findall(r"'sha256-[^']+'", policy)) == hashes
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert not page.attributes("link") + page.attributes("img") + page.attributes("iframe")
    assert [given for given, _ in page.scripts if "src" in given] == []


def test_plotly_is_in_the_file_once_as_installed() -> None:
    text = snapshot(a_result().as_json(), {}).decode()
    plotly = plotly_path().read_text(encoding="utf-8")

    assert text.count(plotly) == 1
    assert len(text) < len(plotly) + 400_000


def test_texts_of_users_stay_texts() -> None:
    page = saved(a_result(model=HOSTILE, dataset=HOSTILE))

    assert page.attributes("img") == page.attributes("iframe") == page.attributes("a") == []
    assert not [given for _, given in page.found if any(key.startswith("on") for key in given)]
    assert page.data("result")["model"]["name"] == HOSTILE
    assert len(page.scripts) == 4
    assert any(HOSTILE in text for text in page.texts)


def test_the_table_is_the_one_on_the_screen() -> None:
    result = a_result(blocks=3)
    pairs, blocks = saved(result), saved(result, table="blocks")

    assert f"{result.pairs.r2_heldout[0][3]:.3f}" in pairs.texts
    assert f"{result.profile.update_r2_fit[2]:.3f}" in blocks.texts
    assert "Stream, held-out" in blocks.texts


def test_a_saved_passage_is_shaded_at_the_block_of_the_view() -> None:
    result = a_passage()
    page = saved(result, sel="2-3", lang="ja")

    tokens = [item for item in page.attributes("span") if item.get("class") == "token"]
    shades = [float((item["style"] or "").removeprefix("--shade: ")) for item in tokens]
    for place, errors in enumerate(result.error):
        outside = result.passage[place].token_class in ("first", "sink")
        wanted = 0.0 if outside else (math.log10(errors[2] / 0.1) + 1) / 2
        assert shades[place] == pytest.approx(min(1.0, max(0.0, wanted)), abs=1e-3)
    assert [item.get("data-kind") for item in tokens].count("first") == 1
    assert "ブロック 2 · 検証データでのふだんの値: 0.1" in page.texts
    assert {"線", "E7 B7", "9A"} <= set(page.texts)
    assert any("<b>%{x}</b>" in text for text in page.texts)


@pytest.mark.parametrize(
    ("result", "view", "figures", "number"),
    [
        (an_ablation(), {"curve": "greedy.linear.one_shot", "n": "3"}, {"curve", "damage"}, None),
        (a_plan(), {}, {"documents"}, "Perplexity"),
        (a_healing(), {}, {"training", "before_after"}, "What healing brought"),
        (a_healing(sweep=True), {"metric": "ppl"}, {"training", "three_curves"}, "Perplexity"),
        (some_answers(), {"show": "different", "at": "2"}, set(), "Identical answers"),
        (
            a_benchmark(),
            {"items": "lost"},
            {"task_scores", "task_differences"},
            "Own questions · Right answers",
        ),
        (a_passage(), {"sel": "1-2", "n": "3"}, {"passage"}, "Least linear"),
        (a_speed(), {}, {"speedups", "costs"}, "Tokens per second at 8 at once"),
    ],
    ids=["ablation", "plan", "heal", "sweep", "answers", "benchmark", "passage", "speed"],
)
def test_every_kind_can_be_saved(
    result: Any, view: dict[str, str], figures: set[str], number: str | None
) -> None:
    for lang in ("en", "ja"):
        page = saved(result, **view, lang=lang)
        assert figures <= set(page.data("drawn")["figures"])
        assert page.data("result")["id"] == result.id
        if lang == "en":
            assert number is None or number in page.texts


def test_the_selected_point_of_a_curve_has_its_numbers() -> None:
    result = an_ablation()
    curve = next(item for item in result.curves if item.strategy != "random")
    key = ".".join(part for part in (curve.strategy, curve.action, curve.fitting) if part)
    point = curve.points[1]

    page = saved(result, curve=key, n=str(point.changed))

    assert point.plan in page.texts
    assert f"{point.nll_diff:.4f}" in page.texts


def test_missing_numbers_are_dashes() -> None:
    result = a_result(blocks=2)
    empty = replace(result.profile, r2_heldout=[None, None], update_norm_ratio=[None, 0.5])

    page = saved(replace(result, profile=empty), table="blocks")

    assert "–" in page.texts
    assert "NaN" not in "".join(page.texts)


@pytest.mark.parametrize("query", ["lang=fr", "theme=blue", "score=best", "split=none"])
def test_a_switch_that_does_not_exist_is_refused(
    client: TestClient, services: Services, query: str
) -> None:
    run = a_finished_run(services)

    answer = client.get(f"/api/v1/runs/{run.id}/snapshot?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_the_answer_is_a_file_to_save(client: TestClient, services: Services) -> None:
    run = a_finished_run(services)

    answer = client.get(f"/api/v1/runs/{run.id}/snapshot?sel=1-2&nobody=knows&n=x&curve=..")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (
        answer.headers["content-disposition"] == f'attachment; filename="linearity-{run.id}.html"'
    )
    assert f"sha256 {run.result}" in answer.text


def test_an_unfinished_run_cannot_be_saved(client: TestClient, services: Services) -> None:
    answer = client.get(f"/api/v1/runs/{a_running_run(services).id}/snapshot")

    assert answer.json()["code"] == "run_not_finished"


def test_the_reader_has_every_module_that_it_names_and_no_name_twice() -> None:
    named = set(re.findall(r'^import .* from "\./(.*)";$', read(FRONTEND / READER), re.MULTILINE))
    sources = [read(FRONTEND / name) for name in (*SCRIPTS, READER)]
    declared = [
        name
        for source in sources
        for name in re.findall(
            r"^(?:export )?(?:const|let|function|async function) (\w+)", source, re.MULTILINE
        )
    ]

    assert named == set(SCRIPTS)
    assert not [source for source in sources[:-1] if re.search(r"^import ", source, re.MULTILINE)]
    assert len(declared) == len(set(declared)) > 10
    assert frontend.__file__


def test_pictures_stand_in_two_columns_of_about_the_same_length() -> None:
    html = snapshot(an_ablation(seeds=5).as_json(), {}).decode()

    left, right = (part.split("</main>")[0] for part in html.split('class="stack"')[1:3])

    assert re.findall(r'data-figure="(\w+)"', left) == ["curve", "scores"]
    assert re.findall(r'data-figure="(\w+)"', right) == ["damage", "interaction"]
