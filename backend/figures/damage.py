"""Damage of every block changed alone: one bar a block and action, with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.figures.hover import damage as damage_text
from backend.figures.hover import number, share
from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.places import block_axis
from backend.figures.theme import FONT_SIZE, THEMES, Theme, axis, base_layout, legend, meta

MARGIN = {"l": 132, "r": 12, "t": 60, "b": 40}
NARROW_MARGIN = MARGIN | {"l": 60}
"""The orders below have the same margins on a wide page, so a block stays at one x."""
CUT_ABOVE = 2.0
"""Bars are cut when the highest is more than this many times as high as nine tenths of all."""

Words = Mapping[str, str]
Bar = Mapping[str, Any]


@dataclass(frozen=True)
class Bars:
    """The bars of one action, ascending by block."""

    action: str
    bars: list[Bar]


def damage(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure; while the run goes on, of the blocks that are measured."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    groups = damage_bars(result, action=options.action)
    top = axis_top([bar["nll_diff"] for group in groups for bar in group.bars])
    data = [_bars(group, top, theme, words) for group in groups]
    shifts = [(index - (len(groups) - 1) / 2) * 0.8 / len(groups) for index in range(len(groups))]
    cuts = [_cut(*each, top, options) for each in zip(groups, shifts, strict=True)]
    data += cuts
    data += _keys(groups, theme, words)
    layout = _layout(result, options, groups, top)
    numbers = [note for cut in cuts for note in _heights(cut, theme)]
    return {"data": data, "layout": layout | {"annotations": numbers}}


def damage_bars(result: Mapping[str, Any], *, action: str) -> list[Bars]:
    """Return the bars, a group an action, in the order in which actions were measured."""
    groups: dict[str, list[Bar]] = {}
    for bar in result.get("single") or []:
        if action in ("all", bar["action"]) and bar["nll_diff"] is not None:
            groups.setdefault(bar["action"], []).append(bar)
    return [
        Bars(name, sorted(bars, key=lambda bar: int(bar["block"]))) for name, bars in groups.items()
    ]


def axis_top(values: Sequence[float]) -> float:
    """Return where the axis ends: above nine tenths of the bars, or above all of them."""
    if not values:
        return 1.0
    ordered = sorted(values)
    usual = ordered[(len(ordered) - 1) * 9 // 10]
    highest = max(ordered[-1], 0.01)
    return usual * 1.3 if 0 < usual * CUT_ABOVE < highest else highest * 1.1


def _bars(group: Bars, top: float, theme: Theme, words: Words) -> dict[str, Any]:
    fill, edge = _shades(group.action, theme)
    shown = [bar["nll_diff"] <= top for bar in group.bars]
    return {
        "type": "bar",
        "name": words.get(group.action, group.action),
        "x": [bar["block"] for bar in group.bars],
        "y": [min(bar["nll_diff"], top) for bar in group.bars],
        "error_y": {
            "type": "data",
            "symmetric": False,
            # A bar that is cut has no visible end to hang an interval on.
            "array": [
                _reach(bar, 1) if ok else 0 for bar, ok in zip(group.bars, shown, strict=True)
            ],
            "arrayminus": [
                _reach(bar, 0) if ok else 0 for bar, ok in zip(group.bars, shown, strict=True)
            ],
            "thickness": 1,
            "width": 2,
            "color": theme.ink,
        },
        "customdata": [_hover(bar, words) for bar in group.bars],
        "marker": {
            "color": fill,
            "line": {"width": 1, "color": edge},
            "pattern": {
                "shape": ["/" if bar["edge"] else "" for bar in group.bars],
                "size": 6,
                "solidity": 0.3,
                "fgcolor": theme.paper if fill != theme.paper else edge,
                "bgcolor": fill,
                "fillmode": "replace",
            },
        },
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
        "offsetgroup": group.action,
        "meta": {"action": group.action},
    }


def _shades(action: str, theme: Theme) -> tuple[str, str]:
    """Return fill and outline: colours are kept for the strategies of the curves."""
    fill = {"drop": theme.muted, "linear": theme.accent}.get(action, theme.paper)
    return fill, fill if fill != theme.paper else theme.ink


def _reach(bar: Bar, side: int) -> float:
    """Return how far the interval goes up or down from the bar's end."""
    interval = bar.get("ci95")
    return 0.0 if interval is None else abs(float(interval[side]) - float(bar["nll_diff"]))


def _hover(bar: Bar, words: Words) -> str:
    rule = words.get(f"rule_{bar.get('rule')}")
    lines = [
        f"<b>{words['block']} {bar['block']}</b> · {words.get(bar['action'], bar['action'])}",
        f"{words['damage']} {damage_text(bar, words)}",
        f"KL {number(bar.get('kl'), '.4f')} · top-1 {share(bar.get('top1'))}",
        *([rule] if rule else []),
    ]
    return "<br>".join(lines)


def _cut(group: Bars, shift: float, top: float, options: FigureOptions) -> dict[str, Any]:
    """Return markers that say how high the bars are that the axis cuts."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    cut = [bar for bar in group.bars if bar["nll_diff"] > top]
    return {
        "type": "scatter",
        "x": [bar["block"] + shift for bar in cut],
        "y": [top] * len(cut),
        "text": [f"{bar['nll_diff']:.2g}" for bar in cut],
        "customdata": [f"{_hover(bar, words)}<br>{words['cut']}" for bar in cut],
        "mode": "markers",  # the numbers stand upright above them, so that neighbours do not touch
        "marker": {"symbol": "triangle-up", "size": 8, "color": theme.ink},
        "cliponaxis": False,
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
        "meta": {"action": group.action, "cut": True},
    }


def _heights(cut: Mapping[str, Any], theme: Theme) -> list[dict[str, Any]]:
    return [
        {
            "text": text,
            "x": x,
            "y": y,
            "yshift": 6,
            "yanchor": "bottom",
            "textangle": -90,
            "showarrow": False,
            "font": {"size": FONT_SIZE - 2, "color": theme.ink},
        }
        for x, y, text in zip(cut["x"], cut["y"], cut["text"], strict=True)
    ]


def _keys(groups: Sequence[Bars], theme: Theme, words: Words) -> list[dict[str, Any]]:
    """Return empty bars that explain the shades and the hatching."""
    keys = [
        _key(words.get(group.action, group.action), *_shades(group.action, theme), shape="")
        for group in groups
    ]
    if any(bar["edge"] for group in groups for bar in group.bars):
        keys.append(_key(words["hatched_edge"], theme.paper, theme.muted, shape="/"))
    # A group of their own would take room beside the bars.
    return [key | {"offsetgroup": groups[0].action} for key in keys]


def _key(name: str, fill: str, edge: str, *, shape: str) -> dict[str, Any]:
    pattern = {"shape": shape, "size": 6, "solidity": 0.3, "fgcolor": edge, "bgcolor": fill}
    return {
        "type": "bar",
        "name": name,
        "x": [None],
        "y": [None],
        "marker": {
            "color": fill,
            "line": {"width": 1, "color": edge},
            "pattern": pattern | {"fillmode": "replace"},
        },
        "hoverinfo": "skip",
        "showlegend": True,
    }


def _layout(
    result: Mapping[str, Any], options: FigureOptions, groups: Sequence[Bars], top: float
) -> dict[str, Any]:
    theme, words = THEMES[options.theme], LABELS[options.lang]
    blocks = int(result["model"]["blocks"])
    lows = [bar["nll_diff"] - _reach(bar, 0) for group in groups for bar in group.bars]
    low = min(0.0, *lows) if lows else 0.0
    return base_layout(theme) | {
        "margin": MARGIN,
        "barmode": "group",
        "bargap": 0.2,
        "bargroupgap": 0.05,
        "showlegend": True,
        "legend": legend(theme, y=1, yref="container", yanchor="top"),
        "xaxis": block_axis(theme, words["block"], blocks),
        "yaxis": axis(
            theme,
            words["nll_diff"],
            range=[low - 0.03 * (top - low), top * 1.08],
            zeroline=True,
            zerolinecolor=theme.hatch,
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['nll_diff']}")
        | {"narrow": {"margin": NARROW_MARGIN}},
    }
