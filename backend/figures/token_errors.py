"""How the errors of single tokens spread: whether a few of them carry what a score hides."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import transition_axis, transition_names
from backend.figures.points import Row
from backend.figures.theme import (
    FONT_SIZE,
    THEMES,
    Theme,
    axis,
    base_layout,
    legend,
    log_ticks,
    meta,
    translucent,
)

MARGIN = {"l": 64, "r": 84, "t": 32, "b": 40}
NARROW_MARGIN = MARGIN | {"r": 62, "t": 52}
QUANTILE_DASHES = {"p50": "solid", "p95": "dash", "p99": "dot"}
FAINTEST = 0.08


def token_errors(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure: a column a block, its tokens by the logarithm of their error."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    spread = result.get("token_errors") or {"counts": [], "edges": [1.0, 10.0], "tokens": 0}
    logs = [math.log10(edge) for edge in spread["edges"]]
    first, stop = shown_bins(spread["counts"])
    data = [_cells(spread, logs, (first, stop), theme, words)]
    blocks = transition_names(result, options.lang)
    data[0]["text"] = _named_bins(spread, (first, stop), words, blocks)
    data += [
        _line(spread.get(name, []), theme, words, name, dash)
        for name, dash in QUANTILE_DASHES.items()
    ]
    data.append(_means(result, theme, words))
    for line in data[1:]:
        line["text"] = blocks
    step = logs[1] - logs[0]
    low, high = logs[0] + (first - 1) * step, logs[0] + (stop - 1) * step
    places = log_ticks(low, high, at_most=8)
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": True,
        "legend": legend(theme),
        "xaxis": transition_axis(theme, result, options.lang),
        "yaxis": axis(
            theme,
            words["class_error"],
            tickmode="array",
            tickvals=[math.log10(place) for place in places],
            ticktext=[f"{place:g}" for place in places],
            range=[low, high],
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['token_error']}")
        | {"narrow": {"margin": NARROW_MARGIN}},
    }
    return {"data": data, "layout": layout}


def shown_bins(counts: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return the first bin that any block has a token in, and the one behind the last."""
    filled = [place for row in counts for place, count in enumerate(row) if count]
    return (min(filled), max(filled) + 1) if filled else (0, 2)


def _cells(
    spread: Mapping[str, Any],
    logs: Sequence[float],
    shown: tuple[int, int],
    theme: Theme,
    words: Mapping[str, str],
) -> dict[str, Any]:
    step = logs[1] - logs[0]
    bins = range(*shown)
    tokens = max(spread["tokens"], 1)
    shares: list[Row] = [[row[bin] / tokens or None for row in spread["counts"]] for bin in bins]
    return {
        "type": "heatmap",
        "x": [*range(len(spread["counts"]))],
        "y": [logs[0] + (bin - 0.5) * step for bin in bins],
        "z": shares,
        "customdata": [[f"{row[bin]:,}" for row in spread["counts"]] for bin in bins],
        "zmin": 0.0,
        "zmax": max((share for row in shares for share in row if share), default=1.0),
        "colorscale": [[0.0, translucent(theme.stream, FAINTEST)], [1.0, theme.stream]],
        "hoverongaps": False,
        "xgap": 1,
        "hovertemplate": (
            f"%{{text}}<br>"
            f"<b>%{{z:.1%}}</b> · {words['tokens'].format(tokens='%{customdata}')}<extra></extra>"
        ),
        "colorbar": {
            "outlinewidth": 0,
            "thickness": 10,
            "xpad": 6,
            "ypad": 0,
            "nticks": 4,
            "tickformat": ".0%",
            "tickfont": {"size": FONT_SIZE, "color": theme.muted},
        },
    }


def _named_bins(
    spread: Mapping[str, Any], shown: tuple[int, int], words: Mapping[str, str], blocks: list[str]
) -> list[list[str]]:
    """Return what each cell is called: its block, and the errors that it counts."""
    return [
        [f"{block} · {words['class_error']} {_range(spread['edges'], bin)}" for block in blocks]
        for bin in range(*shown)
    ]


def _range(edges: Sequence[float], bin: int) -> str:
    """Return what a bin holds, the first and last of which are open."""
    if bin == 0:
        return f"&lt; {edges[0]:.3g}"
    if bin == len(edges):
        return f"≥ {edges[-1]:.3g}"
    return f"{edges[bin - 1]:.3g} – {edges[bin]:.3g}"


def _line(
    values: Sequence[float], theme: Theme, words: Mapping[str, str], name: str, dash: str
) -> dict[str, Any]:
    return _over_blocks(values, words, name) | {
        "mode": "lines",
        "line": {"width": 1.5, "color": theme.ink, "dash": dash},
        "meta": {"series": name},
    }


def _means(result: Mapping[str, Any], theme: Theme, words: Mapping[str, str]) -> dict[str, Any]:
    """Return the mean error of each block, which is what its score tells of it."""
    scores = (result.get("profile") or {}).get("r2_heldout") or []
    values = [None if score is None else 1.0 - score for score in scores]
    return _over_blocks(values, words, "mean_error") | {
        "mode": "markers",
        "marker": {
            "symbol": "diamond",
            "size": 8,
            "color": theme.update,
            "line": {"width": 1, "color": theme.paper},
        },
        "meta": {"series": "mean_error"},
    }


def _over_blocks(
    values: Sequence[float | None], words: Mapping[str, str], name: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": words[name],
        "x": [*range(len(values))],
        "y": [math.log10(value) if value and value > 0.0 else None for value in values],
        "customdata": [*values],
        "hovertemplate": (f"%{{text}} · {words[name]} <b>%{{customdata:.3~g}}</b><extra></extra>"),
    }
