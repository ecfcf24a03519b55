"""What the maps of pairs share: only the upper triangle is full; bar and words lie in the other."""

from typing import Any

from backend.figures.theme import FONT_SIZE, Theme, base_layout

BAR_X, BAR_Y = 0.03, 0.05
BAR_PIXELS = 32
"""Height of the colour bar with its tick labels."""
MARGIN = {"l": 48, "r": 12, "t": 8, "b": 44}


def triangle_layout(theme: Theme, title: str, missing: str | None) -> dict[str, Any]:
    """Return the layout without axes: a title over the bar, and words about missing squares."""
    # The bar's own title would be centred on the bar and cut off where the page is narrow.
    annotations = [note(title, theme.ink, theme, y=BAR_Y, shift=BAR_PIXELS)]
    if missing is not None:
        annotations.append(note(missing, theme.muted, theme, y=0.01, shift=0))
    return base_layout(theme) | {
        "margin": MARGIN,
        "showlegend": False,
        "annotations": annotations,
    }


def colour_bar(theme: Theme) -> dict[str, Any]:
    """Return the place and size of the colour bar."""
    return {
        "orientation": "h",
        "x": BAR_X,
        "xanchor": "left",
        "y": BAR_Y,
        "yanchor": "bottom",
        "len": 0.42,
        "thickness": 10,
        "xpad": 0,
        "ypad": 0,
        "tickfont": {"size": FONT_SIZE, "color": theme.muted},
    }


def note(text: str, colour: str, theme: Theme, *, y: float, shift: int) -> dict[str, Any]:
    """Return a line of text in the empty triangle."""
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": BAR_X,
        "y": y,
        "yshift": shift,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": FONT_SIZE, "color": colour},
        "bgcolor": theme.paper,
    }


def hatching(missing: list[tuple[int, int]], theme: Theme) -> dict[str, Any]:
    """Return one trace of hatched squares: neither white nor zero can be read into them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end in missing:
        x += [end - 0.5, end + 0.5, end + 0.5, end - 0.5, end - 0.5, None]
        y += [start - 0.5, start - 0.5, start + 0.5, start + 0.5, start - 0.5, None]
    return {
        "type": "scatter",
        "x": x[:-1],
        "y": y[:-1],
        "mode": "lines",
        "line": {"width": 0, "color": theme.hatch},
        "fill": "toself",
        "fillcolor": "rgba(0,0,0,0)",
        "fillpattern": {"shape": "/", "size": 5, "solidity": 0.18, "fgcolor": theme.hatch},
        "hoverinfo": "skip",
        "showlegend": False,
    }
