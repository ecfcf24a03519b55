"""The one way to a figure: its name, a result as JSON values, and a reader's options."""

from collections.abc import Callable, Mapping
from typing import Any

from backend.figures.heatmap import heatmap
from backend.figures.norms import norms
from backend.figures.options import FigureOptions, parse_options
from backend.figures.profile import profile
from linearity.contracts.parameters import choice

Maker = Callable[[Mapping[str, Any], FigureOptions], dict[str, Any]]

FIGURES: dict[str, Maker] = {"heatmap": heatmap, "profile": profile, "norms": norms}


def figure(name: str, result: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    """Return the Plotly figure ``{data, layout}``; a partial result gives a partial figure.

    Raises
    ------
    InvalidParameterError
        For a figure or an option value that does not exist.
    UnknownParameterError
        For an option that does not exist.
    """
    maker = FIGURES[choice("figure", name, tuple(FIGURES))]
    return maker(result, parse_options(options))
