"""A passage as a map: its tokens to the right, blocks down, the error as colour."""

import math
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

from backend.figures.labels import LABELS, caption, escape
from backend.figures.options import FigureOptions
from backend.figures.points import LOWEST_REMAINDER, Row
from backend.figures.theme import (
    COLORSCALE,
    THEMES,
    Theme,
    axis,
    base_layout,
    block_ticks,
    log_colorbar,
    log_ticks,
    meta,
)

MARGIN = {"l": 56, "r": 72, "t": 8, "b": 40}
NAME_HEIGHT = 7
"""Pixels that a letter of a slanted name takes below the map."""
NAMED_UP_TO = 64
"""Tokens of longer passages have a number instead of their text below the map."""
NAMED_ON_PHONES = 24
LONGEST_NAME = 14
OUTSIDE = ("first", "sink")
"""Their errors may be a thousand times larger: they do not stretch the colours."""
SHOWN_AS = {"\n": "⏎", "\t": "⇥", " ": "␣"}


def passage(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure: a column a token, a row a block, block 0 on top."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    tokens: Sequence[Mapping[str, Any]] = result.get("passage") or []
    errors: Sequence[Row] = result.get("error") or []
    blocks = len(result["states"]) - 1
    names = [visible(token["text"]) or words[f"class_{token['token_class']}"] for token in tokens]
    layout = base_layout(theme) | {
        "margin": MARGIN | ({"b": _room(names)} if len(tokens) <= NAMED_UP_TO else {}),
        "showlegend": False,
        "xaxis": axis(
            theme,
            words["token_position"] if len(tokens) > NAMED_UP_TO else "",
            range=[-0.5, max(len(tokens), 1) - 0.5],
            showgrid=False,
            **_names(names, len(tokens) <= NAMED_UP_TO),
        ),
        "yaxis": axis(
            theme,
            words["block"],
            range=[blocks - 0.5, -0.5],
            tickvals=block_ticks(blocks),
            showgrid=False,
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['class_error']}"),
    }
    if len(tokens) > NAMED_ON_PHONES:
        layout["meta"]["narrow"] = {
            "margin": MARGIN,
            "xaxis": layout["xaxis"]
            | _names(names, named=False)
            | axis(theme, words["token_position"], range=layout["xaxis"]["range"], showgrid=False),
        }
    cells = _cells(tokens, names, errors, blocks, theme, words)
    return {"data": [cells], "layout": layout}


def visible(text: str) -> str:
    """Return a token as it is read, harmless and short: white space as signs."""
    shown = "".join(SHOWN_AS.get(sign, sign) for sign in text)
    short = shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"
    return escape(short)


def _room(names: Sequence[str]) -> int:
    return 24 + NAME_HEIGHT * max((len(unescape(name)) for name in names), default=0)


def _names(names: Sequence[str], named: bool) -> dict[str, Any]:
    if named:
        return {
            "tickmode": "array",
            "tickvals": [*range(len(names))],
            "ticktext": [*names],
            "tickangle": -60,
        }
    return {"tickmode": "array", "tickvals": block_ticks(len(names)), "ticktext": None}


def _cells(
    tokens: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    errors: Sequence[Row],
    blocks: int,
    theme: Theme,
    words: Mapping[str, str],
) -> dict[str, Any]:
    low, high = _decades(tokens, errors)
    places = log_ticks(low, high, at_most=5)
    rows = [[of_token[block] for of_token in errors] for block in range(blocks)]
    about = [
        f"{place}: {name} · {words['class_' + token['token_class']]}"
        for place, (name, token) in enumerate(zip(names, tokens, strict=True))
    ]
    return {
        "type": "heatmap",
        "x": [*range(len(tokens))],
        "y": [*range(blocks)],
        "z": [[_log(error) for error in row] for row in rows],
        "text": [about] * blocks,
        "customdata": rows,
        "zmin": low,
        "zmax": high,
        "colorscale": COLORSCALE,
        "reversescale": True,  # as in the map of pairs: bright is linear
        "hoverongaps": False,
        "xgap": 1 if len(tokens) <= NAMED_UP_TO else 0,
        "hovertemplate": (
            f"%{{text}}<br>{words['block']} %{{y}} · {words['class_error']} "
            "<b>%{customdata:.3~g}</b><extra></extra>"
        ),
        "colorbar": log_colorbar(theme, places),
    }


def _decades(tokens: Sequence[Mapping[str, Any]], errors: Sequence[Row]) -> tuple[float, float]:
    """Return the range of the colours in powers of ten: that of the scored tokens."""
    shown = [
        log
        for token, row in zip(tokens, errors, strict=True)
        if token["token_class"] not in OUTSIDE
        for log in map(_log, row)
        if log is not None
    ]
    low = math.floor(min(shown, default=-2.0) * 4) / 4
    return low, max(low + 0.5, math.ceil(max(shown, default=0.0) * 4) / 4)


def _log(error: float | None) -> float | None:
    return None if error is None else math.log10(max(error, LOWEST_REMAINDER))
