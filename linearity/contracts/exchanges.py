"""One question to a running server and what came back, as the clock of the client saw it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from linearity.contracts.inputs import Message

STATUS = "status_"
"""What stands before the number of an HTTP status that is not 200."""

FAILURES: Mapping[str, str] = {
    "unreachable": "it cannot be reached",
    "timeout": "it did not finish in time",
    "disconnected": "it ended the connection before the answer was whole",
    "server_error": "it said within the answer that it failed",
    "not_openai": "what it sends is no stream of an OpenAI-compatible server",
    "other_model": "it answered for another model",
    "empty": "its answer held no token",
    "status_401": "it wants another key (HTTP 401)",
    "status_403": "it wants another key (HTTP 403)",
    "status_404": "it knows no such model or path (HTTP 404)",
    "status_429": "it has too many requests (HTTP 429)",
}
"""Why a request counts as failed, for people; any other status is named by its number."""

SILENT = frozenset({"unreachable", "timeout", "disconnected"})
"""Failures of a server that may be gone."""


def told(failure: str) -> str:
    """Return a failure in words."""
    return FAILURES.get(failure, f"it answered HTTP {failure.removeprefix(STATUS)}")


@dataclass(frozen=True)
class Ask:
    """One request: a conversation, or a text to be continued, and how long the answer shall be.

    Parameters
    ----------
    text : str
        For ``/v1/completions``.
    messages : tuple of Message
        For ``/v1/chat/completions``.
    output_tokens : int
    """

    text: str = field(repr=False)
    messages: tuple[Message, ...] = field(repr=False)
    output_tokens: int


@dataclass(frozen=True)
class Exchange:
    """What one request brought.

    Parameters
    ----------
    started : float
        Seconds of a monotonic clock, when the request was sent.
    pieces : tuple of float
        When each piece that held text arrived, ascending.
    prompt_tokens, output_tokens : int or None
        As the server counted them, where it says.
    text : str
        The answer, kept only where the server counted nothing.
    failure : str
        A key of `FAILURES`, or ``status_`` and a number; empty for a whole answer.
    """

    started: float
    pieces: tuple[float, ...] = ()
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    text: str = field(default="", repr=False)
    failure: str = ""

    @property
    def first_token(self) -> float:
        """Seconds until the first piece: TTFT."""
        return self.pieces[0] - self.started

    @property
    def whole(self) -> float:
        """Seconds until the last piece: the end-to-end latency."""
        return self.pieces[-1] - self.started

    @property
    def per_token(self) -> float | None:
        """Seconds a token behind the first one: TPOT; None for an answer of one token."""
        if self.output_tokens is None or self.output_tokens < 2:
            return None
        return (self.whole - self.first_token) / (self.output_tokens - 1)


@dataclass(frozen=True)
class Burst:
    """Some requests that were sent with a fixed number under way.

    Parameters
    ----------
    exchanges : tuple of Exchange
        In the order of the requests; shorter where the burst was given up.
    seconds : float
        From the first request to the end of the last.
    client_share : float
        Processor time of this process over `seconds`; near 1 the client itself is the limit.
    broken : str
        Why it was given up, as a failure of an exchange; empty otherwise.
    """

    exchanges: tuple[Exchange, ...]
    seconds: float
    client_share: float
    broken: str = ""
