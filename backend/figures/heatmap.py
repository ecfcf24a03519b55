"""The heat map of pairs: from a state (down) to a later state (right)."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import is_by_sublayers, state_ticks
from backend.figures.points import (
    LOWEST_REMAINDER,
    PairPoints,
    pair_points,
    remainders,
    score_range,
)
from backend.figures.theme import (
    COLORSCALE,
    THEMES,
    Theme,
    axis,
    log_ticks,
    meta,
)
from backend.figures.triangle import colour_bar, hatching, triangle_layout

PRINT_VALUES_UP_TO = 12
"""Cells of larger models are too small for a number."""


def heatmap(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure of one pair score."""
    points = pair_points(result, score=options.score, split=options.split)
    options = replace(options, split=points.split)
    theme = THEMES[options.theme]
    data = [_cells(points, options, theme)]
    if is_by_sublayers(result):
        data[0] |= _named(points, result["states"], data[0], LABELS[options.lang])
    if missing := points.missing():
        data.append(hatching(missing, theme))
    return {"data": data, "layout": _layout(result, points, options, theme)}


def _cells(points: PairPoints, options: FigureOptions, theme: Theme) -> dict[str, Any]:
    logarithmic = options.scale == "log"
    low, high = _limits(points, options)
    words = LABELS[options.lang]
    name = words[_label(options)]
    place = words["pair_hover"].format(**{"from": "%{y}", "to": "%{x}"})
    trace = {
        "type": "heatmap",
        "name": name,
        "x": points.to_states,
        "y": points.from_states,
        "z": remainders(points) if logarithmic else points.scores,
        "customdata": points.scores,
        "zmin": low,
        "zmax": high,
        "colorscale": COLORSCALE,
        # A low remainder is a high score, and a low angle is a near state: both get the bright end.
        "reversescale": logarithmic or options.score == "angular",
        "zsmooth": False,
        "hoverongaps": False,
        "hovertemplate": f"{place}<br>{name} <b>%{{customdata:.4f}}</b><extra></extra>",
        "colorbar": _colour_bar(low, high, options, theme),
    }
    if len(points.from_states) <= PRINT_VALUES_UP_TO:
        trace["text"] = [
            ["" if score is None else f"{score:.2f}" for score in row] for row in points.scores
        ]
        trace["texttemplate"] = "%{text}"
    return trace


def _named(
    points: PairPoints, states: list[str], cells: Mapping[str, Any], words: Mapping[str, str]
) -> dict[str, Any]:
    """Return what calls each cell by the names of its states, where their numbers are not those."""
    numbers = words["pair_hover"].format(**{"from": "%{y}", "to": "%{x}"})
    return {
        "hovertext": [
            [
                words["pair_hover"].format(**{"from": states[start], "to": states[end]})
                for end in points.to_states
            ]
            for start in points.from_states
        ],
        "hovertemplate": cells["hovertemplate"].replace(numbers, "%{hovertext}"),
    }


def _limits(points: PairPoints, options: FigureOptions) -> tuple[float, float]:
    values = points.values()
    if options.scale == "log":
        shown = [math.log10(max(1 - value, LOWEST_REMAINDER)) for value in values] or [-2.0, 0.0]
        low = math.floor(min(shown) * 4) / 4
        return low, max(low + 0.5, math.ceil(max(shown) * 4) / 4)
    if options.score == "angular":
        return 0.0, max(0.1, math.ceil(max(values, default=0.5) * 10) / 10)
    return score_range(values)


def _label(options: FigureOptions) -> str:
    if options.score in ("angular", "cosine", "cka"):
        return options.score
    return f"{options.score}_{options.split}"


def _colour_bar(low: float, high: float, options: FigureOptions, theme: Theme) -> dict[str, Any]:
    """Return a bar that lies in the empty triangle below the diagonal."""
    ticks: dict[str, Any] = {"nticks": 4, "tickformat": ".1f" if high - low > 0.25 else ".2f"}
    if options.scale == "log":
        places = log_ticks(low, high, at_most=4)
        ticks = {
            "tickvals": [math.log10(place) for place in places],
            "ticktext": [f"{place:g}" for place in places],
        }
    looks = {
        "outlinewidth": 0,
        "bgcolor": theme.paper,  # the selection's hair lines pass behind it
        "tickangle": 0,
    }
    return colour_bar(theme) | looks | ticks


def _layout(
    result: Mapping[str, Any], points: PairPoints, options: FigureOptions, theme: Theme
) -> dict[str, Any]:
    words = LABELS[options.lang]
    blocks = len(points.from_states)
    shown = words[_label(options)]
    title = words["one_minus"].format(score=shown) if options.scale == "log" else shown
    missing = words["not_measured"] if points.missing() else None
    return triangle_layout(theme, title, missing) | {
        "xaxis": axis(
            theme,
            words["to_state"],
            range=[0.5, blocks + 0.5],
            **state_ticks(result, first=1),
            showgrid=False,
            constrain="domain",
        ),
        "yaxis": axis(
            theme,
            words["from_state"],
            range=[blocks - 0.5, -0.5],
            **state_ticks(result),
            showgrid=False,
            scaleanchor="x",
            constrain="domain",
        ),
        "meta": meta(
            theme,
            f"{caption(result, options.lang)} · {title}",
            score=options.score,
            split=options.split,
            scale=options.scale,
        ),
    }
