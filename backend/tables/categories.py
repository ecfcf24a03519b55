"""The numbers by category, which the tables of `ablation` and `plan` have in common."""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.tables.table import Result, ends

METRICS = ("documents", "tokens", "nll", "nll_diff", "kl", "top1")
Cells = dict[str, object]


def category_cells(measured: Mapping[str, Any]) -> Iterator[Cells]:
    """Yield the cells of every number of every category of something measured."""
    for item in measured.get("categories") or []:
        for metric in METRICS:
            interval = ends(item["ci95"]) if metric == "nll_diff" else {}
            # A result from before schema 2 has no nll.
            value = item.get(metric)
            yield {"category": item["category"], "metric": metric, "value": value, **interval}


def of_plan(result: Result) -> Mapping[str, Any]:
    """Return where a `plan` result holds its categories: before schema 2, in the guard."""
    point = result.get("point") or {}
    return point if "categories" in point else result.get("guard") or {}
