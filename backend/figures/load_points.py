"""What the figures of a request log show: bars with names, values and shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SECONDS_PER_HOUR = 3600
MOST_BARS = 14
"""Further routes are one bar, the last."""
STACKS = {"tokens": ("prompt_tokens", "response_tokens")}
"""Measures that are drawn as a stack of others."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """One bar.

    Parameters
    ----------
    name : str
    parts : tuple of float
        Its height by layer, from below.
    share, running : float
        Part of the whole, and of it with all bars to its left; in [0, 1].
    routes : int
        How many routes it stands for.
    """

    name: str
    parts: tuple[float, ...]
    share: float
    running: float
    routes: int = 1


def layers(measure: str) -> tuple[str, ...]:
    """Return the measures that a bar is stacked of."""
    return STACKS.get(measure, (measure,))


def route_bars(summary: Row, measure: str) -> list[Bar]:
    """Return the routes, the largest first, the smallest together."""
    ordered = sorted(summary["routes"], key=lambda row: (-row[measure], row["route"]))
    shown, rest = ordered[:MOST_BARS], ordered[MOST_BARS:]
    if len(rest) == 1:
        shown, rest = ordered, []
    groups = [(row["route"], [row]) for row in shown]
    if rest:
        groups.append(("", rest))
    return _bars(groups, measure)


def hour_bars(summary: Row, measure: str) -> list[Bar]:
    """Return the hours of the day, from midnight."""
    return _bars([(str(row["hour"]), [row]) for row in summary["hours"]], measure)


def length_bars(summary: Row, measure: str) -> list[Bar]:
    """Return the bins of prompt length, the shortest first, without empty ends."""
    return _bars([(length_name(row), [row]) for row in _used(summary)], measure)


def length_starts(summary: Row) -> list[int]:
    """Return the smallest length of every bin that is shown."""
    return [row["from"] for row in _used(summary)]


def length_name(row: Row) -> str:
    """Return a bin as people write it: ``64–127``, ``< 16``, ``≥ 16,384``."""
    if row["to"] is None:
        return f"≥ {row['from']:,}"
    if row["from"] == 0:
        return f"< {row['to'] + 1}"
    return f"{row['from']:,}–{row['to']:,}"


def _bars(groups: Sequence[tuple[str, Sequence[Row]]], measure: str) -> list[Bar]:
    total = sum(row[measure] for _, rows in groups for row in rows)
    bars, running = [], 0.0
    for name, rows in groups:
        value = sum(row[measure] for row in rows)
        running += value
        parts = tuple(_height(rows, layer) for layer in layers(measure))
        share, together = (value / total, running / total) if total else (0.0, 0.0)
        bars.append(Bar(name, parts, share, together, len(rows)))
    return bars


def _height(rows: Sequence[Row], measure: str) -> float:
    value: float = sum(row[measure] for row in rows)
    return value / SECONDS_PER_HOUR if measure == "time" else value


def _used(summary: Row) -> Sequence[Row]:
    rows: Sequence[Row] = summary["lengths"]
    used = [number for number, row in enumerate(rows) if row["requests"]]
    return rows[used[0] : used[-1] + 1] if used else []
