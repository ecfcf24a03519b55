"""Damage before and after a healing, over all tokens and for every category."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.figures.hover import damage, number, share
from backend.figures.labels import LABELS, caption, escape
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, axis, base_layout, legend, meta

LONGEST_NAME = 28
ROW = 0.16
"""How far before and after of a row stand apart."""
Numbers = Mapping[str, Any]
Words = Mapping[str, str]


def before_after(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; a running job has no numbers for it yet."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    rows = before_after_rows(result)
    names = [_short(before, words) for before, _ in rows]
    longest = max(map(len, names), default=0)
    kinds = (("before_healing", theme.muted, "circle-open", -ROW, 0),
             ("after_healing", theme.accent, "circle", ROW, 1))  # fmt: skip
    layout = base_layout(theme) | {
        "margin": {"l": 24 + 7 * longest, "r": 16, "t": 32, "b": 44},
        "showlegend": True,
        "legend": legend(theme, y=1.02),
        "xaxis": axis(
            theme, words["nll_diff"], zeroline=True, zerolinecolor=theme.hatch, rangemode="tozero"
        ),
        "yaxis": axis(
            theme,
            "",
            tickvals=list(range(len(rows))),
            ticktext=names,
            range=[len(rows) - 0.5, -0.5],
            showgrid=False,
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['nll_diff']}"),
    }
    data = [
        _dots([pair[which] for pair in rows], word, colour, symbol, shift, words)
        for word, colour, symbol, shift, which in kinds
    ]
    return {"data": data if rows else [], "layout": layout}


def before_after_rows(result: Mapping[str, Any]) -> list[tuple[Numbers, Numbers]]:
    """Return before and after, of everything first, then of each category."""
    before, after = result.get("before"), result.get("after")
    if not before or not after:
        return []
    by_name = {row["category"]: row for row in after["categories"]}
    pairs = [(row, by_name[row["category"]]) for row in before["categories"]]
    return [(before, after), *(pair for pair in pairs)]


def _dots(
    rows: Sequence[Numbers], word: str, colour: str, symbol: str, shift: float, words: Words
) -> dict[str, Any]:
    ends = [row.get("ci95") or [row["nll_diff"]] * 2 for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": words[word],
        "x": [row["nll_diff"] for row in rows],
        "y": [place + shift for place in range(len(rows))],
        "marker": {"size": 10, "color": colour, "symbol": symbol, "line": {"width": 2}},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - row["nll_diff"] for row, (_, high) in zip(rows, ends, strict=True)],
            "arrayminus": [row["nll_diff"] - low for row, (low, _) in zip(rows, ends, strict=True)],
            "thickness": 1.5,
            "width": 4,
            "color": colour,
        },
        "customdata": [_hover(row, words[word], words) for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }


def _name(row: Numbers, words: Words) -> str:
    return str(row.get("category") or words["all_tokens"])


def _short(row: Numbers, words: Words) -> str:
    name = _name(row, words)
    return escape(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")


def _hover(row: Numbers, word: str, words: Words) -> str:
    return "<br>".join(
        [
            f"<b>{escape(_name(row, words)[:200])}</b>, {word}",
            f"{words['damage']} {damage(row, words)}",
            f"KL {number(row.get('kl'), '.4f')} · top-1 {share(row.get('top1'))}",
        ]
    )
