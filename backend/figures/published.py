"""The paper's values over a profile: where its picture puts the middle of a model's depth."""

from collections.abc import Mapping
from typing import Any

from backend.figures.labels import LABELS
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, translucent
from linearity.contracts.published import Published, Range, published

FILL, EDGE = 0.1, 0.55


def published_of(result: Mapping[str, Any]) -> Published | None:
    """Return what the paper says of the model of a result."""
    model = result["model"]
    return published(str(model["name"]), blocks=model["blocks"], width=model["width"])


def published_ranges(result: Mapping[str, Any], options: FigureOptions) -> list[dict[str, Any]]:
    """Return one dashed frame for each of the two ranges, and their entry in the legend."""
    found = published_of(result) if options.published else None
    if found is None:
        return []
    words, theme = LABELS[options.lang], THEMES[options.theme]
    blocks = len(result["states"]) - 1
    ranges = {"stream": found.stream, "update": found.update}
    frames = [
        _frame(values, _ends(found.depth, blocks), getattr(theme, name))
        | {
            "name": f"{words['published']}, {words[name]}",
            "text": words["published_range"].format(
                name=found.name,
                score=words[name],
                low=f"{values.low:g}",
                high=f"{values.high:g}",
            ),
        }
        for name, values in ranges.items()
        if values is not None
    ]
    for frame in frames[:1]:
        frame |= {"showlegend": True, "name": words["published"]}
    return frames


def _ends(depth: tuple[float, float], blocks: int) -> tuple[float, float]:
    """Return where the middle of the depth begins and ends, in blocks."""
    last = max(blocks - 1, 1)
    return depth[0] * last, depth[1] * last


def _frame(values: Range, ends: tuple[float, float], colour: str) -> dict[str, Any]:
    left, right = ends
    return {
        "type": "scatter",
        "x": [left, right, right, left, left],
        "y": [values.low, values.low, values.high, values.high, values.low],
        "mode": "lines",
        "line": {"width": 1.5, "color": translucent(colour, EDGE), "dash": "dash"},
        "fill": "toself",
        "fillcolor": translucent(colour, FILL),
        "hoveron": "fills",
        "hoverinfo": "text",
        "showlegend": False,
        "meta": {"published": True},
    }
