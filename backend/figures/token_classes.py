"""The error of every block by class of token: where in the text a model is not linear."""

import math
from collections.abc import Mapping
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import transition_axis, transition_names
from backend.figures.points import LOWEST_REMAINDER, Row
from backend.figures.theme import (
    COLORSCALE,
    THEMES,
    axis,
    base_layout,
    log_colorbar,
    log_ticks,
    meta,
)

MARGIN = {"l": 200, "r": 72, "t": 8, "b": 40}
NARROW_MARGIN = MARGIN | {"l": 130, "r": 56}
UNSCORED = ("first", "sink")
"""Their errors may be a thousand times larger: they do not stretch the colours."""
LEAST_SPAN = 0.5


def token_classes(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure: a row a class, a column a block, the logarithm of the error as colour."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    classes = result.get("token_classes") or {"names": [], "tokens": [], "error": []}
    names = [words[f"class_{name}"] for name in classes["names"]]
    rows: list[Row] = [[block[place] for block in classes["error"]] for place in range(len(names))]
    low, high = _decades(classes["names"], rows)
    counts = [words["tokens"].format(tokens=f"{count:,}") for count in classes["tokens"]]
    blocks = transition_names(result, options.lang)
    places = log_ticks(low, high, at_most=5)
    cells = {
        "type": "heatmap",
        "x": [*range(len(result["states"]) - 1)],
        "y": [*range(len(names))],
        "z": [[_log(error) for error in row] for row in rows],
        "text": [[f"{name} · {count}<br>{where}" for where in blocks]
                 for name, count in zip(names, counts, strict=True)],
        "customdata": rows,
        "zmin": low,
        "zmax": high,
        "colorscale": COLORSCALE,
        "reversescale": True,  # as in the map of pairs: bright is linear
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": (
            f"%{{text}} · {words['class_error']} "
            "<b>%{customdata:.3~g}</b><extra></extra>"
        ),
        "colorbar": log_colorbar(theme, places),
    }  # fmt: skip
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": False,
        "xaxis": transition_axis(theme, result, options.lang),
        "yaxis": axis(
            theme,
            "",
            tickmode="array",
            tickvals=[*range(len(names))],
            ticktext=names,
            range=[len(names) - 0.5, -0.5],
            showgrid=False,
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['class_error']}")
        | {"narrow": {"margin": NARROW_MARGIN}},
    }
    return {"data": [cells], "layout": layout}


def _decades(names: list[str], rows: list[Row]) -> tuple[float, float]:
    """Return the range of the colours in powers of ten: that of the classes with a text."""
    shown = [
        log
        for name, row in zip(names, rows, strict=True)
        if name not in UNSCORED
        for log in map(_log, row)
        if log is not None
    ]
    low = math.floor(min(shown, default=-2.0) * 4) / 4
    return low, max(low + LEAST_SPAN, math.ceil(max(shown, default=0.0) * 4) / 4)


def _log(error: float | None) -> float | None:
    return None if error is None else math.log10(max(error, LOWEST_REMAINDER))
