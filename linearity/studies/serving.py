"""The kind `speed` against two running servers: rounds that ask both sides the same, by turns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Protocol

from linearity.contracts.exchanges import Ask, Burst, told
from linearity.contracts.runs import RunWarning
from linearity.contracts.served import ServedParams
from linearity.contracts.timings import SIDES, LoadPoint
from linearity.errors import EndpointError
from linearity.ports import Progress
from linearity.studies.served_asks import Asks
from linearity.studies.served_sums import LoadSums, Round, sum_up
from linearity.studies.served_warnings import served_warnings


class Server(Protocol):
    """A running server that can be asked."""

    def burst(self, asks: Sequence[Ask], concurrency: int, check: Callable[[int], None]) -> Burst:
        """Ask, with `concurrency` requests under way; `check` hears how many are done."""


@dataclass(frozen=True)
class ServedMeasurement:
    """All numbers of a run, before a result is made of them."""

    points: list[LoadPoint]
    warnings: list[RunWarning]


def measure_served(
    servers: Mapping[str, Server],
    asks: Asks,
    params: ServedParams,
    progress: Progress,
    *,
    count_tokens: Callable[[str], int],
) -> ServedMeasurement:
    """Measure both servers at every load.

    Parameters
    ----------
    servers : dict of "dense" | "changed" to Server
    asks : Asks
        Taken round by round, and from the beginning again where they end.
    params : ServedParams
    progress : Progress
    count_tokens : callable
        Text to its tokens, where a server did not count them.

    Raises
    ------
    EndpointError
        If a server fails so often in a row that it cannot be measured.
    """
    meter = _Meter(params, progress)
    left = cycle(asks.asks)
    sums: list[LoadSums] = []
    for concurrency in params.concurrency:
        rounds = list(_rounds(servers, left, params, concurrency, meter))
        sums.append(sum_up(concurrency, rounds[params.warmup :], count_tokens))
    warnings = served_warnings(sums, asks, params)
    return ServedMeasurement([one.point for one in sums], warnings)


def _rounds(
    servers: Mapping[str, Server],
    left: Iterator[Ask],
    params: ServedParams,
    concurrency: int,
    meter: "_Meter",
) -> Iterator[Round]:
    """Yield what both sides answered, round by round; who is asked first changes every time."""
    for number in range(params.warmup + params.pairs):
        asks = list(islice(left, params.requests_at(concurrency)))
        order = SIDES if number % 2 == 0 else SIDES[::-1]
        found: dict[str, Burst] = {}
        for side in order:
            found[side] = servers[side].burst(asks, concurrency, meter.heard)
            _check_answered(found[side], side, concurrency)
            meter.add(len(asks))
        yield found


def _check_answered(burst: Burst, side: str, concurrency: int) -> None:
    """Refuse to go on with a server that answers nothing."""
    failures = [exchange.failure for exchange in burst.exchanges if exchange.failure]
    if not burst.broken and len(failures) < len(burst.exchanges):
        return
    reason = burst.broken or failures[-1]
    raise EndpointError(
        f"the {side} server cannot be measured with {concurrency} requests side by side: "
        f"{len(failures)} of {len(burst.exchanges)} failed, the last because {told(reason)}",
        side=side,
        failure=reason,
        concurrency=concurrency,
        failed={name: failures.count(name) for name in sorted(set(failures))},
        next_step=_NEXT_STEPS.get(reason, "Look at the log of that server, then run this again."),
    )


_NEXT_STEPS = {
    "status_429": "Use fewer requests side by side (concurrency), or raise the server's limit.",
    "timeout": "See whether the server still runs; a slow one needs a longer timeout, or fewer "
    "requests side by side.",
}


class _Meter:
    """Says how many of all requests are done."""

    def __init__(self, params: ServedParams, progress: Progress) -> None:
        rounds = params.warmup + params.pairs
        self._total = 2 * rounds * sum(map(params.requests_at, params.concurrency))
        self._done, self._progress = 0, progress
        self.heard(0)

    def heard(self, under_way: int) -> None:
        done = min(self._done + under_way, self._total)
        self._progress.step(done, self._total, "requests", done / self._total)

    def add(self, requests: int) -> None:
        self._done += requests
        self.heard(0)
