"""The norms: how large a block's own output is beside the stream that it is added to."""

import math
from collections.abc import Mapping
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import transition_axis, transition_names
from backend.figures.points import Row, series
from backend.figures.profile_lines import MARGIN
from backend.figures.theme import THEMES, axis, base_layout, log_ticks, meta


def norms(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure of ``update_norm_ratio`` on a logarithmic axis."""
    blocks = len(result["states"]) - 1
    theme = THEMES[options.theme]
    words = LABELS[options.lang]
    ratio = series(result["profile"], "update_norm_ratio", blocks=blocks).values
    kept = series(result.get("kept"), "update_norm_ratio", blocks=blocks).values
    data = [_line(ratio, theme.ink, words, dash="solid", name="ratio")]
    shown = [ratio]
    if options.kept:
        data.insert(0, _line(kept, theme.muted, words, dash="dot", name="kept"))
        shown.append(kept)
    for line in data:
        line["text"] = transition_names(result, options.lang)
    low, high = _decades(shown)
    layout = base_layout(theme) | {
        "margin": MARGIN | {"t": 8},
        "showlegend": False,
        "xaxis": transition_axis(theme, result, options.lang),
        "yaxis": axis(
            theme,
            words["ratio_axis"],
            type="log",
            range=[low, high],
            tickvals=log_ticks(low, high),
            ticktext=[f"{value:g}" for value in log_ticks(low, high)],
        ),
        "meta": meta(theme, caption(result, options.lang)),
    }
    return {"data": data, "layout": layout}


def _line(
    values: Row, colour: str, words: Mapping[str, str], *, dash: str, name: str
) -> dict[str, Any]:
    solid = dash == "solid"
    return {
        "type": "scatter",
        "name": words[name],
        "x": [*range(len(values))],
        "y": [value if value else None for value in values],  # a log axis has no zero
        "mode": "lines+markers" if solid else "lines",
        "line": {"width": 2 if solid else 1.5, "color": colour, "dash": dash},
        "marker": {"size": 5, "color": colour},
        "hovertemplate": (f"%{{text}} · {words[name]} <b>%{{y:.4~g}}</b><extra></extra>"),
        "meta": {"series": name},
    }


def _decades(rows: list[Row]) -> tuple[float, float]:
    """Return the axis range in powers of ten, with room around the data."""
    logs = [math.log10(value) for row in rows for value in row if value]
    if not logs:
        return -2.0, 1.0
    return min(logs) - 0.15, max(max(logs) + 0.15, min(logs) + 0.85)
