"""The paper's curves: blocks removed, replaced by maps, and replaced and healed."""

from collections.abc import Mapping
from typing import Any

from backend.figures.hover import point_hover
from backend.figures.labels import LABELS, caption
from backend.figures.options import SHARES, FigureOptions
from backend.figures.theme import THEMES, Theme, axis, base_layout, block_ticks, legend, meta

MARGIN = {"l": 60, "r": 16, "t": 32, "b": 44}
CURVES = (("removed", "update", "square"), ("replaced", "stream", "circle-open"),
          ("healed", "accent", "circle"))  # fmt: skip
Words = Mapping[str, str]


def three_curves(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; of a plan that only drops, removed and replaced are the same."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    points = result.get("sweep") or []
    values = [point[name][options.metric] for point in points for name, *_ in CURVES]
    # A model that became better than the dense one has no place on a logarithmic axis.
    can_be_log = options.metric not in SHARES and bool(values) and min(values) > 0.0
    is_log = options.scale == "log" and can_be_log
    dense = (result.get("dense") or {}).get(options.metric)
    shapes = []
    if dense is not None:
        line = {"color": theme.muted, "width": 1, "dash": "dot"}
        shapes = [{"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": dense, "y1": dense,
                   "line": line}]  # fmt: skip
    most = max((point["changed"] for point in points), default=1)
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": True,
        "legend": legend(theme, y=1.02),
        "xaxis": axis(
            theme,
            words["changed_axis"],
            tickvals=block_ticks(most, first=1),
            range=[0.7, most + 0.3],
        ),
        "yaxis": axis(theme, words[options.metric], **({"type": "log"} if is_log else {})),
        "shapes": shapes,
        "meta": meta(theme, f"{caption(result, options.lang)} · {words[options.metric]}"),
    }
    return {"data": _curves(points, options.metric, theme, words), "layout": layout}


def _curves(
    points: list[Mapping[str, Any]], metric: str, theme: Theme, words: Words
) -> list[dict[str, Any]]:
    only_drops = bool(points) and all(
        point["removed"]["plan"] == point["replaced"]["plan"] for point in points
    )
    drawn = []
    for name, colour, symbol in CURVES:
        if only_drops and name == "replaced":
            continue
        word = "removed_healed" if only_drops and name == "healed" else name
        drawn.append(_curve(points, name, words[word], metric, words)
                     | _look(str(getattr(theme, colour)), symbol))  # fmt: skip
    return drawn


def _look(colour: str, symbol: str) -> dict[str, Any]:
    return {
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "size": 8, "symbol": symbol},
    }


def _curve(
    points: list[Mapping[str, Any]], name: str, title: str, metric: str, words: Words
) -> dict[str, Any]:
    shown = [point[name] for point in points]
    curve: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": title,
        "x": [point["changed"] for point in points],
        "y": [point[metric] for point in shown],
        "customdata": [point_hover(point, title, words) for point in shown],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    if metric == "nll_diff" and all(point["ci95"] for point in shown):
        curve["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [point["ci95"][1] - point["nll_diff"] for point in shown],
            "arrayminus": [point["nll_diff"] - point["ci95"][0] for point in shown],
            "thickness": 1,
            "width": 3,
        }
    return curve
