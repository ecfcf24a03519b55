"""One kept-alive connection to a server. One thread asks; another may cut it at any time."""

import contextlib
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from linearity.adapters.serving.address import Address
from linearity.adapters.serving.stream import NO_STREAM, AnswerStream, StreamError
from linearity.contracts.exchanges import STATUS, Exchange

PIECE_BYTES = 1 << 16
MOST_BYTES = 64 << 20
"""Of one answer, at most."""
DRAIN_SECONDS = 1.0
clock = time.perf_counter


@dataclass(frozen=True)
class Answered:
    """A whole answer that is no stream.

    Parameters
    ----------
    status : int
    headers : mapping
        Names in lower case.
    body : bytes
        At most as much as was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # Any: whatever a server sends
        """Return the body as plain values, None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Line:
    """A connection that is opened on first use and again when it was lost.

    Parameters
    ----------
    address : Address
    seconds : float
        How long one request may take in all. `is_overdue` tells a watching thread, which then
        calls `cut`; a socket that is silent for so long ends by itself.
    """

    def __init__(self, address: Address, seconds: float) -> None:
        self._address, self._seconds = address, seconds
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._began = float("inf")
        self._was_cut = False

    def stream(self, path: str, body: bytes, model: str | None) -> tuple[Exchange, AnswerStream]:
        """Send one request and read its stream to the end; a failure is part of the answer."""
        answer = AnswerStream(model)
        self._was_cut = False
        pieces: list[float] = []
        started = self._began = clock()
        may_stay = False
        try:
            response, started = self._sent("POST", path, body)
            failure = _refusal(response.status) or self._read(response, answer, pieces)
            may_stay = not failure and response.isclosed() and not response.will_close
        except (HTTPException, OSError) as error:
            failure = self._lost(error)
        finally:
            self._began = float("inf")
        if not may_stay:
            self.close()  # what may still come would be taken for the next answer
        return _exchange(started, pieces, answer, failure), answer

    def fetch(self, method: str, path: str, body: bytes | None, most_bytes: int) -> Answered:
        """Return a whole answer.

        Raises
        ------
        OSError, HTTPException
            If there is none.
        """
        self._was_cut = False
        self._began = clock()
        try:
            response, _ = self._sent(method, path, body)
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answered(response.status, headers, response.read(most_bytes))
        finally:
            self._began = float("inf")
            self.close()

    def is_overdue(self, now: float) -> bool:
        """Whether a request has taken longer than it may."""
        return now - self._began > self._seconds

    def cut(self) -> None:
        """End whatever waits on the connection; safe from another thread."""
        self._was_cut = True
        if (open_socket := self._socket) is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._socket = None

    def _sent(self, method: str, path: str, body: bytes | None) -> tuple[HTTPResponse, float]:
        """Return the response to a request and when that was sent.

        A kept connection may have been ended by the server meanwhile: once more on a new one.
        """
        was_kept = self._connection is not None
        try:
            return self._send(method, path, body)
        except (ConnectionError, HTTPException):
            self.close()
            if not was_kept or self._was_cut:
                raise
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: bytes | None) -> tuple[HTTPResponse, float]:
        if self._connection is None:
            self._connection = self._address.connection(self._seconds)
            self._connection.connect()
            self._socket = self._connection.sock
            self._socket.settimeout(self._seconds)
        started = clock()
        self._connection.request(
            method, self._address.prefix + path, body=body, headers=self._address.headers
        )
        return self._connection.getresponse(), started

    def _read(self, response: HTTPResponse, answer: AnswerStream, pieces: list[float]) -> str:
        """Read a stream to its end; return the failure, empty if there is none."""
        total = 0
        try:
            while data := response.read1(PIECE_BYTES):
                now = clock()
                total += len(data)
                pieces += [now] * answer.feed(data)
                if total > MOST_BYTES:
                    return NO_STREAM
                if answer.is_over:
                    self._drain(response)
                    break
        except StreamError as error:
            return error.failure
        return "timeout" if self._was_cut else _ending(answer, pieces, total)

    def _drain(self, response: HTTPResponse) -> None:
        """Read what stands behind the last event, for a moment only: it may be left open."""
        open_socket = self._socket
        assert open_socket is not None
        open_socket.settimeout(DRAIN_SECONDS)
        with contextlib.suppress(OSError, HTTPException):
            response.read1(PIECE_BYTES)
        open_socket.settimeout(self._seconds)

    def _lost(self, error: Exception) -> str:
        if self._was_cut or isinstance(error, TimeoutError):
            return "timeout" if self._socket is not None or self._was_cut else "unreachable"
        return "unreachable" if self._socket is None else "disconnected"


def _ending(answer: AnswerStream, pieces: list[float], total: int) -> str:
    if not answer.finished:
        # A body without a single event is another protocol, not an answer cut short.
        is_stream = bool(pieces) or bool(answer.named) or total == 0
        return "disconnected" if is_stream else NO_STREAM
    return "" if pieces else "empty"


def _exchange(started: float, pieces: list[float], answer: AnswerStream, failure: str) -> Exchange:
    if failure:
        return Exchange(started, failure=failure)
    counted = answer.output_tokens is not None
    return Exchange(
        started,
        tuple(pieces),
        answer.prompt_tokens,
        answer.output_tokens,
        "" if counted else "".join(answer.text),
    )


def _refusal(status: int) -> str:
    return "" if status == HTTPStatus.OK else f"{STATUS}{status}"
