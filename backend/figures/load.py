"""The figures of a request log: routes as a Pareto chart, hours of the day, prompt lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backend.figures.labels import escape
from backend.figures.load_labels import LOAD_LABELS
from backend.figures.load_points import (
    Bar,
    hour_bars,
    layers,
    length_bars,
    length_starts,
    route_bars,
)
from backend.figures.theme import (
    THEMES,
    Theme,
    ThemeName,
    axis,
    base_layout,
    legend,
    meta,
)
from linearity.contracts.logs import MEASURES
from linearity.contracts.parameters import choice, only_known
from linearity.contracts.runs import Language

LOAD_FIGURES = ("pareto", "hours", "lengths")
OPTIONS: dict[str, tuple[str, ...]] = {
    "measure": MEASURES,
    "lang": ("en", "ja"),
    "theme": ("light", "dark"),
}
"""Every option with its values, the default first."""
MARGIN = {"l": 64, "r": 52, "t": 28, "b": 52}
LONGEST_NAME = 18
_PERCENT_TICKS = [0, 0.25, 0.5, 0.75, 1]

Summary = Mapping[str, Any]
Words = Mapping[str, str]


@dataclass(frozen=True)
class _Drawing:
    """What all three figures need."""

    summary: Summary
    measure: str
    language: Language
    theme: Theme

    @property
    def words(self) -> Words:
        return LOAD_LABELS[self.language]


def load_figure(name: str, summary: Summary, options: Mapping[str, str]) -> dict[str, Any]:
    """Return a Plotly figure ``{data, layout}``.

    Parameters
    ----------
    name : "pareto" | "hours" | "lengths"
    summary : mapping
        As `backend.log_views.totals_view` makes it.
    options : mapping of str to str
        ``measure``, ``lang``, ``theme``.

    Raises
    ------
    InvalidParameterError, UnknownParameterError
        Also for a measure that the log says nothing of.
    """
    choice("figure", name, LOAD_FIGURES)
    only_known(options, list(OPTIONS))
    chosen = {key: choice(key, options.get(key, all_[0]), all_) for key, all_ in OPTIONS.items()}
    drawing = _Drawing(
        summary,
        choice("measure", chosen["measure"], tuple(summary["measures"])),
        cast("Language", chosen["lang"]),
        THEMES[cast("ThemeName", chosen["theme"])],
    )
    return {"pareto": _pareto, "hours": _hours, "lengths": _lengths}[name](drawing)


def _pareto(drawing: _Drawing) -> dict[str, Any]:
    bars = route_bars(drawing.summary, drawing.measure)
    names = [_route(bar, drawing.words) for bar in bars]
    data = _layers(drawing, bars, names)
    data.append(_running(drawing, bars, names))
    layout = _layout(drawing, [_short(name) for name in names], drawing.words["route"])
    layout["yaxis2"] = axis(
        drawing.theme,
        drawing.words["cumulative"],
        overlaying="y",
        side="right",
        range=[0, 1.06],
        tickvals=_PERCENT_TICKS,
        ticktext=[f"{100 * tick:g}" for tick in _PERCENT_TICKS],
        showgrid=False,
    )
    # A steep first bar meets the line's first point where both axes end alike.
    layout["yaxis"]["range"] = [0, 1.06 * max((sum(bar.parts) for bar in bars), default=1) or 1]
    return {"data": data, "layout": layout}


def _hours(drawing: _Drawing) -> dict[str, Any]:
    bars = hour_bars(drawing.summary, drawing.measure)
    names = [f"{int(bar.name):02}:00–{(int(bar.name) + 1) % 24:02}:00" for bar in bars]
    ticks = [bar.name if int(bar.name) % 3 == 0 else "" for bar in bars]
    layout = _layout(drawing, ticks, _zone(drawing))
    return {"data": _layers(drawing, bars, names), "layout": layout}


def _lengths(drawing: _Drawing) -> dict[str, Any]:
    bars = length_bars(drawing.summary, drawing.measure)
    names = [bar.name for bar in bars]
    layout = _layout(
        drawing, [f"{low:,}" for low in length_starts(drawing.summary)], drawing.words["length"]
    )
    return {"data": _layers(drawing, bars, names), "layout": layout}


def _layers(drawing: _Drawing, bars: Sequence[Bar], names: Sequence[str]) -> list[dict[str, Any]]:
    parts = layers(drawing.measure)
    colours = [drawing.theme.stream, drawing.theme.update] if len(parts) > 1 else [None]
    return [
        {
            "type": "bar",
            "name": drawing.words[part],
            "x": [*range(len(bars))],
            "y": [bar.parts[number] for bar in bars],
            "customdata": [
                _hover(drawing, bar, name, number) for bar, name in zip(bars, names, strict=True)
            ],
            "marker": {"color": colour or drawing.theme.stream, "line": {"width": 0}},
            "hovertemplate": "%{customdata}<extra></extra>",
            "showlegend": len(parts) > 1,
        }
        for number, (part, colour) in enumerate(zip(parts, colours, strict=True))
    ]


def _running(drawing: _Drawing, bars: Sequence[Bar], names: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": drawing.words["cumulative"],
        "x": [*range(len(bars))],
        "y": [bar.running for bar in bars],
        "yaxis": "y2",
        "mode": "lines+markers",
        "line": {"width": 1.5, "color": drawing.theme.ink},
        "marker": {"size": 5, "color": drawing.theme.ink},
        "customdata": [
            f"<b>{escape(name)}</b><br>"
            + drawing.words["running"].format(share=f"{bar.running:.1%}")
            for bar, name in zip(bars, names, strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }


def _hover(drawing: _Drawing, bar: Bar, name: str, layer: int) -> str:
    words, part = drawing.words, layers(drawing.measure)[layer]
    lines = [f"<b>{escape(name)}</b>", f"{_title(drawing, part)}: {_value(bar.parts[layer], part)}"]
    if len(bar.parts) > 1:
        lines.append(f"{words[drawing.measure]}: {_value(sum(bar.parts), drawing.measure)}")
    return "<br>".join([*lines, words["share"].format(share=f"{bar.share:.1%}")])


def _value(value: float, measure: str) -> str:
    if measure == "time":
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    return f"{value:,.4g}" if measure == "cost" and value < 1000 else f"{value:,.0f}"


def _route(bar: Bar, words: Words) -> str:
    if bar.routes > 1:
        return words["other_routes"].format(count=bar.routes)
    return bar.name or words["no_route"]


def _short(name: str) -> str:
    return escape(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")


def _title(drawing: _Drawing, measure: str) -> str:
    currency = drawing.summary["currency"]
    if measure == "cost" and currency:
        return drawing.words["cost_in"].format(currency=escape(currency))
    return drawing.words[measure]


def _zone(drawing: _Drawing) -> str:
    minutes = drawing.summary["offset_minutes"]
    if minutes == 0:
        return drawing.words["hour_utc"]
    hours, rest = divmod(abs(minutes), 60)
    offset = f"{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")
    return drawing.words["hour_at"].format(offset=offset)


def _layout(drawing: _Drawing, ticks: Sequence[str], title: str) -> dict[str, Any]:
    theme, words = drawing.theme, drawing.words
    return base_layout(theme) | {
        "margin": MARGIN,
        "barmode": "stack",
        "bargap": 0.2,
        "showlegend": len(layers(drawing.measure)) > 1,
        "legend": legend(theme, y=1.02, traceorder="normal"),
        "xaxis": axis(
            theme,
            title,
            range=[-0.6, max(len(ticks), 1) - 0.4],
            tickvals=[*range(len(ticks))],
            ticktext=[*ticks],
            showgrid=False,
            automargin="height",
        ),
        "yaxis": axis(
            theme,
            _title(drawing, drawing.measure),
            rangemode="tozero",
            # Hours and money may be small parts, where SI would say "milli".
            tickformat=",~g" if drawing.measure in ("time", "cost") else "~s",
        ),
        "meta": meta(theme, f"{escape(drawing.summary['name'])} · {words[drawing.measure]}"),
    }
