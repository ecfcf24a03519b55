"""Damage by category, the route or task of the text: a dot with its interval, beside the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.figures.hover import damage as damage_text
from backend.figures.hover import number, share
from backend.figures.labels import LABELS, caption, escape
from backend.figures.options import FigureOptions
from backend.figures.theme import THEMES, Theme, axis, base_layout, meta
from linearity.errors import InvalidParameterError

MARGIN = {"l": 170, "r": 16, "t": 8, "b": 40}
NARROW_MARGIN = MARGIN | {"l": 118}
LONGEST_NAME = 24

Words = Mapping[str, str]
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class CategoryPoints:
    """What is drawn: the whole, and its categories from the most to the least damaged."""

    whole: Numbers | None
    categories: list[Numbers]


def categories(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure of a plan, or of the point of an ablation that `plan` names."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    points = category_points(result, plan=options.plan, fitting=options.fitting)
    rows = [*points.categories, *([points.whole] if points.whole else [])]
    layout = base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": False,
        "xaxis": axis(theme, words["nll_diff"], zeroline=True, zerolinecolor=theme.hatch),
        "yaxis": axis(
            theme,
            "",
            tickmode="array",
            tickvals=[*range(len(rows))],
            ticktext=[_short(row, words) for row in rows],
            range=[len(rows) - 0.4, -0.6],
            showgrid=False,
        ),
        "shapes": _line(points.whole, theme),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['nll_diff']}")
        | {"narrow": {"margin": NARROW_MARGIN}},
    }
    # Apart: without an interval a dot is hollow, and has no error bar, not one of no length.
    groups = [
        [(place, row) for place, row in enumerate(rows) if bool(row.get("ci95")) is known]
        for known in (True, False)
    ]
    data = [_dots(group, points.whole, theme, words) for group in groups if group]
    return {"data": data, "layout": layout}


def category_points(
    result: Mapping[str, Any], *, plan: str | None = None, fitting: str = "all"
) -> CategoryPoints:
    """Return the whole and its categories.

    Raises
    ------
    InvalidParameterError
        Where `plan` names no point of the result.
    """
    point = _point(result, plan, fitting)
    # A plan of before schema 2 has them in its guard.
    guard = result.get("guard") or {}
    found = (point or {}).get("categories") or guard.get("categories") or []
    return CategoryPoints(
        point if found else None, sorted(found, key=lambda item: -item["nll_diff"])
    )


def _point(result: Mapping[str, Any], plan: str | None, fitting: str) -> Numbers | None:
    curves = [
        curve
        for curve in result.get("curves") or []
        if curve["fitting"] is None or fitting in ("all", curve["fitting"])
    ]
    points = [point for curve in curves for point in curve["points"]]
    own: Numbers | None = result.get("point")
    if own is not None:
        points.append(own)
    if plan is None:
        # The largest plan of the first curve: what its line ends in.
        first: list[Numbers] = next((c["points"] for c in curves if c["points"]), [])
        return first[-1] if first else own
    named: Numbers | None = next((point for point in points if point["plan"] == plan), None)
    if named is None:
        raise InvalidParameterError(
            "plan", wanted="the plan of a point of this result", got=plan[:200]
        )
    return named


def _dots(
    group: Sequence[tuple[int, Numbers]], whole: Numbers | None, theme: Theme, words: Words
) -> dict[str, Any]:
    rows = [row for _, row in group]
    dots: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "x": [row["nll_diff"] for row in rows],
        "y": [place for place, _ in group],
        "marker": {
            "size": 9,
            "color": [theme.muted if row is whole else theme.accent for row in rows],
            "symbol": "circle" if rows[0].get("ci95") else "circle-open",
        },
        "customdata": [_hover(row, words) for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        "cliponaxis": False,
    }
    if rows[0].get("ci95"):
        dots["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [row["ci95"][1] - row["nll_diff"] for row in rows],
            "arrayminus": [row["nll_diff"] - row["ci95"][0] for row in rows],
            "thickness": 1.5,
            "width": 4,
            "color": theme.muted,
        }
    return dots


def _line(whole: Numbers | None, theme: Theme) -> list[dict[str, Any]]:
    if whole is None:
        return []
    x = whole["nll_diff"]
    line = {"color": theme.muted, "width": 1, "dash": "dot"}
    return [
        {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line,
         "layer": "below"}
    ]  # fmt: skip


def _short(row: Numbers, words: Words) -> str:
    name = str(row.get("category") or words["all_tokens"])
    return escape(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")


def _hover(row: Numbers, words: Words) -> str:
    name = str(row.get("category") or words["all_tokens"])
    lines = [
        f"<b>{escape(name[:200])}</b>",
        f"{words['damage']} {damage_text(row, words)}",
        f"KL {number(row.get('kl'), '.4f')} · top-1 {share(row.get('top1'))}",
    ]
    if "tokens" in row:
        lines.append(
            words["category_size"].format(tokens=row["tokens"], documents=row["documents"])
        )
    return "<br>".join(lines)
