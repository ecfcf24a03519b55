"""How many times as fast the changed model is, load by load: medians with their intervals.

What arithmetic alone expects stands beside as a hollow marker, and no more than the ceiling is
possible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.theme import FONT_SIZE, THEMES, Theme, axis, base_layout, legend, meta
from linearity.contracts.timings import METRICS

SHOWN = ("first_token", "next_token", "tokens_per_s")
COLOURS = {"first_token": "update", "next_token": "stream", "tokens_per_s": "violet"}
SYMBOLS = {"first_token": "square", "next_token": "circle", "tokens_per_s": "diamond"}
MARGIN = {"l": 60, "r": 16, "t": 48, "b": 44}
ASIDE = 0.22
"""How far the metrics of one load stand apart."""
Words = Mapping[str, str]


@dataclass(frozen=True)
class Mark:
    """One metric at one load.

    `low` and `high` are None without an interval, `estimate` without one.
    """

    load: int
    metric: str
    value: float
    low: float | None
    high: float | None
    pairs: int
    estimate: float | None
    estimated_from: str | None
    dense: float
    changed: float


def speedups(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    marks = speedup_marks(result)
    loads = sorted({mark.load for mark in marks})
    data = []
    for place, metric in enumerate(SHOWN):
        own = [mark for mark in marks if mark.metric == metric]
        shift = ASIDE * (place - (len(SHOWN) - 1) / 2)
        at = [loads.index(mark.load) + shift for mark in own]
        data += [_expected(own, at, metric, theme), _measured(own, at, metric, theme, words)]
    if any(mark.estimate is not None for mark in marks):
        data.append(_key(theme, words))
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "legend": legend(theme, y=1.02),
        "xaxis": axis(
            theme,
            words["load_axis"],
            tickvals=[*range(len(loads))],
            ticktext=[f"{load:,}" for load in loads],
            range=[-0.6, max(len(loads), 1) - 0.4],
            showgrid=False,
        ),
        "yaxis": axis(theme, words["speedup_axis"], tickformat=".2f"),
        "shapes": _lines(result, theme),
        "annotations": _notes(result, theme, words),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['speedup_axis']}"),
    }
    return {"data": data, "layout": layout}


def speedup_marks(result: Mapping[str, Any]) -> list[Mark]:
    """Return what is drawn: every shown metric of every load that has a ratio."""
    return [
        _mark(point["load"], timing)
        for point in result.get("points") or []
        for timing in sorted(point["timings"], key=lambda one: METRICS.index(one["metric"]))
        if timing["metric"] in SHOWN and timing["speedup"]
    ]


def _mark(load: int, timing: Mapping[str, Any]) -> Mark:
    speedup, estimate = timing["speedup"], timing["estimate"] or {}
    low, high = speedup["ci95"] or (None, None)
    return Mark(
        load=load,
        metric=timing["metric"],
        value=speedup["value"],
        low=low,
        high=high,
        pairs=speedup["pairs"],
        estimate=estimate.get("speedup"),
        estimated_from=estimate.get("of"),
        dense=_middle(timing["dense"]),
        changed=_middle(timing["changed"]),
    )


def _middle(spread: Mapping[str, Any]) -> float:
    return float(spread["mean"] if spread["p50"] is None else spread["p50"])


def _measured(
    marks: Sequence[Mark], at: Sequence[float], metric: str, theme: Theme, words: Words
) -> dict[str, Any]:
    colour = getattr(theme, COLOURS[metric])
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words[metric],
        "x": [*at],
        "y": [mark.value for mark in marks],
        "marker": {"color": colour, "symbol": SYMBOLS[metric], "size": 9},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [_above(mark) for mark in marks],
            "arrayminus": [_below(mark) for mark in marks],
            "color": colour,
            "thickness": 1.5,
            "width": 5,
        },
        "customdata": [[mark.load, _hover(mark, words)] for mark in marks],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
    }


def _above(mark: Mark) -> float:
    return 0.0 if mark.high is None else mark.high - mark.value


def _below(mark: Mark) -> float:
    return 0.0 if mark.low is None else mark.value - mark.low


def _expected(
    marks: Sequence[Mark], at: Sequence[float], metric: str, theme: Theme
) -> dict[str, Any]:
    shown = [(x, mark) for x, mark in zip(at, marks, strict=True) if mark.estimate is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x + ASIDE / 3 for x, _ in shown],
        "y": [mark.estimate for _, mark in shown],
        "marker": {
            "color": getattr(theme, COLOURS[metric]),
            "symbol": f"{SYMBOLS[metric]}-open",
            "size": 8,
        },
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _key(theme: Theme, words: Words) -> dict[str, Any]:
    """Return the entry of the legend for what was not measured; it draws nothing."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words["estimated"],
        "x": [None],
        "y": [None],
        "marker": {"color": theme.muted, "symbol": "circle-open", "size": 8},
        "hoverinfo": "skip",
    }


def _lines(result: Mapping[str, Any], theme: Theme) -> list[dict[str, Any]]:
    """Return the line of equal speed, and the ceiling where there is one."""
    whole = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "layer": "below"}
    lines = [whole | {"y0": 1, "y1": 1, "line": {"color": theme.muted, "width": 1}}]
    if ceiling := result.get("ceiling"):
        dashed = {"color": theme.hatch, "width": 1, "dash": "dash"}
        lines.append(whole | {"y0": ceiling, "y1": ceiling, "line": dashed})
    return lines


def _notes(result: Mapping[str, Any], theme: Theme, words: Words) -> list[dict[str, Any]]:
    ceiling = result.get("ceiling")
    if not ceiling:
        return []
    return [
        {
            "xref": "paper",
            "x": 1,
            "xanchor": "right",
            "y": ceiling,
            "yanchor": "bottom",
            "text": words["ceiling"].format(value=f"{ceiling:.2f}"),
            "showarrow": False,
            "font": {"size": FONT_SIZE, "color": theme.muted},
        }
    ]


def _hover(mark: Mark, words: Words) -> str:
    interval = ""
    if mark.low is not None and mark.high is not None:
        interval = f" ({words['interval']} {mark.low:.3f} – {mark.high:.3f})"
    seconds = mark.metric != "tokens_per_s"
    dense, changed = (
        f"{1000 * value:,.1f} ms" if seconds else f"{value:,.1f}"
        for value in (mark.dense, mark.changed)
    )
    counted = words["one_value" if mark.pairs == 1 else "speed_pairs"].format(pairs=mark.pairs)
    lines = [
        f"<b>{words[mark.metric]}</b>",
        f"<b>{mark.value:.3f}</b>{interval}",
        f"{dense} → {changed}",
        counted,
    ]
    if mark.estimate is not None:
        of = words[f"estimate_{mark.estimated_from}"]
        lines.append(of.format(value=f"{mark.estimate:.3f}"))
    return "<br>".join(lines)
