"""Which point of an ablation a view shows: the selected one. Mirrors frontend/curves.js."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def shown_curve(result: Json, view: Mapping[str, str]) -> Json | None:
    """Return the selected curve, or the first of the shown ones."""
    shown = [curve for curve in result.get("curves") or [] if _is_shown(curve, view)]
    named = [curve for curve in shown if _key(curve) == view.get("curve")]
    return next(iter([*named, *shown]), None)


def shown_point(result: Json, view: Mapping[str, str]) -> Json | None:
    """Return the selected point of the shown curve, if one is selected."""
    curve = shown_curve(result, view)
    points: Sequence[Json] = curve["points"] if curve else []
    return next((point for point in points if str(point["changed"]) == view.get("n")), None)


def routes_options(result: Json, view: Mapping[str, str]) -> dict[str, str]:
    """Return the options of the figure by category: the selected point, or where the line ends."""
    curve = shown_curve(result, view)
    if curve is None:
        return {}
    point = shown_point(result, view) or curve["points"][-1]
    return {"plan": point["plan"], "fitting": curve.get("fitting") or "all"}


def _is_shown(curve: Json, view: Mapping[str, str]) -> bool:
    return (
        curve["strategy"] != "random"
        and bool(curve.get("points"))
        and view.get("action", "all") in ("all", curve["action"])
        and (not curve.get("fitting") or view.get("fitting", "all") in ("all", curve["fitting"]))
    )


def _key(curve: Json) -> str:
    parts = (curve["strategy"], curve["action"], curve.get("fitting"))
    return ".".join(part for part in parts if part)
