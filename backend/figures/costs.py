"""What every part of the dense model costs, block by block, with how linear each block is beside.

The bars of a block stack its parts; the first place holds the embedding, the last one the last
norm and the head. The scores come from another run, as numbers in the option ``beside``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, Theme, axis, base_layout, legend, meta
from linearity.contracts.speed import PARTS

UNITS = {"decode_s": 1e3, "prefill_s": 1e3, "bytes": 1e-6, "prefill_flops": 1e-9}
"""What a number is multiplied by to stand on the axis."""
COLOURS = {
    "embedding": "ochre", "norms": "rose", "attention": "update", "mlp": "stream", "rest": "hatch",
    "final_norm": "rose", "head": "ochre",
}  # fmt: skip
MARGIN = {"l": 60, "r": 16, "t": 48, "b": 44}
WIDER = 60
"""The right margin where an axis stands there, too."""
Words = Mapping[str, str]


def costs(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; empty until the cost map is measured."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    parts = (result.get("costs") or {}).get("parts", [])
    places = cost_places(parts)
    whole = sum(part[options.cost] for part in parts) or 1.0
    data = [
        _bars(own, places, whole, options, theme, words)
        for part in PARTS
        if (own := [cost for cost in parts if cost["part"] == part])
    ]
    scores = options.beside if options.beside and len(options.beside) == len(places) - 2 else []
    title = words[f"cost_{options.cost}"]
    layout = base_layout(theme) | {
        "margin": MARGIN | ({"r": WIDER} if scores else {}),
        "barmode": "stack",
        "bargap": 0.12 if len(places) < 60 else 0,
        "legend": legend(theme, y=1.02, traceorder="normal"),
        "xaxis": axis(
            theme,
            words["part_axis"],
            tickvals=_ticks(places),
            ticktext=[_tick(places, place, words) for place in _ticks(places)],
            range=[-0.6, max(len(places), 1) - 0.4],
            showgrid=False,
        ),
        "yaxis": axis(theme, title, rangemode="tozero"),
        "meta": meta(theme, f"{caption(result, options.lang)} · {title}"),
    }
    if scores:
        data.append(_line(scores, theme, words))
        layout["yaxis2"] = axis(
            theme,
            words["beside"],
            overlaying="y",
            side="right",
            showgrid=False,
            range=[0, 1],
            tickvals=[0, 0.25, 0.5, 0.75, 1],
        )
    return {"data": data, "layout": layout}


def cost_places(parts: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Return what stands at each place: None for what lies before and behind the blocks."""
    blocks = sorted({part["block"] for part in parts if part["block"] is not None})
    return [None, *blocks, None] if parts else []


def _place(part: Mapping[str, Any], places: Sequence[int | None]) -> int:
    if part["block"] is not None:
        return places.index(part["block"])
    return 0 if part["part"] == "embedding" else len(places) - 1


def _bars(
    costs: Sequence[Mapping[str, Any]],
    places: Sequence[int | None],
    whole: float,
    options: FigureOptions,
    theme: Theme,
    words: Words,
) -> dict[str, Any]:
    unit = UNITS[options.cost]
    title, part = words[f"cost_{options.cost}"], costs[0]["part"]
    return {
        "type": "bar",
        "name": words[part],
        "x": [_place(cost, places) for cost in costs],
        "y": [cost[options.cost] * unit for cost in costs],
        "marker": {"color": getattr(theme, COLOURS[part]), "line": {"width": 0}},
        "customdata": [
            [
                cost["block"],
                f"<b>{_where(cost, words)}</b><br>{title} <b>{cost[options.cost] * unit:.4g}</b>"
                f"<br>{words['cost_share'].format(share=f'{cost[options.cost] / whole:.1%}')}",
            ]
            for cost in costs
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
    }


def _where(cost: Mapping[str, Any], words: Words) -> str:
    if cost["block"] is None:
        return words[cost["part"]]
    return f"{words['block_place'].format(block=cost['block'])}, {words[cost['part']]}"


def _ticks(places: Sequence[int | None]) -> list[int]:
    """Return places with a name: both ends, and every so many blocks."""
    step = max(len(places) // 12, 1)
    return [k for k, block in enumerate(places) if block is None or block % step == 0]


def _tick(places: Sequence[int | None], place: int, words: Words) -> str:
    block = places[place]
    if block is not None:
        return str(block)
    return words["in_place" if place == 0 else "out_place"]


def _line(scores: Sequence[float | None], theme: Theme, words: Words) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": words["beside"],
        "x": [*range(1, len(scores) + 1)],
        "y": [*scores],
        "yaxis": "y2",
        "line": {"color": theme.ink, "width": 1.5},
        "marker": {"color": theme.ink, "size": 5},
        "customdata": [[block, None] for block in range(len(scores))],
        "hovertemplate": f"{words['beside']} <b>%{{y:.3f}}</b><extra></extra>",
    }
