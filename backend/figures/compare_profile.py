"""Two profiles in one picture, and below them the difference of each block with its interval."""

from collections.abc import Mapping
from typing import Any

from backend.comparison import Comparison, Difference
from backend.figures.labels import LABELS, escape
from backend.figures.options import FigureOptions
from backend.figures.places import block_axis
from backend.figures.points import Series
from backend.figures.profile_lines import MARGIN, band
from backend.figures.theme import THEMES, Theme, axis, base_layout, legend, meta
from linearity.contracts.runs import Language

COMPARE_LABELS: dict[Language, dict[str, str]] = {
    "en": {"difference": "difference", "differs": "differs", "same": "interval contains 0"},
    "ja": {"difference": "差", "differs": "差あり", "same": "区間が 0 を含む"},
}
UPPER, LOWER = [0.42, 1.0], [0.0, 0.32]
SHORT_NAME = 40
ROOM = 0.06
"""Of the span of the scores, left free above and below."""


def compare_profile(comparison: Comparison, options: FigureOptions) -> dict[str, Any]:
    """Return the figure of ``options.score``, "stream" or "update"."""
    theme = THEMES[options.theme]
    words = LABELS[options.lang] | COMPARE_LABELS[options.lang]
    colours = (theme.accent, theme.violet)
    names = [escape(str(side["dataset"]["name"]))[:SHORT_NAME] for side in comparison.sides]
    data: list[dict[str, Any]] = []
    lines = comparison.lines[options.score]
    for line, colour in zip(lines, colours, strict=True):
        data += band(line, colour)
    for line, colour, name, dash in zip(lines, colours, names, ("solid", "dot"), strict=True):
        data.append(_line(line, colour, name, dash=dash, words=words))
    differences = comparison.differences[options.score]
    data += [_bars(differences, theme, words, differs=value) for value in (True, False)]
    return {"data": data, "layout": _layout(comparison, options, words, theme)}


def _line(
    line: Series, colour: str, name: str, *, dash: str, words: Mapping[str, str]
) -> dict[str, Any]:
    intervals = [
        "" if low is None or high is None else f"{words['interval']} {low:.4f} – {high:.4f}"
        for low, high in zip(line.low, line.high, strict=True)
    ]
    return {
        "type": "scatter",
        "name": name,
        "x": [*range(len(line.values))],
        "y": line.values,
        "customdata": intervals,
        "mode": "lines+markers",
        "line": {"width": 2, "color": colour, "dash": dash},
        "marker": {"size": 5, "color": colour},
        "hovertemplate": (
            f"{words['block']} %{{x}} · {name} <b>%{{y:.4f}}</b><br>%{{customdata}}<extra></extra>"
        ),
        "showlegend": True,
    }


def _bars(
    differences: list[Difference], theme: Theme, words: Mapping[str, str], *, differs: bool
) -> dict[str, Any]:
    shown = [item for item in differences if item.differs is differs]
    known = [item for item in shown if item.difference is not None]
    colour = theme.ink if differs else theme.muted
    name = words["differs" if differs else "same"]
    return {
        "type": "scatter",
        "name": name,
        "x": [item.block for item in known],
        "y": [item.difference for item in known],
        "yaxis": "y2",
        "mode": "markers",
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [(item.high or 0.0) - (item.difference or 0.0) for item in known],
            "arrayminus": [(item.difference or 0.0) - (item.low or 0.0) for item in known],
            "visible": any(item.low is not None for item in known),
            "color": colour,
            "thickness": 2 if differs else 1,
            "width": 0,
        },
        "marker": {
            "size": 8 if differs else 6,
            "symbol": "diamond" if differs else "circle-open",
            "color": colour,
        },
        "hovertemplate": (
            f"{words['block']} %{{x}} · {words['difference']} <b>%{{y:+.4f}}</b><br>"
            f"{name}<extra></extra>"
        ),
        "showlegend": True,
    }


def _layout(
    comparison: Comparison, options: FigureOptions, words: Mapping[str, str], theme: Theme
) -> dict[str, Any]:
    both = " · ".join(escape(str(side["dataset"]["name"])) for side in comparison.sides)
    caption = f"{escape(str(comparison.model['name']))} · {both}"
    return base_layout(theme) | {
        "margin": MARGIN | {"r": 24, "t": 56},
        "showlegend": True,
        "legend": legend(theme),
        "xaxis": block_axis(theme, words["block"], comparison.blocks) | {"anchor": "y2"},
        "yaxis": axis(
            theme,
            words[f"{options.score}_heldout"],
            range=_span(comparison.lines[options.score]),
            domain=UPPER,
        ),
        "yaxis2": axis(theme, words["difference"], domain=LOWER, tickformat="+.2f")
        | {"zeroline": True, "zerolinecolor": theme.muted, "zerolinewidth": 1, "nticks": 5},
        "meta": meta(theme, caption) | {"narrow": {"margin": MARGIN | {"r": 12, "t": 96}}},
    }


def _span(lines: tuple[Series, Series]) -> list[float]:
    limits = [
        value
        for line in lines
        for row in (line.values, line.low, line.high)
        for value in row
        if value is not None
    ]
    low, high = (min(limits), max(limits)) if limits else (0.0, 1.0)
    room = ROOM * max(high - low, 0.01)
    return [low - room, min(high + room, 1.02)]
