"""Pairs of dropped blocks: what dropping both costs beyond dropping each alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.figures.labels import LABELS, caption
from backend.figures.options import FigureOptions
from backend.figures.points import Row
from backend.figures.theme import THEMES, Theme, axis, base_layout, meta
from backend.figures.triangle import MARGIN, colour_bar, hatching, note, triangle_layout

PRINT_VALUES_UP_TO = 12
SMALLEST_LIMIT = 0.01

Words = Mapping[str, str]


@dataclass(frozen=True)
class InteractionPoints:
    """Interaction of pairs (row before column), and what a pair and its blocks cost."""

    blocks: list[int]
    values: list[Row]
    damage: list[Row]

    def missing(self) -> list[tuple[int, int]]:
        """Return the places above the diagonal that were not measured."""
        places = range(len(self.blocks))
        return [(i, j) for i in places for j in places if j > i and self.values[i][j] is None]

    def limit(self) -> float:
        """Return the end of the colour scale, the same to both sides of zero."""
        values = [abs(value) for row in self.values for value in row if value is not None]
        return max(values, default=0.0) or SMALLEST_LIMIT


def interaction(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    """Return the figure, or an empty one that says that no pairs were measured."""
    theme, words = THEMES[options.theme], LABELS[options.lang]
    points = interaction_points(result)
    if points is None:
        return {"data": [], "layout": _empty(result, options)}
    data = [_cells(points, theme, words)]
    if missing := points.missing():
        data.append(hatching(missing, theme))
    return {"data": data, "layout": _layout(result, points, options)}


def interaction_points(result: Mapping[str, Any]) -> InteractionPoints | None:
    """Return the points, or None while there is no map."""
    found = result.get("interaction")
    if not found or not found.get("blocks"):
        return None
    return InteractionPoints(
        blocks=[*found["blocks"]],
        values=[[*row] for row in found["interaction"]],
        damage=[[*row] for row in found["damage"]],
    )


def diverging(theme: Theme) -> list[list[float | str]]:
    """Return blue over paper to orange: less than the sum, zero, more than the sum."""
    return [[0.0, theme.stream], [0.5, theme.paper], [1.0, theme.update]]


def _cells(points: InteractionPoints, theme: Theme, words: Words) -> dict[str, Any]:
    limit = points.limit()
    places = [*range(len(points.blocks))]
    trace = {
        "type": "heatmap",
        "name": words["interaction"],
        "x": places,
        "y": places,
        "z": points.values,
        "customdata": _hovers(points, words),
        "zmin": -limit,
        "zmax": limit,
        "colorscale": diverging(theme),
        "xgap": 1,
        "ygap": 1,
        "zsmooth": False,
        "hoverongaps": False,
        "hovertemplate": "%{customdata}<extra></extra>",
        "colorbar": colour_bar(theme)
        | {"outlinewidth": 1, "outlinecolor": theme.hatch, "nticks": 3},
    }
    if len(places) <= PRINT_VALUES_UP_TO:
        trace["text"] = [
            ["" if value is None else f"{value:.2f}" for value in row] for row in points.values
        ]
        trace["texttemplate"] = "%{text}"
    return trace


def _hovers(points: InteractionPoints, words: Words) -> list[list[str]]:
    blocks, damage = points.blocks, points.damage

    def alone(i: int) -> str:
        return f"{words['block']} {blocks[i]} {words['alone']} {_number(damage[i][i])}"

    return [
        [
            "<br>".join(
                [
                    alone(i),
                    alone(j),
                    f"{words['together']} {_number(damage[i][j])}",
                    f"{words['interaction']} <b>{_number(value)}</b>",
                ]
            )
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(points.values)
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def _layout(
    result: Mapping[str, Any], points: InteractionPoints, options: FigureOptions
) -> dict[str, Any]:
    theme, words = THEMES[options.theme], LABELS[options.lang]
    count = len(points.blocks)
    ticks = {"tickvals": [*range(count)], "ticktext": [str(block) for block in points.blocks]}
    missing = words["not_measured"] if points.missing() else None
    return triangle_layout(theme, words["interaction_bar"], missing) | {
        "xaxis": axis(
            theme,
            words["second_block"],
            range=[-0.5, count - 0.5],
            showgrid=False,
            constrain="domain",
            **ticks,
        ),
        "yaxis": axis(
            theme,
            words["first_block"],
            range=[count - 0.5, -0.5],
            showgrid=False,
            scaleanchor="x",
            constrain="domain",
            **ticks,
        ),
        "meta": meta(theme, f"{caption(result, options.lang)} · {words['interaction_bar']}"),
    }


def _empty(result: Mapping[str, Any], options: FigureOptions) -> dict[str, Any]:
    theme, words = THEMES[options.theme], LABELS[options.lang]
    hidden = {"visible": False, "range": [0, 1]}
    return base_layout(theme) | {
        "margin": MARGIN,
        "xaxis": hidden,
        "yaxis": hidden,
        "annotations": [note(words["no_interaction"], theme.muted, theme, y=0.5, shift=0)],
        "meta": meta(theme, caption(result, options.lang)),
    }
