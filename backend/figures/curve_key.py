"""What explains the lines of the curves: labels at their ends while they are few, else a key."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from backend.figures.curve_points import Band, Line
from backend.figures.curve_styles import line_style, strategy_colour
from backend.figures.extent import Extent
from backend.figures.labels import LABELS
from backend.figures.options import FigureOptions
from backend.figures.theme import FONT_SIZE, THEMES, Theme, translucent

MOST_DIRECT = 4
LINE_SHARE = 0.055
"""Height of a line of text as a share of the plot's."""
Words = Mapping[str, str]


def action_words(line: Line | Band, words: Words) -> str:
    """Return the action, with its fitting where something was fitted."""
    action = words.get(line.action, line.action)
    return f"{action}, {words.get(line.fitting, line.fitting)}" if line.fitting else action


def direct_labels(
    lines: Sequence[Line], extent: Extent, options: FigureOptions, *, floor: float = 0.0
) -> list[dict[str, Any]]:
    """Return a label at the end of every line, above `floor`; none when there are too many."""
    if not has_direct_labels(lines):
        return []
    theme, words = THEMES[options.theme], LABELS[options.lang]
    alone = len({line.strategy for line in lines}) == len(lines)
    ends = [line.points[-1].value for line in lines]
    heights = [extent.position(end) if end is not None else 0.0 for end in ends]
    places = apart(heights, gap=LINE_SHARE * (1 if alone else 2), floor=floor)
    return [
        {
            "text": _label(line, theme, words, alone=alone),
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 8,
            "y": place,
            "yref": "paper",
            "yanchor": "middle",
            "align": "left",
            "showarrow": False,
            "font": {"size": FONT_SIZE, "color": theme.ink},
        }
        for line, place in zip(lines, places, strict=True)
    ]


def has_direct_labels(lines: Sequence[Line]) -> bool:
    """Tell whether the lines are few enough to be labelled at their ends."""
    return 0 < len(lines) <= MOST_DIRECT


def apart(heights: Sequence[float], *, gap: float, floor: float) -> list[float]:
    """Return heights in [floor, 1] at least `gap` apart, in the same order."""
    places = [max(floor, height) for height in heights]
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    for below, above in pairwise(order):
        places[above] = max(places[above], places[below] + gap)
    ceiling = 1.0
    for index in reversed(order):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return places


def key_traces(
    lines: Sequence[Line], bands: Sequence[Band], options: FigureOptions
) -> list[dict[str, Any]]:
    """Return empty traces that explain colours, dashes, the grey band and the open marker."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    strategies = [] if has_direct_labels(lines) else [*dict.fromkeys(x.strategy for x in lines)]
    keys = [
        _key(words.get(name, name), strategy_colour(name, theme), "solid", None)
        for name in strategies
    ]
    styles = {(line.action, line.fitting): line for line in lines}
    if len(styles) > 1 and not has_direct_labels(lines):
        keys += [
            _key(action_words(line, words), theme.muted, *line_style(*style))
            for style, line in styles.items()
        ]
    if bands:
        keys.append(_band_key(words, theme))
    if any(point.edge for line in lines for point in line.points):
        keys.append(_key(words["open_marker"], theme.muted, None, "circle-open"))
    return keys


def _label(line: Line, theme: Theme, words: Words, *, alone: bool) -> str:
    name = words.get(line.strategy, line.strategy)
    dash = f'<span style="color:{strategy_colour(line.strategy, theme)}">●</span> {name}'
    return dash if alone else f"{dash}<br>   {action_words(line, words)}"


def _key(name: str, colour: str, dash: str | None, symbol: str | None) -> dict[str, Any]:
    mode = "+".join(part for part, there in (("lines", dash), ("markers", symbol)) if there)
    return {
        "type": "scatter",
        "name": name,
        "x": [None],
        "y": [None],
        "mode": mode,
        "line": {"width": 2, "color": colour, "dash": dash or "solid"},
        "marker": {"size": 7, "color": colour, "symbol": symbol or "circle"},
        "hoverinfo": "skip",
        "showlegend": True,
    }


def _band_key(words: Words, theme: Theme) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": words["random_band"],
        "x": [None],
        "y": [None],
        "mode": "lines",
        "line": {"width": 10, "color": translucent(theme.muted, 0.35)},
        "hoverinfo": "skip",
        "showlegend": True,
    }
