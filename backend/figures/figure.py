"""The one way to a figure: its name, a result as JSON values, and a reader's options."""

from collections.abc import Callable, Mapping
from typing import Any

from backend.figures.before_after import before_after
from backend.figures.categories import categories
from backend.figures.costs import costs
from backend.figures.curve import curve
from backend.figures.damage import damage
from backend.figures.documents import documents
from backend.figures.heatmap import heatmap
from backend.figures.interaction import interaction
from backend.figures.norms import norms
from backend.figures.options import FigureOptions, parse_options
from backend.figures.passage import passage
from backend.figures.profile import profile
from backend.figures.sample_sizes import sample_sizes
from backend.figures.scores import scores
from backend.figures.speedups import speedups
from backend.figures.tasks import task_differences, task_scores
from backend.figures.three_curves import three_curves
from backend.figures.token_classes import token_classes
from backend.figures.token_errors import token_errors
from backend.figures.training import training
from linearity.contracts.parameters import choice
from linearity.errors import InvalidParameterError

Maker = Callable[[Mapping[str, Any], FigureOptions], dict[str, Any]]

FIGURES: dict[str, dict[str, Maker]] = {
    "linearity": {
        "heatmap": heatmap,
        "profile": profile,
        "norms": norms,
        "token_classes": token_classes,
        "sample_sizes": sample_sizes,
        "token_errors": token_errors,
    },
    "ablation": {
        "curve": curve,
        "categories": categories,
        "damage": damage,
        "interaction": interaction,
        "scores": scores,
    },
    "plan": {"categories": categories, "documents": documents},
    "answers": {},
    "passage": {"passage": passage},
    "export": {},
    "heal": {"training": training, "before_after": before_after, "three_curves": three_curves},
    "speed": {"speedups": speedups, "costs": costs},
    "benchmark": {"task_scores": task_scores, "task_differences": task_differences},
}
"""The figures of every kind, by name."""


def figure(name: str, result: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    """Return the Plotly figure ``{data, layout}``; a partial result gives a partial figure.

    Raises
    ------
    InvalidParameterError
        For a figure that this kind of result does not have, or an option value that does not exist.
    UnknownParameterError
        For an option that does not exist.
    """
    kind = str(result.get("kind") or "linearity")
    makers = FIGURES.get(kind, {})
    if not makers:
        raise InvalidParameterError(
            "figure",
            wanted=f"no figure: a run of the kind {kind} has none",
            got=name,
            next_step="Read its result instead.",
        )
    maker = makers[choice("figure", name, tuple(makers))]
    return maker(result, parse_options(options))
