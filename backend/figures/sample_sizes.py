"""How the profile settles while tokens stream: whether more of them would still change it."""

from collections.abc import Mapping
from statistics import quantiles
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.points import Row, Series
from backend.figures.profile import FIELDS
from backend.figures.profile_lines import MARGIN, band
from backend.figures.theme import FONT_SIZE, THEMES, axis, base_layout, meta

NO_SIZES: dict[str, list[Any]] = {"tokens": [], "r2_heldout": [], "update_r2_heldout": []}


def sample_sizes(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure: the median over blocks with its quartiles, more tokens to the right."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    sizes = result.get("sample_sizes") or NO_SIZES
    tokens: list[int] = sizes["tokens"]
    data, annotations = [], []
    for name, prefix in FIELDS.items():
        colour = theme.stream if name == "stream" else theme.update
        line = _quartiles(sizes[f"{prefix}_heldout"])
        data += [*band(line, colour), _line(line, tokens, colour, words, name)]
        annotations += _end(line.values, words[name], colour, len(tokens))
    layout = base_layout(theme) | {
        "margin": MARGIN | {"t": 8},
        "showlegend": False,
        "xaxis": axis(
            theme,
            words["tokens_seen"],
            tickvals=[*range(len(tokens))],
            ticktext=[f"{count:,}" for count in tokens],
            range=[-0.3, max(len(tokens) - 0.7, 0.3)],
            showgrid=False,
        ),
        "yaxis": axis(theme, words["score_axis"], **_scale(data)),
        "annotations": annotations,
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['tokens_seen']}"),
    }
    return {"data": data, "layout": layout}


def _quartiles(rows: list[Row]) -> Series:
    """Return the median over blocks at each size, with the quartiles as its band."""
    line = Series([], [], [])
    for row in rows:
        there = [value for value in row if value is not None]
        # A single block is its own quartile.
        single: Row = [*there, None][:1]
        low, middle, high = (
            quantiles(there, n=4, method="inclusive") if len(there) > 1 else single * 3
        )
        line.values.append(middle)
        line.low.append(low)
        line.high.append(high)
    return line


def _line(
    line: Series, tokens: list[int], colour: str, words: Mapping[str, str], name: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": words[name],
        "x": [*range(len(tokens))],
        "y": line.values,
        "customdata": [
            [f"{count:,}", "" if low is None else f"{low:.4f} – {high:.4f}"]
            for count, low, high in zip(tokens, line.low, line.high, strict=True)
        ],
        "mode": "lines+markers",
        "line": {"width": 2, "color": colour},
        "marker": {"size": 6, "color": colour},
        "hovertemplate": (
            f"{words['tokens_seen']} %{{customdata[0]}} · {words[name]} <b>%{{y:.4f}}</b><br>"
            f"{words['quartiles']} %{{customdata[1]}}<extra></extra>"
        ),
        "meta": {"series": name},
    }


def _end(values: Row, text: str, colour: str, count: int) -> list[dict[str, Any]]:
    if not values or values[-1] is None:
        return []
    font = {"size": FONT_SIZE + 1, "color": colour}
    return [
        {"text": text, "x": count - 1, "xanchor": "left", "xshift": 10, "y": values[-1],
         "yanchor": "middle", "showarrow": False, "font": font}
    ]  # fmt: skip


def _scale(data: list[dict[str, Any]]) -> dict[str, Any]:
    shown = [value for trace in data for value in trace["y"] if value is not None]
    low = max(min(shown, default=0.0), -0.25)
    return {"range": [low - 0.04, 1.02], "tickformat": ".1f"}
