"""Two sets of prompts that follow the real use of a log: which requests go where.

Every route gets its part of the documents by largest remainder, so that the mix is right to
rounding; within a route, so does every bin of prompt length. Within a bin the texts with the
smallest keys are taken, a key being a hash of seed and text: no random state, and the same
choice in every process. A text is taken at most once, wherever it occurs: of several with one
text the first request counts, so no text is in both sets.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from linearity.business.load import LENGTHS
from linearity.contracts.canonical import Json
from linearity.contracts.logs import SIDES


def allocate(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Share out `total` in proportion to whole weights by largest remainder.

    Parameters
    ----------
    total : int
        At least 0.
    weights : mapping of str to int
        At least 0 each. Where all are 0, nothing is shared out.

    Returns
    -------
    dict
        Whole numbers that sum to `total` and differ from the exact part by less than 1. Of equal
        remainders the larger weight, then the first name, is served first.
    """
    whole = sum(weights.values())
    if whole == 0:
        return dict.fromkeys(weights, 0)
    parts = {name: total * weight // whole for name, weight in weights.items()}
    order = sorted(weights, key=lambda n: (-(total * weights[n] % whole), -weights[n], n))
    for name in order[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def fill_up(wanted: int, weights: Sequence[int], available: Sequence[int]) -> list[int]:
    """Share out `wanted` over bins by weight, never more than is there.

    What a bin cannot give is shared out over the others, until nothing is left to give.

    Returns
    -------
    list of int
        Sums to `wanted`, or to all that is available if that is less.
    """
    taken = [0] * len(weights)
    while (left := wanted - sum(taken)) > 0:
        # A bin without weight serves only when no other can.
        open_ = [i for i, there in enumerate(available) if there > taken[i]]
        weighted = [i for i in open_ if weights[i] > 0] or open_
        if not weighted:
            break
        parts = allocate(left, {f"{i:03}": max(weights[i], 1) for i in weighted})
        for name, part in parts.items():
            i = int(name)
            taken[i] += min(part, available[i] - taken[i])
    return taken


@dataclass(frozen=True)
class Shortage:
    """A route with fewer different texts than its part of each set.

    Parameters
    ----------
    route : str
    wanted, found : int
        Documents of each set.
    """

    route: str
    wanted: int
    found: int


@dataclass(frozen=True)
class Split:
    """Which requests were chosen, by their place in the log.

    Parameters
    ----------
    sides : dict of int to str
        "calibration" or "evaluation" by place.
    shortages : tuple of Shortage
    """

    sides: dict[int, str]
    shortages: tuple[Shortage, ...]


@dataclass
class _Bin:
    """The texts of one route and length with the smallest keys, as a heap of the largest."""

    room: int
    seen: int = 0
    kept: list[tuple[int, int]] = field(default_factory=list)  # (-key, place)

    def offer(self, key: int, place: int) -> None:
        self.seen += 1
        if len(self.kept) < self.room:
            heapq.heappush(self.kept, (-key, place))
        elif self.room and -key > self.kept[0][0]:
            heapq.heapreplace(self.kept, (-key, place))


class WeightedDraw:
    """Draws both sets in one pass over a log."""

    def __init__(self, routes: Sequence[Mapping[str, Json]], documents: int, weight: str) -> None:
        """Begin a draw.

        Parameters
        ----------
        routes : sequence of mapping
            ``routes`` of a summary; those without any prompt text take no part.
        documents : int
            Of each of the two sets.
        weight : "requests" | "tokens" | "time"
        """
        rows = {str(row["route"]): row for row in routes if row["prompts"]}
        self.wanted = allocate(documents, {name: _whole(row, weight) for name, row in rows.items()})
        self._weights = {name: _by_length(row, weight) for name, row in rows.items()}
        self._bins: dict[tuple[str, int], _Bin] = {}
        self._texts: set[int] = set()

    def offer(self, route: str, length: int, key: int, place: int) -> None:
        """Consider one request.

        Parameters
        ----------
        route : str
        length : int
            Bin of its prompt.
        key : int
            Hash of seed and text; equal for equal texts.
        place : int
            Which request of the log it is.
        """
        if key in self._texts:
            return
        self._texts.add(key)
        own = self._bins.get((route, length))
        if own is None:
            # Both sets could lie in this bin, if the others cannot give.
            own = self._bins[route, length] = _Bin(room=2 * self.wanted.get(route, 0))
        own.offer(key, place)

    def split(self) -> Split:
        """Return what was chosen."""
        sides: dict[int, str] = {}
        shortages = []
        for route, wanted in self.wanted.items():
            bins = [self._bins.get((route, length)) for length in range(LENGTHS)]
            # Each set takes one of two neighbours, so half of what is there can be given.
            available = [0 if bin_ is None else len(bin_.kept) // 2 for bin_ in bins]
            taken = fill_up(wanted, self._weights[route], available)
            for bin_, each in zip(bins, taken, strict=True):
                if bin_ is not None and each:
                    sides |= _dealt(bin_, each)
            if sum(taken) < wanted:
                shortages.append(Shortage(route, wanted, sum(taken)))
        return Split(sides, tuple(shortages))


def _dealt(bin_: _Bin, each: int) -> dict[int, str]:
    """Deal the smallest keys to both sides in turn."""
    chosen = sorted(bin_.kept, reverse=True)[: 2 * each]
    return {place: SIDES[turn % 2] for turn, (_, place) in enumerate(chosen)}


def _by_length(row: Mapping[str, Json], weight: str) -> list[int]:
    lengths = row["lengths"]
    assert isinstance(lengths, list)
    return [_whole(cell, weight) for cell in lengths]


def _whole(row: Mapping[str, Json], name: str) -> int:
    value = row[name]
    assert isinstance(value, int)
    return value
