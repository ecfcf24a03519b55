"""What profiles are drawn of: lines with bands, markers at the edge, the axes and the legend."""

import math
from collections.abc import Mapping
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import transition_axis, transition_names
from backend.figures.points import Row, Series
from backend.figures.theme import (
    FONT_SIZE,
    THEMES,
    Theme,
    axis,
    base_layout,
    legend,
    meta,
    translucent,
)
from linearity.contracts.runs import Language

HIGHEST_BOTTOM = 0.5
LOWEST_SHOWN = -0.25
"""A score may fall without limit; below this a marker at the edge says so."""

MARGIN = {"l": 56, "r": 76, "t": 32, "b": 40}
"""The norms below have the same left and right margin, so a block stays at one x."""


def band(line: Series, colour: str) -> list[dict[str, Any]]:
    """Return the interval as one closed band for each stretch without a gap."""
    shapes = []
    for stretch in _stretches(line):
        shapes.append(
            {
                "type": "scatter",
                "x": [*stretch, *reversed(stretch)],
                "y": [line.high[b] for b in stretch] + [line.low[b] for b in reversed(stretch)],
                "mode": "lines",
                "line": {"width": 0, "color": colour},
                "fill": "toself",
                "fillcolor": translucent(colour, 0.18),
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    return shapes


def _stretches(line: Series) -> list[list[int]]:
    stretches: list[list[int]] = [[]]
    for block, low in enumerate(line.low):
        if low is None:
            stretches.append([])
        else:
            stretches[-1].append(block)
    return [stretch for stretch in stretches if len(stretch) > 1]


def line(
    values: Row, colour: str, *, width: float, name: str, dash: str = "solid"
) -> dict[str, Any]:
    """Return a thin line without markers."""
    return {
        "type": "scatter",
        "name": name,
        "x": [*range(len(values))],
        "y": values,
        "mode": "lines",
        "line": {"width": width, "color": colour, "dash": dash},
        "opacity": 0.75,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def main_line(
    line: Series, colour: str, name: str, result: Mapping[str, Any], language: Language
) -> dict[str, Any]:
    """Return the line that a reader hovers over, with its intervals as words."""
    words = LABELS[language]
    intervals = [
        "" if low is None or high is None else f"{words['interval']} {low:.4f} – {high:.4f}"
        for low, high in zip(line.low, line.high, strict=True)
    ]
    return {
        "type": "scatter",
        "name": words[name],
        "x": [*range(len(line.values))],
        "y": line.values,
        "customdata": intervals,
        "text": transition_names(result, language),
        "mode": "lines+markers",
        "line": {"width": 2, "color": colour},
        "marker": {"size": 5, "color": colour},
        "hovertemplate": (
            f"%{{text}} · {words[name]} <b>%{{y:.4f}}</b><br>%{{customdata}}<extra></extra>"
        ),
        "showlegend": False,
        "meta": {"series": name},
    }


def bottom_of(data: list[dict[str, Any]]) -> float:
    """Return where the axis of scores begins."""
    values = [value for trace in data for value in trace["y"] if value is not None]
    below = math.floor((min(values, default=0.02) - 0.02) * 10) / 10
    return min(HIGHEST_BOTTOM, max(LOWEST_SHOWN, below))


def below(
    line: Series,
    bottom: float,
    theme: Theme,
    words: Mapping[str, str],
    named: tuple[str, list[str]],
) -> dict[str, Any]:
    """Return markers at the edge for scores that lie below it."""
    name, places = named
    hidden = [
        (b, value) for b, value in enumerate(line.values) if value is not None and value < bottom
    ]
    return {
        "type": "scatter",
        "x": [block for block, _ in hidden],
        "y": [bottom + 0.02 for _ in hidden],
        "customdata": [value for _, value in hidden],
        "text": [places[block] for block, _ in hidden],
        "mode": "markers",
        "marker": {"symbol": "triangle-down", "size": 9, "color": getattr(theme, name)},
        "hovertemplate": (
            f"%{{text}} · {words[name]} <b>%{{customdata:.4f}}</b><br>"
            f"{words['below']}<extra></extra>"
        ),
        "showlegend": False,
    }


def style_key(words: Mapping[str, str], theme: Theme, *, kept: bool) -> list[dict[str, Any]]:
    """Return empty traces that explain the line styles; the colours are labelled directly."""
    styles = [("heldout", 2.5, "solid"), ("fit", 1, "solid"), ("kept", 1.5, "dot")]
    return [
        style(words[label], width, dash, theme)
        for label, width, dash in styles
        if kept or label != "kept"
    ]


def style(name: str, width: float, dash: str, theme: Theme) -> dict[str, Any]:
    """Return one entry of the legend."""
    return {
        "type": "scatter",
        "name": name,
        "x": [None],
        "y": [None],
        "mode": "lines",
        "line": {"width": width, "color": theme.muted, "dash": dash},
        "hoverinfo": "skip",
        "showlegend": True,
    }


def ends(lines: Mapping[str, Series]) -> dict[str, float]:
    """Return the height of each line's label: at its last value, at least a line apart."""
    ends = {}
    for name, line in lines.items():
        values = [value for value in line.values if value is not None]
        if values:
            ends[name] = max(values[-1], LOWEST_SHOWN)
    if len(ends) == 2 and abs(ends["stream"] - ends["update"]) < 0.08:
        middle = (ends["stream"] + ends["update"]) / 2
        above, under = sorted(ends, key=lambda name: -ends[name])
        ends = {above: middle + 0.04, under: middle - 0.04}
    return ends


def layout(
    result: Mapping[str, Any],
    options: FigureOptions,
    blocks: int,
    bottom: float,
    ends: Mapping[str, float],
) -> dict[str, Any]:
    """Return the layout: one axis of blocks, one of scores, and the lines named at their ends."""
    theme = THEMES[options.theme]
    words = LABELS[options.lang]
    return base_layout(theme) | {
        "margin": MARGIN,
        "hovermode": "closest",
        "showlegend": True,
        "legend": legend(theme),
        "xaxis": transition_axis(theme, result, options.lang),
        "yaxis": axis(
            theme, words["score_axis"], range=[bottom, 1.02], tickformat=".1f", dtick=0.2
        ),
        "annotations": [
            {
                "text": words[name],
                "x": 1,
                "xref": "paper",
                "xanchor": "left",
                "xshift": 6,
                "y": height,
                "yref": "y",
                "yanchor": "middle",
                "showarrow": False,
                "font": {"size": FONT_SIZE + 1, "color": getattr(theme, name)},
            }
            for name, height in ends.items()
        ],
        "meta": meta(theme, caption(result, options.lang)),
    }
