"""Where requests, tokens, time and money go: exact sums of a request log.

Everything is a whole number: tokens and requests as counted, time in microseconds, money in
billionths of the log's currency. So sums do not depend on the order of rows, and a share is the
quotient of two exact numbers. One pass, and memory for the distinct combinations of route, hour
and length, and eight bytes for each latency.
"""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from linearity.contracts.canonical import Json
from linearity.errors import RejectedInputError

SUMMED = ("requests", "prompt_tokens", "response_tokens", "tokens", "time", "cost")
MICROSECONDS = 1_000_000
BILLIONTHS = 1_000_000_000
QUANTILES = {"p50": 50, "p90": 90, "p99": 99}
LENGTHS = 12
"""Bins of prompt length: below 16 tokens, then by powers of two, the last from 16,384."""
HOURS = 24
MOST_ROUTES = 1000
NO_ROUTE = ""
"""The route of a request that names none."""

_FIRST_BIN_BITS = 4
_Cells = dict[tuple[str, int, int], list[int]]


class LoggedRequest(NamedTuple):
    """One request, in the units of this module.

    Parameters
    ----------
    route : str
    moment : float or None
        Seconds since 1970, UTC.
    hour : int or None
        Hour of the local day, 0 to 23.
    prompt_tokens, response_tokens : int
    latency : int or None
        Microseconds.
    cost : int or None
        Billionths of the currency.
    estimated : bool
        Whether a count of tokens was estimated from characters.
    has_prompt : bool
        Whether the prompt is known as text.
    """

    route: str
    moment: float | None
    hour: int | None
    prompt_tokens: int
    response_tokens: int
    latency: int | None
    cost: int | None
    estimated: bool
    has_prompt: bool


@dataclass(frozen=True)
class Share:
    """A route's part of a measure.

    Parameters
    ----------
    route : str
    value : int
    share, cumulative : float
        In [0, 1]; of this route, and of it with all larger ones.
    """

    route: str
    value: int
    share: float
    cumulative: float


class Load:
    """Sums that grow request by request."""

    def __init__(self) -> None:
        # (route, hour or -1, length) -> requests, prompt, response, time, cost
        self._cells: _Cells = {}
        self._latencies: dict[str, array[int]] = {}
        self._prompts: Counter[str] = Counter()
        self._known: Counter[str] = Counter()
        self._first, self._last = math.inf, -math.inf

    def add(self, request: LoggedRequest) -> None:
        """Count one request.

        Raises
        ------
        RejectedInputError
            If the log has more routes than anybody has: then the column is not a route.
        """
        route = request.route
        if route not in self._latencies:
            self._begin(route)
        hour = -1 if request.hour is None else request.hour
        key = (route, hour, length_bin(request.prompt_tokens))
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = [0, 0, 0, 0, 0]
        cell[0] += 1
        cell[1] += request.prompt_tokens
        cell[2] += request.response_tokens
        if request.latency is not None:
            cell[3] += request.latency
            self._latencies[route].append(request.latency)
        self._count(request, cell)

    def _count(self, request: LoggedRequest, cell: list[int]) -> None:
        if request.cost is not None:
            cell[4] += request.cost
            self._known["cost"] += 1
        if request.estimated:
            self._known["estimated"] += 1
        if request.has_prompt:
            self._prompts[request.route] += 1
        if request.moment is not None:
            self._known["timestamp"] += 1
            self._first = min(self._first, request.moment)
            self._last = max(self._last, request.moment)

    def _begin(self, route: str) -> None:
        if len(self._latencies) >= MOST_ROUTES:
            raise RejectedInputError(
                f"the column of routes has more than {MOST_ROUTES:,} different values",
                reason="too_many_routes",
                next_step="Choose a column that names the route or task, or none.",
                limit=MOST_ROUTES,
            )
        self._latencies[route] = array("q")

    def summary(self) -> dict[str, Json]:
        """Return the totals as plain values, routes in descending order of requests.

        Returns
        -------
        dict
            ``totals``, ``routes`` (each with totals, latency quantiles in microseconds and totals
            by length), ``hours`` (24, empty without timestamps), ``lengths`` (12), and how many
            requests ``known`` says a time, cost or moment for. ``time`` is in microseconds,
            ``cost`` in billionths.
        """
        hours, lengths, dated = self._by(1), self._by(2), self._known["timestamp"] > 0
        own = self._by(0)
        names = sorted(own, key=lambda name: (-_sum(own[name].values())["requests"], name))
        return {
            "totals": _sum(self._cells.values()),
            "latency": quantiles(_joined(self._latencies.values())),
            "routes": [self._route(str(name), own[name]) for name in names],
            "hours": [_sum(hours[hour].values()) for hour in range(HOURS)] if dated else [],
            "lengths": [_sum(lengths[length].values()) for length in range(LENGTHS)],
            "known": {
                "time": sum(len(values) for values in self._latencies.values()),
                "cost": self._known["cost"],
                "timestamp": self._known["timestamp"],
                "prompt": self._prompts.total(),
                "estimated": self._known["estimated"],
            },
            "first": moment_text(self._first),
            "last": moment_text(self._last),
        }

    def _by(self, place: int) -> dict[str | int, _Cells]:
        groups: defaultdict[str | int, _Cells] = defaultdict(dict)
        for key, cell in self._cells.items():
            groups[key[place]][key] = cell
        return groups

    def _route(self, name: str, cells: _Cells) -> dict[str, Json]:
        by_length: list[list[list[int]]] = [[] for _ in range(LENGTHS)]
        for (_, _, length), cell in cells.items():
            by_length[length].append(cell)
        return {
            "route": name,
            **_sum(cells.values()),
            "prompts": self._prompts[name],
            "timed": len(self._latencies[name]),
            "latency": quantiles(self._latencies[name]),
            "lengths": [_sum(group) for group in by_length],
        }


def length_bin(tokens: int) -> int:
    """Return the bin of a prompt of `tokens` tokens, 0 to 11."""
    return min(max(tokens.bit_length() - _FIRST_BIN_BITS, 0), LENGTHS - 1)


def length_range(number: int) -> tuple[int, int | None]:
    """Return the first and last number of tokens of a bin; the last bin has no end."""
    low = 0 if number == 0 else 1 << (number + _FIRST_BIN_BITS - 1)
    return low, None if number == LENGTHS - 1 else (1 << (number + _FIRST_BIN_BITS)) - 1


def quantiles(latencies: Sequence[int]) -> dict[str, Json]:
    """Return p50, p90 and p99 by nearest rank: the smallest value that p % do not exceed.

    Every quantile is a latency that occurred (numpy's method ``inverted_cdf``); None without any.
    """
    ordered = sorted(latencies)
    n = len(ordered)
    return {
        name: ordered[(percent * n + 99) // 100 - 1] if n else None
        for name, percent in QUANTILES.items()
    }


def pareto(routes: Sequence[Mapping[str, Json]], measure: str) -> list[Share]:
    """Return the routes by their part of a measure, the largest first, with the running sum.

    Parameters
    ----------
    routes : sequence of mapping
        ``routes`` of a summary.
    measure : str
        A name of `SUMMED`.
    """
    values = [(_whole(row, measure), str(row["route"])) for row in routes]
    values.sort(key=lambda item: (-item[0], item[1]))
    total = sum(value for value, _ in values)
    shares, running = [], 0
    for value, route in values:
        running += value
        shares.append(Share(route, value, _part(value, total), _part(running, total)))
    return shares


def measures_known(summary: Mapping[str, Json]) -> list[str]:
    """Return the measures of which the log says something, in their usual order."""
    totals = summary["totals"]
    known = summary["known"]
    assert isinstance(totals, Mapping)
    assert isinstance(known, Mapping)
    absent = {name for name in ("time", "cost") if not known[name]}
    absent |= {name for name in ("prompt_tokens", "response_tokens") if not totals[name]}
    order = ("requests", "tokens", "prompt_tokens", "response_tokens", "time", "cost")
    return [name for name in order if name not in absent]


def moment_text(moment: float) -> str | None:
    """Return seconds since 1970 as ISO 8601 in UTC, None for an infinite one."""
    if not math.isfinite(moment):
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def _whole(row: Mapping[str, Json], measure: str) -> int:
    value = row[measure]
    assert isinstance(value, int)
    return value


def _part(value: int, total: int) -> float:
    return value / total if total else 0.0


def _joined(parts: Iterable[Sequence[int]]) -> Sequence[int]:
    return array("q", (value for part in parts for value in part))


def _sum(cells: Iterable[Sequence[int]]) -> dict[str, int]:
    sums = [0, 0, 0, 0, 0]
    for cell in cells:
        sums = [a + b for a, b in zip(sums, cell, strict=True)]
    requests, prompt, response, time, cost = sums
    return {
        "requests": requests,
        "prompt_tokens": prompt,
        "response_tokens": response,
        "tokens": prompt + response,
        "time": time,
        "cost": cost,
    }
