"""Colours, type and the parts of a layout that every figure shares.

The colours are those of ``frontend/styles/tokens.css``; a test compares the two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

ThemeName = Literal["light", "dark"]

FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', "
    "'Hiragino Sans', 'Yu Gothic UI', Meiryo, 'Noto Sans CJK JP', sans-serif"
)
FONT_SIZE = 12
COLORSCALE = "Cividis"
"""Perceptually uniform and safe for colour-blind readers; built into Plotly."""


@dataclass(frozen=True)
class Theme:
    """The colours of one theme; every field is the token of the same name."""

    paper: str
    ink: str
    muted: str
    grid: str
    hatch: str
    accent: str
    stream: str
    update: str
    violet: str
    ochre: str
    rose: str


THEMES: dict[ThemeName, Theme] = {
    "light": Theme(
        paper="#fbfaf7",
        ink="#1b1d21",
        muted="#5a5f68",
        grid="#e6e3dc",
        hatch="#b4afa3",
        accent="#0b6b62",
        stream="#1f5a99",
        update="#a84a0c",
        violet="#4b1280",
        ochre="#b08a00",
        rose="#e0559a",
    ),
    "dark": Theme(
        paper="#14161a",
        ink="#e8e6e1",
        muted="#a3a8b1",
        grid="#262a31",
        hatch="#555b66",
        accent="#5fc9b8",
        stream="#7fb2f0",
        update="#f0a05a",
        violet="#a57be8",
        ochre="#f2e35c",
        rose="#f06090",
    ),
}


def base_layout(theme: Theme) -> dict[str, Any]:
    """Return the layout all figures start from: no frame, one font, the page's own paper."""
    return {
        "autosize": True,
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "font": {"family": FONT, "size": FONT_SIZE, "color": theme.ink},
        "hoverlabel": {
            "bgcolor": theme.paper,
            "bordercolor": theme.muted,
            "font": {"family": FONT, "size": FONT_SIZE, "color": theme.ink},
            "align": "left",
        },
        "dragmode": False,
        "hovermode": "closest",
    }


def axis(theme: Theme, title: str, **more: Any) -> dict[str, Any]:
    """Return an axis with a faint grid and a quiet title."""
    return {
        "title": {"text": title, "font": {"size": FONT_SIZE, "color": theme.muted}, "standoff": 8},
        "gridcolor": theme.grid,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickfont": {"color": theme.muted},
        "fixedrange": True,
        "automargin": False,
    } | more


def legend(theme: Theme, **place: Any) -> dict[str, Any]:
    """Return a quiet legend at a place; by itself a row above the figure, from the left."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
        "font": {"size": FONT_SIZE, "color": theme.muted},
        "itemclick": False,
        "itemdoubleclick": False,
        "bgcolor": "rgba(0,0,0,0)",
    } | place


def log_ticks(low: float, high: float, *, at_most: int = 10) -> list[float]:
    """Return 1, 2 and 5 of each decade between two powers of ten, or only the ones."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        places = [float(f"{step}e{decade}") for decade in decades for step in steps]
        shown = [place for place in places if low - 1e-9 <= math.log10(place) <= high + 1e-9]
        if len(shown) <= at_most:
            return shown
    return shown[:: len(shown) // at_most + 1]


def log_colorbar(theme: Theme, places: Sequence[float]) -> dict[str, Any]:
    """Return a slim bar of colours for logarithms, with the numbers themselves at `places`."""
    return {
        "outlinewidth": 0,
        "thickness": 10,
        "xpad": 6,
        "ypad": 0,
        "tickvals": [math.log10(place) for place in places],
        "ticktext": [f"{place:g}" for place in places],
        "tickfont": {"size": FONT_SIZE, "color": theme.muted},
    }


def meta(theme: Theme, caption: str, **more: str) -> dict[str, Any]:
    """Return what is needed beside the figure: its caption and the selection colours."""
    return {"caption": caption, "theme": {"accent": theme.accent, "paper": theme.paper}} | more


def translucent(colour: str, alpha: float) -> str:
    """Return ``#rrggbb`` as an rgba colour."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def block_ticks(count: int, *, first: int = 0) -> list[int]:
    """Return tick places for whole numbers from `first`: at most about twelve, round steps."""
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100) if count / size <= 12)
    return [value for value in range(first, first + count) if value % step == 0]
