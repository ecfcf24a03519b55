"""Tasks of a `benchmark` run: right answers of both models, and the paired difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.figures.hover import number
from backend.figures.labels import LABELS, caption, escape
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, Theme, axis, base_layout, legend, meta

MARGIN = {"l": 170, "r": 16, "t": 8, "b": 44}
NARROW_MARGIN = MARGIN | {"l": 118}
LEGEND_ROOM = 28
LONGEST_NAME = 24
Z = 1.959963984540054
"""The 0.975 quantile of the normal distribution: bars of a single model are 95 % intervals."""

Words = Mapping[str, str]
Score = Mapping[str, Any]


@dataclass(frozen=True)
class TaskRow:
    """A row of either figure: a task and metric, or a category of the only task."""

    name: str
    detail: str
    questions: int
    score: Score
    chance: float | None
    is_category: bool = False


def task_scores(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure of both models' accuracies, with what guessing would give."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    rows = score_rows(result, words)
    sides = [
        _side(rows, "dense", theme.muted, words),
        _side(rows, "changed", theme.accent, words),
    ]
    guessed = [(place, row) for place, row in enumerate(rows) if row.chance is not None]
    chance = {
        "type": "scatter",
        "mode": "markers",
        "name": words["chance"],
        "x": [100 * (row.chance or 0.0) for _, row in guessed],
        "y": [place for place, _ in guessed],
        "marker": {"symbol": "line-ns-open", "size": 14, "color": theme.muted},
        "hovertemplate": f"{words['chance']} %{{x:.1f}} %<extra></extra>",
    }
    layout = _layout(result, rows, options, title=words["accuracy_axis"]) | {
        "margin": MARGIN | {"t": LEGEND_ROOM},
        "showlegend": True,
        "legend": legend(theme),
    }
    layout["meta"]["narrow"] = {"margin": NARROW_MARGIN | {"t": LEGEND_ROOM}}
    return {"data": [*sides, *([chance] if guessed else [])], "layout": layout}


def task_differences(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure of the paired differences; of a single task, its categories below."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    rows = difference_rows(result, words)
    layout = _layout(result, rows, options, title=words["difference_axis"])
    layout["xaxis"] |= {"zeroline": True, "zerolinecolor": theme.hatch}
    # Apart: without an interval a dot is hollow, and has no error bar, not one of no length.
    groups = [
        [(place, row) for place, row in enumerate(rows) if (row.score["ci95"] is not None) is known]
        for known in (True, False)
    ]
    data = [_differences(group, theme, words) for group in groups if group]
    return {"data": data, "layout": layout}


def score_rows(result: Mapping[str, Any], words: Words) -> list[TaskRow]:
    """Return a row for every task and metric that is a share."""
    return [
        TaskRow(
            _task_name(task, words),
            words.get(score["metric"], score["metric"]),
            task["questions"],
            score,
            task["chance"],
        )
        for task in result.get("tasks") or []
        for score in task["scores"]
        if score["metric"].startswith("acc")
    ]


def difference_rows(result: Mapping[str, Any], words: Words) -> list[TaskRow]:
    """Return the rows of the tasks, and the categories of the only one, worst first."""
    tasks = result.get("tasks") or []
    rows = score_rows(result, words)
    found = tasks[0]["categories"] if len(tasks) == 1 else []
    ordered = sorted(found, key=lambda item: item["score"]["diff"])
    return rows + [
        TaskRow(item["category"], "", item["questions"], item["score"], None, is_category=True)
        for item in ordered
    ]


def _layout(
    result: Mapping[str, Any], rows: Sequence[TaskRow], options: FigureOptions, *, title: str
) -> dict[str, Any]:
    theme = THEMES[options.theme]
    return base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": False,
        "xaxis": axis(theme, title),
        "yaxis": axis(
            theme,
            "",
            tickmode="array",
            tickvals=[*range(len(rows))],
            ticktext=[_tick(row) for row in rows],
            range=[len(rows) - 0.4, -0.6],
            showgrid=False,
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {title}")
        | {"narrow": {"margin": NARROW_MARGIN}},
    }


def _side(rows: Sequence[TaskRow], side: str, colour: str, words: Words) -> dict[str, Any]:
    values = [100 * row.score[side] for row in rows]
    errors = [100 * Z * (row.score[f"{side}_se"] or 0.0) for row in rows]
    shift = -0.12 if side == "dense" else 0.12
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words[f"{side}_model"],
        "x": values,
        "y": [place + shift for place in range(len(rows))],
        "marker": {"size": 9, "color": colour},
        "error_x": {"type": "data", "array": errors, "thickness": 1.5, "width": 4, "color": colour},
        "customdata": [_hover(row, words) for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }


def _differences(
    group: Sequence[tuple[int, TaskRow]], theme: Theme, words: Words
) -> dict[str, Any]:
    rows = [row for _, row in group]
    dots: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "x": [100 * row.score["diff"] for row in rows],
        "y": [place for place, _ in group],
        "marker": {
            "size": 9,
            "color": [theme.muted if row.is_category else theme.accent for row in rows],
            "symbol": "circle" if rows[0].score["ci95"] else "circle-open",
        },
        "customdata": [_hover(row, words) for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }
    if rows[0].score["ci95"]:
        dots["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [100 * (row.score["ci95"][1] - row.score["diff"]) for row in rows],
            "arrayminus": [100 * (row.score["diff"] - row.score["ci95"][0]) for row in rows],
            "thickness": 1.5,
            "width": 4,
            "color": theme.muted,
        }
    return dots


def _task_name(task: Mapping[str, Any], words: Words) -> str:
    return words["own_questions"] if task["task"] == "own_questions" else str(task["task"])


def _tick(row: TaskRow) -> str:
    name = row.name if len(row.name) <= LONGEST_NAME else f"{row.name[: LONGEST_NAME - 1]}…"
    return escape(name) + (f"<br>{escape(row.detail[:LONGEST_NAME])}" if row.detail else "")


def _hover(row: TaskRow, words: Words) -> str:
    score = row.score
    difference = f"<b>{100 * score['diff']:+.2f}</b>"
    if score["ci95"] is not None:
        low, high = (100 * end for end in score["ci95"])
        difference += f" ({words['paired_interval']} {low:+.2f} – {high:+.2f})"
    sides = " · ".join(
        f"{words[f'{side}_model']} {number(score[side], '.2%')}" for side in ("dense", "changed")
    )
    counts = words["lost_gained"].format(lost=score["lost"], gained=score["gained"])
    return "<br>".join(
        [
            f"<b>{escape(row.name[:200])}</b> {escape(row.detail)}".rstrip(),
            words["task_questions"].format(questions=f"{row.questions:,}"),
            sides,
            difference,
            counts,
        ]
    )
