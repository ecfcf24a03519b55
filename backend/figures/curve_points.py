"""Curves to points: one line a strategy, action and fitting; random orders as one band."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Json = Mapping[str, Any]

RANDOM = "random"
Number = float | None


@dataclass(frozen=True)
class LinePoint:
    """One plan of a curve: the shown metric with its interval, and the whole point."""

    changed: int
    value: Number
    low: Number
    high: Number
    edge: bool
    point: Json


@dataclass(frozen=True)
class Line:
    """One curve, fewest changed blocks first."""

    strategy: str
    action: str
    fitting: str | None
    points: list[LinePoint]


@dataclass(frozen=True)
class Band:
    """Random orders together: at every number of blocks the lowest, median and highest."""

    action: str
    fitting: str | None
    seeds: int
    changed: list[int]
    low: list[float]
    middle: list[float]
    high: list[float]


def curve_lines(result: Json, *, metric: str, action: str, fitting: str) -> list[Line]:
    """Return the curves of the named strategies that have a point."""
    dense = result.get("dense") or {}
    return [
        Line(
            strategy=curve["strategy"],
            action=curve["action"],
            fitting=curve["fitting"],
            points=[_point(point, metric, dense) for point in _points(curve)],
        )
        for curve in _wanted(result, action, fitting)
        if curve["strategy"] != RANDOM
    ]


def random_bands(result: Json, *, metric: str, action: str, fitting: str) -> list[Band]:
    """Return one band for each action and fitting that random orders were measured with."""
    groups: dict[tuple[str, str | None], list[Json]] = {}
    for curve in _wanted(result, action, fitting):
        if curve["strategy"] == RANDOM:
            groups.setdefault((curve["action"], curve["fitting"]), []).append(curve)
    return [_band(key, curves, metric) for key, curves in groups.items()]


def _wanted(result: Json, action: str, fitting: str) -> Iterator[Json]:
    for curve in result.get("curves") or []:
        same_action = action in ("all", curve["action"])
        # Nothing is fitted for a drop, so it stands beside either fitting.
        same_fitting = fitting == "all" or curve["fitting"] in (None, fitting)
        if same_action and same_fitting and _points(curve):
            yield curve


def _points(curve: Json) -> Sequence[Json]:
    return sorted(curve.get("points") or [], key=lambda point: int(point["changed"]))


def _point(point: Json, metric: str, dense: Json) -> LinePoint:
    low, high = _interval(point, metric, dense)
    return LinePoint(point["changed"], point.get(metric), low, high, bool(point["edge"]), point)


def _interval(point: Json, metric: str, dense: Json) -> tuple[Number, Number]:
    """Return the interval of the damage, or what it means for the perplexity."""
    interval = point.get("ci95")
    if interval is None or metric not in ("nll_diff", "ppl"):
        return None, None
    low, high = interval
    if metric == "nll_diff":
        return low, high
    if dense.get("ppl") is None:
        return None, None
    return dense["ppl"] * math.exp(low), dense["ppl"] * math.exp(high)


def _band(key: tuple[str, str | None], curves: Sequence[Json], metric: str) -> Band:
    values: dict[int, list[float]] = {}
    for curve in curves:
        for point in _points(curve):
            if point.get(metric) is not None:
                values.setdefault(point["changed"], []).append(point[metric])
    changed = sorted(values)
    return Band(
        action=key[0],
        fitting=key[1],
        seeds=len(curves),
        changed=changed,
        low=[min(values[number]) for number in changed],
        middle=[median(values[number]) for number in changed],
        high=[max(values[number]) for number in changed],
    )
