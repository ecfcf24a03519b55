"""Quality against the number of changed blocks: every strategy a line, random orders a band."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from backend.figures.curve_key import LINE_SHARE, action_words, direct_labels, key_traces
from backend.figures.curve_points import Band, Line, LinePoint, curve_lines, random_bands
from backend.figures.curve_styles import line_style, strategy_colour
from backend.figures.extent import DECADES_OF_DAMAGE, Extent, extent
from backend.figures.hover import point_hover
from backend.figures.labels import LABELS, caption
from backend.figures.options import SHARES, FigureOptions
from backend.figures.theme import (
    THEMES,
    Theme,
    axis,
    base_layout,
    block_ticks,
    legend,
    meta,
    translucent,
)

MARGIN = {"l": 60, "r": 184, "t": 12, "b": 44}
NARROW_MARGIN = {"l": 52, "r": 12, "t": 12, "b": 44}
BAND_ALPHA, ALL_BANDS_ALPHA = 0.12, 0.7
"""Bands over one another add up: the more there are, the lighter is each."""
Words = Mapping[str, str]


def curve(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; while the run goes on, of the points that are there."""
    asked = {"metric": options.metric, "action": options.action, "fitting": options.fitting}
    lines = curve_lines(result, **asked)
    bands = random_bands(result, **asked)
    theme, words = THEMES[options.theme], LABELS[options.lang]
    dense = (result.get("dense") or {}).get("ppl") if options.metric == "ppl" else None
    span = _extent(lines, bands, dense, options)
    last = max([1, *(point.changed for line in lines for point in line.points)])
    last = max([last, *chain.from_iterable(band.changed for band in bands)])
    data = [trace for band in bands for trace in _random(band, options, span)]
    if dense is not None:
        data.append(_dense_line(dense, last, theme, words))
    alpha = min(BAND_ALPHA, ALL_BANDS_ALPHA / max(1, len(lines)))
    data += [band for line in lines for band in _interval(line, theme, span, alpha)]
    data += [_line(line, options, span) for line in lines]
    data += [_below(line, span, theme, words) for line in lines if _hidden(line, span)]
    data += (keys := key_traces(lines, bands, options))
    floor = LINE_SHARE * (len(keys) + (dense is not None) + 1)
    labels = direct_labels(lines, span, options, floor=floor)
    layout = _layout(options, span, last, caption(result, options.lang))
    return {"data": data, "layout": layout | {"annotations": labels}}


def _extent(
    lines: Sequence[Line], bands: Sequence[Band], dense: float | None, options: FigureOptions
) -> Extent:
    """Return the stretch of the value axis: all points and bands, and ends of intervals."""
    values = [point.value for line in lines for point in line.points]
    values += [value for band in bands for value in (*band.low, *band.high)]
    values += [point.high for line in lines for point in line.points]
    if options.scale == "linear":
        values += [point.low for line in lines for point in line.points]
        values += [0.0] if options.metric in ("nll_diff", "kl") else []
    return extent(
        [*values, dense],
        logarithmic=options.scale == "log",
        share=options.metric in SHARES,
        # No perplexity is rounding.
        decades=math.inf if options.metric == "ppl" else DECADES_OF_DAMAGE,
    )


def _line(line: Line, options: FigureOptions, span: Extent) -> dict[str, Any]:
    words = LABELS[options.lang]
    colour = strategy_colour(line.strategy, THEMES[options.theme])
    dash, symbol = line_style(line.action, line.fitting)
    title = f"{words.get(line.strategy, line.strategy)} · {action_words(line, words)}"
    return {
        "type": "scatter",
        "name": title,
        "x": [point.changed for point in line.points],
        "y": [point.value if span.shows(point.value) else None for point in line.points],
        "customdata": [
            [point.point["plan"], point_hover(point.point, title, words)] for point in line.points
        ],
        "mode": "lines+markers",
        "line": {"width": 2, "color": colour, "dash": dash},
        "marker": {
            "size": 7,
            "color": colour,
            "symbol": [f"{symbol}-open" if point.edge else symbol for point in line.points],
            "line": {"width": 1.5, "color": colour},
        },
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "showlegend": False,
        "meta": _which(line),
    }


def _which(line: Line | Band) -> dict[str, str | None]:
    strategy = line.strategy if isinstance(line, Line) else "random"
    return {"strategy": strategy, "action": line.action, "fitting": line.fitting}


def _hidden(line: Line, span: Extent) -> list[LinePoint]:
    return [p for p in line.points if p.value is not None and not span.shows(p.value)]


def _below(line: Line, span: Extent, theme: Theme, words: Words) -> dict[str, Any]:
    """Return markers at the bottom edge for what a logarithmic axis cannot show."""
    hidden = _hidden(line, span)
    return {
        "type": "scatter",
        "x": [point.changed for point in hidden],
        "y": [span.floor] * len(hidden),
        "customdata": [[point.point["plan"], point.value] for point in hidden],
        "mode": "markers",
        "marker": {
            "symbol": "triangle-down",
            "size": 9,
            "color": strategy_colour(line.strategy, theme),
        },
        "hovertemplate": f"<b>%{{customdata[1]:.4~g}}</b><br>{words['below']}<extra></extra>",
        "showlegend": False,
        "meta": _which(line),
    }


def _interval(line: Line, theme: Theme, span: Extent, alpha: float) -> list[dict[str, Any]]:
    """Return the interval as one closed band for each stretch of points that have one."""
    stretches: list[list[tuple[int, float, float]]] = [[]]
    for point in line.points:
        if point.low is None or point.high is None:
            stretches.append([])
        else:
            stretches[-1].append((point.changed, point.low, point.high))
    colour = translucent(strategy_colour(line.strategy, theme), alpha)
    return [_area(stretch, colour, span) for stretch in stretches if len(stretch) > 1]


def _random(band: Band, options: FigureOptions, span: Extent) -> list[dict[str, Any]]:
    theme, words = THEMES[options.theme], LABELS[options.lang]
    title = f"{words['random_hover'].format(seeds=band.seeds)} · {action_words(band, words)}"
    middle = {
        "type": "scatter",
        "name": words["random"],
        "x": band.changed,
        "y": [value if span.shows(value) else None for value in band.middle],
        "customdata": [
            f"{low:.4g} – {high:.4g}" for low, high in zip(band.low, band.high, strict=True)
        ],
        "mode": "lines",
        "line": {
            "width": 1.5,
            "color": theme.muted,
            "dash": line_style(band.action, band.fitting)[0],
        },
        "hovertemplate": f"{title}<br><b>%{{y:.4~g}}</b> (%{{customdata}})<extra></extra>",
        "showlegend": False,
        "meta": _which(band),
    }
    ends = [*zip(band.changed, band.low, band.high, strict=True)]
    return [_area(ends, translucent(theme.muted, 0.22), span), middle]


def _area(ends: Sequence[tuple[int, float, float]], colour: str, span: Extent) -> dict[str, Any]:
    # A logarithmic axis has no place for what is not positive: the band then ends at its bottom.
    heights = [high for _, _, high in ends] + [low for _, low, _ in reversed(ends)]
    x = [changed for changed, _, _ in ends]
    return {
        "type": "scatter",
        "x": [*x, *reversed(x)],
        "y": [height if span.shows(height) else span.floor for height in heights],
        "mode": "lines",
        "line": {"width": 0, "color": colour},
        "fill": "toself",
        "fillcolor": colour,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _dense_line(dense: float, last: int, theme: Theme, words: Words) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": words["dense"],
        "x": [0.5, last + 0.5],
        "y": [dense, dense],
        "mode": "lines",
        "line": {"width": 1, "color": theme.muted, "dash": "dot"},
        "hovertemplate": f"{words['dense']} <b>%{{y:.4~g}}</b><extra></extra>",
        "showlegend": True,
    }


def _layout(options: FigureOptions, span: Extent, last: int, text: str) -> dict[str, Any]:
    theme, words = THEMES[options.theme], LABELS[options.lang]
    zero = options.metric in ("nll_diff", "kl") and not span.logarithmic
    return base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": True,
        "legend": legend(theme, orientation="v", x=1.02, y=0),
        "xaxis": axis(
            theme,
            words["changed_axis"],
            range=[0.5, last + 0.5],
            tickvals=block_ticks(last, first=1),
            showgrid=False,
        ),
        "yaxis": axis(
            theme,
            words[options.metric],
            zeroline=zero,
            zerolinecolor=theme.hatch,
            zerolinewidth=1,
            **span.axis(),
        ),
        "meta": meta(
            theme,
            f"{text} · {words[options.metric]}",
            metric=options.metric,
            action=options.action,
            fitting=options.fitting,
        )
        # On a phone the page explains the lines below the picture instead.
        | {"narrow": {"margin": NARROW_MARGIN, "showlegend": False, "annotations": []}},
    }
