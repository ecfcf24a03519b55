"""From the exchanges of some rounds to the timings of one load."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from linearity.contracts.exchanges import Burst, Exchange
from linearity.contracts.timings import (
    METRICS,
    SIDES,
    THROUGHPUT,
    LoadPoint,
    Requests,
    Timing,
)
from linearity.measure.speedups import speedup, spread

Round = Mapping[str, Burst]
"""What both sides answered to the same requests."""
STREAMED = ("first_token", "next_token", "gap")
"""Metrics that only a server tells that sends its answers token by token."""


@dataclass(frozen=True)
class LoadSums:
    """One load, measured.

    Parameters
    ----------
    point : LoadPoint
    pairs : int
        Rounds in which every request of both sides was answered.
    rounds : int
    pieces : dict of side to float
        Mean pieces an answer came in.
    client_share : float
        The largest share of a processor that the client took in a burst.
    """

    point: LoadPoint
    pairs: int
    rounds: int
    pieces: dict[str, float]
    client_share: float


def sum_up(
    concurrency: int, rounds: Sequence[Round], count_tokens: Callable[[str], int]
) -> LoadSums:
    """Return the numbers of one load.

    Parameters
    ----------
    concurrency : int
    rounds : sequence of Round
        At least one, each with a whole answer from both sides.
    count_tokens : callable
        Text to its tokens, where a server did not count them.

    Notes
    -----
    Spreads are over all answered requests of all rounds. A pair of values is made only of a round
    in which no request failed: a server that turns requests away is quick with the rest.
    """
    counted = [_counted(one, count_tokens) for one in rounds]
    whole = [one for one in counted if not any(_failures(one[side]) for side in SIDES)]
    pieces = {side: _pieces(counted, side) for side in SIDES}
    streamed = min(pieces.values()) > 1.0
    metrics = [name for name in METRICS if streamed or name not in STREAMED]
    timings = [_timing(name, counted, whole) for name in metrics]
    return LoadSums(
        point=LoadPoint(
            load=concurrency,
            timings=[timing for timing in timings if timing is not None],
            requests={side: _requests(counted, side) for side in SIDES},
        ),
        pairs=len(whole),
        rounds=len(rounds),
        pieces=pieces,
        client_share=max(one[side].client_share for one in rounds for side in SIDES),
    )


def _timing(metric: str, rounds: Sequence[Round], whole: Sequence[Round]) -> Timing | None:
    values = {side: [v for one in rounds for v in _values(metric, one[side])] for side in SIDES}
    if not all(values.values()):
        return None
    own = _pairs(metric, whole)
    return Timing(
        metric=metric,
        dense=spread(values["dense"]),
        changed=spread(values["changed"]),
        pairs=own,
        speedup=speedup(metric, own["dense"], own["changed"]),
    )


def _pairs(metric: str, whole: Sequence[Round]) -> dict[str, list[float]]:
    """Return each round's own value of both sides; one without a time on a side has none."""
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    for one in whole:
        values = {side: list(_values(metric, one[side])) for side in SIDES}
        middle = {side: median(told) if told else 0.0 for side, told in values.items()}
        if all(middle.values()):
            for side in SIDES:
                found[side].append(middle[side])
    return found


def _values(metric: str, burst: Burst) -> Iterator[float]:
    answered = [exchange for exchange in burst.exchanges if not exchange.failure]
    if metric == THROUGHPUT:
        if answered:
            yield sum(exchange.output_tokens or 0 for exchange in answered) / burst.seconds
        return
    for exchange in answered:
        yield from _times(metric, exchange)


def _times(metric: str, exchange: Exchange) -> Iterator[float]:
    if metric == "first_token":
        yield exchange.first_token
    elif metric == "next_token":
        if (value := exchange.per_token) is not None:
            yield value
    elif metric == "gap":
        yield from (after - before for before, after in pairwise(exchange.pieces))
    else:
        yield exchange.whole


def _counted(one: Round, count_tokens: Callable[[str], int]) -> Round:
    return {side: replace(burst, exchanges=tuple(
        exchange if exchange.failure or exchange.output_tokens is not None
        else replace(exchange, output_tokens=count_tokens(exchange.text))
        for exchange in burst.exchanges
    )) for side, burst in one.items()}  # fmt: skip


def _failures(burst: Burst) -> int:
    return sum(bool(exchange.failure) for exchange in burst.exchanges)


def _pieces(rounds: Sequence[Round], side: str) -> float:
    """Return the mean pieces of answers that have more than one token."""
    found = [
        len(exchange.pieces)
        for one in rounds
        for exchange in one[side].exchanges
        if (exchange.output_tokens or 0) > 1
    ]
    return sum(found) / len(found) if found else 0.0


def _requests(rounds: Sequence[Round], side: str) -> Requests:
    exchanges = [exchange for one in rounds for exchange in one[side].exchanges]
    answered = [exchange for exchange in exchanges if not exchange.failure]
    failures = [exchange.failure for exchange in exchanges if exchange.failure]
    return Requests(
        sent=len(exchanges),
        completed=len(answered),
        failed={name: failures.count(name) for name in sorted(set(failures))},
        prompt_tokens=sum(exchange.prompt_tokens or 0 for exchange in answered),
        output_tokens=sum(exchange.output_tokens or 0 for exchange in answered),
    )
