"""The numbers of an `ablation` by category as arrays; categories are the last axis but interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.tables.table import Result

METRICS = ("nll_diff", "kl", "top1")
_Array = np.ndarray[Any, Any]


def category_arrays(result: Result, actions: Sequence[str]) -> dict[str, _Array]:
    """Return ``curves_categories_*`` and ``single_categories_*``; none without categories.

    Parameters
    ----------
    result : mapping
    actions : sequence of str
        Of single blocks: the first axis of ``single_*``.
    """
    names = category_names(result)
    if not names:
        return {}
    curves, single = result["curves"], result["single"]
    points = max((len(curve["points"]) for curve in curves), default=0)
    found = {}
    for metric in (*METRICS, "ci95"):
        ends = (2,) if metric == "ci95" else ()
        of_curves = np.full((len(curves), points, len(names), *ends), np.nan)
        of_single = np.full((len(actions), result["model"]["blocks"], len(names), *ends), np.nan)
        for number, curve in enumerate(curves):
            for place, point in enumerate(curve["points"]):
                _put(of_curves[number, place], point, names, metric)
        for item in single:
            _put(of_single[actions.index(item["action"]), item["block"]], item, names, metric)
        found[f"curves_categories_{metric}"] = of_curves
        found[f"single_categories_{metric}"] = of_single
    return found


def category_names(result: Result) -> list[str]:
    """Return the categories in the order of the axis."""
    measured = [point for curve in result["curves"] for point in curve["points"]]
    names = (
        item["category"]
        for one in [*result["single"], *measured]
        for item in one.get("categories") or []
    )
    return list(dict.fromkeys(names))


def _put(row: _Array, measured: Mapping[str, Any], names: Sequence[str], metric: str) -> None:
    for item in measured.get("categories") or []:
        if item[metric] is not None:
            row[names.index(item["category"])] = item[metric]
