"""A running server as the study sees it: bursts of requests with a fixed number under way."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from linearity.adapters.serving.address import Address
from linearity.adapters.serving.line import Line, clock
from linearity.contracts.exchanges import SILENT, Ask, Burst, Exchange

PATHS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}
WATCH_SECONDS = 0.1
PAUSE_SECONDS = 0.25
"""Behind a 429, before the same connection asks again."""
MOST_SILENT, MOST_REFUSED = 3, 10
"""Failures in a row at which a burst is given up; at least as many as requests side by side."""

Check = Callable[[int], None]


@dataclass(frozen=True)
class Manner:
    """How a server is asked.

    Parameters
    ----------
    endpoint : "completions" | "chat"
    model : str
        The name that requests carry.
    answers_as : str or None
        The name that answers carry.
    counts_usage : bool
        Whether it takes ``stream_options``.
    ignores_end : bool
        Whether it takes ``ignore_eos``, so that answers have the length that is asked for.
    """

    endpoint: str
    model: str
    answers_as: str | None = None
    counts_usage: bool = True
    ignores_end: bool = True

    def body(self, ask: Ask) -> bytes:
        """Return the JSON of one request: greedy, streamed, of a given length."""
        value: dict[str, Any] = {
            "model": self.model,
            "max_tokens": ask.output_tokens,
            "temperature": 0.0,
            "stream": True,
        }
        if self.endpoint == "chat":
            value["messages"] = [{"role": m.role, "content": m.content} for m in ask.messages]
        else:
            value["prompt"] = ask.text
        if self.counts_usage:
            value["stream_options"] = {"include_usage": True}
        if self.ignores_end:
            value["ignore_eos"] = True
        return json.dumps(value).encode()


class RunningServer:
    """Asks one server, in one manner; connections are kept between bursts.

    Parameters
    ----------
    address : Address
    manner : Manner
    seconds : float
        How long one request may take.
    """

    def __init__(self, address: Address, manner: Manner, seconds: float) -> None:
        self._address, self.manner, self._seconds = address, manner, seconds
        self._lines: list[Line] = []

    def burst(self, asks: Sequence[Ask], concurrency: int, check: Check) -> Burst:
        """Send `asks` with `concurrency` under way, the next as soon as one ends.

        `check` is called often with the number that are done; what it raises ends the burst.
        """
        while len(self._lines) < concurrency:
            self._lines.append(Line(self._address, self._seconds))
        work = _Work(asks, self._lines[:concurrency], self.manner)
        return work.done(check)

    def close(self) -> None:
        """Let go of all connections."""
        for line in self._lines:
            line.close()
        self._lines.clear()


class _Work:
    """One burst: threads that take the next request, and a watch that ends what hangs."""

    def __init__(self, asks: Sequence[Ask], lines: Sequence[Line], manner: Manner) -> None:
        self._bodies = [manner.body(ask) for ask in asks]
        self._path, self._model = PATHS[manner.endpoint], manner.answers_as
        self._lines = lines
        self._found: dict[int, Exchange] = {}
        self._next, self._in_a_row, self._broken = 0, 0, ""
        self._lock, self._stop, self._begin = Lock(), Event(), Event()

    def done(self, check: Check) -> Burst:
        threads = [Thread(target=self._ask, args=(line,), daemon=True) for line in self._lines]
        for thread in threads:
            thread.start()
        started, processor = clock(), time.process_time()
        self._begin.set()
        try:
            self._watch(threads, check)
        except BaseException:
            self._give_up(threads)
            raise
        seconds = clock() - started
        share = (time.process_time() - processor) / max(seconds, 1e-9)
        found = tuple(self._found[k] for k in sorted(self._found))
        return Burst(found, seconds, share, self._broken)

    def _watch(self, threads: Sequence[Thread], check: Check) -> None:
        for thread in threads:
            while thread.is_alive():
                thread.join(WATCH_SECONDS)
                check(len(self._found))
                self._cut_overdue()

    def _cut_overdue(self) -> None:
        now = clock()
        for line in self._lines:
            if line.is_overdue(now) or self._broken:
                line.cut()

    def _give_up(self, threads: Sequence[Thread]) -> None:
        self._stop.set()
        for line in self._lines:
            line.cut()
        for thread in threads:
            thread.join(WATCH_SECONDS)

    def _ask(self, line: Line) -> None:
        self._begin.wait()
        while (index := self._take()) is not None:
            exchange, _ = line.stream(self._path, self._bodies[index], self._model)
            self._keep(index, exchange)
            if exchange.failure == "status_429":
                self._stop.wait(PAUSE_SECONDS)

    def _take(self) -> int | None:
        with self._lock:
            if self._stop.is_set() or self._next >= len(self._bodies):
                return None
            self._next += 1
            return self._next - 1

    def _keep(self, index: int, exchange: Exchange) -> None:
        with self._lock:
            self._found[index] = exchange
            self._in_a_row = self._in_a_row + 1 if exchange.failure else 0
            most = MOST_SILENT if exchange.failure in SILENT else MOST_REFUSED
            if exchange.failure and self._in_a_row >= max(most, len(self._lines)):
                self._broken = self._broken or exchange.failure
                self._stop.set()
