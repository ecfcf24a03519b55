"""The order of every strategy beside the measured damage, block by block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.figures.damage import damage_bars
from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import block_axis
from backend.figures.points import Row
from backend.figures.theme import COLORSCALE, FONT_SIZE, THEMES, Theme, axis, base_layout, meta
from backend.figures.triangle import hatching

MARGIN = {"l": 132, "r": 12, "t": 36, "b": 40}
NARROW_MARGIN = {"l": 118, "r": 12, "t": 36, "b": 40}
MEASURED = "single_damage"
Words = Mapping[str, str]


@dataclass(frozen=True)
class RankRow:
    """One order: the rank of every block, 0 for the one that is changed first."""

    name: str
    action: str | None
    measured: bool
    values: Row
    ranks: Row


def scores(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; while the run goes on, measured damage may still be missing."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    blocks = int(result["model"]["blocks"])
    rows = rank_rows(result, blocks=blocks, action=options.action)
    data = [_cells(rows, blocks, words)]
    missing = [
        (i, b) for i, row in enumerate(rows) for b, rank in enumerate(row.ranks) if rank is None
    ]
    if missing:
        data.append(hatching(missing, theme))
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": False,
        "xaxis": block_axis(theme, words["block"], blocks),
        "yaxis": axis(
            theme,
            "",
            range=[max(len(rows), 1) - 0.5, -0.5],
            tickvals=[*range(len(rows))],
            ticktext=[_row_name(row, words) for row in rows],
            showgrid=False,
        ),
        "annotations": [_bar_title(words["rank_bar"], theme)],
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['rank_bar']}")
        | {"narrow": {"margin": NARROW_MARGIN}},
    }
    return {"data": data, "layout": layout}


def _bar_title(text: str, theme: Theme) -> dict[str, Any]:
    """Return what the colours mean, above their bar."""
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "yshift": 12,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": FONT_SIZE, "color": theme.muted},
    }


def rank_rows(result: Mapping[str, Any], *, blocks: int, action: str) -> list[RankRow]:
    """Return the measured damage first, then what every strategy ranks by."""
    rows = []
    for group in damage_bars(result, action=action):
        values: Row = [None] * blocks
        for bar in group.bars:
            values[bar["block"]] = bar["nll_diff"]
        rows.append(RankRow("", group.action, measured=True, values=values, ranks=ranks(values)))
    for score in result.get("scores") or []:
        if rows and score["strategy"] == MEASURED:
            continue  # it is the damage that stands above already
        if action == "all" or score.get("action") in (None, action):
            rows.append(
                RankRow(
                    score["strategy"],
                    score.get("action"),
                    measured=False,
                    values=[*score["values"]],
                    ranks=ranks(score["values"]),
                )
            )
    return rows


def ranks(values: Sequence[float | None]) -> Row:
    """Return ranks from 0, ties in the middle of their places; None stays None."""
    there = sorted(value for value in values if value is not None)
    return [
        None if value is None else there.index(value) + (there.count(value) - 1) / 2
        for value in values
    ]


def _cells(rows: Sequence[RankRow], blocks: int, words: Words) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "x": [*range(blocks)],
        "y": [*range(len(rows))],
        "z": [row.ranks for row in rows],
        "customdata": [[_hover(row, block, words) for block in range(blocks)] for row in rows],
        "zmin": 0,
        "zmax": max(blocks - 1, 1),
        "colorscale": COLORSCALE,
        "reversescale": True,
        "xgap": 1,
        "ygap": 3,
        "zsmooth": False,
        "hoverongaps": False,
        "hovertemplate": "%{customdata}<extra></extra>",
        "colorbar": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "len": 0.6,
            "thickness": 8,
            "outlinewidth": 0,
            "xpad": 0,
            "ypad": 4,
            "showticklabels": False,
        },
    }


def _hover(row: RankRow, block: int, words: Words) -> str:
    value, rank = row.values[block], row.ranks[block]
    if value is None or rank is None:
        return ""
    return (
        f"<b>{words['block']} {block}</b> · {_row_name(row, words)}<br>"
        f"{words['rank']} {rank:g} · {value:.4g}"
    )


def _row_name(row: RankRow, words: Words) -> str:
    action = words.get(str(row.action), str(row.action))
    if row.measured:
        return words["measured"].format(action=action)
    name = words.get(row.name, row.name)
    return f"{name}, {action}" if row.action else name
