"""Figures of a benchmark: a row a task and metric, the paired difference with its interval."""

from dataclasses import replace
from typing import Any

import pytest

from backend.figures.figure import figure
from backend.figures.labels import LABELS
from backend.figures.tasks import difference_rows, score_rows
from tests.figures.benchmark_results import a_benchmark

LANGUAGES = ("en", "ja")


def drawn(name: str, result: Any, **options: str) -> dict[str, Any]:
    return figure(name, result.as_json(), options)


def test_a_row_stands_for_every_task_and_share() -> None:
    result = a_benchmark(tasks=("own_questions", "piqa")).as_json()
    rows = score_rows(result, LABELS["en"])

    assert [(row.name, row.detail) for row in rows] == [
        ("own questions", "likeliest choice"),
        ("own questions", "likeliest a character"),
        ("piqa", "likeliest choice"),
        ("piqa", "likeliest a character"),
    ]


def test_categories_stand_below_a_single_task_only() -> None:
    alone = difference_rows(a_benchmark().as_json(), LABELS["en"])
    several = difference_rows(a_benchmark(tasks=("own_questions", "piqa")).as_json(), LABELS["en"])
    categories = [row for row in alone if row.is_category]

    assert {row.name for row in categories} == {"billing", "shipping"}
    assert [row.score["diff"] for row in categories] == sorted(
        row.score["diff"] for row in categories
    )
    assert not any(row.is_category for row in several)


def test_the_numbers_are_percentages() -> None:
    result = a_benchmark()
    score = result.tasks[0].scores[0]
    dense, changed, chance = drawn("task_scores", result)["data"]

    assert dense["x"][0] == pytest.approx(100 * score.dense)
    assert changed["x"][0] == pytest.approx(100 * score.changed)
    assert changed["error_x"]["array"][0] == pytest.approx(195.9964 * (score.changed_se or 0.0))
    assert chance["x"] == [25.0, 25.0]


def test_the_difference_carries_its_paired_interval() -> None:
    result = a_benchmark()
    score = result.tasks[0].scores[0]
    dots = drawn("task_differences", result)["data"][0]

    assert score.ci95 is not None
    assert dots["x"][0] == pytest.approx(100 * score.diff)
    assert dots["x"][0] + dots["error_x"]["array"][0] == pytest.approx(100 * score.ci95[1])
    assert dots["x"][0] - dots["error_x"]["arrayminus"][0] == pytest.approx(100 * score.ci95[0])


def test_without_an_interval_a_dot_is_hollow() -> None:
    result = a_benchmark()
    [task] = result.tasks
    scores = [replace(score, ci95=None) for score in task.scores]
    result = replace(result, tasks=[replace(task, scores=scores, categories=[])])
    [dots] = drawn("task_differences", result)["data"]

    assert dots["marker"]["symbol"] == "circle-open"
    assert "error_x" not in dots


@pytest.mark.parametrize("name", ["task_scores", "task_differences"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_names_cannot_become_markup(name: str, lang: str) -> None:
    result = a_benchmark()
    category = replace(result.tasks[0].categories[0], category="<b>bold</b>")
    task = replace(result.tasks[0], task="<i>task</i>", categories=[category])
    text = str(drawn(name, replace(result, tasks=[task]), lang=lang))

    assert "<i>task" not in text
    assert "<b>bold</b>" not in text


def test_a_running_job_has_an_empty_figure() -> None:
    running = {"kind": "benchmark", "model": {"name": "m"}, "dataset": {"name": "d"}}

    assert figure("task_scores", running, {})["layout"]["yaxis"]["ticktext"] == []
